"""The command line as an operator uses it: in a process of its own."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr, ValidationError
from rich.console import Console
from typer.main import get_command
from typer.testing import CliRunner

from app.cli.main import app, app_for
from app.cli.show import ALL_PARTS, show_journal, show_settings, show_table
from app.domain.model import JournalLine
from app.domain.settings import Settings, explain_first
from app.lab.docgen import setting_rows
from app.runtime.logs import redact, register_settings
from tests.cli.commands import run, run_cold


def test_help_names_every_command() -> None:
    """`--help` lists what one can do, and loads neither Celery nor discord.py nor a
    model for it."""
    result = run_cold("--help")
    assert result.returncode == 0
    for command in (
        "up",
        "gateway",
        "demo",
        "replay",
        "why",
        "mute",
        "unmute",
        "settings",
        "vault",
        "version",
    ):
        assert f" {command} " in result.stdout
    code = "import sys, app.cli.main; print(sorted({m.split('.')[0] for m in sys.modules}))"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout
    for heavy in ("celery", "discord", "langchain", "numpy", "redis", "cryptography"):
        assert f"'{heavy}'" not in loaded


def test_the_usual_options_are_known() -> None:
    """`--version` beside `version`, and `-h` for `--help`, of each command too."""
    for usual, ours in (
        (("--version",), ("version",)),
        (("-h",), ("--help",)),
        (("why", "-h"), ("why", "--help")),
    ):
        found, wanted = run(*usual), run(*ours)
        assert found.returncode == wanted.returncode == 0
        assert found.stdout == wanted.stdout != ""


def test_the_command_asked_for_is_made_alone() -> None:
    """Of all commands the one asked for is made, and says what it says beside the
    others; groups, and what is no command, find all of them."""
    every = get_command(app).commands  # type: ignore[attr-defined]
    groups = {"vault", "memory"}
    for name in every.keys() - groups:
        assert list(get_command(app_for(name)).commands) == [name]  # type: ignore[attr-defined]
        alone, beside = (
            CliRunner().invoke(which, [name, "--help"]).stdout
            for which in (app_for(name), app)
        )
        assert alone == beside != ""
    assert all(app_for(name) is app for name in (*groups, "wy", "--help", ""))


def test_a_wrong_setting_is_one_line_and_code_two() -> None:
    """A wrong setting is named on standard error, without a stack trace."""
    result = run_cold("settings", STREAM_COOLDOWN="soon")
    assert result.returncode == 2
    assert result.stdout == ""
    assert result.stderr.startswith("the-stream: STREAM_COOLDOWN")
    assert result.stderr.count("\n") == 1


def test_a_broken_vault_key_is_not_printed() -> None:
    """The message about a broken key does not hold the key."""
    result = run("settings", STREAM_VAULT_KEYS="hunter2hunter2")
    assert result.returncode == 2
    assert "hunter2" not in result.stderr


@pytest.mark.parametrize(
    "url",
    [
        "redis://:pass/word@host:6379/0",
        "redis://:pass#word@host:6379/0",
        "redis://:pass?word@host:6379/0",
        "redis://me:12/word@host:6379/0",
        "redis://host:6379/0?password=pass",
        "redis://:pass/word@",
        "redis://:[pass@host:6379/0",
    ],
)
def test_a_password_that_was_not_encoded_is_not_printed(url: str) -> None:
    """An address whose password ends where it should not, or that hides it where nobody
    masks it, is refused in one line that says how to write it and quotes no piece of
    it."""
    with pytest.raises(ValidationError) as refused:
        Settings(redis_url=url)
    said = explain_first(refused.value)
    assert said.startswith("STREAM_REDIS_URL: ")
    for piece in ("\n", "pass/", "pass#", "pass?", "'pass'", "=pass", "word@", "[pass"):
        assert piece not in said


def test_a_command_refuses_such_an_address_in_one_line() -> None:
    """No stack trace, whose last line would quote the port that is a piece of the
    password."""
    result = run("why", "12345", STREAM_REDIS_URL="redis://:pass/word@host:6379/0")
    assert (result.returncode, result.stdout, result.stderr.count("\n")) == (2, "", 1)
    assert "STREAM_REDIS_URL: is malformed" in result.stderr


def test_a_password_with_every_character_encoded_is_accepted_and_masked() -> None:
    """The encoded password reaches the settings; neither form of it is ever printed."""
    settings = Settings(redis_url="redis://:pass%2Fword%23%3F%40@127.0.0.1:6379/0")
    register_settings(settings)
    assert (
        redact("a pass%2Fword%23%3F%40 b pass/word#?@ c") == "a [secret] b [secret] c"
    )


def test_a_gateway_without_any_token_says_so() -> None:
    """Nobody waits before a gateway that connects no bot."""
    result = run("gateway", STREAM_REDIS_URL="redis://127.0.0.1:1/0")
    assert result.returncode == 2
    assert result.stderr.startswith(
        "the-stream: No bot has a token: export STREAM_TOKEN_<NAME>"
    )


@pytest.mark.parametrize(
    "arguments",
    [
        ("nonsense",),
        ("replay", "/nowhere.jsonl"),
        ("replay", "--judge", "/"),
        ("demo", "--port", "http"),
        ("why",),
        ("why", "12", "13"),
        ("memory", "show"),
        ("vault", "--colour"),
        ("replay", __file__, "--json", "/nowhere/figures.json"),
        ("replay", __file__, "--judge", "--json", "/nowhere/figures.json"),
        ("demo", "--headless", "--json", "/nowhere/figures.json"),
        ("mute", "all", "--for", "3x"),
        ("replay", __file__, "--judge"),
        ("replay", __file__),
        ("replay", sys.executable, "--judge"),
    ],
)
def test_wrong_usage_is_one_line(arguments: tuple[str, ...], tmp_path: Path) -> None:
    """What cannot be understood, found or written is one line and an exit code, before
    anything is started."""
    result = run(*arguments, cwd=tmp_path, STREAM_REDIS_URL="redis://127.0.0.1:1/0")
    assert result.returncode == 2
    assert result.stdout == ""
    assert result.stderr.startswith("the-stream: ")
    assert result.stderr.count("\n") == 1, result.stderr


@pytest.mark.parametrize(
    ("bots", "reason"),
    [
        (("nobody",), "no character file for 'nobody'"),
        ((), "No bot has a token"),
        (("elena",), "STREAM_TOKEN_ELENA: is not set"),
    ],
)
def test_up_refuses_before_it_starts_anything(
    tmp_path: Path, bots: tuple[str, ...], reason: str
) -> None:
    """A wrong name or a missing token is not found out by a child in the middle of the
    others' lines."""
    result = run("up", *bots, cwd=tmp_path, STREAM_DATA_DIR=str(tmp_path / "data"))
    assert result.returncode == 2
    assert result.stderr.startswith(f"the-stream: {reason}")
    assert result.stderr.count("\n") == 1
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("value", ["inf", "nan", "-inf"])
@pytest.mark.parametrize(
    "name",
    [
        "COOLDOWN",
        "LOCK_LEASE",
        "DAILY_USD",
        "DISCORD_CHECK_INTERVAL_MINUTES",
        "MODEL_TIMEOUT",
    ],
)
def test_no_setting_is_infinite(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No number of milliseconds could be made of it, hours later."""
    monkeypatch.setenv(f"STREAM_{name}", value)
    with pytest.raises(ValidationError):
        Settings()


def test_a_folder_without_characters_is_named(tmp_path: Path) -> None:
    """Not an empty list of names."""
    result = run("gateway", STREAM_CHARACTERS_DIR=str(tmp_path))
    assert (result.returncode, result.stderr) == (
        2,
        f"the-stream: {tmp_path}: holds no character file (<name>.yaml)\n",
    )


def test_a_vault_key_can_be_used() -> None:
    """`vault key` prints a key that STREAM_VAULT_KEYS takes."""
    key = run("vault", "key").stdout.strip()
    assert Settings(vault_keys=key).vault_keys[0].get_secret_value() == key  # type: ignore[arg-type]


def test_settings_are_all_listed_and_masked() -> None:
    """Every setting is listed with its value; of secrets only that they are set."""
    key = Fernet.generate_key().decode()
    result = run(
        "settings",
        STREAM_VAULT_KEYS=key,
        STREAM_FLOWER_PASSWORD="hunter2hunter2",
        STREAM_COOLDOWN="90",
        STREAM_REDIS_URL="redis://:swordfish@127.0.0.1/0",
    )
    assert result.returncode == 0
    for name in Settings.model_fields:
        assert f"STREAM_{name.upper()}" in result.stdout
    assert "90.0 (default 60.0)" in result.stdout
    for secret in (key, "hunter2", "swordfish"):
        assert secret not in result.stdout


def test_rows_hold_no_secret() -> None:
    """What tables and documents are made of holds no secret."""
    settings = Settings(
        vault_keys=(SecretStr(Fernet.generate_key().decode()),),
        flower_password=SecretStr("swordfish"),
    )
    text = repr(setting_rows(settings))
    assert "swordfish" not in text
    assert settings.vault_keys[0].get_secret_value() not in text


def test_why_without_a_redis_says_what_is_missing(tmp_path: Path) -> None:
    """Without an address and without a running `up`, one line says so."""
    result = run(
        "why", "1171234567890123456", cwd=tmp_path, STREAM_DATA_DIR=str(tmp_path)
    )
    assert result.returncode == 2
    assert result.stderr.startswith("the-stream: STREAM_REDIS_URL")
    assert result.stderr.count("\n") == 1


def printed(show: object, *arguments: object) -> str:
    """What one of the tables prints."""
    stream = StringIO()
    show(*arguments, Console(file=stream, width=160))  # type: ignore[operator]
    return stream.getvalue()


def test_a_journal_is_shown_in_the_order_of_time() -> None:
    """Each line has its bot, step, verdict, reason and numbers; brackets in a reason
    are text, not markup."""
    lines = [
        JournalLine(
            at_ms=2_000,
            bot="aria",
            step="plan",
            verdict="reply",
            reason="[bold]named",
            numbers={"bid": 0.5},
        ),
        JournalLine(at_ms=1_000, bot="elena", step="bid", verdict="passed"),
    ]
    text = printed(show_journal, "117", lines)
    assert text.index("elena") < text.index("aria")
    assert "[bold]named" in text
    assert "bid 0.5" in text


def test_what_was_decided_often_is_one_line_with_a_count() -> None:
    """A line that stands for many says how many, and until when."""
    line = JournalLine(
        at_ms=1_000, bot="aria", step="claim", verdict="wait", times=17, last_ms=9_500
    )
    text = printed(show_journal, "117", [line])
    assert "(17 times, until " in text
    assert ":09.500)" in text


def test_a_bid_is_shown_with_what_moved_it_most() -> None:
    """A bid has some sixty parts, kept as JSON: a table of them all could not be
    read."""
    parts = {f"part{number}": number / 100 for number in range(50)} | {
        "interest": 4.0,
        "intercept": -4.59,
    }
    line = JournalLine(
        at_ms=1,
        bot="elena",
        step="admit",
        verdict="bid",
        numbers={
            "bid": "1.7100000000000017",
            "parts": json.dumps(parts),
            "token": "1795646216884684",
            "yielded": "",
        },
    )
    text = printed(show_journal, "117", [line])
    for shown in (
        "bid 1.71",
        "intercept -4.59",
        "interest +4.00",
        "46 smaller parts",
        "1795646216884684",
    ):
        assert shown in " ".join(text.replace("│", " ").split())
    assert "part7" not in text
    assert "yielded" not in text
    everything = StringIO()
    show_journal("117", [line], Console(file=everything, width=160), parts=ALL_PARTS)
    assert "part7" in everything.getvalue()
    assert "smaller" not in everything.getvalue()


def test_an_unknown_message_is_not_an_empty_table() -> None:
    """For a message that nobody saw, a sentence says so."""
    assert "no bot saw it" in printed(show_journal, "117", [])


def test_changed_settings_show_their_default() -> None:
    """One sees at a glance what differs from the default."""
    text = printed(show_settings, Settings(cooldown=5))
    assert "5.0 (default 60.0)" in text


def test_help_is_whole_on_a_narrow_terminal() -> None:
    """At forty columns no name of an option and no word of a description is cut
    short, in any command and any list of commands."""
    runner = CliRunner()
    for words, command in _all_commands((), get_command(app)):
        result = runner.invoke(app, [*words, "--help"], env={"COLUMNS": "40"})
        shown = " ".join(result.stdout.split())
        assert "…" not in shown, words
        options = [name for one in command.params for name in one.opts]
        for name in options:
            assert name in shown or not name.startswith("-"), (words, name)
        for name, below in getattr(command, "commands", {}).items():
            assert f"{name} {' '.join(below.help.split())}" in shown, (words, name)


@pytest.mark.parametrize("words", [(), ("why",), ("demo",), ("memory",), ("logs",)])
def test_help_is_no_wider_than_a_narrow_terminal(words: tuple[str, ...]) -> None:
    """Click alone takes fifty columns at least, which a terminal breaks within words."""
    lines = run(*words, "--help", COLUMNS="40").stdout.splitlines()
    assert 30 < max(map(len, lines)) <= 40
    wide = run(*words, "--help", COLUMNS="100").stdout.splitlines()
    assert len(wide) < len(lines)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("mute",), "Missing argument 'scope'. See `the-stream mute --help`."),
        (("nope",), "No such command 'nope'. See `the-stream --help`."),
        (("memory", "nope"), "No such command 'nope'. See `the-stream memory --help`."),
        (("places", "x"), "Invalid value: x is no channel's id."),
    ],
)
def test_a_wrong_command_names_where_help_is(words: tuple[str, ...], told: str) -> None:
    """A missing or wrong argument is one line that says where arguments are told
    of."""
    result = run(*words)
    assert result.returncode == 2
    assert result.stderr.startswith(f"the-stream: {told}")
    assert result.stderr.count("\n") == 1


def test_a_table_that_does_not_fit_becomes_paragraphs() -> None:
    """On forty columns a setting keeps its whole name, its value and its description:
    two of three columns had vanished. Where there is room it is a table."""
    shown = {}
    for width in (40, 160):
        console = Console(file=StringIO(), width=width, no_color=True)
        show_settings(Settings(), console)
        assert isinstance(console.file, StringIO)
        shown[width] = console.file.getvalue()
    for row in setting_rows(Settings()):
        lines = iter(shown[40].splitlines())
        assert row.name in lines
        if row.value:
            assert next(lines).startswith("  value:")
        assert next(line for line in lines if line.startswith("  what it does:"))
    assert max(map(len, shown[40].splitlines())) <= 40
    assert "│ STREAM_REDIS_URL " in shown[160]


def test_a_table_breaks_no_id() -> None:
    """On a narrow terminal an id, and the scope that carries it, stays whole to be
    copied: as long as it fits in a column, else in a paragraph."""
    scope = "bot:aria@channel:1576046835477250048"
    for width in (40, 60, 80):
        console = Console(file=StringIO(), width=width, no_color=True)
        rows = [(scope, "a moderator of the server", "1 h 59 min more")]
        show_table("Mutes", ("scope", "by", "holds"), rows, console)
        assert isinstance(console.file, StringIO)
        assert scope in console.file.getvalue(), width


@pytest.mark.parametrize("width", [*range(40, 100, 6), 160])
def test_a_table_ends_where_the_terminal_does(width: int) -> None:
    """No column is cut off, no line is padded with blanks that would be copied along,
    and no cell is lost."""
    console = Console(file=StringIO(), width=width, no_color=True)
    cells = (
        "aria",
        "1576046835477250048",
        "token  ******** (72 characters)",
        "",
        "4 h",
    )
    headings = ("bot", "user id", "secrets", "problem", "expires in")
    show_table("Vault", headings, [cells, cells], console)
    assert isinstance(console.file, StringIO)
    lines = console.file.getvalue().splitlines()
    assert max(map(len, lines)) <= width
    assert [line for line in lines if line.endswith(" ")] == []
    shown = " ".join("".join(lines).replace("│", " ").split())
    assert all(word in shown for cell in cells for word in cell.split())
    framed = [line for line in lines if line.startswith(("┏", "┃", "┡", "│", "└"))]
    assert all(line[-1] in "┓┃┩│┘" for line in framed)


def test_a_link_to_a_page_that_nobody_serves_is_refused(tmp_path: Path) -> None:
    """A page takes none that was made before its start. Where one listens, it is
    printed."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = str(listening.getsockname()[1])
        where = {"STREAM_DATA_DIR": str(tmp_path), "STREAM_PAGE_PORT": port}
        served = run("page", "--link", cwd=None, **where)
    assert served.stdout.startswith(f"http://127.0.0.1:{port}/login?key=")
    alone = run("page", "--link", cwd=None, **where)
    assert (alone.returncode, alone.stdout) == (1, "")
    assert f"No page is served at http://127.0.0.1:{port}: " in alone.stderr
    assert alone.stderr.count("\n") == 1


@pytest.mark.parametrize(
    ("scope", "meant"), [("aria", "bot:aria"), ("123456", "channel:123456")]
)
def test_a_scope_without_its_kind_names_what_was_meant(scope: str, meant: str) -> None:
    """`mute aria` is the first thing that one types in a hurry."""
    result = run("mute", scope)
    assert result.returncode == 2
    assert result.stderr.endswith(f" {meant} was meant?\n")


def test_places_without_a_file_say_so() -> None:
    """And a channel's values are written as the file would write them."""
    assert run("places").stdout.startswith("STREAM_PLACES names no file")
    assert " false " in run("places", "55").stdout


def _all_commands(
    words: tuple[str, ...], command: Any
) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Each command with the words that call it."""
    yield words, command
    for name, below in getattr(command, "commands", {}).items():
        yield from _all_commands((*words, name), below)
