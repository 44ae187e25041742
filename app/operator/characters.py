"""Character files that are read again and again: each is parsed once, until it
changes. Parsing one takes some 100 ms."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from app.domain.character import Character, load_character
from app.domain.errors import ConfigurationError

KEPT = 256


def find_character(bot: str, folder: Path | None) -> Character | None:
    """A bot's character; None where its file is not on this machine, or is broken."""
    try:
        return _parsed(bot, folder, _changed_at(bot, folder))
    except (ConfigurationError, OSError):
        return None


@lru_cache(maxsize=KEPT)
def _parsed(bot: str, folder: Path | None, _: int) -> Character:
    return load_character(bot, folder)


def _changed_at(bot: str, folder: Path | None) -> int:
    """In nanoseconds; the shipped files do not change."""
    if folder is None:
        return 0
    return (folder.expanduser() / f"{bot}.yaml").stat().st_mtime_ns
