"""One copy of a message for all bots of a process: who is admitted by hearsay, and how
far cursors move. One channel, two bots.

- **copy**: a connection brings its bot the next message. Known as shared with this bot:
  its copy has come. Else, where nothing waits in the bot's own queue and nobody shares
  the message yet, it is shared with every bot that hears: live, without a gap, nothing
  in its own queue. Else it goes into the bot's own queue.
- **admit** the first of the shared queue for its bots, or the first of a bot's own one,
  which waits for what was shared before it and moves the cursor.
- **note**: a cursor is to pass a shared message when the bot's own copy has come, the
  message is admitted, nothing before it waits for the bot, and there is no gap.
  **flush** writes what was noted.
- **read**: what lies behind the cursor is read from Discord and admitted; the gap is
  closed.

Faults: a session that ends (what is said until the next one is lost), and the death of
the process. Redis's outages are that nothing is admitted for a while.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from tests.models.explore import Model, changed_fast, put

BOTS = (0, 1)


@changed_fast
class State(NamedTuple):
    """Tuples have a place for each bot, `shared` and `taken` for each message."""

    posted: int = 0
    admitted: tuple[frozenset[int], ...] = (frozenset(), frozenset())
    cursor: tuple[int, ...] = (0, 0)
    live: tuple[bool, ...] = (False, False)
    gap: tuple[bool, ...] = (True, True)
    heard: tuple[int, ...] = (0, 0)
    """The newest message that the connection has brought, or lost."""
    queue: tuple[int, ...] = ()
    own: tuple[tuple[tuple[int, frozenset[int]], ...], ...] = ((), ())
    """Messages, each with the shared ones before it."""
    shared: tuple[frozenset[int], ...] = ()
    taken: tuple[bool, ...] = ()
    noted: tuple[int, ...] = (0, 0)
    bad: str = ""


class Hearsay(Model[State]):
    """The protocol without the named rules, for so many messages."""

    def __init__(self, *without: str, messages: int = 3) -> None:
        self.without = frozenset(without)
        self.messages = messages

    def _has(self, rule: str) -> bool:
        return rule not in self.without

    def initial(self) -> Iterator[State]:
        """Nothing was said, and nobody is connected."""
        none = (frozenset[int](),) * self.messages
        yield State(shared=none, taken=(False,) * self.messages)

    def same(self, s: State) -> State:
        """The two bots are interchangeable."""
        first, second = zip(s.cursor, s.heard, s.live, s.gap, s.noted, strict=True)
        if first == second:
            first, second = self._view(s, 0), self._view(s, 1)
        if first <= second:
            return s
        return s._replace(
            admitted=s.admitted[::-1],
            cursor=s.cursor[::-1],
            live=s.live[::-1],
            gap=s.gap[::-1],
            heard=s.heard[::-1],
            own=s.own[::-1],
            shared=tuple(frozenset(1 - bot for bot in bots) for bots in s.shared),
            noted=s.noted[::-1],
        )

    @staticmethod
    def _view(s: State, bot: int) -> tuple[Any, ...]:
        """What else tells a bot from the other."""
        return (
            sorted(s.admitted[bot]),
            [(message, sorted(before)) for message, before in s.own[bot]],
            [bot in bots for bots in s.shared],
        )

    def steps(self, s: State) -> Iterator[tuple[str, State]]:
        """Whatever may come next."""
        if s.posted < self.messages:
            yield "!post", s._replace(posted=s.posted + 1)
        if s.queue:
            yield "admit the shared", self._admit_shared(s)
        yield "!the process dies", self._dead(s)
        for bot in BOTS:
            yield from self._of(s, bot)

    def _of(self, s: State, bot: int) -> Iterator[tuple[str, State]]:
        if not s.live[bot]:
            begun = s._replace(live=put(s.live, bot, True), gap=put(s.gap, bot, True))
            yield f"{bot} begins", begun._replace(heard=put(s.heard, bot, s.posted))
            return
        yield f"!{bot} ends", s._replace(live=put(s.live, bot, False))
        if s.heard[bot] < s.posted:
            yield f"copy for {bot}", self._copy(s, bot)
        if s.own[bot] and not s.own[bot][0][1] & set(s.queue):
            yield f"admit {bot}'s own", self._admit_own(s, bot)
        if s.noted[bot] > s.cursor[bot]:
            moved = put(s.cursor, bot, s.noted[bot])
            yield f"flush {bot}", s._replace(cursor=moved)
        if s.gap[bot]:
            yield f"{bot} reads", self._read(s, bot)

    def _hears(self, s: State, bot: int) -> bool:
        if s.own[bot]:
            return False
        return not self._has("who shares hears") or (s.live[bot] and not s.gap[bot])

    def _copy(self, s: State, bot: int) -> State:
        message = s.heard[bot] + 1
        s = s._replace(heard=put(s.heard, bot, message))
        place = message - 1
        if bot in s.shared[place]:
            return self._note(s, bot, message)
        if s.shared[place] or s.own[bot]:
            own = (*s.own[bot], (message, frozenset(s.queue)))
            return s._replace(own=put(s.own, bot, own))
        bots = {bot, *(one for one in BOTS if self._hears(s, one))}
        deaf = [one for one in bots - {bot} if not s.live[one] or s.gap[one]]
        return s._replace(
            shared=put(s.shared, place, frozenset(bots)),
            queue=(*s.queue, message),
            bad="who does not hear was admitted" if deaf else s.bad,
        )

    def _admit_shared(self, s: State) -> State:
        message, *queue = s.queue
        admitted = s.admitted
        for bot in s.shared[message - 1]:
            admitted = put(admitted, bot, admitted[bot] | {message})
        s = s._replace(
            queue=tuple(queue),
            admitted=admitted,
            taken=put(s.taken, message - 1, True),
        )
        for bot in s.shared[message - 1]:
            s = self._note(s, bot, message)
        return s

    def _note(self, s: State, bot: int, message: int) -> State:
        came = s.heard[bot] >= message or not self._has("the own copy has come")
        taken = s.taken[message - 1] or not self._has("it is admitted")
        waits = s.own[bot] or any(
            one < message and bot in s.shared[one - 1] for one in s.queue
        )
        first = not waits or not self._has("nothing waits before it")
        if came and taken and first and s.live[bot] and not s.gap[bot]:
            return s._replace(noted=put(s.noted, bot, max(message, s.noted[bot])))
        return s

    def _admit_own(self, s: State, bot: int) -> State:
        message = s.own[bot][0][0]
        s = s._replace(
            own=put(s.own, bot, s.own[bot][1:]),
            admitted=put(s.admitted, bot, s.admitted[bot] | {message}),
        )
        moves = not s.gap[bot] and not s.queue
        cursor = max(message, s.cursor[bot]) if moves else s.cursor[bot]
        return s._replace(cursor=put(s.cursor, bot, cursor))

    def _read(self, s: State, bot: int) -> State:
        # What is said from now on the live connection brings.
        read = frozenset(range(s.cursor[bot] + 1, s.heard[bot] + 1))
        return s._replace(
            admitted=put(s.admitted, bot, s.admitted[bot] | read),
            cursor=put(s.cursor, bot, max(s.cursor[bot], s.heard[bot])),
            gap=put(s.gap, bot, False),
        )

    def _dead(self, s: State) -> State:
        fresh = next(iter(self.initial()))
        return fresh._replace(
            posted=s.posted, admitted=s.admitted, cursor=s.cursor, bad=s.bad
        )

    def broken(self, s: State) -> str:
        """No cursor has passed what was not admitted."""
        for bot in BOTS:
            if not s.admitted[bot] >= set(range(1, s.cursor[bot] + 1)):
                return "a cursor has passed what was not admitted"
        return s.bad

    def settled(self, s: State) -> bool:
        """Everybody is admitted for everything."""
        return all(len(one) == s.posted for one in s.admitted)
