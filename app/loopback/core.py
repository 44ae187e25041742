"""The parts of one loopback Discord, wired together."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from app.loopback.faults import Faults
from app.loopback.gateway import Hub
from app.loopback.handshake import StartLimit
from app.loopback.interactions import Interactions
from app.loopback.journal import Journal
from app.loopback.loop import LoopCaller
from app.loopback.nonces import NonceWindow
from app.loopback.ratelimit import RateLimiter
from app.loopback.service import Service
from app.loopback.snowflake import SnowflakeSource
from app.loopback.state import World


@dataclass(frozen=True, slots=True)
class Options:
    """How a loopback Discord is made; see LoopbackDiscord for the meaning of each."""

    seed: int = 0
    nonce_window: float = 300.0
    rate_limit: tuple[int, float] | None = (5, 5.0)
    clock: Callable[[], float] = time.time
    ahead: float = 0.0
    compress: bool = True
    starts: StartLimit = field(default_factory=StartLimit)
    heartbeat_interval: float = 41.25


class Core:
    """State, gateway, recording and faults of one loopback Discord; sockets are the
    server's business."""

    def __init__(self, options: Options) -> None:
        self.caller = LoopCaller()
        self.journal = Journal()
        self.limiter = RateLimiter(options.rate_limit)
        self.nonces = NonceWindow(options.nonce_window)
        # One source of chance for each purpose, so that switching a fault on does not
        # change tokens or session ids.
        self.world = World(
            SnowflakeSource(lambda: options.clock() + options.ahead),
            random.Random(f"{options.seed} tokens"),
        )
        self.hub = Hub(
            self.world,
            random.Random(f"{options.seed} sessions"),
            self.journal.wake_waiting,
            compress=options.compress,
            starts=options.starts,
            heartbeat_interval=options.heartbeat_interval,
        )
        self.faults = Faults(
            self.hub,
            self.caller,
            random.Random(f"{options.seed} faults"),
            self.journal.wake_waiting,
        )
        self.service = Service(self.world, self.hub, self.journal, self.nonces)
        self.interactions = Interactions(self.world)
