"""What a story finds: states that an earlier call would have left, and how a bot gets
to speak."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from app.domain.lane import Lane
from app.domain.model import InboxEntry
from app.store import keys
from app.store.keys import Key
from tests.store import world
from tests.store.world import STEP_MS, Cycle

if TYPE_CHECKING:
    from tests.store.chapters import Play

CHANNEL = "55"
WINDOW_MS, HOUR_MS = 10_000, 3_600_000


def write(play: Play, key: Key, **fields: str | int) -> None:
    """Fields of a hash, as an earlier call would have left them."""
    play.world.store.client.hset(key, mapping=dict(fields))
    play.world.store.client.pexpire(key, HOUR_MS)


def next_ms(play: Play) -> int:
    """The time of the next call."""
    return play.world.time + STEP_MS


def wait_in_line(play: Play, bot: str) -> None:
    """A bot that was spoken to waits for the floor."""
    world.queue_up(play.world.store, Lane(bot, CHANNEL), play.world.time)


def hold_floor(play: Play, bot: str, message: str, **more: str | int) -> None:
    """A bot has the floor for 50 s."""
    held: dict[str, str | int] = {
        "bot": bot,
        "message": message,
        "token": "7",
        "kind": "auto",
        "until": next_ms(play) + 50_000,
        "lease": 40_000,
    }
    write(play, keys.floor(CHANNEL), **held | more)


def posted_before(play: Play, **ago_ms: int) -> None:
    """When bots last posted."""
    recent = keys.recent_bot_posts(CHANNEL)
    play.world.store.client.delete(recent)
    scores = {f"{bot}:e": next_ms(play) - ms for bot, ms in ago_ms.items()}
    play.world.store.client.zadd(recent, scores)
    play.world.store.client.pexpire(recent, HOUR_MS)


def asked(play: Play, message: str, **more: Any) -> tuple[Cycle, InboxEntry, str]:
    """Aria is spoken to, and has the floor."""
    said = world.event(message, **more)
    play.admit("aria is asked", world.direct("aria", said, ("aria",)))
    cycle = play.begin("she begins", Lane("aria", CHANNEL), f"w{message}")
    entry = cycle.entries[-1]
    return cycle, entry, play.claim("and has the floor", cycle.holder, entry)


def won(play: Play, message: str, bot: str = "aria") -> tuple[Cycle, Any, str]:
    """A bot wins the election of a message, and has the floor."""
    heard = world.candidate(bot, world.event(message))
    play.admit(f"{bot} bids", heard)
    play.world.advance(WINDOW_MS)
    play.elect("and wins", message)
    cycle = play.begin("it begins", Lane(bot), f"w{message}")
    entry = cycle.entries[-1]
    return cycle, entry, play.claim("and has the floor", cycle.holder, entry)
