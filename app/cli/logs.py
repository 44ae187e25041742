"""The command `logs`: what the processes of an `up` tell, of all or of one bot."""

from __future__ import annotations

import json
import time
from collections import deque
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.common import current_settings, print_line
from app.cli.lines import print_wrapped

if TYPE_CHECKING:
    from app.domain.settings import Settings
    from app.host.kept_logs import LogEntry, LogReader

commands = typer.Typer()
LINES = 100
EVERY = 0.25
"""Seconds between two looks of --follow."""


@commands.command()
def logs(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="BOT|PROCESS", help="a bot, or gateway, direct, cycles, up..."
        ),
    ] = None,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="and go on")] = False,
    since: Annotated[
        str | None, typer.Option(help="how far back: 90s, 30m, 2h, 7d")
    ] = None,
    lines: Annotated[
        int | None,
        typer.Option(
            min=0, help=f"the newest so many; unset: {LINES}, or all of --since"
        ),
    ] = None,
    json_: Annotated[
        bool, typer.Option("--json", help="one JSON object for each line")
    ] = False,
) -> None:
    """Show what gateway, workers and the other processes of `up` wrote into their
    logs."""
    reader = _reader(name, since, current_settings())
    if lines is None:
        lines = LINES if since is None else None
    show = _show_json if json_ else _show
    newest = deque(reader.entries(), maxlen=lines)
    for entry in newest:
        show(entry)
    if not newest and not follow:
        print_line(f"Nothing was written{f' of {name}' if name else ''}.", err=True)
    while follow:
        time.sleep(EVERY)
        for entry in reader.entries():
            show(entry)


def _reader(name: str | None, since: str | None, settings: Settings) -> LogReader:
    from app.domain.character import names_of_files
    from app.domain.errors import StreamError, UnknownBot
    from app.host.kept_logs import FOLDER, LogReader, time_text
    from app.operator.ops import duration_ms

    folder = settings.data_dir.expanduser() / FOLDER
    reader = LogReader(folder)
    if since is not None:
        ago = timedelta(milliseconds=duration_ms(since, "--since"))
        reader.since = time_text(datetime.now(UTC) - ago)
    kept = reader.processes()
    if not kept:
        raise StreamError(
            f"{folder}: no log is kept here. `the-stream up` keeps one; other processes' lines are with "
            "whatever runs them (journalctl -u, docker compose logs)."
        )
    if name in kept:
        reader.process = name
    elif name is not None:
        bots = names_of_files(settings.characters_dir)
        if name not in bots:
            known = ", ".join((*bots, *kept))
            raise UnknownBot(
                f"No bot or process is named {name[:40]!r}; known: {known}"
            )
        reader.bot = name
    return reader


def _show(entry: LogEntry) -> None:
    at = datetime.fromisoformat(entry.at).astimezone().strftime("%d %H:%M:%S")
    print_wrapped(f"{at} {entry.process} │ {entry.text}", 4)


def _show_json(entry: LogEntry) -> None:
    typer.echo(json.dumps(entry._asdict(), ensure_ascii=False))
