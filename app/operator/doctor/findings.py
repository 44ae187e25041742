"""What the doctor finds."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    """How bad a finding is."""

    OK = "ok"
    WARNING = "warning"
    """It runs, and somebody may wonder."""
    FAULT = "fault"
    """Something does not work."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. `remedy` is empty where all is well."""

    area: str
    level: Level
    what: str
    remedy: str = ""


def fine(area: str, what: str) -> Finding:
    """All is well there."""
    return Finding(area, Level.OK, what)


def warning(area: str, what: str, remedy: str) -> Finding:
    """It runs, and somebody may wonder."""
    return Finding(area, Level.WARNING, what, remedy)


def fault(area: str, what: str, remedy: str) -> Finding:
    """Something does not work."""
    return Finding(area, Level.FAULT, what, remedy)
