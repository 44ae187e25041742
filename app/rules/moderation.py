"""A moderator's word inside Discord: `@bot stop`, `@everybot stop`, `@bot go on`, and a stop sign as a reaction."""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import lru_cache
from typing import Literal

from app.model import BotName, Frozen, RosterEntry
from app.rules.vocative import Kind, Lexicon, Token, lexicon, normalise, tokenise

Verdict = Literal["stop", "go_on"]

_STOP = frozenset({"stop", "stop now", "please stop", "stop please", "be quiet", "quiet", "shut up", "mute"})
_GO_ON = frozenset({"go on", "please go on", "continue", "resume", "unmute", "speak", "you may speak"})
_EVERYBOT = ("everybot", "everybots", "all bots", "every bot")
_EVERYBOT_ID = "everybot"
_SIGNS = frozenset({"🛑", "⛔"})
_LONGEST = 120
_CUE = re.compile("|".join(sorted({re.escape(phrase.split()[-1]) for phrase in _STOP | _GO_ON} | {"stop", "go"})))
"""Every order holds one of these words. Each bot's gateway asks about each message, and the roster grows with the bots."""


class Order(Frozen):
    """What a moderator wants; `bots` is empty when it is all of them."""

    verdict: Verdict
    bots: tuple[BotName, ...] = ()


def order(content: str, roster: Sequence[RosterEntry]) -> Order | None:
    """The order that this text is, if it is nothing but an order. Whether its author may give one is the caller's to
    check. "elena, stop it, you're killing me" is no order."""
    if len(content) > _LONGEST or not _CUE.search(normalise(content)):
        return None
    lines = tokenise(content, _lexicon(tuple((entry.user_id, (*entry.names, entry.bot)) for entry in roster)))
    if len(lines) != 1:
        return None
    parties = [token.who for token in lines[0] if token.kind is Kind.PARTY]
    verdict = _verdict(lines[0])
    ours = {entry.user_id: entry.bot for entry in roster}
    if verdict is None or not parties or any(who not in ours and who != _EVERYBOT_ID for who in parties):
        return None
    if _EVERYBOT_ID in parties:
        return Order(verdict=verdict)
    return Order(verdict=verdict, bots=tuple(dict.fromkeys(ours[who] for who in parties)))


def is_stop_sign(emoji: str) -> bool:
    """Whether a reaction with this emoji asks the bots to stop."""
    return emoji.removesuffix("\ufe0f") in _SIGNS


@lru_cache(maxsize=64)
def _lexicon(bots: tuple[tuple[str, tuple[str, ...]], ...]) -> Lexicon:
    names = [(name, user_id) for user_id, names in bots for name in names]
    return lexicon([*names, *((name, _EVERYBOT_ID) for name in _EVERYBOT)])


def _verdict(line: Sequence[Token]) -> Verdict | None:
    """The command, if the parties stand all before it or all after it."""
    kinds = "".join("p" if t.kind is Kind.PARTY else "w" for t in line if t.kind is Kind.PARTY or _says(t))
    if "wp" in kinds and "pw" in kinds:
        return None
    said = " ".join(token.text for token in line if _says(token))
    return "stop" if said in _STOP else "go_on" if said in _GO_ON else None


def _says(token: Token) -> bool:
    return token.kind is Kind.OTHER or (token.kind is Kind.WORD and token.text != "and") or token.text == "?"
