"""What the rules make of lines, right or not: whom a line calls and speaks of, what it
does, whether it ends a thought, tells off or gives an order.

The lines are those of `calls.yaml`, as they are and with what people put around a name,
and whatever can be said in up to two words before or after one; of these, those that
call somebody.
`python -m tests.rules.heard_lines` writes `heard_lines.txt` anew; its diff is what a
change of the rules does to them. Which of them are right, `calls.yaml` says.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path

from app.domain.model import Addressing, Event, RosterEntry
from app.rules.addressing import addressing
from app.rules.moderation import find_order
from app.rules.reading import read
from app.rules.reception import tells_off
from app.rules.thoughts import called_words, openness
from tests.rules.calls import Row, rows

PAGE = Path(__file__).with_name("heard_lines.txt")
OTHER = "aria"
EVERY = 3
"""Of the lines, with each change of them: all would take long."""
SHORT = {
    "elena": (
        " ",
        ", . who my is you can what and hi it tell the reef said if aria me",
    ),
    "花子": ("", "、 。 さん は が ねえ あなた 教えて 元気 か 你 请 知道 リア"),
}
"""By name: how words are joined, and a word of each part in a sentence."""


def heard_lines() -> Iterator[str]:
    """Each line with what is made of it."""
    for place, row in enumerate(rows()):
        if place % EVERY == 0:
            for text in dict.fromkeys(_variants(row)):
                shown = text.replace("\n", "\\n")
                yield f"{_heard(row.name, text)} | {shown}"
    for name, (space, words) in SHORT.items():
        for text in _short_lines(name, space, words.split()):
            if bots := _addressing_of(name, text).bots:
                yield f"{''.join(bots)} | {text}"


def _short_lines(name: str, space: str, words: Sequence[str]) -> Iterator[str]:
    for count in range(3):
        for said in product(words, repeat=count):
            for line in ((name, *said), (*said, name)):
                yield from (space.join(line), f"{space.join(line)}?")


def _variants(row: Row) -> Iterator[str]:
    text, name = row.text, _as_written(row)
    yield text
    yield f"{text} please lol 😂"
    yield f"ok so. {text}"
    if name:
        yield text.replace(name, f"{name} and {OTHER}")
        yield text.replace(name, f"dr. {name}-san")
        yield text.replace(name, f"{name} or bob, {OTHER}")
        yield f"{text.replace(name, 'bob')}, {name}"
        yield f"{OTHER}, {text}"


def _as_written(row: Row) -> str:
    """The name as the line has it; empty: nowhere by itself."""
    at = row.text.lower().find(row.name.lower())
    return row.text[at : at + len(row.name)] if at >= 0 else ""


def _event(text: str) -> Event:
    return Event(
        message_id="100",
        channel_id="5",
        author_id="22",
        author_name="Ann",
        content=text,
    )


def _roster(name: str) -> tuple[RosterEntry, ...]:
    return (
        RosterEntry(bot="b", user_id="11", names=(name,)),
        RosterEntry(bot="c", user_id="12", names=(OTHER, "リア")),
    )


def _addressing_of(name: str, text: str) -> Addressing:
    return addressing(_event(text), _roster(name), people=("Bob",))


def _heard(name: str, text: str) -> str:
    """One line's outcome."""
    found = _addressing_of(name, text)
    reading = read(text)
    order = find_order(_event(text), _roster(name), lambda: True)
    open_ = openness(text, called_words([name, OTHER]))
    outcome = [
        f"calls {''.join(found.bots) or '-'}",
        f"of {''.join(sorted(found.spoken_of)) or '-'}",
        reading.kind.name.lower(),
        f"open {open_:g}",
    ]
    if found.somebody_else:
        outcome.append("to somebody else")
    if tells_off(reading):
        outcome.append("tells off")
    if order is not None:
        outcome.append(f"{order.verdict} {''.join(order.bots)}")
    return ", ".join(outcome)


if __name__ == "__main__":
    PAGE.write_text("\n".join((*heard_lines(), "")), encoding="utf-8")
