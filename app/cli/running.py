"""Commands that run something: the stream itself, the demo."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from app.cli.common import (
    Bots,
    JsonFile,
    bots_with_tokens,
    check_bots,
    current_settings,
    print_line,
)
from app.domain.errors import ConfigurationError

commands = typer.Typer()


@commands.command()
def up(bots: Bots = None) -> None:
    """Run everything on this machine: Valkey (unless STREAM_REDIS_URL is set), gateway,
    workers, beat, Flower and the control room."""
    from app.cli.up import up as run

    settings = current_settings()
    names = bots or bots_with_tokens(settings)
    check_bots(names, settings)
    raise typer.Exit(run(names, settings))


@commands.command()
def gateway(bots: Bots = None) -> None:
    """Connect these bots to Discord: one process of a large installation."""
    from app.gateway.start import run as run_gateway

    settings = current_settings()
    desk = None
    if settings.commands_guilds:
        # Imported where it is asked for: what it reads with costs memory.
        from app.operator.inside import InsideDesk

        desk = InsideDesk(settings)
    run_gateway(bots or bots_with_tokens(settings), settings, desk)


@commands.command()
def page(
    link: Annotated[
        bool,
        typer.Option("--link", help="print an address that opens the page once"),
    ] = False,
) -> None:
    """Serve the control room: a page that shows who decided what, with buttons."""
    from app.web.links import check_served, make_link
    from app.web.run import run as serve

    settings = current_settings()
    if not settings.page_port:
        raise ConfigurationError("STREAM_PAGE_PORT: is 0, which means no page.")
    if link:
        address = make_link(settings)
        check_served(settings)
        print_line(address)
        return
    serve(settings)


@commands.command()
def demo(
    headless: Annotated[
        bool, typer.Option("--headless", help="no page; print the figures")
    ] = False,
    seconds: Annotated[
        float, typer.Option(min=1, help="how long a headless demo runs")
    ] = 45.0,
    json_file: JsonFile = None,
    port: Annotated[
        int,
        typer.Option(min=0, max=65535, help="the page's loopback port; 0: a free one"),
    ] = 8808,
    token: Annotated[
        bool,
        typer.Option(help="whether only who has the printed address may open the page"),
    ] = True,
    character: Annotated[
        list[Path] | None,
        typer.Option(help="a character file of your own; may be given again"),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            metavar="PROVIDER:NAME",
            help="what they speak with; its key stands in STREAM_KEY_<PROVIDER>",
        ),
    ] = None,
) -> None:
    """Three characters in a Discord on this machine: no account, key or network
    needed."""
    from app.demo.demo import run

    raise typer.Exit(
        run(
            headless=headless,
            seconds=seconds,
            json_file=json_file,
            port=port,
            token=token,
            files=character or (),
            model=model,
        )
    )
