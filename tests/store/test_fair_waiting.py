"""Whoever was spoken to has the floor in the order of the messages, within a bounded
time, whoever is away."""

from __future__ import annotations

from app.domain.lane import Lane
from app.store.commits import Joined
from app.store.door import Store
from tests.store import world
from tests.store.machine import Machine
from tests.store.world import LEASE_MS, Cycle

CHANNEL = "55"
TURN_MS = 10_000
"""How long a bot writes."""
SLACK_MS = 4_500
"""So much the machine lets pass, to keep away from moments at which an answer
changes."""
MS = 1 << 22
"""Ids one millisecond apart."""


class Channel:
    """A channel with three bots; those in `away` have no worker."""

    def __init__(self, store: Store, *away: str) -> None:
        self.m = Machine(store, {"quiet_time": 0})
        self.away = set(away)
        self.answered: list[tuple[str, int]] = []
        """Who answered which message, in order."""

    def say(self, number: int, *bots: str, author: str = "") -> None:
        """A message to these bots, each from somebody else if nobody is named: nobody
        waits for his own turn."""
        said = world.event(str(number * MS), CHANNEL, author or str(900 + number))
        for bot in bots:
            assert self.m.admit(world.direct(bot, said, bots)) == "direct"

    def ask(self, bot: str) -> Cycle | None:
        """The bot's worker looks at its lane: the cycle that got the floor, or None."""
        cycle = self.m.begin(Lane(bot, CHANNEL))
        for entry in cycle.entries if cycle is not None else ():
            verdict = self.m.claim(cycle, entry) if cycle is not None else ""
            if verdict == "granted":
                return cycle
            assert verdict == "wait"
            assert cycle is not None
            cycle.retry = int(min(cycle.retry or self.m.ref.retry, self.m.ref.retry))
        if cycle is not None:
            self.m.finish(cycle)
        return None

    def answer(self, cycle: Cycle) -> None:
        """The cycle that has the floor writes; its answer is delivered."""
        bot = cycle.lane.bot
        (entry,) = [one for one in cycle.entries if one.entry_id in cycle.tokens]
        self.m.world.advance(TURN_MS)
        assert self.m.commit(cycle, entry, final=True) == "committed"
        self.m.finish(cycle)
        assert self.m.post(bot, CHANNEL) is not None
        self.m.receipt(bot, CHANNEL)
        self.answered.append((bot, int(entry.event.message_id) // MS))

    def turn(self) -> bool:
        """Hints go out to whoever is due, and one bot has its turn; False: nobody
        could."""
        for lane in self.m.pump():
            if lane.bot not in self.away and (cycle := self.ask(lane.bot)):
                self.answer(cycle)
                return True
        return False

    def next_holder(self) -> Cycle:
        """Time passes until a bot that is due has the floor: its cycle."""
        for _ in range(60):
            for lane in self.m.pump():
                if cycle := self.ask(lane.bot):
                    return cycle
            self.m.world.advance(1_000)
        raise AssertionError("nobody takes the floor")

    def now(self) -> int:
        """ms since the beginning."""
        return self.m.world.tick()


def test_a_busy_channel_keeps_nobody_waiting_for_a_bot_that_is_away(
    store: Store,
) -> None:
    """A message names two bots, the first is away, and a third posts all the time: the
    second answers one lease and one turn later."""
    channel = Channel(store, "aria")
    channel.say(10, "aria", "dotty")
    began = channel.now()
    for number in range(11, 25):
        channel.say(number, "elena")
        if not channel.turn():
            channel.m.world.advance(1_000)
        if ("dotty", 10) in channel.answered:
            break
    assert channel.answered[-1] == ("dotty", 10)
    assert channel.now() - began <= LEASE_MS + 2 * (TURN_MS + SLACK_MS)


def test_who_is_away_costs_each_message_nothing_but_once(store: Store) -> None:
    """Of ten messages that name a bot that is away first, the second bot answers the
    last as many turns later as there are messages, and one lease."""
    channel = Channel(store, "aria")
    for number in range(10, 20):
        channel.say(number, "aria", "dotty")
    began = channel.now()
    while len(channel.answered) < 10:
        if not channel.turn():
            channel.m.world.advance(1_000)
    assert [message for _, message in channel.answered] == list(range(10, 20))
    assert channel.now() - began <= LEASE_MS + 10 * (TURN_MS + SLACK_MS)


def test_what_came_later_does_not_wait_for_a_bot_that_is_away(store: Store) -> None:
    """Behind a message whose first bot is away others are answered meanwhile."""
    channel = Channel(store, "aria")
    channel.say(10, "aria", "dotty")
    assert channel.ask("dotty") is None
    channel.say(11, "elena")
    cycle = channel.ask("elena")
    assert cycle is not None
    channel.answer(cycle)
    assert channel.answered == [("elena", 11)]


def test_nobody_gets_in_before_the_one_that_was_called(store: Store) -> None:
    """The floor falls free, and the first of the queue is on its way: whoever asks
    meanwhile waits its turn, though nobody holds the floor."""
    channel = Channel(store)
    channel.say(10, "elena")
    held = channel.ask("elena")
    assert held is not None
    channel.say(11, "dotty")
    channel.say(12, "aria")
    assert channel.ask("dotty") is None
    channel.answer(held)
    assert channel.ask("aria") is None, "the floor is free, but dotty was called"
    for bot in ("dotty", "aria"):
        while not (cycle := channel.ask(bot)):
            channel.m.world.advance(1_000)
        channel.answer(cycle)
    assert channel.answered == [("elena", 10), ("dotty", 11), ("aria", 12)]


def test_who_is_called_and_does_not_come_loses_its_place(store: Store) -> None:
    """The first of the queue dies: the second has the floor a lease after it was
    called, though it had asked to come back much later."""
    channel = Channel(store)
    channel.say(10, "elena")
    held = channel.ask("elena")
    assert held is not None
    (entry,) = held.entries
    assert channel.m.commit(held, entry, final=True) == "committed"
    channel.m.finish(held)
    for number, bot in ((11, "dotty"), (12, "aria")):
        channel.say(number, bot)
        assert channel.ask(bot) is None
    assert channel.m.ref.retry > LEASE_MS + 20_000, "the outbox may hold the floor long"
    channel.away.add("dotty")
    assert channel.m.post("elena", CHANNEL) is not None
    channel.m.receipt("elena", CHANNEL)
    freed = channel.now()
    while not channel.turn():
        channel.m.world.advance(1_000)
    assert channel.answered == [("aria", 12)]
    assert channel.now() - freed <= LEASE_MS + TURN_MS + 2 * SLACK_MS


def test_a_bot_that_fails_is_not_waited_for(store: Store) -> None:
    """The first-named has the floor and gives it back unanswered, as in an outage of
    its own: the second goes on."""
    channel = Channel(store)
    channel.say(10, "aria", "dotty")
    failing = channel.ask("aria")
    assert failing is not None
    assert channel.ask("dotty") is None
    channel.m.world.advance(LEASE_MS // 2)
    channel.m.renew(failing, failing.entries[0])
    channel.m.world.advance(LEASE_MS // 2 + 5_000)
    assert channel.m.give_back(failing, failing.entries[0], keep=True) == "kept"
    failing.retry = 60_000
    channel.m.finish(failing)
    assert channel.turn()
    assert channel.answered == [("dotty", 10)]


def test_who_was_refused_or_dropped_the_message_is_not_waited_for(
    store: Store,
) -> None:
    """The first-named has heard the message and owes it nothing: the second answers at
    once."""
    channel = Channel(store)
    said = world.event(str(10 * MS), CHANNEL)
    both = ("aria", "dotty")
    channel.m.admit(world.direct("aria", said, both, wakes=False))
    assert channel.m.admit(world.direct("dotty", said, both)) == "direct"
    assert channel.turn()
    channel.say(11, *both)
    cycle = channel.m.begin(Lane("aria", CHANNEL))
    assert cycle is not None
    assert channel.ask("dotty") is None
    channel.m.drop(cycle, cycle.entries[0])
    assert channel.turn()
    assert channel.answered == [("dotty", 10), ("dotty", 11)]


def test_a_bot_is_called_for_its_next_message_when_its_post_is_out(
    store: Store,
) -> None:
    """Two messages to one bot: the cycle that wrote the first answer asks for the
    floor again while its post is on the way, and is called once that is out."""
    channel = Channel(store)
    for number in (10, 11):
        channel.say(number, "elena")
    cycle = channel.ask("elena")
    assert cycle is not None
    first, second = cycle.entries
    assert channel.m.commit(cycle, first, final=False) == "committed"
    assert channel.m.claim(cycle, second) == "wait"
    cycle.retry = int(channel.m.ref.retry)
    channel.m.finish(cycle)
    assert channel.m.post("elena", CHANNEL) is not None
    channel.m.receipt("elena", CHANNEL)
    assert Lane("elena", CHANNEL) in channel.m.pump()


def test_newcomers_do_not_come_before_who_waits_for_ever(store: Store) -> None:
    """Somebody asks three times at once, and from then on a newcomer asks in each turn:
    whoever comes later begins at the turn that is served, not at the first one, so that
    the third question waits for a newcomer or two and not for as long as they come."""
    channel = Channel(store)
    channel.say(9, "elena")
    held = channel.ask("elena")
    for number in (10, 11, 12):
        channel.say(number, "dotty", author=world.ALICE)
    for number in range(13, 30):
        newcomers = "elena" if number % 2 else "aria"
        channel.say(number, newcomers)
        for bot in ("dotty", newcomers):
            assert channel.ask(bot) is None
        assert held is not None
        channel.answer(held)
        held = channel.next_holder()
        if ("dotty", 12) in channel.answered:
            break
    hers = [place for place, (bot, _) in enumerate(channel.answered) if bot == "dotty"]
    assert len(hers) == 3
    assert hers[-1] <= 6


def test_a_bot_that_was_called_for_an_earlier_line_does_not_wait_for_itself(
    store: Store,
) -> None:
    """Two bots are named; the first has the floor, gives it back as the thought goes on,
    and lets the second in. Both ask for the later line then: the first has the floor,
    and the second does not keep it from it."""
    channel = Channel(store)
    channel.say(10, "elena", "aria", author="7")
    first = channel.ask("elena")
    assert first is not None
    assert channel.ask("aria") is None
    channel.say(11, "elena", "aria", author="7")
    channel.m.give_back(first, first.entries[0], keep=True)
    channel.m.finish(first)
    for _ in range(2 * LEASE_MS // 1_000):
        for lane in channel.m.pump():
            if (cycle := ask_for_the_last(channel, lane.bot)) is not None:
                assert cycle.lane.bot == "elena"
                return
        channel.m.world.advance(1_000)
    raise AssertionError("nobody takes the floor")


def ask_for_the_last(channel: Channel, bot: str) -> Cycle | None:
    """As `Channel.ask`, with all that waits joined to the last line."""
    cycle = channel.m.begin(Lane(bot, CHANNEL))
    if cycle is None:
        return None
    if channel.m.claim(cycle, cycle.entries[-1]) == "granted":
        return cycle
    cycle.retry = int(channel.m.ref.retry)
    channel.m.finish(cycle)
    return None


def answer_both(channel: Channel, bot: str) -> None:
    """The bot answers the two lines that wait for it with one post."""
    cycle = channel.m.begin(Lane(bot, CHANNEL))
    assert cycle is not None
    first, last = cycle.entries
    assert channel.m.claim(cycle, last) == "granted"
    joined = (Joined(first.entry_id, first.event.message_id),)
    assert channel.m.commit(cycle, last, final=True, joined=joined) == "committed"
    channel.m.finish(cycle)
    assert channel.m.post(bot, CHANNEL) is not None
    channel.m.receipt(bot, CHANNEL)


def test_an_answer_to_a_later_line_lets_in_who_waits_behind_an_earlier_one(
    store: Store,
) -> None:
    """Two bots are named, then the thought goes on with the first alone: it answers
    both lines at once, and the second is called as soon as that answer is out."""
    channel = Channel(store)
    channel.say(10, "elena", "aria", author="7")
    assert channel.ask("aria") is None
    channel.say(11, "elena", author="7")
    answer_both(channel, "elena")
    assert Lane("aria", CHANNEL) in channel.m.pump()
    assert channel.turn()
    assert channel.answered == [("aria", 10)]


def drop(channel: Channel, bot: str) -> None:
    """The bot's cycle finds that nothing can be sent there."""
    barred = channel.m.begin(Lane(bot, CHANNEL))
    assert barred is not None
    for entry in barred.entries:
        channel.m.drop(barred, entry)
    channel.m.finish(barred)


def test_nobody_waits_for_a_bot_whose_question_was_dropped(store: Store) -> None:
    """It was next in line, and was taken out of the server: who comes after it has the
    floor as soon as it is known."""
    channel = Channel(store)
    channel.say(10, "elena")
    held = channel.ask("elena")
    assert held is not None
    for number, bot in ((11, "dotty"), (12, "aria")):
        channel.say(number, bot)
        assert channel.ask(bot) is None
    channel.answer(held)
    assert channel.ask("aria") is None
    drop(channel, "dotty")
    assert channel.ask("aria") is not None


def aria_is_next(channel: Channel) -> None:
    """She is asked while elena has the floor, and has it as soon as elena is done."""
    held = channel.ask("elena")
    assert held is not None
    channel.say(12, "aria")
    assert channel.ask("aria") is None
    channel.answer(held)
    assert channel.ask("aria") is not None


def test_nobody_waits_for_a_dropped_bot_that_was_named_second(store: Store) -> None:
    """It gave up before the first one came, and takes no place in line after that."""
    channel = Channel(store)
    channel.say(10, "elena", "dotty")
    assert channel.ask("dotty") is None
    channel.m.world.advance(LEASE_MS + SLACK_MS)
    drop(channel, "dotty")
    aria_is_next(channel)


def test_nobody_waits_for_a_bot_that_answered_the_line_with_a_later_one(
    store: Store,
) -> None:
    """Named second, it was asked alone in the next line of the thought and answered
    both: once the first one is done, whoever else was asked has the floor."""
    channel = Channel(store)
    channel.say(10, "elena", "dotty", author="7")
    assert channel.ask("dotty") is None
    channel.say(11, "dotty", author="7")
    answer_both(channel, "dotty")
    aria_is_next(channel)


def test_nobody_waits_for_a_bot_that_declined_before_its_turn(store: Store) -> None:
    """It was named second and gave up without the floor: it takes no place in line when
    the first one is done."""
    channel = Channel(store)
    channel.say(10, "elena", "dotty")
    cycle = channel.m.begin(Lane("dotty", CHANNEL))
    assert cycle is not None
    (entry,) = cycle.entries
    assert channel.m.claim(cycle, entry) == "wait"
    assert channel.m.give_back(cycle, entry, keep=False) == "declined"
    channel.m.finish(cycle)
    aria_is_next(channel)


def test_a_bot_that_waits_behind_another_is_called_though_it_spoke_meanwhile(
    store: Store,
) -> None:
    """Its earlier post comes out while it waits, named second: once the first one is
    done it has its turn at once."""
    channel = Channel(store)
    channel.say(10, "dotty")
    held = channel.ask("dotty")
    assert held is not None
    (entry,) = held.entries
    assert channel.m.commit(held, entry, final=True) == "committed"
    channel.m.finish(held)
    channel.say(11, "elena", "dotty")
    assert channel.ask("elena") is None
    assert channel.ask("dotty") is None
    assert channel.m.post("dotty", CHANNEL) is not None
    channel.m.receipt("dotty", CHANNEL)
    assert channel.turn()
    assert channel.answered == [("elena", 11)]
    assert Lane("dotty", CHANNEL) in channel.m.pump()
    assert channel.turn()
    assert channel.answered[-1] == ("dotty", 11)


def test_who_waits_behind_a_bot_that_gave_up_asks_when_the_floor_ends(
    store: Store,
) -> None:
    """A third bot has the floor and dies with it: once its lease has ended nobody is
    waited for any more."""
    channel = Channel(store)
    channel.say(10, "dotty")
    assert channel.ask("dotty") is not None
    channel.say(11, "elena", "aria")
    cycle = channel.m.begin(Lane("elena", CHANNEL))
    assert cycle is not None
    (entry,) = cycle.entries
    assert channel.m.claim(cycle, entry) == "wait"
    assert channel.ask("aria") is None
    assert channel.m.give_back(cycle, entry, keep=False) == "declined"
    channel.m.finish(cycle)
    channel.m.world.advance(LEASE_MS + SLACK_MS)
    assert Lane("aria", CHANNEL) in channel.m.pump()
    assert channel.ask("aria") is not None
