"""What is known of one chunk of an entry without asking anybody."""

from __future__ import annotations

from app.delivery.rest import Found
from app.domain.model import ActionKind, OutboxEntry
from app.store.refusals import Barred


def reply_target(entry: OutboxEntry, chunk: int) -> str:
    """The message that a chunk replies to: the first one of a reply does, where Discord
    takes replies."""
    refers = (
        entry.kind is ActionKind.REPLY
        and chunk == 0
        and Barred.REFER not in entry.barred
    )
    return entry.reply_to or "" if refers else ""


def disproved_refusals(entry: OutboxEntry, chunk: int, how: str) -> tuple[Barred, ...]:
    """What a delivered chunk shows to be allowed."""
    if entry.kind is ActionKind.REACT:
        return (Barred.REACT,)
    refers = how == "post" and reply_target(entry, chunk)
    return (Barred.SEND, Barred.REFER) if refers else (Barred.SEND,)


def matches_chunk(post: Found, entry: OutboxEntry, chunk: int) -> bool:
    """Whether a post may be this chunk. Discord drops the reference when the trigger
    was deleted before the post, and an earlier attempt may have had one that this one
    goes without."""
    reference = entry.reply_to or "" if chunk == 0 else ""
    return post.reference in {reference, ""} and _plain_text(
        post.content
    ) == _plain_text(entry.chunks[chunk])


def _plain_text(text: str) -> str:
    return " ".join(text.split())
