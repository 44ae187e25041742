"""Each protocol, on the real server beside its reference, under every fault: lost
answers, deaths, zombies, late gateways.

Short here; `STREAM_PROVE=1` runs at least 5,000 examples of each.
"""

from __future__ import annotations

from typing import ClassVar

import pytest
from hypothesis.stateful import run_state_machine_as_test

from app.domain.model import AuthorKind
from app.store.door import Store
from tests.store.rules_machine import MEANWHILE, Protocol


class Lanes(Protocol):
    """No wake is lost and none is redundant: every direct message is answered or sits
    in a due lane, one cycle a lane."""

    bots = ("aria", "dotty")
    channels = ("55", "66")
    addressed = ((), ("aria",), ("dotty",))


class Elections(Protocol):
    """An unaddressed message is answered by the best bidder that can act, and by nobody
    else, whoever dies when."""


class Quiet(Protocol):
    """Each bot keeps quiet after a post for as long as it says itself: nobody is given
    the floor in its quiet time, nor waits for another's."""

    quiets: ClassVar = {"aria": 5_000, "elena": 80_000}
    settings: ClassVar = {"cooldown": 20, "election_max_age": 150}


class Commits(Protocol):
    """Zombies are refused, replays answer alike, stale drafts are dropped, effects are
    all there or not at all."""

    bots = ("aria", "dotty")
    addressed = ((), ("aria",))
    changes = True
    meanwhile = tuple(what for what in MEANWHILE if what != "nothing")
    settings: ClassVar = {"cooldown": 0}


class Budgets(Protocol):
    """No interleaving of people, our bots and foreign ones exceeds a root, a day or a
    person's hour."""

    settings: ClassVar = {
        "root_posts": 3,
        "root_hops": 2,
        "root_tokens": 350,
        "daily_posts": 5,
        "daily_tokens": 900,
        "daily_posts_all": 8,
        "person_hourly": 1,
        "daily_usd": 0.0003,
        "cooldown": 0,
    }
    addressed = ((), (), ("aria",), ("dotty", "aria"))
    authors = (AuthorKind.HUMAN, AuthorKind.OURS, AuthorKind.FOREIGN)
    tokens = (20, 80, 150)
    micro_usd, held_usd = 90, 100


class Money(Protocol):
    """Of calls that take eighty times what is held for them, whoever dies or is silent
    when, one at most passes a cap: a bot's, everybody's, a person's or a channel's."""

    settings: ClassVar = {
        "daily_usd": 0.02,
        "daily_usd_all": 0.05,
        "person_daily_usd": 0.03,
        "channel_daily_usd": 0.04,
        "root_usd": 0.03,
        "cooldown": 0,
        "quiet_time": 0,
    }
    channels = ("55", "66")
    addressed = ((), ("aria",), ("dotty", "aria"))
    authors = (AuthorKind.HUMAN, AuthorKind.OURS)
    meanwhile = tuple(what for what in MEANWHILE if what != "committed twice")
    micro_usd, held_usd = 8_000, 100


class Addressed(Protocol):
    """Bots that one message names answer in order; a dead one is skipped after a lease;
    a direct claim takes an unasked floor."""

    addressed = ((), ("aria", "dotty"), ("elena", "dotty", "aria"), ("dotty", "elena"))
    changes = True


class DeadBot(Protocol):
    """The same when no worker serves the first of the named."""

    addressed = (("aria", "dotty"), ("aria", "dotty", "elena"))
    dead = ("aria",)


class Mutes(Protocol):
    """Under a mute nobody is admitted, elected, given the floor or committed."""

    addressed = ((), ("aria",), ("dotty", "aria"))
    settings: ClassVar = {"cooldown": 0}
    mutes = (
        "all",
        "guild:7",
        "channel:55",
        "bot:aria",
        "bot:dotty",
        "bot:aria@channel:55",
    )


MACHINES = (Lanes, Elections, Quiet, Commits, Budgets, Money, Addressed, DeadBot, Mutes)


@pytest.mark.parametrize("machine", MACHINES, ids=lambda machine: machine.__name__)
def test_protocol(machine: type[Protocol], store: Store) -> None:
    """The machine's docstring is the promise."""
    machine.store = store
    run_state_machine_as_test(machine)
