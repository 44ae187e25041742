"""What one bot thinks with, built once per bot and process; safe to share between cycles."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field

from app.brain.embeddings import Encoder, shared_encoder
from app.brain.interest import Interests
from app.brain.models import Speaker, speaker
from app.brain.voice import OfflineVoice
from app.character import Character
from app.rules.plan import Thresholds
from app.settings import Settings

DAY_MS = 86_400_000
REMEMBERED = 60


class Uttered:
    """What the bot said in this process within a day, so that the offline voice does not repeat itself."""

    def __init__(self) -> None:
        self._lines: deque[tuple[int, str]] = deque(maxlen=REMEMBERED)
        self._lock = threading.Lock()

    def add(self, at_ms: int, text: str) -> None:
        """Remember a line said at `at_ms` (Unix)."""
        with self._lock:
            self._lines.append((at_ms, text))

    def since_yesterday(self, now_ms: int) -> tuple[str, ...]:
        """Lines of the last 24 hours, oldest first."""
        with self._lock:
            return tuple(text for at_ms, text in self._lines if now_ms - at_ms < DAY_MS)


@dataclass(frozen=True)
class Brain:
    """A character, its voice and its models. `speaker` is None where the offline voice alone speaks."""

    character: Character
    encoder: Encoder
    interests: Interests
    voice: OfflineVoice
    speaker: Speaker | None = None
    backfill_ms: int = 900_000
    """Autonomous triggers older than this are stale."""
    thresholds: Thresholds = field(default_factory=Thresholds)
    uttered: Uttered = field(default_factory=Uttered)


def build_brain(
    character: Character, api_keys: Mapping[str, str], settings: Settings, encoder: Encoder | None = None,
) -> Brain:
    """The brain of a bot. `api_keys` maps provider to key. Raises ConfigurationError for a model that cannot be made."""
    encoder = encoder or shared_encoder()
    return Brain(
        character=character,
        encoder=encoder,
        interests=Interests(character, encoder),
        voice=OfflineVoice(character=character, encoder=encoder),
        speaker=speaker(character.model, api_keys, settings.model_timeout),
        backfill_ms=int(settings.backfill_age * 1000),
    )
