"""One person cannot take a bot from the others: shares of its day, turns, and what may
wait."""

from __future__ import annotations

import pytest

from app.domain import terms
from app.domain.lane import Lane
from app.store import admission, keys, lanes
from app.store.door import Store
from app.store.floors import Next
from app.store.limits import Limits
from tests.store import world
from tests.store.machine import Machine

ARIA = Lane("aria", "55")


def say(
    m: Machine,
    number: int,
    author: str = world.ALICE,
    bots: tuple[str, ...] = ("aria",),
    bot: str = "aria",
) -> str:
    """A direct message; its verdict."""
    return m.admit(world.direct(bot, world.event(str(number), author=author), bots))


def answer(m: Machine, place: int = 0) -> str:
    """The lane's next cycle answers the entry at this place, and the answer is
    delivered."""
    cycle = m.begin(ARIA)
    assert cycle is not None
    entry = cycle.entries[place]
    assert m.claim(cycle, entry) == "granted"
    verdict = m.commit(cycle, entry, final=True)
    m.finish(cycle)
    if verdict == "committed":
        assert m.post("aria", "55") is not None
        m.receipt("aria", "55")
    return verdict


def test_one_person_has_a_share_of_the_day(store: Store) -> None:
    """Of ten posts a person gets two, is told once, and is silent to the bot after
    that; another person is answered."""
    m = Machine(store, {"daily_posts": 10, "person_share": 0.2, "quiet_posts": 1})
    for number in (1, 2):
        assert say(m, number) == "direct"
        assert answer(m) == "committed"
    assert [say(m, number) for number in (3, 4, 5)] == [
        "notice",
        "over_person_limit",
        "over_person_limit",
    ]
    assert "one person may have 2" in str(store.client.lindex(keys.journal("4"), -1))
    assert answer(m) == "committed", "the notice itself is no part of the share"
    assert say(m, 6, world.BOB) == "direct"


def test_what_was_admitted_together_passes_no_share(store: Store) -> None:
    """Three messages are admitted before the first is answered: the third is refused at
    the commit."""
    m = Machine(store, {"daily_posts": 10, "person_share": 0.2, "quiet_posts": 1})
    assert [say(m, number) for number in (1, 2, 3)] == ["direct"] * 3
    assert [answer(m, place) for place in (0, 0, 0)] == [
        "committed",
        "committed",
        "budget",
    ]


def test_the_last_of_the_day_is_for_quiet_people(store: Store) -> None:
    """Of five posts the last two are kept: whoever had one is refused when three are
    gone, a stranger is answered."""
    m = Machine(
        store,
        {"daily_posts": 5, "person_share": 1.0, "quiet_reserve": 0.4, "quiet_posts": 1},
    )
    for number in (1, 2, 3):
        assert say(m, number) == "direct"
        assert answer(m) == "committed"
    assert say(m, 4) == "notice"
    assert say(m, 5, world.BOB) == "direct"
    assert answer(m, 1) == "committed"


def test_entries_know_their_turn(store: Store) -> None:
    """A message's turn is how many its author sent in the channel; the bots that it
    speaks to share it."""
    m = Machine(store, {})
    for number, author in ((1, world.ALICE), (2, world.ALICE), (3, world.BOB)):
        for bot in ("aria", "dotty"):
            assert say(m, number, author, ("aria", "dotty"), bot) == "direct"
    for lane in (ARIA, Lane("dotty", "55")):
        cycle = m.begin(lane)
        assert cycle is not None
        assert [entry.turn for entry in cycle.entries] == [1, 2, 1]


def test_a_quiet_persons_lane_gets_the_floor_before_a_busy_ones(store: Store) -> None:
    """Two bots wait for one floor: the one whom a quiet person asked goes first, though
    the other was asked before."""
    m = Machine(store, {})
    say(m, 1, world.BOB, ("elena",), "elena")
    held = m.begin(Lane("elena", "55"))
    assert held is not None
    assert m.claim(held, held.entries[0]) == "granted"
    for number in (2, 3, 4):
        say(m, number, world.ALICE, ("dotty",), "dotty")
    say(m, 5, "903")
    for lane, place in ((Lane("dotty", "55"), 2), (ARIA, 0)):
        cycle = m.begin(lane)
        assert cycle is not None
        assert m.claim(cycle, cycle.entries[place]) == "wait"
        cycle.retry = 60_000
        m.finish(cycle)
    m.give_back(held, held.entries[0], keep=False)
    assert m.ref.next == Next(ARIA)


def test_only_so_many_wait_and_quiet_people_still_get_in(store: Store) -> None:
    """Four may wait; then two more of people who asked little; then nobody, however
    quiet."""
    m = Machine(store, {"direct_waiting": 4, "quiet_posts": 1})
    assert [say(m, number) for number in range(1, 5)] == ["direct"] * 4
    assert say(m, 5) == "crowded"
    assert [say(m, number, str(900 + number)) for number in (6, 7, 8)] == [
        "direct",
        "direct",
        "crowded",
    ]


def test_as_many_may_wait_as_a_cycle_reads(store: Store) -> None:
    """A message that no cycle reads would be answered by luck."""
    settings = world.settings_with(direct_waiting=200)
    assert 1.5 * settings.direct_waiting <= lanes.READ_AT_MOST
    with pytest.raises(ValueError, match="direct_waiting"):
        world.settings_with(direct_waiting=201)


def test_of_more_than_a_cycle_reads_the_oldest_are_read_first(store: Store) -> None:
    """However many wait in a direct lane, and however they came to be so many: cycles
    read them in the order in which they came."""
    m = Machine(store, {})
    assert say(m, 1) == "direct"
    inbox = keys.inbox(ARIA)
    (_, fields), *_ = store.client.xrange(inbox)
    for number in range(2, 751):
        said = world.event(str(number)).model_dump_json()
        store.client.xadd(inbox, {**fields, "message": str(number), "event": said})
    read: list[int] = []
    for _ in range(3):
        assert m.world.lock(ARIA, "worker")
        entries = store.run(lanes.begin(ARIA, "worker")).entries
        read += [int(entry.event.message_id) for entry in entries]
        store.client.xdel(inbox, *(entry.entry_id for entry in entries))
        m.world.unlock(ARIA)
    assert read == list(range(1, 751))


def test_a_flood_of_one_person_writes_nothing_at_last(store: Store) -> None:
    """Beyond twice the limit of an hour a message leaves no key and no byte; the cursor
    moves, and others are heard."""
    m = Machine(store, {"person_hourly": 2})
    for number in range(1, 5):
        say(m, number)
    before = sorted(store.client.scan_iter("*"))
    assert say(m, 50) == "over_person_limit"
    assert sorted(store.client.scan_iter("*")) == before
    assert store.client.hget(keys.cursor("aria"), "55") == "50"
    assert say(m, 51, world.BOB) == "direct"


def test_a_newcomers_messages_count_twice(store: Store) -> None:
    """Of two messages an hour an account that was made yesterday has one."""
    settings = world.settings_with(newcomer_days=7, person_hourly=2)
    limits = Limits.of(settings)

    def admit(number: int, author: str) -> str:
        said = world.event(str((30 * terms.DAY << 22) + number), author=author)
        call = admission.admit(
            world.direct("aria", said, ("aria",)),
            f"r{number}{author}",
            limits,
            settings,
        )
        return str(store.run(call).verdict)

    new, old = str((29 * terms.DAY << 22) + 1), str((terms.DAY << 22) + 1)
    assert [admit(number, new) for number in (1, 2)] == ["direct", "notice"]
    assert [admit(number, old) for number in (3, 4)] == ["direct", "direct"]


def test_a_share_of_one_is_one_answer(store: Store) -> None:
    """Who had none today has it, whoever had theirs."""
    m = Machine(store, {"daily_posts": 10, "person_share": 0.1, "quiet_posts": 1})
    assert say(m, 1) == "direct"
    assert answer(m) == "committed"
    assert say(m, 2, world.BOB) == "direct"
    assert answer(m) == "committed"
    assert [say(m, 3), say(m, 4, world.BOB)] == ["notice", "notice"]
