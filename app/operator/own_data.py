"""What is kept of one person: handed out as JSON, and forgotten."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Mapping
from typing import Any

from app.brain.embeddings import shared_encoder
from app.brain.memory import usable
from app.domain.settings import Settings
from app.rules.privacy import Place, RecordKind, Use
from app.store import forgetting, keys, memories, nights, receptions, trusts, wishes
from app.store.door import Store
from app.store.forgetting import Forgotten
from app.store.nights import Night
from app.store.signing import UNCHECKED, Signer
from app.store.wishes import looks_every
from app.worker.memory_store import RedisMemory

NOWHERE = Place("")
"""Shown to one person, in no channel."""


def bots_of(store: Store) -> list[str]:
    """Every bot that keeps anything of anybody."""
    remembering = {name for name, _ in memories.parts(store)}
    keeping = {
        key.split(":", 1)[1]
        for pattern in (keys.trust("*"), keys.reception("*"))
        for key in memories.scan(store, pattern)
    }
    return sorted(remembering | keeping)


def export(store: Store, person: str) -> dict[str, Any]:
    """All that is kept of a person (user id). `elsewhere`: how many more values hold
    the id, by the first part of their keys; these are short-lived records of what was
    decided, and others' messages."""
    counted = Counter(key.split(":")[0] for key in forgetting.traced(store, person))
    known = {"memory", "trust", "names", "reception"}
    return {
        "person": person,
        "opted_out": store.run(wishes.opted_out([wishes.digest(person)]))[0],
        "bots": {bot: _known_by(store, bot, person) for bot in bots_of(store)},
        "nicknames": _nicknames_of(store, person),
        "elsewhere": {
            name: count for name, count in sorted(counted.items()) if name not in known
        },
    }


def _known_by(store: Store, bot: str, person: str) -> dict[str, Any]:
    memory, trusted = (
        RedisMemory(store, shared_encoder()),
        store.run(trusts.some(bot, [person])).get(person),
    )
    facts = [
        item.value
        for item in memory.search((bot, "person", person), limit=memories.FACTS_MOST)
        if usable(
            RecordKind.FACT, item.value, NOWHERE, Use.SHOW, about=person, reader=person
        )
    ]
    lines = [
        item.value
        for item in memory.search((bot, "said"), limit=memories.SAID_MOST)
        if person in {item.value["author"], item.value.get("to")}
    ]
    return {
        "facts": facts,
        "lines": [line for line in lines if line["author"] == person],
        "answers": [line for line in lines if line.get("to") == person],
        "trust": None if trusted is None else trusted._asdict(),
        "reception": {
            channel: shares[person].value
            for channel, shares in store.run(receptions.everywhere(bot)).items()
            if person in shares
        },
        # The dates alone: a diary tells of others, too.
        **{
            night: _dates_with(store.run(nights.read(bot, night)), person)
            for night in Night
        },
    }


def _dates_with(entries: Mapping[str, str], person: str) -> list[str]:
    return sorted(date for date, text in entries.items() if f'"{person}"' in text)


def _nicknames_of(store: Store, person: str) -> dict[str, str]:
    found = {
        key.split(":")[1]: store.client.hget(key, person)
        for key in memories.scan(store, keys.names("*"))
    }
    return {guild: str(name) for guild, name in found.items() if name}


def forget(
    store: Store,
    settings: Settings,
    person: str,
    *,
    opt_out: bool = False,
    signer: Signer = UNCHECKED,
) -> Forgotten:
    """Forget a person everywhere, in Redis and in the running processes, which takes a
    few seconds: each has looked at the wish when this returns, and what one wrote until
    then is swept away. `opt_out`: for good. `signer`: see `app.store.forgetting`."""
    if opt_out:
        store.run(wishes.opt_out(wishes.digest(person)))
    # First, so that nothing is kept behind the sweep's back.
    store.run(wishes.mark_forgotten(wishes.digest(person)))
    # Before the sweep, which removes what tells whose channels they are.
    channels = forgetting.private_channels(store, person)
    first = forgetting.forget(store, person, signer)
    time.sleep(looks_every(settings))
    last = forgetting.forget(store, person, signer, channels)
    return Forgotten(first.values + last.values, last.named_in)
