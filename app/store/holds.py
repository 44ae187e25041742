"""Holds: what a call of a model may cost is booked before it is made, and corrected
when its cost is known."""

from __future__ import annotations

from app.domain.model import Cost
from app.domain.verdicts import Reserve
from app.store import keys
from app.store.calls import Call
from app.store.keys import Key
from app.store.limits import Limits
from app.store.scripts import script


@script("budget.reserve_own")
def _reserve_own(
    *, request: Key, bot: str, limits: Limits, tokens: int, micro_usd: int, hold: str
) -> None: ...


def reserve_own(
    bot: str, limits: Limits, cost: Cost, hold: str, request: str
) -> Call[tuple[Reserve, str]]:
    """Before a call that no message caused (diary, dream, learning): the verdict, with
    a reason when it is a refusal."""
    call = _reserve_own(
        request=keys.request(request),
        bot=bot,
        limits=limits,
        tokens=cost.tokens,
        micro_usd=cost.micro_usd,
        hold=hold,
    )
    return call.parsed(lambda reply: (Reserve(reply[0]), str(reply[1])))


@script("budget.settle")
def _settle(
    *, request: Key, hold: str, limits: Limits, tokens: int, micro_usd: int
) -> None: ...


def settle(hold: str, limits: Limits, cost: Cost, request: str) -> Call[bool]:
    """The call ended without a post, and cost so much. False: nothing is held, as after
    a commit or an earlier settling."""
    call = _settle(
        request=keys.request(request),
        hold=hold,
        limits=limits,
        tokens=cost.tokens,
        micro_usd=cost.micro_usd,
    )
    return call.parsed(bool)
