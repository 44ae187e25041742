"""`the-stream reload`: a bot's gateway reads its character file again."""

from __future__ import annotations

import time
import uuid
from collections.abc import Mapping
from typing import Any

from app.domain.character import load_character, names_of_files
from app.domain.errors import CharacterError, StreamError, UnknownBot
from app.domain.settings import Settings
from app.operator.doctor.processes import signs_of_life
from app.operator.ops import open_store
from app.store import reloads
from app.store.door import Store
from app.store.heartbeats import ProcessRole

PATIENCE = 15.0
"""Seconds that a gateway gets to answer: it looks every two."""
EVERY = 0.1


def reload(bot: str, settings: Settings, patience: float = PATIENCE) -> bool:
    """Apply a changed character file; returns whether anything had changed. Raises
    CharacterError with the file's one line; UnknownBot; StreamError where no gateway
    runs the bot, or none answers."""
    if bot in names_of_files(settings.characters_dir):
        # A broken file is told before anybody is asked, also where no gateway runs.
        load_character(bot, settings.characters_dir)
    with open_store(settings) as store:
        if _sign_of(store, bot) is None:
            raise _not_running(bot, settings)
        request = uuid.uuid4().hex
        store.run(reloads.ask(bot, request))
        until = time.monotonic() + patience
        while time.monotonic() < until:
            answer = (_sign_of(store, bot) or {}).get("reload")
            if isinstance(answer, dict) and answer.get("request") == request:
                if answer.get("error"):
                    raise CharacterError(str(answer["error"]))
                return bool(answer.get("changed"))
            time.sleep(EVERY)
    raise StreamError(
        f"{bot}: its gateway has not answered within {patience:.0f} s: look at its log."
    )


def _sign_of(store: Store, bot: str) -> Mapping[str, Any] | None:
    for sign in signs_of_life(store):
        if sign.role is ProcessRole.GATEWAY and sign.name == bot:
            return sign.facts
    return None


def _not_running(bot: str, settings: Settings) -> StreamError:
    known = names_of_files(settings.characters_dir)
    if bot not in known:
        return UnknownBot(
            f"No bot is named {bot[:40]!r}; known: {', '.join(known) or 'none'}"
        )
    return StreamError(
        f"{bot}: no gateway runs it. The file is in order, and is read when one starts."
    )
