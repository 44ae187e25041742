"""What is wrong with settings and character files, one line each. Nothing is
started."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

from pydantic import ValidationError

from app.domain.character import load_characters, names_of_files, read_character
from app.domain.errors import ConfigurationError
from app.domain.settings import (
    Settings,
    explanations,
    read_secret_files,
    token_variable,
)
from app.gateway.secrets import tokens_of
from app.operator.variables import dotenv_names, find_misplaced, find_slips


def find_problems(files: Sequence[Path]) -> list[str]:
    """What is wrong with the settings and with these character files; without any, with
    those of STREAM_CHARACTERS_DIR."""
    found = list(_of_settings())
    folder = _characters_dir()
    found += _of_files(files) if files else _of_folder(folder)
    return [*found, *_of_names(folder)]


def _characters_dir() -> Path | None:
    try:
        return Settings().characters_dir
    except ValidationError:
        # Wrong settings must not hide what is wrong in the files.
        named = os.environ.get("STREAM_CHARACTERS_DIR")
        return Path(named) if named else None


def _of_settings() -> Iterator[str]:
    try:
        read_secret_files(os.environ)
        Settings().check_places()
    except ValidationError as error:
        yield from explanations(error)
    except ConfigurationError as error:
        yield str(error)


def _of_files(files: Sequence[Path]) -> Iterator[str]:
    for file in files:
        try:
            read_character(file)
        except ConfigurationError as error:
            yield str(error)


def _of_folder(folder: Path | None) -> Iterator[str]:
    """Each file by itself, so that one mistake hides no other; then what they share."""
    try:
        names = names_of_files(folder)
    except ConfigurationError as error:
        yield str(error)
        return
    if not names:
        yield f"{folder}: holds no character file (<name>.yaml)"
    place = None if folder is None else folder.expanduser()
    broken = list(
        _of_files([place / f"{name}.yaml" for name in names] if place else [])
    )
    yield from broken
    if not broken:
        try:
            load_characters(folder)
        except ConfigurationError as error:
            yield str(error)


def _of_names(folder: Path | None) -> Iterator[str]:
    for name in find_misplaced(dotenv_names()):
        yield f"{name}: stands in .env, where it is not read; export it (docs/running.md)"
    try:
        bots = names_of_files(folder)
    except ConfigurationError:
        return
    try:
        tokens_of(bot for bot in bots if os.environ.get(token_variable(bot)))
    except ConfigurationError as error:
        yield str(error)
    yield from _of_chosen(bots)
    for name, meant in find_slips(
        {**os.environ, **dict.fromkeys(dotenv_names())}, bots
    ).items():
        yield f"{name}: is no setting{f'; {meant} was meant?' if meant else ''}"


def _of_chosen(bots: Sequence[str]) -> Iterator[str]:
    """A bot that a setting names and nobody is."""
    try:
        chosen = Settings().commands_bot
    except ValidationError:
        return
    if chosen and bots and chosen not in bots:
        known = ", ".join(bots)
        yield f"STREAM_COMMANDS_BOT: no character is named {chosen!r}; known: {known}"
