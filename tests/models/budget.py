"""The causal budget: one human message, two of our bots and a foreign one that answer
whatever they may. Loops end.

The human message is the root. A root may cause so many posts, and chains of so many
hops.

- **admit**: a bot's post has a cause, its root and hops. Of our own post it is known from its delivery; before that,
  from what its author has in flight in the channel. One without a cause is exhausted. A foreign bot's post is one hop
  after what it answers, and one of the root's posts. Of an exhausted root nothing is answered.
- **reserve**, one step before the model is called: the root has posts, hops and money left; then a post and a call's money are
  held. Whoever has a hold may commit, so that nothing is paid for in vain. Where money is missing that is held for calls that
  run, it waits: such a call may take nothing.
- **commit**, one step: entry still there; then it is removed and the post, one hop on, is in the author's outbox. Run
  twice because its answer was lost: the earlier verdict. A silence gives its post back, and its call is paid for.
- A dead cycle's hold stays in the books: its call may have been made.
- Deliveries of a bot in a channel are one after another, so what is in flight is one post.

`said` counts our posts since the human spoke, and `called` the calls that were made:
the root's own counts may miss some.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from tests.models.explore import Model, changed_fast, put

UNKNOWN = -1
"""Hops of a post whose cause nobody can tell."""


@changed_fast
class Cycle(NamedTuple):
    """A cycle of one bot: the hops of the entry that it answers, whether a budget was
    free when it looked, and whether it holds a part of it."""

    hops: int
    allowed: bool
    held: bool = False


@changed_fast
class State(NamedTuple):
    """Tuples have a place for each bot: inboxes (hops of each entry, sorted), cycles,
    outbox (hops of a post or None)."""

    inbox: tuple[tuple[int, ...], ...]
    cycle: tuple[Cycle | None, ...]
    outbox: tuple[int | None, ...]
    arriving: tuple[tuple[int, int], ...] = ()
    """Posts that a bot's gateway has not yet seen: (reader, hops)."""
    posts: int = 0
    said: int = 0
    money: int = 0
    """In calls, those held included."""
    called: int = 0
    bad: str = ""


class Budget(Model[State]):
    """The protocol without the named rules. The last bot is foreign where `foreign` is
    set: it knows no budget."""

    def __init__(
        self,
        *without: str,
        posts: int = 3,
        hops: int = 2,
        calls: int = 3,
        bots: int = 2,
        foreign: bool = False,
    ) -> None:
        self.without = frozenset(without)
        self.most_posts, self.most_hops, self.most_calls = posts, hops, calls
        self.ours = range(bots)
        self.everyone = range(bots + int(foreign))

    def has(self, rule: str) -> bool:
        return rule not in self.without

    def initial(self) -> Iterator[State]:
        """The human message has been admitted to all bots."""
        each = tuple(None for _ in self.everyone)
        yield State(tuple((0,) for _ in self.everyone), each, each)

    def same(self, s: State) -> State:
        """Our bots are interchangeable: which of them is called what is all the
        same."""
        order = sorted(self.ours, key=lambda bot: self._view(s, bot))
        if order == [*self.ours]:
            return s
        places = [*order, *self.everyone[len(order) :]]
        named = {bot: name for name, bot in enumerate(places)}
        return s._replace(
            inbox=tuple(s.inbox[bot] for bot in places),
            cycle=tuple(s.cycle[bot] for bot in places),
            outbox=tuple(s.outbox[bot] for bot in places),
            arriving=tuple(sorted((named[bot], hops) for bot, hops in s.arriving)),
        )

    @staticmethod
    def _view(s: State, bot: int) -> tuple[Any, ...]:
        """All that tells a bot from the others."""
        post = s.outbox[bot]
        coming = [hops for reader, hops in s.arriving if reader == bot]
        return s.inbox[bot], s.cycle[bot] or (), -2 if post is None else post, coming

    def broken(self, s: State) -> str:
        if any(hops is not None and hops > self.most_hops for hops in s.outbox):
            return "a chain longer than its bound"
        if s.called > self.most_calls:
            return "more calls than the root has money for"
        # A foreign bot keeps no budget; but it answers only what is said, so what we
        # say stays bounded.
        return s.bad or (
            "more of our posts than the root's budget"
            if s.said > self.most_posts
            else ""
        )

    def settled(self, s: State) -> bool:
        return (
            not any(s.inbox)
            and not any(s.cycle)
            and not s.arriving
            and all(post is None for post in s.outbox)
        )

    def steps(self, s: State) -> Iterator[tuple[str, State]]:
        for bot in self.everyone:
            if bot in self.ours:
                yield from self._cycle(s, bot)
                yield from self._delivery(s, bot)
            elif s.inbox[bot]:
                yield from self._foreign(s, bot)
        for arrival in sorted(set(s.arriving)):
            rest = list(s.arriving)
            rest.remove(arrival)
            yield (
                f"admit to bot {arrival[0]}",
                self._admit(s._replace(arriving=tuple(rest)), *arrival),
            )

    def _spent(self, s: State, hops: int) -> bool:
        return (
            s.money >= self.most_calls
            or s.posts >= self.most_posts
            or (hops >= self.most_hops and self.has("hops are bounded"))
        )

    def _admit(self, s: State, bot: int, hops: int) -> State:
        if hops == UNKNOWN:
            if self.has("a post without a cause is exhausted"):
                return s
            return self._entered(s, bot, 0)._replace(posts=0, money=0, called=0)
        foreign = bot not in self.ours
        return (
            s if not foreign and self._spent(s, hops) else self._entered(s, bot, hops)
        )

    @staticmethod
    def _entered(s: State, bot: int, hops: int) -> State:
        return s._replace(inbox=put(s.inbox, bot, tuple(sorted((*s.inbox[bot], hops)))))

    def _cycle(self, s: State, bot: int) -> Iterator[tuple[str, State]]:
        cycle = s.cycle[bot]
        if cycle is None:
            for hops in sorted(set(s.inbox[bot])):
                yield (
                    f"bot {bot}: begin",
                    s._replace(
                        cycle=put(s.cycle, bot, Cycle(hops, not self._spent(s, hops)))
                    ),
                )
            return
        idle = s._replace(cycle=put(s.cycle, bot, None))
        if not cycle.held:
            yield f"!bot {bot}: killed", idle
            yield from self._reserve(s, idle, bot, cycle)
            return
        forgotten = idle._replace(posts=s.posts - 1, money=s.money - 1)
        yield (
            f"!bot {bot}: killed in its call",
            idle if self.has("a dead cycle's hold stays booked") else forgotten,
        )
        if s.outbox[bot] is None:
            yield from self._end(s, idle, bot, cycle)

    def _without(self, s: State, bot: int, hops: int) -> State:
        """The entry is gone from the inbox."""
        rest = list(s.inbox[bot])
        rest.remove(hops)
        return s._replace(inbox=put(s.inbox, bot, tuple(rest)))

    def _reserve(
        self, s: State, idle: State, bot: int, cycle: Cycle
    ) -> Iterator[tuple[str, State]]:
        if cycle.hops not in s.inbox[bot]:
            yield f"bot {bot}: claim refused, entry gone", idle
            return
        looks = self.has("reserve checks and counts in one step")
        if not (not self._spent(s, cycle.hops) if looks else cycle.allowed):
            held = sum(other is not None and other.held for other in s.cycle)
            ended = s._replace(posts=s.posts - held, money=s.money - held)
            fits = not self._spent(ended, cycle.hops)
            if looks and fits and self.has("reserve waits for calls that run"):
                return
            yield (
                f"bot {bot}: reserve refused",
                self._without(idle, bot, cycle.hops)._replace(
                    bad="refused for money that is not spent" if looks and fits else ""
                ),
            )
            return
        calling = s._replace(cycle=put(s.cycle, bot, cycle._replace(held=True)))
        yield (
            f"bot {bot}: reserve, and the model is called",
            calling._replace(
                posts=s.posts + 1,
                money=s.money + 1,
                called=min(s.called, self.most_calls) + 1,
            ),
        )

    def _end(
        self, s: State, idle: State, bot: int, cycle: Cycle
    ) -> Iterator[tuple[str, State]]:
        """A cycle that has paid for its draft commits it or keeps silent."""
        here, bad = cycle.hops in s.inbox[bot], ""
        if not here and self.has("commit takes the entry"):
            yield (
                f"bot {bot}: commit again, entry gone",
                idle._replace(posts=s.posts - 1),
            )
            return
        removed = self._without(idle, bot, cycle.hops) if here else idle
        if not here:
            bad = "answered twice"
        money = s.money if self.has("a silence is paid for") else s.money - 1
        yield f"bot {bot}: silence", removed._replace(posts=s.posts - 1, money=money)
        yield (
            f"bot {bot}: its call took nothing",
            removed._replace(posts=s.posts - 1, money=s.money - 1, called=s.called - 1),
        )
        after = removed._replace(
            said=s.said + 1, outbox=put(s.outbox, bot, cycle.hops + 1), bad=bad
        )
        yield f"bot {bot}: commit", after
        if not self.has("a repeated commit gives its earlier verdict"):
            yield (
                f"!bot {bot}: commit, answer lost",
                after._replace(cycle=put(s.cycle, bot, cycle)),
            )

    def _delivery(self, s: State, bot: int) -> Iterator[tuple[str, State]]:
        hops = s.outbox[bot]
        if hops is None:
            return
        sent = s._replace(outbox=put(s.outbox, bot, None))
        readers = [other for other in self.everyone if other != bot]
        arriving = tuple(sorted((*s.arriving, *((reader, hops) for reader in readers))))
        yield f"bot {bot}: delivered", sent._replace(arriving=arriving)
        early = hops if self.has("a post in flight is attributed") else UNKNOWN
        after = sent
        for reader in readers:
            after = self._admit(after, reader, early)
        yield f"bot {bot}: seen by the gateways before its id is known", after

    def _foreign(self, s: State, bot: int) -> Iterator[tuple[str, State]]:
        """It answers everything; its post reaches our bots."""
        hops = s.inbox[bot][0]
        after = s._replace(inbox=put(s.inbox, bot, s.inbox[bot][1:]))
        yield f"foreign bot {bot}: silent", after
        if self.has("a foreign post is one of the root's"):
            after = after._replace(posts=min(s.posts + 1, self.most_posts))
            heard = hops + 1
        else:
            after, heard = after._replace(posts=0, money=0, called=0), 0
        for reader in self.ours:
            after = self._admit(after, reader, heard)
        yield f"foreign bot {bot}: posts", after
