"""One run: the schedule is carried out, and what was seen is judged."""

from __future__ import annotations

import heapq
import itertools
import signal
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from app.domain.errors import StoreUnavailable, StreamError
from app.loopback import ApiError, Post
from app.operator import ops
from app.store import journal, keys, mutes, stats
from app.store.door import Store
from tests.chaos.house import CALM, House, house, people_and_places
from tests.chaos.schedule import BOTS, PRIVATE, Act, Schedule, Strike
from tests.chaos.strikes import Steps, group, missing, strike
from tests.patience import patience
from tests.sim.checker import is_excused
from tests.sim.evidence import Evidence, Limits, Said, Shown, Silence

WATCH_S = 1.0
SETTLES_S = 60.0
"""Seconds of an idle machine within which all is answered at the end."""
ACKNOWLEDGED_WITHIN = 20.0
SOON_S = 10.0
"""Seconds within which whatever waits for something else is due again."""


@dataclass
class Struck:
    """A strike that happened, from when to when, in Unix seconds."""

    kind: str
    begun: float
    ended: float = 0.0


@dataclass
class Seen:
    """What a run showed."""

    evidence: Evidence
    struck: list[Struck]
    ended: list[str]
    missing: dict[str, str]


@dataclass
class _Stage:
    """The people, the places, and what was said."""

    people: dict[str, Any]
    places: dict[str, Any]
    said: dict[int, Post] = field(default_factory=dict)
    acts: dict[str, Act] = field(default_factory=dict)


class Run:
    """Carries a schedule out, in one thread that never waits for a process."""

    def __init__(
        self, one: House, plan: Schedule, tell: Callable[[str], None] = print
    ) -> None:
        self._house, self._plan, self._tell = one, plan, tell
        self._discord = one.running.discord
        self._stage = _Stage(*people_and_places(one))
        self._queue: list[tuple[float, int, Callable[[], None]]] = []
        self._numbers = itertools.count()
        self._missing = missing(one)
        self._struck: list[Struck] = []
        self._busy: set[str] = set()
        self._silences: list[Silence] = []
        self._muting: dict[str, threading.Thread] = {}
        self._unmuting: dict[str, float] = {}
        """When it was first tried."""
        self._begun = 0.0

    def play(self) -> Seen:
        """From the first word to the last answer."""
        self._house.open()
        self._greet()
        self._begun = time.monotonic()
        for act in self._plan.acts:
            self._at(act.at, lambda act=act: self._act(act))  # type: ignore[misc]
        for one in self._plan.strikes:
            if one.kind not in self._missing:
                self._at(one.at, lambda one=one: self._strike(one))  # type: ignore[misc]
        self._at(0.0, self._watch)
        while self._queue:
            at, _, step = heapq.heappop(self._queue)
            time.sleep(max(0.0, self._begun + at - time.monotonic()))
            step()
        self._settle()
        return Seen(self._evidence(), self._struck, self._house.ended, self._missing)

    # ---- time

    @property
    def _now(self) -> float:
        return time.monotonic() - self._begun

    def _at(self, at: float, step: Callable[[], None]) -> None:
        heapq.heappush(self._queue, (at, next(self._numbers), step))

    def _watch(self) -> None:
        self._house.watch()
        # Strikes that had to wait for others come after the last second.
        if self._now < self._plan.seconds or self._busy or self._queue:
            self._at(self._now + WATCH_S, self._watch)

    def _greet(self) -> None:
        """Everybody has written to every bot once: a first private message while the
        bot is away is a stated limit."""
        running = self._house.running
        posts = [
            self._discord.dm(person, self._house.accounts[bot], "hello")
            for person in self._stage.people.values()
            for bot in BOTS
        ]
        running.wait(
            lambda: all(self._discord.replies_to(post) for post in posts),
            60.0,
            "a first answer to everybody",
        )

    def _settle(self) -> None:
        """What is whole again is given time to answer."""
        self._house.proxy.heal()
        deadline = time.monotonic() + patience(SETTLES_S)
        while not self._at_rest() and time.monotonic() < deadline:
            self._house.watch()
            time.sleep(WATCH_S)

    def _at_rest(self) -> bool:
        due = (keys.WAKES_DUE, keys.ELECTIONS_DUE, keys.DELIVERIES_DUE)
        store = self._house.running.store
        # The next polls are always due, minutes from now.
        soon = (store.run(stats.server_time()) + SOON_S) * 1000
        waits = any(store.client.zcount(one, "-inf", soon) for one in due)
        return not waits and not self._owing()

    def _owing(self) -> bool:
        """Whether a question is open, and nothing says why."""
        store = self._house.running.store
        settled = {(one.author_name, one.reply_to) for one in self._discord.posts}
        settled |= {(one.user_name, one.message_id) for one in self._discord.reactions}
        gone = {
            one.message_id for one in self._discord.posts if one.deleted or one.edited
        }
        return any(
            not is_excused(bot, store.run(journal.read(message)))
            for message, act in self._stage.acts.items()
            for bot in act.asks
            if (bot, int(message)) not in settled and int(message) not in gone
        )

    # ---- strikes

    def _strike(self, one: Strike) -> None:
        if (busy := group(one.kind)) in self._busy:
            self._at(self._now + WATCH_S, lambda: self._strike(one))
            return
        self._busy.add(busy)
        happening = Struck(one.kind, time.time())
        self._struck.append(happening)
        self._tell(f"{self._now:7.1f} s  {one.kind}")
        self._go_on(strike(self._house, one), happening)

    def _go_on(self, steps: Steps, happening: Struck) -> None:
        seconds = next(steps, None)
        if seconds is not None:
            self._at(self._now + seconds, lambda: self._go_on(steps, happening))
            return
        happening.ended = time.time()
        self._busy.discard(group(happening.kind))

    # ---- people

    def _act(self, act: Act) -> None:
        match act.kind:
            case "say":
                self._say(act)
            case "mute":
                self._mute(self._scope(act.scope))
            case "unmute":
                self._unmute(self._scope(act.scope))
            case _:
                self._think_again(act)

    def _say(self, act: Act) -> None:
        text, person = act.text, self._stage.people[act.who]
        for bot in BOTS:
            user = self._house.accounts[bot].id
            text = text.replace(f"<@{bot}>", f"<@{user}>")
        if act.channel == PRIVATE:
            post = self._discord.dm(person, self._house.accounts[act.asks[0]], text)
        else:
            post = self._discord.post(person, self._stage.places[act.channel], text)
        self._stage.said[act.number] = post
        self._stage.acts[str(post.message_id)] = act

    def _think_again(self, act: Act) -> None:
        post = self._stage.said[act.number]
        try:
            if act.kind == "delete":
                self._discord.delete(post)
            else:
                self._discord.edit(post, act.text)
        except ApiError:
            return  # it is deleted already

    def _scope(self, scope: str) -> str:
        kind, _, name = scope.partition(":")
        return f"channel:{self._stage.places[name].id}" if kind == "channel" else scope

    def _mute(self, scope: str) -> None:
        """As the operator's command, which may have to wait for Redis."""
        if scope not in self._muting:
            thread = threading.Thread(target=self._muted, args=(scope,), daemon=True)
            self._muting[scope] = thread
            thread.start()

    def _muted(self, scope: str) -> None:
        store = Store(self._house.running.valkey.url)
        try:
            store.run(mutes.mute(scope, "operator"))
            if ops.wait_for_acknowledgement(store, ACKNOWLEDGED_WITHIN):
                self._silences.append(Silence(scope, time.time()))
        except StreamError:
            pass  # the operator is told that it was not
        finally:
            store.close()

    def _unmute(self, scope: str) -> None:
        if (thread := self._muting.pop(scope, None)) is None:
            return
        thread.join(ACKNOWLEDGED_WITHIN)
        until = self._unmuting.pop(scope, time.time())
        try:
            self._house.running.store.run(mutes.unmute(scope))
        except StoreUnavailable:
            # A frozen Redis carries it out once it goes on, whoever waits for it by then.
            self._unmuting[scope] = until
            self._muting[scope] = thread
            self._at(self._now + WATCH_S, lambda: self._unmute(scope))
            return
        self._silences = [
            Silence(one.scope, one.from_s, min(one.until_s, until))
            if one.scope == scope
            else one
            for one in self._silences
        ]

    # ---- what was seen

    def _evidence(self) -> Evidence:
        store = self._house.running.store
        acts = self._stage.acts
        reacted: dict[int, set[str]] = {}
        for one in self._discord.reactions:
            if one.is_bot and not one.removed:
                reacted.setdefault(one.message_id, set()).add(one.user_name)
        return Evidence(
            bots=BOTS,
            messages=[_shown(one, reacted) for one in self._discord.posts],
            said=said_of(acts, self._discord.posts),
            journals={message: store.run(journal.read(message)) for message in acts},
            limits=LIMITS,
            silences=self._silences,
        )


LIMITS = Limits(
    cooldown=float(str(CALM["cooldown"])),
    root_posts=6,
    daily_posts=100_000,
    stale_after=900.0 + 120.0,
    quiet_time=float(str(CALM["quiet_time"])),
)


def said_of(acts: Mapping[str, Act], posts: Iterable[Post]) -> dict[str, Said]:
    """What people said, by message. The channel is Discord's: a person has another
    private one with each bot."""
    channels = {str(one.message_id): str(one.channel_id) for one in posts}
    return {
        message: Said(act.who, channels[message], act.asks)
        for message, act in acts.items()
    }


def _shown(one: Post, reacted: dict[int, set[str]]) -> Shown:
    return Shown(
        id=str(one.message_id),
        channel=str(one.channel_id),
        bot=one.author_name if one.is_bot else "",
        at=one.wall,
        reply_to=str(one.reply_to or ""),
        nonce=str(one.nonce or ""),
        edited=one.edited,
        deleted=one.at if one.deleted else None,
        reacted=tuple(sorted(reacted.get(one.message_id, ()))),
    )


def play(folder: Path, plan: Schedule, tell: Callable[[str], None] = print) -> Seen:
    """Carry a schedule out in an empty folder."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    with house(folder, plan.seed) as one:
        return Run(one, plan, tell).play()
