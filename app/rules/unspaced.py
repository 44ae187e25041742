"""Whom a sentence calls in Japanese, Chinese or Thai, where a name stands among other
words without a space."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from app.rules.lexis import TITLES_AFTER, UNSPACED
from app.rules.script import UNSPACED as LETTERS
from app.rules.sentences import COMMAS, Sentence, is_decoration
from app.rules.tokens import Token, TokenKind

_LETTER = re.compile(f"[{LETTERS}]")
_NEAR = 40
"""Tokens around a name that are looked at."""
_YOU = ("你", "您", "妳", "あなた", "คุณ", "เธอ")
_CALLING = frozenset(",:;-–—~〜…!?")


@dataclass(frozen=True, slots=True)
class _Place:
    """What stands around a name: the words next to it, and what separates them from it
    ("", " " or a mark)."""

    before: str
    parted: str
    """What separates the words before."""
    after: str
    pause: str
    """What separates the words after."""
    first: bool
    """Nothing was said before."""


def is_unspaced(sentence: Sentence) -> bool:
    """Whether a name in it stands next to a word of such a script, or is one."""
    tokens = sentence.tokens
    for i, token in enumerate(tokens):
        if token.kind is TokenKind.PARTY:
            near = [
                other.text
                for other in tokens[max(i - 2, 0) : i + 3]
                if other.kind is TokenKind.WORD
            ]
            if any(map(_LETTER.search, near)) or (
                not token.pinged and _LETTER.search(token.text)
            ):
                return True
    return False


def called_unspaced(sentence: Sentence, leading: bool) -> tuple[str, ...]:
    """Whom it calls. `leading`: nothing was said before it."""
    asks = sentence.asks or sentence.tokens[-1].text.endswith(
        ("吗", "嗎", "呢", "か", "ไหม", "มั้ย")
    )
    parties = [
        i for i, token in enumerate(sentence.tokens) if token.kind is TokenKind.PARTY
    ]
    return tuple(
        sentence.tokens[i].who
        for i in parties
        if _calls_party(_place_of(sentence.tokens, i, leading), asks)
    )


def _place_of(tokens: Sequence[Token], i: int, leading: bool) -> _Place:
    start = i
    while (
        start
        and tokens[start - 1].kind is not TokenKind.PARTY
        and not _parts_clauses(tokens[start - 1])
    ):
        start -= 1
    before = tokens[start:i]
    end = i + 1
    title = ""
    if end < len(tokens) and tokens[end].kind is TokenKind.WORD:
        title = next((one for one in _TITLES if tokens[end].text.startswith(one)), "")
    rest = tokens[end].text.removeprefix(title) if title else ""
    following = tokens[end + bool(title) : end + _NEAR]
    after = rest + "".join(
        token.text for token in following if token.kind is TokenKind.WORD
    )
    return _Place(
        before=_joined_text(before)
        or (
            _joined_text(tokens[max(start - _NEAR, 0) : start - 1])
            if start and _parts_clauses(tokens[start - 1])
            else ""
        ),
        parted=","
        if start == i and start and _parts_clauses(tokens[i - 1])
        else " "
        if tokens[i].spaced
        else "",
        after=after,
        pause="" if rest else _pause_after(following),
        first=leading and all(map(is_decoration, tokens[:i])),
    )


_TITLES = tuple(
    sorted(
        (title for title in TITLES_AFTER if _LETTER.match(title)), key=len, reverse=True
    )
)


def _parts_clauses(token: Token) -> bool:
    return token.text in COMMAS or token.kind is TokenKind.OTHER


def _joined_text(tokens: Sequence[Token]) -> str:
    return "".join(token.text for token in tokens if token.kind is TokenKind.WORD)


def _pause_after(following: Sequence[Token]) -> str:
    if not following:
        return "."
    if following[0].kind is not TokenKind.WORD:
        return (
            ","
            if following[0].text in _CALLING or following[0].kind is TokenKind.OTHER
            else ""
        )
    return " " if following[0].spaced else ""


def _calls_party(place: _Place, asks: bool) -> bool:
    greeting = next(
        (one for one in UNSPACED["greet"] if place.before.endswith(one)), ""
    )
    greeted = len(greeting) > 2 or bool(
        greeting and not place.before.endswith(UNSPACED["block"])
    )
    if place.first or greeted:
        return _opens_line(place, asks, greeted)
    return place.pause in {".", ","} and _closes_line(place, asks)


def _opens_line(place: _Place, asks: bool, greeted: bool) -> bool:
    if place.pause in {".", ","} or place.after.startswith(UNSPACED["after"]):
        return True
    if greeted and not place.after.startswith(UNSPACED["block"]):
        return True
    speaks = any(
        word in place.after for word in UNSPACED["you"]
    ) or place.after.startswith(UNSPACED["greet"])
    return (place.pause == " " and (asks or speaks)) or (
        asks and place.after.startswith(UNSPACED["topic"])
    )


def _closes_line(place: _Place, asks: bool) -> bool:
    if not place.before or place.before.endswith(UNSPACED["block"]):
        return False
    if place.parted == "," or (asks and place.before.startswith(_YOU)):
        return True
    speaks = any(word in place.before for word in UNSPACED["you"])
    return speaks and (place.parted == " " or place.before.endswith(UNSPACED["before"]))
