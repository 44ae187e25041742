"""What a model answered, read as strictly as possible and as kindly as necessary."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from app.brain.reasoning import full_sentences, stripped

MAX_RAW = 20_000
"""Characters of a model's answer that are looked at; a longer one is garbage."""
MAX_THOUGHT = 400_000
"""Characters of an answer and the reasoning before it."""
STARTS = 8
"""Braces at which an object is looked for: small models write a remark before it."""

_FENCE = re.compile(
    r"\A```(?:json|text|txt|plaintext|markdown|md)?[ \t]*\n(.*?)\n?\s*(?:```)?\Z",
    re.DOTALL | re.IGNORECASE,
)
_OURS = re.compile(r"[\"'](?:action|text|emoji)[\"']\s*:")
_UNENDED = re.compile(r"\"text\"\s*:\s*\"((?:[^\"\\]|\\.)*)\Z", re.DOTALL)
_ALIASES = ("reply", "response", "message", "content", "answer")
"""Where models that forget the form put their words."""


class Reply(BaseModel):
    """The structured answer that every model is asked for."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    action: Literal["reply", "react", "observe"] = "reply"
    text: str = Field(default="", max_length=MAX_RAW)
    emoji: str = Field(default="", max_length=32)


def parse(content: str) -> Reply | None:
    """The first JSON object of ours outside all reasoning, as a Reply. Plain prose is
    a reply too; else None."""
    if len(content) > MAX_THOUGHT:
        return None
    # Halves of surrogate pairs, which JSON may hold, can be neither validated nor sent.
    content = content.encode("utf-8", "replace").decode("utf-8").strip()
    # A whole object is read before tags are taken off: one that only stands in its text
    # must not tear it.
    found = _whole_reply(content)
    if found is None:
        found = _outside_thoughts(unfenced(stripped(content)))
    return (
        found.model_copy(update={"text": unfenced(stripped(found.text))})
        if found is not None
        else None
    )


def unfenced(content: str) -> str:
    """`content` without a code fence around the whole of it; code in a language keeps
    its own."""
    match = _FENCE.match(content)
    return match.group(1).strip() if match is not None else content.strip("\n ")


def _whole_reply(content: str) -> Reply | None:
    if not content.startswith("{") or len(content) > MAX_RAW:
        return None
    try:
        return _valid_reply(json.loads(content, strict=False))
    except (ValueError, RecursionError):
        return None


def _outside_thoughts(content: str) -> Reply | None:
    if not content or len(content) > MAX_RAW:
        return None
    found = next(_find_objects(content), None) or _cut_off_reply(content)
    return found if found is not None else _plain_prose(content)


def _find_objects(content: str) -> Iterator[Reply]:
    decoder = json.JSONDecoder(strict=False)
    for match in list(re.finditer(r"\{", content))[:STARTS]:
        try:
            found = _valid_reply(decoder.raw_decode(content, match.start())[0])
        # ValueError: broken JSON, a shape that is not ours, or a number too long for
        # Python to read.
        except (ValueError, RecursionError):
            continue
        if found is not None:
            yield found


def _valid_reply(found: Any) -> Reply | None:
    """A JSON value as a Reply, or None where it has no field of ours. Raises ValueError
    for a wrong one."""
    if not isinstance(found, dict):
        return None
    known: Mapping[str, Any] = {
        key: value for key, value in found.items() if value is not None
    }
    if not known.keys() & Reply.model_fields.keys():
        words = next(
            (known[key] for key in _ALIASES if isinstance(known.get(key), str)), None
        )
        known = {"text": words} if words is not None else {}
    return Reply.model_validate(known) if known else None


def _cut_off_reply(content: str) -> Reply | None:
    """The full sentences of an object that was cut off within its text."""
    match = _UNENDED.search(content)
    # The text of an `observe` is a remark to us, not an answer to the channel.
    if match is None or '"observe"' in content[: match.start()]:
        return None
    # The cut may have gone through an escape.
    body = re.sub(r"\\(?:u[0-9a-fA-F]{0,3})?\Z", "", match.group(1))
    try:
        words = full_sentences(
            json.loads(f'"{body}"', strict=False)
            .encode("utf-8", "replace")
            .decode("utf-8")
        )
    except ValueError:
        return None
    return Reply(text=words) if words else None


def _plain_prose(content: str) -> Reply | None:
    """Plain words; None for what was meant to be JSON."""
    if content.startswith("{") or _OURS.search(content):
        return None
    # Prose may begin with a bracket; a list of JSON was meant for a program.
    if content.startswith("["):
        try:
            json.loads(content)
        except (ValueError, RecursionError):
            pass
        else:
            return None
    words = content if "```" in content else content.strip("`\n ")
    return Reply(text=words) if words else None
