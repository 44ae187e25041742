"""The line that is said when Discord refuses what a bot decided: AutoMod blocked the
words, or the reaction is not taken."""

from __future__ import annotations

import hashlib

from app.domain.character import Character, Mood, VoiceLine

LONGEST = 200
"""Characters. A short line: what Discord refuses once it may refuse again."""
_TENDER = frozenset({Mood.SAD, Mood.HONEST})
"""Moods that only a line of their own answers: never a joke to the sad, never an
evasion."""


def short_line(
    character: Character, mood: Mood, message_id: str, refused: str = ""
) -> str:
    """A line of the character's own that fits the mood and names nothing, the same for
    each try at one message; empty: it has none. `refused`: the words that it would
    stand in for, which hold none of it."""
    plain = [
        line for line in character.lines if _is_plain(line) and line.text not in refused
    ]
    fitting = [line.text for line in plain if line.mood is mood]
    if not fitting and mood not in _TENDER:
        fitting = [line.text for line in plain if line.mood in {None, Mood.SMALLTALK}]
    if not fitting:
        return ""
    # Python's `hash` differs between processes, and a second try must say the same.
    digest = hashlib.sha256(f"{character.name}|{message_id}".encode()).digest()
    return fitting[int.from_bytes(digest[:4], "big") % len(fitting)]


def _is_plain(line: VoiceLine) -> bool:
    return line.topic is None and "{" not in line.text and len(line.text) <= LONGEST
