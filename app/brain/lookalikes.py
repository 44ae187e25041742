"""Names that look alike, whatever letters they are written with."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable
from functools import lru_cache

_CYRILLIC = ("АВЕЅІЈКМНОРСТУХаеѕіјкморсухһԁԛԝӏьг", "abesljkmhopctyxaesljkmopcyxhdqwlbr")
_GREEK = ("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧαεικνορτυχγ", "abezhlkmnoptyxaelkvoptuxy")
_LATIN = ("ıɑɡ01i", "lagoll")
_ALIKE = {
    ord(one): other
    for table in (_CYRILLIC, _GREEK, _LATIN)
    for one, other in zip(*table, strict=True)
}
"""Letters that are drawn as Latin ones, and what each looks like. Unicode's own table
has six thousand rows; these are the ones with which a name in Latin letters can be
imitated."""


def skeleton(name: str) -> str:
    """What a name looks like: its letters and digits alone, small, without marks, in
    Latin where they look Latin."""
    plain = unicodedata.normalize("NFKD", name).translate(_ALIKE).casefold()
    return "".join(
        filter(str.isalnum, unicodedata.normalize("NFKD", plain).translate(_ALIKE))
    )


def alike(name: str, others: Iterable[str]) -> bool:
    """Whether a name looks like one of others."""
    looks = skeleton(name)
    return looks != "" and looks in _skeletons(tuple(others))


# Those of bots and of speakers in prompts, a few; what people call themselves is not
# kept.
@lru_cache(maxsize=64)
def _skeletons(names: tuple[str, ...]) -> frozenset[str]:
    return frozenset(map(skeleton, names))
