"""The whole test run is watched: a test in which the loopback and Discord's description
disagree fails."""

from __future__ import annotations

from typing import Any

import pytest

from app.loopback import LoopbackDiscord
from tests.discord_api.description import PATH, Description
from tests.discord_api.judge import Deviation, Judge

MISSING = f"Discord's OpenAPI: NOT CHECKED, {PATH} is missing"


class Watch:
    """The judge of this process, and what it found."""

    def __init__(self) -> None:
        self.judge = Judge(Description()) if PATH.exists() else None
        self.deviations: list[Deviation] = []


class Tally:
    """What all processes of a run have checked."""

    def __init__(self) -> None:
        self.exchanges = 0
        self.routes: set[str] = set()
        self.deviations = 0

    def add(self, exchanges: int, routes: list[str], deviations: int) -> None:
        """Count what one process has checked."""
        self.exchanges += exchanges
        self.routes.update(routes)
        self.deviations += deviations

    def summary(self) -> str:
        """One line on the whole run; empty when nothing was exchanged."""
        if not PATH.exists():
            return MISSING
        if not self.exchanges:
            return ""
        return (
            f"Discord's OpenAPI: {self.exchanges} requests and answers of {len(self.routes)} routes checked, "
            f"{self.deviations} deviations"
        )


WATCH = pytest.StashKey[Watch]()
TALLY = pytest.StashKey[Tally]()
OUTPUT = "discord_watch"
"""What a worker of pytest-xdist hands to the process that started it, under this
name."""


def pytest_configure(config: pytest.Config) -> None:
    """Begin to count."""
    config.stash[TALLY] = Tally()


@pytest.hookimpl(tryfirst=True)
def pytest_runtest_setup(item: pytest.Item) -> None:
    """From the first test of a process on, every loopback tells its judge of what it is
    asked and answers."""
    stash = item.config.stash
    if WATCH in stash:
        return
    watch = stash[WATCH] = Watch()
    if watch.judge is not None:
        LoopbackDiscord.observer = staticmethod(watch.judge.observe)  # type: ignore[assignment]


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item: pytest.Item) -> None:
    """The test fails when a request or an answer does not fit Discord's description."""
    watch = item.config.stash[WATCH]
    found = watch.judge.verdicts() if watch.judge is not None else []
    watch.deviations += found
    if found:
        pytest.fail(
            "not as Discord describes it:\n" + "\n".join(map(str, found)), pytrace=False
        )


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Hand this process's counts on, or count them here when it is the only one."""
    LoopbackDiscord.observer = None
    watch = session.config.stash.get(WATCH, None)
    if watch is None or watch.judge is None:
        return
    counts = (watch.judge.count, sorted(watch.judge.routes), len(watch.deviations))
    output: dict[str, Any] | None = getattr(session.config, "workeroutput", None)
    if output is None:
        session.config.stash[TALLY].add(*counts)
    else:
        output[OUTPUT] = counts


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Add what a worker of pytest-xdist has checked."""
    counts = getattr(node, "workeroutput", {}).get(OUTPUT)
    if counts:
        node.config.stash[TALLY].add(*counts)


def pytest_terminal_summary(
    terminalreporter: pytest.TerminalReporter, config: pytest.Config
) -> None:
    """One line at the end."""
    line = config.stash[TALLY].summary()
    if line:
        terminalreporter.write_line(line)
