"""What must outlive an emptied Redis, and the mark by which a gateway sees that it was
emptied."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from app.store import keys
from app.store.calls import Call, Reply, command
from app.store.keys import Key
from app.store.scripts import script


class Look(NamedTuple):
    """What a gateway finds: the database's generation (empty: it is new, or was
    emptied), and which of its bots the roster lacks."""

    generation: str
    missing: frozenset[str]


@script("generation.look")
def _look(*bots: str, generation: Key, roster: Key) -> None: ...


def look(bots: Sequence[str]) -> Call[Look]:
    """What a gateway looks for in each turn of its pump."""

    def parse(reply: Reply) -> Look:
        found, *missing = reply
        return Look(found, frozenset(missing))

    call = _look(*bots, generation=keys.GENERATION, roster=keys.ROSTER)
    return call.parsed(parse)


@script("generation.begin")
def _begin(
    *, generation: Key, generation_new: Key, proposal: str, grace_ms: int
) -> None: ...


def begin(proposal: str, grace_ms: int) -> Call[str]:
    """The brakes are written: bots may speak unasked `grace_ms` from now, when the
    other gateways have written theirs. Returns the database's generation."""
    call = _begin(
        generation=keys.GENERATION,
        generation_new=keys.GENERATION_NEW,
        proposal=proposal,
        grace_ms=grace_ms,
    )
    return call.parsed(str)


def has_begun() -> Call[bool]:
    """Whether a gateway has written its brakes into this database."""
    return command("EXISTS", keys.GENERATION, parse=bool)


def mutes(scopes: Sequence[str]) -> Call[dict[str, str]]:
    """Mutes of these scopes that stand, by key: who muted."""
    names: list[str] = []
    for scope in scopes:
        names.append(keys.mute_by_operator(scope))
        names.append(keys.mute(scope))

    def parse(reply: Reply) -> dict[str, str]:
        standing = {}
        for name, who in zip(names, reply, strict=True):
            if who:
                standing[name] = who
        return standing

    return command("MGET", *names, parse=parse)


def lasts(key: str) -> Call[int]:
    """Milliseconds that a mute, or the wait of a new generation, still lasts; negative:
    until it is lifted, or it is gone."""
    return command("PTTL", key, parse=int)


def restore_mute(key: str, who: str, for_ms: int | None) -> Call[bool]:
    """Write a mute where none stands. StoreForbidden for an operator's, where the login
    may not write those."""
    # NX: an old copy must not overwrite a mute that somebody set since.
    if for_ms is None:
        return command("SET", key, who, "NX", parse=bool)
    return command("SET", key, who, "NX", "PX", for_ms, parse=bool)


class Changed(NamedTuple):
    """A budget, or a bot's shares (`<bot>:shares`), as it is now."""

    scope: str
    at_ms: int
    """Of its last change, by Redis's clock."""
    counts: Mapping[str, str]


@script("budget.list")
def _list_budgets(*, day: int, since: int, most: int) -> None: ...


def changed(day: int, since_ms: int, most: int) -> Call[list[Changed]]:
    """A day's budgets that changed at that time or later, of all bots, people and
    channels, in the order of their last change; the first `most`."""

    def parse(reply: Reply) -> list[Changed]:
        found = []
        for scope, at, flat in reply:
            # Read as a float: a score may be written as 1.7e+12.
            counts = dict(zip(flat[::2], flat[1::2], strict=True))
            found.append(Changed(str(scope), int(float(at)), counts))
        return found

    return _list_budgets(day=day, since=since_ms, most=most).parsed(parse)


@script("budget.restore")
def _restore_budget(*counts: str, budget: Key, scope: str, day: int) -> None: ...


def restore_budget(scope: str, day: int, counts: Mapping[str, str]) -> Call[int]:
    """Raise a budget's counts to these where they are lower."""
    budget = keys.budget(scope, day)
    call = _restore_budget(*_flattened(counts), budget=budget, scope=scope, day=day)
    return call.parsed(int)


def restore_cooldown(bot: str, left_ms: int) -> Call[bool]:
    """Write again that a bot has acted unasked."""
    # All ask how long it lasts, and nobody when it began.
    key = keys.cooldown(bot)
    return command("SET", key, 0, "NX", "PX", left_ms, parse=bool)


def restore_opt_outs(digests: Sequence[str]) -> Call[int]:
    """Write again who wants no part in this (`wishes.digest`)."""
    return command("SADD", keys.OPTED_OUT, *digests, parse=int)


@script("forgotten.restore")
def _restore_forgotten(*marks: str, forgotten: Key) -> None: ...


def restore_forgotten(marks: Mapping[str, int]) -> Call[int]:
    """Write again up to when (Unix ms) what a person said is old, by digest."""
    call = _restore_forgotten(*_flattened(marks), forgotten=keys.FORGOTTEN)
    return call.parsed(int)


def _flattened(pairs: Mapping[str, object]) -> list[str]:
    """Names and values in turn, as a script takes them."""
    flat = []
    for name, value in pairs.items():
        flat.append(name)
        flat.append(str(value))
    return flat
