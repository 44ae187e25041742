"""Commands for whoever sets the stream up: nothing is started by them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from app.cli.common import current_settings, print_line

commands = typer.Typer()
WRONG = 2
"""The exit code of a wrong setting or file."""


@commands.command()
def invite(
    bot: Annotated[str, typer.Argument(help="a character with a token")],
) -> None:
    """Print the link with which a bot is let into a server (docs/discord.md)."""
    from app.operator.invite import invite as link

    print_line(link(bot, current_settings()))


@commands.command()
def check(
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[FILE]...", help="character files; none: STREAM_CHARACTERS_DIR's"
        ),
    ] = None,
) -> None:
    """Say what is wrong with the settings and with character files, a line each.
    Nothing is started."""
    from app.operator.checking import find_problems

    found = find_problems(files or [])
    for line in found:
        print_line(f"the-stream: {line}", err=True)
    if found:
        raise typer.Exit(WRONG)
    print_line("Settings and character files are in order.")


@commands.command()
def settings() -> None:
    """List every setting, its value here and what it does. Secrets are masked."""
    from app.cli.show import show_settings
    from app.domain.settings import load_settings

    show_settings(load_settings())


@commands.command()
def version() -> None:
    """Print the version."""
    from importlib.metadata import version as installed

    print_line(installed("the-stream"))
