"""What Discord refused a bot in a channel lately: remembered, so that no model call is
paid for what cannot be sent."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

import structlog

from app.domain.settings import Settings
from app.store import keys
from app.store.calls import Call, Reply, command
from app.store.keys import Key
from app.store.scripts import script

log = structlog.get_logger(__name__)


class Barred(StrEnum):
    """What a refusal speaks against."""

    SEND = "send"
    """Anything: it may not send here."""
    REFER = "refer"
    """Replies with a reference; plain messages pass."""
    REACT = "react"
    """Reactions; words pass."""
    LINE = "line"
    """What was said; other words pass."""
    EMOJI = "emoji"
    """One reaction; others may pass."""


@script("refusal.note")
def _note(*, refusals: Key, kind: str, reason: str, remember_ms: int) -> None: ...


def note(
    bot: str, channel: str, barred: Barred, reason: str, settings: Settings
) -> Call[bool]:
    """Remember a refusal for STREAM_REFUSAL_MEMORY. False: it was remembered already,
    so its operator was told."""
    remember_ms = int(settings.refusal_memory * 1000)
    call = _note(
        refusals=keys.refusals(bot, channel),
        kind=barred,
        reason=reason,
        remember_ms=remember_ms,
    )
    return call.parsed(bool)


def tell(
    bot: str, channel: str, barred: Barred, reason: str, settings: Settings
) -> None:
    """Tell the operator of a refusal that is news."""
    log.warning(
        "Discord refuses",
        bot=bot,
        channel=channel,
        what=barred,
        reason=reason,
        remembered_s=settings.refusal_memory,
    )


@script("refusal.list")
def _list(*, refusals: Key) -> None: ...


def remembered(bot: str, channel: str) -> Call[Mapping[Barred, str]]:
    """What is barred for a bot in a channel now, with Discord's reasons; empty: nothing
    is known against sending."""
    return _list(refusals=keys.refusals(bot, channel)).parsed(_parse_barred)


def may_send(bot: str, channel: str) -> Call[str]:
    """Why a bot cannot send in a channel, as Discord told it lately; empty: nothing is
    known against it.

    To be asked before a bid and before a model call. A success forgets it, and so does
    time.
    """
    call = _list(refusals=keys.refusals(bot, channel))
    return call.parsed(lambda reply: _parse_barred(reply).get(Barred.SEND, ""))


def forget(bot: str, *channels: str) -> Call[int]:
    """Forget all refusals of a bot in these channels, at least one: somebody mended
    them. Returns in how many one was remembered."""
    forgotten = (keys.refusals(bot, channel) for channel in channels)
    return command("DEL", *forgotten, parse=int)


def _parse_barred(reply: Reply) -> dict[Barred, str]:
    # A kind that this version does not know says nothing to it.
    known = {one.value: one for one in Barred}
    return {
        known[kind]: reason
        for kind, reason in zip(reply[::2], reply[1::2], strict=True)
        if kind in known
    }
