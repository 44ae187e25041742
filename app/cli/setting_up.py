"""Commands for whoever sets the stream up: nothing is started by them."""

from __future__ import annotations

import typer

from app.cli.common import say

commands = typer.Typer()


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

    say(installed("the-stream"))
