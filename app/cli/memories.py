"""Commands about people: what the bots remember of one, and to forget one."""

from __future__ import annotations

from typing import Annotated

import typer

from app.cli.common import CommandList, OneBot, current_settings, print_line

commands = typer.Typer()
memory = typer.Typer(
    no_args_is_help=True, help="What the bots remember of people.", cls=CommandList
)
Person = Annotated[str, typer.Argument(help="a Discord user id, a mention, or a name")]


@memory.command("show")
def memory_show(person: Person, bot: OneBot = None) -> None:
    """Show what the bots remember of a person: facts, what they said, and what was
    answered."""
    from app.cli.show import show_table
    from app.operator.people import Memory, show_memories

    show_table(
        f"Remembered of {person}",
        Memory._fields,
        show_memories(person, current_settings(), bot),
    )


@memory.command("export")
def memory_export(person: Person) -> None:
    """Print all that is kept of a person, as JSON."""
    from app.operator.people import export

    typer.echo(export(person, current_settings()))


@memory.command("forget")
def memory_forget(
    person: Person,
    opt_out: Annotated[
        bool,
        typer.Option("--opt-out", help="and never react to or remember them again"),
    ] = False,
) -> None:
    """Delete everything that is kept of a person, in every bot's memory, mailbox and
    journal."""
    from app.operator.people import forget, resolve_person

    settings = current_settings()
    who = resolve_person(person, settings)
    if who not in person:
        print_line(f"{person} is {who}.")
    forgotten, rewritten = forget(who, settings, opt_out)
    print_line(
        f"Forgotten: {forgotten.values} values.{' The wish to be left alone is kept.' if opt_out else ''}"
    )
    if not rewritten:
        print_line(
            "The server's files were not rewritten: old entries may still be on its disk.",
            err=True,
        )
    # The file is the operator's: its gateway would only publish it again.
    for bot in forgotten.named_in:
        print_line(
            f"The character file of {bot} names this person: edit it and restart its gateway.",
            err=True,
        )


@commands.command()
def trust(bot: OneBot = None) -> None:
    """Show how well the bots know people, 0 to 5."""
    from app.cli.show import show_table
    from app.operator.people import Trusted, trust_table

    show_table("Trust", Trusted._fields, trust_table(current_settings(), bot))


@commands.command()
def reception(
    bot: OneBot = None,
    channel: Annotated[
        str | None, typer.Option("--channel", metavar="ID", help="only this channel")
    ] = None,
    reset: Annotated[
        bool, typer.Option("--reset", help="forget it: the bots start over there")
    ] = False,
) -> None:
    """Show what channels make of the bots' unasked posts, in bits of their bids
    there."""
    from app.cli.show import show_table
    from app.operator import receptions

    settings = current_settings()
    if reset:
        gone = receptions.reset(settings, bot, channel)
        print_line(f"Forgotten: {gone} shares. Gateways follow within half a minute.")
        return
    table = receptions.reception_table(settings, bot, channel)
    show_table("Reception", receptions.Received._fields, table)
