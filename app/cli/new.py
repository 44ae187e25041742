"""The command `new`: a character file from answers, a description or a card."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from app.cli.common import current_settings, print_line
from app.cli.lines import print_wrapped
from app.domain.errors import ConfigurationError

if TYPE_CHECKING:
    from app.operator.new.sketch import Sketch

commands = typer.Typer()


@commands.command()
def new(
    name: Annotated[str, typer.Argument(help="small letters; also of its token")],
    about: Annotated[str, typer.Option(help="who it is, in a sentence or two")] = "",
    subjects: Annotated[
        str, typer.Option(help="what it likes to talk about: storms, tea")
    ] = "",
    card: Annotated[
        Path | None,
        typer.Option(help="a SillyTavern card (JSON, PNG) or an elizaOS character"),
    ] = None,
    to: Annotated[
        Path | None,
        typer.Option(help="a folder; unset: STREAM_CHARACTERS_DIR, or here"),
    ] = None,
) -> None:
    """Write a character file, and say what could not be carried over."""
    from app.domain.model import BOT_NAME

    if not BOT_NAME.match(name):
        raise ConfigurationError(
            "A name is small letters, digits, - and _, and begins with a letter."
        )
    folder = to or current_settings().characters_dir or Path()
    file = folder.expanduser() / f"{name}.yaml"
    if file.exists():
        raise ConfigurationError(f"{file}: is there already; nothing was written.")
    sketch = _sketch(name, about, subjects, card)
    text = sketch.yaml()
    _write(file, text)
    print_line(f"Written: {file}")
    for left in dict.fromkeys(sketch.left_out):
        print_wrapped(f"  not carried over: {left}", 4)
    print_wrapped(f"Read it, mend it, then: the-stream check {file}", 2)


def _sketch(name: str, about: str, subjects: str, card: Path | None) -> Sketch:
    from app.operator.new.cards import read_card
    from app.operator.new.sources import described, sketched

    if card is not None:
        sketch = sketched(name, read_card(card))
        sketch.subjects[:0] = subjects.split(",")
        return sketch
    if not about:
        if not sys.stdin.isatty():
            raise ConfigurationError("Give --about TEXT or --card FILE.")
        about = typer.prompt("Who is it, in a sentence or two?")
        subjects = subjects or typer.prompt(
            "What does it like to talk about? (storms, tea)", default=""
        )
    return described(name, about, subjects)


def _write(file: Path, text: str) -> None:
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        # `x`: the file may have come into being since it was looked for.
        with file.open("x", encoding="utf-8") as stream:
            stream.write(text)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise ConfigurationError(f"{file}: cannot be written ({reason})") from None
