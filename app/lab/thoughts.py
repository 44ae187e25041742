"""How often a thought is answered, and how long its answer waits, on recorded chat.

An author's lines within ten seconds, before anybody else speaks, are one thought. Each
is played as if it spoke to a bot that answers at once, or after a model's time.
"""

from __future__ import annotations

import re
import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Annotated

import typer

from app.lab.chatlog import LogLine, read_log
from app.lab.deciders import ANSWER_LENGTH
from app.rules.thoughts import Line, Patience, Thoughts, openness, wait_ms

ONE_THOUGHT_S = 10.0
# A log of whole minutes has `:00` throughout.
_SECONDS = re.compile(r'"ts":\s*"[^"]*T\d\d:\d\d:(?!00)\d\d')
BOT = "our bot"


@dataclass(slots=True)
class JoiningScore:
    """What became of some thoughts. Waits in milliseconds, one for each answer."""

    thoughts: int = 0
    lines: int = 0
    replies: int = 0
    calls: int = 0
    """Of a model: a draft that goes stale is one, too."""
    waits: list[int] = field(default_factory=list)
    whole: list[int] = field(default_factory=list)
    """Those after lines that are a whole thought by themselves."""

    def figures(self) -> dict[str, float]:
        """The columns, by name."""
        return {
            "lines a thought": self.lines / max(1, self.thoughts),
            "replies a thought": self.replies / max(1, self.thoughts),
            "calls a thought": self.calls / max(1, self.thoughts),
            "median wait ms": statistics.median(self.waits or [0]),
            "mean wait ms": statistics.fmean(self.waits or [0]),
            "median wait of whole lines ms": statistics.median(self.whole or [0]),
        }


def read_thoughts(files: Iterable[Path]) -> list[list[LogLine]]:
    """People's thoughts, of the files that tell seconds: by minutes nobody knows what
    belongs together."""
    found: list[list[LogLine]] = []
    for file in files:
        if not _SECONDS.search(file.read_text(encoding="utf-8", errors="replace")):
            continue
        lines = read_log([file])
        previous: LogLine | None = None
        for line in lines:
            if previous is not None and _goes_on(previous, line):
                found[-1].append(line)
            elif not line.by_bot:
                found.append([line])
            previous = line
    return found


def _goes_on(previous: LogLine, line: LogLine) -> bool:
    return (
        not line.by_bot
        and previous.author == line.author
        and previous.channel == line.channel
        and line.at - previous.at <= ONE_THOUGHT_S
    )


def score_thoughts(
    thoughts: Iterable[Sequence[LogLine]],
    patience: Patience,
    draft_ms: int = 0,
) -> JoiningScore:
    """Play each thought. `draft_ms`: what an answer takes to be written."""
    score = JoiningScore()
    for one in thoughts:
        score.thoughts += 1
        score.lines += len(one)
        _play(one, patience, draft_ms, score)
    return score


def _play(
    thought: Sequence[LogLine], patience: Patience, draft_ms: int, score: JoiningScore
) -> None:
    room = Thoughts(patience)
    lines = [_line(one) for one in thought]
    for line, after in pairwise([*lines, None]):
        assert line is not None  # noqa: S101 - only the last is none
        heard = room.hear(line)
        if heard.afterthought:
            continue
        wait = wait_ms((*heard.earlier, line), patience)
        begun = line.at_ms + wait
        if after is not None and after.at_ms <= begun:
            # The next line has come: it says how long both wait.
            continue
        score.waits.append(wait)
        if line.open == 0:
            score.whole.append(wait)
        score.calls += 1
        if after is not None and after.at_ms <= begun + draft_ms:
            # Stale: the second draft answers the next line as well.
            continue
        score.replies += 1
        answer = Line(
            message_id="answer",
            author=BOT,
            text="x" * ANSWER_LENGTH,
            at_ms=begun + draft_ms,
            reply_to=line.message_id,
        )
        room.hear(answer, ours=True)


def _line(one: LogLine) -> Line:
    called = frozenset(name.casefold() for name in one.mentions)
    return Line(
        message_id=one.id,
        author=one.author,
        text=one.text,
        at_ms=round(one.at * 1000),
        open=openness(one.text, called),
    )


def main(
    files: Annotated[list[Path], typer.Argument(help="chat logs, JSON lines")],
) -> None:
    """Print what each way of answering makes of the logs' thoughts."""
    thoughts = read_thoughts(files)
    several = [one for one in thoughts if len(one) > 1]
    off = Patience(wait_ms=0)
    for name, some in (("all", thoughts), ("several lines", several)):
        typer.echo(f"{name}: {len(some)} thoughts")
        for how, patience in (("each line", off), ("thoughts", Patience())):
            for draft_ms in (0, 2_000):
                figures = score_thoughts(some, patience, draft_ms).figures()
                detail = ", ".join(
                    f"{key} {value:.2f}" for key, value in figures.items()
                )
                typer.echo(f"  {how}, drafts of {draft_ms} ms: {detail}")


if __name__ == "__main__":
    typer.run(main)
