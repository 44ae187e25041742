"""Children that are forks of a template process, with real processes and signals."""

from __future__ import annotations

import os
import re
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import pytest

import app
from app.host import forking
from app.host.forking import Template
from app.host.supervisor import Child, ChildSpec, RestartPauses, State, Supervisor

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="the kernel gives orphans to `up` on Linux alone"
)

Wait = Callable[..., None]
FAST = RestartPauses(first=0.01, most=0.05, stable=60.0, chance=lambda: 0.5)
PROGRAM = """
import os, sys, time
sys.modules["kept"] = os.environ.get("SECRET")
print("argv", *sys.argv, flush=True)
print("loaded", "loaded_once" in sys.modules, flush=True)
print("secret", os.environ.get("SECRET"), "folder", os.getcwd(), flush=True)
action = sys.argv[1]
if action == "sleep":
    time.sleep(600)
if action == "raise":
    raise RuntimeError("no more")
sys.exit(int(action))
"""
SECRETS = ("s3cret-of-the-first", "s3cret-of-the-second")


class House:
    """A supervisor in a thread, its template, and what its children said."""

    def __init__(self, folder: Path, *actions: str, secrets: bool = False) -> None:
        (folder / "program.py").write_text(PROGRAM)
        (folder / "loaded_once.py").write_text("")
        self.said: list[str] = []
        roots = os.pathsep.join([str(folder), str(Path(app.__file__).parents[1])])
        environment = {"PYTHONPATH": roots, "PATH": os.environ["PATH"]}
        self.template = Template(["loaded_once"], environment)
        specs = [self.template.spec()]
        for action, secret in zip(actions, SECRETS, strict=False):
            own = environment | ({"SECRET": secret} if secrets else {})
            specs.append(self.program(action, own, folder))
        self.supervisor = Supervisor(
            specs, lambda *line: self.said.append(": ".join(line)), backoff=FAST
        )

    def program(
        self, action: str, environment: Mapping[str, str], folder: Path
    ) -> ChildSpec:
        """A child that does this."""
        return ChildSpec(
            action,
            [sys.executable, "-m", "program", action],
            environment,
            cwd=folder,
            launch=self.template.launch,
        )

    @property
    def children(self) -> list[Child]:
        """The template comes first."""
        return self.supervisor.children

    def told(self, words: str) -> bool:
        """Whether a child, or the supervisor, has said so."""
        return any(words in line for line in self.said)

    @contextmanager
    def running(self) -> Iterator[None]:
        """The supervisor runs meanwhile."""
        thread = threading.Thread(target=self.supervisor.run)
        thread.start()
        try:
            yield
        finally:
            self.supervisor.stop()
            thread.join(15)
            self.template.close()
            assert not thread.is_alive()


def alive(pid: int | None) -> bool:
    """Whether a process runs (a zombie does not)."""
    try:
        return "State:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return False


def memory_of(pid: int | None) -> bytes:
    """All that a process may write to."""
    found = []
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            begin, end, rights = re.split("[- ]", line)[:3]
            if rights.startswith("rw"):
                memory.seek(int(begin, 16))
                found.append(memory.read(int(end, 16) - int(begin, 16)))
    return b"".join(found)


def test_a_forked_child_is_as_if_it_had_been_started(
    tmp_path: Path, wait_until: Wait
) -> None:
    """It has its own arguments, environment, folder and command line, leads a group,
    is a child of the supervisor's process, and has what the template has loaded."""
    house = House(tmp_path, "sleep", secrets=True)
    with house.running():
        wait_until(lambda: house.told("folder"))
        _, child = house.children
        assert house.said == [
            f"sleep: argv {tmp_path / 'program.py'} sleep",
            "sleep: loaded True",
            f"sleep: secret {SECRETS[0]} folder {tmp_path}",
        ]
        assert child.pid is not None
        arguments = Path(f"/proc/{child.pid}/cmdline").read_bytes().rstrip(b"\0")
        assert arguments == b"\0".join(
            os.fsencode(one) for one in (sys.executable, "-m", "program", "sleep")
        )
        assert os.getpgid(child.pid) == child.pid == os.getsid(child.pid)
        assert f"PPid:\t{os.getpid()}" in Path(f"/proc/{child.pid}/status").read_text()
    assert not alive(child.pid)


def test_no_secret_of_one_child_is_in_the_memory_of_another(
    tmp_path: Path, wait_until: Wait
) -> None:
    """What a child is told reaches neither the template nor a child that is forked
    later."""
    house = House(tmp_path, "sleep", "sleep", secrets=True)
    first, second = (one.encode() for one in SECRETS)
    with house.running():
        wait_until(lambda: all(house.told(f"secret {one}") for one in SECRETS))
        template, one, other = (memory_of(child.pid) for child in house.children)
    assert first in one
    assert second in other
    assert first not in template + other
    assert second not in template + one


@pytest.mark.parametrize(
    ("action", "ending", "last"),
    [
        ("3", "code 3", "3: secret None"),
        ("0", "code 0", "0: secret None"),
        ("raise", "code 1", "raise: RuntimeError: no more"),
    ],
)
def test_its_exit_code_is_the_programs(
    tmp_path: Path, wait_until: Wait, action: str, ending: str, last: str
) -> None:
    """A code and a stack trace come out as of a program that was started, and it is
    forked again, each time it ends."""
    house = House(tmp_path, action)
    with house.running():
        wait_until(lambda: house.children[1].restarts >= 3)
    assert house.told(f"up: {action} ended ({ending}); it starts again")
    assert house.told(last)


def test_a_refusal_ends_everything(tmp_path: Path, wait_until: Wait) -> None:
    """The exit code by which a child refuses its settings is the supervisor's."""
    house = House(tmp_path, "2", "sleep")
    with house.running():
        wait_until(lambda: house.supervisor.failure)
    assert house.supervisor.failure == f"2: secret None folder {tmp_path}"
    assert not any(alive(child.pid) for child in house.children)


def test_a_killed_child_is_forked_again(tmp_path: Path, wait_until: Wait) -> None:
    """kill -9 of a child is told by its name, and brings it back."""
    house = House(tmp_path, "sleep")
    with house.running():
        wait_until(lambda: house.told("folder"))
        child = house.children[1]
        first = child.pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        wait_until(lambda: child.pid not in (first, None))
        assert house.told("sleep ended (SIGKILL)")
        assert not alive(first)


def test_children_outlive_their_template(tmp_path: Path, wait_until: Wait) -> None:
    """kill -9 of the template harms nobody; it starts again, and a child that ends
    meanwhile waits for it."""
    house = House(tmp_path, "sleep", "sleep")
    template, one, other = house.children
    with house.running():
        wait_until(lambda: house.said.count("sleep: loaded True") == 2)
        first, killed, kept = template.pid, one.pid, other.pid
        assert first is not None
        assert killed is not None
        os.kill(first, signal.SIGKILL)
        os.kill(killed, signal.SIGKILL)
        wait_until(lambda: template.pid not in (first, None))
        wait_until(lambda: house.said.count("sleep: loaded True") == 3)
        assert other.pid == kept
        assert alive(kept)
        assert other.restarts == 0


def test_a_template_that_hangs_is_replaced(
    tmp_path: Path, wait_until: Wait, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that does not answer is killed, and the child is a fork of the next."""
    monkeypatch.setattr(forking, "PATIENCE", 0.2)
    house = House(tmp_path, "sleep")
    template, child = house.children
    with house.running():
        wait_until(lambda: child.state is State.RUNNING)
        stopped, first = template.pid, child.pid
        assert stopped is not None
        assert first is not None
        os.kill(stopped, signal.SIGSTOP)
        os.kill(first, signal.SIGKILL)
        wait_until(lambda: template.pid not in (stopped, None))
        wait_until(lambda: child.pid not in (first, None))
        assert not alive(stopped)
