"""The command `replay`: recorded chat, in one of three ways."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from app.cli.common import JsonFile, current_settings, writable_file
from app.cli.lines import print_wrapped

commands = typer.Typer()

Files = Annotated[
    list[Path],
    typer.Argument(
        help="DiscordChatExporter's JSON, or one JSON object a line",
        exists=True,
        dir_okay=False,
    ),
]
Bots = Annotated[int, typer.Option(min=1, help="live: how many characters listen")]
Speed = Annotated[float, typer.Option(min=0, help="live: times real time")]
Limit = Annotated[int | None, typer.Option(min=1, help="at most this many messages")]
Judge = Annotated[
    bool,
    typer.Option("--judge", help="score who answers against the humans; posts nothing"),
]
IsShadow = Annotated[
    bool | None,
    typer.Option(
        "--shadow/--live",
        help="say what your characters would have answered; unset: for exports",
    ),
]
Characters = Annotated[
    list[Path] | None,
    typer.Option(
        help="shadow: a character file, may be given again; unset: STREAM_CHARACTERS_DIR"
    ),
]
PolicyFile = Annotated[
    Path | None, typer.Option(help="shadow: another policy.yaml", dir_okay=False)
]
Against = Annotated[
    Path | None,
    typer.Option(help="shadow: show what changes against this one", dir_okay=False),
]
Report = Annotated[
    Path | None,
    typer.Option(
        help="shadow: write an HTML page", dir_okay=False, callback=writable_file
    ),
]


@commands.command()
def replay(
    files: Files,
    bots: Bots = 3,
    speed: Speed = 60.0,
    limit: Limit = None,
    json_file: JsonFile = None,
    judge: Judge = False,
    shadow: IsShadow = None,
    character: Characters = None,
    policy: PolicyFile = None,
    against: Against = None,
    report: Report = None,
) -> None:
    """Say what your characters would have answered in recorded chat (--shadow), play it
    to bots in real time (--live), or score bids against what humans did (--judge)."""
    from app.lab import judge as judging
    from app.lab import replay as replaying
    from app.lab import shadow_run
    from app.lab.chat_export import is_export

    if judge:
        judging.run(files=files, json_out=json_file)
        return
    if shadow is None:
        shadow = bool(policy or against or report or character)
        shadow = shadow or any(map(is_export, files))
    if not shadow:
        code = replaying.run(
            files=files, bots=bots, speed=speed, limit=limit, json_file=json_file
        )
        raise typer.Exit(code)
    report_lines = shadow_run.run(
        files,
        current_settings(),
        characters=character or (),
        policy=policy,
        against=against,
        report=report,
        json_file=json_file,
        limit=limit,
    )
    for line in report_lines:
        print_wrapped(line, 2)
