"""A bot's dream: the day's people, words and lines, put together wrongly. By its model,
else by the composer below."""

from __future__ import annotations

import re
from collections.abc import Sequence
from random import Random

from app.brain.diary import Day, clip, topics_of, turn
from app.brain.embeddings import LangChainEncoder
from app.brain.text import outgoing, spoken
from app.domain.character import Character

SHORT = 70

_PLACES = (
    "I was in the middle of {topic}, only that everything there was made of {first}.",
    "All doors led to {topic}. Behind each of them somebody had left {first} and a lamp that was on.",
    "I carried {first} up a staircase, and with every step it turned a little more into {second}.",
    "There was a long queue for {first}. I was the only one in it without {second}.",
    "It rained {first}. Nobody minded, they held up {second} and went on talking about {topic}.",
    "I had a key that opened nothing but {first}, and outside, as far as one could see, lay {second}.",
    "Somebody had folded {topic} very small and put it into my pocket, between {first} and {second}.",
)
_PEOPLE = (
    "{name} sat on the ceiling as if it were a sofa and said, in my voice: “{said}”",
    "{name} came by, no taller than a teacup, and whispered: “{said}” It sounded like a warning.",
    "I looked for {name} everywhere. In the end it was {name} who was carrying me, and humming: “{said}”",
    "{name} had written it on all the walls: “{said}” The letters were still wet.",
    "Then {name} turned round and had no face, only the sentence “{said}”",
)
_ECHOES = (
    "From far off {other} kept calling: “{heard}” And every time the answer was {second}.",
    "{other} wanted to know something, “{heard}”, but the words came out as {second}.",
    "A bell rang. {other} said “{heard}” and everybody began to swim.",
    "On the table lay a letter from {other}. It said only: “{heard}”",
)
_ENDS = (
    "I woke up with the answer and lost it at once.",
    "Then somebody switched off {first}, and it was morning.",
    "I remember thinking that I must tell this to somebody, and to whom.",
    "When I woke up, one line of it was still true. I don't know which.",
    "It ended in the middle, as they do.",
    "I counted to three and it was a {weekday}.",
)
_NO_THING = frozenset(
    {
        "awake",
        "tired",
        "late",
        "lonely",
        "sleepless",
        "marine",
        "bioluminescent",
        "cook",
        "date",
        "gamble",
        "bluff",
        "sleep",
        "practice",
        "night",
        "midnight",
        "dawn",
        "tour",
        "stage",
        "love",
        "ex",
        "friend",
        "friends",
        "boyfriend",
        "girlfriend",
        "climate",
        "singer",
        "audience",
        "band",
        "pool",
        "beach",
        "bar",
        "club",
    }
)
"""Interest words that are no thing one could hold."""


def compose(
    character: Character, encoder: LangChainEncoder, day: Day, before: Day
) -> str:
    """The dream without a model, from a day and the one `before` it; the same days give
    the same dream."""
    chance = Random(f"{character.name}/{day.date}/dream")
    topics = topics_of(character, encoder, day) or [character.interests[0].name]
    first, second = _two_things(character, day, topics, chance)
    names = list(dict.fromkeys(one.name for one in day.open)) or [
        "Somebody I couldn't see"
    ]
    lines = [clip(one.said, SHORT) for one in day.open]
    name = chance.choice(names)
    others = [
        one
        for one in (*before.open, *day.open)
        if one.name != name and len(one.heard.split()) > 2
    ]
    parts = [
        turn(_PLACES, day, character.name).format(
            topic=topics[0], first=first, second=second
        )
    ]
    if lines:
        parts.append(
            turn(_PEOPLE, day, character.name).format(
                name=name, said=chance.choice(lines)
            )
        )
    if others:
        other = chance.choice(others)
        heard = clip(spoken(other.heard, character.names), SHORT)
        parts.append(
            turn(_ECHOES, day, character.name).format(
                other=other.name, heard=heard, second=second
            )
        )
    weekday = chance.choice(("Monday", "Tuesday", "Thursday", "Friday", "Sunday"))
    parts.append(turn(_ENDS, day, character.name).format(first=first, weekday=weekday))
    return outgoing(" ".join(parts))


def _two_things(
    character: Character, day: Day, topics: Sequence[str], chance: Random
) -> tuple[str, str]:
    """Two different things: two that were mentioned that day, else two that the
    character cares about."""
    talked = " ".join(f"{one.heard} {one.said}" for one in day.open).casefold()
    words = [
        word
        for interest in character.interests
        for word in interest.words
        if _is_holdable(word)
    ]
    near = [
        word
        for word in words
        if re.search(rf"\b{re.escape(word.casefold())}\b", talked)
    ]
    far = [
        word
        for interest in character.interests
        if interest.name not in topics[:1]
        for word in interest.words
        if _is_holdable(word) and word not in near
    ]
    first = chance.choice(near or words or ["paper"])
    # `lamp` and `lamps` would be one thing twice.
    rest = [word for word in far or words if word[:4] != first[:4]]
    return _plural_of(first, words), _plural_of(chance.choice(rest or ["salt"]), words)


def _plural_of(word: str, words: Sequence[str]) -> str:
    """The plural, where the character knows it."""
    return next((more for more in (f"{word}s", f"{word}es") if more in words), word)


def _is_holdable(word: str) -> bool:
    return (
        len(word) > 2
        and word not in _NO_THING
        and not word.endswith("ing")
        and " " not in word
    )
