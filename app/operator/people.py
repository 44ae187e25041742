"""What an operator asks about people: what the bots remember of one, to forget one,
whom they trust."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from datetime import UTC, datetime
from typing import NamedTuple

from app.brain.embeddings import shared_encoder
from app.brain.memory import usable
from app.domain.errors import ConfigurationError
from app.domain.settings import Settings
from app.operator import own_data
from app.operator.ops import check_bot, open_store, vault_keys
from app.operator.own_data import NOWHERE, bots_of
from app.rules.privacy import RecordKind, Use
from app.store import forgetting, keys, memories, names, roster, stats, trusts
from app.store.door import Store
from app.store.forgetting import Forgotten
from app.store.signing import Signer
from app.worker.memory_store import RedisMemory

PERSON = re.compile(r"^(?:<@!?)?(\d{15,20})>?$")
"""No id of Discord's is shorter. To forget "3" would take each three out of every
value."""


class Memory(NamedTuple):
    """One thing that a bot remembers of a person."""

    bot: str
    kind: str
    date: str
    text: str


class Trusted(NamedTuple):
    """How well a bot knows a person."""

    bot: str
    person: str
    name: str
    level: int
    points: int
    last: str


def person_of(text: str) -> str:
    """The user id in an id or a mention."""
    found = PERSON.match(text.strip())
    if found is None:
        raise ConfigurationError(
            "Give a person's user id, as Discord's `Copy User ID` writes it."
        )
    return found[1]


def find_person(store: Store, text: str) -> str:
    """The user id of an id, a mention, or a name that one person alone has. Raises
    ConfigurationError."""
    if PERSON.match(text.strip()):
        return person_of(text)
    wanted = text.strip().removeprefix("@").casefold()
    called = _names_of_people(store)
    found = sorted(who for who, known in called.items() if wanted in known)
    if not found:
        raise ConfigurationError(
            "Nobody who is remembered has this name: give the user id, as Discord's "
            "`Copy User ID` writes it."
        )
    if len(found) > 1:
        raise ConfigurationError(
            f"{len(found)} people have this name: give the id of one, {', '.join(found)}."
        )
    return found[0]


def resolve_person(text: str, settings: Settings) -> str:
    """As `find_person`, with a connection of its own."""
    with open_store(settings) as store:
        return find_person(store, text)


def _names_of_people(store: Store) -> dict[str, set[str]]:
    """By user id the names under which bots remember somebody, and the nicknames in
    their servers; folded for comparison."""
    memory = RedisMemory(store, shared_encoder())
    called: dict[str, set[str]] = defaultdict(set)
    for bot in bots_of(store):
        for item in memory.search((bot, "said"), limit=memories.SAID_MOST):
            called[str(item.value["author"])].add(str(item.value["name"]).casefold())
        # Of somebody who is trusted a nickname may be all that is known.
        called.update({who: called[who] for who in store.run(trusts.everyone(bot))})
    for entry in store.run(roster.roster()):
        called.pop(entry.user_id, None)
    for key in memories.scan(store, keys.names("*")) if called else ():
        here = store.run(names.called(key.split(":")[1], sorted(called)))
        for who, nickname in here.items():
            called[who].add(nickname.casefold())
    return called


def show_memories(
    person: str, settings: Settings, bot: str | None = None
) -> list[Memory]:
    """What bots remember of a person: facts, lines by them and answers to them, oldest
    first."""
    with open_store(settings) as store:
        who = find_person(store, person)
        memory = RedisMemory(store, shared_encoder())
        found = []
        for name in _bots(store, bot, settings):
            for item in memory.search((name, "person", who), limit=memories.FACTS_MOST):
                found.append(
                    Memory(name, "fact", item.value["date"], item.value["text"])
                )
            for item in memory.search((name, "said"), limit=memories.SAID_MOST):
                about = (
                    who if item.value.get("to") == who else str(item.value["author"])
                )
                if usable(
                    RecordKind.LINE,
                    item.value,
                    NOWHERE,
                    Use.SHOW,
                    about=about,
                    reader=who,
                ):
                    kind = "said" if item.value["author"] == who else "was told"
                    found.append(
                        Memory(
                            name,
                            kind,
                            item.created_at.date().isoformat(),
                            item.value["text"],
                        )
                    )
        return sorted(found, key=lambda one: (one.bot, one.kind, one.date))


def forget(
    person: str, settings: Settings, opt_out: bool = False
) -> tuple[Forgotten, bool]:
    """Forget a person everywhere; `opt_out`: for good. The second value: the
    append-only file was rewritten."""
    with open_store(settings) as store:
        who = find_person(store, person)
        signer = Signer(vault_keys(settings))
        forgotten = own_data.forget(
            store, settings, who, opt_out=opt_out, signer=signer
        )
        return forgotten, forgetting.rewrite(store)


def export(person: str, settings: Settings) -> str:
    """All that is kept of a person, as JSON."""
    with open_store(settings) as store:
        who = find_person(store, person)
        return json.dumps(own_data.export(store, who), ensure_ascii=False, indent=2)


def trust_table(settings: Settings, bot: str | None = None) -> list[Trusted]:
    """Everybody who has points, by bot, the best known first."""
    with open_store(settings) as store:
        now_ms = int(store.run(stats.server_time()) * 1000)
        memory, table = RedisMemory(store, shared_encoder()), []
        for name in _bots(store, bot, settings):
            known = {
                item.value["author"]: item.value["name"]
                for item in memory.search((name, "said"), limit=memories.SAID_MOST)
            }
            for who, points in store.run(trusts.everyone(name)).items():
                last = (
                    datetime.fromtimestamp(points.at_ms / 1000, UTC).date().isoformat()
                )
                table.append(
                    Trusted(
                        name,
                        who,
                        known.get(who, ""),
                        points.level(now_ms),
                        points.points,
                        last,
                    )
                )
        return sorted(
            table, key=lambda one: (one.bot, -one.level, -one.points, one.person)
        )


def _bots(store: Store, bot: str | None, settings: Settings) -> list[str]:
    known = bots_of(store)
    if bot is None:
        return known
    check_bot(store, bot, settings, known)
    return [bot]
