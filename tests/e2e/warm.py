"""Processes forked from an interpreter that has already imported everything: real
processes that start in a tenth of a second, so that a proof with hundreds of kills
measures recovery and not imports. Importing this module is the warming."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from multiprocessing import forkserver
from multiprocessing.context import ForkServerProcess
from pathlib import Path

from app.host.valkey import load_libc

PR_SET_PDEATHSIG = 1
APPEND = os.O_WRONLY | os.O_APPEND

_context = multiprocessing.get_context("forkserver")
_context.set_forkserver_preload(["tests.e2e.warm_imports"])


def share() -> None:
    """Warm the interpreter now, for the forks of this process too, which are not its
    parents and could not ask whether it lives."""
    forkserver.ensure_running()
    forkserver._forkserver.ensure_running = lambda: None  # type: ignore[attr-defined]


class Warm:
    """What the harness needs of a process, as `subprocess.Popen` has it."""

    def __init__(self, process: ForkServerProcess) -> None:
        self._process = process
        self.pid = int(process.pid or 0)

    @property
    def returncode(self) -> int | None:
        """The exit code, -9 after a SIGKILL; None while it runs."""
        return self._process.exitcode

    def poll(self) -> int | None:
        """As `returncode`."""
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        """The exit code once it has ended."""
        self._process.join(timeout)
        code = self._process.exitcode
        if code is None:
            raise subprocess.TimeoutExpired("warm process", timeout or 0.0)
        return code


def launch(
    command: Sequence[str],
    env: Mapping[str, str],
    log: Path,
    folder: Path | None = None,
    errors: Path | None = None,
) -> Warm:
    """Start `python -m <command>` with exactly this environment, in `folder` if one is
    given; its output is appended to `log`, what it says of errors to `errors` if that
    is a file of its own."""
    outputs = (str(log), str(errors or log))
    for path in outputs:
        os.close(os.open(path, APPEND | os.O_CREAT, 0o600))
    process = _context.Process(
        target=_run,
        args=(list(command), dict(env), outputs, str(folder or Path.cwd())),
        daemon=True,
    )
    process.start()
    return Warm(process)


def _run(
    command: list[str], env: dict[str, str], outputs: tuple[str, str], folder: str
) -> None:
    load_libc().prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    with contextlib.suppress(PermissionError):
        os.setsid()
    for stream, path in enumerate(outputs, start=1):
        os.dup2(os.open(path, APPEND), stream)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(env)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    sys.argv = list(command)
    module, *_ = command
    sys.modules.pop(
        module if module != "celery" else "", None
    )  # runpy warns of what it finds imported
    runpy.run_module(module, run_name="__main__", alter_sys=True)
