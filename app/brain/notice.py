"""What a person is told who has reached a limit. No model is asked: it is said once a
day."""

from __future__ import annotations

from app.domain.model import InboxEntry

_WORDS = {
    "hour": "You have asked me a lot within the hour. Give me a little while, then I answer again.",
    "day": "I have answered you a lot today, and others want to ask too. Let us go on tomorrow.",
}


def notice(entry: InboxEntry) -> str:
    """The line for an entry that is answered by a notice; empty for any other."""
    return _WORDS.get(entry.notice, "")
