"""The forms in which text and names are compared, whatever script and decoration they
are written in."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

_STOPS = {
    "’": "'",
    "‘": "'",
    "ʼ": "'",
    "、": ", ",
    "،": ", ",
    "。": ". ",
    "।": ". ",
    "؟": "?",
    "؛": ";",
}
_HIDDEN = {
    point: None for point in range(0x10000) if unicodedata.category(chr(point)) == "Cf"
}
_ACCENTS: dict[int, None] = dict.fromkeys(range(0x300, 0x370))
_PLAIN = str.maketrans(_STOPS) | _HIDDEN | _ACCENTS
_SPOKEN = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_DRAWN = re.compile(r"(\w)\1{2,}")
_DRAWN_END = re.compile(r"(\w)\1+$")


def _character_class(points: list[int]) -> str:
    """A regular expression's character class of these code points."""
    found: list[list[int]] = []
    for point in points:
        if found and point == found[-1][1] + 1:
            found[-1][1] = point
        else:
            found.append([point, point])
    return "".join(f"{chr(first)}-{chr(last)}" for first, last in found)


MARKS = _character_class(
    [
        point
        for point in range(0x370, 0xFE00)
        if unicodedata.category(chr(point)) in {"Mn", "Mc"}
    ]
)
"""Combining marks that are part of a word, as a class: the vowels of Hindi, Arabic or
Thai. Python's `\\w` lacks them."""

UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"
"""Thai, Lao, Burmese, Khmer, Japanese and Chinese: written without spaces between
words."""
_UNSPACED_LETTER = re.compile(f"[{UNSPACED}]")

RAW_HEAD, RAW_TAIL = 350, 130
"""Characters of a message beyond ASCII that are normalised: normalising is dear."""

_LIGATURES = re.compile(
    "["
    + _character_class(
        [
            point
            for point in range(0x3000, 0xFE00)
            if len(unicodedata.normalize("NFKC", chr(point))) > 3
        ]
    )
    + "]"
)
"""Whole phrases in one character (up to 18 characters long): no part of a name, and
dear by the thousand."""


def normalise(text: str) -> str:
    """Compatibility characters and case folded, one kind of apostrophe, comma and full
    stop, nothing invisible."""
    # Most messages: in ASCII nothing but the case has another form.
    if text.isascii():
        return text.casefold()
    folded = unicodedata.normalize("NFKC", _LIGATURES.sub(" ", text)).casefold()
    # Once more: what was taken out may have kept letters from composing.
    return unicodedata.normalize(
        "NFKC", unicodedata.normalize("NFKC", folded).translate(_PLAIN)
    )


def normalise_clipped(text: str) -> str:
    """The same for a text of any length: of a long one its beginning and its end."""
    # Clipped again: one character may normalise to many.
    return clip_text(normalise(clip_text(text)))


def clip_text(text: str) -> str:
    """A text as long as may be normalised: its beginning and its end."""
    if text.isascii() or len(text) <= RAW_HEAD + RAW_TAIL:
        return text
    return f"{text[:RAW_HEAD]}\n{text[-RAW_TAIL:]}"


def spoken_words(text: str) -> list[str]:
    """Its words as people say them: letters and digits, and an apostrophe between
    them."""
    return _SPOKEN.findall(text)


def unspaced_letters(text: str) -> int:
    """How many of its characters belong to scripts without spaces between words."""
    return len(_UNSPACED_LETTER.findall(text))


@lru_cache(maxsize=4096)
def fold(word: str) -> str:
    """A normalised word without accents and with a dotted i: people write "ipek" for
    "İpek" and "zoe" for "Zoë"."""
    return fold_text(word)


def fold_text(text: str) -> str:
    """The same for a whole text, of which nothing is remembered."""
    if text.isascii():
        return text
    bare = unicodedata.normalize("NFKD", text).translate(_ACCENTS)
    return unicodedata.normalize("NFKC", bare).replace("ı", "i")


def undrawn_forms(word: str) -> tuple[str, ...]:
    """What a drawn-out word may stand for: "heyyy" is "hey", "gooood" is "good". Empty
    for any other word."""
    if not _DRAWN.search(word) and not _DRAWN_END.search(word):
        return ()
    return (_DRAWN_END.sub(r"\1", _DRAWN.sub(r"\1", word)), _DRAWN.sub(r"\1\1", word))
