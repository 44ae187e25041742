"""The supervisor with plain child programs and real signals."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from app.host.supervisor import (
    ChildSpec,
    RestartPauses,
    State,
    Supervisor,
    describe_exit,
)

Wait = Callable[..., None]
FAST = RestartPauses(first=0.01, most=0.05, stable=60.0, chance=lambda: 0.5)


def python(name: str, code: str, **options: object) -> ChildSpec:
    """A child that runs this program."""
    return ChildSpec(name, [sys.executable, "-u", "-c", code], **options)  # type: ignore[arg-type]


SLEEPER = "import time\nprint('awake')\ntime.sleep(600)"
STUBBORN = """import signal, time
signal.signal(15, lambda *_: print('told'))
print('awake')
time.sleep(600)"""


def alive(pid: int) -> bool:
    """Whether a process runs (a zombie does not)."""
    try:
        return (
            Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
        )
    except FileNotFoundError:
        return False


@contextmanager
def running(supervisor: Supervisor) -> Iterator[list[int]]:
    """The supervisor in a thread; the list holds its exit code in the end."""
    codes: list[int] = []
    thread = threading.Thread(target=lambda: codes.append(supervisor.run()))
    thread.start()
    try:
        yield codes
    finally:
        supervisor.stop()
        thread.join(15)
        assert not thread.is_alive()


def test_a_child_that_ends_starts_again(wait_until: Wait) -> None:
    """A child that crashes is started again, each time it crashes."""
    said: list[str] = []
    crasher = python("crasher", "print('here'); raise SystemExit(3)")
    supervisor = Supervisor([crasher], lambda *line: said.append(line[1]), backoff=FAST)
    with running(supervisor):
        wait_until(lambda: supervisor.children[0].restarts >= 3)
    assert said.count("here") >= 3
    assert any("code 3" in line for line in said)


def test_a_killed_child_starts_again(wait_until: Wait) -> None:
    """kill -9 of a child brings it back under a new process id."""
    supervisor = Supervisor([python("sleeper", SLEEPER)], lambda *_: None, backoff=FAST)
    child = supervisor.children[0]
    with running(supervisor):
        wait_until(lambda: child.state is State.RUNNING)
        first = child.pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        wait_until(lambda: child.pid not in (first, None))
        assert not alive(first)


@pytest.mark.parametrize(
    ("failures", "delay"), [(1, 0.5), (2, 1.0), (3, 2.0), (7, 30.0), (1000, 30.0)]
)
def test_waits_double_up_to_a_limit(failures: int, delay: float) -> None:
    """Restarts back off exponentially, up to the longest wait."""
    assert RestartPauses(chance=lambda: 0.5).restart_delay(failures) == delay


def test_waits_are_spread() -> None:
    """Chance spreads a wait from half to one and a half of it, so that children do not
    start in step."""
    assert RestartPauses(chance=lambda: 0.0).restart_delay(3) == 1.0
    assert RestartPauses(chance=lambda: 1.0).restart_delay(3) == 3.0


def test_a_stable_run_forgives_earlier_failures(wait_until: Wait) -> None:
    """A child that ran for the stable time and then ends waits the first delay, not the
    doubled one."""
    backoff = RestartPauses(first=0.01, most=10.0, stable=0.2, chance=lambda: 0.5)
    supervisor = Supervisor(
        [python("ender", "import time; time.sleep(0.5); raise SystemExit(1)")],
        lambda *_: None,
        backoff=backoff,
    )
    with running(supervisor):
        wait_until(lambda: supervisor.children[0].restarts >= 3)
        assert supervisor.children[0].failures == 1


def test_a_refused_configuration_stops_everything(wait_until: Wait) -> None:
    """A child that ends with code 2 at its start stops the supervisor with that code
    and the child's last line."""
    supervisor = Supervisor(
        [
            python("sleeper", SLEEPER),
            python(
                "gateway",
                "import sys; print('noise'); sys.exit(print('STREAM_X: is wrong', file=sys.stderr) or 2)",
            ),
        ],
        lambda *_: None,
        backoff=FAST,
    )
    with running(supervisor) as codes:
        wait_until(lambda: codes)
    assert codes == [2]
    assert supervisor.failure == "gateway: STREAM_X: is wrong"
    assert all(child.process is None for child in supervisor.children)


@pytest.mark.parametrize("code", [2, 5])
def test_a_refusal_after_a_stable_run_leaves_that_child_down(
    code: int, wait_until: Wait, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A child that has run for a while and then refuses (a token was revoked) is never
    started again, and said so from time to time; the others run."""
    monkeypatch.setattr("app.host.supervisor.REMIND", 0.1)
    said: list[str] = []
    backoff = RestartPauses(first=0.01, most=0.05, stable=0.2, chance=lambda: 0.5)
    late = python(
        "late",
        f"import time; time.sleep(0.6); print('mend X'); raise SystemExit({code})",
    )
    supervisor = Supervisor(
        [late, python("sleeper", SLEEPER)],
        lambda *line: said.append(line[1]),
        backoff=backoff,
    )
    child, other = supervisor.children
    with running(supervisor) as codes:
        line = "late stays down until `up` starts again: mend X"
        wait_until(lambda: said.count(line) >= 3)
        assert codes == []
        assert (child.state, child.restarts, child.pid) == (State.REFUSED, 0, None)
        assert other.state is State.RUNNING
    assert codes == [0]


def test_too_many_sessions_at_the_start_stop_everything(wait_until: Wait) -> None:
    """The exit code of a child that may not begin another session is the
    supervisor's."""
    refused = python("gateway", "import sys; sys.exit(print('elena: too many') or 5)")
    supervisor = Supervisor([refused], lambda *_: None, backoff=FAST)
    with running(supervisor) as codes:
        wait_until(lambda: codes)
    assert (codes, supervisor.failure) == ([5], "gateway: elena: too many")


def test_the_base_starts_first_and_ends_last(tmp_path: Path, wait_until: Wait) -> None:
    """The others start when the base is ready, and have ended before the base is told
    to."""
    log, ready = tmp_path / "log", tmp_path / "ready"
    code = (
        f"import signal, sys, time\n"
        f"def note(word): open({str(log)!r}, 'a').write(sys.argv[1] + word + '\\n')\n"
        f"signal.signal(15, lambda *_: (note(' ends'), sys.exit(0)))\n"
        f"note(' starts')\n"
        f"time.sleep(600)"
    )
    specs = [
        ChildSpec(
            name,
            [sys.executable, "-c", code, name],
            base=name == "base",
            ready=ready.exists if name == "base" else None,
        )
        for name in ("other", "base")
    ]
    with running(Supervisor(specs, lambda *_: None, backoff=FAST)):
        wait_until(lambda: log.exists() and "base starts" in log.read_text())
        assert "other" not in log.read_text()
        ready.touch()
        wait_until(lambda: "other starts" in log.read_text())
    assert log.read_text().splitlines() == [
        "base starts",
        "other starts",
        "other ends",
        "base ends",
    ]


def test_a_child_that_ignores_the_end_is_killed(wait_until: Wait) -> None:
    """After the grace a child that ignores SIGTERM is killed."""
    supervisor = Supervisor([python("stubborn", STUBBORN)], lambda *_: None, grace=0.3)
    with running(supervisor):
        wait_until(lambda: supervisor.children[0].lines)
        pid = supervisor.children[0].pid
        assert pid is not None
        begun = time.monotonic()
    assert time.monotonic() - begun < 5
    assert not alive(pid)


PARENT = """
import sys
from app.host.supervisor import ChildSpec, Supervisor
child = ChildSpec("child", [sys.executable, "-u", "-c", {code!r}])
sys.exit(Supervisor([child], lambda name, line: print(name, line, flush=True), grace={grace}).run())
"""


def start_parent(code: str, grace: float = 7.0) -> tuple[subprocess.Popen[str], int]:
    """A supervisor in a process of its own, and the process id of its child."""
    program = "import os\nprint(os.getpid())\n" + code
    parent = subprocess.Popen(
        [sys.executable, "-c", PARENT.format(code=program, grace=grace)],
        stdout=subprocess.PIPE,
        text=True,
    )
    assert parent.stdout is not None
    pid = int(parent.stdout.readline().split()[1])
    assert parent.stdout.readline().split()[1] == "awake"
    return parent, pid


@pytest.mark.skipif(
    sys.platform != "linux", reason="the kernel's parent-death signal is Linux's"
)
def test_children_die_with_a_killed_supervisor(wait_until: Wait) -> None:
    """kill -9 of the supervisor ends its children too, even one that ignores
    SIGTERM."""
    parent, pid = start_parent(STUBBORN)
    with parent:
        parent.kill()
        wait_until(lambda: not alive(pid))


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_everything_in_good_order(signum: int) -> None:
    """Ctrl-C, SIGTERM and a closed terminal end the children and then the supervisor,
    with exit code 0."""
    parent, pid = start_parent(SLEEPER)
    with parent:
        parent.send_signal(signum)
        assert parent.wait(10) == 0
        assert not alive(pid)


def test_a_second_signal_does_not_wait() -> None:
    """Who presses Ctrl-C twice does not wait for the grace."""
    parent, pid = start_parent(STUBBORN, grace=60.0)
    with parent:
        parent.send_signal(signal.SIGINT)
        assert parent.stdout is not None
        assert (
            parent.stdout.readline() == "child told\n"
        )  # two signals at the same moment would be one
        parent.send_signal(signal.SIGINT)
        assert parent.wait(10) == 0
        assert not alive(pid)


def test_return_codes_are_told_in_words() -> None:
    """A signal's name says more than a negative number."""
    assert (describe_exit(3), describe_exit(-9)) == ("code 3", "SIGKILL")
