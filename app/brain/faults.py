"""What can be wrong with a language model's endpoint or answer, by name, and what an
operator may do about it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from enum import StrEnum
from typing import Any

NO_MODEL = "no usable model"
"""The journal's word where a character file names one and none can be made."""


class Fault(StrEnum):
    """One kind of trouble; the value stands in the journal behind the model's name."""

    KEY = "key refused"
    MODEL = "unknown model"
    CREDIT = "no credit left"
    RATE = "rate limited"
    OVERLOADED = "overloaded"
    UNREACHABLE = "unreachable"
    CERTIFICATE = "certificate refused"
    LOST = "connection lost"
    SLOW = "too slow"
    STILL = "this process stood still"
    NO_API = "not an API: HTML"
    REDIRECTED = "redirected to another address"
    LONG = "prompt too long"
    REQUEST = "request refused"
    UNREADABLE = "unreadable answer"
    LARGE = "answer too large"
    REPORTED = "answered with an error"
    FAILED = "failed"
    FILTERED = "answer filtered"
    REFUSED = "the model refused"
    EMPTY = "empty answer"
    TOOLS = "only tool calls"
    CUT = "cut off at the limit before it said anything"
    BUDGET = "no budget for another try"


REMEDIES: Mapping[Fault, str] = {
    Fault.KEY: "check STREAM_KEY_<PROVIDER>, and restart the gateway",
    Fault.MODEL: "check `model`, `fallbacks` and `base_url` in the character file",
    Fault.CREDIT: "top up the account at the provider",
    Fault.RATE: "wait, add a fallback or raise the account's limits",
    Fault.OVERLOADED: "wait, or add a fallback",
    Fault.UNREACHABLE: "check `base_url`, the server and the network",
    Fault.CERTIFICATE: "check `base_url` and the server's certificate",
    Fault.LOST: "check the server and the network",
    Fault.SLOW: "raise STREAM_MODEL_TIMEOUT, or take a faster model",
    Fault.STILL: "look at the machine: the process was stopped, or got no processor",
    Fault.NO_API: "check `base_url`: it most often ends in /v1",
    Fault.REDIRECTED: "write the address that the server sends to as `base_url`",
    Fault.LONG: "take a model with a longer context",
    Fault.REQUEST: "check the `model` part of the character file",
    Fault.UNREADABLE: "check that the server speaks the provider's protocol",
    Fault.LARGE: "check `base_url`: no model writes so much",
    Fault.REPORTED: "see the provider's or the server's own log",
    Fault.FAILED: "see the error's name",
    Fault.FILTERED: "add a fallback at another provider",
    Fault.REFUSED: "add a fallback, or change the persona",
    Fault.EMPTY: "raise `max_tokens`, or take another model",
    Fault.TOOLS: "take another model",
    Fault.CUT: "raise `max_tokens`: reasoning counts too",
    Fault.BUDGET: "raise the cap that `the-stream why` names, or wait for tomorrow",
}
AGAIN = frozenset(
    {
        Fault.RATE,
        Fault.OVERLOADED,
        Fault.UNREACHABLE,
        Fault.LOST,
        Fault.UNREADABLE,
        Fault.FAILED,
    }
)
"""A second try may mend these."""
COSTLY = frozenset(
    {
        Fault.SLOW,
        Fault.STILL,
        Fault.LOST,
        Fault.UNREADABLE,
        Fault.LARGE,
        Fault.REPORTED,
        Fault.FAILED,
    }
)
"""The provider may have worked, and so charge for it, though nothing usable came
back."""
UNDONE = frozenset({501, 503, 529})
"""Of the statuses from 500 on those that say that nothing was done. After any other the
model may have worked: a proxy did not wait for its answer, or it failed late."""

PARAMETERS = ("max_completion_tokens", "max_tokens", "temperature", "stream")
_BY_STATUS: Mapping[int, Fault] = {
    401: Fault.KEY,
    402: Fault.CREDIT,
    403: Fault.KEY,
    404: Fault.MODEL,
    # Its server's time ran out, not ours: every provider's own client asks again.
    408: Fault.OVERLOADED,
    409: Fault.OVERLOADED,
    413: Fault.LONG,
    429: Fault.RATE,
}
_BY_CODE: Mapping[str, Fault] = {
    "insufficient_quota": Fault.CREDIT,
    "billing_hard_limit_reached": Fault.CREDIT,
    "model_not_found": Fault.MODEL,
    "invalid_api_key": Fault.KEY,
    "context_length_exceeded": Fault.LONG,
    "content_filter": Fault.FILTERED,
    "content_policy_violation": Fault.FILTERED,
    "data_inspection_failed": Fault.FILTERED,
    "overloaded_error": Fault.OVERLOADED,
    "rate_limit_exceeded": Fault.RATE,
}
_BY_TYPE: Mapping[str, Fault] = {
    "authentication_error": Fault.KEY,
    "permission_error": Fault.KEY,
    "not_found_error": Fault.MODEL,
    "rate_limit_error": Fault.RATE,
    "invalid_request_error": Fault.REQUEST,
}
"""For an error without a status. Beside a status these words are too general."""
_BY_WORDS: tuple[tuple[Fault, re.Pattern[str]], ...] = (
    (
        Fault.LONG,
        re.compile(
            r"context[ _](?:length|window|size)|(?:prompt|input) is too long|too many (?:input )?tokens"
            r"|maximum prompt length|token count .{0,40}exceeds",
            re.IGNORECASE,
        ),
    ),
    (
        Fault.CREDIT,
        re.compile(
            r"credit balance|insufficient[ _](?:account )?(?:balance|credits?|funds)|out of credits?"
            r"|(?:used all|exhausted) .{0,40}credits|billing (?:is not|has not|hard limit|not)",
            re.IGNORECASE,
        ),
    ),
    (
        Fault.KEY,
        re.compile(
            r"(?:incorrect|invalid|expired|missing) api[ _-]?key|api[ _-]?key (?:is )?(?:not valid|invalid|expired|not found)",
            re.IGNORECASE,
        ),
    ),
    (
        Fault.MODEL,
        re.compile(
            r"not a valid model|(?:invalid|unknown|no such) model\b|model[ _]not[ _](?:exist|found)"
            r"|\bmodel .{1,80}(?:does not exist|not found)",
            re.IGNORECASE,
        ),
    ),
    (
        Fault.FILTERED,
        re.compile(
            r"(?:was|been|is) flagged|content (?:management )?policy|safety system|content_filter",
            re.IGNORECASE,
        ),
    ),
)
"""What providers say in words beside a general status: one of them answers 400 for an
empty account, another for a wrong key or an unknown model."""
_SAID = frozenset({400, 403, 422})
"""Statuses that mean one thing at one provider and another at the next."""
_MESSAGE = 300
"""Characters of a provider's message that are read: behind them some repeat the
prompt."""
_NAMED = re.compile(
    r"\b(max_completion_tokens|max_tokens|temperature|stream(?:ing)?)\b", re.IGNORECASE
)
_BY_NAME: tuple[tuple[Fault, re.Pattern[str]], ...] = (
    (Fault.CERTIFICATE, re.compile("SSLCertVerificationError")),
    # Their clients call these a lost connection.
    (Fault.LARGE, re.compile("AnswerTooLargeError")),
    (Fault.REDIRECTED, re.compile("RedirectedError")),
    (Fault.UNREADABLE, re.compile("(?:Body)?DecodingError")),
    (
        Fault.UNREACHABLE,
        re.compile(
            "ConnectError|ConnectTimeout|ConnectionRefusedError|gaierror"
            "|ProxyError|UnsupportedProtocol"
        ),
    ),
    (Fault.SLOW, re.compile(".*Timeout.*")),
    (
        Fault.LOST,
        re.compile(
            "ReadError|WriteError|RemoteProtocolError|ConnectionResetError"
            "|BrokenPipeError|IncompleteRead"
        ),
    ),
    (Fault.UNREACHABLE, re.compile("OSError|.*ConnectionError.*")),
    # What clients and LangChain's readers raise over a body without choices, or with
    # others than they know, nested too deep, or with numbers too long for Python.
    (
        Fault.UNREADABLE,
        re.compile(
            "JSONDecodeError|TypeError|LookupError|AttributeError|ValueError"
            "|RecursionError"
        ),
    ),
)
"""By the whole name of an error's class, of one that it inherits from or of one that it
was raised from; the first that fits."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """One failed try. It holds names and numbers only: providers' texts may repeat
    prompts and keys."""

    fault: Fault
    error: str = ""
    status: int | None = None
    code: str = ""
    retry_after: float | None = None
    """Seconds."""
    parameter: str = ""
    """The one of PARAMETERS that was refused."""

    @property
    def costly(self) -> bool:
        """Whether the provider may charge for the try."""
        if self.status is not None and (self.status >= 500 or self.status == 408):
            return self.status not in UNDONE
        return self.fault in COSTLY


def trouble_of(error: Exception, answer: bytes = b"") -> Trouble:
    """What an exception of a model's client means. Clients share no base class: names
    and attributes must do. `answer`: what came with a status of success."""
    # Not each client sees an error in what it took for an answer.
    body = _error_body(error) or _reported(answer)
    status = _http_status(error, body)
    code = _provider_code(body)
    # The provider's own word first: a 429 may mean a limit or an empty account.
    fault = _BY_CODE.get(code) or (
        _by_status(status, error, body)
        if status is not None
        else _without_status(error, body, code)
    )
    named = (
        _refused_parameter(body)
        if status in {400, 422} and fault is Fault.REQUEST
        else ""
    )
    return Trouble(
        fault=fault,
        error=type(error).__name__,
        status=status,
        code=code,
        retry_after=_retry_after(error),
        parameter=named,
    )


def _by_status(status: int, error: Exception, body: Mapping[str, Any]) -> Fault:
    if status >= 500:
        return Fault.OVERLOADED
    # A 429 is a limit, also where a proxy wrote its page.
    if status != 429 and _is_html(error):
        return Fault.NO_API
    said = _by_words(body) if status in _SAID else None
    return said or _BY_STATUS.get(status, Fault.REQUEST)


def _by_words(body: Mapping[str, Any]) -> Fault | None:
    message = str(body.get("message", ""))[:_MESSAGE]
    return next((fault for fault, words in _BY_WORDS if words.search(message)), None)


def _without_status(error: Exception, body: Mapping[str, Any], code: str) -> Fault:
    if _is_html(error):
        return Fault.NO_API
    if body:
        return _by_words(body) or _BY_TYPE.get(code, Fault.REPORTED)
    return _by_name(error)


def _by_name(error: Exception) -> Fault:
    names = {kind.__name__ for one in _error_chain(error) for kind in type(one).__mro__}
    return next(
        (
            fault
            for fault, words in _BY_NAME
            if any(words.fullmatch(name) for name in names)
        ),
        Fault.FAILED,
    )


def _error_chain(error: BaseException) -> Iterator[BaseException]:
    """The error and what it was raised from, at most six."""
    one: BaseException | None = error
    # Bounded, since nothing keeps causes from forming a ring.
    for _ in range(6):
        if one is None:
            return
        yield one
        one = one.__cause__ or one.__context__


def _error_body(error: Exception) -> Mapping[str, Any]:
    """The provider's JSON error, also where it came with status 200 and LangChain
    raised it bare. Google's is a list of one; local servers write one sentence."""
    found = getattr(error, "body", None) or getattr(error, "error", None)
    if isinstance(found, list) and found:
        found = found[0]
    if isinstance(found, str):
        return {"message": found}
    if not isinstance(found, Mapping):
        found = error.args[0] if error.args else None
    if not isinstance(found, Mapping):
        return {}
    inner = found.get("error")
    if isinstance(inner, str):
        return {"message": inner}
    return inner if isinstance(inner, Mapping) else found


def _reported(answer: bytes) -> Mapping[str, Any]:
    """The error that a body consists of; empty: it is none."""
    try:
        found = json.loads(answer)
    except (ValueError, RecursionError):
        return {}
    if not isinstance(found, Mapping):
        return {}
    inner = found.get("error")
    if isinstance(inner, str):
        return {"message": inner}
    if isinstance(inner, Mapping):
        return inner
    return found if found.get("object") == "error" else {}


def _http_status(error: Exception, body: Mapping[str, Any]) -> int | None:
    # Some servers answer 200 and put the error's code into the body.
    for found in (
        getattr(error, "status_code", None),
        body.get("code"),
        body.get("status"),
    ):
        if isinstance(found, int) and 400 <= found < 600:
            return found
    return None


def _provider_code(body: Mapping[str, Any]) -> str:
    """The provider's own word for it, where it is one."""
    words = (str(body.get(key) or "") for key in ("code", "type"))
    return next(
        (word for word in words if re.fullmatch(r"[a-z_.]{3,40}", word, re.IGNORECASE)),
        "",
    )


def _is_html(error: Exception) -> bool:
    response = getattr(error, "response", None)
    kind = str(getattr(response, "headers", {}).get("content-type", ""))
    # JSON's reader keeps what it could not read.
    unread = str(getattr(error, "doc", ""))[:200]
    # Anthropic's client takes any text for an answer, and then asks it for a field.
    asked = getattr(error, "obj", "")
    unread += asked[:200] if isinstance(asked, str) else ""
    text = f"{unread} {getattr(error, 'body', '')} {error}"[:400]
    return (
        "text/html" in kind
        or re.search(
            r"(?:^|[\s'\"])<(?:!doctype|html|head|body)\b", text, re.IGNORECASE
        )
        is not None
    )


def _retry_after(error: Exception) -> float | None:
    """Seconds that the provider asks to wait; its header holds seconds or a date."""
    # Ollama's client raises an error without the answer that it was raised from.
    answers = (getattr(one, "response", None) for one in _error_chain(error))
    headers = (getattr(answer, "headers", {}) for answer in answers)
    found = (one.get("retry-after") for one in headers)
    text = str(next((one for one in found if one), "")).strip()
    if re.fullmatch(r"\d+(?:\.\d+)?", text):
        return float(text)
    try:
        return (
            max(0.0, (parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds())
            if text
            else None
        )
    except (ValueError, TypeError, OverflowError):
        return None


def _refused_parameter(body: Mapping[str, Any]) -> str:
    """The parameter that a provider refuses: by its own field, by where the fault lies,
    or the first that its text names.

    Only the beginning of the text counts, and never the input that some servers repeat.
    """
    detail = body.get("detail")
    places = (
        [
            step
            for one in detail
            if isinstance(one, Mapping) and isinstance(one.get("loc"), list)
            for step in one["loc"]
        ]
        if isinstance(detail, list)
        else []
    )
    for text in (body.get("param"), *places):
        if text in PARAMETERS:
            return str(text)
    found = _NAMED.search(
        str(body.get("message") or (detail if isinstance(detail, str) else ""))[
            :_MESSAGE
        ]
    )
    if found is None:
        return ""
    word = found.group(1).lower()
    return "stream" if word.startswith("stream") else word
