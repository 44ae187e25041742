"""What a worker knows of a bot it serves: all of it read from the vault, kept in memory
for a short while."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial

from app.brain.brain import Brain, build_brain
from app.domain.character import Character, character_from_json
from app.domain.errors import StoreUnavailable, StreamError
from app.domain.places import NONE, Rules
from app.domain.settings import Settings
from app.runtime.logs import register_secret
from app.store import vault
from app.store.door import Store
from app.store.limits import Limits, limits_of
from app.store.vault import Vault
from app.worker.model_health import ModelHealth

FRESH_FOR = 2.0
"""Seconds that a worker trusts what it read: a rotated token is noticed within this
time. Reading costs one round trip."""
WARMED = 10
"""Bots whose subjects are read before the first task, some 50 ms each; those of more
bots are read when they are first asked."""


@dataclass(frozen=True)
class Served:
    """One bot, ready to be served."""

    character: Character
    brain: Brain
    token: str
    user_id: str
    limits: Limits

    def cooldown(self, settings: Settings, rules: Rules = NONE) -> float:
        """Seconds between autonomous actions: the place's, the character's own, or the
        setting."""
        if rules.cooldown is not None:
            return rules.cooldown
        own = self.character.pacing.cooldown
        return settings.cooldown if own is None else own

    def quiet_time(self, settings: Settings, rules: Rules = NONE) -> float:
        """Seconds of quiet after a post: the place's, the character's own, or the
        setting."""
        here = rules.quiet_time_of(self.character.pacing.quiet_time)
        return settings.quiet_time if here is None else here


@dataclass(frozen=True)
class Known:
    """What was read of a bot, when (monotonic), and what was made of it."""

    read_at: float
    parts: dict[str, str]
    secrets: dict[str, str] = field(repr=False)
    served: Served


class Bots:
    """The bots that this worker has met. VaultMissing or VaultKeyWrong come out of
    `get`; the bot is then dropped."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self._store = store
        self._settings = settings
        self._vault = Vault(settings.vault_keys)
        self._health = ModelHealth(store)
        self._lock = threading.Lock()
        self._building = threading.Lock()
        self._known: dict[str, Known] = {}

    def is_fresh(self, bot: str) -> bool:
        """Whether what is known of a bot was read a short while ago."""
        known = self._met(bot)
        return known is not None and time.monotonic() - known.read_at < FRESH_FOR

    def fresh(self, bot: str) -> Served | None:
        """The bot, where it was read a short while ago. Never blocks."""
        known = self._met(bot)
        return known.served if known is not None and self.is_fresh(bot) else None

    def get(self, bot: str, read: dict[str, str] | None = None) -> Served:
        """The bot as its gateway published it. `read`: its vault, where it was read
        just now."""
        known = self._met(bot)
        if known is not None and self.is_fresh(bot):
            return known.served
        try:
            parts = read if read is not None else self._store.run(vault.read(bot))
            # One thread builds, the others find what it built.
            with self._building:
                known = self._renewed(bot, parts, self._met(bot))
                with self._lock:
                    self._known[bot] = known
        # An absent Redis says nothing of the bot: what is known of it stays.
        except StoreUnavailable:
            raise
        # A bot whose vault no longer opens must not go on with an old token.
        except Exception:
            self.drop(bot)
            raise
        return known.served

    def warm(self, bots: Sequence[str]) -> None:
        """Build these before their first task, after a restart: the first person who
        asks must not wait for a model's client to be imported. A bot that cannot be
        built is reported when somebody asks it."""
        for place, bot in enumerate(bots):
            with suppress(StreamError):
                brain = self.get(bot).brain
                if place < WARMED:
                    brain.interests.warm()

    def drop(self, bot: str) -> None:
        """Forget a bot, so that the next use reads the vault again."""
        with self._lock:
            self._known.pop(bot, None)

    def _met(self, bot: str) -> Known | None:
        with self._lock:
            return self._known.get(bot)

    def _renewed(self, bot: str, parts: dict[str, str], known: Known | None) -> Known:
        """The bot is rebuilt only when something changed; each publication encrypts
        the same secrets differently."""
        now = time.monotonic()
        if known is not None and known.parts == parts:
            return replace(known, read_at=now)
        secrets = self._vault.open(bot, parts["secrets"], vault.plain_of(parts))
        if (
            known is not None
            and known.secrets == secrets
            and {**known.parts, "secrets": ""} == {**parts, "secrets": ""}
        ):
            return replace(known, read_at=now, parts=parts)
        return Known(now, parts, secrets, self._build(parts, secrets))

    def _build(self, parts: dict[str, str], secrets: dict[str, str]) -> Served:
        # Before anything is built: an error on the way may quote a key in the log.
        for value in secrets.values():
            register_secret(value)
        character = character_from_json(parts["profile"])
        api_keys = {name: value for name, value in secrets.items() if name != "token"}
        brain = build_brain(character, api_keys, self._settings)
        self._health.built(character, brain.speaker, api_keys)
        if brain.speaker is not None:
            brain.speaker.on_call = partial(self._health.note_call, character.name)
        return Served(
            character=character,
            brain=brain,
            token=secrets["token"],
            user_id=str(json.loads(parts["discord"])["user_id"]),
            limits=limits_of(character, self._settings),
        )
