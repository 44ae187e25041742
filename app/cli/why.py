"""The command `why`: one sentence first, then what differed, then the journal."""

from __future__ import annotations

import json
import sys
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from app.cli.common import current_settings
from app.cli.lines import print_wrapped, terminal_width

if TYPE_CHECKING:
    from app.operator.why.answer import Explanation

commands = typer.Typer()
LONGEST = 80
"""Characters of a message that are quoted."""
TABLE = 100
"""Columns from which on the journal is a table."""


@commands.command()
def why(
    message: Annotated[
        str | None,
        typer.Argument(help="a message's id or link; also of a bot's own post"),
    ] = None,
    last: Annotated[bool, typer.Option("--last", help="the newest message")] = False,
    channel: Annotated[
        str, typer.Option(metavar="ID|NAME", help="the newest of this channel")
    ] = "",
    text: Annotated[str, typer.Option(help="the newest that holds this text")] = "",
    since: Annotated[
        str, typer.Option(help="with --unanswered or --silent: 30m, 2h, 7d")
    ] = "1h",
    unanswered: Annotated[
        bool, typer.Option("--unanswered", help="all that nobody answered")
    ] = False,
    silent: Annotated[
        str, typer.Option(metavar="BOT", help="all that this bot did not answer")
    ] = "",
    parts: Annotated[
        bool,
        typer.Option("--parts", help="all parts of each bid, not the weightiest alone"),
    ] = False,
    json_: Annotated[bool, typer.Option("--json", help="print it as JSON")] = False,
) -> None:
    """Say why bots answered a message, or kept silent."""
    from app.operator.discord_times import read_now_ms
    from app.operator.ops import duration_ms, open_store
    from app.operator.why import answer as answers
    from app.operator.why.finding import Wanted

    settings = current_settings()
    many = unanswered or bool(silent)
    lasts_ms = duration_ms(since, "--since") if many else 0.0
    with open_store(settings) as store:
        # A viewer's login may not ask for the time, and lists nothing anyway.
        earliest = read_now_ms(store) - lasts_ms if many else 0.0
        wanted = Wanted(channel, text, earliest)
        if many:
            found = list(answers.unanswered(store, settings, wanted, silent))
            _show_many(found, silent, json_)
            return
        said = answers.meant(store, message, wanted, last)
        one = answers.explain(store, settings, said)
    if json_:
        typer.echo(json.dumps(as_dict(one), ensure_ascii=False, indent=2))
        return
    show(one, parts)


def _show_many(found: list[Explanation], bot: str, json_: bool) -> None:
    from app.operator.why.answer import words_of

    if json_:
        shown = [as_dict(one) for one in found]
        typer.echo(json.dumps(shown, ensure_ascii=False, indent=2))
        return
    for one in found:
        print_wrapped(f"{_head(one)}  [{one.said.message}]", 2)
        name = one.names.get(bot, bot)
        print_wrapped(
            f"  {name} {words_of(one, bot)}." if bot else f"  {one.story.sentence}", 4
        )
    if not found:
        print_wrapped(
            "Nobody waits: all that moved a bot was answered, or would have been."
        )


def show(one: Explanation, parts: bool = False) -> None:
    """The sentence, then what differed between the bots, then the timeline."""
    if one.said.post_of:
        name = one.names.get(one.said.post_of, one.said.post_of)
        print_wrapped(f"{name} said this in answer to {one.said.message}.")
    if one.said.text:
        print_wrapped(_head(one))
    print_wrapped(one.story.sentence)
    for bot, words in one.unsaid.items():
        shown = " ".join(words.split())
        print_wrapped(f"{one.names.get(bot, bot)} would have said: “{shown}”", 2)
    if one.story.differences:
        print_wrapped("")
    for line in one.story.differences:
        print_wrapped(line, 2)
    for bot, words in one.asides.items():
        print_wrapped(f"{one.names.get(bot, bot)} {words}.", 2)
    if one.lines:
        print_wrapped("")
        _show_timeline(one, parts)


def _head(one: Explanation) -> str:
    """Who said what, and when."""
    said = one.said
    when = ""
    if one.lines:
        first = min(line.at_ms for line in one.lines)
        when = datetime.fromtimestamp(first / 1000).strftime("%H:%M ")
    text = said.text if len(said.text) <= LONGEST else said.text[:LONGEST] + "…"
    place = f" in #{said.channel_name}" if said.channel_name else ""
    quoted = f": “{' '.join(text.split())}”" if text else ""
    return f"{when}{said.author or 'somebody'}{place}{quoted}"


def _show_timeline(one: Explanation, parts: bool) -> None:
    """A table where there is room for one, else a line for each step."""
    from app.cli.show import (
        ALL_PARTS,
        PARTS,
        clock_time,
        numbers_of,
        repetition,
        show_journal,
    )

    most = ALL_PARTS if parts else PARTS
    if sys.stdout.isatty() and (terminal_width() or 0) >= TABLE:
        show_journal(one.said.message, one.lines, parts=most)
        return
    for line in sorted(one.lines, key=lambda line: line.at_ms):
        decision = f"{clock_time(line.at_ms)} {line.bot} {line.step} {line.verdict}"
        reason = f": {line.reason}" if line.reason else ""
        numbers = numbers_of(line.numbers, most) if parts else ""
        in_brackets = f" [{numbers}]" if numbers else ""
        print_wrapped(f"{decision}{reason}{repetition(line)}{in_brackets}", 4)


def as_dict(one: Explanation) -> dict[str, Any]:
    """The same for a program."""
    from dataclasses import asdict

    return {
        **asdict(one.said),
        "sentence": one.story.sentence,
        "differences": list(one.story.differences),
        "bots": dict(one.story.fates) | dict(one.asides),
        "answered_by": list(one.story.answered_by),
        "unsaid": dict(one.unsaid),
        "timeline": [line.model_dump() for line in one.lines],
    }
