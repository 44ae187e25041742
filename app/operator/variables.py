"""The names of STREAM_ variables: those that mean nothing are slips."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path

from dotenv import dotenv_values

from app.domain.settings import RENAMED, Settings, token_variable

OTHERS = frozenset({"STREAM_KILL_AT", "STREAM_PROVE"})
"""What the project's own tests set."""
SECRET = re.compile(r"STREAM_(?:TOKEN|KEY)_\w+\Z")
NEAR = 0.75
"""How alike two names are, of 1, for one to be a slip of the other."""


def setting_names() -> tuple[str, ...]:
    """The variable of each setting."""
    return tuple(f"STREAM_{name.upper()}" for name in Settings.model_fields)


def dotenv_names(file: Path = Path(".env")) -> tuple[str, ...]:
    """The names that an `.env` file sets; none where there is no such file, or none
    that can be read."""
    if not os.access(file, os.R_OK) or not file.is_file():
        return ()
    try:
        return tuple(dotenv_values(file))
    except UnicodeDecodeError:
        return ()


def find_misplaced(names: Iterable[str]) -> list[str]:
    """The names in an `.env` file that count in the environment alone: tokens, keys and
    names of files with a value."""
    return [
        name
        for name in names
        if SECRET.match(name) or (name.startswith("STREAM_") and name.endswith("_FILE"))
    ]


def find_old_names() -> list[tuple[str, str]]:
    """The old names of settings that the environment or `.env` still has, each with the
    name of today."""
    used = {name.upper() for name in (*os.environ, *dotenv_names())}
    return [(old, new) for old, new in RENAMED.items() if old in used]


def find_slips(names: Iterable[str], bots: Iterable[str]) -> dict[str, str]:
    """The STREAM_ names that nothing reads, each with the name that was probably meant
    (or none). `bots`: those whose tokens may be there."""
    tokens = {token_variable(bot) for bot in bots}
    known = {*setting_names(), *tokens, *OTHERS, *RENAMED}
    found: dict[str, str] = {}
    for name in names:
        bare = name.removesuffix("_FILE")
        token = bare.startswith("STREAM_TOKEN_")
        if not name.upper().startswith("STREAM_") or bare.upper() in known:
            continue
        # Any provider may have a key: no such name is a slip for sure.
        if SECRET.match(bare) and not token:
            continue
        found[name] = _nearest(bare.upper(), tokens if token else known)
    return found


def _nearest(name: str, known: Iterable[str]) -> str:
    """The likest name, or none. What all begin with makes nothing alike."""
    common = "STREAM_TOKEN_" if name.startswith("STREAM_TOKEN_") else "STREAM_"
    tails = {one.removeprefix(common): one for one in known}
    near = get_close_matches(name.removeprefix(common), tails, 1, NEAR)
    return tails[near[0]] if near else ""
