"""What goes wrong. Each kind is a generator that yields how many seconds it lets pass
before it goes on; when it ends, all is whole again but what the processes still have to
catch up with."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Callable, Iterator
from random import Random

from tests.chaos.house import House, faketime
from tests.chaos.schedule import Strike

Steps = Iterator[float]
LOOK = 0.1
"""Seconds between two looks at a process."""
PATIENCE = 60.0
"""Seconds after which a process that does not end or load is left to itself."""


def _restart_after(house: House, name: str, seconds: float) -> Steps:
    yield seconds
    house.start(name)


def _killed(house: House, kind: str, lasts: float, rng: Random) -> Steps:
    for name in rng.sample(found := house.names(kind), min(1, len(found))):
        house.send(name, signal.SIGKILL)
        house.running.processes[name].wait()
        yield from _restart_after(house, name, min(lasts, 4.0))


def _redis_killed(house: House, lasts: float, rng: Random) -> Steps:
    house.running.valkey.kill()
    yield min(lasts, 4.0)
    house.running.valkey.start()


def _frozen(house: House, kind: str, lasts: float, rng: Random) -> Steps:
    """For longer than every lease of five seconds, mostly."""
    for name in rng.sample(found := house.names(kind), min(1, len(found))):
        house.send(name, signal.SIGSTOP)
        yield lasts
        house.send(name, signal.SIGCONT)


def _replaced(house: House, lasts: float, rng: Random) -> Steps:
    """A gateway stands still, another takes its bots, and the first wakes."""
    for name in rng.sample(found := house.names("gateway"), min(1, len(found))):
        other = house.free_name("gateway")
        house.bots_of[other] = house.bots_of.pop(name)
        house.send(name, signal.SIGSTOP)
        house.start(other)
        yield max(lasts, 7.0)
        house.expected.add(name)
        house.send(name, signal.SIGCONT)
        yield 2.0
        house.send(name, signal.SIGTERM)
        yield from _until_ended(house, name)
        del house.running.processes[name]


def _redis_frozen(house: House, lasts: float, rng: Random) -> Steps:
    house.freeze_redis(signal.SIGSTOP)
    yield lasts
    house.freeze_redis(signal.SIGCONT)


def _slow_network(house: House, lasts: float, rng: Random) -> Steps:
    house.proxy.delay = rng.choice((0.03, 0.1, 0.3))
    yield lasts
    house.proxy.delay = 0.0


def _dropping_network(house: House, lasts: float, rng: Random) -> Steps:
    house.proxy.cut_rate = rng.choice((0.01, 0.05, 0.2))
    yield lasts
    house.proxy.cut_rate = 0.0


def _dead_network(house: House, lasts: float, rng: Random) -> Steps:
    house.proxy.swallow = True
    yield lasts
    house.proxy.swallow = False


def _disk_full(house: House, lasts: float, rng: Random) -> Steps:
    if house.disk is None:
        return
    filler = house.disk / "filler"
    with filler.open("wb", buffering=0) as file, contextlib.suppress(OSError):
        while True:
            file.write(bytes(65_536))
    yield lasts
    filler.unlink()


def _memory_full(house: House, lasts: float, rng: Random) -> Steps:
    admin = house.running.store.client
    admin.config_set("maxmemory", 1)
    yield lasts
    admin.config_set("maxmemory", 0)


def _two_beats(house: House, lasts: float, rng: Random) -> Steps:
    house.start("beat-again")
    yield lasts + 3.0
    house.send("beat-again", signal.SIGTERM)
    yield from _until_ended(house, "beat-again")
    del house.running.processes["beat-again"]


def _until_ended(house: House, name: str) -> Steps:
    waited = 0.0
    while house.alive(name) and waited < PATIENCE:
        yield LOOK
        waited += LOOK
    if house.alive(name):
        house.send(name, signal.SIGKILL)
        house.running.processes[name].wait()


def _until_loaded(house: House, name: str) -> Steps:
    waited = 0.0
    while not house.loaded(name) and waited < PATIENCE:
        yield LOOK
        waited += LOOK


def _stopped(house: House, name: str) -> Steps:
    house.send(name, signal.SIGTERM)
    yield from _until_ended(house, name)


def _rolling(house: House, lasts: float, rng: Random) -> Steps:
    """Each process ends in good order and is started anew, one after another."""
    for name in [*house.names("worker"), *house.names("gateway")]:
        yield from _stopped(house, name)
        house.start(name)
        yield from _until_loaded(house, name)
    for name in house.names("beat"):
        yield from _stopped(house, name)
        house.start(name)


def _scaled(house: House, lasts: float, rng: Random) -> Steps:
    more = [name for name in ("worker-2", "worker-3") if name not in house.workers]
    for name in more:
        house.workers.append(name)
        house.start(name)
    for name in more:
        yield from _until_loaded(house, name)
    yield lasts
    for name in more:
        yield from _stopped(house, name)
        house.workers.remove(name)
        del house.running.processes[name]


def _moved(house: House, lasts: float, rng: Random) -> Steps:
    """A bot of the gateway that has most goes to the one that has fewest. By turns the
    old one ends first, or both have the bot for a while."""
    names = sorted(house.names("gateway"), key=lambda name: len(house.bots_of[name]))
    if len(names) < 2:
        return
    fewest, most = names[0], names[-1]
    bot = rng.choice(house.bots_of[most])
    left = tuple(one for one in house.bots_of[most] if one != bot)
    ends = [most, fewest] if rng.random() < 0.5 else [fewest, most]
    house.bots_of[fewest] += (bot,)
    house.bots_of[most] = left
    for name in ends:
        house.send(name, signal.SIGTERM)
    if rng.random() < 0.5:
        for name in ends:
            yield from _until_ended(house, name)
            house.start(name)
    else:
        # The new ones wait for the leases of the old.
        for name in ends:
            old = f"{name}-old"
            house.running.processes[old] = house.running.processes.pop(name)
            house.expected.add(old)
            house.start(name)
        for name in ends:
            yield from _until_ended(house, f"{name}-old")
            del house.running.processes[f"{name}-old"]


def _wrong_clock(house: House, kind: str, lasts: float, rng: Random) -> Steps:
    """A process whose clock is far off: restarted with it, and again without."""
    if faketime() is None:
        return
    clock = rng.choice(("-20m", "+20m", "-2d", "+90s", "-90s"))
    for name in rng.sample(found := house.names(kind), min(1, len(found))):
        yield from _stopped(house, name)
        house.start(name, clock)
        yield from _until_loaded(house, name)
        yield lasts + 3.0
        yield from _stopped(house, name)
        house.start(name)


def _discord_fails(house: House, lasts: float, rng: Random) -> Steps:
    faults = house.running.discord.faults
    faults.error_rate, faults.lost_answer_rate = 0.3, 0.15
    faults.delay = rng.choice((0.0, 0.5, 2.0))
    yield lasts
    faults.error_rate, faults.lost_answer_rate, faults.delay = 0.0, 0.0, 0.0


def _sessions_lost(house: House, lasts: float, rng: Random) -> Steps:
    faults = house.running.discord.faults
    for _ in range(3):
        bot = rng.choice([*house.running.discord.connected(), None])
        rng.choice((faults.send_op7, faults.send_op9, faults.drop_sockets))(bot)
        yield lasts / 3


PROCESSES = "processes"
REDIS = "Redis"
DISCORD = "Discord"


def group(kind: str) -> str:
    """Of what two strikes do not happen at once: two hands on one process, or a server
    that dies before it could write what it acknowledged, prove nothing."""
    if kind in {"Discord fails", "sessions lost"}:
        return DISCORD
    redis = ("Redis", "disk", "memory", "slow", "dropping", "dead")
    return REDIS if kind.startswith(redis) else PROCESSES


_MADE: dict[str, Callable[[House, float, Random], Steps]] = {
    "worker killed": lambda *a: _killed(a[0], "worker", *a[1:]),
    "gateway killed": lambda *a: _killed(a[0], "gateway", *a[1:]),
    "beat killed": lambda *a: _killed(a[0], "beat", *a[1:]),
    "Redis killed": _redis_killed,
    "worker frozen": lambda *a: _frozen(a[0], "worker", *a[1:]),
    "gateway frozen": lambda *a: _frozen(a[0], "gateway", *a[1:]),
    "gateway frozen and replaced": _replaced,
    "Redis frozen": _redis_frozen,
    "slow network": _slow_network,
    "dropping network": _dropping_network,
    "dead network": _dead_network,
    "disk full": _disk_full,
    "memory full": _memory_full,
    "two beats": _two_beats,
    "rolling restart": _rolling,
    "workers 1-3-1": _scaled,
    "bot moved": _moved,
    "wrong clock of a worker": lambda *a: _wrong_clock(a[0], "worker", *a[1:]),
    "wrong clock of a gateway": lambda *a: _wrong_clock(a[0], "gateway", *a[1:]),
    "Discord fails": _discord_fails,
    "sessions lost": _sessions_lost,
}


def strike(house: House, one: Strike) -> Steps:
    """Let it happen."""
    return _MADE[one.kind](house, one.lasts, Random(one.seed))


def missing(house: House) -> dict[str, str]:
    """Kinds that this machine does not allow, and why."""
    found = {}
    if house.disk is None:
        found["disk full"] = "no file system may be mounted here"
    if faketime() is None:
        why = "libfaketime is not installed"
        found["wrong clock of a worker"] = found["wrong clock of a gateway"] = why
    return found
