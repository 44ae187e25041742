"""Splitting a text into Discord messages on natural boundaries."""

from __future__ import annotations

import re
import unicodedata

LIMIT = 2_000
"""Longest Discord message. Counted in UTF-16 units, the strictest of the ways in which
clients count."""

_FENCE = re.compile(r"^[ \t]*```([^\s`]*)", re.MULTILINE)
_BOUNDARIES = (
    re.compile(r"\n[ \t]*\n\s*"),
    re.compile(r"\n\s*"),
    re.compile(r"(?:(?<=[.!?…])|(?<=[.!?…][\"'”’)\]]))\s+"),
    re.compile(r"\s+"),
)
_CODE_BOUNDARIES = (re.compile(r"\n"), re.compile(r"\s"))
"""Inside a code fence: indentation is kept."""
_LEAST_FILL = 0.3
"""A boundary before this share of the room is not taken: crumbs read worse than a cut
sentence."""
_LONGEST_CLUSTER = 32
_JOINER = "\u200d"


def utf16_units(text: str) -> int:
    """Length in UTF-16 code units."""
    return len(text) + sum(character > "\uffff" for character in text)


def _fitting_end(text: str, start: int, room: int) -> int:
    """The largest end so that text[start:end] has at most `room` units."""
    end, used = start, 0
    while end < len(text):
        used += 2 if text[end] > "\uffff" else 1
        if used > room:
            return end
        end += 1
    return end


def _joins_previous(text: str, at: int) -> bool:
    """Whether text[at] belongs to the character before it."""
    if unicodedata.category(text[at]) in {"Mn", "Me", "Mc"}:
        return True
    if (
        text[at] == _JOINER
        or text[at - 1] == _JOINER
        or "\U0001f3fb" <= text[at] <= "\U0001f3ff"
    ):
        return True
    # Flags are pairs of letters: after an odd number of them a pair is open.
    flags = 0
    while flags < at and "\U0001f1e6" <= text[at - 1 - flags] <= "\U0001f1ff":
        flags += 1
    return "\U0001f1e6" <= text[at] <= "\U0001f1ff" and flags % 2 == 1


def _cut_piece(
    text: str, start: int, end: int, boundaries: tuple[re.Pattern[str], ...]
) -> tuple[int, int]:
    """Where the piece that begins at `start` ends, and where the next begins; both
    after `start`."""
    least = start + int((end - start) * _LEAST_FILL)
    for boundary in boundaries:
        # One character more: a space right after the last that fits is a boundary, too.
        last = None
        for match in boundary.finditer(text, start, min(end + 1, len(text))):
            if match.start() > least:
                last = match
        if last is not None:
            return last.start(), last.end()
    # No boundary: between two characters, but not inside an emoji or an accent.
    for at in range(end, max(start, end - _LONGEST_CLUSTER), -1):
        if not _joins_previous(text, at):
            return at, at
    # Marks piled up without end are cut: each piece must end somewhere.
    return end, end


def _open_fence(text: str, fence: str | None) -> str | None:
    """The language of the code fence that is open after `text` ("" for none named), or
    None."""
    for match in _FENCE.finditer(text):
        fence = match.group(1) if fence is None else None
    return fence


def split(text: str, limit: int = LIMIT) -> tuple[str, ...]:
    """`text` in pieces of 1 to `limit` units: by paragraph, line, sentence, word, else
    between characters.

    White space at a cut is dropped; a code fence is closed before and opened again
    after it. Blank text: no piece. Raises ValueError for a limit below 64, which leaves
    no room for the fences.
    """
    if limit < 64:
        raise ValueError("limit must be at least 64")
    # Half of a surrogate pair could not be sent as UTF-8: it is replaced here.
    text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace").strip()
    pieces: list[str] = []
    fence: str | None = None
    start = 0
    while start < len(text):
        # Cut short: a long name of a language would leave no room for the text.
        opening = "" if fence is None else f"```{fence[:20]}\n"
        room = limit - utf16_units(opening)
        end = _fitting_end(text, start, room)
        after = end
        if end < len(text):
            # A cut inside code needs room for the fence that closes it.
            most = _fitting_end(text, start, room - len("\n```"))
            inside = _open_fence(text[start:most], fence) is not None
            end, after = _cut_piece(
                text, start, most, _CODE_BOUNDARIES if inside else _BOUNDARIES
            )
        piece = (
            text[start:end].rstrip() if fence is None else text[start:end].strip("\n")
        )
        still = _open_fence(text[start:end], fence)
        if piece.strip():
            pieces.append(
                opening
                + piece
                + ("\n```" if still is not None and end < len(text) else "")
            )
        fence, start = still, after
    return tuple(pieces)
