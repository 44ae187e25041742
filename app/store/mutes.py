"""Mute: a human's word, above every model. Checked at admission, at the floor, at
commit and before each POST.

The operator's mutes and the moderators' have keys of their own, and either silences.
What a moderator says lifts a moderator's mute alone.
"""

from __future__ import annotations

from typing import NamedTuple

from app.store import keys
from app.store.calls import Call, Reply, command
from app.store.keys import Key
from app.store.scripts import script


def _scope_score(reply: Reply) -> str | None:
    if not reply:
        return None
    # RESP3 pairs a member with its score, RESP2 gives them in turn.
    first = reply[0]
    paired = isinstance(first, list | tuple)
    score = first[1] if paired else reply[1]
    return f"{float(score):.0f}"


def mute(scope: str, who: str, for_ms: int | None = None) -> Call[bool]:
    """By the operator: silence `all`, `guild:<id>`, `channel:<id>`, `bot:<name>` or
    `bot:<name>@channel:<id>`; without `for_ms` until it is unmuted."""
    return _set_mute(keys.mute_by_operator(scope), who, for_ms)


def unmute(scope: str) -> Call[bool]:
    """By the operator: end every mute of a scope, a moderator's too; False: there was
    none."""
    return command("DEL", keys.mute_by_operator(scope), keys.mute(scope), parse=bool)


def stop(scope: str, who: str, for_ms: int | None = None) -> Call[bool]:
    """By a moderator or administrator of a server: silence a scope, without `for_ms`
    until somebody ends it. The operator's mutes are none of their business."""
    return _set_mute(keys.mute(scope), who, for_ms)


def _set_mute(key: str, who: str, for_ms: int | None) -> Call[bool]:
    if for_ms is None:
        return command("SET", key, who, parse=bool)
    return command("SET", key, who, "PX", for_ms, parse=bool)


FORGETTABLE = "should Redis be emptied, this mute may be forgotten: this login may not write `mutes` (docker/users.acl)"
"""What is told where `remember` is forbidden; the mute itself holds."""


def remember(scope: str) -> Call[int]:
    """After `mute` or `stop`: gateways write the mute again should Redis be emptied."""
    # No part of the mute's own call: a login that may not write the list must still be
    # able to mute.
    return command("ZADD", keys.MUTES, 0, scope, parse=int)


@script("mute.list")
def _list(*, mutes: Key) -> None: ...


def list_standing() -> Call[list[str]]:
    """Every scope that is muted and was remembered."""
    return _list(mutes=keys.MUTES).parsed(list)


@script("mute.lift")
def _lift(*, mute: Key, scope: str) -> None: ...


def lift(scope: str) -> Call[bool]:
    """By a moderator or administrator: end such a mute of a scope. False: the
    operator's stands, and the scope stays silent."""
    return _lift(mute=keys.mute(scope), scope=scope).parsed(bool)


class Muted(NamedTuple):
    """One mute that holds: its scope, who set it, and for how many ms more (None: until
    somebody ends it)."""

    scope: str
    who: str
    left_ms: int | None


@script("mute.read")
def _read(*, mute: Key) -> None: ...


def read(key: str) -> Call[Muted | None]:
    """The mute that a key is; None: it has ended."""

    def parse(reply: Reply) -> Muted | None:
        if not reply:
            return None
        # The longer prefix first: the moderators' is a piece of the operator's.
        scope = key.removeprefix(keys.mute_by_operator(""))
        scope = scope.removeprefix(keys.mute(""))
        who, left_ms = str(reply[0]), int(reply[1])
        # Redis answers a negative number for a key without an expiry.
        return Muted(scope, who, left_ms if left_ms >= 0 else None)

    return _read(mute=Key(key)).parsed(parse)


@script("outbox.count_in_flight")
def _count_in_flight(*, by: str) -> None: ...


def count_in_flight(by: str = "+inf") -> Call[int]:
    """POSTs that may still be on their way, only those that time out `by` a time: a
    mute is acknowledged when those that began before it have ended."""
    return _count_in_flight(by=by).parsed(int)


def last_in_flight() -> Call[str | None]:
    """When the POST that began last times out, for `in_flight`; None: none is on its
    way."""
    return command(
        "ZRANGE", keys.DELIVERIES_IN_FLIGHT, -1, -1, "WITHSCORES", parse=_scope_score
    )
