"""Of whom a worker hears and keeps nothing: those whom the operator set aside, who want
no part in this, or who were forgotten."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from app.brain import memory
from app.brain.memory import Moment
from app.domain.model import ChatLine, snowflake_ms
from app.domain.settings import Settings
from app.store import wishes
from app.store.calls import Call, Reply
from app.store.door import Store


def unwilling(
    store: Store, settings: Settings, people: Collection[str]
) -> frozenset[str]:
    """Those of these people (user ids) of whom no model hears and no memory keeps a
    word."""
    # Redis refuses SMISMEMBER without a member.
    return store.run(unwilling_among(settings, people)) if people else frozenset()


def unwilling_among(
    settings: Settings, people: Collection[str]
) -> Call[frozenset[str]]:
    """As `unwilling`, of at least one person, to be asked along with other things."""
    listed = sorted(people)

    def parse(out: Reply) -> frozenset[str]:
        return frozenset(
            one
            for one, gone in zip(listed, out, strict=True)
            if gone or one in settings.ignored_people
        )

    return wishes.opted_out([wishes.digest(one) for one in listed]).parsed(parse)


def without_unwilling(
    store: Store, settings: Settings, lines: Sequence[ChatLine]
) -> tuple[ChatLine, ...]:
    """A channel's lines without those of the unwilling."""
    silent = unwilling(store, settings, {line.author_id for line in lines})
    return tuple(line for line in lines if line.author_id not in silent)


def forgotten(store: Store, people: Collection[str]) -> Mapping[str, int]:
    """Those of these people who were forgotten, with the Unix milliseconds up to which
    what they said is old."""
    # Redis refuses ZMSCORE without a member.
    return store.run(forgotten_among(people)) if people else {}


def forgotten_among(people: Collection[str]) -> Call[Mapping[str, int]]:
    """As `forgotten`, of at least one person, to be asked along with other things."""
    listed = sorted(people)
    call = wishes.forgotten([wishes.digest(one) for one in listed])

    def parse(reply: Reply) -> Mapping[str, int]:
        marks = zip(listed, call.parse(reply), strict=True)
        return {one: mark for one, mark in marks if mark}

    return call.parsed(parse)


def ask_wishes(
    settings: Settings, moments: Sequence[Moment]
) -> tuple[Call[Mapping[str, int]] | None, Call[frozenset[str]] | None]:
    """Asks up to when what the people of these moments said is old, and who of them
    wants no part in this. None, None: nobody is in them."""
    who = frozenset[str]().union(*map(memory.people, moments))
    if not who:
        return None, None
    return forgotten_among(who), unwilling_among(settings, who)


def without_old(moment: Moment, marks: Mapping[str, int]) -> Moment | None:
    """What may be kept of an answer when some were forgotten meanwhile; None:
    nothing."""
    event = moment.entry.event
    if _old(event.author_id, event.message_id, marks):
        return None
    lines = tuple(
        line
        for line in moment.lines
        if not _old(line.author_id, line.message_id, marks)
    )
    return Moment(moment.entry, moment.text, lines)


def _old(person: str, message: str, marks: Mapping[str, int]) -> bool:
    return snowflake_ms(message) <= marks.get(person, -1)
