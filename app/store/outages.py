"""What Redis refuses and what that means: the one place that judges its errors.
`docs/outages.md` is made from `TABLE`."""

from __future__ import annotations

import re
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from typing import NamedTuple

import redis.asyncio.sentinel
import redis.sentinel
from redis import exceptions

from app.domain.errors import (
    StoreForbidden,
    StoreMoved,
    StoreRefusing,
    StoreUnavailable,
)


class Meaning(StrEnum):
    """What an error says about Redis. All but `FAULT` are outages: whatever met one is
    held and tried again."""

    UNREACHABLE = "unreachable"
    REFUSING = "refusing"
    FORBIDDEN = "forbidden"
    FAULT = "fault"


class OutageRule(NamedTuple):
    """One kind of error: the word that its answer begins with (or ours, in lower case),
    when it comes, what it means."""

    code: str
    when: str
    meaning: Meaning


TABLE = (
    OutageRule(
        "no answer",
        "the server is down, frozen or cut off; a connection died",
        Meaning.UNREACHABLE,
    ),
    OutageRule(
        "no connection",
        "all of the process's connections are busy for `STREAM_REDIS_TIMEOUT`",
        Meaning.UNREACHABLE,
    ),
    OutageRule(
        "max number of clients reached",
        "the server has `maxclients` connections",
        Meaning.UNREACHABLE,
    ),
    OutageRule(
        "certificate",
        "TLS: the server's certificate does not fit `STREAM_REDIS_CA`, its name or its dates",
        Meaning.UNREACHABLE,
    ),
    OutageRule(
        "no primary",
        "the Sentinels are away or name no primary: a failover",
        Meaning.UNREACHABLE,
    ),
    OutageRule("LOADING", "the server reads its data after a start", Meaning.REFUSING),
    OutageRule("OOM", "memory is at `maxmemory`", Meaning.REFUSING),
    OutageRule("READONLY", "the server became a replica: a failover", Meaning.REFUSING),
    OutageRule("MISCONF", "the disk is full or a snapshot failed", Meaning.REFUSING),
    OutageRule(
        "MASTERDOWN",
        "a replica without its primary that may not serve stale data",
        Meaning.REFUSING,
    ),
    OutageRule(
        "NOREPLICAS",
        "fewer replicas than `min-replicas-to-write` follow",
        Meaning.REFUSING,
    ),
    OutageRule("CLUSTERDOWN", "a cluster without all of its slots", Meaning.REFUSING),
    OutageRule("TRYAGAIN", "a cluster that moves slots", Meaning.REFUSING),
    OutageRule(
        "WRONGPASS", "the password was changed, here or there", Meaning.REFUSING
    ),
    OutageRule("NOAUTH", "a password was set, or the user removed", Meaning.REFUSING),
    OutageRule(
        "BUSY",
        "a script of somebody runs for longer than `busy-reply-threshold`",
        Meaning.REFUSING,
    ),
    OutageRule(
        "NOSCRIPT",
        "the server does not know a script that was sent with its call",
        Meaning.REFUSING,
    ),
    OutageRule(
        "UNBLOCKED",
        "the server became a replica while a command waited",
        Meaning.REFUSING,
    ),
    OutageRule(
        "NOPERM",
        "the ACL does not allow it to this user (`docker/users.acl`)",
        Meaning.FORBIDDEN,
    ),
    OutageRule(
        "unknown command",
        "the server is too old, or a command was renamed (`rename-command`)",
        Meaning.FORBIDDEN,
    ),
    OutageRule(
        "no database",
        "the server has no database of the number in `STREAM_REDIS_URL`",
        Meaning.FORBIDDEN,
    ),
    OutageRule("anything else", "a fault of a script or a call", Meaning.FAULT),
)

MOVED = frozenset({"READONLY", "MASTERDOWN", "UNBLOCKED", "NOREPLICAS"})
"""Codes of a server that is no primary. A connection that stays open would lead to it
for ever."""

_MEANINGS = {row.code: row.meaning for row in TABLE}
_WHEN = {row.code: row.when for row in TABLE}

# redis-py takes the first word off the answers that it has a class for.
_CODES: dict[type[exceptions.RedisError], str] = {
    redis.sentinel.MasterNotFoundError: "no primary",
    redis.asyncio.sentinel.MasterNotFoundError: "no primary",
    exceptions.BusyLoadingError: "LOADING",
    exceptions.OutOfMemoryError: "OOM",
    exceptions.ReadOnlyError: "READONLY",
    exceptions.MasterDownError: "MASTERDOWN",
    exceptions.ClusterDownError: "CLUSTERDOWN",
    exceptions.TryAgainError: "TRYAGAIN",
    exceptions.NoScriptError: "NOSCRIPT",
    exceptions.NoPermissionError: "NOPERM",
}

_PHRASES = {
    "unknown command": "unknown command",
    "Unknown command called from script": "unknown command",
    "Unknown Redis command called from script": "unknown command",
    "max number of clients reached": "max number of clients reached",
    "DB index is out of range": "no database",
    "No connection available": "no connection",
    "ACL failure in script": "NOPERM",
    "The user executing the script": "NOPERM",
    "Transaction discarded because of: NOPERM": "NOPERM",
    # MULTI itself was refused, and its answer passed over.
    "EXEC without MULTI": "NOPERM",
    # Who has not logged in may send ten arguments; a script's call has more, and is not
    # even parsed.
    "Protocol error: unauthenticated": "NOAUTH",
}
_REFUSED_COMMAND = re.compile(r"permissions to run the '([a-z|]{1,40})' command")
SENDS_SCRIPTS = ("multi", "exec", "script|load")
"""What a login needs to send a script that the server does not know."""
_UNANSWERED = (
    exceptions.ConnectionError,
    exceptions.TimeoutError,
    exceptions.InvalidResponse,
    OSError,
)


def code_of(error: Exception) -> str:
    """The row of `TABLE` that an error belongs to."""
    text = str(error)
    if isinstance(error, exceptions.AuthenticationError):
        # The class is one for both; Redis begins only the first with "invalid".
        return "WRONGPASS" if text.startswith("invalid") else "NOAUTH"
    if isinstance(tls_failure(error), ssl.SSLCertVerificationError):
        return "certificate"
    found = next(
        (code for kind, code in _CODES.items() if isinstance(error, kind)), None
    )
    # A full server and a full pool are ConnectionErrors too: words come before that.
    return (
        found
        or _code_in(text)
        or ("no answer" if _unanswered(error) else "anything else")
    )


def tls_failure(error: BaseException | None) -> ssl.SSLError | None:
    """The error of TLS below an error of redis-py, which leaves it in the context."""
    while error is not None and not isinstance(error, ssl.SSLError):
        error = error.__context__
    return error


def _unanswered(error: Exception) -> bool:
    """Whether the server said nothing, or nothing that could be read. redis-py raises
    the bare RedisError where one task closes a connection that another has just taken
    ("Buffer is closed"): at a failover."""
    return isinstance(error, _UNANSWERED) or type(error) is exceptions.RedisError


def _code_in(text: str) -> str | None:
    for phrase, code in _PHRASES.items():
        if phrase in text:
            return code
    # Our own codes are in lower case: no answer passes for one of them.
    word = text.partition(" ")[0]
    return word if word.isupper() and word in _MEANINGS else None


def meaning_of(error: Exception) -> Meaning:
    """What an error of redis-py, or of a socket below it, says about Redis."""
    return _MEANINGS[code_of(error)]


def _missing_permissions(text: str) -> str:
    """What a login lacks, where the server names the command; else empty."""
    found = _REFUSED_COMMAND.search(text)
    refused = "multi" if "EXEC without MULTI" in text else found and found[1]
    if not refused:
        return ""
    needed = SENDS_SCRIPTS if refused in SENDS_SCRIPTS else (refused,)
    permissions = " ".join(f"+{command}" for command in needed)
    return f"this user lacks {permissions}: take its line of `docker/users.acl`"


@contextmanager
def outages() -> Iterator[None]:
    """Errors of Redis inside become StoreUnavailable, StoreRefusing or StoreForbidden;
    a fault stays what it is.

    Their one line holds nothing of the server's answer, which may quote a command's
    arguments.
    """
    try:
        yield
    except (exceptions.RedisError, OSError) as error:
        code = code_of(error)
        match _MEANINGS[code]:
            case Meaning.UNREACHABLE:
                raise StoreUnavailable(
                    f"Redis cannot be reached: {type(error).__name__} ({_WHEN[code]})"
                ) from error
            case Meaning.REFUSING:
                kind = StoreMoved if code in MOVED else StoreRefusing
                raise kind(f"Redis refuses: {code} ({_WHEN[code]})") from error
            case Meaning.FORBIDDEN:
                # The answer may hold arguments, the row does not.
                why = _missing_permissions(str(error)) or _WHEN[code]
                raise StoreForbidden(f"Redis forbids: {code} ({why})") from None
            # A fault stays one however often it is tried: it must be seen.
            case Meaning.FAULT:
                raise
