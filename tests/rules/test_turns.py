"""People are answered in turn."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from app.domain.model import Event, InboxEntry, Signal
from app.rules.turns import in_turn, weight

DAY_MS = 24 * 60 * 60 * 1000


def entry(message: int, author: int, turn: int) -> InboxEntry:
    """A direct message."""
    event = Event(
        message_id=str(message), channel_id="5", author_id=str(author), author_name="x"
    )
    return InboxEntry(
        entry_id=f"{message}-0", event=event, signal=Signal.DIRECT, turn=turn
    )


def test_a_stranger_is_next_behind_forty_of_one() -> None:
    """Whoever wrote first is first; the stranger's only message comes before the
    flood's second."""
    flood = [entry(number, 1, number) for number in range(1, 41)]
    order = in_turn([*flood, entry(100, 2, 1)])
    assert [int(one.event.message_id) for one in order[:4]] == [1, 100, 2, 3]


@given(st.lists(st.tuples(st.integers(1, 4), st.integers(1, 6)), max_size=30))
def test_nobody_is_behind_more_than_one_message_of_another_a_turn(
    said: list[tuple[int, int]],
) -> None:
    """Nothing is lost; each person's messages stay in order; before a message of turn t
    nobody has more than t answered."""
    entries = [
        entry(number, author, turn) for number, (author, turn) in enumerate(said)
    ]
    order = in_turn(entries)
    assert sorted(order, key=lambda one: one.entry_id) == sorted(
        entries, key=lambda one: one.entry_id
    )
    for author in range(1, 5):
        own = [
            int(one.event.message_id)
            for one in order
            if one.event.author_id == str(author)
        ]
        assert own == sorted(own)


@given(st.lists(st.integers(1, 5), max_size=40))
def test_turns_as_admission_gives_them_are_round_robin(authors: list[int]) -> None:
    """With each person's messages numbered, before anybody's n-th message nobody's
    n+1-th is answered."""
    count: dict[int, int] = {}
    entries = []
    for number, author in enumerate(authors):
        count[author] = count.get(author, 0) + 1
        entries.append(entry(number, author, count[author]))
    turns = [one.turn for one in in_turn(entries)]
    assert turns == sorted(turns)


def test_newcomers() -> None:
    """A young account, and a new member with an old account, weigh twice; nobody does
    where the setting is 0."""
    now, old, young = 40 * DAY_MS, DAY_MS, 36 * DAY_MS

    def of(account_ms: int, member_ms: int = 0, days: float = 7) -> int:
        event = Event(
            message_id=str(now << 22),
            channel_id="5",
            author_id=str(account_ms << 22),
            author_name="x",
            member_since_ms=member_ms and 1_420_070_400_000 + member_ms,
        )
        return weight(event, days)

    assert (of(old), of(young), of(old, young), of(old, old)) == (1, 2, 2, 1)
    assert (of(33 * DAY_MS), of(33 * DAY_MS + 1)) == (1, 2), "at seven days of age"
    assert of(young, days=0) == 1
