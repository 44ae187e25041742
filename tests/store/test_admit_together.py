"""One admission for all bots of a process: the state machines hold it to be the same as
one after another; here is what it costs."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.domain import terms
from app.domain.lane import Lane
from app.domain.verdicts import Admit
from app.store import admission, elections, keys
from app.store.door import Store
from tests.store import world
from tests.store.world import World

BOTS = tuple(f"bot{number}" for number in range(100))


def commands(store: Store) -> int:
    """Commands since the last reset, those inside of scripts."""
    stats = store.client.info("commandstats")
    outside = {"cmdstat_evalsha", "cmdstat_info", "cmdstat_config|resetstat"}
    return sum(row["calls"] for name, row in stats.items() if name not in outside)


def admit_all(store: Store, w: World, message: str, bots: tuple[str, ...]) -> list[str]:
    """Each bot bids its place among them."""
    said = world.event(message)
    heard = [
        world.candidate(bot, said, 1.0 + place, expected=len(BOTS), move_cursor=False)
        for place, bot in enumerate(bots)
    ]
    call = admission.admit_all(
        heard, f"r{message}", [w.limits] * len(heard), w.settings
    )
    return [one.verdict for one in store.run(call)]


def test_a_hundred_bots_are_one_election(store: Store) -> None:
    """One call opens and completes the election of a process's bots, and the best of
    all is granted without a window."""
    w = World(store)
    verdicts = admit_all(store, w, "1", BOTS)
    assert verdicts == [Admit.OPENED, *[Admit.BID] * 98, Admit.COMPLETE]
    outcome = store.run(elections.decide("1", "55", w.settings))
    assert outcome.winner == BOTS[-1]


def test_a_further_bot_costs_two_commands(store: Store) -> None:
    """What the bots of a call share is read and written once. Of its own each bot that
    bids has its budget and its inbox, whatever it heard before."""
    w = World(store)
    admit_all(store, w, "1", BOTS)
    costs = {}
    for message, bots in (("2", BOTS[:50]), ("3", BOTS)):
        store.client.config_resetstat()
        admit_all(store, w, message, bots)
        costs[len(bots)] = commands(store)
    assert costs[100] - costs[50] == 50 * 2


def test_a_reply_is_one_text(store: Store) -> None:
    """However many bots it is for: a client reads an array part by part, which was most
    of the processor time that a call took it."""
    w = World(store)
    call = admission.admit_all(
        [world.candidate(bot, world.event("1"), 1.0) for bot in BOTS],
        "r1",
        [w.limits] * len(BOTS),
        w.settings,
    )
    assert isinstance(store.run(call.parsed(lambda reply: reply)), str)


HOUR_OF_IDS = terms.HOUR << 22


def test_an_inbox_outlives_its_messages_by_nearly_as_long_as_it_says(
    store: Store,
) -> None:
    """Its life begins anew with the first message of a channel in each hour, and with
    whatever makes the inbox: none stays for ever."""
    w = World(store)
    inbox = keys.inbox(Lane("bot1"))
    ids = [str(halves * HOUR_OF_IDS // 2 + 1) for halves in (20, 21, 22)]

    def lives_on(message: str) -> bool:
        store.client.pexpire(inbox, 5_000)
        admit_all(store, w, message, BOTS[:2])
        return bool(store.client.pttl(inbox) > 5_000)

    assert [lives_on(one) for one in ids] == [True, False, True]
    # A bot that joins within the hour, and one whose inbox was removed.
    store.client.delete(inbox)
    admit_all(store, w, str(11 * HOUR_OF_IDS + 9), BOTS[:3])
    for bot in BOTS[1:3]:
        assert store.client.pttl(keys.inbox(Lane(bot))) > terms.INBOX_TTL - terms.HOUR


def test_cursors_move_together(store: Store) -> None:
    """However many channels of a bot, each goes forward and none back; each cursor
    lives on."""
    channels = {("aria", str(place)): "20" for place in range(2_500)}
    assert store.run(admission.move_cursors(channels)) == 2_500
    moves = {("aria", "7"): "19", ("aria", "8"): "100", ("bob", "7"): "5"}
    assert store.run(admission.move_cursors(moves)) == 2
    read = store.run(admission.cursors("aria"))
    assert (read["7"], read["8"], len(read)) == ("20", "100", 2_500)
    assert store.run(admission.cursors("bob")) == {"7": "5"}
    assert store.client.pttl(keys.cursor("bob")) > terms.CURSOR_TTL - terms.MINUTE


ALONE = {
    "ambient": (world.candidate("aria", world.event("2"), None), 16),
    "bids": (world.candidate("aria", world.event("2"), 0.5), 30),
    "direct": (world.direct("aria", world.event("2"), ("aria",)), 41),
}


@pytest.mark.parametrize(("heard", "most"), ALONE.values(), ids=ALONE.keys())
def test_what_an_admission_for_one_bot_costs(
    store: Store, heard: admission.AdmissionRequest, most: int
) -> None:
    """A message in a channel where the same person has spoken before: so many commands
    inside the one call."""
    w = World(store)
    for number in ("1", "2"):
        said = replace(heard, event=world.event(number))
        call = admission.admit(said, f"r{number}", w.limits, w.settings)
        store.client.config_resetstat()
        store.run(call)
    assert commands(store) <= most
