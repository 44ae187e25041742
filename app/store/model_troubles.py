"""Models that gave no usable answer lately: for an operator's eyes. Nothing is decided
by them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import NamedTuple

from app.domain import terms
from app.store import keys
from app.store.calls import Call, Reply, command


class ModelTrouble(NamedTuple):
    """What is wrong with a bot's model; `at` is Unix seconds."""

    bot: str
    model: str
    fault: str
    """In words: key refused."""
    remedy: str
    at: float


def note(trouble: ModelTrouble) -> Call[bool]:
    """Keep it until the model answers again, or for a day."""
    key = keys.model_trouble(trouble.bot, trouble.model)
    text = json.dumps(trouble._asdict(), ensure_ascii=False)
    return command("SET", key, text, "PX", terms.MODEL_TROUBLE_TTL, parse=bool)


def over(bot: str, model: str) -> Call[bool]:
    """The model answers."""
    return command("DEL", keys.model_trouble(bot, model), parse=bool)


def read(names: Sequence[str]) -> Call[tuple[ModelTrouble, ...]]:
    """The troubles that these keys hold; what nobody could have written is left out."""

    def parse(reply: Reply) -> tuple[ModelTrouble, ...]:
        found = []
        for text in reply:
            try:
                found.append(ModelTrouble(**json.loads(text or "")))
            # TypeError: an object whose fields are not these.
            except (ValueError, TypeError):
                continue
        return tuple(found)

    return command("MGET", *names, parse=parse)
