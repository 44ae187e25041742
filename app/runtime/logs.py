"""Logging: structlog over the standard library, one trace id for each message, and no
secret in any line.

The finished line is redacted, exception text and other libraries' records included, so
that nothing goes around it. What strangers wrote reaches a terminal through `printable`
alone.
"""

from __future__ import annotations

import base64
import io
import json
import logging
import re
import sys
import textwrap
import threading
import unicodedata
from bisect import bisect_left
from contextlib import AbstractContextManager
from types import TracebackType
from typing import TextIO
from urllib.parse import quote, quote_plus

import structlog

from app.domain.settings import Settings

MASK = "[secret]"
_ESCAPED = frozenset({"Cc", "Cf", "Cs", "Co", "Zl", "Zp"})
"""Categories that a terminal obeys or hides: controls, text direction, lone surrogates,
private use, further line ends."""
_JOINERS = "\u200c\u200d"
"""Persian is spelt with one of them, emoji are made with the other."""
SHORTEST_SECRET = 6
"""Shorter values are not masked: they would blot out half of every line, and are no
secrets."""

_PROVIDER_KEY = re.compile(r"\b(?:sk|lsv2|hf|gsk|xai|AIza)[-_]?[A-Za-z0-9_-]{20,}")
_SHAPES = (
    # A Discord token. Runs are entered at their beginning alone: linear time.
    (".", re.compile(r"(?<![\w-])[\w-]{23,}+\.[\w-]{6,7}\.[\w-]{27,}")),
    # Keys of model providers, and LangSmith's.
    *((sign, _PROVIDER_KEY) for sign in ("sk", "lsv2", "hf", "xai", "AIza")),
    # Fernet ciphertext.
    ("gAAAAA", re.compile(r"gAAAAA[\w-]{40,}={0,2}")),
    # A webhook's address is its password.
    ("/webhooks/", re.compile(r"(?<=/webhooks/)\d+/[\w-]+")),
    # user:password in an address.
    ("://", re.compile(r"""(?<=://)[^\s/:@'"]*:[^\s/@'"]+(?=@)""")),
    # The headers of a login.
    ("Bearer ", re.compile(r"(?<=Bearer )[\w.~+/-]{8,}=*")),
    ("Basic ", re.compile(r"(?<=Basic )[\w+/-]{8,}=*")),
    ("Bot ", re.compile(r"(?<=Bot )[\w.-]{50,}")),
)
"""What secrets look like that nobody registered. A text without the sign that stands
before a pattern is not searched: most have none."""

NOISY = {
    "discord": logging.INFO,
    "httpx": logging.WARNING,
    "httpx2": logging.WARNING,
    "urllib3": logging.WARNING,
    "kombu": logging.WARNING,
    "amqp": logging.WARNING,
    "asyncio": logging.WARNING,
    "celery.app.trace": logging.WARNING,
    "celery.worker.strategy": logging.WARNING,
    "celery.beat": logging.WARNING,
}


class _Secrets:
    """The secrets this process knows, in every form in which one could be printed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._forms: frozenset[str] = frozenset()
        self._words: tuple[str, ...] = ()
        self._phrases: tuple[str, ...] = ()
        """Forms with a space in them."""

    def add(self, value: str) -> None:
        if len(value) < SHORTEST_SECRET:
            return
        with self._lock:
            self._forms |= _forms(value)
            # Longest first: a secret inside another must not leave the other's rest
            # visible.
            ordered = sorted(self._forms, key=_minus_length)
            self._words = tuple(form for form in ordered if form.split() == [form])
            self._phrases = tuple(form for form in ordered if form.split() != [form])

    def mask(self, text: str) -> str:
        # A hundred bots have a thousand forms, nearly all longer than any word of a
        # line. Substring searches for the others are far cheaper than one pattern of
        # a thousand branches.
        longest_word = max(map(len, text.split()), default=0)
        for form in (
            *_at_most(self._phrases, len(text)),
            *_at_most(self._words, longest_word),
        ):
            if form in text:
                text = text.replace(form, MASK)
        for sign, pattern in _SHAPES:
            if sign in text:
                text = pattern.sub(MASK, text)
        return text


def _at_most(forms: tuple[str, ...], length: int) -> tuple[str, ...]:
    """Those up to a length, of forms that stand by it, the longest first."""
    return forms[bisect_left(forms, -length, key=_minus_length) :]


def _minus_length(form: str) -> int:
    return -len(form)


def _forms(value: str) -> set[str]:
    raw = value.encode()
    forms = {
        value,
        quote(value),
        quote(value, safe=""),
        quote_plus(value),
        json.dumps(value)[1:-1],
        repr(value)[1:-1],
    }
    for offset in range(
        3
    ):  # inside a longer base64 text the secret may begin at any of three places
        padded = base64.b64encode(b"\0" * offset + raw).decode().rstrip("=")
        whole = (offset + len(raw)) % 3 == 0
        inner = padded[(0, 2, 3)[offset] : len(padded) if whole else -1]
        forms |= {inner, inner.replace("+", "-").replace("/", "_")}
    forms.add(raw.hex())
    return {form for form in forms if len(form) >= SHORTEST_SECRET}


_secrets = _Secrets()


def register_secret(value: str | None) -> None:
    """Never print this value again, nor its URL-encoded, JSON, base64 or hexadecimal
    forms. None and "" are ignored."""
    if value:
        _secrets.add(value)


def redact(text: str) -> str:
    """The text without registered secrets and without anything shaped like a token."""
    return _secrets.mask(text)


def printable(text: str, kept: str = "\t") -> str:
    """The text, fit for a terminal: without secrets, and each character that a terminal
    obeys as its escape, `\\x1b`. `kept`: control characters that stay."""
    text = redact(text)
    if text.isprintable():
        return text
    return "".join(_visible_form(character, kept) for character in text)


def _visible_form(character: str, kept: str) -> str:
    if (
        character in kept
        or character in _JOINERS
        or unicodedata.category(character) not in _ESCAPED
    ):
        return character
    return ascii(character)[1:-1]


def register_settings(settings: Settings) -> None:
    """Register every secret that the settings hold, the passwords in addresses
    included."""
    for key in settings.vault_keys:
        register_secret(key.get_secret_value())
    if settings.flower_password is not None:
        register_secret(settings.flower_password.get_secret_value())
    for password in (settings.page_password, settings.page_reader_password):
        if password is not None:
            register_secret(password.get_secret_value())
    register_secret(settings.redis_credentials.sentinel_password)
    for address in (
        settings.store_address,
        settings.broker_address,
        settings.commands_address,
    ):
        if address is not None:
            register_secret(address.login.partition(":")[2])
            register_secret(address.password)


def trace(message_id: str) -> AbstractContextManager[None]:
    """Inside the block every log line of this task or thread carries the message id as
    `trace`."""
    return structlog.contextvars.bound_contextvars(trace=message_id)


def _tame_event(
    _: object, __: str, event: structlog.typing.EventDict
) -> structlog.typing.EventDict:
    """A step of structlog: every value of a line as `printable`. Numbers, and an
    exception that is yet to be written, stay."""
    return {
        name: value
        if name in _UNWRITTEN or isinstance(value, int | float | None)
        else _fit_value(value)
        for name, value in event.items()
    }


_UNWRITTEN = frozenset({"exc_info", "_record", "_from_structlog", "stack_info"})


def _fit_value(value: object) -> str:
    return printable(value if isinstance(value, str) else repr(value))


def _write_traceback(stream: TextIO, exc_info: structlog.typing.ExcInfo) -> None:
    """Write a traceback, indented, so that no line of an exception's text looks like a
    line of the log."""
    written = io.StringIO()
    structlog.dev.plain_traceback(written, exc_info)
    stream.write(textwrap.indent(printable(written.getvalue(), kept="\n\t"), "  "))


class _RedactingFormatter(structlog.stdlib.ProcessorFormatter):
    """Masks the finished line."""

    def format(self, record: logging.LogRecord) -> str:
        return redact(super().format(record))


def configure(settings: Settings, stream: TextIO | None = None) -> None:
    """Set up logging for this process, once at its start: `stream` (standard error),
    console or JSON lines."""
    register_settings(settings)
    stream = stream or sys.stderr
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        _RedactingFormatter(
            foreign_pre_chain=shared, processors=_rendering_steps(settings, stream)
        )
    )
    root = logging.getLogger()
    # Alone: another handler would write the line unmasked.
    root.handlers[:] = [handler]
    root.setLevel(settings.log_level)
    for name, level in NOISY.items():
        # Never below the operator's level: quiet stays quiet.
        logging.getLogger(name).setLevel(max(level, root.level))
    logging.captureWarnings(capture=True)
    # Python's own hooks would print tracebacks past the masking formatter.
    sys.excepthook = _log_uncaught
    threading.excepthook = _log_uncaught_in_thread


def _rendering_steps(
    settings: Settings, stream: TextIO
) -> list[structlog.typing.Processor]:
    remove = structlog.stdlib.ProcessorFormatter.remove_processors_meta
    if settings.log_json:
        return [
            remove,
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ]
    # Rich tracebacks print local variables, and break lines inside a secret.
    console = structlog.dev.ConsoleRenderer(
        colors=stream.isatty(), exception_formatter=_write_traceback, pad_event_to=0
    )
    return [remove, _tame_event, console]


def _log_uncaught(
    kind: type[BaseException], error: BaseException, trail: TracebackType | None
) -> None:
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trail)
        return
    logging.getLogger("app").critical("uncaught", exc_info=(kind, error, trail))


def _log_uncaught_in_thread(args: threading.ExceptHookArgs) -> None:
    if args.exc_value is None or isinstance(args.exc_value, SystemExit):
        return
    name = args.thread.name if args.thread else "?"
    logging.getLogger("app").critical(
        "uncaught in thread %s", name, exc_info=args.exc_value
    )
