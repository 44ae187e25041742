"""Redis or Valkey: whether it keeps what it acknowledged, and has room."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from app.domain.errors import StoreForbidden, StoreRefusing
from app.operator.doctor.findings import Finding, fault, fine, warning
from app.store import clocks, mutes, stats
from app.store.door import Store
from app.store.fitness import OLDEST
from app.store.server_info import KEEP_ALL, evicted, eviction_risk, server_info

AREA = "redis"
NEARLY_FULL, FULL = 0.75, 0.9
"""Parts of the memory that Redis may take."""
MEMORY_FULL = "its memory is full"
CLOCK_OFF, CLOCK_WRONG = 2.0, 60.0
"""Seconds between the clocks of this machine and of Redis."""


def look_at_redis(
    store: Store, now: Callable[[], float] = time.time
) -> Iterator[Finding]:
    """All that the server tells. Raises StoreUnavailable."""
    # Before INFO, which may be refused to this login.
    yield _check_clock(store.run(stats.server_time()) - now())
    yield from _check_scripts(store)
    try:
        yield _check_discord_clock(store.run(clocks.discord_ahead()) / 1000)
        info = store.run(server_info())
    except StoreForbidden:
        remedy = "ask with the operator's login (docker/users.acl)"
        yield warning(AREA, "this login may not ask the server how it is", remedy)
        return
    yield from findings_of(info)


def _check_scripts(store: Store) -> Iterator[Finding]:
    """Whether what this program does still works after a server has forgotten its
    scripts, as each does with its restart."""
    try:
        store.check_may_load(mutes.list_standing())
    except StoreForbidden as error:
        what = f"it takes no script of ours that it does not know yet: {error}"
        yield fault(AREA, what, "load the new docker/users.acl, with your passwords")
    except StoreRefusing:
        # Why it refuses is looked for below: a full server takes no script either.
        return


def findings_of(info: Mapping[str, Any]) -> Iterator[Finding]:
    """What the fields of INFO mean."""
    yield _check_version(info)
    if info.get("role", "master") != "master":
        remedy = "name the primary in STREAM_REDIS_URL"
        yield fault(AREA, "it is a replica and takes no writes", remedy)
    yield from _check_persistence(info)
    yield _check_eviction(info)
    yield _check_memory(info)


def _check_version(info: Mapping[str, Any]) -> Finding:
    name = str(info.get("server_name") or "redis")
    detail = str(info.get(f"{name}_version") or info.get("redis_version") or "?")
    # Valkey says of itself which Redis it is compatible with.
    spoken = str(info.get("redis_version") or detail)
    parts = tuple(int(part) for part in spoken.split(".")[:2] if part.isdecimal())
    if parts < OLDEST:
        return fault(
            AREA, f"{name} {detail} is too old", "install Valkey, or a newer Redis"
        )
    return fine(AREA, f"{name} {detail}")


def unwritten_files(info: Mapping[str, Any]) -> list[str]:
    """The fields of INFO that tell of a file which could not be written: the disk is
    full, or the folder not to be written to."""
    broken = [
        field
        for field in ("aof_last_write_status", "aof_last_bgrewrite_status")
        if info.get("aof_enabled") and info.get(field, "ok") != "ok"
    ]
    if info.get("rdb_last_bgsave_status", "ok") != "ok":
        broken.append("rdb_last_bgsave_status")
    return broken


def why_it_refuses_writes(info: Mapping[str, Any]) -> str:
    """In a few words, as far as INFO tells; empty: it takes writes."""
    if info.get("role", "master") != "master":
        return "it is a replica"
    used, most = int(info.get("used_memory", 0)), int(info.get("maxmemory", 0))
    evicts = info.get("maxmemory_policy", "noeviction") != "noeviction"
    return MEMORY_FULL if most and used > most and not evicts else ""


def why_writes_fail(store: Store) -> str:
    """Why the server refuses every write now, its disk included; empty: it takes them,
    or this login may not ask. Raises StoreUnavailable."""
    try:
        info = store.run(server_info())
    except StoreForbidden:
        return ""
    full = "it could not write its file" if unwritten_files(info) else ""
    return why_it_refuses_writes(info) or full


def _check_persistence(info: Mapping[str, Any]) -> Iterator[Finding]:
    if broken := unwritten_files(info):
        what = f"it could not write its file ({', '.join(broken)})"
        yield fault(AREA, what, "look at its disk and its log")
    elif info.get("aof_enabled"):
        yield fine(AREA, "it keeps what it acknowledged (appendonly)")
    else:
        remedy = "CONFIG SET appendonly yes, and in its configuration file"
        yield fault(AREA, "what it acknowledged is lost when it ends", remedy)


def _check_eviction(info: Mapping[str, Any]) -> Finding:
    if gone := evicted(info):
        remedy = f"{KEEP_ALL}; `the-stream mutes` shows which mutes are left"
        return fault(AREA, gone, remedy)
    risk = eviction_risk(info)
    if not risk:
        return fine(AREA, "it evicts nothing")
    if int(info.get("maxmemory", 0)):
        return fault(AREA, risk, KEEP_ALL)
    return warning(AREA, f"{risk}; it has no maxmemory", KEEP_ALL)


def _check_memory(info: Mapping[str, Any]) -> Finding:
    used, most = int(info.get("used_memory", 0)), int(info.get("maxmemory", 0))
    # Without a limit of its own the machine's memory is the limit.
    most = most or int(info.get("total_system_memory", 0))
    in_use = f"{used / 1024**2:,.0f} MiB"
    if not most:
        return fine(AREA, f"{in_use} used")
    detail = f"{in_use} of {most / 1024**2:,.0f} MiB used"
    remedy = "give it more memory, or look what fills it (docs/operations.md)"
    if why_it_refuses_writes(info) == MEMORY_FULL:
        what = f"{MEMORY_FULL} ({detail}): it refuses every write; nobody is answered"
        return fault(AREA, what, f"CONFIG SET maxmemory to more: {remedy}")
    if used > FULL * most:
        return fault(AREA, detail, remedy)
    return (
        warning(AREA, detail, remedy)
        if used > NEARLY_FULL * most
        else fine(AREA, detail)
    )


def _check_discord_clock(ahead: float) -> Finding:
    """`ahead`: seconds by which Discord's clock is ahead of Redis's, as gateways found."""
    if not ahead:
        return fine(AREA, "its clock and Discord's agree, or no gateway has looked yet")
    detail = f"its clock is {abs(ahead):.0f} s {'behind' if ahead > 0 else 'ahead of'} Discord's"
    return warning(
        AREA,
        f"{detail}; messages' ages allow for it",
        "keep its machine's clock by NTP",
    )


def _check_clock(ahead: float) -> Finding:
    detail = f"its clock is {abs(ahead):.1f} s {'ahead of' if ahead > 0 else 'behind'} this one"
    remedy = "keep both machines' clocks by NTP"
    if abs(ahead) > CLOCK_WRONG:
        return fault(AREA, detail, remedy)
    if abs(ahead) > CLOCK_OFF:
        return warning(AREA, detail, remedy)
    return fine(AREA, "its clock and this one agree")
