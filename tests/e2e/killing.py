"""Kill -9 at a named point, restart as a supervisor would, and see what became of the messages."""

from __future__ import annotations

import collections
import os
import signal
import statistics
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from app import keys
from app.playground.loopback import LoopbackDiscord, Post
from tests.e2e import warm
from tests.e2e.model_server import ModelServer
from tests.e2e.system import System, add_bots, cold, eager_character, system, write_characters

Kind = Literal["direct", "unaddressed"]

GATEWAY_POINTS = ("admit_before", "admit_after", "elect_before", "elect_after", "enqueue_before", "enqueue_after")
POST_POINTS = ("post_before", "post_sent", "post_after", "mark_after")
WORKER_POINTS = (
    "lock_before", "lock_after", "floor_before", "floor_after", "model_before", "model_after",
    "commit_before", "commit_after", "finish_after", "deliver_hint_before", *POST_POINTS,
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
    "deliver_hint_before": "worker: before the hint to deliver",
    "post_before": "worker: permission taken, POST not sent",
    "post_sent": "worker: POST written to the socket",
    "post_after": "worker: POST answered, not marked",
    "mark_after": "worker: marked as delivered",
}
BOTS = ("ada", "bob")
PATIENCE = 40.0
QUEUES = "direct,delivery,cycles,chores"


@dataclass
class Round:
    """One kill and what became of it."""

    point: str
    kind: Kind
    lost: int = 0
    duplicates: int = 0
    recovery: float = 0.0
    """Seconds from the restart to the last answer."""
    model_calls: int = 0


@dataclass
class Stage:
    """A small system on which rounds are played one after another."""

    running: System
    model: ModelServer
    person: Any
    channel: Any
    bots: dict[str, Any]

    def say(self, kind: Kind) -> Post:
        """A direct message to the first bot, or one to nobody."""
        discord = self.running.discord
        if kind == "direct":
            return discord.dm(self.person, self.bots[BOTS[0]], "are you there?")
        return discord.post(self.person, self.channel, "Has anybody read a good book?")

    def gateway(self, kill_at: str = "") -> None:
        """A gateway process, to die at a point if one is given; returns when it hears."""
        connects = self.running.discord.connects
        self.running.gateway(*BOTS, env={"STREAM_KILL_AT": kill_at} if kill_at else None)
        self.running.wait(lambda: self.running.discord.connects > connects)


def answered(running: System, post: Post) -> int:
    """How often a message was answered visibly."""
    return sum(1 for reply in running.discord.replies_to(post) if reply.is_bot)
