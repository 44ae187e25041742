"""What a message is worth to a character for its subject alone: the words of its
interests, and how like the message is to them, where that was measured."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from app.rules.everyday import EVERYDAY
from app.rules.reading import LineKind, Reading, read, word_set

WORD_BITS = 6.0
"""Bits of a word of an interest, where words are all there is to go by. Set by hand, as
a chat log knows no interests."""
MORE_BITS = 1.0
MORE = 2
"""Further words that count, each by `MORE_BITS`: whom it concerns most should win."""
EVEN_BITS = 1.5
"""Bits of a message that is as like the interests as it is like ordinary chat."""
LIKENESS_BITS = 36.0
"""Bits for one unit of likeness above that; fitted, see docs/policy.md."""
LIKE_WORD_BITS = 4.0
"""Bits of a word beside a measured likeness. A word that people use about anything
(`night`, `drink`, `match`) has none there."""
IDLE_TOKENS = 5
"""Up to so many tokens an acknowledgement, a greeting or a leave is nothing else."""
_IDLE = frozenset({LineKind.ACK, LineKind.GREETING})
_LEAVING = word_set("brb afk bbl bbs gtg g2g ttyl omw")
MOST_BITS = 14.0
LEAST_BITS = -4.0
"""Of a message that is far from the interests: in a lively channel a bot would else
answer whatever was said."""


@dataclass(frozen=True, slots=True)
class Likeness:
    """How like a message is to something, in cosines; measured in `app.likeness`."""

    subject: float
    """To the character's subjects, less that to ordinary chat: -1 to 1."""
    follow_up: float
    """To bare follow-ups ("and how long?"), less that to other lines. It says nothing
    of the character."""
    lacking: float = 0.0
    """What is taken off `subject` where other bots of the room are about as near."""

    @property
    def alone(self) -> Likeness:
        """The same, as if nobody else were near."""
        return Likeness(self.subject, self.follow_up)


class Interests:
    """Words and phrases, read once. A phrase is touched when all its words occur, in
    any order."""

    def __init__(self, words: Iterable[str]) -> None:
        parts = {frozenset(read(word).words) for word in words} - {frozenset()}
        single = {word for part in parts if len(part) == 1 for word in part}
        self._words = frozenset(single - EVERYDAY)
        self._everyday = frozenset(single & EVERYDAY)
        self._phrases = tuple(part for part in parts if len(part) > 1)

    def touched(self, text: Reading) -> int:
        """How many of the words and phrases the text holds whole, everyday words
        included."""
        return self._telling(text) + len(text.vocabulary & self._everyday)

    def _telling(self, text: Reading) -> int:
        return len(text.vocabulary & self._words) + sum(
            1 for phrase in self._phrases if phrase <= text.vocabulary
        )

    def bits(self, text: Reading, likeness: Likeness | None = None) -> float:
        """What the text adds to a bid."""
        if likeness is None:
            # Nothing was measured: an everyday word is better than none.
            found = self.touched(text)
            return WORD_BITS + MORE_BITS * min(found - 1, MORE) if found else 0.0
        word = LIKE_WORD_BITS if self._telling(text) else 0.0
        # "haha yeah that tracks" is nobody's, whatever it happens to be near.
        if not word and _is_idle(text):
            return LEAST_BITS
        subject = likeness.subject - likeness.lacking
        measured = EVEN_BITS + LIKENESS_BITS * subject + word
        return min(MOST_BITS, max(LEAST_BITS, measured))


def _is_idle(text: Reading) -> bool:
    """Whether a line only says that its author is here, agrees or leaves, or says
    nothing at all."""
    if not any(map(_says_something, text.vocabulary)):
        return True
    if len(text.tokens) > IDLE_TOKENS:
        return False
    return text.kind in _IDLE or not _LEAVING.isdisjoint(text.vocabulary)


def _says_something(word: str) -> bool:
    """Whether it is more than a picture or a mark."""
    return any(map(str.isalnum, word))
