"""The demo: its opening is playable, it says plainly what is wrong, and the whole real
system runs behind it."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from app.demo import demo
from app.demo.demo import is_healthy
from app.demo.opening import CHANNELS, OPENING, PEOPLE, SPOKEN
from app.demo.system import StreamSystem
from app.domain.character import load_characters
from app.domain.errors import ConfigurationError, PortInUse

PAGE = re.compile(r"http://127\.0\.0\.1:\d+/login\?key=[\w.-]{40,}")


def test_the_opening_is_playable() -> None:
    """Every line is said by somebody who is there, in a channel that is there, about
    half a minute in all."""
    names = {one.display_name for one in load_characters().values()}
    for line in OPENING:
        assert line.who in PEOPLE
        assert line.where in CHANNELS or line.where.removeprefix("@") in names
        assert line.reply_to is None or line.reply_to in names
        assert set(re.findall(r"@(\w+)", line.text)) <= names
    assert set(SPOKEN) < set(CHANNELS)
    assert 20 <= sum(line.wait for line in OPENING) <= 45


def test_a_port_in_use_is_one_plain_line() -> None:
    """The demo names the port and the option that mends it, before anything was
    started."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(
            PortInUse, match=r"^Port \d+ is in use: choose another with --port"
        ):
            demo.run(port=taken.getsockname()[1])


def test_an_operator_s_settings_stay_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Real tokens and servers of the environment or of an `.env` file never reach the
    demo's processes."""
    monkeypatch.setenv("STREAM_REDIS_URL", "redis://production.example/0")
    monkeypatch.setenv("STREAM_TOKEN_ELENA", "real")
    monkeypatch.setenv("LANGSMITH_API_KEY", "real")
    playground = demo.Demo(Console(), tmp_path)
    playground.server._address = ("127.0.0.1", 1)
    system = StreamSystem(
        tmp_path, playground.server, {"elena": "loopback"}, {}, playground.characters
    )
    environment = system._child_environment()
    assert environment["STREAM_TOKEN_ELENA"] == "loopback"
    assert not {"STREAM_REDIS_URL", "LANGSMITH_API_KEY"} & environment.keys()
    assert not (system.folder / ".env").exists()


def test_one_s_own_characters_are_shown(tmp_path: Path) -> None:
    """With a model of one's choice; a line that calls somebody who is not there is left
    out, and a wrong file or model is one plain line."""
    shipped = Path(demo.__file__).parents[1] / "characters" / "aria.yaml"
    own = tmp_path / "nimbus.yaml"
    text = shipped.read_text("utf-8").replace("name: aria", "name: nimbus")
    own.write_text(text.replace("display_name: Aria", "display_name: Nimbus"), "utf-8")
    (nimbus,) = demo.choose_characters([own], "ollama:small")
    assert nimbus.name == "nimbus"
    assert nimbus.model is not None
    assert nimbus.model.model == "ollama:small"
    playground = demo.Demo(Console(), tmp_path, [nimbus])
    said = [line for line in OPENING if playground._is_playable(line)]
    assert 0 < len(said) < len(OPENING)
    assert "ollama:small" in str(playground._cast(playground.scene)["note"])
    for files, model in (([tmp_path / "none.yaml"], None), ([own], "no provider")):
        with pytest.raises(ConfigurationError) as refused:
            demo.choose_characters(files, model)
        assert "\n" not in str(refused.value)
    for model, told in (
        ("no provider", "--model: must be PROVIDER:NAME, as in openai:gpt-5-mini"),
        ("opnai:gpt", "--model: no provider is named 'opnai'; the nearest known is"),
    ):
        with pytest.raises(ConfigurationError) as refused:
            demo.choose_characters([own], model)
        assert str(refused.value).startswith(told)


@pytest.mark.parametrize(
    "wrong", ["pile_ons", "duplicates", "addressed_unexplained", "errors"]
)
def test_one_broken_promise_fails_the_demo(wrong: str) -> None:
    """The exit code is 0 only if something was answered and nothing went wrong."""
    good: dict[str, object] = {
        "answered": 3,
        "pile_ons": 0,
        "duplicates": 0,
        "addressed_unexplained": 0,
        "errors": [],
    }
    assert is_healthy(good)
    assert not is_healthy(good | {wrong: ["dead letter"] if wrong == "errors" else 1})
    assert not is_healthy(good | {"answered": 0})


@pytest.mark.slow
def test_the_whole_system_answers_the_opening(tmp_path: Path) -> None:
    """Headless: open questions get one answer, addressed bots all answer, nobody butts
    in, nothing twice, no error."""
    file = tmp_path / "figures.json"
    assert demo.run(headless=True, seconds=90, json_file=file) == 0
    figures: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    assert figures["messages"] == len(OPENING)
    assert figures["addressed"] >= 4
    assert figures["addressed_answered"] == figures["addressed"]
    open_questions = [row for row in figures["per_message"] if not row["addressed"]]
    assert {len(row["answers"]) for row in open_questions} == {0, 1}
    assert (
        next(
            row
            for row in open_questions
            if row["text"] == "Yes, they hang by the door."
        )["answers"]
        == []
    )


@pytest.mark.slow
def test_ctrl_c_stops_everything(wait_until: Callable[..., None]) -> None:
    """After SIGINT the page, the children and their database are gone, and the exit
    code is 0."""
    process = subprocess.Popen(
        [sys.executable, "-m", "app.cli.main", "demo", "--port", "0"],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert process.stderr is not None
    try:
        address = next(
            found[0] for line in process.stderr if (found := PAGE.search(line))
        )
        with urllib.request.urlopen(address) as answer:  # noqa: S310 -- the demo's own page on loopback
            assert b"The Stream" in answer.read()
            assert "HttpOnly" in answer.headers["Set-Cookie"]
        wait_until(
            lambda: len(descendants(process.pid)) >= 5, 30, "the children to start"
        )
        children = descendants(process.pid)
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
        wait_until(
            lambda: not any(alive(pid) for pid in children), 5, "the children to end"
        )
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        process.stderr.close()


def descendants(pid: int) -> set[int]:
    """All processes below this one."""
    try:
        children = {
            int(one)
            for one in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        }
    except OSError:
        return set()
    return children.union(*(descendants(child) for child in children))


def alive(pid: int) -> bool:
    """Whether the process runs; a zombie does not."""
    try:
        return (
            Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
        )
    except OSError:
        return False
