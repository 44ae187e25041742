"""All that the doctor looks at, one after the other."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

from app.domain.character import (
    Character,
    load_character,
    load_characters,
    names_of_files,
)
from app.domain.errors import ConfigurationError, StreamError
from app.domain.settings import Settings, token_variable
from app.gateway.secrets import token_of
from app.operator.doctor import (
    discord_side,
    machine,
    models,
    processes,
    redis_server,
    vaults,
)
from app.operator.doctor.findings import Finding, fault, fine, warning
from app.operator.ops import open_store
from app.operator.status import troubles_of_models
from app.store.fitness import check_servers

LONGEST_MODEL = 15.0
"""Seconds that a model may take for a word."""


def examine_stream(
    settings: Settings, bots: Sequence[str] = (), ask_models: bool = True
) -> Iterator[Finding]:
    """Look at everything that these bots need; without names, every character's that
    has a token here. Raises ConfigurationError for an unknown bot."""
    known, broken = _load_characters(settings, bots)
    with_token = [one for one in known if os.environ.get(token_variable(one.name))]
    # Who names a bot wants to hear of its missing token too.
    chosen = known if bots else with_token
    yield machine.look_at_python()
    yield from machine.look_at_packages()
    yield machine.look_at_disk(settings.data_dir)
    yield from machine.look_at_variables(os.environ, _every_name(settings))
    yield from broken
    yield vaults.look_at_keys(settings)
    yield from _of_redis(settings, [one.name for one in chosen])
    yield from _of_discord(settings, chosen)
    if ask_models:
        timeout = min(LONGEST_MODEL, settings.model_timeout)
        for one in chosen:
            yield from models.look_at_models(one, timeout)


def _every_name(settings: Settings) -> tuple[str, ...]:
    """Of every character file: a token of each is no slip."""
    try:
        return names_of_files(settings.characters_dir)
    except ConfigurationError:
        return ()


def _load_characters(
    settings: Settings, bots: Sequence[str]
) -> tuple[list[Character], list[Finding]]:
    folder = settings.characters_dir
    if bots:
        return [load_character(bot, folder) for bot in bots], []
    try:
        found = load_characters(folder)
    except ConfigurationError as error:
        return [], [fault("characters", str(error), "`the-stream check` tells all")]
    names = ", ".join(found) or "none"
    return list(found.values()), [fine("characters", f"readable: {names}")]


def _of_redis(settings: Settings, bots: Sequence[str]) -> Iterator[Finding]:
    try:
        # The broker's too: without it all answers are late, and nothing else tells why.
        check_servers(settings)
    except StreamError as error:
        remedy = "look at the server, STREAM_REDIS_URL and STREAM_BROKER_URL"
        yield fault("redis", str(error), remedy)
        return
    try:
        with open_store(settings) as store:
            yield from redis_server.look_at_redis(store)
            yield from vaults.look_at_vaults(settings)
            yield from processes.look_at_processes(store, bots)
            for one in troubles_of_models(store):
                what = f"{one.bot}: a worker had no answer of {one.model}: {one.fault}"
                yield fault("models", what, one.remedy)
    except ConfigurationError:
        remedy = "`the-stream up` starts one, or set STREAM_REDIS_URL"
        yield warning("redis", "none is set, and no `up` runs here", remedy)
    except StreamError as error:
        yield fault("redis", str(error), "look at the server, and STREAM_REDIS_URL")


def _of_discord(settings: Settings, bots: Sequence[Character]) -> Iterator[Finding]:
    asked: list[tuple[Character, str]] = []
    for one in bots:
        try:
            asked.append((one, token_of(one.name)))
        except ConfigurationError as error:
            yield fault("discord", str(error), "docs/discord.md tells the way")
    if not bots:
        remedy = "export STREAM_TOKEN_<NAME> (docs/discord.md), or run this where the gateway runs"
        yield warning("discord", "no bot has a token here", remedy)
    if settings.dry_run:
        remedy = "unset STREAM_DRY_RUN when you have seen enough"
        yield warning("discord", "dry run: nothing is posted", remedy)
    if asked:
        yield from discord_side.look_at_bots(asked, settings)
