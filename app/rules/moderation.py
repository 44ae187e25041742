"""A moderator's word inside Discord: `@bot stop`, `@everybot stop`, `@bot go on`, and a
stop sign as a reaction."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Literal

from app.domain.model import BotName, Event, Frozen, RosterEntry
from app.rules.reading import read
from app.rules.tokens import (
    Lexicon,
    Names,
    Token,
    TokenKind,
    lexicon,
    name_lines,
    names_of,
)

Verdict = Literal["stop", "go_on"]

MUTED, FOR_A_TIME, SPEAKS, HELD = "🔇", "⏲\ufe0f", "🔊", "🔒"
"""Reactions to an order: silent until a moderator says go on; and silent for a time
(STREAM_STOP_LASTS); the bots may speak; the operator's mute holds them."""

_STOP = frozenset(
    {
        "stop",
        "stop now",
        "please stop",
        "stop please",
        "be quiet",
        "quiet",
        "shut up",
        "mute",
    }
)
_GO_ON = frozenset(
    {"go on", "please go on", "continue", "resume", "unmute", "speak", "you may speak"}
)
_EVERYBOT = ("everybot", "everybots", "all bots", "every bot")
_EVERYBOT_ID = "everybot"
_SIGNS = frozenset({"🛑", "⛔"})
_LONGEST = 120
_CUE = re.compile(
    "|".join(sorted({re.escape(phrase.split()[-1]) for phrase in _STOP | _GO_ON}))
)
"""Every order holds one of these words."""


class Order(Frozen):
    """What a moderator wants; `bots` is empty when it is all of them."""

    verdict: Verdict
    bots: tuple[BotName, ...] = ()


def find_order(
    event: Event, roster: Sequence[RosterEntry], by_moderator: Callable[[], bool]
) -> Order | None:
    """The order that this message is, if it is nothing but an order and its author may
    give one. "elena, stop it, you're killing me" is no order."""
    reading = read(event.content)
    # Names come last: the roster grows with the bots.
    if (
        len(event.content) > _LONGEST
        or not _CUE.search(reading.plain)
        or not by_moderator()
    ):
        return None
    names = _lexicon_of(names_of(roster, event.guild_id))
    lines = name_lines(reading, names)
    # An order is one line: whatever has more says more than that.
    if len(lines) != 1:
        return None
    parties = [token.who for token in lines[0] if token.kind is TokenKind.PARTY]
    verdict = _verdict_of(lines[0])
    ours = {entry.user_id: entry.bot for entry in roster}
    if (
        verdict is None
        or not parties
        or any(who not in ours and who != _EVERYBOT_ID for who in parties)
    ):
        return None
    if _EVERYBOT_ID in parties:
        return Order(verdict=verdict)
    return Order(
        verdict=verdict, bots=tuple(dict.fromkeys(ours[who] for who in parties))
    )


def acknowledgement(
    verdict: Verdict, limited: bool, still_muted: bool
) -> tuple[str, ...]:
    """The emoji that tell a moderator what has become of an order. A stop may be
    `limited` in time; the operator's mute may stand against a go on: `still_muted`."""
    if verdict == "stop":
        return (MUTED, FOR_A_TIME) if limited else (MUTED,)
    return (HELD,) if still_muted else (SPEAKS,)


def is_stop_sign(emoji: str) -> bool:
    """Whether a reaction with this emoji asks the bots to stop."""
    return emoji.removesuffix("\ufe0f") in _SIGNS


@lru_cache(maxsize=64)
def _lexicon_of(bots: tuple[Names, ...]) -> Lexicon:
    names = [(name, bot.user_id) for bot in bots for name in bot.names]
    roles = {role: bot.user_id for bot in bots for role in bot.roles}
    return lexicon([*names, *((name, _EVERYBOT_ID) for name in _EVERYBOT)], roles)


def _verdict_of(line: Sequence[Token]) -> Verdict | None:
    """The command, if the parties stand all before it or all after it."""
    kinds = "".join(
        "p" if t.kind is TokenKind.PARTY else "w"
        for t in line
        if t.kind is TokenKind.PARTY or _says_something(t)
    )
    if "wp" in kinds and "pw" in kinds:
        return None
    said = " ".join(token.text for token in line if _says_something(token))
    return "stop" if said in _STOP else "go_on" if said in _GO_ON else None


def _says_something(token: Token) -> bool:
    return (
        token.kind is TokenKind.OTHER
        or (token.kind is TokenKind.WORD and token.text != "and")
        # "stop?" asks, and orders nothing.
        or token.text == "?"
    )
