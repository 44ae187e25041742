"""What a channel makes of a bot's unasked posts: a standing between -1 and 1 that moves
the bot's threshold there, slowly and within bounds.

Each person has a share of it, however often they say the same. It fades where nobody
says anything any more.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from enum import Enum
from typing import NamedTuple

from app.rules.reading import Reading
from app.rules.script import fold

HALF_LIFE_MS = 14 * 86_400_000
"""After so long without a new sign, half of a share is left."""
PERSON_SHARE = 0.25
"""Of the whole standing that one person can move it, up or down."""
SILENCE_SHARE = 0.5
"""That being ignored can move it down."""
SILENCE = "*"
"""Stands for everybody who did not say anything."""
LINES = 6
"""Lines of people after a post that show whether it is ignored."""
PEOPLE = 2
"""Different people who must have written them: one who talks on ignores nobody for the
others."""
WAIT_MS = 600_000
"""For so long what is said may be about a post."""
_WORDS_MOST = 6
"""Words of a line that tells a bot off; a longer one says more than that."""


class Sign(Enum):
    """One thing that people do about an unasked post."""

    LIKED = "liked"
    WELCOMED = "welcomed"
    """Somebody answered it."""
    DISLIKED = "disliked"
    TOLD_OFF = "told off"
    """Somebody said "not you" or "shut up"."""
    IGNORED = "ignored"
    NOTICED = "noticed"
    """Somebody went on with it."""


class Pull(NamedTuple):
    """Where a sign pulls a share, and by how much of the way."""

    towards: float
    rate: float


PULLS: Mapping[Sign, Pull] = {
    Sign.LIKED: Pull(1.0, 0.05),
    Sign.WELCOMED: Pull(1.0, 0.05),
    Sign.DISLIKED: Pull(-1.0, 0.05),
    Sign.TOLD_OFF: Pull(-1.0, 0.2),
    # Silence says little: a post may be read and enjoyed without a word.
    Sign.IGNORED: Pull(-1.0, 0.02),
    Sign.NOTICED: Pull(0.0, 0.04),
}
OF_EVERYBODY = frozenset({Sign.IGNORED, Sign.NOTICED})
"""Signs that are no one person's."""


class Share(NamedTuple):
    """What one person makes of it, -1 to 1, and the Unix milliseconds of the last
    sign."""

    value: float
    at_ms: int

    def remaining_value(self, now_ms: int) -> float:
        """What it is worth now. `reception.note` counts the same."""
        idle_ms = max(0, now_ms - self.at_ms)
        return self.value * math.pow(0.5, idle_ms / HALF_LIFE_MS)


def moved(share: Share | None, sign: Sign, now_ms: int) -> Share:
    """A share after a sign. It can be repeated for ever, and stays between -1 and 1."""
    value = share.remaining_value(now_ms) if share is not None else 0.0
    pull = PULLS[sign]
    return Share(value + pull.rate * (pull.towards - value), now_ms)


def standing(shares: Mapping[str, Share], now_ms: int) -> float:
    """All shares together, -1 to 1. Rounded, as it is compared in bids."""
    total = sum(
        share.remaining_value(now_ms)
        * (SILENCE_SHARE if person == SILENCE else PERSON_SHARE)
        for person, share in shares.items()
    )
    return round(min(1.0, max(-1.0, total)), 3)


# --- what people say and show

_DISLIKE = frozenset("👎😠😡🤬🤮🤢🙄😒💩🤐🤫🚫❌🛑⛔🖕🥱😴💤")
_LIKE = frozenset(
    "👍❤😀😃😄😁😆😂🤣😊😍🥰😘😻👏🙌🙏💯🔥⭐🌟✨🎉🥳💪🤩😎✅💖💙💚💛💜🧡🫶👌🤝💡"
)


def sign_of_emoji(emoji: str) -> Sign | None:
    """What a reaction says; None for an emoji that may mean anything."""
    # Tones of skin and variation selectors stand behind the sign itself.
    first = emoji[:1]
    if first in _DISLIKE:
        return Sign.DISLIKED
    return Sign.LIKED if first in _LIKE else None


_TELLING_OFF = tuple(
    tuple(phrase.split())
    for phrase in (
        # English
        "not you",
        "not asking you",
        "wasn't asking you",
        "wasnt asking you",
        "not talking to you",
        "wasn't talking to you",
        "wasnt talking to you",
        "nobody asked",
        "no one asked",
        "shut up",
        "stfu",
        "be quiet",
        "stop talking",
        "go away",
        "leave us alone",
        "butt out",
        # German
        "nicht du",
        "dich nicht",
        "sei still",
        "sei ruhig",
        "halt den mund",
        "halt die klappe",
        "niemand hat dich gefragt",
        # Spanish, Portuguese, Italian, French
        "tu no",
        "callate",
        "cierra la boca",
        "nadie te pregunto",
        "voce nao",
        "cala a boca",
        "non tu",
        "stai zitto",
        "stai zitta",
        "pas toi",
        "tais toi",
        "ta gueule",
        # Turkish, Russian, Polish
        "sen degil",
        "не ты",
        "не тебе",
        "замолчи",
        "заткнись",
        "nie ty",
        "zamknij sie",
    )
)
_UNSPACED = ("黙って", "黙れ", "うるさい", "闭嘴", "不是你", "조용히해", "너말고")


def tells_off(reading: Reading) -> bool:
    """Whether a short line says that the bot should not have spoken. To whom it is said
    the caller knows."""
    if not 0 < len(reading.spoken) <= _WORDS_MOST:
        return False
    tokens = tuple(fold(word) for word in reading.spoken)
    # Scripts without spaces have no words to compare.
    bare = "".join(tokens)
    if any(phrase in bare for phrase in _UNSPACED):
        return True
    return any(
        tokens[place : place + len(phrase)] == phrase
        for phrase in _TELLING_OFF
        for place in range(len(tokens) - len(phrase) + 1)
    )
