"""Elections: who answers a message that addresses nobody."""

from __future__ import annotations

from typing import NamedTuple

from app.domain.settings import Settings
from app.domain.verdicts import Elect
from app.runtime import metrics
from app.store import keys
from app.store.calls import Call, Reply, command
from app.store.floors import Next, next_of
from app.store.keys import Key
from app.store.scripts import script


class Election(NamedTuple):
    """What became of an election: the winner when GRANTED, and in how many ms to ask
    again."""

    verdict: Elect
    winner: str
    retry_in_ms: int
    fresh: bool = True
    """This call granted it, so its caller sends the hint. A repeated call does not; if
    the answer is lost, the pump sends it."""
    next: Next = Next()
    """Who may speak now that this election left the floor free."""


def _parse(reply: Reply, channel: str) -> Election:
    metrics.note_election(reply[0], bids=int(reply[3]))
    return Election(
        Elect(reply[0]),
        reply[1],
        int(reply[2]),
        bool(reply[3]),
        next_of(reply[4], reply[5], channel),
    )


@script("election.decide")
def _decide(
    *,
    election: Key,
    answer: Key,
    floor: Key,
    recent_posts: Key,
    journal: Key,
    message: str,
    channel: str,
    quiet_ms: int,
    lease_ms: int,
    max_age_ms: int,
) -> None: ...


def decide(
    message: str, channel: str, settings: Settings, quiet_time: float | None = None
) -> Call[Election]:
    """Decide the election of one message. Any process may call this, any number of
    times: there is one outcome."""
    quiet = settings.quiet_time if quiet_time is None else quiet_time
    call = _decide(
        election=keys.election(message),
        answer=keys.answer(message),
        floor=keys.floor(channel),
        recent_posts=keys.recent_bot_posts(channel),
        journal=keys.journal(message),
        message=message,
        channel=channel,
        quiet_ms=int(quiet * 1000),
        lease_ms=int(settings.floor_lease * 1000),
        max_age_ms=int(settings.election_max_age * 1000),
    )
    return call.parsed(lambda reply: _parse(reply, channel))


def channel_of(message: str) -> Call[str]:
    """The channel of a message whose election is open; empty when it is unknown."""
    return command(
        "HGET", keys.election(message), "channel", parse=lambda reply: reply or ""
    )
