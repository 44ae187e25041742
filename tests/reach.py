"""Which tests reach what: a plugin of pytest for `make mutants`.

`python -m pytest -p tests.reach tests/rules`, with STREAM_REACH naming a file, writes
there for each test that passed how long it took, the lines of `app/rules` that it ran
and the scripts that it called.
"""

from __future__ import annotations

import json
import os
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import coverage
import pytest

ROOT = Path(__file__).parents[1]
FILE = "STREAM_REACH"


class Recorder:
    """Notes what runs while one test after the other does."""

    def __init__(self, target: Path) -> None:
        self._target = target
        self._coverage = coverage.Coverage(
            data_file=None, config_file=False, include=[f"{ROOT}/app/rules/*"]
        )
        self._test = ""
        self._seconds: dict[str, float] = defaultdict(float)
        self._failed: set[str] = set()
        self._scripts: dict[str, set[str]] = defaultdict(set)

    def start(self) -> None:
        """Begin to watch: each line of the rules, each call of the store."""
        from app.store.door import AsyncStore, Store

        for door in (Store, AsyncStore):
            door.run = self._noting(door.run)  # type: ignore[assignment,method-assign]
            door.run_all = self._noting(door.run_all)  # type: ignore[assignment,method-assign]
        self._coverage.start()

    def _noting(self, run: Callable[..., Any]) -> Callable[..., Any]:
        def noted(door: object, asked: Any) -> Any:
            calls = list(asked) if isinstance(asked, Sequence) else [asked]
            for call in calls:
                self._scripts[call.script].add(self._test)
            return run(door, asked)

        return noted

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Iterator[None]:
        """What runs from now on belongs to this test, its fixtures included."""
        self._test = item.nodeid
        self._coverage.switch_context(item.nodeid)
        return (yield)  # type: ignore[return-value]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Count its seconds; what fails without a mutant proves nothing with one."""
        self._seconds[report.nodeid] += report.duration
        if not report.passed:
            self._failed.add(report.nodeid)

    def pytest_sessionfinish(self) -> None:
        """Write what was found."""
        self._coverage.stop()
        data = self._coverage.get_data()
        passed = self._seconds.keys() - self._failed
        lines = {
            str(Path(path).relative_to(ROOT)): {
                line: sorted(passed.intersection(tests))
                for line, tests in data.contexts_by_lineno(path).items()
            }
            for path in data.measured_files()
        }
        scripts = {
            name: sorted(passed & tests) for name, tests in self._scripts.items()
        }
        found = {"seconds": self._seconds, "lines": lines, "scripts": scripts}
        self._target.write_text(json.dumps(found), encoding="utf-8")


def pytest_configure(config: pytest.Config) -> None:
    """Watch where a file is named to write to."""
    if target := os.environ.get(FILE):
        recorder = Recorder(Path(target))
        config.pluginmanager.register(recorder)
        recorder.start()
