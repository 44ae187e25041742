"""`the-stream up`: what each child may know, and the real children under real signals."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
import urllib.error
import urllib.request
from base64 import b64encode
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr

from app.cli_up import public_environment, specs
from app.embedded import free_port, running_url
from app.settings import Settings

Wait = Callable[..., None]
KEY = Fernet.generate_key().decode()
INHERITED = {
    "STREAM_TOKEN_ELENA": "token-elena", "OPENAI_API_KEY": "key-openai", "STREAM_KEY_ELENA_ANTHROPIC": "key-anthropic",
    "STREAM_VAULT_KEYS": KEY,
    "STREAM_FLOWER_PASSWORD": "pass-flower",
}


def test_every_child_gets_what_it_needs_and_no_more(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Tokens and model keys reach gateways only, vault keys gateways and workers only, Flower's password Flower only;
    and no secret is in a command line."""
    for name, value in INHERITED.items():
        monkeypatch.setenv(name, value)
    settings = Settings(redis_url="redis://host/0", flower_password=SecretStr("pass-flower"))
    children = {spec.name: spec for spec in specs(["elena"], settings, tmp_path, None)}
    assert list(children) == ["gateway", "direct", "cycles", "beat", "flower"]

    def knowing(secret: str) -> set[str]:
        return {name for name, spec in children.items() if secret in json.dumps(dict(spec.environment or {}))}

    assert knowing("token-elena") == {"gateway"}
    assert knowing("key-openai") == {"gateway"}
    assert knowing("key-anthropic") == {"gateway"}
    assert knowing(KEY) == {"gateway", "direct", "cycles"}
    assert "flower" in knowing("pass-flower") <= {"flower", "gateway"}
    for secret in ("token-elena", "key-openai", "key-anthropic", KEY, "pass-flower"):
        assert secret not in json.dumps([list(spec.command) for spec in children.values()])


def test_settings_reach_the_children_as_they_are() -> None:
    """A child reads the same settings as its parent, whether they came from the environment, a file or the code."""
    settings = Settings(
        redis_url="redis://host/0", cooldown=5, dry_run=True, speak_channels=("1", "2"), characters_dir=Path("mine"))
    environment = public_environment({"STREAM_QUIET_TIME": "9", "STREAM_BROKER_URL": "redis://old/0"}, settings)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        read = Settings()
    changed = {"data_dir": read.data_dir, "characters_dir": Path("mine").absolute()}
    assert read == settings.model_copy(update=changed)


@pytest.mark.parametrize(("taken", "redis", "code", "line"), [
    (True, "", 2, "STREAM_FLOWER_PORT: port {port} is in use"), (False, "redis://127.0.0.1:1/0", 3, "Redis cannot be reached"),
])
def test_a_taken_port_or_no_redis_ends_it_at_once(tmp_path: Path, taken: bool, redis: str, code: int, line: str) -> None:
    """Children that could never run are not started again and again."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        port = other.getsockname()[1]
        if taken:
            other.listen()
        else:
            other.close()
        environment = os.environ | {"STREAM_DATA_DIR": str(tmp_path), "STREAM_FLOWER_PORT": str(port), "STREAM_TOKEN_ELENA": "x"}
        environment |= {"STREAM_REDIS_URL": redis} if redis else {}
        ended = subprocess.run([sys.executable, "-m", "app.cli", "up", "elena"], env=environment, capture_output=True, text=True,
                               timeout=40, check=False)
    assert ended.returncode == code, ended.stderr
    *greeting, last = ended.stderr.splitlines()
    assert last.startswith("the-stream: " + line.format(port=port))
    assert all(said.startswith("Flower: ") for said in greeting)


ALL_BUT_GATEWAY = """
import os, sys
from pathlib import Path
from app import cli_up
real = cli_up.specs
cli_up.specs = lambda *arguments: [spec for spec in real(*arguments) if spec.name != "gateway"]
from app.settings import load_settings
sys.exit(cli_up.up([], load_settings()))
"""


@pytest.fixture
def up(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """`up` without a gateway, which needs Discord: embedded Valkey, two workers, beat and Flower, all real."""
    environment = os.environ | {
        "STREAM_DATA_DIR": str(tmp_path), "STREAM_FLOWER_PORT": str(free_port()), "STREAM_PUMP_INTERVAL": "600"}
    with (tmp_path / "up.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", ALL_BUT_GATEWAY], env=environment, stdout=log, stderr=log, text=True)
    process.args = [environment["STREAM_FLOWER_PORT"]]
    yield process
    process.terminate()
    process.wait(15)


def children_of(pid: int) -> list[int]:
    """Process ids of the direct children."""
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def serving(log: Path) -> bool:
    """Whether both workers, beat and Flower have said that they run, and none had to start again."""
    text = log.read_text()
    assert "starts again" not in text, text
    return all(re.search(sign, text) for sign in ("direct@.* ready", "cycles@.* ready", "maxinterval", "Visit me"))


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_up_runs_everything_and_ends_in_good_order(up: subprocess.Popen[str], tmp_path: Path, wait_until: Wait) -> None:
    """The workers reach the embedded broker, Flower asks for its password, and SIGTERM ends all within 10 s."""
    log = tmp_path / "up.log"
    wait_until(lambda: serving(log) or up.poll() is not None, 40, "everything running")
    assert up.poll() is None, log.read_text()
    assert running_url(tmp_path) is not None
    flower = f"http://127.0.0.1:{up.args[0]!s}/workers?json=1"
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(flower, timeout=5)
    refused.value.close()
    assert refused.value.code == 401
    password = (tmp_path / "flower.password").read_text().strip()
    login = b64encode(f"stream:{password}".encode()).decode()
    request = urllib.request.Request(flower, headers={"Authorization": f"Basic {login}"})
    with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310
        assert answer.status == 200
    pids = children_of(up.pid)
    assert len(pids) == 5
    arguments = b" ".join(Path(f"/proc/{pid}/cmdline").read_bytes() for pid in pids).decode()
    for kept in ("flower.password", "vault.key", "valkey/password"):
        assert (tmp_path / kept).read_text().strip() not in arguments
    up.send_signal(signal.SIGTERM)
    assert up.wait(10) == 0
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's parent-death signal is Linux's")
def test_nothing_outlives_a_killed_up(up: subprocess.Popen[str], tmp_path: Path, wait_until: Wait) -> None:
    """kill -9 of `up` leaves no child behind, the database included."""
    wait_until(lambda: serving(tmp_path / "up.log") or up.poll() is not None, 40, "everything running")
    pids = children_of(up.pid)
    assert len(pids) == 5
    up.kill()
    up.wait()
    wait_until(lambda: not any(Path(f"/proc/{pid}/exe").exists() for pid in pids), 10)
    assert running_url(tmp_path) is None
