"""What the commands share: a line of output, this process's settings, the bots that can
run."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from app.domain.errors import ConfigurationError

if TYPE_CHECKING:
    from app.domain.settings import Settings

Bots = Annotated[
    list[str] | None,
    typer.Argument(metavar="BOT", help="characters; none: every one with a token"),
]
OneBot = Annotated[str | None, typer.Option("--bot", help="only this bot")]


class CommandList(TyperGroup):
    """Lists each command with all of its description; typer would cut it to a line."""

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        rows = [
            (name, " ".join((command.help or "").split()))
            for name, command in self.commands.items()
        ]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


def print_line(line: str, err: bool = False, kept: str = "\t") -> None:
    """Print one line, on standard error if `err`; what strangers wrote in it moves no
    cursor and hides nothing. `kept`: control characters that stay."""
    from app.runtime.logs import printable

    typer.echo(printable(line, kept), err=err)


def current_settings() -> Settings:
    """This process's settings, with logging set up."""
    from app.domain.settings import load_settings
    from app.operator.variables import find_old_names
    from app.runtime import logs

    settings = load_settings()
    logs.configure(settings)
    for old, new in find_old_names():
        print_line(f"the-stream: {old} is called {new} now", err=True)
    return settings


def bots_with_tokens(settings: Settings) -> list[str]:
    """The characters that have a token in the environment; ConfigurationError: none.
    One whose file is not in order is told of and left out."""
    from app.domain.character import load_readable, names_of_files
    from app.domain.settings import token_variable

    names = names_of_files(settings.characters_dir)
    if not names:
        raise ConfigurationError(
            f"{settings.characters_dir}: holds no character file (<name>.yaml)"
        )
    found = [name for name in names if os.environ.get(token_variable(name))]
    if not found:
        raise ConfigurationError(
            f"No bot has a token: export STREAM_TOKEN_<NAME> for one of {', '.join(sorted(names))} (.env is not read for it)"
        )
    readable, wrong = load_readable(found, settings.characters_dir)
    for bot, error in wrong.items():
        if not readable:
            raise error
        print_line(f"the-stream: {bot} is left out: {error}", err=True)
    return list(readable)


def check_bots(bots: list[str], settings: Settings) -> None:
    """Refuse an unknown bot, one without a token of its own, and bots of which no
    character file is in order, before anything is started."""
    from app.domain.character import load_readable
    from app.domain.errors import UnknownBot
    from app.gateway.secrets import tokens_of

    readable, wrong = load_readable(bots, settings.characters_dir)
    for error in wrong.values():
        # What the gateway leaves out, it tells of.
        if not readable or isinstance(error, UnknownBot):
            raise error
    tokens_of(bots)


def writable_file(file: Path | None) -> Path | None:
    """The file, refused before the work is done where it could not be written in the
    end."""
    if file is not None and not (
        os.access(file, os.W_OK)
        if file.exists()
        else os.access(file.absolute().parent, os.W_OK)
    ):
        raise typer.BadParameter(f"{file} cannot be written")
    return file


JsonFile = Annotated[
    Path | None,
    typer.Option(
        "--json",
        help="also write the figures to this file",
        dir_okay=False,
        callback=writable_file,
    ),
]
