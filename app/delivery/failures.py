"""What an error says about a post: pure judgement, no I/O."""

from __future__ import annotations

import random
from enum import StrEnum
from typing import NamedTuple

import aiohttp
import discord

from app.errors import StreamError, TokenRefused
from app.logs import redact

UNKNOWN_MESSAGE = 10008
"""Discord's JSON error code: the message was deleted, or never was."""

REASON_LENGTH = 200
FIRST_RETRY = 0.25
LONGEST_RETRY = 30.0


class Unreachable(StreamError):
    """Discord cannot be reached to log in."""


class Kind(StrEnum):
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
    """The judgement, its reason (no secret in it), and how long Discord asks to wait, in seconds."""

    kind: Kind
    reason: str
    retry_after: float = 0.0


def judge(error: BaseException) -> Failure:
    """Judge one failed request. What is not known for sure may have arrived."""
    match error:
        case discord.RateLimited():
            return Failure(Kind.ABSENT, "rate limited", error.retry_after)
        case discord.HTTPException():
            return _answered(error)
        case TokenRefused():
            return Failure(Kind.UNAUTHORIZED, "token refused")
        case aiohttp.ClientConnectorError():
            return Failure(Kind.ABSENT, "cannot connect")
        case StreamError():
            return Failure(Kind.UNKNOWN, str(error))
        case _:
            return Failure(Kind.UNKNOWN, type(error).__name__)


def _answered(error: discord.HTTPException) -> Failure:
    reason = redact(f"{error.status} {error.code}: {error.text}")[:REASON_LENGTH]
    if error.status == 429:
        return Failure(Kind.ABSENT, reason, _seconds(error.response.headers.get("Retry-After")))
    if error.status == 401:
        return Failure(Kind.UNAUTHORIZED, reason)
    if error.status == 404 and error.code == UNKNOWN_MESSAGE:
        return Failure(Kind.GONE, reason)
    if 400 <= error.status < 500 and error.status != 408:
        return Failure(Kind.FINAL, reason)
    return Failure(Kind.UNKNOWN, reason)


def _seconds(header: str | None) -> float:
    try:
        return max(0.0, float(header or 0))
    except ValueError:
        return 0.0


def backoff_ms(failures: int, retry_after: float) -> int:
    """How long to wait after so many failures: doubling, with jitter, at least what Discord asked for."""
    doubled = min(LONGEST_RETRY, FIRST_RETRY * 2 ** min(max(failures - 1, 0), 20))
    return max(int(doubled * random.uniform(500, 1500)), int(retry_after * 1000) + 1)
