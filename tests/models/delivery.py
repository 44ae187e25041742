"""Commit to Discord: one outbox entry, two deliverers, a network that loses and delays,
a Discord that forgets nonces.

Time goes in ticks of one request timeout. Ages are in ticks and stop counting where
they no longer matter.

- **take**: a deliverer gets the delivery lease of the channel when it is free. Kept by **extend** only while it is
  still its own.
- **attempt**, asked before every POST: lease mine? Delivered: done. Muted: buried. No attempt of unknown fate: send,
  and its time is the *first* attempt's. Could a POST sent now still arrive inside the nonce window, counted from the
  first attempt: send. Else read back.
- **POST** with the entry's nonce, only while the permission is younger than the request timeout. It arrives within
  that timeout or never. Discord makes a message unless it remembers the nonce. It surely remembers for the window and
  here forgets at its end.
- **read back**, once every earlier attempt has arrived or timed out. Found, and not known to be another entry's:
  delivered. Not found: attempt again, saying so: it counts as a first attempt, if the first attempt is still the one
  that was looked for.
- **unsent** (lease mine): a POST that was refused for certain (429), and was the only attempt, leaves nothing unknown
  behind.
- **delivered** by the answer or by the gateway's receipt, by whoever learns of it.
- **mute**: acknowledged when nothing that was permitted can still arrive.

Faults: a deliverer is killed or pauses for as long as it likes; POSTs and answers are
lost; 429. In the channel stands an earlier post of the same words. `zombie`: a
deliverer may pause between its last look at the clock and the socket, and post when its
permission is old. No protocol on this side closes that: the one POST that can be seen
twice is the counter-example that the tests hold fast.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from tests.models.explore import Model, changed_fast

NEVER = -1
FREE = -1
IDLE, HOLDING, LOOKED, ALLOWED, ASKED, REFUSED = (
    "idle",
    "holding",
    "looked",
    "allowed",
    "asked",
    "refused",
)
OFF, MUTED, ACKNOWLEDGED = "off", "muted", "acknowledged"


@changed_fast
class Deliverer(NamedTuple):
    """Where it is. `age`: since its permission; `saw`: it asked about the first attempt
    that still stands; `renews`: it believes to hold the lease and renews it by a clock
    of its own."""

    at: str = IDLE
    age: int = 0
    saw: bool = False
    renews: bool = False


@changed_fast
class State(NamedTuple):
    """The entry (`first`, `last`, `tries`, `done`), the lease, the network (`posts`:
    ages of those on their way), Discord (`seen`, `nonce`)."""

    workers: tuple[Deliverer, ...] = (Deliverer(), Deliverer())
    lease: int = FREE
    lease_age: int = 0
    first: int = NEVER
    last: int = NEVER
    tries: int = 0
    done: bool = False
    posts: tuple[int, ...] = ()
    seen: int = 0
    nonce: int = NEVER
    mute: str = OFF
    bad: str = ""


class Delivery(Model[State]):
    """The protocol without the named rules. `window` and `lease` in request
    timeouts."""

    def __init__(
        self,
        *without: str,
        window: int = 3,
        lease: int = 2,
        zombie: bool = False,
        mute: bool = False,
    ) -> None:
        self.without = frozenset(without)
        self.window = window
        self.lease = lease
        self.zombie = zombie
        self.mute = mute

    def has(self, rule: str) -> bool:
        return rule not in self.without

    def initial(self) -> Iterator[State]:
        yield State()

    def broken(self, s: State) -> str:
        if s.bad:
            return s.bad
        if s.seen > 1:
            return "posted twice"
        if s.done and not s.seen and s.mute == OFF:
            return "called delivered and never posted"
        return ""

    def settled(self, s: State) -> bool:
        return s.done and all(worker.at == IDLE for worker in s.workers)

    def same(self, s: State) -> State:
        """Deliverers are interchangeable."""
        first, second = s.workers
        if first < second or (first == second and s.lease != 1):
            return s
        lease = 1 - s.lease if s.lease >= 0 else FREE
        return s._replace(workers=s.workers[::-1], lease=lease)

    def steps(self, s: State) -> Iterator[tuple[str, State]]:
        yield "a timeout passes", self._tick(s)
        yield from self._network(s)
        if s.seen and not s.done:
            yield "receipt by the gateway", s._replace(done=True)
        if self.mute and s.mute == OFF and not s.done:
            yield "!mute", s._replace(mute=MUTED)
        if s.mute == MUTED and (
            s.last == NEVER
            or s.last > 1
            or not self.has("mute waits for what is in flight")
        ):
            yield "mute acknowledged", s._replace(mute=ACKNOWLEDGED)
        for number, worker in enumerate(s.workers):
            if worker != Deliverer():
                yield (
                    f"!deliverer killed when {worker.at}",
                    self._with(s, number, Deliverer()),
                )
            yield from self._work(s, number, worker)

    def _tick(self, s: State) -> State:
        def older(age: int, most: int) -> int:
            return age if age == NEVER else min(age + 1, most)

        workers = tuple(
            w._replace(age=older(w.age, 2)) if w.at in {ALLOWED, ASKED} else w
            for w in s.workers
        )
        # What is a timeout old has arrived or is lost.
        after = s._replace(
            workers=workers,
            first=older(s.first, self.window),
            last=older(s.last, 2),
            posts=tuple(age + 1 for age in s.posts if age < 1),
            nonce=older(s.nonce, self.window),
        )
        if s.lease != FREE:
            ended = s.lease_age + 1 >= self.lease
            after = (
                after._replace(lease=FREE, lease_age=0)
                if ended
                else after._replace(lease_age=s.lease_age + 1)
            )
        return after

    def _network(self, s: State) -> Iterator[tuple[str, State]]:
        for age in sorted(set(s.posts)):
            rest = list(s.posts)
            rest.remove(age)
            gone = s._replace(posts=tuple(rest))
            yield "!a POST is lost", gone
            known = (
                s.nonce != NEVER
                and s.nonce < self.window
                and self.has("the nonce is the entry's own")
            )
            bad = (
                "posted after the mute was acknowledged"
                if s.mute == ACKNOWLEDGED
                else ""
            )
            arrived = (
                gone if known else gone._replace(seen=s.seen + 1, nonce=0, bad=bad)
            )
            yield "!a POST arrives, its answer is lost", arrived
            for number, worker in enumerate(s.workers):
                if worker.at == ASKED and worker.age == age:
                    yield (
                        "a POST arrives, and its answer",
                        self._idle(arrived, number)._replace(done=True),
                    )
                    yield (
                        "!a POST is refused with 429",
                        self._with(gone, number, worker._replace(at=REFUSED)),
                    )

    # ---- one deliverer

    @staticmethod
    def _with(s: State, number: int, worker: Deliverer) -> State:
        return s._replace(
            workers=(*s.workers[:number], worker, *s.workers[number + 1 :])
        )

    def _idle(self, s: State, number: int) -> State:
        """Leave: the lease is given back if it is still mine."""
        mine = s.lease == number
        idle = self._with(s, number, Deliverer())
        return idle._replace(lease=FREE, lease_age=0) if mine else idle

    def _work(self, s: State, number: int, w: Deliverer) -> Iterator[tuple[str, State]]:
        mine = s.lease == number
        if w.renews and (
            mine
            or (
                s.lease == FREE
                and not self.has("only a lease that is mine is extended")
            )
        ):
            yield "lease extended", s._replace(lease=number, lease_age=0)
        if w.at == IDLE:
            if s.lease == FREE and not s.done:
                after = self._with(s, number, Deliverer(HOLDING, renews=True))
                yield "lease taken", after._replace(lease=number, lease_age=0)
        elif w.at in {HOLDING, LOOKED}:
            yield from self._attempt(s, number, w, mine)
        elif w.at == ALLOWED:
            if w.age < 1 or self.zombie:
                after = self._with(
                    s, number, w._replace(at=ASKED, age=0 if self.zombie else w.age)
                )
                yield (
                    "POST leaves",
                    after._replace(
                        posts=tuple(sorted((*s.posts, 0 if self.zombie else w.age)))
                    ),
                )
            if w.age >= 1:
                yield (
                    "permission is too old",
                    self._with(s, number, w._replace(at=HOLDING, age=0)),
                )
        elif w.at == ASKED:
            if w.age > 0:
                yield "no answer", self._with(s, number, w._replace(at=HOLDING, age=0))
        elif w.at == REFUSED:
            after = self._with(s, number, w._replace(at=HOLDING, age=0))
            if s.tries == 1 and (mine or not self.has("unsent checks the lease")):
                after = self._unseen(after)._replace(first=NEVER, last=NEVER, tries=0)
            yield "unsent", after

    def _unseen(self, s: State) -> State:
        """The first attempt changes: who has looked for the old one has looked for
        nothing."""
        if not self.has("looking is for the first attempt that stands"):
            return s
        return s._replace(workers=tuple(w._replace(saw=False) for w in s.workers))

    def _attempt(
        self, s: State, number: int, w: Deliverer, mine: bool
    ) -> Iterator[tuple[str, State]]:
        if not mine and self.has("attempt checks the lease"):
            yield "attempt: lease lost", self._with(s, number, Deliverer())
            return
        if s.done:
            yield "attempt: done", self._idle(s, number)
            return
        if s.mute != OFF and self.has("attempt checks the mute"):
            yield "attempt: muted, buried", self._idle(s, number)._replace(done=True)
            return
        absent = s.first == NEVER or (w.at == LOOKED and w.saw)
        allowed = self._with(s, number, w._replace(at=ALLOWED, age=0))
        if absent:
            fresh = self._unseen(allowed)
            yield "attempt: send", fresh._replace(first=0, last=0, tries=1)
        elif self._in_window(s):
            yield "attempt: send again", allowed._replace(last=0, tries=2)
        elif s.last > 1 or not self.has("reading back waits out the timeout"):
            yield from self._read_back(s, number, w)

    def _in_window(self, s: State) -> bool:
        age = (
            s.first if self.has("the window counts from the first attempt") else s.last
        )
        margin = 1 if self.has("the window has a margin") else 0
        return age + margin < self.window or not self.has("past the window read back")

    def _read_back(
        self, s: State, number: int, w: Deliverer
    ) -> Iterator[tuple[str, State]]:
        if s.seen or not self.has("other entries' posts are left out"):
            yield "read back: found", self._idle(s, number)._replace(done=True)
        else:
            yield (
                "read back: not there",
                self._with(s, number, w._replace(at=LOOKED, saw=True)),
            )
