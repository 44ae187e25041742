"""Lines of one thought in the store: they wait together, one election is held for them,
one answer settles them all, and none vanishes without a word."""

from __future__ import annotations

from typing import Any

import pytest

from app.domain.lane import Lane
from app.domain.model import EarlierLine, Event, JournalLine
from app.domain.verdicts import Admit, Commit, Elect
from app.store import admission, commits, elections, floors, journal, keys, lanes
from app.store import thoughts as thoughts_store
from app.store.commits import Joined
from app.store.door import Store
from app.store.lanes import Begun
from tests.store import world
from tests.store.world import BOB, Cycle, World

LANE = Lane("aria", "55")
WAIT = 2_500


class Town:
    """A world with short names for what these tests do."""

    def __init__(self, store: Store) -> None:
        self.world = World(store, contention_window=0.25)
        self.store, self.asked = store, 0

    def said(self, *ids: str, **more: Any) -> Event:
        """The last of these lines, which goes on with the others."""
        earlier = tuple(
            EarlierLine(message_id=one, content=f"line {one}") for one in ids[:-1]
        )
        return world.event(ids[-1], earlier=earlier, **more)

    def admit(self, candidate: admission.AdmissionRequest) -> admission.Admission:
        self.world.tick()
        self.asked += 1
        request, limits = f"r{self.asked}", self.world.limits
        call = admission.admit(candidate, request, limits, self.world.settings)
        first = self.store.run(call)
        assert self.store.run(call) == first, "a repeated call returns its verdict"
        return first

    def direct(self, *ids: str, wait_ms: int = 0, **more: Any) -> admission.Admission:
        """Admit a line that speaks to aria."""
        said = self.said(*ids, **more)
        return self.admit(world.direct("aria", said, ("aria",), wait_ms=wait_ms))

    def bid(self, bot: str, *ids: str, **more: Any) -> admission.Admission:
        """Admit a line that speaks to nobody."""
        return self.admit(world.candidate(bot, self.said(*ids), expected=2, **more))

    def begin(self, lane: Lane = LANE, owner: str = "w") -> Begun:
        self.world.tick()
        assert self.world.lock(lane, owner)
        return self.store.run(lanes.begin(lane, owner))

    def due_in(self) -> float:
        """In how many ms the lane of aria is due."""
        due: Any = self.store.client.zscore(keys.WAKES_DUE, str(LANE))
        return round(self.world.when(float(due)) - self.world.tick())

    def lines(self, message: str) -> list[JournalLine]:
        return list(self.store.run(journal.read(message)))

    def elect(self, message: str) -> elections.Election:
        self.world.tick()
        return self.store.run(elections.decide(message, "55", self.world.settings))


def ripe(begun: Begun) -> list[str]:
    """The lines that may be answered now."""
    return [
        entry.event.message_id
        for entry in begun.entries
        if entry.after_ms <= begun.now_ms
    ]


def test_a_line_waits_for_the_rest_and_the_rest_ends_the_wait(store: Store) -> None:
    """A greeting waits; the point makes the lane due at once, with both lines."""
    town = Town(store)
    assert town.direct("1", wait_ms=WAIT).elect_in_ms == WAIT
    assert not town.begin().due
    assert 0 < town.due_in() <= WAIT
    town.direct("1", "2")
    begun = town.begin()
    assert ripe(begun) == ["1", "2"]
    assert begun.entries[1].event.whole == "line 1\nhello"


def test_a_further_unfinished_line_prolongs_the_wait_of_all(store: Store) -> None:
    """What came before waits with the latest line: no cycle answers a part."""
    town = Town(store)
    town.direct("1", wait_ms=WAIT)
    town.world.advance(2_000)
    town.direct("1", "2", wait_ms=WAIT)
    town.world.advance(1_000)
    assert not town.begin().due, "the first line alone would be due"
    assert 0 < town.due_in() <= WAIT
    town.world.advance(WAIT)
    assert ripe(town.begin()) == ["1", "2"]


def test_nobody_waits_for_somebody_elses_thought(store: Store) -> None:
    """A person who types without end holds up no other in the lane."""
    town = Town(store)
    town.direct("1", wait_ms=WAIT)
    town.direct("9", author=BOB)
    assert ripe(town.begin()) == ["9"]


def test_typing_prolongs_the_wait(store: Store) -> None:
    """While its author types the message is not answered, then it is."""
    town = Town(store)
    town.direct("1", wait_ms=WAIT)
    town.world.advance(2_000)
    for_ms = 8_000
    store.run(thoughts_store.prolong("1", for_ms))
    town.world.advance(1_000)
    assert not town.begin().due
    assert for_ms - 1_500 < town.due_in() <= for_ms
    store.run(thoughts_store.prolong("1", 10))
    town.world.advance(6_000)
    assert not town.begin().due, "a later sign shortens nothing"
    town.world.advance(2_000)
    assert ripe(town.begin()) == ["1"]


def test_a_whole_line_is_not_held_by_typing(store: Store) -> None:
    """What waits for nothing is answered at once, whoever types."""
    town = Town(store)
    town.direct("1")
    store.run(thoughts_store.prolong("1", 8_000))
    assert ripe(town.begin()) == ["1"]


def test_an_election_waits_and_is_held_once_for_the_whole_thought(
    store: Store,
) -> None:
    """The first line's election is closed by the second line, undecided, and its
    journal names that line; the second is granted, as one message."""
    town = Town(store)
    assert town.bid("aria", "1", wait_ms=WAIT).verdict is Admit.OPENED
    assert town.bid("dotty", "1", wait_ms=WAIT).verdict is Admit.COMPLETE
    assert town.elect("1").verdict is Elect.NOT_DUE
    town.bid("aria", "1", "2")
    assert store.client.zrange(keys.ELECTIONS_DUE, 0, -1) == ["2"], "due no more"
    assert town.elect("1").verdict is Elect.CLOSED
    assert town.bid("dotty", "1", "2").verdict is Admit.COMPLETE
    assert town.elect("2").verdict is Elect.GRANTED
    assert town.bid("elena", "1").verdict is Admit.LATE, "of a slower gateway"
    told = [line for line in town.lines("1") if line.verdict == "joined"]
    assert [line.reason for line in told] == ["it goes on in 2"]


def test_typing_holds_the_election_too(store: Store) -> None:
    """Nobody is elected while the author goes on."""
    town = Town(store)
    town.bid("aria", "1", wait_ms=WAIT)
    store.run(thoughts_store.prolong("1", 8_000))
    town.world.advance(WAIT)
    assert town.elect("1").verdict is Elect.NOT_DUE
    town.world.advance(6_000)
    assert town.elect("1").verdict is Elect.GRANTED


def test_a_greeting_to_nobody_and_a_point_to_a_bot(store: Store) -> None:
    """The election of the greeting ends: the named bot answers both lines."""
    town = Town(store)
    town.bid("dotty", "1", wait_ms=WAIT)
    town.direct("1", "2")
    assert town.elect("1").verdict is Elect.CLOSED
    assert ripe(town.begin()) == ["2"]


def commit(town: Town, begun: Begun, joined: tuple[Joined, ...], **more: Any) -> Commit:
    """Claim the last entry and commit one answer to all lines."""
    cycle, entry = Cycle(LANE, "w"), begun.entries[-1]
    claimed = town.store.run(
        floors.claim(cycle.holder, entry, town.world.settings, 0.0)
    )
    decision = world.decision(cycle, entry, claimed.token, joined=joined, **more)
    call = commits.commit(decision, town.world.limits, town.world.settings, "c1")
    first = town.store.run(call)
    assert town.store.run(call) == first
    return first.verdict


def test_one_commit_answers_all_lines(store: Store) -> None:
    """The inbox is empty, each line knows which was answered, none is answered twice."""
    town = Town(store)
    town.direct("1", wait_ms=WAIT)
    town.direct("1", "2", wait_ms=WAIT)
    town.direct("1", "2", "3")
    begun = town.begin()
    joined = tuple(
        Joined(entry.entry_id, entry.event.message_id) for entry in begun.entries[:-1]
    )
    assert commit(town, begun, joined) is Commit.COMMITTED
    assert store.client.xlen(keys.inbox(LANE)) == 0
    for line in ("1", "2"):
        assert store.client.hget(keys.answer(line), "aria") == "joined:3"
        last = town.lines(line)[-1]
        assert (last.verdict, last.reason) == ("joined", "answered with 3")


@pytest.mark.parametrize("final", [False, True])
def test_a_draft_that_saw_the_next_line_in_the_channel_does_not_answer_without_it(
    store: Store, final: bool
) -> None:
    """The line was there when the draft was written and came into the inbox a moment
    later: it is answered with the others, not by itself, whichever try this is."""
    town = Town(store)
    town.direct("1")
    begun = town.begin()
    town.direct("1", "2")
    assert commit(town, begun, (), read_up_to="2", final=final) is Commit.GOES_ON
    assert town.lines("1")[-1].reason == "in a later line"


@pytest.mark.parametrize(
    ("between", "verdict"), [(19, Commit.GOES_ON), (20, Commit.COMMITTED)]
)
def test_a_later_line_is_looked_for_among_so_many(
    store: Store, between: int, verdict: Commit
) -> None:
    """An answer costs no more than that, however many wait behind it."""
    town = Town(store)
    town.direct("1")
    begun = town.begin()
    for number in range(between):
        store.client.xadd(keys.inbox(LANE), {"message": f"9{number}", "thought": "9"})
    town.direct("1", "2")
    assert commit(town, begun, (), read_up_to="2") is verdict


@pytest.mark.parametrize(
    ("heard", "ended"),
    [({}, True), ({"bid": None}, False), ({"joins": False}, False)],
    ids=["a bid", "none", "a thought of its own"],
)
def test_an_election_ends_where_the_thought_is_bid_for(
    store: Store, heard: dict[str, Any], ended: bool
) -> None:
    """Not where the further line is passed, or is taken for a thought of its own."""
    town = Town(store)
    town.bid("aria", "1")
    town.admit(world.candidate("dotty", town.said("1", "2"), **heard))
    state = store.client.hget(keys.election("1"), "state")
    assert state == ("joined" if ended else "open")


def test_a_line_without_an_entry_of_its_own_is_joined_too(store: Store) -> None:
    """A bot that won the election of the last line has no entry for the first: nobody
    answers that one by itself later."""
    town = Town(store)
    town.direct("1", "2")
    assert commit(town, town.begin(), (Joined("", "1"),)) is Commit.COMMITTED
    assert town.bid("dotty", "1").verdict is Admit.PASSED


def test_an_afterthought_is_not_answered_by_itself(store: Store) -> None:
    """What belongs to a thought that is answered already is kept as context, and the
    journal says why; a question is answered."""
    town = Town(store)
    town.direct("1")
    commit(town, town.begin(), ())
    store.client.delete(keys.lock(LANE))
    late = world.direct("aria", town.said("1", "2"), ("aria",), trails=True)
    assert town.admit(late).verdict is Admit.PASSED
    assert "afterthought" in town.lines("2")[-1].reason
    assert town.direct("1", "3").verdict is Admit.DIRECT


def test_a_deleted_last_line_leaves_the_others(store: Store) -> None:
    """Nothing is lost with it: the earlier line is still in the inbox."""
    town = Town(store)
    town.direct("1", wait_ms=WAIT)
    town.direct("1", "2")
    store.run(admission.mark_deleted("2"))
    begun = town.begin()
    cycle = Cycle(LANE, "w")
    last = begun.entries[-1]
    refused = store.run(floors.claim(cycle.holder, last, town.world.settings, 0.0))
    assert refused.verdict == "gone"
    first = begun.entries[0]
    claimed = store.run(floors.claim(cycle.holder, first, town.world.settings, 0.0))
    assert claimed.verdict == "granted"
