"""The one reading of a message's text: its words and kind, and the forms in which names
are looked for. It is made once, in linear time, and passed on to whatever asks about
the text."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import IntEnum
from functools import lru_cache

from app.rules.script import fold_text, normalise_clipped, spoken_words

TEXT_CAP = 600
"""Characters of a line that are read; the rest is ignored, so that a huge line costs no
more than a long one."""
TOKEN_CAP = 120
WORD_CAP = 40
WORD_LENGTH = 24

EDGE = ".,:;!?'\"`()[]{}<>*~-=/\\|@%+&\u2022"
"""Punctuation that is not part of a name."""
_OPENER = re.compile(r"\s*@?([^\s:,;>]{1,40}?)(?:\s?[:,;]+|\s?-+>|>)(?:\s|$)")
_WORD = re.compile(r"[^\W_]{3,}")
_MENTION = re.compile(r"<@[!&]?\d{1,20}>")


def word_set(text: str) -> frozenset[str]:
    """The words of a text, as a set."""
    return frozenset(text.split())


_WH = word_set(
    "what how why where when who which whats hows wheres anyone anybody someone somebody does do did is are can could will "
    "would should has have any"
)
_EVERYONE = word_set(
    "anyone anybody someone somebody everyone everybody all guys folks people"
)
_YOU = word_set("you your yours u ur youre you're ya yourself")
_ME = word_set("i me my i'm im i've ive mine i'll i'd")
_THANKS = word_set("thanks thank thx thnx ty cheers tnx thanx tks")
_ACK = word_set(
    "ok okay yes yeah yep yup no nope nah sure right k kk lol hehe haha heh ah oh cool nice great hmm hm ahh oops fine true "
    "indeed gotcha alright ooh wow good agreed"
)
_GREETING = word_set(
    "hi hello hey hallo yo morning evening greetings howdy hiya bye cya goodnight goodbye night"
)
_AND = word_set("and but so or then because also well though however plus")
_STOP = (
    _WH
    | _YOU
    | _ME
    | _AND
    | _EVERYONE
    | word_set(
        "the that this it its for with from not was were been being there here had don't dont just like get got want need know "
        "think use using used one out now see yes yeah than them they him her his she our into about some more very too only "
        "other over try tried way make say said ubuntu"
    )
)


class LineKind(IntEnum):
    """What a line does, as far as its words show."""

    STATEMENT = 0
    QUESTION = 1
    ASKING_ALL = 2
    THANKS = 3
    ACK = 4
    GREETING = 5
    COMMAND = 6


@dataclass(frozen=True, slots=True)
class Reading:
    """One text, read: lower-case tokens, content words, the token it opens with as a
    vocative, and its kind. Whom it names depends on the roster, see
    `app.rules.tokens`."""

    tokens: tuple[str, ...]
    words: tuple[str, ...]
    opener: str
    kind: LineKind
    marks: int
    """0: no question mark, 1: inside, 2: at the end."""
    you: bool
    joins: bool
    """Begins with a word that continues (`and`, `but`, `so`)."""
    vocabulary: frozenset[str]
    """Its tokens and its content words: what an interest is compared with."""
    spoken: tuple[str, ...]
    """Its words as people say them, normalised and without mentions: the last ones, as
    how a line ends tells more than how a long one begins."""
    plain: str
    """The text, normalised and as long as is looked at for names."""
    folded: str
    """The same without accents."""


@lru_cache(maxsize=16)
def read(text: str) -> Reading:
    """Read a text of any length and content; of its words only the first 600 characters
    count. Every bot of a process hears the same text at the same moment: its copies
    share one reading."""
    plain = normalise_clipped(text)
    # Cut before any expression looks at it: nobody can make a line dear to hear.
    text = text[:TEXT_CAP]
    lower = text.lower()
    raw = lower.split()[:TOKEN_CAP]
    tokens = tuple([token.strip(EDGE)[:40] for token in raw])
    opener = _OPENER.match(lower)
    # In the order of the text: in a set the hash seed would choose what the cap cuts
    # off, and two processes would read differently.
    unique = dict.fromkeys(
        word[:WORD_LENGTH] for word in _WORD.findall(lower) if word not in _STOP
    )
    # `really?)` and `really?!` still end with their question.
    marks = 0 if "?" not in text else 2 if lower.rstrip(" .!)'\"").endswith("?") else 1
    # The sentence begins behind the name that it calls.
    heads = tokens[1:] if opener is not None else tokens
    seen = frozenset(tokens)
    words = tuple(unique)[:WORD_CAP]
    return Reading(
        tokens=tokens,
        words=words,
        opener=opener.group(1).strip(EDGE) if opener is not None else "",
        kind=kind_of_words(heads, seen, marks, lower),
        marks=marks,
        you=not _YOU.isdisjoint(seen),
        joins=bool(heads) and heads[0] in _AND,
        vocabulary=seen.union(words),
        spoken=tuple(spoken_words(_MENTION.sub(" ", plain[-TEXT_CAP:]))),
        plain=plain,
        folded=fold_text(plain),
    )


def kind_of_words(
    heads: Sequence[str], seen: Collection[str], marks: int = 0, lower: str = ""
) -> LineKind:
    """What a line does. `heads`: its words from where the sentence begins; `seen`: all
    of them; `marks` as in `Reading`; `lower`: the text in lower case."""
    first = heads[0] if heads else ""
    # Commands of other bots are no talk, also where they end in a question mark.
    if lower.startswith(("!", "/")) and len(lower) > 1:
        return LineKind.COMMAND
    # Before thanks and greetings: "thanks, but how?" asks.
    if marks or first in _WH:
        return (
            LineKind.ASKING_ALL if not _EVERYONE.isdisjoint(seen) else LineKind.QUESTION
        )
    if not _THANKS.isdisjoint(seen):
        return LineKind.THANKS
    # A longer line that begins with `yes` says something of its own.
    if len(heads) <= 4 and first in _ACK:
        return LineKind.ACK
    if first in _GREETING and len(heads) <= 4:
        return LineKind.GREETING
    return LineKind.STATEMENT
