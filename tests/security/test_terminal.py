"""What strangers write is printed as text: no escape of theirs reaches an operator's
terminal."""

from __future__ import annotations

import io
import logging
import threading
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
import structlog
from hypothesis import example, given
from hypothesis import strategies as st
from rich.console import Console

from app.cli.show import show_journal, show_table
from app.cli.up import Terminal
from app.domain.model import JournalLine, RosterEntry
from app.domain.settings import Settings
from app.host.kept_logs import KeptLogs
from app.runtime import logs
from app.store import keys, roster
from app.store.door import Store
from tests.cli.commands import run

CLIPBOARD = "\x1b]52;c;cm0gLXJmIC8=\x07"
"""OSC 52: the terminal puts `rm -rf /` into the operator's clipboard."""
HOSTILE = (
    CLIPBOARD,
    "\x1b[2J\x1b[1;1H",
    "\x9b31m",
    "\x1b]8;;http://x.test\x1b\\click\x1b]8;;\x1b\\",
    "\x08\x08\x08",
    "\r",
    "\u202eevil\u202c",
    "\u2066x\u2069",
    "\u200b",
    "\U000e0041",
    "\u2028",
    "\x85",
    "\x00",
    "\ud83d",
)
WRITTEN = "".join(HOSTILE)


def obeyed(text: str, kept: str = "\n") -> set[str]:
    """The characters of a text that a terminal obeys or hides."""
    bad = {"Cc", "Cf", "Cs", "Co", "Zl", "Zp"}
    return {
        one
        for one in text
        if unicodedata.category(one) in bad and one not in kept + "\u200c\u200d"
    }


@given(
    st.text(st.characters())
    | st.lists(st.sampled_from(HOSTILE) | st.text(max_size=5)).map("".join)
)
@example(WRITTEN)
def test_nothing_that_a_terminal_obeys_is_printed(text: str) -> None:
    """For every text; twice is as once, and what can be seen is left."""
    shown = logs.printable(text)
    assert not obeyed(shown, kept="\t")
    assert logs.printable(shown) == shown
    assert all(
        one in shown
        for one in text
        if one.isalpha() and one.isascii() and logs.redact(text) == text
    )


@pytest.mark.parametrize(
    "text",
    ["Kim", "Zoë — 雪", "می\u200cخواهم", "👩\u200d👩\u200d👧", "नमस्ते", "a\u00a0b"],
)
def test_ordinary_text_is_printed_as_it_is(text: str) -> None:
    """Names and words of every script."""
    assert logs.printable(text) == text


class Tty(io.StringIO):
    """A stream that says that it is a terminal, so that lines get their colours."""

    def isatty(self) -> bool:
        """Yes."""
        return True


@pytest.fixture(params=["terminal", "file", "json"])
def written(request: pytest.FixtureRequest) -> Iterator[Callable[[], str]]:
    """Logging set up for this process, and what it has written so far; undone
    afterwards."""
    root = logging.getLogger()
    handlers, level, hooks = root.handlers[:], root.level, threading.excepthook
    stream = Tty() if request.param == "terminal" else io.StringIO()
    logs.configure(Settings(log_json=request.param == "json"), stream)
    yield stream.getvalue
    root.handlers[:] = handlers
    root.setLevel(level)
    threading.excepthook = hooks
    logging.captureWarnings(capture=False)


class Odd:
    """An object whose representation a stranger chose."""

    def __repr__(self) -> str:
        return WRITTEN


def test_no_line_of_a_log_holds_an_escape_of_a_stranger(
    written: Callable[[], str],
) -> None:
    """As event, value, part of a value, representation, trace id, argument of a
    library, text of an exception."""
    log = structlog.get_logger("app.test")
    with logs.trace(WRITTEN):
        log.info(WRITTEN, name=WRITTEN, names=[WRITTEN], of={WRITTEN: 1}, odd=Odd())
    logging.getLogger("library").warning("heard %s", WRITTEN)
    try:
        raise ValueError(WRITTEN + "\n2027-01-01T00:00:00Z [info     ] all is well")
    except ValueError:
        log.exception("failed")
        logging.getLogger("library").exception("failed")
    lines = written().splitlines()
    own = (
        "\x1b[0m",
        "\x1b[1m",
        "\x1b[2m",
        *(f"\x1b[{code}m" for code in range(30, 50)),
    )
    left = "\n".join(lines)
    for code in own:
        left = left.replace(code, "")
    assert not obeyed(left)
    assert not [line for line in lines if line.startswith("2027-01-01T00")]
    assert "heard" in left


def printed(show: Callable[[Console], None]) -> str:
    """What is printed on a terminal."""
    stream = io.StringIO()
    show(Console(file=stream, width=300, force_terminal=True, color_system=None))
    return stream.getvalue()


def test_no_table_holds_an_escape_of_a_stranger(tmp_path: Path) -> None:
    """Tables of memories, trust and journals, their titles, and the lines of children,
    in the kept logs as well."""
    line = JournalLine(
        at_ms=1,
        bot=WRITTEN,
        step=WRITTEN,
        verdict=WRITTEN,
        reason=WRITTEN,
        numbers={WRITTEN: WRITTEN},
    )
    assert not obeyed(printed(lambda console: show_journal(WRITTEN, [line], console)))
    assert not obeyed(printed(lambda console: show_journal(WRITTEN, [], console)))
    assert not obeyed(
        printed(lambda console: show_table(WRITTEN, ("text",), [(WRITTEN,)], console))
    )
    assert not obeyed(
        printed(lambda console: show_table(WRITTEN, ("text",), [], console))
    )
    with closing(KeptLogs(tmp_path / "logs")) as kept:
        assert not obeyed(
            printed(lambda console: Terminal(console, kept).say("flower", WRITTEN))
        )
    assert not obeyed((tmp_path / "logs" / "flower.log").read_text("utf-8"))


def test_the_commands_print_no_escape_of_a_stranger(
    store: Store, redis_url: str
) -> None:
    """`why`, and `outbox` with an error that repeats what was typed."""
    hostile = WRITTEN.replace("\ud83d", "")
    store.run(roster.enlist(RosterEntry(bot="elena", user_id="99", names=("elena",))))
    store.client.rpush(
        keys.journal("123456789"),
        JournalLine(
            at_ms=1, bot="elena", step="plan", verdict="reply", reason=hostile
        ).model_dump_json(),
    )
    store.client.expire(keys.journal("123456789"), 60)
    store.client.hset(keys.dead("elena"), "e1", hostile)
    store.client.expire(keys.dead("elena"), 60)
    for words in (
        ("why", "123456789"),
        ("outbox", "--dead"),
        ("outbox", "--retry", CLIPBOARD),
    ):
        done = run(*words, STREAM_REDIS_URL=redis_url)
        assert not obeyed(done.stdout + done.stderr, kept="\n\t"), words
        assert "\\x1b]52" in done.stdout + done.stderr
