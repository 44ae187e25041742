"""The command `the-stream`. Each command imports what it needs when it runs, so that
`--help` comes at once."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from app.domain.errors import ConfigurationError, StreamError

if TYPE_CHECKING:
    from app.domain.settings import Settings

INTERRUPTED = 130

app = typer.Typer(
    name="the-stream",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="A real-time nervous system for several AI characters in the same Discord servers.",
)
vault = typer.Typer(
    no_args_is_help=True,
    help="Keys of the vault in which gateways leave secrets for workers.",
)
app.add_typer(vault, name="vault")
memory = typer.Typer(no_args_is_help=True, help="What the bots remember of people.")
app.add_typer(memory, name="memory")

Bots = Annotated[
    list[str] | None,
    typer.Argument(metavar="[BOT]...", help="characters; none: every one with a token"),
]
Person = Annotated[str, typer.Argument(help="a Discord user id, or a mention")]
OneBot = Annotated[str | None, typer.Option("--bot", help="only this bot")]
Scope = Annotated[str, typer.Argument(help="all, guild:ID, channel:ID or bot:NAME")]


def say(line: str, err: bool = False, kept: str = "\t") -> None:
    """Print one line, on standard error if `err`; what strangers wrote in it moves no
    cursor and hides nothing. `kept`: control characters that stay."""
    from app.runtime.logs import printable

    typer.echo(printable(line, kept), err=err)


def _settings() -> Settings:
    """This process's settings, with logging set up."""
    from app.domain.settings import load_settings
    from app.runtime import logs

    settings = load_settings()
    logs.configure(settings)
    return settings


def _with_tokens(settings: Settings) -> list[str]:
    from app.domain.character import load_characters
    from app.domain.settings import token_variable

    names = load_characters(settings.characters_dir)
    if not names:
        raise ConfigurationError(
            f"{settings.characters_dir}: holds no character file (<name>.yaml)"
        )
    found = [name for name in names if os.environ.get(token_variable(name))]
    if not found:
        raise ConfigurationError(
            f"No bot has a token: set STREAM_TOKEN_<NAME> for one of {', '.join(sorted(names))}"
        )
    return found


def _check(bots: list[str], settings: Settings) -> None:
    """Refuse a bot without a readable character file or a token before anything is
    started."""
    from app.domain.character import load_character
    from app.domain.settings import token_variable

    for bot in bots:
        load_character(bot, settings.characters_dir)
        if not os.environ.get(token_variable(bot), "").strip():
            raise ConfigurationError(
                f"{token_variable(bot)}: is not set; copy the bot's token from Discord's developer portal."
            )


def _writable(file: Path | None) -> Path | None:
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
        callback=_writable,
    ),
]


@app.command()
def up(bots: Bots = None) -> None:
    """Run everything on this machine: Valkey (unless STREAM_REDIS_URL is set), gateway,
    workers, beat and Flower."""
    from app.cli.up import up as run

    settings = _settings()
    names = bots or _with_tokens(settings)
    _check(names, settings)
    raise typer.Exit(run(names, settings))


@app.command()
def gateway(bots: Bots = None) -> None:
    """Connect these bots to Discord: one process of a large installation."""
    from app.gateway.start import run as run_gateway

    settings = _settings()
    run_gateway(bots or _with_tokens(settings), settings)


@app.command()
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
        )
    )


@app.command()
def replay(
    files: Annotated[
        list[Path],
        typer.Argument(
            help="chat logs, one JSON object a line", exists=True, dir_okay=False
        ),
    ],
    bots: Annotated[int, typer.Option(min=1, help="how many characters listen")] = 3,
    speed: Annotated[float, typer.Option(min=0, help="times real time")] = 60.0,
    limit: Annotated[
        int | None, typer.Option(min=1, help="at most this many messages")
    ] = None,
    json_file: JsonFile = None,
    judge: Annotated[
        bool,
        typer.Option(
            "--judge", help="score who answers against the humans; posts nothing"
        ),
    ] = False,
) -> None:
    """Play recorded conversations to the bots, or (--judge) score their bids against
    what humans did."""
    if judge:
        from app.lab import judge as judging

        judging.run(files=files, json_out=json_file)
        return
    from app.lab import replay as replaying

    raise typer.Exit(
        replaying.run(
            files=files, bots=bots, speed=speed, limit=limit, json_file=json_file
        )
    )


@app.command()
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
        message, ask(message, _settings()), parts=ALL_PARTS if parts else PARTS
    )


@app.command()
def mute(
    scope: Scope,
    for_: Annotated[
        str | None, typer.Option("--for", help="90s, 30m, 2h or 7d; unset: for good")
    ] = None,
) -> None:
    """Silence bots now. Returns when no message of theirs is on its way any more."""
    from app.operator.ops import mute as silence
    from app.operator.ops import unheard_of

    current = _settings()
    done = silence(scope, current, for_)
    if known := unheard_of(scope, current):
        say(
            f"No bot of this name has run within a day; known: {', '.join(known)}",
            err=True,
        )
    if not done:
        say(
            "Muted, but a message was still on its way when the time to wait was over.",
            err=True,
        )
        raise typer.Exit(1)
    say(f"Muted: {scope}")


@app.command()
def unmute(scope: Scope) -> None:
    """End a mute."""
    from app.operator.ops import unmute as end_mute

    say(f"Unmuted: {scope}" if end_mute(scope, _settings()) else "It was not muted.")


@app.command()
def mutes() -> None:
    """List what is muted, by whom and for how long. A moderator's mute ends with a
    moderator's word, yours with yours alone."""
    from app.cli.show import show_table
    from app.operator.ops import muted

    rows = [
        (
            one.scope,
            one.who,
            "for good" if one.left_ms is None else f"{one.left_ms // 1000} s more",
        )
        for one in muted(_settings())
    ]
    show_table("Mutes", ("scope", "by", "holds"), rows)


@app.command()
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

    current = _settings()
    if retry is not None:
        if not ops.retry(retry, current):
            raise ConfigurationError(
                f"{retry} is no dead letter: `the-stream outbox --dead` lists them."
            )
        say(f"Sent again: {retry}")
        return
    lines = (
        []
        if dead
        else [
            f"{bot}\t{entry}\twaits for channel {where}"
            for bot, entry, where in ops.waiting(current)
        ]
    )
    lines += [
        f"{bot}\t{entry}\tdead: {reason}"
        for bot, entry, reason in ops.dead_letters(current)
    ]
    for line in lines:
        say(line)
    if not lines:
        say(
            "No dead letters." if dead else "Nothing waits, and no dead letters.",
            err=True,
        )


@app.command()
def settings() -> None:
    """List every setting, its value here and what it does. Secrets are masked."""
    from app.cli.show import show_settings
    from app.domain.settings import load_settings

    show_settings(load_settings())


@app.command()
def version() -> None:
    """Print the version."""
    from importlib.metadata import version as installed

    say(installed("the-stream"))


@app.command()
def trust(bot: OneBot = None) -> None:
    """Show how well the bots know people, 0 to 5."""
    from app.cli.show import show_table
    from app.operator.people import Trusted, trust_table

    show_table("Trust", Trusted._fields, trust_table(_settings(), bot))


@memory.command("show")
def memory_show(person: Person, bot: OneBot = None) -> None:
    """Show what the bots remember of a person: facts, what they said, and what was
    answered."""
    from app.cli.show import show_table
    from app.operator.people import Memory, show

    show_table(
        f"Remembered of {person}", Memory._fields, show(person, _settings(), bot)
    )


@memory.command("export")
def memory_export(person: Person) -> None:
    """Print all that is kept of a person, as JSON."""
    from app.operator.people import export

    typer.echo(export(person, _settings()))


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
    from app.operator.people import forget

    forgotten, rewritten = forget(person, _settings(), opt_out)
    say(
        f"Forgotten: {forgotten.values} values.{' The wish to be left alone is kept.' if opt_out else ''}"
    )
    if not rewritten:
        say(
            "The server's files were not written anew: old entries may still be on its disk.",
            err=True,
        )
    for bot in forgotten.named_in:
        say(
            f"The character file of {bot} names this person: edit it and restart its gateway.",
            err=True,
        )


@vault.command("key")
def vault_key() -> None:
    """Print a new key for STREAM_VAULT_KEYS. To rotate: put it first, restart workers
    and gateways, `vault rotate`, remove the old one."""
    from cryptography.fernet import Fernet

    typer.echo(Fernet.generate_key().decode())


@vault.command("show")
def vault_show() -> None:
    """What each bot's vault holds: names and lengths, never a secret."""
    from app.cli.show import show_vault
    from app.operator.ops import vault_show as masked

    show_vault(masked(_settings()))


@vault.command("rotate")
def vault_rotate() -> None:
    """Seal every bot's secrets with the first key of STREAM_VAULT_KEYS."""
    from app.operator.ops import vault_rotate as rotate

    for bot in rotate(_settings()):
        say(f"Sealed anew: {bot}")


def main() -> None:
    """Run a command. An error of ours or in the usage is one line on standard error and
    its exit code; Ctrl-C is quiet."""
    try:
        # Not standalone: typer would explain wrong usage in a box of six lines. No
        # command returns a value but an exit code.
        sys.exit(app(standalone_mode=False))
    except StreamError as error:
        _fail(str(error), error.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        sys.exit(INTERRUPTED)
    except Exception as error:
        # Errors in the usage have no public base class that all versions of typer
        # share.
        told = getattr(error, "format_message", None)
        if told is None:
            raise
        _fail(told(), 2)


def _fail(line: str, code: int) -> NoReturn:
    # A group without a command comes as its whole help.
    if "\n" in line:
        say(line, err=True, kept="\n\t")
    else:
        say(f"the-stream: {line}", err=True)
    sys.exit(code)


if __name__ == "__main__":
    main()
