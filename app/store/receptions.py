"""What channels make of a bot's unasked posts, person by person. What the signs mean is
decided in `app.rules.reception`."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping

from app.rules import reception as rules
from app.rules.reception import Share, Sign
from app.store import keys
from app.store.calls import Call, Reply, command
from app.store.keys import Key
from app.store.scripts import script

SHARES_MOST = 2_000
"""Of one bot; above it the least telling one goes."""

Shares = Mapping[str, Mapping[str, Share]]
"""By channel and person."""


@script("reception.note")
def _note(
    *,
    reception: Key,
    request: Key,
    channel: str,
    person: str,
    towards: float,
    rate: float,
    half_life_ms: int,
    most: int,
) -> None: ...


@script("reception.restore")
def _restore(*shares: str, reception: Key) -> None: ...


@script("reception.reset")
def _reset(*, reception: Key, channel: str | None) -> None: ...


def note(bot: str, channel: str, person: str, sign: Sign, request: str) -> Call[float]:
    """Take in one sign. Returns the person's share now. The same `request` again
    changes nothing."""
    pull = rules.PULLS[sign]
    call = _note(
        reception=keys.reception(bot),
        request=keys.request(request),
        channel=channel,
        person=person,
        towards=pull.towards,
        rate=pull.rate,
        half_life_ms=rules.HALF_LIFE_MS,
        most=SHARES_MOST,
    )
    # The script reads, fades and writes in one step. While a bot is moved two gateways
    # have it, and a write after a read would lose the other's sign.
    return call.parsed(float)


def everywhere(bot: str) -> Call[Shares]:
    """All shares of a bot."""
    return command("HGETALL", keys.reception(bot), parse=_by_channel)


def stored(bot: str) -> Call[dict[str, str]]:
    """The same as it is stored, for `restore`."""
    return command("HGETALL", keys.reception(bot), parse=dict)


def restore(bot: str, shares: Mapping[str, str]) -> Call[int]:
    """Write shares again after Redis was emptied. Returns how many."""
    flat = [text for pair in shares.items() for text in pair]
    return _restore(*flat, reception=keys.reception(bot)).parsed(int)


def reset(bot: str, channel: str | None = None) -> Call[int]:
    """Forget the shares of one channel, or of all. Returns how many went."""
    return _reset(reception=keys.reception(bot), channel=channel).parsed(int)


def _by_channel(reply: Reply) -> dict[str, dict[str, Share]]:
    found: dict[str, dict[str, Share]] = {}
    for name, text in dict(reply).items():
        # Ids hold no colon; a field without one was not written by us.
        channel, _, person = str(name).partition(":")
        share = _share_of(str(text))
        if person and share is not None:
            found.setdefault(channel, {})[person] = share
    return found


def _share_of(text: str) -> Share | None:
    """What was stored; None for what somebody edited into nonsense."""
    try:
        raw = json.loads(text)
        value, at_ms = float(raw["value"]), int(raw["at_ms"])
    except (ValueError, TypeError, KeyError, OverflowError):
        return None
    # json.loads takes NaN, which would make every bid of the channel NaN.
    if not math.isfinite(value):
        return None
    # Out of bounds it would outweigh whatever the policy says.
    return Share(min(1.0, max(-1.0, value)), at_ms)
