"""The command `the-stream`. Each command imports what it needs when it runs, so that
`--help` comes at once."""

from __future__ import annotations

import errno
import sys
from copy import copy
from typing import NoReturn

import typer

from app.cli import (
    brakes,
    doctoring,
    logs,
    memories,
    new,
    replaying,
    running,
    setting_up,
    vaults,
    watching,
    why,
)
from app.cli.common import CommandList, print_line
from app.cli.lines import terminal_width
from app.domain.errors import StreamError

INTERRUPTED = 130
LEAST_OF_CLICK = 50
FULL = frozenset({errno.ENOSPC, errno.EDQUOT})

app = typer.Typer(
    name="the-stream",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    # The boxes of rich cut the names of options where a terminal is narrow.
    rich_markup_mode=None,
    cls=CommandList,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="A real-time nervous system for several AI characters in the same Discord servers.",
)
TOPICS = (
    running,
    replaying,
    setting_up,
    new,
    doctoring,
    watching,
    logs,
    why,
    memories,
    brakes,
)
for topic in TOPICS:
    app.add_typer(topic.commands)
app.callback()(setting_up.take_version)
app.add_typer(vaults.vault, name="vault")
app.add_typer(memories.memory, name="memory")


def main() -> None:
    """Run a command. An error of ours or in the usage, or a full disk, is one line on
    standard error and its exit code; Ctrl-C is quiet."""
    try:
        # Not standalone: typer would explain wrong usage in a box of six lines. No
        # command returns a value but an exit code.
        width = _help_width()
        run = app_for(*sys.argv[1:2])
        sys.exit(
            run(prog_name="the-stream", standalone_mode=False, terminal_width=width)
        )
    except StreamError as error:
        _fail(str(error), error.exit_code)
    except (KeyboardInterrupt, typer.Abort):
        sys.exit(INTERRUPTED)
    except OSError as error:
        if error.errno not in FULL:
            raise
        place = f" ({error.filename})" if error.filename else ""
        _fail(f"the disk is full{place}; make room and try again", 1)
    except Exception as error:
        # Errors in the usage have no public base class that all versions of typer
        # share.
        format_message = getattr(error, "format_message", None)
        if format_message is None:
            raise
        _fail(_told_usage(error, format_message()), 2)


def app_for(name: str = "") -> typer.Typer:
    """The application with the command of this name alone, or with all of them where
    there is none: typer makes every command that it is given before it looks which one
    is asked for."""
    for topic in TOPICS:
        for command in topic.commands.registered_commands:
            if name == getattr(command.callback, "__name__", None):
                one = copy(app)
                one.registered_groups = []
                one.registered_commands = [command]
                return one
    return app


def _help_width() -> int | None:
    """Columns of help on a narrow terminal, where click takes 50; None: as click
    does."""
    columns = terminal_width()
    return None if columns is None or columns > LEAST_OF_CLICK else columns


def _told_usage(error: Exception, told: str) -> str:
    """What is wrong in a command, and where its arguments are told of."""
    context = getattr(error, "ctx", None)
    # A group without a command comes as its whole help.
    if context is None or "\n" in told:
        return told
    return f"{told.removesuffix('.')}. See `{context.command_path} --help`."


def _fail(line: str, code: int) -> NoReturn:
    if "\n" in line:
        print_line(line, err=True, kept="\n\t")
    else:
        print_line(f"the-stream: {line}", err=True)
    sys.exit(code)


if __name__ == "__main__":
    main()
