"""`the-stream up`: what each child may know, and the real children under real
signals."""

from __future__ import annotations

import io
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
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr
from rich.console import Console

from app.cli.up import (
    Terminal,
    _show_page,
    _with_kept_secrets,
    child_specs,
    public_environment,
)
from app.domain.settings import Settings
from app.host.kept_logs import KeptLogs
from app.host.valkey import free_port, private_folder, running_url

Wait = Callable[..., None]
KEY = Fernet.generate_key().decode()
INHERITED = {
    "STREAM_TOKEN_ELENA": "token-elena",
    "OPENAI_API_KEY": "key-openai",
    "STREAM_KEY_ELENA_ANTHROPIC": "key-anthropic",
    "STREAM_VAULT_KEYS": KEY,
    "STREAM_FLOWER_PASSWORD": "pass-flower",
}


def test_every_child_gets_what_it_needs_and_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Tokens and model keys reach gateways only, vault keys gateways and workers only,
    Flower's password Flower only; and no secret is in a command line."""
    for name, value in INHERITED.items():
        monkeypatch.setenv(name, value)
    settings = Settings(
        redis_url="redis://127.0.0.1/0", flower_password=SecretStr("pass-flower")
    )
    children = {
        spec.name: spec for spec in child_specs(["elena"], settings, tmp_path, None)
    }
    assert list(children) == ["gateway", "direct", "cycles", "beat", "flower"]

    def knowing(secret: str) -> set[str]:
        return {
            name
            for name, spec in children.items()
            if secret in json.dumps(dict(spec.environment or {}))
        }

    assert knowing("token-elena") == {"gateway"}
    assert knowing("key-openai") == set(), (
        "a key is read from STREAM_KEY_<PROVIDER> alone"
    )
    assert knowing("key-anthropic") == {"gateway"}
    assert knowing(KEY) == {"gateway", "direct", "cycles"}
    assert "flower" in knowing("pass-flower") <= {"flower", "gateway"}
    for secret in ("token-elena", "key-openai", "key-anthropic", KEY, "pass-flower"):
        assert secret not in json.dumps(
            [list(spec.command) for spec in children.values()]
        )


def test_the_page_gets_its_passwords_and_no_other_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its logins reach it alone; with the port 0 there is no page."""
    for name, value in INHERITED.items():
        monkeypatch.setenv(name, value)
    settings = Settings(
        redis_url="redis://127.0.0.1/0",
        flower_port=0,
        page_port=8808,
        page_password=SecretStr("pass-full"),
        page_reader_password=SecretStr("pass-reader"),
    )
    told = {
        spec.name: json.dumps(dict(spec.environment or {}))
        for spec in child_specs(["elena"], settings, tmp_path, None)
    }
    for secret in ("pass-full", "pass-reader"):
        assert [name for name in told if secret in told[name]] == ["page"]
    for secret in INHERITED.values():
        assert secret not in told["page"]
    without = settings.model_copy(update={"page_port": 0})
    names = [spec.name for spec in child_specs(["elena"], without, tmp_path, None)]
    assert "page" not in names


@pytest.mark.parametrize(
    ("watched", "password", "shown"),
    [
        (True, None, r"The page, once and within ten minutes: http://127.0.0.1:8808/login\?key=link\.\d+\.\S+\n"),
        (False, None, r"The page: http://127.0.0.1:8808  password in \S+/page.password\n"),
        (True, "pass-full", r"The page: http://127.0.0.1:8808\n"),
    ],
)  # fmt: skip
def test_a_link_that_opens_the_page_is_for_a_person_who_looks_on(
    tmp_path: Path, watched: bool, password: str | None, shown: str
) -> None:
    """A password that was made here is never printed; a log gets no link either."""
    given = None if password is None else SecretStr(password)
    settings = Settings(flower_port=0, page_port=8808, page_password=given)
    console = Console(
        file=io.StringIO(), force_terminal=watched, no_color=True, highlight=False
    )
    made = _with_kept_secrets(settings, tmp_path, console)
    _show_page(made, tmp_path, console, kept=password is None)
    assert isinstance(console.file, io.StringIO)
    assert re.fullmatch(shown, console.file.getvalue())
    assert made.page_password is not None
    assert made.page_password.get_secret_value() not in console.file.getvalue()


def test_every_child_finds_redis(tmp_path: Path) -> None:
    """The Sentinels' password and the files of TLS go with the address, and the files
    are found from whatever folder a child runs in."""
    settings = Settings(
        redis_url="sentinel+tls://me:servers-secret@host/service",
        redis_ca=Path("ca.pem"),
        redis_sentinel_password=SecretStr("sentinels-secret"),
        flower_password=SecretStr("pass-flower"),
    )
    for spec in child_specs(["elena"], settings, tmp_path, None):
        given = dict(spec.environment or {})
        assert given["STREAM_REDIS_URL"] == settings.redis_url, spec.name
        assert given["STREAM_REDIS_SENTINEL_PASSWORD"] == "sentinels-secret", spec.name
        assert Path(given["STREAM_REDIS_CA"]).is_absolute(), spec.name
        assert "sentinels-secret" not in json.dumps(list(spec.command))


UNKNOWN = {
    "AWS_SESSION": "s3cret-aws",
    "DATABASE_URL": "postgres://me:s3cret-database@host/0",
    "MY_BOT": "s3cret-bot",
    "GH_PAT": "s3cret-pat",
    "STREAM_TOKEN_ARIA": "s3cret-other-bot",
    "STREAM_NOTE": "s3cret-note",
    "LANGSMITH_PROJECT": "s3cret-trace",
    "PATH_TO_KEY": "s3cret-path",
}


@pytest.mark.parametrize("tracing", [False, True])
def test_no_child_inherits_what_is_not_on_the_list(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tracing: bool
) -> None:
    """A secret under whatever name stays with `up`; a proxy reaches those who speak
    with the world, tracing workers alone."""
    for name, value in (
        UNKNOWN
        | {
            "HTTPS_PROXY": "http://me:s3cret-proxy@host:1",
            "LC_TIME": "C",
            "PYTHONUTF8": "1",
        }
    ).items():
        monkeypatch.setenv(name, value)
    settings = Settings(
        redis_url="redis://127.0.0.1/0",
        flower_password=SecretStr("pass-flower"),
        tracing=tracing,
    )
    children = {
        spec.name: dict(spec.environment or {})
        for spec in child_specs(["elena"], settings, tmp_path, None)
    }

    def knowing(text: str) -> set[str]:
        return {
            name
            for name, environment in children.items()
            if text in json.dumps(environment)
        }

    assert knowing("s3cret-trace") == ({"direct", "cycles"} if tracing else set())
    assert knowing("s3cret-proxy") == {"gateway", "direct", "cycles"}
    for secret in UNKNOWN.values():
        assert secret == "s3cret-trace" or knowing(secret) == set(), secret
    for environment in children.values():
        assert {
            "PATH",
            "LC_TIME",
            "PYTHONUTF8",
            "PYTHONUNBUFFERED",
        } <= environment.keys()


def test_flowers_password_is_shown_once_and_on_a_terminal_alone(tmp_path: Path) -> None:
    """A second start names the file, and so does a first one whose output goes to a
    log."""

    def greeting(data: Path, terminal: bool) -> tuple[str, str]:
        stream = io.StringIO()
        console = Console(file=stream, force_terminal=terminal, color_system=None)
        settings = _with_kept_secrets(Settings(), private_folder(data), console)
        assert settings.flower_password is not None
        return settings.flower_password.get_secret_value(), stream.getvalue()

    for terminal in (True, False):
        data = tmp_path / str(terminal)
        password, first = greeting(data, terminal)
        again, second = greeting(data, True)
        assert again == password
        assert (password in first) is terminal
        assert password not in second
        assert str(data / "flower.password") in second


def test_a_line_comes_as_it_is_where_nobody_looks_on(tmp_path: Path) -> None:
    """Into a log, whatever its length, whole and at once: nothing is laid out."""
    line = "\t[bold]word[/bold]\t" * 50
    log = tmp_path / "up.log"
    with log.open("w", encoding="utf-8") as file, closing(KeptLogs(tmp_path)) as kept:
        Terminal(Console(file=file, width=40), kept).say("direct", line)
        assert log.read_text(encoding="utf-8") == f"  direct │ {line}\n"


def test_settings_reach_the_children_as_they_are() -> None:
    """A child reads the same settings as its parent, whether they came from the
    environment, a file or the code."""
    settings = Settings(
        redis_url="redis://127.0.0.1/0",
        cooldown=5,
        dry_run=True,
        speak_channels=("1", "2"),
        characters_dir=Path("mine"),
    )
    environment = public_environment(
        {"STREAM_QUIET_TIME": "9", "STREAM_BROKER_URL": "redis://old/0"}, settings
    )
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        read = Settings()
    changed = {"data_dir": read.data_dir, "characters_dir": Path("mine").absolute()}
    assert read == settings.model_copy(update=changed)


@pytest.mark.parametrize(
    ("taken", "redis", "code", "line"),
    [
        (True, "", 2, "STREAM_FLOWER_PORT: port {port} is in use"),
        (False, "redis://127.0.0.1:1/0", 3, "STREAM_REDIS_URL: Redis cannot be"),
    ],
)
def test_a_taken_port_or_no_redis_ends_it_at_once(
    tmp_path: Path, taken: bool, redis: str, code: int, line: str
) -> None:
    """Children that could never run are not started again and again."""
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        port = other.getsockname()[1]
        if taken:
            other.listen()
        else:
            other.close()
        environment = os.environ | {
            "STREAM_DATA_DIR": str(tmp_path),
            "STREAM_FLOWER_PORT": str(port),
            "STREAM_TOKEN_ELENA": "x",
        }
        environment |= {"STREAM_REDIS_URL": redis} if redis else {}
        ended = subprocess.run(
            [sys.executable, "-m", "app.cli.main", "up", "elena"],
            env=environment,
            capture_output=True,
            text=True,
            timeout=40,
            check=False,
        )
    assert ended.returncode == code, ended.stderr
    *greeting, last = ended.stderr.splitlines()
    assert last.startswith("the-stream: " + line.format(port=port))
    assert all(said.startswith("Flower: ") for said in greeting)


ALL_BUT_GATEWAY = """
import os, sys
from pathlib import Path
from app.cli import up as cli_up
real = cli_up.child_specs
cli_up.child_specs = lambda *arguments: [spec for spec in real(*arguments) if spec.name != "gateway"]
from app.domain.settings import load_settings
sys.exit(cli_up.up([], load_settings()))
"""


@pytest.fixture
def up(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """`up` without a gateway, which needs Discord: embedded Valkey, two workers, beat
    and Flower, all real."""
    environment = os.environ | {
        "STREAM_DATA_DIR": str(tmp_path),
        "STREAM_FLOWER_PORT": str(free_port()),
        "STREAM_PAGE_PORT": str(free_port()),
        "STREAM_PUMP_INTERVAL": "600",
    }
    with (tmp_path / "up.log").open("w") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", ALL_BUT_GATEWAY],
            env=environment,
            stdout=log,
            stderr=log,
            text=True,
        )
    process.args = [environment["STREAM_FLOWER_PORT"], environment["STREAM_PAGE_PORT"]]
    yield process
    process.terminate()
    process.wait(15)


def children_of(pid: int) -> list[int]:
    """Process ids of the direct children."""
    return [
        int(child)
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    ]


def command_of(pid: int) -> str:
    """The command line of a process."""
    return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()


def kilobytes_of(pid: int, kind: str) -> int:
    """Memory of a process, as the kernel counts it."""
    text = Path(f"/proc/{pid}/smaps_rollup").read_text()
    found = re.search(rf"^{kind}: +(\d+) kB", text, re.MULTILINE)
    assert found is not None
    return int(found[1])


def check_sharing(pids: Sequence[int]) -> None:
    """All but the database are forks of a process of one thread, show their own command
    lines, and most of their memory is one another's."""
    signs = (
        "-m app.host.template app.cli.preload ",
        "--hostname direct@",
        "--hostname cycles@",
        "-m celery -A tasks beat ",
        "-m celery -A tasks flower ",
        "-m app.cli.main page ",
    )
    commands = {pid: command_of(pid) for pid in pids}
    found = [pid for sign in signs for pid in pids if sign in commands[pid]]
    assert len(found) == len(signs) == len(pids) - 1, commands
    status = Path(f"/proc/{found[0]}/status").read_text()
    assert "Threads:\t1\n" in status
    resident = sum(kilobytes_of(pid, "Rss") for pid in found)
    own = sum(kilobytes_of(pid, "Pss") for pid in found)
    assert own < resident / 2


SERVING = {
    "direct": "direct@.* ready",
    "cycles": "cycles@.* ready",
    "beat": "maxinterval",
    "flower": "Visit me",
    "page": "the page is served",
}
"""What each of the children says once it runs."""


def serving(log: Path) -> bool:
    """Whether both workers, beat, Flower and the page have said that they run, and none
    had to start again."""
    text = log.read_text()
    assert "starts again" not in text, text
    return all(re.search(sign, text) for sign in SERVING.values())


def check_return(pids: Sequence[int], log: Path, wait_until: Wait) -> None:
    """kill -9 of any child, all at once, brings each of them back to its work."""
    for pid in pids:
        if not re.search("valkey-server|host.template", command_of(pid)):
            os.kill(pid, signal.SIGKILL)
    wait_until(
        lambda: all(
            len(re.findall(sign, log.read_text())) >= 2 for sign in SERVING.values()
        ),
        120,
        "everybody back",
    )
    for name in SERVING:
        assert f"{name} ended (SIGKILL); it starts again" in log.read_text()


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_up_runs_everything_and_ends_in_good_order(
    up: subprocess.Popen[str], tmp_path: Path, wait_until: Wait
) -> None:
    """The workers reach the embedded broker, Flower asks for its password on every
    page, the children share their memory, who is killed comes back, and SIGTERM ends
    all within 10 s."""
    log = tmp_path / "up.log"
    wait_until(lambda: serving(log) or up.poll() is not None, 120, "everything running")
    assert up.poll() is None, log.read_text()
    assert running_url(tmp_path) is not None
    password = (tmp_path / "flower.password").read_text().strip()
    assert password not in log.read_text(), "a log is no terminal"
    kept = (tmp_path / "page.password").read_text().strip()
    assert kept not in log.read_text(), "nor is it for the page"
    assert "login?key=" not in log.read_text(), "a link is a password, too"
    login = b64encode(f"stream:{password}".encode()).decode()
    with pytest.raises(urllib.error.HTTPError) as stranger:
        urllib.request.urlopen(f"http://127.0.0.1:{up.args[1]!s}/", timeout=5)
    stranger.value.close()
    assert stranger.value.code == 401
    for page in ("workers?json=1", "metrics", "api/workers", ""):
        address = f"http://127.0.0.1:{up.args[0]!s}/{page}"
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(address, timeout=5)
        refused.value.close()
        assert refused.value.code == 401, page
        request = urllib.request.Request(
            address, headers={"Authorization": f"Basic {login}"}
        )
        with urllib.request.urlopen(request, timeout=5) as answer:  # noqa: S310
            assert answer.status == 200
    pids = children_of(up.pid)
    check_sharing(pids)
    arguments = "".join(map(command_of, pids))
    for kept in ("flower.password", "page.password", "vault.key", "valkey/password"):
        assert (tmp_path / kept).read_text().strip() not in arguments
    check_return(pids, log, wait_until)
    pids = children_of(up.pid)
    assert len(pids) == 7
    up.send_signal(signal.SIGTERM)
    assert up.wait(10) == 0
    assert not any(Path(f"/proc/{pid}").exists() for pid in pids)


@pytest.mark.skipif(
    sys.platform != "linux", reason="the kernel's parent-death signal is Linux's"
)
def test_nothing_outlives_a_killed_up(
    up: subprocess.Popen[str], tmp_path: Path, wait_until: Wait
) -> None:
    """kill -9 of `up` leaves no child behind, the database included."""
    wait_until(
        lambda: serving(tmp_path / "up.log") or up.poll() is not None,
        120,
        "everything running",
    )
    pids = children_of(up.pid)
    assert len(pids) == 7
    up.kill()
    up.wait()
    wait_until(lambda: not any(Path(f"/proc/{pid}/exe").exists() for pid in pids), 10)
    assert running_url(tmp_path) is None
