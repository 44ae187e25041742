"""Cases that do not pass yet, with what they wait for; each must fail, so that it is
taken out when it passes."""

from __future__ import annotations

AWAITED: dict[str, str] = {}
"""Reasons by case."""
