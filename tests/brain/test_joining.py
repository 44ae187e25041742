"""Lines of one thought are one entry for the brain."""

from __future__ import annotations

from collections.abc import Sequence

from app.brain.joining import due_entries, join_lines, part_lines
from app.domain.model import EarlierLine, Event, InboxEntry, Signal


def entry(number: int, *earlier: int) -> InboxEntry:
    """A line that goes on with these."""
    return InboxEntry(
        entry_id=f"{number}-0",
        event=Event(
            message_id=str(number),
            channel_id="5",
            author_id="9",
            author_name="Anna",
            content=f"line {number}",
            earlier=tuple(
                EarlierLine(message_id=str(one), content=f"line {one}")
                for one in earlier
            ),
        ),
        signal=Signal.DIRECT,
    )


def shape(found: Sequence[InboxEntry]) -> list[tuple[str, list[str]]]:
    """Message ids, each with those joined to it."""
    return [
        (one.event.message_id, [line.event.message_id for line in one.joined])
        for one in found
    ]


def test_the_last_line_takes_those_before_it() -> None:
    """One entry for a thought, in its place; others stay by themselves."""
    read = [entry(1), entry(2), entry(3, 1), entry(4, 1, 3), entry(5)]
    assert shape(join_lines(read)) == [("2", []), ("4", ["1", "3"]), ("5", [])]


def test_a_line_that_was_read_back_late_is_joined_as_well() -> None:
    """It stands in the inbox after the line that goes on with it, and both have one
    answer."""
    read = [entry(1), entry(3, 1, 2), entry(2, 1), entry(5)]
    assert shape(join_lines(read)) == [("3", ["1", "2"]), ("5", [])]


def test_a_line_that_is_gone_is_not_missed() -> None:
    """What is not in the inbox cannot be joined, and nothing else is."""
    assert shape(join_lines([entry(3, 1), entry(4, 2)])) == [("3", []), ("4", [])]


def test_a_grant_is_answered_by_itself() -> None:
    """The floor that came with it would else be held for nothing."""
    read = [entry(1), entry(2, 1)]
    assert shape(join_lines(read, {"1"})) == [("1", []), ("2", [])]


def test_a_character_may_answer_each_line() -> None:
    """Without a wait nothing is joined, nor read with what came before."""
    parted = part_lines([entry(1), entry(2, 1)])
    assert [one.event.whole for one in parted] == ["line 1", "line 2"]


def waiting(number: int, until_ms: int, author: str = "9") -> InboxEntry:
    """A line that waits for its rest."""
    one = entry(number)
    event = one.event.model_copy(update={"author_id": author})
    return one.model_copy(update={"event": event, "after_ms": until_ms})


def test_who_begins_another_thought_has_ended_the_one_before() -> None:
    """An unfinished line waits for its rest, but not until what its author said later
    is answered; what others say ends nobody's wait."""

    def due(*entries: InboxEntry) -> list[str]:
        return [one.event.message_id for one in due_entries(entries, now_ms=1_000)]

    assert due(waiting(1, 1_500)) == []
    assert due(waiting(1, 1_500), entry(2)) == ["1", "2"]
    assert due(entry(1), waiting(2, 1_500)) == ["1"]
    assert due(waiting(1, 1_500, author="8"), entry(2)) == ["2"]
