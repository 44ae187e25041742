"""Commands that set the stream up; they start nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from app.cli.common import current_settings, print_line
from app.domain.errors import StreamError

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
            metavar="FILE", help="character files; none: STREAM_CHARACTERS_DIR's"
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
def reload(
    bots: Annotated[list[str], typer.Argument(metavar="BOT", help="characters")],
) -> None:
    """Let running bots go by their changed character files. A broken file is told in
    one line, and the old character stays."""
    from app.operator.reloading import reload as apply_file

    current = current_settings()
    wrong: list[StreamError] = []
    for bot in bots:
        try:
            changed = apply_file(bot, current)
        except StreamError as error:
            # One broken file keeps no other bot from its own.
            wrong.append(error)
            print_line(f"the-stream: {error}", err=True)
            continue
        what = "goes by its new file" if changed else "nothing has changed"
        print_line(f"{bot}: {what}.")
    if wrong:
        raise typer.Exit(wrong[0].exit_code)


@commands.command()
def settings() -> None:
    """List every setting, its value here and what it does. Secrets are masked."""
    from app.cli.show import show_settings
    from app.domain.settings import load_settings

    show_settings(load_settings())


@commands.command()
def places(
    channel: Annotated[
        str | None, typer.Argument(help="a channel's id; none: the whole file")
    ] = None,
    parent: Annotated[
        str | None, typer.Option("--thread-of", help="the channel, if it is a thread")
    ] = None,
    server: Annotated[str | None, typer.Option(help="the server's id")] = None,
) -> None:
    """Show what STREAM_PLACES says, or what holds in one channel, with the line that
    says so."""
    from app.cli.show import show_table
    from app.lab.docgen import printable as as_written
    from app.operator.whereabouts import find_rules, list_places

    current = current_settings()
    if channel is not None:
        if not channel.isdecimal():
            raise typer.BadParameter(f"{channel} is no channel's id")
        rows = [
            (one.name, as_written(one.value), one.source)
            for one in find_rules(current, channel, parent, server)
        ]
        show_table(f"Channel {channel}", ("setting", "value", "from"), rows)
        return
    lines = [
        (one.place, one.name, as_written(one.value), str(one.line))
        for one in list_places(current)
    ]
    if current.places is None:
        print_line("STREAM_PLACES names no file: settings hold everywhere alike.")
        return
    show_table("Places", ("place", "setting", "value", "line"), lines)


@commands.command()
def version() -> None:
    """Print the version."""
    from importlib.metadata import version as installed

    print_line(installed("the-stream"))


def _print_version(asked: bool) -> None:
    if asked:
        version()
        raise typer.Exit


def take_version(
    _: Annotated[
        bool,
        typer.Option(
            "--version",
            callback=_print_version,
            is_eager=True,
            help="Print the version and exit.",
        ),
    ] = False,
) -> None:
    """The option of the command itself, as most commands know it."""
