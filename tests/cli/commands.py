"""The command `the-stream` in a process of its own: forked from a warm interpreter, so
that a test pays for what the command does and not for a second of imports."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.e2e import warm

MODULE = "app.cli.main"
TIMEOUT_S = 60.0

Finished = subprocess.CompletedProcess[str]


def run(*arguments: str, cwd: Path | None = None, **environment: str) -> Finished:
    """`the-stream ARGUMENTS`, with these variables added to the environment."""
    with tempfile.TemporaryDirectory() as folder:
        output, errors = Path(folder, "output"), Path(folder, "errors")
        process = warm.launch(
            (MODULE, *arguments),
            _variables(environment),
            output,
            folder=cwd,
            errors=errors,
        )
        code = process.wait(TIMEOUT_S)
        return subprocess.CompletedProcess(
            arguments, code, output.read_text(), errors.read_text()
        )


def run_cold(*arguments: str, cwd: Path | None = None, **environment: str) -> Finished:
    """As `run`, started as a user starts it."""
    return subprocess.run(
        [sys.executable, "-m", MODULE, *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=TIMEOUT_S,
        cwd=cwd,
        env=_variables(environment),
    )


def _variables(added: dict[str, str]) -> dict[str, str]:
    return {**os.environ, "COLUMNS": "160", **added}
