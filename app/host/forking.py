"""Children that are forks of a template process, seen from `up`."""

from __future__ import annotations

import json
import os
import select
import signal
import socket
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import IO

from app.host.supervisor import ChildSpec, NotLaunched, Program, start_program
from app.host.template import PID_BYTES, READY, REQUEST
from app.host.valkey import load_libc

PR_SET_CHILD_SUBREAPER = 36
PATIENCE = 10.0
"""Seconds that a template may take to fork."""
TITLE_BYTES = 4_096
"""Room that the template's command line keeps for its children's, which are longer."""


class Forked:
    """A child that the template forked: what the supervisor needs of a process."""

    def __init__(self, pid: int, output: IO[str]) -> None:
        self.pid = pid
        self.stdout: IO[str] | None = output
        self.returncode: int | None = None

    def poll(self) -> int | None:
        """Its exit code, the negative number of a signal that ended it; None while it
        runs."""
        return self._wait(os.WNOHANG)

    def wait(self) -> int | None:
        """The same, once it has ended."""
        return self._wait(0)

    def _wait(self, options: int) -> int | None:
        if self.returncode is None:
            pid, status = os.waitpid(self.pid, options)
            if pid:
                self.returncode = os.waitstatus_to_exitcode(status)
        return self.returncode


class Template:
    """Starts the template, and asks it for children. `environment` is what the template
    knows: nothing that one of its children may not know."""

    def __init__(self, modules: Sequence[str], environment: Mapping[str, str]) -> None:
        self._modules = modules
        self._environment = environment
        self._control: socket.socket | None = None
        self._process: Program | None = None

    def spec(self) -> ChildSpec:
        """The template as a child of `up`, without which no other can begin."""
        command = [sys.executable, "-m", "app.host.template"]
        return ChildSpec(
            "template",
            command,
            self._environment,
            base=True,
            launch=self._start,
            ready=self._is_ready,
        )

    def close(self) -> None:
        """Let go of the template, which ends by itself."""
        if self._control is not None:
            self._control.close()
            load_libc().prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0)

    def launch(self, spec: ChildSpec) -> Program:
        """A child with the specification's command, which is `python -m ...`.
        NotLaunched: the template is not there."""
        _, _, *command = spec.command
        source, output = os.pipe()
        reader, tell = os.pipe()
        try:
            pid = self._ask([output, reader])
        except OSError as error:
            os.close(source)
            os.close(tell)
            raise NotLaunched(str(error)) from None
        finally:
            os.close(output)
            os.close(reader)
        wanted = {
            "command": command,
            "environment": dict(spec.environment or {}),
            "folder": str(spec.cwd or Path.cwd()),
        }
        # It may have ended: its exit code tells.
        with suppress(BrokenPipeError), os.fdopen(tell, "w", encoding="utf-8") as pipe:
            json.dump(wanted, pipe)
        return Forked(pid, os.fdopen(source, encoding="utf-8", errors="replace"))

    def _start(self, spec: ChildSpec) -> Program:
        # The kernel gives orphans that were forked twice to this process.
        load_libc().prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        if self._control is not None:
            self._control.close()
        self._control, theirs = socket.socketpair()
        self._control.settimeout(PATIENCE)
        # Its forks have them too. Python runs one thread at a time, so that more would
        # only keep what was freed.
        environment = {**self._environment, "MALLOC_ARENA_MAX": "2"}
        own = [*spec.command, str(theirs.fileno()), " " * TITLE_BYTES, *self._modules]
        with theirs:
            self._process = start_program(
                replace(spec, command=own, environment=environment), (theirs.fileno(),)
            )
        return self._process

    def _is_ready(self) -> bool:
        """Asked until it is: the byte is read once."""
        assert self._control is not None  # noqa: S101 -- for the type checker: it was started
        ready, _, _ = select.select([self._control], [], [], 0)
        with suppress(ConnectionError):
            return bool(ready) and self._control.recv(len(READY)) == READY
        return False

    def _ask(self, descriptors: Sequence[int]) -> int:
        """The process id of another child. OSError: the template has ended, or did not
        answer and was killed."""
        control, process = self._control, self._process
        if control is None or process is None or process.poll() is not None:
            raise BrokenPipeError("no template")
        try:
            socket.send_fds(control, [REQUEST], descriptors)
            answer = control.recv(PID_BYTES)
        except OSError:
            # A late answer must not be taken for that to the next request.
            os.kill(process.pid, signal.SIGKILL)
            raise
        if len(answer) < PID_BYTES:
            raise BrokenPipeError("the template has ended")
        return int.from_bytes(answer, "big")
