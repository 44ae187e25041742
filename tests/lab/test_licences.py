"""The bill of materials is made from the lock file alone."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from app.lab import licences

LOCK = Path(__file__).parents[2] / "docker" / "requirements.lock"


def test_every_locked_package_is_in_the_bill(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """With its version and every hash that the lock allows; those that are installed
    tell their licence."""
    licences.main([str(LOCK)])
    bill = json.loads(capsys.readouterr().out)
    text = LOCK.read_text("utf-8")
    assert len(bill["components"]) == len(re.findall(r"(?m)^[^\s#-][^=\n]*==", text))
    found = {one["name"]: one for one in bill["components"]}
    assert len(found) == len(bill["components"])
    hashes = [one for part in found.values() for one in part["properties"]]
    assert len(hashes) == text.count("--hash=sha256:")
    assert found["celery"]["purl"] == "pkg:pypi/celery@5.6.3"
    assert "BSD" in found["celery"]["licenses"][0]["license"]["name"]


def test_the_table_names_them_for_people(capsys: pytest.CaptureFixture[str]) -> None:
    """One line for each package."""
    licences.main([str(LOCK), "--table"])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) > 50
    assert any(
        re.fullmatch(r"structlog [\d.]+: .*(MIT|Apache).*", one) for one in lines
    )
