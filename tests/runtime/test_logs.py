"""No secret in any log line, whoever writes it and however."""

from __future__ import annotations

import asyncio
import base64
import io
import json
import logging
import re
import threading
from collections.abc import Callable, Iterator
from urllib.parse import quote

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from app.domain.settings import Settings
from app.runtime import logs

SECRET = 's3cr&t "pass"/wörd+'
TOKEN = "MTE0NTY3ODkwMTIzNDU2Nzg5.GabcdE.abcdefghijklmnopqrstuvwxyz0123456789AB"


@pytest.fixture(params=[False, True], ids=["console", "json"])
def written(request: pytest.FixtureRequest) -> Iterator[Callable[[], str]]:
    """Logging set up for this process, and what it has written so far; undone
    afterwards."""
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    hooks = threading.excepthook
    stream = io.StringIO()
    logs.configure(Settings(log_json=request.param), stream)
    logs.register_secret(SECRET)
    yield stream.getvalue
    root.handlers[:] = handlers
    root.setLevel(level)
    threading.excepthook = hooks
    logging.captureWarnings(capture=False)


FORMS = {
    "plain": SECRET,
    "in an address": quote(SECRET, safe=""),
    "json": json.dumps(SECRET)[1:-1],
    "repr": repr(SECRET)[1:-1],
    "hexadecimal": SECRET.encode().hex(),
    "base64": base64.b64encode(SECRET.encode()).decode(),
    "url-safe base64": base64.urlsafe_b64encode(SECRET.encode()).decode(),
}


@pytest.mark.parametrize("form", FORMS.values(), ids=FORMS.keys())
def test_a_registered_secret_is_masked_in_every_form(form: str) -> None:
    """However a known secret is encoded, it does not appear."""
    logs.register_secret(SECRET)
    assert form not in logs.redact(f"before {form} after")
    assert logs.redact(f"before {form} after").startswith("before [secret]")


@pytest.mark.parametrize("before", ["", "u", "us", "user:", "user1:"])
def test_base64_of_a_login_is_masked(before: str) -> None:
    """A secret inside a longer base64 text, as in an Authorization header, is masked
    wherever it begins."""
    logs.register_secret(SECRET)
    encoded = base64.b64encode(f"{before}{SECRET}{before}".encode()).decode()
    left = (
        logs.redact(f"header {encoded}").removeprefix("header ").replace(logs.MASK, "")
    )
    assert len(left) <= len(base64.b64encode(before.encode())) * 2 + 8


SHAPED = {
    "Discord token": TOKEN,
    "OpenAI key": "sk-proj-abcdefghijklmnopqrstuvwxyz012345",
    "Anthropic key": "sk-ant-api03-abcdefghijklmnopqrstuvwxyz",
    "Fernet ciphertext": "gAAAAABnabcdefghijklmnopqrstuvwxyz0123456789abcdefghijkl==",
    "webhook": "https://discord.com/api/webhooks/123456789012345678/abcDEF_-123",
    "login in an address": "redis://user:hunter2@host:6379/0",
    "password in an address": "redis://:hunter2@host:6379/0",
    "bearer": "Authorization: Bearer abc.def-ghi",
    "basic": "Authorization: Basic abcdefghijkl==",
    "bot": f"Authorization: Bot {TOKEN}",
    "a token at the end of a word": f"discord_bot_token_{TOKEN}",
    **{
        f"key with {start}": f"{start}abcdefghijklmnopqrstuvwxyz012345"
        for start in ("lsv2_pt_", "hf_", "gsk_", "xai-", "AIza")
    },
}


@pytest.mark.parametrize("text", SHAPED.values(), ids=SHAPED.keys())
def test_what_looks_like_a_secret_is_masked(text: str) -> None:
    """Token-shaped text is masked though nobody registered it."""
    masked = logs.redact(text)
    assert logs.MASK in masked
    for part in ("hunter2", "abcDEF", "abc.def", "abcdefghij"):
        assert part not in masked


@pytest.mark.parametrize(
    "text",
    [
        "message 1171234567890123456 in channel 1171234567890123457",
        "https://discord.com/channels/1/2/3",
        "redis://127.0.0.1:6379/0",
        "run_daily_life_cycle[459102ca-c969-4ed3-9eec-66949e5f62ca] succeeded in 0.2s",
    ],
)
def test_ordinary_text_is_left_alone(text: str) -> None:
    """Ids, links and addresses stay readable."""
    assert logs.redact(text) == text


ANY_SHAPE = re.compile(
    r"""
      [\w-]{23,28}\.[\w-]{6,7}\.[\w-]{27,}
    | \b(?:sk|lsv2|hf|gsk|xai|AIza)[-_]?[A-Za-z0-9_-]{20,}
    | gAAAAA[\w-]{40,}={0,2}
    | (?<=/webhooks/)\d+/[\w-]+
    | (?<=://)[^\s/:@'"]*:[^\s/@'"]+(?=@)
    | (?<=Bearer\ )[\w.~+/-]{8,}=* | (?<=Basic\ )[\w+/-]{8,}=* | (?<=Bot\ )[\w.-]{50,}
    """,
    re.VERBOSE,
)
"""One slow search for all, which asks for no sign first."""
PIECES = st.sampled_from(
    (
        *SHAPED.values(),
        *("Bearer ", "Basic ", "Bot ", "sk-", "gsk_", "AIza", "gAAAAA", "/webhooks/"),
        *(
            "1/",
            "redis://",
            ":pass",
            "@",
            ".",
            "-",
            " ",
            "x",
            "ab12" * 6,
            "é" * 25,
            "=",
        ),
    )
)


@given(st.lists(PIECES, max_size=8).map("".join))
def test_nothing_shaped_like_a_secret_is_left(text: str) -> None:
    """Whatever one search for every shape finds is masked."""
    masked = logs.redact(text)
    assert not ANY_SHAPE.search(masked.replace(logs.MASK, " "))


PLAIN_LETTERS = st.text("ABC 12\n\u2003-", min_size=6, max_size=40)


@given(st.lists(PLAIN_LETTERS, min_size=1, max_size=4), PLAIN_LETTERS, PLAIN_LETTERS)
def test_a_secret_is_masked_whatever_stands_beside_it(
    secrets: list[str], before: str, after: str
) -> None:
    """Secrets with and without spaces, inside each other and at a word's end."""
    known = logs._Secrets()
    for secret in secrets:
        known.add(secret)
    for secret in secrets:
        masked = known.mask(before + secret + after)
        assert not any(one in masked for one in secrets)


def test_a_short_value_does_not_blot_out_the_log() -> None:
    """A value of a few letters is not masked, or every line would be unreadable."""
    logs.register_secret("the")
    assert logs.redact("the message") == "the message"


def test_every_way_to_log_is_redacted(written: Callable[[], str]) -> None:
    """structlog fields, other libraries' records, exception texts and warnings: the
    secret is in none of them."""
    structlog.get_logger("app").info(
        "event " + SECRET, field=SECRET, nested={"deep": [SECRET]}
    )
    logging.getLogger("discord.http").warning("sent %s", SECRET)
    logging.getLogger("celery.worker").error(
        "header %r", {"Authorization": f"Bot {TOKEN}"}
    )
    try:
        raise ValueError(SECRET) from KeyError(TOKEN)
    except ValueError:
        structlog.get_logger("app").exception("failed")
        logging.getLogger("celery").exception("failed")
    text = written()
    assert text.count("ValueError") >= 2
    for form in (*FORMS.values(), TOKEN):
        assert form not in text


def test_an_uncaught_exception_of_a_thread_is_redacted(
    written: Callable[[], str],
) -> None:
    """What a thread dies of goes to the log, without the secret."""

    def die() -> None:
        raise ValueError(SECRET)

    thread = threading.Thread(target=die, name="dying")
    thread.start()
    thread.join()
    assert "dying" in written()
    assert SECRET not in written()


def test_the_trace_id_is_in_each_line_of_its_message(
    written: Callable[[], str],
) -> None:
    """Inside `trace` every line carries the message id, other libraries' lines
    included; outside none does."""
    # As long as Discord's ids are: a time stamp holds any three digits.
    message = "1171234567890123456"
    log = structlog.get_logger("app")
    with logs.trace(message):
        log.info("ours")
        logging.getLogger("discord").warning("theirs")
    log.info("later")
    ours, theirs, later = written().splitlines()
    assert message in ours
    assert message in theirs
    assert message not in later


def test_trace_ids_of_concurrent_messages_do_not_mix(
    written: Callable[[], str],
) -> None:
    """Two messages handled at once in one event loop keep their own ids."""

    async def handle(message: str, turn: asyncio.Barrier) -> None:
        with logs.trace(message):
            await turn.wait()
            structlog.get_logger("app").info(f"about-{message}")

    async def both() -> None:
        turn = asyncio.Barrier(2)
        await asyncio.gather(handle("117", turn), handle("118", turn))

    asyncio.run(both())
    for line in written().splitlines():
        assert ("about-117" in line) == ("=117" in line or '"trace": "117"' in line)


@pytest.mark.parametrize("written", [True], indirect=True)
def test_json_lines_are_json(written: Callable[[], str]) -> None:
    """With STREAM_LOG_JSON each line is one JSON object, also with a masked secret in
    it."""
    structlog.get_logger("app").info("said", text=SECRET)
    assert json.loads(written())["event"] == "said"
