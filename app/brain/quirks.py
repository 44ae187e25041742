"""What an endpoint does not take, learned from its refusals: left out or exchanged, and
remembered while the process runs."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from typing import Any

from langchain_core.language_models.chat_models import BaseChatModel

LARGER = 8
"""A limit that reasoning used up is raised to this many times itself."""
MOST_LIMIT = 8_192
_LIMITS = ("max_tokens", "num_predict", "max_output_tokens")
"""What LangChain's classes call the limit of an answer."""
_OTHER = {"max_tokens": "max_completion_tokens", "max_completion_tokens": "max_tokens"}


@dataclass(frozen=True, slots=True)
class Quirks:
    """How one model wants to be asked; the defaults change nothing."""

    temperature: bool = True
    limit: str = ""
    """The wire's name for the limit of an answer: "" as LangChain has it, `none` not
    sent."""
    streaming: bool = False
    most: int | None = None
    """Tokens of a larger limit."""

    def most_written(self, limit: int | None) -> int | None:
        """Tokens that an answer may hold, asked for with this limit; None: no limit is
        sent."""
        return None if self.limit == "none" else self.most or limit


_known: dict[tuple[str, ...], Quirks] = {}
_lock = threading.Lock()


def quirks_of(model: BaseChatModel) -> Quirks:
    """What this process has learned about the model."""
    with _lock:
        return _known.get(_model_key(model), Quirks())


def remember(model: BaseChatModel, quirks: Quirks) -> None:
    """Keep what made the model answer."""
    with _lock:
        if quirks != Quirks():
            _known[_model_key(model)] = quirks


def forget() -> None:
    """For tests: nothing was learned."""
    with _lock:
        _known.clear()


def refused(quirks: Quirks, parameter: str) -> Quirks | None:
    """How to ask without the parameter that was refused, or None where nothing is left
    to change."""
    if parameter == "temperature" and quirks.temperature:
        return replace(quirks, temperature=False)
    if parameter == "stream" and not quirks.streaming:
        return replace(quirks, streaming=True)
    if parameter in _OTHER and quirks.limit != "none":
        return replace(quirks, limit="none" if quirks.limit else _OTHER[parameter])
    return None


def larger(model: BaseChatModel, quirks: Quirks) -> Quirks | None:
    """How to ask with a larger limit, or None where it was raised before or is not
    sent."""
    name = _limit_field(model)
    limit = getattr(model, name) if name else None
    if (
        quirks.most is not None
        or quirks.limit == "none"
        or not isinstance(limit, int)
        or limit >= MOST_LIMIT
    ):
        return None
    return replace(quirks, most=min(MOST_LIMIT, limit * LARGER))


def adapted(model: BaseChatModel, quirks: Quirks) -> BaseChatModel:
    """The model, asked as its endpoint wants; it shares its client with the
    original."""
    changes: dict[str, Any] = {}
    name = _limit_field(model)
    limit = quirks.most or (getattr(model, name) if name else None)
    if not quirks.temperature:
        changes["temperature"] = None
    if quirks.streaming:
        changes["streaming"] = True
    if name and quirks.limit:
        changes[name] = None
        if quirks.limit != "none":
            # LangChain renames the limit as it likes; what stands in the extra body it
            # leaves alone.
            changes["extra_body"] = {
                **(getattr(model, "extra_body", None) or {}),
                quirks.limit: limit,
            }
    elif name and quirks.most is not None:
        changes[name] = limit
    known = {
        key: value for key, value in changes.items() if key in type(model).model_fields
    }
    return model.model_copy(update=known) if known else model


def _limit_field(model: BaseChatModel) -> str:
    return next((name for name in _LIMITS if name in type(model).model_fields), "")


def _model_key(model: BaseChatModel) -> tuple[str, ...]:
    names = ("model_name", "model", "openai_api_base", "base_url", "endpoint")
    return (type(model).__name__, *(str(getattr(model, name, "")) for name in names))
