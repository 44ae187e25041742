"""The runner of `make quick`, which plays files of tests in forks."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
FILES = {
    "test_first.py": """
import os, pytest
@pytest.fixture(scope="module")
def opened():
    yield
    print("closed")
def test_passes(opened): pass
def test_fails(opened): assert not os.getpid()
""",
    "test_second.py": """
import os
def test_ends_its_process(): os._exit(7)
def test_after_it(): pass
""",
    "test_third.py": """
def test_has_a_folder(tmp_path): assert not list(tmp_path.iterdir())
""",
}


def test_each_test_is_reported_once_whatever_happens_to_its_process(
    tmp_path: Path,
) -> None:
    """A test that ends its process has failed, and what its file had still to play is
    played by another; the other files' results stand."""
    for name, text in FILES.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    (tmp_path / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    run = subprocess.run(
        [
            sys.executable,
            *("-m", "pytest", "-p", "tests.parallel", "--processes", "2", "-v"),
            *("-p", "no:randomly", "-p", "no:cacheprovider", str(tmp_path)),
        ],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
    )
    assert run.returncode == 1, run.stdout + run.stderr
    assert "2 failed, 3 passed" in run.stdout
    assert "the process of this test ended" in run.stdout
    for test, outcome in (
        ("test_first.py::test_passes", "PASSED"),
        ("test_first.py::test_fails", "FAILED"),
        ("test_second.py::test_ends_its_process", "FAILED"),
        ("test_second.py::test_after_it", "PASSED"),
        ("test_third.py::test_has_a_folder", "PASSED"),
    ):
        assert run.stdout.count(f"{outcome} {test}") >= 1, run.stdout
