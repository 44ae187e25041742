"""Interleavings that once broke a promise, one test each, in the order of calls that
did it."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from app.domain import terms
from app.domain.lane import Lane
from app.domain.model import AuthorKind, Bid, Classified, InboxEntry, Signal
from app.store import admission, commits, floors, inboxes, journal, keys, lanes, outbox
from app.store.door import Store
from tests.store import world
from tests.store.machine import Machine
from tests.store.world import LATER_MS, Cycle


def machine(store: Store, **settings: Any) -> Machine:
    """Both sides, empty."""
    return Machine(store, {"cooldown": 0, **settings})


def begun(m: Machine, lane: Lane) -> tuple[Cycle, InboxEntry]:
    """A cycle of a lane that is due, and its first entry."""
    cycle = m.begin(lane)
    assert cycle is not None
    return cycle, cycle.entries[0]


def test_a_direct_message_too_old_to_wake_is_not_answered_later(store: Store) -> None:
    """A backfilled old mention is context: the next mention in the channel must not
    answer it days late."""
    m = machine(store)
    assert (
        m.admit(world.direct("aria", world.event("1"), ("aria",), wakes=False))
        == "passed"
    )
    m.admit(world.direct("aria", world.event("2"), ("aria",)))
    cycle, _ = begun(m, Lane("aria", "55"))
    assert [entry.event.message_id for entry in cycle.entries] == ["2"]
    assert "passed" in str(store.client.lrange(keys.journal("1"), 0, -1))


def test_a_successor_outlives_the_record_of_the_election(store: Store) -> None:
    """Workers were down for hours and the first of the named is dead: the second still
    gets its turn."""
    m = machine(store)
    said = world.event("1")
    for bot in ("aria", "dotty"):
        m.admit(world.direct(bot, said, ("aria", "dotty")))
    m.world.advance(3 * terms.HOUR)
    cycle, entry = begun(m, Lane("dotty", "55"))
    assert m.claim(cycle, entry) == "granted"


def test_a_holder_that_skipped_a_dead_one_keeps_its_floor(store: Store) -> None:
    """Its claim's answer is lost; asking again must not send it back to the queue."""
    m = machine(store)
    for bot in ("aria", "dotty"):
        m.admit(world.direct(bot, world.event("1"), ("aria", "dotty")))
    m.world.advance(LATER_MS)
    cycle, entry = begun(m, Lane("dotty", "55"))
    assert m.claim(cycle, entry, lost=True) == "granted"


def test_tokens_of_a_root_are_checked_before_they_are_spent(store: Store) -> None:
    """What was reserved to the last token is committed; what would exceed the root is
    not paid for."""
    m = machine(store, root_tokens=250)
    m.admit(world.candidate("aria", world.event("1"), None))
    m.poll("aria")
    cycle, entry = begun(m, Lane("aria"))
    m.claim(cycle, entry)
    assert m.reserve(cycle, entry, 251) == "budget"
    assert m.reserve(cycle, entry, 250) == "ok"
    assert m.commit(cycle, entry, tokens=250) == "committed"


def test_refused_drafts_cost_what_they_cost(store: Store) -> None:
    """A draft that may not be posted was paid for all the same: what it cost is booked,
    once."""
    m = machine(store, daily_usd=0.0001)
    for number, author in (("1", world.ALICE), ("2", world.BOB)):
        m.admit(world.candidate("aria", world.event(number, author=author), None))
    m.poll("aria")
    cycle, entry = begun(m, Lane("aria"))
    m.claim(cycle, entry)
    assert m.reserve(cycle, entry, micro_usd=90) == "ok"
    m.mute("all", True)
    assert m.commit(cycle, entry, lost=True, tokens=80, micro_usd=150) == "muted"
    m.mute("all", False)
    m.give_back(cycle, entry, keep=False)
    m.claim(cycle, cycle.entries[1])
    assert m.reserve(cycle, cycle.entries[1], micro_usd=90) == "budget"
    spent = store.client.hgetall(keys.budget("all", _today(store)))
    assert (spent["tokens"], spent["micro_usd"]) == ("80", "150")


def _today(store: Store) -> int:
    (key,) = store.client.scan_iter("budget:all:*")
    return int(str(key).rpartition(":")[2])


def test_a_burst_of_reactions_is_won_by_the_best(store: Store) -> None:
    """Every bot passed when the message was written; the first that sees the reactions
    must not be all that is waited for."""
    m = machine(store)
    for bot in ("aria", "dotty"):
        m.admit(world.candidate(bot, world.event("1"), None, expected=2))
    burst = world.event("1", kind="reaction", reactions=5)
    verdicts = [
        m.admit(world.candidate(bot, burst, bid, expected=2))
        for bot, bid in (("aria", 0.2), ("dotty", 0.9))
    ]
    assert verdicts == ["opened", "complete"]
    assert m.elect("1", "55") == ("granted", "dotty")


def test_work_of_a_forgotten_election_keeps_nobody_busy(store: Store) -> None:
    """Everything was down until the election's record expired: its winner is free again
    after one cycle."""
    m = machine(store)
    m.admit(world.candidate("aria", world.event("1"), 0.5))
    assert m.elect("1", "55") == ("granted", "aria")
    m.world.advance(3 * terms.HOUR)
    assert m.world.lock(Lane("aria"), "me")
    cycle = store.run(lanes.begin(Lane("aria"), "me"))
    assert (cycle.due, cycle.granted) == (True, frozenset())
    assert (
        store.run(lanes.finish(Lane("aria"), "me", cycle.seq, None, "f"))[0] == "clear"
    )


def test_nothing_is_paid_for_after_its_commit(store: Store) -> None:
    """The floor belongs to the outbox entry then, though bot, message and token are the
    same."""
    m = machine(store)
    m.admit(world.candidate("aria", world.event("1"), 0.5))
    m.elect("1", "55")
    cycle, entry = begun(m, Lane("aria"))
    m.claim(cycle, entry)
    m.reserve(cycle, entry)
    assert m.commit(cycle, entry) == "committed"
    assert m.reserve(cycle, entry) == "lost_floor"


def test_whoever_paid_first_owns_the_message(store: Store) -> None:
    """A poll cycle paid before the election opened and then lost its floor: no election
    may make another bot pay."""
    m = machine(store)
    m.admit(world.candidate("dotty", world.event("1"), None, expected=2))
    m.poll("dotty")
    cycle, entry = begun(m, Lane("dotty"))
    m.claim(cycle, entry)
    assert m.reserve(cycle, entry) == "ok"
    assert (
        m.admit(world.candidate("aria", world.event("1"), 0.9, expected=2))
        == "complete"
    )
    m.world.advance(LATER_MS)
    assert m.elect("1", "55") == ("closed", "")
    m.poll("aria")
    other, same = begun(m, Lane("aria"))
    assert m.claim(other, same) == "election_open"
    assert m.commit(cycle, entry) == "lost_floor"
    assert m.give_back(cycle, entry, keep=False) == "declined"


def test_a_deferred_re_election_still_asks_the_second_best(store: Store) -> None:
    """The winner is dead and a direct message has the floor just then: the next best is
    granted afterwards."""
    m = machine(store)
    for bot, bid in (("aria", 0.9), ("elena", 0.5)):
        m.admit(world.candidate(bot, world.event("1"), bid, expected=2))
    assert m.elect("1", "55") == ("granted", "aria")
    m.admit(world.direct("dotty", world.event("2"), ("dotty",)))
    cycle, entry = begun(m, Lane("dotty", "55"))
    m.world.advance(LATER_MS)
    assert m.claim(cycle, entry) == "granted"
    assert m.elect("1", "55") == ("deferred", "")
    m.world.advance(LATER_MS)
    assert m.elect("1", "55") == ("granted", "elena")


def test_a_redelivery_after_the_dedupe_expired_is_not_answered_again(
    store: Store,
) -> None:
    """The answer record outlives every dedupe key."""
    m = machine(store)
    told, heard = (
        world.direct("aria", world.event("1"), ("aria",)),
        world.candidate("aria", world.event("2"), 0.5),
    )
    m.admit(told)
    cycle, entry = begun(m, Lane("aria", "55"))
    m.claim(cycle, entry)
    assert m.commit(cycle, entry) == "committed"
    m.finish(cycle)
    store.client.delete(keys.seen("1"), keys.seen("2"))
    m.ref.seen.clear()
    assert m.admit(told) == "direct"
    m.forget("2")
    assert m.admit(heard) == "passed"
    cycle, entry = begun(m, Lane("aria", "55"))
    assert m.claim(cycle, entry) == "answered"


def test_an_old_token_is_worth_nothing(store: Store) -> None:
    """The floor was lost and won again by the same bot for the same message: a write
    with the first token is refused."""
    m = machine(store)
    m.admit(world.direct("aria", world.event("1"), ("aria",)))
    cycle, entry = begun(m, Lane("aria", "55"))
    m.claim(cycle, entry)
    first = cycle.tokens[entry.entry_id]
    m.world.advance(LATER_MS)
    m.claim(cycle, entry)
    second = cycle.tokens[entry.entry_id]
    assert int(second[0]) > int(first[0])
    cycle.tokens[entry.entry_id] = first
    assert m.reserve(cycle, entry) == "lost_floor"
    assert m.commit(cycle, entry) == "lost_floor"
    m.renew(cycle, entry)
    assert m.give_back(cycle, entry, keep=True) == "kept"
    cycle.tokens[entry.entry_id] = second
    assert m.commit(cycle, entry) == "committed"


def test_a_zombie_changes_nothing(store: Store) -> None:
    """Its lane was taken over while it slept, and both hold the same token: each of its
    calls is refused, the other goes on."""
    m = machine(store)
    m.admit(world.candidate("aria", world.event("1"), 0.5))
    m.elect("1", "55")
    zombie, entry = begun(m, Lane("aria"))
    assert m.claim(zombie, entry) == "granted"
    assert m.reserve(zombie, entry) == "ok"
    m.unlock(Lane("aria"))
    living, same = begun(m, Lane("aria"))
    assert m.claim(living, same) == "granted"
    assert living.tokens == zombie.tokens
    assert m.claim(zombie, entry) == "lost_lock"
    assert m.reserve(zombie, entry) == "lost_lock"
    assert m.commit(zombie, entry) == "lost_lock"
    for keep in (True, False):
        assert m.give_back(zombie, entry, keep=keep) == "lost_lock"
    m.drop(zombie, entry)
    assert m.finish(zombie) == "lost"
    assert m.reserve(living, same) == "ok"
    assert m.commit(living, same) == "committed"


def test_giving_back_an_old_floor_frees_no_new_one(store: Store) -> None:
    """A cycle that lost the floor and won it again gives back with the first token: the
    second grant stays."""
    m = machine(store)
    m.admit(world.direct("aria", world.event("1"), ("aria",)))
    cycle, entry = begun(m, Lane("aria", "55"))
    m.claim(cycle, entry)
    first = cycle.tokens[entry.entry_id]
    m.world.advance(LATER_MS)
    m.claim(cycle, entry)
    cycle.tokens[entry.entry_id] = first
    m.give_back(cycle, entry, keep=True)
    assert store.client.hget(keys.floor("55"), "bot") == "aria"


STALE = [
    # since the context was read ...                                  the commit is
    ("nobody wrote", {}, "committed"),
    ("its author wrote again", {"author": world.ALICE}, "stale"),
    ("another person wrote", {"author": world.BOB}, "committed"),
    ("another person answered it", {"author": world.BOB, "reply_to": "10"}, "stale"),
    (
        "another person answered something else",
        {"author": world.BOB, "reply_to": "9"},
        "committed",
    ),
    (
        "a foreign bot wrote",
        {"author": "700", "author_kind": AuthorKind.FOREIGN},
        "committed",
    ),
]


@pytest.mark.parametrize(
    ("more", "verdict"), [row[1:] for row in STALE], ids=[row[0] for row in STALE]
)
@pytest.mark.parametrize("seen", [False, True], ids=["not read", "read"])
@pytest.mark.parametrize("is_direct", [False, True], ids=["unasked", "direct"])
def test_a_draft_is_stale_by_its_author_and_by_answers_only(
    store: Store,
    more: dict[str, Any],
    verdict: str,
    seen: bool,
    is_direct: bool,
) -> None:
    """Any other message leaves it fresh, as does one that was in the context; the last
    try of a direct answer is sent."""
    m = machine(store)
    said = world.event("10")
    m.admit(
        world.direct("aria", said, ("aria",))
        if is_direct
        else world.candidate("aria", said, None)
    )
    m.poll("aria")
    cycle, entry = begun(m, Lane("aria", "55" if is_direct else None))
    m.claim(cycle, entry)
    if more:
        m.admit(world.candidate("aria", world.event("100", **more), None))
    read = "100" if seen else "10"
    assert m.commit(cycle, entry, read_up_to=read) == ("committed" if seen else verdict)
    if verdict == "stale" and not seen:
        assert m.commit(cycle, entry, read_up_to=read, final=True) == "committed"


def test_more_direct_messages_than_one_cycle_reads_are_all_read(store: Store) -> None:
    """A lane with anything left in its direct inbox does not become clear."""
    m = machine(store, person_hourly=1_000)
    limits = replace(m.world.limits, waiting=1_000)
    for number in range(1, 303):
        said = world.direct("aria", world.event(str(number)), ("aria",))
        store.run(admission.admit(said, str(number), limits, m.world.settings))
    read = 0
    for turn in ("one", "two"):
        assert m.world.lock(Lane("aria", "55"), turn)
        cycle = store.run(lanes.begin(Lane("aria", "55"), turn))
        holder = floors.Holder(Lane("aria", "55"), turn)
        read += store.run(inboxes.remove(holder, list(cycle.entries), "t", "t"))
        store.run(lanes.finish(Lane("aria", "55"), turn, cycle.seq, None, turn))
        m.world.advance(1_100)
    assert read == 302


def test_a_repeated_commit_of_another_process_answers_nothing(store: Store) -> None:
    """The same decision under another request id, as after a crash between commit and
    answer: one outbox entry."""
    m = machine(store)
    m.admit(world.direct("aria", world.event("1"), ("aria",)))
    cycle, entry = begun(m, Lane("aria", "55"))
    m.claim(cycle, entry)
    assert m.commit(cycle, entry) == "committed"
    assert m.commit(cycle, entry) == "lost_floor"
    assert store.client.llen(keys.outbox("aria", "55")) == 1


def test_a_dry_run_decides_everything_and_posts_nothing(store: Store) -> None:
    """The message counts as answered, the floor is free again, the outbox stays
    empty."""
    m = machine(store, dry_run=True)
    m.admit(world.direct("aria", world.event("1"), ("aria",)))
    cycle, entry = begun(m, Lane("aria", "55"))
    m.claim(cycle, entry)
    d = world.decision(cycle, entry, cycle.tokens[entry.entry_id][0])
    assert (
        store.run(commits.commit(d, m.world.limits, m.world.settings, "r")).verdict
        == "dry_run"
    )
    assert not store.client.exists(keys.outbox("aria", "55"))
    assert store.client.hget(keys.answer("1"), "aria") == "delivered:dry_run"
    assert store.client.hget(keys.floor("55"), "bot") is None
    # Its words are for whoever asks why, and go as those of a delivered post.
    (unsaid,) = store.client.scan_iter("entry:*")
    assert 0 < store.client.pttl(unsaid) <= terms.DELIVERED_TTL
    assert store.run(outbox.read(unsaid.removeprefix("entry:"))) is not None


def test_own_and_foreign_bots_spend_the_root_they_answer(store: Store) -> None:
    """An own post without a known cause causes nothing; a foreign bot's message counts
    as a hop of the last human's root."""
    m = machine(store, root_posts=2)
    m.admit(world.candidate("aria", world.event("1"), None))
    unknown = world.event("2", author="800", author_kind=AuthorKind.OURS)
    assert (
        m.admit(world.candidate("aria", unknown, 0.9, author_bot="dotty"))
        == "exhausted"
    )
    first = world.event("3", author="700", author_kind=AuthorKind.FOREIGN)
    assert m.admit(world.candidate("aria", first, 0.9)) == "complete"
    second = world.event("4", author="700", author_kind=AuthorKind.FOREIGN)
    assert m.admit(world.candidate("aria", second, 0.9)) == "exhausted"
    assert m.admit(world.candidate("aria", world.event("5"), 0.9)) == "complete", (
        "a new human message is a new root"
    )


def test_a_bid_below_the_threshold_passes(store: Store) -> None:
    """Such a bot is counted as heard and never elected; the journal has its score, so
    that `why` can say what was missing."""
    m = machine(store)
    c = admission.AdmissionRequest(
        "aria",
        world.event("1"),
        Classified(signal=Signal.WATCHED, reason="w"),
        Bid(score=-1.0, above_threshold=False, parts={"intercept": -1.0}),
    )
    real = store.run(admission.admit(c, "r", m.world.limits, m.world.settings))
    assert real.verdict == "passed"
    assert not store.client.exists(keys.ELECTIONS_DUE)
    (line,) = store.run(journal.read("1"))
    assert line.numbers["score"] == -1.0
    assert "bid" not in line.numbers
