"""What helps whoever sets the stream up: the invite link, and the check of files."""

from __future__ import annotations

import base64
import re
from pathlib import Path

import discord
import pytest

from app.cli.common import check_bots
from app.domain.errors import ConfigurationError
from app.domain.model import RosterEntry
from app.domain.settings import Settings
from app.gateway.start import run as run_gateway
from app.operator.checking import find_problems
from app.operator.invite import PERMISSION_BITS, PERMISSIONS, application_of, invite
from app.operator.variables import find_old_names, find_slips
from app.store import roster
from app.store.door import Store
from tests.cli.commands import run

DOCS = Path(__file__).parents[2] / "docs"
APPLICATION = "1171234567890123456"
TOKEN = (
    base64.urlsafe_b64encode(APPLICATION.encode()).decode().rstrip("=") + ".GaBc.d_e"
)
MIRA = re.search(
    r"```yaml\n(.*?)```", (DOCS / "characters.md").read_text("utf-8"), re.DOTALL
)
assert MIRA is not None


def test_the_link_asks_for_what_a_bot_needs_and_no_more() -> None:
    """The bits are Discord's, as discord.py knows them, and the page tells them."""
    needed = discord.Permissions.none()
    needed.view_channel = needed.send_messages = True
    needed.send_messages_in_threads = True
    needed.read_message_history = needed.add_reactions = True
    assert needed.value == PERMISSIONS == 274877975616
    page = (DOCS / "discord.md").read_text("utf-8")
    assert f"permissions={PERMISSIONS}" in page
    for name, bit in PERMISSION_BITS.items():
        assert f"| {name} | {bit} |" in page


def test_the_application_is_read_from_the_token(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A token's first part is its application, so a link needs no connection."""
    monkeypatch.setenv("STREAM_TOKEN_ELENA", f" {TOKEN}\n")
    assert f"client_id={APPLICATION}&scope=bot&" in invite("elena", Settings())


@pytest.mark.parametrize(
    "text", ["", "x", "....", "é.b.c", "MTIz.b.c", "/w==.b", "a" * 9]
)
def test_what_is_no_token_gives_no_application(text: str) -> None:
    """Whatever was pasted into the variable."""
    assert application_of(text) == ""


def test_without_a_token_the_roster_tells(store: Store, redis_url: str) -> None:
    """The command line of a large installation has no tokens; its gateways have
    published their bots."""
    entry = RosterEntry(bot="elena", user_id=APPLICATION, names=("elena",))
    store.run(roster.enlist(entry))
    assert f"client_id={APPLICATION}&" in invite("elena", Settings(redis_url=redis_url))


@pytest.mark.parametrize(
    ("bot", "token", "line"),
    [
        ("elena", "", "STREAM_TOKEN_ELENA: is not set"),
        ("elena", "s3cret", "STREAM_TOKEN_ELENA: is no bot token"),
        ("bob", "", "no character file for 'bob'"),
    ],
)
def test_no_link_is_one_line(
    bot: str, token: str, line: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It names what is missing, and never what stands there in its place."""
    monkeypatch.setenv("STREAM_TOKEN_ELENA", token)
    with pytest.raises(ConfigurationError) as refused:
        invite(bot, Settings())
    assert str(refused.value).startswith(line)
    assert "s3cret" not in str(refused.value)


def test_what_is_in_order_has_no_problems(tmp_path: Path) -> None:
    """The shipped characters, and the example of the documentation."""
    (tmp_path / "mira.yaml").write_text(MIRA[1], encoding="utf-8")
    assert find_problems([]) == []
    assert find_problems([tmp_path / "mira.yaml"]) == []


def test_every_problem_has_a_line_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two wrong settings, a broken file, one that is missing, a folder, and two slips:
    none hides another."""
    for name, value in {
        "STREAM_COOLDOWN": "soon",
        "STREAM_QUIET_TIME": "-1",
        "STREAM_DRYRUN": "true",
        "STREAM_TOKEN_ELANA": "s3cret",
    }.items():
        monkeypatch.setenv(name, value)
    broken = tmp_path / "mira.yaml"
    broken.write_text(MIRA[1].replace("chattiness: 0.5", "chattiness: 7"), "utf-8")
    found = find_problems([broken, tmp_path / "nobody.yaml", tmp_path])
    beginnings = [line.partition(": ")[0] for line in found]
    assert sorted(beginnings) == sorted(
        (
            "STREAM_COOLDOWN",
            "STREAM_QUIET_TIME",
            "mira.yaml",
            "nobody.yaml",
            tmp_path.name,
            "STREAM_DRYRUN",
            "STREAM_TOKEN_ELANA",
        )
    )
    assert "STREAM_DRY_RUN was meant" in "".join(found)
    assert "STREAM_TOKEN_ELENA was meant" in "".join(found)
    assert "s3cret" not in "".join(found)


@pytest.mark.parametrize(("chosen", "lines"), [("elena", 0), ("", 0), ("nobody", 1)])
def test_a_chosen_bot_that_nobody_is_has_a_line(
    monkeypatch: pytest.MonkeyPatch, chosen: str, lines: int
) -> None:
    """Its commands would be registered by nobody, without a word."""
    monkeypatch.setenv("STREAM_COMMANDS_BOT", chosen)
    found = find_problems([])
    assert len(found) == lines
    assert all(line.startswith("STREAM_COMMANDS_BOT: ") for line in found)


def test_a_token_in_a_file_of_settings_is_told_of(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tokens, keys and names of secret files count in the environment alone: whoever
    writes them into `.env` would wait for a bot that never comes."""
    (tmp_path / ".env").write_text(
        "STREAM_COOLDOWN=5\nSTREAM_TOKEN_ARIA=s3cret\nSTREAM_KEY_OPENAI=s3cret\n"
        "STREAM_VAULT_KEYS_FILE=/run/secrets/vault_keys\n",
        encoding="utf-8",
    )
    monkeypatch.chdir(tmp_path)
    found = find_problems([])
    assert [line.partition(": ")[0] for line in found] == [
        "STREAM_TOKEN_ARIA",
        "STREAM_KEY_OPENAI",
        "STREAM_VAULT_KEYS_FILE",
    ]
    assert all("stands in .env, where it is not read" in line for line in found)
    assert "s3cret" not in "".join(found)


def test_a_token_that_two_bots_hold_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two bots with one account would both answer each direct message, in one name. The
    line names both variables and no token; `up` says it before it starts anything, and
    a gateway instead of running."""
    monkeypatch.setenv("STREAM_TOKEN_ARIA", "s3cret")
    monkeypatch.setenv("STREAM_TOKEN_DOTTY", "another")
    settings = Settings(data_dir=Path("nowhere"))
    assert find_problems([]) == []
    check_bots(["aria", "dotty"], settings)
    monkeypatch.setenv("STREAM_TOKEN_ELENA", " s3cret\n")
    line = "STREAM_TOKEN_ARIA and STREAM_TOKEN_ELENA: hold one and the same token. "
    [found] = find_problems([])
    assert found.startswith(line)
    for refuse in (check_bots, run_gateway):
        with pytest.raises(ConfigurationError) as refused:
            refuse(["aria", "dotty", "elena"], settings)
        assert str(refused.value) == found
    assert "s3cret" not in found


def test_in_a_folder_each_file_and_what_they_share_is_checked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A second broken file is told with the first; two that share a name are told when
    each is well by itself; a slip in `.env` is told like one in the environment."""
    monkeypatch.setenv("STREAM_CHARACTERS_DIR", str(tmp_path))
    assert find_problems([]) == [f"{tmp_path}: holds no character file (<name>.yaml)"]
    for name in ("ada", "mira"):
        (tmp_path / f"{name}.yaml").write_text("name: x", "utf-8")
    assert len(find_problems([])) == 2
    (tmp_path / "mira.yaml").write_text(MIRA[1], "utf-8")
    (tmp_path / "ada.yaml").write_text(
        MIRA[1].replace("name: mira", "name: ada"), "utf-8"
    )
    assert ["also names" in line for line in find_problems([])] == [True]
    (tmp_path / "ada.yaml").unlink()
    (tmp_path / ".env").write_text("STREAM_COOLDWN=5\nstream_quiet_time=5\n", "utf-8")
    monkeypatch.chdir(tmp_path)
    assert find_problems([]) == [
        "STREAM_COOLDWN: is no setting; STREAM_COOLDOWN was meant?"
    ]


def test_names_that_mean_something_are_no_slips() -> None:
    """Settings, files of secrets, keys of whatever provider, tokens of these bots, and
    what is not ours."""
    names = (
        "STREAM_COOLDOWN",
        "STREAM_VAULT_KEYS_FILE",
        "STREAM_KEY_ELENA_OPENAI",
        "STREAM_TOKEN_DOT_TWO",
        "PATH",
    )
    assert find_slips(names, ["dot-two"]) == {}
    assert find_slips(["STREAM_XYZZY", "STREAM_TOKEN_X"], ["dotty"]) == {
        "STREAM_XYZZY": "",
        "STREAM_TOKEN_X": "",
    }


def test_an_old_name_of_a_setting_still_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is read, is no slip, and is told with the name of today, which counts first;
    a wrong value is told by the name of today."""
    monkeypatch.setenv("STREAM_DELIVERY_HOLD", "7")
    assert Settings(_env_file=None).undelivered_lease == 7
    assert find_slips(["STREAM_DELIVERY_HOLD"], []) == {}
    assert find_old_names() == [("STREAM_DELIVERY_HOLD", "STREAM_UNDELIVERED_LEASE")]
    monkeypatch.setenv("STREAM_UNDELIVERED_LEASE", "8")
    assert Settings(_env_file=None).undelivered_lease == 8
    monkeypatch.setenv("STREAM_UNDELIVERED_LEASE", "0")
    assert find_problems([])[0].startswith("STREAM_UNDELIVERED_LEASE: ")


def test_the_commands_speak_in_lines(tmp_path: Path) -> None:
    """`check` ends with 2 and a line for each problem on standard error, with 0 and a
    sentence without one; what strangers wrote into a file's name moves no cursor."""
    wrong = run("check", "/no\x1b[2Jwhere.yaml", cwd=tmp_path)
    assert (wrong.returncode, wrong.stdout) == (2, "")
    assert wrong.stderr.count("\n") == 1
    assert "\x1b" not in wrong.stderr
    right = run("check", cwd=tmp_path)
    assert (right.returncode, right.stderr) == (0, "")
    link = run("invite", "elena", cwd=tmp_path, STREAM_TOKEN_ELENA=TOKEN)
    assert (link.returncode, link.stdout.count("\n")) == (0, 1)
