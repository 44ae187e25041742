"""Is this text one emoji? Close enough that reactions with plain words or unknown
custom emoji are refused."""

from __future__ import annotations

import unicodedata

_JOINER = "\u200d"
_KEYCAP = "\u20e3"
_KEYCAP_BASES = frozenset("#*0123456789")
# Signs that are emoji although Unicode files them under letters, punctuation or
# mathematics.
_ODD_BASES = frozenset("©®‼⁉™ℹ〰〽㊗㊙↔↕↖↗↘↙↩↪⤴⤵▫▪◻◼◽◾")
_REGIONAL = range(0x1F1E6, 0x1F200)
_MODIFIERS = frozenset({"Sk", "Mn", "Cf"})


def is_emoji(text: str) -> bool:
    """True for exactly one Unicode emoji, with skin tones, joiners, flags and
    keycaps."""
    if text.endswith(_KEYCAP):
        return text[0] in _KEYCAP_BASES and len(text) <= 3
    bases = 0
    joined = False
    for char in text:
        if char == _JOINER:
            joined = True
        elif unicodedata.category(char) in _MODIFIERS:
            continue
        elif unicodedata.category(char) == "So" or char in _ODD_BASES:
            bases += 0 if joined else 1
            joined = False
        else:
            return False
    regional = sum(ord(char) in _REGIONAL for char in text)
    return bases == 1 or (bases == 2 and regional == 2)
