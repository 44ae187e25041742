"""The parts of a bid by what they are about, in words for people.

A bid has some sixty parts (`app.rules.features`); what a person asks is which of a few
things spoke for one bot and not for the other.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Mapping
from typing import NamedTuple


class Theme(NamedTuple):
    """What some parts are about, with the words for a sum above and below zero."""

    name: str
    for_it: str
    against_it: str


TALK = Theme("talk", "was in talk with {author}", "was not in talk with {author}")
PRESENCE = Theme("presence", "was present in the room", "was not so present here")
SUBJECT = Theme("subject", "knows the subject", "knows little of the subject")
BETWEEN = Theme(
    "two people", "did not break in on two people", "would break in on two people"
)
CHATTY = Theme("chattiness", "likes to talk", "speaks seldom")
ROLE = Theme("role", "often answers here", "seldom answers here")
TRUST = Theme("trust", "trusts {author}", "does not know {author} well")
RECEPTION = Theme(
    "reception", "is liked in this channel", "was not wanted in this channel lately"
)
FATIGUE = Theme("fatigue", "had said little", "had said much already")
SIGNAL = Theme("signal", "had a reason to listen", "was only half addressed")
REST = Theme("the rest", "had small things for it", "had small things against it")
"""Of the moment and of smaller parts: told beside the others, and never as a reason."""

_BY_PREFIX: tuple[tuple[tuple[str, ...], Theme], ...] = (
    (("interest", "subject_change", "words"), SUBJECT),
    (("between_people",), BETWEEN),
    (("chattiness",), CHATTY),
    (("trust",), TRUST),
    (("reception",), RECEPTION),
    (("fatigue",), FATIGUE),
    (("signal",), SIGNAL),
    (
        ("tie", "named", "told_", "heard_", "back_", "to_author", "author_since"),
        TALK,
    ),
    (
        (
            "bot_secs",
            "bot_gap",
            "bot_pace",
            "bot_lines",
            "bot_share",
            "bot_rate",
            "speakers_since",
        ),
        PRESENCE,
    ),
    (("bot_",), ROLE),
)
_OF_ALL = frozenset({"intercept", "threshold"})
"""Parts that are the same for every bot and message."""


def theme_of(part: str) -> Theme | None:
    """What a part of a bid is about; None for one that is the same in every bid. Of a
    pair of features the one that tells of the bot counts."""
    if part in _OF_ALL:
        return None
    for prefixes, theme in _BY_PREFIX:
        if any(name.startswith(prefixes) for name in reversed(part.split("*"))):
            return theme
    return REST


def themes_of(parts: object) -> dict[Theme, float]:
    """Bits by theme of a bid's parts, which the journal keeps as JSON; empty for what
    cannot be read."""
    try:
        found = json.loads(str(parts))
        pairs = [(str(name), float(bits)) for name, bits in found.items()]
    except (ValueError, TypeError, AttributeError):
        return {}
    totals: dict[Theme, float] = defaultdict(float)
    for name, bits in pairs:
        theme = theme_of(name)
        if theme is not None:
            totals[theme] += bits
    return dict(totals)


def edge(own: Mapping[Theme, float], others: Mapping[Theme, float]) -> Theme | None:
    """What spoke for one bid, and most so over another; None: nothing did."""
    lead = {
        theme: bits - others.get(theme, 0.0)
        for theme, bits in own.items()
        if bits > 0 and theme is not REST
    }
    best = max(lead, key=lambda theme: (lead[theme], theme.name), default=None)
    return best if best is not None and lead[best] > 0 else None


def describe_strength(theme: Theme, bits: float, author: str) -> str:
    """A theme in words, with its bits."""
    words = theme.for_it if bits >= 0 else theme.against_it
    return f"{words.format(author=author or 'its author')} ({bits:+.1f})"
