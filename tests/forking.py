"""Test runs from a warm process: what most tests import is loaded once, and each run is
a fork of it.

`python -m tests.forking MODULE...` loads the modules, then reads a JSON list of
arguments of pytest from each line of its input, and answers with what ended the run.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import re
import signal
import sys
from typing import Any, NamedTuple

HUNG = 124
TIMEOUT_S = 600
LATE = re.compile(r"Timeout \(?>|TimeoutError|did not hold within|DeadlineExceeded")
"""How a failure reads that came of a limit of time: pytest's, a socket's, `wait_until`'s,
Hypothesis's."""


class Ended(NamedTuple):
    """How a run of pytest ended."""

    code: int
    """pytest's exit code; HUNG when the run took too long."""
    test: str = ""
    """The first test that failed."""
    late: bool = False
    """Whether a limit of time failed it."""


class FirstFailure:
    """A plugin of pytest that keeps the first test that fails."""

    def __init__(self) -> None:
        self.test = ""
        self.late = False

    def pytest_runtest_logreport(self, report: Any) -> None:
        """Keep what failed, be it the test or what it needs."""
        if report.failed and not self.test:
            self.test = report.nodeid
            self.late = bool(LATE.search(report.longreprtext))


def serve(modules: list[str]) -> None:
    """Load the modules, then run tests until the input ends."""
    for module in modules:
        importlib.import_module(module)
    for line in sys.stdin:
        print(json.dumps(run_forked(json.loads(line))), flush=True)


def run_forked(arguments: list[str]) -> Ended:
    """How one run of pytest ended."""
    told, telling = os.pipe()
    child = os.fork()
    if child == 0:
        _run_tests(arguments, telling)
    os.close(telling)
    previous = signal.signal(signal.SIGALRM, lambda *_: os.killpg(child, 9))
    signal.alarm(TIMEOUT_S)
    _, status = os.waitpid(child, 0)
    signal.alarm(0)
    signal.signal(signal.SIGALRM, previous)
    # Servers that outlive the child may hold the other end: what it wrote is there.
    text = os.read(told, 65_536) if not os.WIFSIGNALED(status) else b""
    os.close(told)
    return Ended(*json.loads(text)) if text else Ended(HUNG)


def _run_tests(arguments: list[str], telling: int) -> None:
    """In the child, which never returns. Its servers end with its group."""
    import pytest

    os.setpgid(0, 0)
    silence = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(silence, stream)
    failure = FirstFailure()
    code = 1
    with contextlib.suppress(BaseException):
        code = int(pytest.main(arguments, plugins=[failure]))
    ended = Ended(code, failure.test, failure.late)
    os.write(telling, json.dumps(ended).encode())
    os._exit(0)


if __name__ == "__main__":
    serve(sys.argv[1:])
