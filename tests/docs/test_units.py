"""The systemd units that are shipped: systemd itself reads them, and they start what
there is."""

from __future__ import annotations

import configparser
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from app.domain.errors import ConfigurationError, IdentifiesSpent

UNITS = sorted((Path(__file__).parents[2] / "docker" / "systemd").iterdir())
BIN = Path(sys.executable).parent
ANALYZE = shutil.which("systemd-analyze")


def parsed(file: Path) -> dict[str, list[str]]:
    """The settings of its service; some stand there twice."""
    found: dict[str, list[str]] = {}
    reader = configparser.RawConfigParser(strict=False)
    reader.optionxform = str  # type: ignore[assignment,method-assign]
    reader.read_string(file.read_text("utf-8"))
    for name, value in reader["Service"].items():
        found.setdefault(name, []).append(value)
    return found


@pytest.mark.parametrize("file", UNITS, ids=lambda file: file.name)
def test_a_unit_starts_a_program_that_is_installed(file: Path) -> None:
    """In order of rights: an own user, no way to more; not again where that is no
    help."""
    service = parsed(file)
    (command,) = service["ExecStart"]
    program = re.match(r"/opt/the-stream/bin/(\S+) ", command)
    assert program is not None
    assert (BIN / program[1]).exists()
    assert service["User"] == ["stream"]
    assert service["NoNewPrivileges"] == ["true"]
    codes = service["RestartPreventExitStatus"][0].split()
    assert str(ConfigurationError.exit_code) in codes
    assert program[1] != "the-stream" or str(IdentifiesSpent.exit_code) in codes


@pytest.mark.skipif(ANALYZE is None, reason="there is no systemd here")
def test_systemd_finds_nothing_wrong(tmp_path: Path) -> None:
    """Every name and value is one that it knows."""
    for file in UNITS:
        # It looks for the programs as well, and for an instance of a template.
        text = file.read_text("utf-8").replace("/opt/the-stream/bin", str(BIN))
        name = file.name.replace("@", "@elena")
        (tmp_path / name).write_text(text, "utf-8")
    told = subprocess.run(
        [str(ANALYZE), "verify", *map(str, tmp_path.iterdir())],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    ours = [line for line in told.stderr.splitlines() if "the-stream" in line]
    assert ours == []
