"""What must outlive an emptied Redis, and the mark by which a gateway sees that it was
emptied."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from app.store import keys
from app.store.calls import Call, Reply, command
from app.store.keys import Key
from app.store.scripts import script


class Look(NamedTuple):
    """What a gateway finds: the database's generation, and which of its bots the roster
    lacks."""

    generation: str
    missing: frozenset[str]


@script("generation.look")
def _look(*bots: str, generation: Key, roster: Key, proposal: str) -> None: ...


def look(proposal: str, bots: Sequence[str]) -> Call[Look]:
    """The generation of this database; `proposal` becomes it where there is none: Redis
    is new, or was emptied."""

    def parse(reply: Reply) -> Look:
        found, *missing = reply
        return Look(found, frozenset(missing))

    call = _look(
        *bots, generation=keys.GENERATION, roster=keys.ROSTER, proposal=proposal
    )
    return call.parsed(parse)


def mutes(scopes: Sequence[str]) -> Call[dict[str, str]]:
    """Mutes of these scopes that stand, by key: who muted."""
    names: list[str] = []
    for scope in scopes:
        names.append(keys.mute_by_operator(scope))
        names.append(keys.mute(scope))

    def parse(reply: Reply) -> dict[str, str]:
        by_key = dict(zip(names, reply, strict=True))
        return {name: who for name, who in by_key.items() if who}

    return command("MGET", *names, parse=parse)


def lasts(key: str) -> Call[int]:
    """Milliseconds that a mute still lasts; negative: until it is lifted, or it is
    gone."""
    return command("PTTL", key, parse=int)


def restore_mute(key: str, who: str, for_ms: int | None) -> Call[bool]:
    """Write a mute where none stands. StoreForbidden for an operator's, where the login
    may not write those."""
    expiry: tuple[str | int, ...] = () if for_ms is None else ("PX", for_ms)
    # NX: an old copy must not overwrite a mute that somebody set since.
    return command("SET", key, who, "NX", *expiry, parse=bool)


def spent(scope: str, day: int) -> Call[dict[str, str]]:
    """What a budget (a bot's name or `all`) has spent on a day since 1970."""
    return command("HGETALL", keys.budget(scope, day), parse=dict)


@script("budget.restore")
def _restore_budget(*counts: str, budget: Key) -> None: ...


def restore_budget(scope: str, day: int, counts: Mapping[str, str]) -> Call[int]:
    """Raise a budget's counts to these where they are lower."""
    flat: list[str] = []
    for name, count in counts.items():
        flat += (name, count)
    call = _restore_budget(*flat, budget=keys.budget(scope, day))
    return call.parsed(int)


def restore_opt_outs(digests: Sequence[str]) -> Call[int]:
    """Write again who wants no part in this (`wishes.digest`)."""
    return command("SADD", keys.OPTED_OUT, *digests, parse=int)


@script("forgotten.restore")
def _restore_forgotten(*marks: str, forgotten: Key) -> None: ...


def restore_forgotten(marks: Mapping[str, int]) -> Call[int]:
    """Write again up to when (Unix ms) what a person said is old, by digest."""
    flat: list[str] = []
    for digest, mark in marks.items():
        flat += (digest, str(mark))
    call = _restore_forgotten(*flat, forgotten=keys.FORGOTTEN)
    return call.parsed(int)
