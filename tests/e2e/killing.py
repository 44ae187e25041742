"""Kill -9 at a named point, restart as a supervisor would, and see what became of the
messages."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from app.loopback import LoopbackDiscord, Post
from app.store import keys
from tests.e2e import warm
from tests.e2e.model_server import ModelServer
from tests.e2e.system import (
    System,
    add_bots,
    cold,
    eager_character,
    system,
    write_characters,
)

Kind = Literal["direct", "unaddressed"]
KINDS: tuple[Kind, ...] = ("direct", "unaddressed")

GATEWAY_POINTS = (
    "admit_before",
    "admit_after",
    "elect_before",
    "elect_after",
    "enqueue_before",
    "enqueue_after",
)
POST_POINTS = ("post_before", "post_ready", "post_sent", "post_after", "mark_after")
WORKER_POINTS = (
    "lock_before", "lock_after", "floor_before", "floor_after", "model_before", "model_after",
    "commit_before", "commit_after", "finish_after", "deliver_before", *POST_POINTS,
)  # fmt: skip
POINTS = GATEWAY_POINTS + WORKER_POINTS
MEANING = {
    "admit_before": "gateway: before the admission's script",
    "admit_after": "gateway: after it, before anything else",
    "elect_before": "gateway: before an election is closed",
    "elect_after": "gateway: after the grant, before the winner's hint",
    "enqueue_before": "gateway: before the hint is sent",
    "enqueue_after": "gateway: after the hint was sent",
    "lock_before": "worker: before the lane's lock",
    "lock_after": "worker: after it",
    "floor_before": "worker: before the claim of the floor",
    "floor_after": "worker: after it",
    "model_before": "worker: tokens reserved, model not called",
    "model_after": "worker: model answered, nothing committed",
    "commit_before": "worker: before the commit",
    "commit_after": "worker: after it",
    "finish_after": "worker: after the lane's end, before its hints",
    "deliver_before": "worker: before the delivery begins",
    "post_before": "worker: permission taken, POST not sent",
    "post_ready": "worker: last check passed, nothing sent",
    "post_sent": "worker: POST written to the socket",
    "post_after": "worker: POST answered, not marked",
    "mark_after": "worker: marked as delivered",
}
BOTS = ("ada", "bob")
QUEUES = "direct,delivery,cycles,chores"
PATIENCE = 40.0
LOADED = {"gateway": "gateway starts", "worker": " ready. "}
"""What a process logs once it has loaded. A gateway then begins to take its leases:
waiting for them is recovery."""


@dataclass
class Round:
    """One kill and what became of it."""

    point: str
    kind: Kind
    lost: int = 0
    duplicates: int = 0
    recovery: float = 0.0
    """Seconds from the restart until all is answered, delivered and at rest."""
    start: float = 0.0
    """Seconds of them until the restarted process had loaded: what the machine needs
    for it."""


def pairs(points: Sequence[str]) -> list[tuple[str, Kind]]:
    """Each point with both kinds of message; a direct one has no election."""
    return [
        (point, kind)
        for point in points
        for kind in KINDS
        if not (kind == "direct" and point.startswith("elect"))
    ]


def some(points: Sequence[str]) -> list[tuple[str, Kind]]:
    """Each point once, by turns with a direct message and one to nobody, where there
    are both."""
    both = [[pair for pair in pairs(points) if pair[0] == point] for point in points]
    return [choices[place % len(choices)] for place, choices in enumerate(both)]


class Stage:
    """Two bots in one gateway and one worker; rounds are played on it one after
    another."""

    def __init__(self, running: System) -> None:
        self.running = running
        self.discord = running.discord
        self.bots = add_bots(running, *BOTS)
        self.channel = self.discord.add_channel("general")
        self.caught = 0
        """How often its bots have caught up once the gateway of now is ready."""
        self.people = {name: self.discord.add_user(name) for name in ("Kim", "Lee")}

    def open(self) -> None:
        """Start everything and answer once, so that all channels have cursors."""
        self.worker()
        self.gateway()
        self.caught_up()
        post = self.say("direct")
        self.running.wait(lambda: self.discord.replies_to(post), 60.0, "a first answer")
        self.rest()

    def say(self, kind: Kind) -> Post:
        """A direct message to the first bot, or one to nobody."""
        if kind == "direct":
            return self.discord.dm(
                self.people["Kim"], self.bots[BOTS[0]], "are you there?"
            )
        return self.discord.post(
            self.people["Lee"], self.channel, "Has anybody read a good book?"
        )

    def worker(self) -> Any:
        """A worker process, which dies where `arm` says."""
        return self.running.worker(QUEUES, "worker", env=self._armed_by("worker"))

    def gateway(self) -> Any:
        """A gateway process, likewise."""
        self.caught = len(BOTS) + (
            self.said("gateway", "caught up") if self.caught else 0
        )
        return self.running.gateway(*BOTS, env=self._armed_by("gateway"))

    def _armed_by(self, name: str) -> dict[str, str]:
        return {"STREAM_KILL_AT": f"@{self._order(name)}"}

    def _order(self, name: str) -> Path:
        return self.running.folder / f"{name}.kill"

    def caught_up(self) -> None:
        """Wait until the gateway hears all that is said from now on."""
        self.running.wait(
            lambda: self.said("gateway", "caught up") >= self.caught,
            PATIENCE,
            "a gateway",
        )

    def arm(self, name: str, point: str) -> Any:
        """The process that runs, which from now on dies at the point."""
        self.caught_up()
        self._order(name).write_text(point)
        return self.running.processes[name]

    def disarm(self, name: str) -> None:
        """No point ends it any more."""
        self._order(name).unlink()

    def said(self, name: str, words: str) -> int:
        """How often these words are in a process's log."""
        log = self.running.folder / f"{name}.log"
        return log.read_text().count(words)

    def restart(self, name: str, began: float) -> float:
        """Start a gateway or worker and wait until it has loaded; the seconds since
        `began`."""
        before = self.said(name, LOADED[name])
        start = self.gateway if name == "gateway" else self.worker
        start()
        self.running.wait(
            lambda: self.said(name, LOADED[name]) > before,
            PATIENCE,
            f"a {name} that has loaded",
        )
        return time.monotonic() - began

    def rest(self) -> None:
        """Wait until nothing is due any more."""
        self.running.wait(self.resting, PATIENCE, "rest")

    def resting(self) -> bool:
        """Whether no lane, election or delivery is due."""
        client = self.running.store.client
        return not any(
            client.zcard(key)
            for key in (keys.WAKES_DUE, keys.DELIVERIES_DUE, keys.ELECTIONS_DUE)
        )

    def answers(self, post: Post) -> int:
        """How often a message was answered for all to see."""
        return sum(1 for reply in self.discord.replies_to(post) if reply.is_bot)

    def play(self, point: str, kind: Kind) -> tuple[Round, list[Post]]:
        """Kill what runs at the point, restart it, and wait until all is well. Returns
        the round, and what should be answered."""
        name = "gateway" if point in GATEWAY_POINTS else "worker"
        victim = self.arm(name, point)
        posts = [self.say(kind)]
        self.running.wait(
            lambda: victim.poll() is not None, PATIENCE, f"death at {point}"
        )
        self.disarm(name)
        if name == "gateway":
            posts.append(self.say("direct"))  # while nobody listens
        began = time.monotonic()
        result = Round(point, kind)
        result.start = self.restart(name, began)
        with contextlib.suppress(AssertionError):
            self.running.wait(
                lambda: all(map(self.answers, posts)) and self.resting(), PATIENCE
            )
        result.recovery = time.monotonic() - began
        result.lost = sum(1 for post in posts if not self.answers(post))
        return result, posts


@contextlib.contextmanager
def stage(
    folder: Path, *, window: float = 300.0, warmed: bool = True, **settings: object
) -> Iterator[Stage]:
    """A stage, ready to play on; `window`: seconds for which its Discord remembers a
    nonce. Its bots speak through a model server, so that the model call is a real
    request."""
    server = LoopbackDiscord(rate_limit=None, nonce_window=window)
    with ModelServer() as model:
        llm = {"model": "openai:made-up", "base_url": model.url}
        characters = write_characters(
            folder / "characters",
            [eager_character(name) | {"model": llm} for name in BOTS],
        )
        calm = {
            "cooldown": 0,
            "quiet_time": 0,
            "person_hourly": 10_000,
            "daily_posts": 10_000,
            "daily_tokens": 10**8,
        }
        with system(
            folder, server, characters_dir=characters, **calm, **settings
        ) as running:
            running.launch = warm.launch if warmed else cold
            one = Stage(running)
            one.open()
            yield one


def _act(
    folder: Path, script: Sequence[tuple[str, Kind]], **options: Any
) -> list[Round]:
    with stage(folder, **options) as one:
        played = [one.play(point, kind) for point, kind in script]
        one.rest()
        for result, posts in played:
            result.duplicates = sum(max(0, one.answers(post) - 1) for post in posts)
        owed = 1 + sum(len(posts) for _, posts in played)
        stray = (
            len(one.discord.posts_by_bots())
            - owed
            - sum(r.duplicates - r.lost for r, _ in played)
        )
        assert stray == 0, f"{stray} posts of bots answer nothing"
        return [result for result, _ in played]


def play_all(
    folder: Path, script: Sequence[tuple[str, Kind]], stages: int, **options: Any
) -> list[Round]:
    """Play every round, spread over so many stages at once. `options` as for
    `stage`."""
    parts = [script[number::stages] for number in range(stages)]
    with ThreadPoolExecutor(stages) as pool:
        acts = [
            pool.submit(_act, folder / f"stage-{number}", part, **options)
            for number, part in enumerate(parts)
        ]
        return [one for act in acts for one in act.result()]


def table(rounds: Sequence[Round]) -> str:
    """A Markdown table, one row for each point and kind."""
    lines = [
        "| point | where | message | rounds | lost | duplicates | slowest recovery, s | of it start, s |",
        "|---|---|---|--:|--:|--:|--:|--:|",
    ]
    for point, kind in pairs(POINTS):
        these = [one for one in rounds if (one.point, one.kind) == (point, kind)]
        if these:
            slowest = max(these, key=lambda one: one.recovery)
            lines.append(
                f"| `{point}` | {MEANING[point]} | {kind} | {len(these)} | {sum(one.lost for one in these)} "
                f"| {sum(one.duplicates for one in these)} | {slowest.recovery:.1f} | {slowest.start:.1f} |"
            )
    return "\n".join(lines)
