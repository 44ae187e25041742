"""One message of a language model, read: its words without its reasoning, what is wrong
with them, and what it cost."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from langchain_core.messages import AIMessage, BaseMessage

from app.brain import text
from app.brain.faults import Fault
from app.brain.reasoning import full_sentences, stripped
from app.brain.reply import Reply, parse
from app.brain.silence import is_refusal

BYTES_PER_TOKEN = 3
"""Low on purpose, so that an estimate holds more of the budget than the call will need.
In UTF-8: a token holds four letters of English and hardly more than one sign of
Chinese."""
BLOCK_TOKENS = 1_500
"""What a part of a prompt that is no text, such as an image, is taken for."""
UNLIMITED = 2_000
"""Tokens that an answer without a limit is taken for."""
MOST_WRITTEN = 200_000
"""No answer takes more tokens, reasoning included."""
ODD_TIMES = 2
"""Who counts so many times what an answer may hold ignores the limit, or tells what is
not true."""
OVERHEAD = 10_000
"""Tokens that a provider may add to a prompt by itself."""
_LENGTH = frozenset(
    {
        "length",
        "max_tokens",
        "max_output_tokens",
        "model_context_window_exceeded",
        "model_length",
    }
)
_FILTERED = frozenset(
    {
        "content_filter",
        "safety",
        "prohibited_content",
        "blocklist",
        "recitation",
        "guardrail_intervened",
        "content_filtered",
        "sensitive",
    }
)


@dataclass(frozen=True, slots=True)
class ReadAnswer:
    """What a model said. `reply`: the same in the form that it was asked for; None where
    it kept to no form. `fault`: why it cannot be used."""

    content: str
    reply: Reply | None = None
    fault: Fault | None = None


class Usage(NamedTuple):
    """Tokens read and written, as they are booked. `doubt`: what was odd about the
    provider's counts, or empty."""

    read: int
    wrote: int
    doubt: str = ""


def read_answer(message: BaseMessage) -> ReadAnswer:
    """The message's words, cut back to full sentences where the limit cut them off."""
    ended = _ended(message)
    content = stripped(written(message))
    # Whatever came before the filter: half of a filtered answer is none.
    if ended in _FILTERED:
        return ReadAnswer("", fault=Fault.FILTERED)
    if ended == "refusal" or message.additional_kwargs.get("refusal"):
        return ReadAnswer("", fault=Fault.REFUSED)
    if ended in _LENGTH:
        return _cut_back(content)
    if not content:
        called = isinstance(message, AIMessage) and (
            message.tool_calls or message.invalid_tool_calls
        )
        tools = called or ended in {"tool_calls", "tool_use"}
        return ReadAnswer("", fault=Fault.TOOLS if tools else Fault.EMPTY)
    found = parse(content)
    said = text.outgoing(found.text) if found is not None else ""
    if found is not None and found.action == "reply" and not text.visible(found.text):
        return ReadAnswer(content, found, Fault.EMPTY)
    return ReadAnswer(content, found, Fault.REFUSED if is_refusal(said) else None)


def written(message: BaseMessage) -> str:
    """The text of a message as it came, reasoning in tags included; blocks of other
    kinds are left out."""
    if isinstance(message.content, str):
        return message.content
    return "".join(_texts(message.content))


def size(messages: Sequence[BaseMessage]) -> int:
    """Tokens of a prompt, roughly and rather too many."""
    total = 0
    for message in messages:
        blocks = message.content if isinstance(message.content, list) else []
        others = sum(
            isinstance(block, dict) and not isinstance(block.get("text"), str)
            for block in blocks
        )
        total += tokens_of(written(message)) + others * BLOCK_TOKENS
    return total


def tokens_of(words: str) -> int:
    """Tokens of a text, roughly and rather too many."""
    return len(words.encode("utf-8", "replace")) // BYTES_PER_TOKEN


def used(message: BaseMessage, asked: int, limit: int | None) -> Usage:
    """What a call took. `asked` is the prompt's size by our estimate, `limit` the most
    that may be written.

    What a provider reports is taken where it can be true, also where it is odd: it may
    charge for it. Zero, nothing, and what no call can take count as the estimate.
    """
    usage = message.usage_metadata if isinstance(message, AIMessage) else None
    told = (
        (usage["input_tokens"], usage["output_tokens"]) if usage is not None else (0, 0)
    )
    read, wrote = told
    if not (
        _is_count(read)
        and asked * BYTES_PER_TOKEN // 100 <= read <= asked * BYTES_PER_TOKEN + OVERHEAD
    ):
        read = asked
    if not (_is_count(wrote) and wrote <= MOST_WRITTEN):
        # An answer that hit the limit may have spent it on reasoning that is not in its
        # words.
        most = limit if limit is not None else UNLIMITED
        wrote = (
            most
            if _ended(message) in _LENGTH
            else min(tokens_of(str(message.content)) + 1, most)
        )
    return Usage(read, wrote, _doubt(told, asked, limit))


def _doubt(told: tuple[object, object], asked: int, limit: int | None) -> str:
    """What is odd about a provider's counts, or empty. That it counts nothing is
    usual."""
    read, wrote = told
    if _above(read, asked * BYTES_PER_TOKEN + OVERHEAD):
        return f"it counts {read} tokens read of about {asked}: the estimate is booked"
    if _above(wrote, MOST_WRITTEN):
        return f"it counts {wrote} tokens written: the estimate is booked"
    if limit is not None and _above(wrote, ODD_TIMES * limit):
        return f"it counts {wrote} tokens written where {limit} were allowed"
    return ""


def _above(count: object, most: int) -> bool:
    return isinstance(count, int) and count > most


def _is_count(value: object) -> bool:
    return isinstance(value, int) and value > 0


def _cut_back(content: str) -> ReadAnswer:
    """An answer that the limit cut off: its full sentences, or what is whole of its
    object."""
    words = content if "{" in content else full_sentences(content)
    found = parse(words)
    if not words or ("{" in content and found is None):
        return ReadAnswer("", fault=Fault.CUT)
    return ReadAnswer(words, found)


def _texts(blocks: Sequence[object]) -> Iterator[str]:
    for block in blocks:
        if isinstance(block, str):
            yield block
        elif isinstance(block, dict) and block.get("type", "text") in {
            "text",
            "output_text",
        }:
            found = block.get("text")
            yield found if isinstance(found, str) else ""


def _ended(message: BaseMessage) -> str:
    """Why the model stopped, in small letters; each provider has a field of its own."""
    names = ("finish_reason", "stop_reason", "done_reason")
    found = (message.response_metadata.get(name) for name in names)
    return str(next((word for word in found if word), "")).lower()
