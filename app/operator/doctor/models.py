"""The language models: each one, and each fallback, is asked for a word."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping

from langchain_core.messages import HumanMessage

from app.brain.billing import Bill, DraftAccount, Price
from app.brain.faults import REMEDIES, Trouble
from app.brain.inquiry import Inquiry
from app.brain.models import WORDLESS, chat_model
from app.domain.character import Character, ModelConfig
from app.domain.errors import ConfigurationError
from app.gateway.secrets import model_keys
from app.operator.doctor.findings import Finding, fault, fine

AREA = "models"
FEW = 16
"""Tokens of the answer: less is refused by some providers."""
QUESTION = "Say: ok"


def look_at_models(character: Character, timeout: float) -> Iterator[Finding]:
    """Ask each model of a character once, with the keys of this environment. It costs
    what a few tokens cost."""
    bot, config = character.name, character.model
    if config is None:
        yield fine(AREA, f"{bot}: no model, the offline voice speaks")
        return
    keys = model_keys(bot)
    for name in (config.model, *(one.model for one in config.fallbacks)):
        yield _look_at(bot, name, config, keys, timeout)


def _look_at(
    bot: str, name: str, config: ModelConfig, keys: Mapping[str, str], timeout: float
) -> Finding:
    brief = config.model_copy(update={"max_tokens": FEW})
    try:
        model = chat_model(name, brief, keys, timeout)
    except ConfigurationError as error:
        return fault(AREA, f"{bot}: {name} cannot be made", str(error))
    if model is None:
        needed = f"STREAM_KEY_{name.partition(':')[0].upper()}"
        remedy = f"set {needed} for the gateway (here: to be asked from here)"
        return fault(AREA, f"{bot}: {name} has no key", remedy)
    inquiry = Inquiry(
        model=model,
        name=name,
        bot=bot,
        messages=[HumanMessage(QUESTION)],
        bill=Bill(DraftAccount(), len(QUESTION), FEW),
        price=Price(0.0, 0.0),
        until=time.monotonic() + timeout,
    )
    found = inquiry.ask()
    # Who answers without a word within so few tokens is there.
    if not isinstance(found, Trouble) or found.fault in WORDLESS:
        return fine(AREA, f"{bot}: {name} answers")
    detail = ", ".join(str(part) for part in (found.status, found.code) if part)
    what = f"{bot}: {name}: {found.fault}"
    return fault(AREA, f"{what} ({detail})" if detail else what, REMEDIES[found.fault])
