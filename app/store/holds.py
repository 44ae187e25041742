"""Holds: what a call of a model may cost is booked before it is made, and corrected
when its cost is known."""

from __future__ import annotations

from app.domain.model import Cost
from app.domain.verdicts import Reserve
from app.store import keys
from app.store.calls import Call
from app.store.limits import Limits


def of_no_message(
    bot: str, limits: Limits, cost: Cost, hold: str, request: str
) -> Call[tuple[Reserve, str]]:
    """Before a call that no message caused (diary, dream, learning): the verdict, with
    a reason when it is a refusal."""
    return Call(
        "spend_own",
        (keys.request(request),),
        (bot, limits.json(), cost.tokens, cost.micro_usd, hold),
        lambda reply: (Reserve(reply[0]), str(reply[1])),
    )


def settle(hold: str, limits: Limits, cost: Cost, request: str) -> Call[bool]:
    """The call ended without a post, and cost so much. False: nothing is held, as after
    a commit or an earlier settling."""
    return Call(
        "settle",
        (keys.request(request),),
        (hold, limits.json(), cost.tokens, cost.micro_usd),
        bool,
    )
