"""What it does to a process to import us."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.skipif(
    not Path("/proc/self/task").exists(), reason="counts threads as Linux shows them"
)
@pytest.mark.parametrize(
    "module",
    [
        pytest.param("app.worker.worker", marks=pytest.mark.slow),
        pytest.param("app.worker.memory_store", marks=pytest.mark.slow),
        pytest.param("app.brain.graph", marks=pytest.mark.slow),
        "tasks.cycles",
    ],
)
def test_linear_algebra_starts_no_threads(module: str) -> None:
    """Whatever is imported first, numpy loads with one thread: more of them wait for
    each other on a busy machine, and one embedding then takes 70 ms in place of 1.4."""
    code = f"import {module}, numpy, os; print(len(os.listdir('/proc/self/task')))"
    env = {
        name: value
        for name, value in os.environ.items()
        if name != "OPENBLAS_NUM_THREADS"
    }
    found = subprocess.run(
        [sys.executable, "-c", code],
        env=env,
        capture_output=True,
        text=True,
        check=True,
    )
    assert found.stdout.strip() == "1"
