"""What runs: gateways and their connections, workers and their queues, beat."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from app.broker.hints import QUEUES
from app.operator.doctor.findings import Finding, fault, fine, warning
from app.operator.doctor.redis_server import why_writes_fail
from app.store import heartbeats, keys, memories, mutes, roster
from app.store.door import Store
from app.store.heartbeats import Heartbeat, ProcessRole

AREA = "processes"
WAITS: Mapping[str, str] = {
    "direct": "direct messages and mentions wait",
    "cycles": "nobody speaks unasked",
    "delivery": "posts that were delayed wait",
    "chores": "no safety poll, no diaries",
}
SERVED_WITH: Mapping[str, str] = {
    "direct": "direct,delivery",
    "delivery": "direct,delivery",
    "cycles": "cycles,chores",
    "chores": "cycles,chores",
}


def signs_of_life(store: Store) -> tuple[Heartbeat, ...]:
    """What every process tells of itself. Raises StoreUnavailable."""
    names = sorted(memories.scan(store, keys.heartbeat("*", "*")))
    return store.run(heartbeats.read(names)) if names else ()


def look_at_processes(store: Store, bots: Iterable[str]) -> Iterator[Finding]:
    """Whether all of a stream runs, for these bots. Raises StoreUnavailable."""
    if refused := why_writes_fail(store):
        what = f"no process can show that it runs: Redis refuses every write, {refused}"
        yield warning(AREA, what, "mend Redis, then ask again: they wait and go on")
        return
    known = {entry.bot for entry in store.run(roster.roster())}
    yield from findings_of(signs_of_life(store), sorted({*bots, *known}))
    if store.run(mutes.read(keys.mute_by_operator("all"))) is not None:
        yield warning("mutes", "all bots are muted", "the-stream unmute all")


def findings_of(signs: Sequence[Heartbeat], bots: Sequence[str]) -> Iterator[Finding]:
    """What signs of life mean; the bots are those that should run."""
    # One line in place of a fault for each bot, queue and beat.
    if not signs:
        yield warning(AREA, "nothing runs", "start it: `the-stream up`")
        return
    running = {one.name: one for one in signs if one.role is ProcessRole.GATEWAY}
    for bot in bots:
        yield _of_bot(bot, running.get(bot))
    yield from _of_queues([one for one in signs if one.role is ProcessRole.WORKER])
    if any(one.role is ProcessRole.BEAT for one in signs):
        yield fine(AREA, "beat ticks")
    else:
        remedy = "start it: `celery -A tasks beat` (and a worker on direct,delivery)"
        yield fault(AREA, "beat does not tick: no safety poll", remedy)


def _of_bot(bot: str, sign: Heartbeat | None) -> Finding:
    if sign is None:
        remedy = f"start it: `the-stream gateway {bot}`"
        return fault(AREA, f"{bot}: no gateway runs it", remedy)
    error = str(sign.facts.get("error") or "")
    if error:
        return fault(AREA, f"{bot}: has ended", f"{error} Then restart its gateway.")
    if not sign.facts.get("connected"):
        remedy = "look at its gateway's log, and at https://discordstatus.com"
        return fault(AREA, f"{bot}: not connected to Discord", remedy)
    return fine(AREA, f"{bot}: connected to Discord")


def _of_queues(workers: Sequence[Heartbeat]) -> Iterator[Finding]:
    served: set[str] = set()
    for one in workers:
        queues = one.facts.get("queues")
        served.update(map(str, queues) if isinstance(queues, list) else ())
    for queue in QUEUES:
        if queue not in served:
            remedy = f"start it: `celery -A tasks worker -Q {SERVED_WITH[queue]}`"
            what = f"no worker serves the queue {queue}: {WAITS[queue]}"
            yield fault(AREA, what, remedy)
    if served >= set(QUEUES):
        yield fine(AREA, f"{len(workers)} workers serve every queue")
