"""What one bot thinks with, built once per bot and process; safe to share between
cycles."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import structlog

from app.brain.embeddings import LangChainEncoder, shared_encoder
from app.brain.interest import InterestVectors
from app.brain.models import Speaker, speaker
from app.brain.voice import OfflineVoice
from app.domain.character import Character
from app.domain.errors import ConfigurationError
from app.domain.settings import Settings
from app.rules.plan import PlanThresholds

log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Brain:
    """A character, its voice and its models. `speaker` is None where the offline voice
    alone speaks."""

    character: Character
    encoder: LangChainEncoder
    interests: InterestVectors
    voice: OfflineVoice
    speaker: Speaker | None = None
    backfill_ms: int = 900_000
    """Autonomous triggers older than this are stale."""
    election_ms: int = 120_000
    """After this an election can no longer grant a message."""
    thresholds: PlanThresholds = field(default_factory=PlanThresholds)


def build_brain(
    character: Character,
    api_keys: Mapping[str, str],
    settings: Settings,
    encoder: LangChainEncoder | None = None,
) -> Brain:
    """The brain of a bot. `api_keys` maps provider to key. Where its model cannot be
    made, the offline voice speaks."""
    encoder = encoder or shared_encoder()
    try:
        models = speaker(
            character.model, api_keys, settings.model_timeout, character.name
        )
    except ConfigurationError as error:
        log.error(
            "no model, the offline voice speaks", bot=character.name, reason=str(error)
        )
        models = None
    interests = InterestVectors(character, encoder)
    return Brain(
        character=character,
        encoder=encoder,
        interests=interests,
        voice=OfflineVoice(character=character, encoder=encoder, interests=interests),
        speaker=models,
        backfill_ms=int(settings.backfill_age * 1000),
        election_ms=int(settings.election_max_age * 1000),
    )
