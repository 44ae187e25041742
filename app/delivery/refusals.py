"""What Discord's JSON error codes mean for a post or a reaction. docs/refusals.md is
made from `TABLE`.

Source: Discord's list of JSON error codes. Final is only what stands here as final:
anything else, above all the pages that a proxy before Discord answers with, may be gone
in a minute.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from app.domain.model import ActionKind, OutboxEntry
from app.store.refusals import Barred

NO_CODE = 0
"""The answer carries no code: an HTML page, or Discord's general error."""
UNKNOWN_MESSAGE = 10008
INVALID_FORM = 50035


class Act(StrEnum):
    """What was refused."""

    POST = "post"
    REACTION = "reaction"
    ANY = "any"


class RefusalVerdict(StrEnum):
    """What a refusal means for the entry."""

    FINAL = "final"
    RETRIED = "retried"
    CANCELLED = "cancelled"
    """Nobody's fault: what it was about is gone."""
    ADDRESS = "all wait"
    """The whole address is refused: every channel and bot of the process waits, then it
    is retried."""


class Way(StrEnum):
    """What is done instead."""

    NONE = ""
    PLAIN = "the same text, as no reply"
    WORDS = "a line instead of the reaction"
    OTHER = "another line"


class RefusalRule(NamedTuple):
    """One row. `barred`: what is remembered of the channel, None where the refusal says
    nothing of the next post. `about`: a field that Discord's message must name, where a
    code has several meanings."""

    status: int
    code: int
    meaning: str
    verdict: RefusalVerdict = RefusalVerdict.FINAL
    act: Act = Act.ANY
    barred: Barred | None = None
    way: Way = Way.NONE
    about: str = ""


TABLE: tuple[RefusalRule, ...] = (
    RefusalRule(404, 10003, "unknown channel", barred=Barred.SEND),
    RefusalRule(404, 10004, "unknown server", barred=Barred.SEND),
    RefusalRule(
        404, UNKNOWN_MESSAGE, "unknown message to reply to", act=Act.POST, way=Way.PLAIN
    ),
    RefusalRule(
        404,
        UNKNOWN_MESSAGE,
        "unknown message to react to",
        RefusalVerdict.CANCELLED,
        Act.REACTION,
    ),
    RefusalRule(404, 10013, "unknown user", barred=Barred.SEND),
    RefusalRule(400, 10014, "unknown emoji", act=Act.REACTION, way=Way.WORDS),
    RefusalRule(
        400, 20009, "explicit content", act=Act.POST, barred=Barred.LINE, way=Way.OTHER
    ),
    RefusalRule(
        400,
        30010,
        "most reactions reached",
        act=Act.REACTION,
        barred=Barred.EMOJI,
        way=Way.WORDS,
    ),
    RefusalRule(403, 40007, "banned from the server", barred=Barred.SEND),
    RefusalRule(400, 40058, "no posts directly in a forum", barred=Barred.SEND),
    RefusalRule(403, 50001, "no access to the channel", barred=Barred.SEND),
    RefusalRule(400, 50003, "not in a direct message channel"),
    RefusalRule(400, 50006, "empty message", act=Act.POST),
    RefusalRule(
        403, 50007, "direct messages are closed or blocked", barred=Barred.SEND
    ),
    RefusalRule(400, 50008, "no text in this channel", barred=Barred.SEND),
    RefusalRule(403, 50009, "verification level too high", barred=Barred.SEND),
    RefusalRule(403, 50013, "no permission to send", act=Act.POST, barred=Barred.SEND),
    RefusalRule(
        403,
        50013,
        "no permission to react",
        act=Act.REACTION,
        barred=Barred.REACT,
        way=Way.WORDS,
    ),
    RefusalRule(403, 50021, "not on a system message", way=Way.WORDS),
    RefusalRule(400, 50024, "wrong type of channel", barred=Barred.SEND),
    RefusalRule(
        400,
        INVALID_FORM,
        "invalid form: what it replies to",
        act=Act.POST,
        way=Way.PLAIN,
        about="message_reference",
    ),
    RefusalRule(400, INVALID_FORM, "invalid form: anything else"),
    RefusalRule(400, 50083, "the thread is archived", barred=Barred.SEND),
    RefusalRule(400, 50109, "invalid JSON"),
    RefusalRule(403, 50278, "no server in common", barred=Barred.SEND),
    RefusalRule(
        403,
        90001,
        "reaction blocked by the author",
        act=Act.REACTION,
        barred=Barred.EMOJI,
        way=Way.WORDS,
    ),
    RefusalRule(
        403,
        160002,
        "no reply without reading the history",
        act=Act.POST,
        barred=Barred.REFER,
        way=Way.PLAIN,
    ),
    RefusalRule(403, 160005, "the thread is locked", barred=Barred.SEND),
    RefusalRule(
        400,
        200000,
        "blocked by AutoMod",
        act=Act.POST,
        barred=Barred.LINE,
        way=Way.OTHER,
    ),
    RefusalRule(
        400,
        240000,
        "blocked as a harmful link",
        act=Act.POST,
        barred=Barred.LINE,
        way=Way.OTHER,
    ),
    RefusalRule(403, 40004, "sending is switched off for now", RefusalVerdict.RETRIED),
    RefusalRule(403, 40006, "feature is switched off for now", RefusalVerdict.RETRIED),
    RefusalRule(429, 40062, "service is limited", RefusalVerdict.RETRIED),
    RefusalRule(403, 40333, "Cloudflare blocks the request", RefusalVerdict.RETRIED),
    RefusalRule(503, 130000, "Discord is overloaded", RefusalVerdict.RETRIED),
    RefusalRule(403, NO_CODE, "HTML, as Cloudflare sends it", RefusalVerdict.ADDRESS),
    RefusalRule(
        429,
        NO_CODE,
        "HTML, as Cloudflare sends it, or a global limit",
        RefusalVerdict.ADDRESS,
    ),
    RefusalRule(404, NO_CODE, "HTML", RefusalVerdict.RETRIED),
    RefusalRule(413, NO_CODE, "HTML", RefusalVerdict.RETRIED),
    RefusalRule(502, NO_CODE, "HTML, as Cloudflare sends it", RefusalVerdict.RETRIED),
)
"""In the order of the codes, then what carries none. A code that is not here is
retried. Of rows with one code the first that fits counts."""


def find_refusal(code: int, text: str, reaction: bool) -> RefusalRule | None:
    """The row of a code, or None: it is not known. `text`: Discord's message with the
    fields that it refuses."""
    # Rows without a code are there for the docs: `address` and `failures` judge these.
    if code == NO_CODE:
        return None
    act = Act.REACTION if reaction else Act.POST
    known = (row for row in TABLE if row.code == code and row.act in {act, Act.ANY})
    return next((row for row in known if row.about in text), None)


def bars_channel(code: int) -> bool:
    """Whether a refusal to show a channel says that the bot can say nothing there
    either."""
    return any(
        row.code == code and row.act is Act.ANY and row.barred is Barred.SEND
        for row in TABLE
    )


def second_way_of(entry: OutboxEntry, chunk: int, way: Way) -> OutboxEntry | None:
    """The entry that takes the place of a refused one; None: there is no second way. A
    second way may have another, but not without end."""
    words = {"chunks": (entry.fallback,), "emoji": "", "fallback": ""}
    if way is Way.PLAIN and entry.kind is ActionKind.REPLY and chunk == 0:
        return entry.model_copy(update={"kind": ActionKind.POST})
    if way is Way.WORDS and entry.kind is ActionKind.REACT and entry.fallback:
        return entry.model_copy(update={"kind": ActionKind.REPLY, **words})
    # What follows the first piece is not replaced: half of an answer and then other
    # words are none.
    if way is Way.OTHER and chunk == 0 and entry.fallback:
        return entry.model_copy(update=words)
    return None
