"""Files of tests played side by side, in forks of the process that has collected them:
all is imported, collected and loaded once for a run, and not once for each of its
processes.

`python -m pytest -p tests.parallel --processes 8`. It speaks as pytest-xdist does with
`--dist loadfile`, whose hooks and marks of a worker other plugins know.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import os
import sys
import traceback
from collections import deque
from itertools import zip_longest
from multiprocessing.connection import Connection, Pipe, wait
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

File = list[int]
"""The places of a file's tests in the session's list."""
CLIENTS = ("langchain_openai", "langchain_anthropic", "langchain_ollama")
"""What many tests of models load, each a second's work."""
CRASHED = "the process of this test ended without a word"


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--processes`."""
    parser.addoption(
        "--processes", type=int, default=0, help="play files of tests in so many forks"
    )


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> bool | None:
    """Play all tests in forks, if so many are asked for."""
    count: int = session.config.option.processes
    if not count or session.config.option.collectonly or session.testsfailed:
        return None
    _load_for_all()
    Run(session).play(min(count, len(session.items)))
    return True


def _load_for_all() -> None:
    """What more than one process needs is loaded before they part."""
    # It loads beside the encoder: it is a process of its own.
    warm = sys.modules.get("tests.e2e.warm")
    if warm is not None:
        warm.share()
    encoder, graph = map(sys.modules.get, ("app.likeness.encoder", "app.brain.graph"))
    if encoder is not None:
        encoder.preload()
    if graph is not None:
        graph.warm()
        _let_all_speak()
    if "app.brain.models" in sys.modules:
        for client in CLIENTS:
            importlib.import_module(client)
    # Each fork's collector would walk, and so copy, all of it.
    gc.freeze()


def _let_all_speak() -> None:
    """The encoder remembers what the shipped characters may say and care about, which
    most tests of the brain compare something with; rare words and figures of speech are
    read for it."""
    from app.brain.embeddings import shared_encoder
    from app.brain.voice import OfflineVoice, VoiceScene
    from app.domain.character import load_characters

    for character in load_characters().values():
        voice = OfflineVoice(character=character, encoder=shared_encoder())
        voice.say(VoiceScene("hello", "ann", (), "1"))


class Fork:
    """A process that plays files, as its parent sees it."""

    def __init__(self, number: int, pid: int, connection: Connection) -> None:
        self.number = number
        self.pid = pid
        self.connection = connection
        self.file: deque[int] = deque()
        """What it has been given and not yet begun."""
        self.test: int | None = None
        """What it plays."""
        # pytest writes a worker's name where a report has it so.
        name = f"gw{number}"
        self.node = SimpleNamespace(
            gateway=SimpleNamespace(id=name), _workerinfocache=f"[{name}]"
        )


class Run:
    """The files that wait and the forks that play them."""

    def __init__(self, session: pytest.Session) -> None:
        self.session = session
        self.hook = session.config.hook
        self.files = deque(_files_of(session.items))
        self.forks: dict[Connection, Fork] = {}
        self.started = 0
        factory = session.config._tmp_path_factory  # type: ignore[attr-defined]
        self.folder: Path = factory.getbasetemp()
        reporter = session.config.pluginmanager.getplugin("terminalreporter")
        if reporter is not None:
            reporter.showfspath = False

    def play(self, count: int) -> None:
        """Return once every test is reported, or raise what ends a run early."""
        for _ in range(count):
            self._fork()
        try:
            while self.forks:
                for connection in wait(list(self.forks)):
                    assert isinstance(connection, Connection)
                    self._hear(self.forks[connection])
                if self.session.shouldfail:
                    raise self.session.Failed(self.session.shouldfail)
        finally:
            # A fork that finds nobody at the other end plays no more.
            for connection, fork in self.forks.items():
                connection.close()
                os.waitpid(fork.pid, 0)

    def _fork(self) -> None:
        ours, theirs = Pipe()
        number = self.started
        pid = os.fork()
        if pid == 0:
            for connection in (ours, *self.forks):
                connection.close()
            Player(self.session, theirs, self.folder / f"gw{number}", number).play()
        theirs.close()
        self.started += 1
        self.forks[ours] = Fork(number, pid, ours)

    def _hear(self, fork: Fork) -> None:
        """One message of a fork, or its end."""
        try:
            what, told = fork.connection.recv()
        except (EOFError, ConnectionResetError):
            self._bury(fork)
            return
        if what == "next":
            fork.file.extend(self.files.popleft() if self.files else ())
            fork.connection.send(list(fork.file))
        elif what == "begin":
            fork.test = fork.file.popleft()
            item = self.session.items[fork.test]
            self.hook.pytest_runtest_logstart(
                nodeid=item.nodeid, location=item.location
            )
        elif what == "report":
            self._report(fork, self._deserialized(told))
        elif what == "end":
            item = self.session.items[told]
            fork.test = None
            self.hook.pytest_runtest_logfinish(
                nodeid=item.nodeid, location=item.location
            )
        else:
            self._say_goodbye(fork, told)

    def _deserialized(self, told: dict[str, Any]) -> pytest.TestReport:
        report = self.hook.pytest_report_from_serializable(
            config=self.session.config, data=told
        )
        assert isinstance(report, pytest.TestReport)
        return report

    def _report(self, fork: Fork, report: pytest.TestReport) -> None:
        report.node = fork.node  # type: ignore[attr-defined]
        self.hook.pytest_runtest_logreport(report=report)

    def _say_goodbye(self, fork: Fork, output: dict[str, Any]) -> None:
        """It has played all that there was, and hands on what plugins had it count."""
        self._forget(fork)
        node = SimpleNamespace(config=self.session.config, workeroutput=output)
        self.hook.pytest_testnodedown(node=node, error=None)

    def _bury(self, fork: Fork) -> None:
        """Its test has failed, and another plays what it had still to play."""
        self._forget(fork)
        if fork.test is None:
            self.session.shouldfail = f"process gw{fork.number} ended between two tests"
            return
        item = self.session.items[fork.test]
        report = pytest.TestReport(
            nodeid=item.nodeid,
            location=item.location,
            keywords={},
            outcome="failed",
            longrepr=f"{CRASHED} (gw{fork.number})",
            when="call",
        )
        self._report(fork, report)
        if fork.file:
            self.files.appendleft(list(fork.file))
        self._fork()

    def _forget(self, fork: Fork) -> None:
        del self.forks[fork.connection]
        fork.connection.close()
        os.waitpid(fork.pid, 0)


def _files_of(items: list[pytest.Item]) -> list[File]:
    """The tests of each file, in the order in which its first test comes."""
    files: dict[Path, File] = {}
    for place, item in enumerate(items):
        files.setdefault(item.path, []).append(place)
    return list(files.values())


class Player:
    """A fork, as it sees itself."""

    def __init__(
        self, session: pytest.Session, connection: Connection, folder: Path, number: int
    ) -> None:
        self.session = session
        self.config = session.config
        self.connection = connection
        self._become_worker(folder, f"gw{number}")

    def _become_worker(self, folder: Path, name: str) -> None:
        """Nothing is written but by the parent, and no file or folder is its own."""
        config: Any = self.config
        config.workerinput = {"workerid": name}
        config.workeroutput = {}
        folder.mkdir(mode=0o700)
        config._tmp_path_factory._basetemp = folder
        capture = config.pluginmanager.getplugin("capturemanager")
        capture.stop_global_capturing()
        nowhere = os.open(os.devnull, os.O_RDWR)
        for stream in (0, 1):
            os.dup2(nowhere, stream)
        capture.start_global_capturing()
        capture.suspend_global_capture()
        reporter = config.pluginmanager.getplugin("terminalreporter")
        if reporter is not None:
            reporter._tw._file = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - until it ends
        config.pluginmanager.register(self, "parallel-player")

    def play(self) -> None:
        """Play files until there are none. Never returns."""
        code = 1
        try:
            with contextlib.suppress(EOFError, BrokenPipeError, KeyboardInterrupt):
                while file := self._next_file():
                    self._play_file(file)
                code = 0
            self.config.hook.pytest_sessionfinish(session=self.session, exitstatus=code)
            output: dict[str, Any] = self.config.workeroutput  # type: ignore[attr-defined]
            with contextlib.suppress(BrokenPipeError):
                self.connection.send(("done", output))
        except Exception:  # noqa: BLE001 - nobody above reports it
            traceback.print_exc()
        finally:
            os._exit(code)

    def _next_file(self) -> File:
        self.connection.send(("next", None))
        file: File = self.connection.recv()
        return file

    def _play_file(self, file: File) -> None:
        for place, following in zip_longest(file, file[1:]):
            item = self.session.items[place]
            # After the last one all but what belongs to the session is taken down.
            after = self.session if following is None else self.session.items[following]
            self.connection.send(("begin", place))
            self.config.hook.pytest_runtest_protocol(item=item, nextitem=after)
            self.connection.send(("end", place))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Hand a report to the parent: of a set-up or an end that went well only where
        durations are asked for, as nothing else is told of it."""
        if report.passed and report.when != "call" and not self.config.option.durations:
            return
        told = self.config.hook.pytest_report_to_serializable(
            config=self.config, report=report
        )
        self.connection.send(("report", told))
