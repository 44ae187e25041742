"""Test runs from a warm process: what most tests import is loaded once, and each run is
a fork of it.

`python -m tests.forking MODULE...` loads the modules, then reads a JSON list of
arguments of pytest from each line of its input, and answers with the exit code.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import signal
import sys

HUNG = 124
TIMEOUT_S = 600


def serve(modules: list[str]) -> None:
    """Load the modules, then run tests until the input ends."""
    for module in modules:
        importlib.import_module(module)
    for line in sys.stdin:
        print(run_forked(json.loads(line)), flush=True)


def run_forked(arguments: list[str]) -> int:
    """The exit code of one run of pytest; HUNG when it took too long."""
    child = os.fork()
    if child == 0:
        _run_tests(arguments)
    previous = signal.signal(signal.SIGALRM, lambda *_: os.killpg(child, 9))
    signal.alarm(TIMEOUT_S)
    _, status = os.waitpid(child, 0)
    signal.alarm(0)
    signal.signal(signal.SIGALRM, previous)
    return HUNG if os.WIFSIGNALED(status) else os.waitstatus_to_exitcode(status)


def _run_tests(arguments: list[str]) -> None:
    """In the child, which never returns. Its servers end with its group."""
    import pytest

    os.setpgid(0, 0)
    silence = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(silence, stream)
    code = 1
    with contextlib.suppress(BaseException):
        code = int(pytest.main(arguments))
    os._exit(code)


if __name__ == "__main__":
    serve(sys.argv[1:])
