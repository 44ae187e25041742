"""docs/loopback.md shows a program that works."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from app.loopback import LoopbackDiscord

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "loopback.md").read_text(encoding="utf-8")


def test_the_example_runs() -> None:
    """The page's program prints what its bot answered."""
    example = re.search(r"```python\n(.*?)```", PAGE, re.DOTALL)
    assert example is not None
    ran = subprocess.run(
        [sys.executable, "-c", example[1]],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ran.returncode, ran.stdout) == (0, "here\n"), ran.stderr


def test_what_the_page_names_exists() -> None:
    """Each method in the table is one of the server's."""
    table = PAGE[PAGE.index("| you want") :]
    named = {name for row in table.splitlines() for name in re.findall(r"`(\w+)`", row)}
    others = {"Permission", "LoopbackThread", "session_start_limit"}
    missing = {name for name in named - others if not hasattr(LoopbackDiscord, name)}
    assert not missing
