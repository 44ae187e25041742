"""Commands on broken ground: each says what is wrong in one line."""

from __future__ import annotations

import os
from importlib import resources
from pathlib import Path

import pytest

from tests.cli.commands import run
from tests.e2e.warm import launch

NOWHERE = "redis://127.0.0.1:1/0"


@pytest.mark.parametrize(
    "command",
    [
        "status",
        "bots",
        "costs",
        "mutes",
        "mute all",
        "unmute all",
        "outbox",
        "why 1234567890",
        "why --unanswered",
        "memory show 1234567",
        "trust",
    ],
)
def test_redis_away_is_one_line(command: str) -> None:
    """And the exit code of an absent Redis; no stack trace, no password."""
    told = run(*command.split(), STREAM_REDIS_URL=NOWHERE, STREAM_REDIS_TIMEOUT="0.2")
    assert told.returncode == 3, told.stderr
    assert told.stderr.startswith("the-stream: ")
    assert told.stderr.count("\n") == 1


@pytest.mark.parametrize("process", [("worker", "-Q", "direct"), ("beat",)])
def test_a_wrong_address_is_one_line_of_celery_too(
    tmp_path: Path, process: tuple[str, ...]
) -> None:
    """What Celery starts says no more than what the stream starts."""
    said, errors = tmp_path / "said", tmp_path / "errors"
    env = os.environ | {"STREAM_REDIS_URL": "http://127.0.0.1/0"}
    started = launch(["celery", "-A", "tasks", *process], env, said, errors=errors)
    assert (started.wait(60), said.read_text()) == (2, "")
    told = errors.read_text()
    assert told.startswith("the-stream: STREAM_REDIS_URL: must begin with ")
    assert told.count("\n") == 1


def test_one_broken_file_leaves_the_other_bots(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What starts is told of the broken one and goes on with the rest; only where
    nothing is left is it an error."""
    (tmp_path / "elena.yaml").write_text("name: [", "utf-8")
    given = {
        "STREAM_CHARACTERS_DIR": str(tmp_path),
        "STREAM_TOKEN_ELENA": "t",
        "STREAM_TOKEN_ARIA": "t",
        "STREAM_REDIS_URL": NOWHERE,
        "STREAM_REDIS_TIMEOUT": "0.2",
    }
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    told = run("gateway")
    assert told.returncode == 2
    assert told.stderr.startswith("the-stream: elena.yaml")
    assert told.stderr.count("\n") == 1
    aria = resources.files("app.characters") / "aria.yaml"
    (tmp_path / "aria.yaml").write_text(aria.read_text("utf-8"), "utf-8")
    told = run("gateway")
    assert "the-stream: elena is left out: elena.yaml" in told.stderr
    # It came as far as Redis.
    assert told.returncode == 3


@pytest.mark.parametrize(
    "setting",
    [
        "SPEAK_CHANNELS",
        "IGNORED_PEOPLE",
        "PROXY_APPLICATIONS",
        "COMMANDS_GUILDS",
    ],
)
def test_a_name_in_place_of_an_id_is_refused(setting: str) -> None:
    """It would match nothing, and bots would be silent without a word of why."""
    told = run("check", cwd=None, **{f"STREAM_{setting}": "123,#lounge"})
    assert told.returncode == 2
    assert told.stderr.startswith(f"the-stream: STREAM_{setting}: entry 2 is no id")
    assert "#lounge" not in told.stderr


@pytest.mark.parametrize("taken", [True, False])
def test_a_data_folder_that_cannot_be_made_is_one_line(
    tmp_path: Path, taken: bool
) -> None:
    """A file stands in its place, or in its way: a stack trace told so."""
    file = tmp_path / "file"
    file.touch()
    folder = file if taken else file / "data"
    told = run("page", "--link", STREAM_DATA_DIR=str(folder), STREAM_PAGE_PORT="8808")
    assert told.returncode == 2
    assert told.stderr.startswith(f"the-stream: STREAM_DATA_DIR: {folder} cannot be")
    assert told.stderr.count("\n") == 1


def test_a_broken_places_file_is_one_line(tmp_path: Path) -> None:
    """`check` names its line; a brake does not ask for it."""
    file = tmp_path / "places.yaml"
    file.write_text("channels:\n  1: {quiet_time: soon}\n", "utf-8")
    told = run("check", STREAM_PLACES=str(file))
    assert told.returncode == 2
    assert "STREAM_PLACES: places.yaml line 2: quiet_time: " in told.stderr
    told = run("mute", "all", STREAM_PLACES=str(file), STREAM_REDIS_URL=NOWHERE)
    assert "places" not in told.stderr
