"""Elections: who answers a message that addresses nobody."""

from __future__ import annotations

from typing import NamedTuple

from app.domain.settings import Settings
from app.domain.verdicts import Elect
from app.store import keys
from app.store.calls import Call, Reply, command


class Election(NamedTuple):
    """What became of an election: the winner when GRANTED, and in how many ms to ask
    again."""

    verdict: Elect
    winner: str
    retry_in_ms: int
    fresh: bool = True
    """This call granted it: its caller sends the hint. A repeated call does not; should
    an answer be lost, the pump does."""
    next: str = ""
    """Who may speak now that this election left the floor free: a lane, or
    `#<message>`."""


def _parse(reply: Reply) -> Election:
    return Election(Elect(reply[0]), reply[1], int(reply[2]), bool(reply[3]), reply[4])


def elect(
    message: str, channel: str, settings: Settings, quiet_time: float | None = None
) -> Call[Election]:
    """Close the election of one message. Any process may ask, any number of times: the
    outcome is one."""
    quiet = settings.quiet_time if quiet_time is None else quiet_time
    return Call(
        "elect",
        (
            keys.bids(message),
            keys.ELECTIONS_DUE,
            keys.answer(message),
            keys.floor(channel),
            keys.recent_bot_posts(channel),
            keys.journal(message),
            keys.floor_waiting(channel),
        ),
        (
            message,
            channel,
            int(quiet * 1000),
            int(settings.floor_lease * 1000),
            int(settings.election_max_age * 1000),
        ),
        _parse,
    )


def channel_of(message: str) -> Call[str]:
    """The channel of a message whose election is open; empty when it is unknown."""
    return command(
        "HGET", keys.bids(message), "#channel", parse=lambda reply: reply or ""
    )
