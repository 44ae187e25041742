"""`python FILE` for a warm process: `launch(["tests.e2e.script", file], ...)`."""

from __future__ import annotations

import runpy
import sys

if __name__ == "__main__":
    runpy.run_path(sys.argv[1])
