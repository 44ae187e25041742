"""Documents made from the code: docs/keys.md, docs/settings.md and docs/diaries.md. `make docs` writes them; a test keeps them true."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from pydantic import SecretStr

from app.keys import CATALOGUE
from app.settings import Settings

NOTE = "<!-- Made by `make docs` from {source}. Do not edit. -->"


class SettingRow(NamedTuple):
    """One setting, ready to print: no secret is in it."""

    name: str
    value: str
    default: str
    description: str
    changed: bool


def setting_rows(settings: Settings) -> list[SettingRow]:
    """Every setting in the order of the class."""
    rows = []
    for name, field in Settings.model_fields.items():
        value = getattr(settings, name)
        rows.append(SettingRow(
            f"STREAM_{name.upper()}", printable(value), printable(field.default), field.description or "",
            value != field.default))
    return rows


def printable(value: object) -> str:
    """A setting's value as one writes it in the environment; a secret only as the word `set`."""
    if isinstance(value, SecretStr):
        return "set"
    if isinstance(value, tuple):
        secret = any(isinstance(part, SecretStr) for part in value)
        return f"{len(value)} set" if secret else ",".join(map(printable, value)) or "unset"
    if value is None:
        return "unset"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(headings) + " |", "|" + " --- |" * len(headings)]
    lines += ["| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows]
    return "\n".join(lines)


def keys_page() -> str:
    """docs/keys.md."""
    rows = [(f"`{row.pattern}`", row.shape, row.owner, row.expiry) for row in CATALOGUE]
    return "\n\n".join((
        NOTE.format(source="app/keys.py"), "# Keys in Redis",
        "Every key, what it holds, who writes it and when it expires. A test fails when any other key is left without "
        "an expiry. Celery's own keys live in the next database.",
        _table(("key", "holds", "written by", "expires"), rows))) + "\n"


def settings_page() -> str:
    """docs/settings.md."""
    rows = [
        (f"`STREAM_{name.upper()}`", f"`{printable(field.default)}`", field.description or "")
        for name, field in Settings.model_fields.items()
    ]
    return "\n\n".join((
        NOTE.format(source="app/settings.py"), "# Settings",
        "Set them in the environment or in a file `.env` in the working directory. Lists are separated by commas; "
        "times are in seconds unless the name says otherwise. `the-stream settings` prints the values in force.",
        _table(("setting", "default", "what it does"), rows))) + "\n"


def diaries_page() -> str:
    """docs/diaries.md."""
    from app.playground.week import page

    return page()


PAGES = {"keys.md": keys_page, "settings.md": settings_page, "diaries.md": diaries_page}


def main(folder: Path) -> None:
    """Write every page into the folder."""
    for name, page in PAGES.items():
        (folder / name).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
