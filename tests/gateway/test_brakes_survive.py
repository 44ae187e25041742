"""Every kind of brake outlives a Redis that was emptied while the bot's own gateway was
away: a colleague's gateway writes it again."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import pytest_asyncio
import redis

from app.domain.lane import Lane
from app.domain.model import RosterEntry
from app.gateway.healing import Healing
from app.gateway.presence import Presence
from app.host.valkey import EmbeddedValkey
from app.rules.reception import Sign
from app.store import keys, mutes, receptions, wishes
from app.store.door import AsyncStore, Store
from tests.store import world
from tests.store.machine import Machine

HOUR_MS = 3_600_000
ARIA = Lane("aria", "55")


def muted(scope: str, for_ms: int | None = None) -> Callable[[Store], None]:
    """As the operator's command does it."""

    def brake(store: Store) -> None:
        store.run(mutes.mute(scope, "operator", for_ms))
        store.run(mutes.remember(scope))

    return brake


def stopped(scope: str, for_ms: int | None = None) -> Callable[[Store], None]:
    """As a moderator's word does it."""

    def brake(store: Store) -> None:
        store.run(mutes.stop(scope, "moderator 901", for_ms))
        store.run(mutes.remember(scope))

    return brake


def answered(store: Store) -> None:
    """Aria answers a person in a channel: what that costs is booked."""
    answer(Machine(store, {}))


def answer(machine: Machine) -> None:
    """The same with a world that is there."""
    machine.admit(world.direct("aria", world.event("1"), ("aria",)))
    cycle = machine.begin(ARIA)
    assert cycle is not None
    entry = cycle.entries[0]
    assert machine.claim(cycle, entry) == "granted"
    assert machine.commit(cycle, entry, final=True) == "committed"


def disliked(store: Store) -> None:
    """A person has told aria off in a channel."""
    store.run(receptions.note("aria", "55", world.ALICE, Sign.TOLD_OFF, "r1"))


def acted(store: Store) -> None:
    """Aria has spoken unasked a moment ago."""
    store.client.set(keys.cooldown("aria"), "1", px=HOUR_MS)


def opted_out(store: Store) -> None:
    """A person wants no part in this."""
    store.run(wishes.opt_out(wishes.digest(world.ALICE)))


def forgotten(store: Store) -> None:
    """What a person said is forgotten."""
    store.run(wishes.mark_forgotten(wishes.digest(world.BOB)))


class Brake(NamedTuple):
    """How it is set, and in which keys it is."""

    set: Callable[[Store], None]
    pattern: str


BRAKES = {
    "all bots": Brake(muted("all"), "mute:op:all"),
    "a server that only aria knows": Brake(muted("guild:7"), "mute:op:guild:7"),
    "a channel that only aria reads": Brake(muted("channel:55"), "mute:op:channel:55"),
    "a private channel": Brake(stopped("channel:99"), "mute:channel:99"),
    "a moderator's, for an hour": Brake(
        stopped("channel:55", HOUR_MS), "mute:channel:55"
    ),
    "aria": Brake(muted("bot:aria"), "mute:op:bot:aria"),
    "aria in one channel": Brake(
        muted("bot:aria@channel:55"), "mute:op:bot:aria@channel:55"
    ),
    "aria in one channel for an hour": Brake(
        muted("bot:aria@channel:55", HOUR_MS), "mute:op:bot:aria@channel:55"
    ),
    "aria's day": Brake(answered, "budget:aria:[0-9]*"),
    "all bots' day": Brake(answered, "budget:all:[0-9]*"),
    "a person's day": Brake(answered, "budget:person:901:[0-9]*"),
    "a channel's day": Brake(answered, "budget:channel:55:[0-9]*"),
    "a person's share of aria's day": Brake(answered, "budget:aria:shares:[0-9]*"),
    "aria's cooldown": Brake(acted, "bot:aria:last_autonomous_action"),
    "what a channel makes of aria": Brake(disliked, "reception:aria"),
    "a person who wants no part": Brake(opted_out, "opted_out"),
    "a person who is forgotten": Brake(forgotten, "forgotten"),
}


def read_hash(client: Any, key: str) -> dict[str, str]:
    """What counts in it: a count of nothing is none."""
    found: dict[str, str] = client.hgetall(key)
    return {name: value for name, value in found.items() if value != "0"}


READ: dict[str, Callable[[redis.Redis, str], Any]] = {
    "string": lambda client, key: bool(client.get(key)),
    "hash": read_hash,
    "set": lambda client, key: client.smembers(key),
    "zset": lambda client, key: client.zrange(key, 0, -1, withscores=True),
}


def found(client: redis.Redis, pattern: str) -> dict[str, tuple[Any, bool]]:
    """What holds, by key, and whether it ends."""
    return {
        str(key): (READ[client.type(key)](client, key), client.pttl(key) > 0)
        for key in client.keys(pattern)
    }


def flushed(server: EmbeddedValkey) -> None:
    """Somebody's FLUSHALL."""
    with redis.Redis.from_url(server.url) as client:
        client.flushall()


def restarted_empty(server: EmbeddedValkey) -> None:
    """The server dies and comes back without its data."""
    server.kill()
    for data in server.folder.glob("appendonlydir"):
        shutil.rmtree(data)
    server.start()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedValkey]:
    """One that tests may kill."""
    with EmbeddedValkey(Path(tmp_path_factory.mktemp("brakes"))) as running:
        yield running


@pytest_asyncio.fixture
async def gateway(server: EmbeddedValkey) -> AsyncIterator[Healing]:
    """A gateway with one bot, dotty, that has seen aria on the roster. It reads nothing
    of what aria does."""

    async def publish(bot: str, presence: Presence) -> None:
        pass

    flushed(server)
    store = AsyncStore(server.url)
    healing = Healing(store, publish, every=1.0)
    healing.published("dotty", Presence("1", channels=("66",)))
    healing.colleagues.merged([RosterEntry(bot="aria", user_id="2", names=("Aria",))])
    yield healing
    await store.close()


@pytest.mark.asyncio
@pytest.mark.parametrize("empty", [flushed, restarted_empty])
@pytest.mark.parametrize("kind", BRAKES)
async def test_a_brake_survives(
    server: EmbeddedValkey,
    gateway: Healing,
    kind: str,
    empty: Callable[[EmbeddedValkey], None],
) -> None:
    """It is there before and after, with the same content, and ends if it ended. It
    survives a second emptying as well."""
    brake = BRAKES[kind]
    store = Store(server.url)
    brake.set(store)
    before = found(store.client, brake.pattern)
    assert before
    await look(gateway, 1)
    for _ in range(2):
        empty(server)
        assert not found(store.client, brake.pattern)
        await look(gateway, 2)
        assert found(store.client, brake.pattern) == before
    store.close()


async def look(gateway: Healing, times: int) -> None:
    """So many turns of the pump, each of which reads all brakes."""
    for _ in range(times):
        gateway._taken -= 60
        await gateway.tick()


def scopes(store: Store) -> Sequence[str]:
    """Those that are known as muted."""
    return store.run(mutes.list_standing())


def test_a_mute_that_has_ended_is_known_no_more(store: Store) -> None:
    """Whoever looks takes it out; another one stays."""
    muted("bot:aria@channel:55")(store)
    stopped("channel:66")(store)
    store.run(mutes.unmute("bot:aria@channel:55"))
    assert scopes(store) == ["channel:66"]
    assert store.client.zrange(keys.MUTES, 0, -1) == ["channel:66"]


@pytest.mark.asyncio
async def test_a_clock_that_went_back_forgets_no_budget(
    server: EmbeddedValkey, gateway: Healing
) -> None:
    """Redis's clock stood an hour ahead when a change was noted: what changes now is
    read all the same."""
    store = Store(server.url)
    machine = Machine(store, {})
    ahead = keys.budgets_changed(machine.world.today())
    store.client.zadd(ahead, {"dotty": machine.world.time + 24 * HOUR_MS})
    await look(gateway, 1)
    answer(machine)
    await look(gateway, 1)
    flushed(server)
    await look(gateway, 1)
    assert store.client.keys("budget:person:901:*")
    store.close()


@pytest.mark.asyncio
async def test_nothing_about_a_forgotten_person_comes_back(
    server: EmbeddedValkey, gateway: Healing
) -> None:
    """Their budget, their share of a day and what they made of posts are gone, whatever
    a gateway had read before."""
    store = Store(server.url)
    answered(store)
    disliked(store)
    await look(gateway, 1)
    store.run(wishes.mark_forgotten(wishes.digest(world.ALICE)))
    await look(gateway, 1)
    flushed(server)
    await look(gateway, 1)
    assert store.client.keys("budget:aria:[0-9]*")
    assert not store.client.keys("budget:person:*")
    assert not store.client.keys("budget:*:shares:*")
    assert not store.client.keys("reception:*")
    store.close()
