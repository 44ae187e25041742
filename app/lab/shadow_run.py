"""`the-stream replay --shadow`: reads the files, feeds them to one policy or two, shows
what came of it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from heapq import merge
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

from app.domain.character import Character, load_characters, read_character
from app.domain.errors import ConfigurationError
from app.domain.settings import Settings
from app.gateway.intake import patience_of
from app.lab.chat_export import Seen, is_export, read_export
from app.lab.chatlog import LogLine, read_log
from app.lab.log_thoughts import join_thoughts
from app.lab.shadow import (
    Comparison,
    Heard,
    Shadow,
    SharedMeasure,
    measure_of,
)
from app.lab.shadow_page import page_of
from app.rules.policy import Policy, parse_policy, shipped_policy

SHIPPED = "the shipped policy"


def run(
    files: Sequence[Path],
    settings: Settings,
    *,
    characters: Sequence[Path] = (),
    policy: Path | None = None,
    against: Path | None = None,
    report: Path | None = None,
    json_file: Path | None = None,
    limit: int | None = None,
) -> list[str]:
    """Do all of it; the lines to print. Raises ConfigurationError of one line."""
    cast = _cast(characters, settings)
    policies = [(_name_of(policy), _policy(policy))]
    if against is not None:
        policies.append((_name_of(against), _policy(against)))
    found = play(files, cast, [one for _, one in policies], settings, limit)
    names = [name for name, _ in policies]
    for place, name in zip(found["policies"], names, strict=True):
        place["policy"] = name
    found["bots"] = {bot: one.display_name for bot, one in cast.items()}
    found["models"] = {
        bot: one.model.model if one.model else "" for bot, one in cast.items()
    }
    found["files"] = [file.name for file in files]
    if json_file is not None:
        json_file.write_text(json.dumps(found, ensure_ascii=False, indent=2), "utf-8")
    if report is not None:
        report.write_text(page_of(found), "utf-8")
    return [*lines_of(found), *([f"Report: {report}"] if report else [])]


def play(
    files: Sequence[Path],
    cast: Mapping[str, Character],
    policies: Sequence[Policy],
    settings: Settings,
    limit: int | None = None,
) -> dict[str, Any]:
    """Feed the messages of all files, in the order of time, to the cast under each
    policy; plain data."""
    measure = SharedMeasure(lambda: measure_of(cast, settings))
    shadows = [Shadow(cast, one, settings, measure) for one in policies]
    heard, comparison = Heard(), Comparison()
    own = {name.casefold() for one in cast.values() for name in one.names}
    with _progress(files) as seen:
        lines = read_lines(files, seen)
        for line in join_thoughts(lines, cast, patience_of(settings)):
            # The words of our own bots, where they were there already, are no part of
            # a room in which they are played.
            if line.by_bot and line.author.casefold() in own:
                continue
            heard.add(line)
            replies = [shadow.hear(line) for shadow in shadows]
            if len(replies) > 1:
                comparison.add(line, replies[0], replies[1])
            if limit is not None and heard.messages >= limit:
                break
    if not heard.messages:
        raise ConfigurationError(f"{files[0]}: holds no message with a text")
    compared = {"comparison": comparison.as_json()} if len(shadows) > 1 else {}
    tallies = [shadow.tally.as_json() for shadow in shadows]
    return {"heard": heard.as_json(), "policies": tallies, **compared}


def _cast(files: Sequence[Path], settings: Settings) -> dict[str, Character]:
    if not files:
        return load_characters(settings.characters_dir)
    read = [read_character(file) for file in files]
    return {one.name: one for one in read}


def _name_of(policy: Path | None) -> str:
    return SHIPPED if policy is None else policy.name


def _policy(file: Path | None) -> Policy:
    if file is None:
        return shipped_policy()
    try:
        return parse_policy(file.read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigurationError(
            f"{file}: cannot be read ({type(error).__name__})"
        ) from None
    except ConfigurationError as error:
        # YAML's own errors are several lines.
        reason = " ".join(str(error).split()).removeprefix("policy.yaml")
        raise ConfigurationError(f"{file}: {reason.lstrip(' ,:')}") from None


def read_lines(files: Sequence[Path], seen: Seen = lambda _: None) -> Iterator[LogLine]:
    """The messages of all files, in the order of time."""
    exports = [file for file in files if is_export(file)]
    others = [file for file in files if file not in exports]
    sources = [read_export(file, seen) for file in exports]
    return merge(*sources, read_log(others), key=lambda line: line.at)


@contextmanager
def _progress(files: Sequence[Path]) -> Iterator[Seen]:
    """Shows how much was read, on a terminal."""
    columns = (TextColumn("reading"), BarColumn(), DownloadColumn())
    console = Console(stderr=True)
    with Progress(
        *columns, console=console, transient=True, disable=not console.is_terminal
    ) as progress:
        task = progress.add_task("", total=sum(file.stat().st_size for file in files))
        yield lambda count: progress.advance(task, count)


def lines_of(found: Mapping[str, Any]) -> list[str]:
    """What a terminal shows."""
    heard = found["heard"]
    lines = [
        f"{heard['messages']:,} messages of {heard['people']:,} people in {heard['channels']} channels, "
        f"{day_of(heard['first'])} to {day_of(heard['last'])}."
    ]
    for one in found["policies"]:
        lines += _lines_of_policy(one, found)
    if "comparison" in found:
        other = found["comparison"]
        lines.append(
            f"By the first policy {other['changed']:,} messages are answered otherwise: "
            f"{other['more']:,} by somebody instead of nobody, {other['fewer']:,} by nobody any more."
        )
    return lines


def _lines_of_policy(one: Mapping[str, Any], found: Mapping[str, Any]) -> list[str]:
    heard = found["heard"]
    share = one["answers"] / heard["messages"]
    days = max(1.0, (heard["last"] - heard["first"]) / 86_400)
    by_bot = ", ".join(
        f"{found['bots'][bot]} {count:,}" for bot, count in one["by_bot"].items()
    )
    lines = [
        f"{one['policy']}: {one['answers']:,} answers, {share:.1%} of the messages, {one['answers'] / days:.1f} a day "
        f"({one['asked']:,} asked for, {one['unasked']:,} unasked).",
        f"  {by_bot or 'nobody spoke'}",
        f"  {one['pile_ons_prevented']:,} messages that several wanted went to one at most",
        f"  cost: {one['tokens']:,} tokens, ${one['usd']:.2f}, as far as can be told without asking a model",
    ]
    if one["capped"]:
        lines.append(f"  {one['capped']:,} answers had no room in a day's caps")
    return lines


def day_of(at: float) -> str:
    """A date in UTC."""
    return datetime.fromtimestamp(at, UTC).date().isoformat()
