"""Where something that a person told may be used: a table, one row a case."""

from __future__ import annotations

import pytest

from app.rules.privacy import Place, RecordKind, Use, may_use

FACT, LINE = RecordKind.FACT, RecordKind.LINE
PRIVATE, OTHER_PRIVATE = Place("1"), Place("2")
HERE, NEIGHBOUR, ELSEWHERE = Place("3", "g"), Place("4", "g"), Place("5", "h")


def test_a_channel_without_a_server_is_private() -> None:
    """Only one person reads along there."""
    assert PRIVATE.private
    assert not HERE.private


@pytest.mark.parametrize(
    ("kind", "told", "used", "use", "allowed"),
    [
        # What was told in private stays in that channel, and in the talk there.
        (FACT, PRIVATE, PRIVATE, Use.ANSWER, True),
        (LINE, PRIVATE, PRIVATE, Use.LEARNING, True),
        (FACT, PRIVATE, PRIVATE, Use.DIARY, False),
        (FACT, PRIVATE, PRIVATE, Use.OPENING, False),
        (FACT, PRIVATE, OTHER_PRIVATE, Use.ANSWER, False),
        (FACT, PRIVATE, HERE, Use.ANSWER, False),
        # A person's own words come back only where they were said.
        (LINE, HERE, HERE, Use.ANSWER, True),
        (LINE, HERE, HERE, Use.OPENING, True),
        (LINE, HERE, NEIGHBOUR, Use.ANSWER, False),
        (LINE, HERE, PRIVATE, Use.ANSWER, False),
        # A diary and a dream tell of a server to that server.
        (LINE, HERE, NEIGHBOUR, Use.DIARY, True),
        (LINE, HERE, NEIGHBOUR, Use.DREAM, True),
        (LINE, HERE, ELSEWHERE, Use.DIARY, False),
        # Facts may be used in the server where they were told.
        (FACT, HERE, NEIGHBOUR, Use.ANSWER, True),
        (FACT, HERE, NEIGHBOUR, Use.OPENING, True),
        (FACT, HERE, ELSEWHERE, Use.ANSWER, False),
        # In private a person meets their own facts, in talk alone.
        (FACT, HERE, PRIVATE, Use.ANSWER, True),
        (FACT, HERE, PRIVATE, Use.OPENING, False),
        (FACT, HERE, PRIVATE, Use.DREAM, False),
        (LINE, HERE, PRIVATE, Use.DREAM, False),
    ],
)
def test_where_it_may_be_used(
    kind: RecordKind, told: Place, used: Place, use: Use, allowed: bool
) -> None:
    """The person who told it is the one who is answered."""
    assert may_use(kind, told, used, use, about="ann", reader="ann") is allowed


def test_nobody_meets_the_facts_of_others_in_private() -> None:
    """What Ann told in a server is no matter of Bob's private talk."""
    found = may_use(FACT, HERE, PRIVATE, Use.ANSWER, about="ann", reader="bob")
    assert not found


@pytest.mark.parametrize(("reader", "allowed"), [("ann", True), ("bob", False)])
def test_a_person_is_shown_what_is_theirs(reader: str, allowed: bool) -> None:
    """Wherever it was told, in private too; to nobody else."""
    for told in (PRIVATE, HERE):
        found = may_use(LINE, told, ELSEWHERE, Use.SHOW, about="ann", reader=reader)
        assert found is allowed
