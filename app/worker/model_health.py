"""What a worker tells the operator of its bots' models: a dead one is seen in `status`,
`why` and `doctor`, not in the log alone."""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import suppress

from app.brain.faults import REMEDIES, Trouble
from app.brain.models import KEYLESS, Speaker
from app.domain.character import Character
from app.domain.errors import StoreUnavailable
from app.store import model_troubles
from app.store.door import Store
from app.store.model_troubles import ModelTrouble

SAY_AGAIN = 30.0
"""Seconds after which what is known already is written again: another worker may have
seen it otherwise."""


class ModelHealth:
    """Shared by a worker's threads. A store that is away is no trouble of a model."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._said: dict[tuple[str, str], tuple[str, float]] = {}

    def note_call(self, bot: str, model: str, trouble: Trouble | None) -> None:
        """A model was asked; None: it answered."""
        if trouble is None:
            self._say(bot, model, "", "")
            return
        detail = ", ".join(str(part) for part in (trouble.status, trouble.code) if part)
        fault = f"{trouble.fault} ({detail})" if detail else str(trouble.fault)
        self._say(bot, model, fault, REMEDIES[trouble.fault])

    def built(
        self, character: Character, speaker: Speaker | None, keys: Mapping[str, str]
    ) -> None:
        """A bot's models were made; those that were left out are in trouble at once,
        before anybody asks them."""
        config = character.model
        if config is None:
            return
        made = () if speaker is None else speaker.names
        for model in (config.model, *(one.model for one in config.fallbacks)):
            if model in made:
                continue
            provider = model.partition(":")[0]
            if provider in keys or provider in KEYLESS:
                remedy = f"pip install the-stream[{provider}], where workers run"
                self._say(character.name, model, "cannot be made", remedy)
            else:
                remedy = f"set STREAM_KEY_{provider.upper()} for its gateway"
                self._say(character.name, model, "no key", remedy)

    def _say(self, bot: str, model: str, fault: str, remedy: str) -> None:
        now = time.monotonic()
        known, at = self._said.get((bot, model), ("?", 0.0))
        if known == fault and now - at < SAY_AGAIN:
            return
        call = (
            model_troubles.note(ModelTrouble(bot, model, fault, remedy, time.time()))
            if fault
            else model_troubles.over(bot, model)
        )
        # Only what Redis took counts as said; the rest is told with the next call.
        with suppress(StoreUnavailable):
            self._store.run(call)
            self._said[bot, model] = (fault, now)
