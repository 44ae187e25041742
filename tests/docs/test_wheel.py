"""What `pip install` of the built wheel brings: every file that the program reads."""

from __future__ import annotations

import configparser
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
READS = """
from importlib import resources
from app.rules.policy import shipped_policy
from app.store import floors
from app.store.scripts import source
shipped_policy()
assert "floor" in source("floor.renew")
static = resources.files("app.web").joinpath("static")
assert any(file.name.endswith(".js") for file in static.iterdir())
print("all there", resources.files("app"))
"""


def data_files(package: str) -> list[Path]:
    """The files of a package that are no Python, from its folder on."""
    return [
        file.relative_to(ROOT / package)
        for file in (ROOT / package).rglob("*")
        if file.is_file() and file.suffix not in {".py", ".pyc"}
    ]


@pytest.mark.parametrize("package", ["app", "tasks"])
def test_every_data_file_is_in_the_wheel(package: str) -> None:
    """Each fits a pattern of setup.cfg, and each pattern a file: one that is forgotten
    is missing only where the program was installed."""
    reader = configparser.ConfigParser()
    reader.read(ROOT / "setup.cfg", "utf-8")
    patterns = reader["options.package_data"][package].split()
    packed = {
        file.relative_to(ROOT / package)
        for pattern in patterns
        for file in (ROOT / package).glob(pattern.replace("**", "**/*"))
        if file.is_file()
    }
    assert [file for file in data_files(package) if file not in packed] == []
    for pattern in patterns:
        assert any((ROOT / package).glob(pattern)), pattern


@pytest.mark.slow
def test_the_built_wheel_runs(tmp_path: Path) -> None:
    """Built as a user builds it, installed beside the packages that are here, run from
    another folder: character files, policy, scripts and the page are found."""
    tree = tmp_path / "tree"
    for name in ("app", "tasks"):
        skipped = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, tree / name, ignore=skipped)
    for name in ("setup.cfg", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tree)
    shutil.copy(ROOT / "beat_schedule.py", tree)
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q"]
    built = subprocess.run(
        [*pip, "wheel", "--no-deps", "-w", str(tmp_path), str(tree)],
        capture_output=True,
        text=True,
        check=False,
        timeout=170,
    )
    if "No matching distribution found for setuptools" in built.stderr:
        pytest.skip("what builds wheels cannot be had here")
    assert built.returncode == 0, built.stderr
    (wheel,) = tmp_path.glob("the_stream-*.whl")
    place = tmp_path / "installed"
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(place)
        (entries,) = [one for one in packed.namelist() if "entry_points" in one]
        assert re.search(
            r"the-stream = app\.cli\.main:main", packed.read(entries).decode()
        )
    others = sysconfig.get_path("purelib")
    # Not the checkout: of the packages that are here only the others.
    env = {**os.environ, "PYTHONPATH": os.pathsep.join([str(place), others])}

    def python(*arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, "-S", *arguments],
            env=env,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    assert "are in order" in python("-m", "app.cli.main", "check")
    assert str(place) in python("-c", READS)
    assert python("-m", "app.cli.main", "version").strip()
