"""A long, busy channel that is always the same: hundreds of people, two bots, more
words than a room remembers, and pauses of all lengths.

Twenty recorded utterances (`golden_chat.yaml`) show each feature; only a long channel shows
what a room forgets, fades and evicts on the way.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Iterator

from app.rules.features import FEATURES, features
from app.rules.room import Room, Utterance

BOTS = {"b1": ("Elena", "Elena Reef"), "b2": ("Tycho",)}
TURNS = 2_400
STRETCH = 200
"""Turns whose features make one checksum."""
PEOPLE = 460
START_MS = 1_700_000_000_000
PAUSES_MS = (900, 4_000, 4_000, 11_000, 30_000, 59_000, 61_000, 290_000, 310_000)
SYLLABLES = ("ba", "ce", "di", "fo", "gu", "ka", "le", "mi", "no", "pu", "ra", "ste")
STYLES = ("{}", "{}_", "{}|away", "{}42", "{} the Great")
COMMON_NAMES = ("May", "Rust", "Ok")
LINES = (
    "{words}",
    "{words}",
    "{words}?",
    "{words}?",
    "does anyone know {words}?",
    "{name}: {words}",
    "{name}, {words}?",
    "{name} {words}",
    "thanks {name}",
    "{words} {name} {other} {words}",
    "hello {name}",
    "zorblat: {words}?",
    "i think you {words}",
    "lol",
    "and {words}",
    "!help {words}",
    "",
)


def busy_utterances() -> Iterator[Utterance]:
    """The utterances, the same at each call."""
    chance = random.Random(11)
    names = _names()
    at_ms = START_MS
    said: list[Utterance] = []
    for number in range(TURNS):
        at_ms += chance.choice(PAUSES_MS)
        author = _author(chance, said)
        utterance = Utterance(
            message_id=str(number),
            author=author,
            text=_text(chance, names),
            at_ms=at_ms,
            names=(names[author],),
            reply_to=_reply(chance, said),
            mentions=("b1",) if chance.random() < 0.02 else (),
        )
        said.append(utterance)
        yield utterance


def _names() -> dict[str, str]:
    names = {bot: own[0] for bot, own in BOTS.items()}
    for person in range(PEOPLE):
        style = STYLES[person % len(STYLES)]
        names[f"p{person}"] = style.format(f"Nick{_word(person)}")
    for person, name in enumerate(COMMON_NAMES):
        names[f"p{person}"] = name
    return names


def _word(number: int) -> str:
    word = ""
    for _ in range(4):
        number, rest = divmod(number, len(SYLLABLES))
        word += SYLLABLES[rest]
    return word


def _author(chance: random.Random, said: list[Utterance]) -> str:
    draw = chance.random()
    if draw < 0.15:
        return chance.choice(list(BOTS))
    if draw < 0.35 and said:
        return said[-1].author
    # Few people write most of the lines, and most are heard once or twice.
    power = 1 if draw < 0.6 else 4
    return f"p{int(PEOPLE * chance.random() ** power)}"


def _text(chance: random.Random, names: dict[str, str]) -> str:
    known = list(names.values())

    def words() -> str:
        count = chance.randint(1, 9)
        return " ".join(_word(int(12_000 * chance.random() ** 2)) for _ in range(count))

    def name() -> str:
        if chance.random() < 0.3:
            return chance.choice(list(BOTS.values()))[0]
        return known[int(len(known) * chance.random() ** 2)].split()[0]

    line = chance.choice(LINES)
    return line.format(words=words(), name=name(), other=name())


def _reply(chance: random.Random, said: list[Utterance]) -> str | None:
    if not said or chance.random() > 0.1:
        return None
    back = chance.randint(1, min(len(said), 80))
    return said[-back].message_id


def busy_checksums() -> list[str]:
    """One checksum of what both bots saw in each stretch of the channel."""
    room = Room(BOTS)
    found = []
    seen: list[list[float]] = []
    for number, utterance in enumerate(busy_utterances(), 1):
        for bot in BOTS:
            table = features(room, utterance, bot)
            # Rounded: the last bits of a power differ between processors.
            seen.append([round(table[name], 5) for name in FEATURES])
        room.observe(utterance)
        if number % STRETCH == 0:
            found.append(hashlib.sha256(json.dumps(seen).encode()).hexdigest()[:16])
            seen = []
    return found
