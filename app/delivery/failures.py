"""What an error says about a post: pure judgement, no I/O."""

from __future__ import annotations

import random
from enum import StrEnum
from typing import NamedTuple

import aiohttp
import discord

from app.delivery.address import seconds
from app.delivery.refusals import (
    UNKNOWN_MESSAGE,
    RefusalRule,
    RefusalVerdict,
    find_refusal,
)
from app.domain.errors import StreamError, TokenRefused
from app.runtime.logs import redact

REASON_LENGTH = 200
FIRST_RETRY = 0.25
LONGEST_RETRY = 30.0


class Unreachable(StreamError):
    """Discord cannot be reached to log in."""


class Unseen(StreamError):
    """An earlier attempt may have arrived, and the channel's history cannot be read."""


class FailureKind(StrEnum):
    """What to do next."""

    FINAL = "final"
    """Discord refuses it and always will."""
    GONE = "gone"
    """The message is not there (any more)."""
    UNAUTHORIZED = "unauthorized"
    """The token is wrong: revoked or rotated."""
    ABSENT = "absent"
    """It surely did not arrive; try again."""
    UNKNOWN = "unknown"
    """It may have arrived; try again under the same nonce."""


class Failure(NamedTuple):
    """The judgement, its reason (no secret in it), how long Discord asks to wait, in
    seconds, and the row of the table."""

    kind: FailureKind
    reason: str
    retry_after: float = 0.0
    refusal: RefusalRule | None = None


def judge_failure(error: BaseException, reaction: bool = False) -> Failure:
    """Judge one failed request. What is not known for sure may have arrived."""
    match error:
        case discord.RateLimited():
            return Failure(FailureKind.ABSENT, "rate limited", error.retry_after)
        case discord.HTTPException():
            return _discord_failure(error, reaction)
        case aiohttp.ClientConnectorError():
            # There was no connection: not a byte has left.
            return Failure(FailureKind.ABSENT, "cannot connect")
        case StreamError():
            return _own_failure(error)
        case _:
            return Failure(FailureKind.UNKNOWN, type(error).__name__)


def _own_failure(error: StreamError) -> Failure:
    """What this program itself says of a request."""
    if isinstance(error, TokenRefused):
        return Failure(FailureKind.UNAUTHORIZED, "token refused")
    # Unseen: nobody can tell if it is there, and a dead letter beats saying it twice.
    return Failure(
        FailureKind.FINAL if isinstance(error, Unseen) else FailureKind.UNKNOWN,
        str(error),
    )


def _discord_failure(error: discord.HTTPException, reaction: bool) -> Failure:
    reason = redact(f"{error.status} {error.code}: {error.text}")[:REASON_LENGTH]
    retry_after = seconds(error.response.headers.get("Retry-After"))
    if error.status == 429:
        return Failure(FailureKind.ABSENT, reason, retry_after)
    if error.status == 401:
        return Failure(FailureKind.UNAUTHORIZED, reason)
    if error.status == 404 and error.code == UNKNOWN_MESSAGE:
        return Failure(
            FailureKind.GONE,
            reason,
            refusal=find_refusal(error.code, error.text, reaction),
        )
    if not error.code or error.status >= 500 or error.status == 408:
        # A page of something before Discord tells nothing of what happened behind it.
        return Failure(FailureKind.UNKNOWN, _page_reason(error), retry_after)
    refusal = find_refusal(error.code, error.text, reaction)
    if refusal is not None and refusal.verdict is RefusalVerdict.FINAL:
        return Failure(FailureKind.FINAL, reason, refusal=refusal)
    # Discord itself answered and took nothing; a code that is not known may pass.
    return Failure(FailureKind.ABSENT, reason, retry_after)


def _page_reason(error: discord.HTTPException) -> str:
    """The reason of an answer without a code. An HTML page is not quoted."""
    kind = str(error.response.headers.get("Content-Type", "")).partition(";")[0]
    text = "" if kind == "text/html" else f": {error.text}"
    return redact(f"{error.status} without a code, {kind or 'of no type'}{text}")[
        :REASON_LENGTH
    ]


def backoff_ms(failures: int, retry_after: float) -> int:
    """How long to wait after so many failures: doubling, with jitter, at least what
    Discord asked for."""
    doubled = min(LONGEST_RETRY, FIRST_RETRY * 2 ** min(max(failures - 1, 0), 20))
    return max(int(doubled * random.uniform(500, 1500)), int(retry_after * 1000) + 1)
