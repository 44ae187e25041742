"""The whole test run is watched: a test in which the loopback and Discord's description disagree fails."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from app.playground.loopback import LoopbackDiscord
from tests.discord_api.description import PATH, Description
from tests.discord_api.judge import Deviation, Judge

MISSING = f"Discord's OpenAPI: NOT CHECKED, {PATH} is missing"


class Watch:
    """The judge of this run, and what it found."""

    def __init__(self) -> None:
        self.judge = Judge(Description()) if PATH.exists() else None
        self.deviations: list[Deviation] = []

    def summary(self) -> str:
        """One line on the whole run; empty when nothing was exchanged."""
        if self.judge is None:
            return MISSING
        if not self.judge.count:
            return ""
        return (
            f"Discord's OpenAPI: {self.judge.count} requests and answers of {len(self.judge.routes)} routes checked, "
            f"{len(self.deviations)} deviations"
        )


@pytest.fixture(scope="session")
def discord_watch(request: pytest.FixtureRequest) -> Iterator[Watch]:
    """Every loopback of the run tells this judge of what it is asked and answers."""
    watch = Watch()
    request.config.stash[WATCH] = watch
    if watch.judge is not None:
        LoopbackDiscord.observer = staticmethod(watch.judge.observe)  # type: ignore[assignment]
    yield watch
    LoopbackDiscord.observer = None


@pytest.fixture(autouse=True)
def _as_discord_would(discord_watch: Watch) -> Iterator[None]:
    """The test fails when a request or an answer does not fit Discord's description."""
    yield
    if discord_watch.judge is None:
        return
    found = discord_watch.judge.verdicts()
    discord_watch.deviations += found
    if found:
        pytest.fail("not as Discord describes it:\n" + "\n".join(map(str, found)), pytrace=False)


WATCH = pytest.StashKey[Watch]()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """One line at the end."""
    watch = config.stash.get(WATCH, None)
    line = watch.summary() if watch is not None else ""
    if line:
        terminalreporter.write_line(line)
