"""What of a text is read for names, so that no message costs much more than another."""

from __future__ import annotations

from collections.abc import Collection, Iterator

READ = 360
"""Characters that are taken apart: a text as long as that is read whole, of a longer
one what follows."""
HEAD, TAIL = 160, 80
"""Its beginning and its end, where people call somebody."""
AROUND = 50
"""And so much before and after a name in between, as far as there is room: enough to
tell how it is used."""
HEAD_LINES, TAIL_LINES = 20, 10
"""Lines of it that are read: each line may be a call, and costs as much however short
it is."""


def excerpt(text: str, names: Collection[str]) -> str:
    """The parts of a text that are read, in order, each a line of its own. A name in
    between never stands at an edge: there it would look like a call."""
    if len(text) > READ:
        text = _shortened(text, names)
    return _few_lines(text)


def _few_lines(text: str) -> str:
    """The first and the last lines of a text that has too many."""
    lines = text.split("\n")
    if len(lines) <= HEAD_LINES + TAIL_LINES:
        return text
    return "\n".join(lines[:HEAD_LINES] + lines[-TAIL_LINES:])


def _shortened(text: str, names: Collection[str]) -> str:
    """The beginning, the end and what stands around names."""
    parts = [(0, HEAD)]
    room = READ - HEAD - TAIL
    last = len(text) - TAIL
    for begins, ends in sorted(_find_names(text, names, last)):
        before_start, before_end = parts[-1]
        start = max(begins - AROUND, before_end)
        end = min(ends + AROUND, last)
        room -= max(0, end - start)
        # Names beyond the room stay unread: a text of names must stay cheap.
        if room < 0:
            break
        if start == before_end:
            parts[-1] = (before_start, max(end, start))
        else:
            parts.append((start, end))
    parts.append((last, len(text)))
    return "\n".join(text[start:end] for start, end in parts)


def _find_names(
    text: str, names: Collection[str], last: int
) -> Iterator[tuple[int, int]]:
    """Where each name first stands in between. By `find`: an expression of all names is
    tried at every letter."""
    for name in names:
        at = text.find(name, HEAD, last)
        if at >= HEAD:
            yield at, at + len(name)
