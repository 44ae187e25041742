"""Commands that ask a running stream how it is and why it did something."""

from __future__ import annotations

from typing import Annotated

import typer

from app.cli.common import OneBot, current_settings

commands = typer.Typer()


@commands.command()
def why(
    message: Annotated[
        str, typer.Argument(help="a message id, or the message's link from Discord")
    ],
    parts: Annotated[
        bool,
        typer.Option("--parts", help="all parts of each bid, not the weightiest alone"),
    ] = False,
) -> None:
    """Show what each bot saw, bid, decided and why, for one message."""
    from app.cli.show import ALL_PARTS, PARTS, show_journal
    from app.operator.ops import why as ask

    show_journal(
        message, ask(message, current_settings()), parts=ALL_PARTS if parts else PARTS
    )


@commands.command()
def trust(bot: OneBot = None) -> None:
    """Show how well the bots know people, 0 to 5."""
    from app.cli.show import show_table
    from app.operator.people import Trusted, trust_table

    show_table("Trust", Trusted._fields, trust_table(current_settings(), bot))
