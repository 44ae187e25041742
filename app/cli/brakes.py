"""Commands that hold bots back, and what waits for Discord."""

from __future__ import annotations

from typing import Annotated

import typer

from app.cli.common import current_settings, print_line
from app.domain.errors import ConfigurationError

commands = typer.Typer()
In = Annotated[
    str | None,
    typer.Option("--in", metavar="channel:ID", help="a bot in this channel alone"),
]
Scope = Annotated[str, typer.Argument(help="all, guild:ID, channel:ID or bot:NAME")]


@commands.command()
def mute(
    scope: Scope,
    in_: In = None,
    for_: Annotated[
        str | None, typer.Option("--for", help="90s, 30m, 2h or 7d; unset: for good")
    ] = None,
) -> None:
    """Silence bots now. Returns when no message of theirs is on its way any more."""
    from app.operator.ops import mute as silence
    from app.operator.ops import scope_in

    where = scope_in(scope, in_)
    if not silence(where, current_settings(), for_):
        print_line(
            "Muted, but a message was still on its way when the time to wait was over.",
            err=True,
        )
        raise typer.Exit(1)
    print_line(f"Muted: {where}{f' for {for_}' if for_ else ''}")


@commands.command()
def unmute(scope: Scope, in_: In = None) -> None:
    """End a mute."""
    from app.operator.ops import scope_in
    from app.operator.ops import unmute as end_mute

    where = scope_in(scope, in_)
    ended = end_mute(where, current_settings())
    none = f"{where} was not muted: `the-stream mutes` lists what is."
    print_line(f"Unmuted: {where}" if ended else none)


@commands.command()
def mutes() -> None:
    """List what is muted, by whom and for how long. A moderator's mute ends with a
    moderator's word, yours with yours alone."""
    from app.cli.show import show_table
    from app.cli.watching import lasting_text
    from app.operator.ops import list_mutes

    rows = [
        (
            one.scope,
            one.who,
            "for good"
            if one.left_ms is None
            else f"{lasting_text(one.left_ms / 1000)} more",
        )
        for one in list_mutes(current_settings())
    ]
    show_table("Mutes", ("scope", "by", "holds"), rows)


@commands.command()
def outbox(
    dead: Annotated[
        bool,
        typer.Option(
            "--dead", help="only posts that could not be delivered, with the reason"
        ),
    ] = False,
    retry: Annotated[
        str | None, typer.Option(metavar="ID", help="send this dead letter again")
    ] = None,
) -> None:
    """List posts on their way to Discord, and those that failed for good."""
    from app.operator import ops

    current = current_settings()
    if retry is not None:
        if not ops.retry(retry, current):
            raise ConfigurationError(
                f"{retry} is no dead letter: `the-stream outbox --dead` lists them."
            )
        print_line(f"Sent again: {retry}")
        return
    lines = (
        []
        if dead
        else [
            f"{bot}\t{entry}\twaits for channel {where}"
            for bot, entry, where in ops.list_waiting(current)
        ]
    )
    lines += [
        f"{bot}\t{entry}\tdead: {reason}"
        for bot, entry, reason in ops.dead_letters(current)
    ]
    for line in lines:
        print_line(line)
    if not lines:
        print_line(
            "No dead letters." if dead else "Nothing waits, and no dead letters.",
            err=True,
        )
