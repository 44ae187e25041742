"""What people, channels and roles of a server are called there, for workers: Discord's
REST tells no nickname."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from app.store import keys
from app.store.calls import Call, Reply, command
from app.store.keys import Key
from app.store.scripts import script


@script("name.learn")
def _learn(*learned: str, names: Key, dropped: Sequence[str]) -> None: ...


def learn(
    guild: str, names: Mapping[str, str], forgotten: Sequence[str] = ()
) -> Call[int]:
    """Keep names by id, and drop those that are `forgotten`."""
    flat = [part for pair in names.items() for part in pair]
    call = _learn(*flat, names=keys.names(guild), dropped=forgotten)
    return call.parsed(int)


def called(guild: str, ids: Sequence[str]) -> Call[dict[str, str]]:
    """The names of those of the ids (at least one) that are known."""

    def parse(reply: Reply) -> dict[str, str]:
        return {key: name for key, name in zip(ids, reply, strict=True) if name}

    return command("HMGET", keys.names(guild), *ids, parse=parse)


def everything(guild: str) -> Call[dict[str, str]]:
    """All that is kept of a server, by id."""
    return command("HGETALL", keys.names(guild), parse=dict)
