"""Of whom nothing is heard or kept: those whom the operator set aside, and those who want no part in this."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from app.model import ChatLine
from app.settings import Settings
from app.store import memories
from app.store.door import Store


def unwilling(store: Store, settings: Settings, people: Collection[str]) -> frozenset[str]:
    """Those of these people (user ids) of whom no model hears and no memory keeps a word."""
    listed = sorted(people)
    out = store.run(memories.opted_out([memories.digest(one) for one in listed])) if listed else ()
    return frozenset(one for one, gone in zip(listed, out, strict=True) if gone or one in settings.ignored_people)


def heard(store: Store, settings: Settings, lines: Sequence[ChatLine]) -> tuple[ChatLine, ...]:
    """A channel's lines without those of the unwilling."""
    silent = unwilling(store, settings, {line.author_id for line in lines})
    return tuple(line for line in lines if line.author_id not in silent)
