"""The open room benchmark: who answers in a room of several bots, scored for any
decision function.

`python -m app.lab.room_bench [DATA] [--decider module:function ...]`. DATA is a folder
with `chat/irc`, `chat/livechat` and `expert`, each of which may be missing; `--cast` is
a folder of characters and labelled lines that comes with the project.
"""

from __future__ import annotations

import argparse
import sys
import textwrap
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from rich.console import Console
from rich.table import Table

from app.domain.errors import ConfigurationError
from app.lab.deciders import (
    All,
    AtRandom,
    Last,
    MakeDecider,
    Named,
    NamedElseLast,
    Ours,
    load_decider,
)
from app.lab.judge import Log
from app.lab.room_scores import read_logs, score_chat, score_experts, score_thoughts
from app.likeness.encoder import Encoder, best_backend
from app.rules.policy import Policy, shipped_policy

OURS, WORDS = "The Stream", "The Stream, words alone"
CHANCE = "one by chance, as often as ours"
Figures = dict[str, float]
Rows = dict[str, Figures]
"""Decider -> column -> figure."""
CHAT_COLUMNS = (
    "who F1",
    "anybody F1",
    "replies a thought",
    "calls a message",
    "pile-ons",
    "ms a message",
)
EXPERT_COLUMNS = (
    "fresh right",
    "fresh wrong",
    "false speech",
    "switch right",
    "switch wrong",
    "busy right",
    "busy wrong",
    "calls a message",
    "ms a message",
)
WIDE = 160
PLAIN = frozenset(
    {"who F1", "anybody F1", "replies a thought", "calls a message", "ms a message"}
)
"""Columns that are no shares."""


@dataclass(frozen=True, slots=True)
class BenchTable:
    """One table of the benchmark."""

    title: str
    note: str
    columns: tuple[str, ...]
    rows: Rows


def chat_part(
    title: str, note: str, logs: Sequence[Log], deciders: Mapping[str, MakeDecider]
) -> BenchTable:
    """Every decider on chat logs, and one by chance at the rate of ours."""
    rows: Rows = {}
    # Ours first: the one by chance speaks as often as it does.
    rate = score_chat(logs, ours_of(deciders)).rate
    for name, make in with_chance(deciders, rate).items():
        rows[name] = {
            **score_chat(logs, make).figures(),
            **score_thoughts(logs, make).figures(),
        }
    return BenchTable(title, note, CHAT_COLUMNS, rows)


def expert_part(
    title: str, note: str, folder: Path, deciders: Mapping[str, MakeDecider]
) -> BenchTable:
    """Every decider on labelled lines."""
    rate = score_experts(folder, ours_of(deciders))["answered"]
    rows = {
        name: score_experts(folder, make)
        for name, make in with_chance(deciders, rate).items()
    }
    return BenchTable(title, note, EXPERT_COLUMNS, rows)


def ours_of(deciders: Mapping[str, MakeDecider]) -> MakeDecider:
    """Our decision, as good as it is scored here."""
    return deciders[OURS] if OURS in deciders else deciders[WORDS]


def with_chance(
    deciders: Mapping[str, MakeDecider], rate: float
) -> dict[str, MakeDecider]:
    """The deciders, and one that speaks as often as ours."""
    return {**deciders, CHANCE: AtRandom(rate)}


def all_deciders(
    policy: Policy, encoder: Encoder | None, further: Sequence[str]
) -> dict[str, MakeDecider]:
    """Ours, with the encoder and by words alone; those named on the command line; the
    simple rules."""
    # Read each time: the cost of reading is one of the figures.
    ours = {OURS: Ours(policy, encoder, afresh=True)} if encoder is not None else {}
    return {
        **ours,
        WORDS: Ours(policy),
        **{path: load_decider(path) for path in further},
        "named": Named,
        "named, else the last": NamedElseLast,
        "the last": Last,
        "all": All,
    }


def run(
    data: Path | None,
    cast: Path,
    deciders: Mapping[str, MakeDecider],
    say: Callable[[str], None],
) -> list[BenchTable]:
    """All tables. What is missing of the data is left out, and said."""
    parts: list[BenchTable] = []
    for name, title, note in _CHATS:
        logs = read_logs(data / "chat" / name) if data is not None else []
        if logs:
            parts.append(chat_part(title, note(logs), logs, deciders))
        else:
            say(f"no chat logs of {title}: left out")
    casts = [(data / "expert" if data is not None else None, *_EXPERTS), (cast, *_CAST)]
    if data is not None:
        casts += [
            (cast.with_name(name), *options) for name, options in _FURTHER.items()
        ]
    for folder, title, text in casts:
        if folder is not None and (folder / "dev.jsonl").is_file():
            parts.append(expert_part(title, text, folder, deciders))
        else:
            say(f"no labelled lines of {title}: left out")
    if not parts:
        raise ConfigurationError(f"{data or cast}: nothing to score there")
    return parts


def _chat_note(what: str, logs: Sequence[Log]) -> str:
    messages = sum(len(log.said) for log in logs)
    triggers = sum(len(log.find_triggers()) for log in logs)
    return f"{what} {len(logs)} files, {messages:,} messages, {triggers:,} decisions."


_CHATS = (
    (
        "irc",
        "IRC",
        partial(
            _chat_note,
            "Reply links by hand (Kummerfeld et al., 2019). Our weights were fitted "
            "to these files: cross-validated they have the figures of "
            "[the policy](policy.md).",
        ),
    ),
    (
        "livechat",
        "LiveChat",
        partial(
            _chat_note,
            "Gitter rooms, reply links derived from disentangled dialogs. Our weights "
            "for channels where few lines name anybody were fitted to these files: "
            "with each room left out in turn they have the figures of "
            "[the policy](policy.md#channels-where-few-lines-name-anybody).",
        ),
    ),
)
_EXPERTS = ("Experts", "Nine characters, 120 lines.")
_CAST = (
    "Experts, the cast that comes with the project",
    "Nine others of other subjects, 124 lines (`tests/lab/cast`).",
)
_FURTHER = {
    "crew": (
        "Experts, a third cast",
        "Nine others again, 189 lines (`tests/lab/crew`).",
    ),
    "troupe": (
        "Experts, a fourth cast",
        "Nine others again, 170 lines (`tests/lab/troupe`).",
    ),
    "chorus": (
        "Experts, a fifth cast",
        "Eight others again, 177 lines (`tests/lab/chorus`), written before the measure "
        "was last set and scored when it was.",
    ),
    "ensemble": (
        "Experts, a sixth cast",
        "Eight others again, 167 lines (`tests/lab/ensemble`), by another hand than the "
        "measure and its jargon, and first scored when both were done.",
    ),
    "nonet": (
        "Experts, a seventh cast",
        "Nine others again, 239 lines (`tests/lab/nonet`), 167 of them nobody's, written "
        "when all was done. Two lines of it were looked at since, and nothing was "
        "changed by them.",
    ),
    "octet": (
        "Experts, an eighth cast",
        "Nine others again, 180 lines (`tests/lab/octet`), by a hand that saw the first "
        "cast alone; committed before they were scored.",
    ),
    "novem": (
        "Experts, a ninth cast",
        "Nine others again, 180 lines (`tests/lab/novem`), of subjects that were drawn by "
        "lot; committed before they were scored.",
    ),
    "decem": (
        "Experts, a tenth cast",
        "Nine others again, 180 lines (`tests/lab/decem`), of subjects that were drawn by "
        "lot; committed before they were scored.",
    ),
    "undecim": (
        "Experts, an eleventh cast",
        "Nine others again, 180 lines (`tests/lab/undecim`), of subjects that were drawn "
        "by lot; committed before they were scored.",
    ),
    "duodec": (
        "Experts, a twelfth cast",
        "Nine others again, 180 lines (`tests/lab/duodec`), of subjects that were drawn "
        "by lot; committed before they were scored.",
    ),
    "septen": (
        "Experts, a thirteenth cast",
        "Nine others again, 180 lines (`tests/lab/septen`), of subjects that were drawn "
        "by lot; committed before they were scored.",
    ),
    "octodec": (
        "Experts, a fourteenth cast",
        "Nine others again, 180 lines (`tests/lab/octodec`), of subjects that were drawn "
        "by lot; committed before they were scored.",
    ),
    "novendec": (
        "Experts, a fifteenth cast",
        "Nine others again, 180 lines (`tests/lab/novendec`), of subjects that were drawn "
        "by lot; committed before they were scored.",
    ),
}
"""The casts beside the one that comes first, by the names of their folders."""


def cell(column: str, figures: Figures) -> str:
    """A figure as the tables show it."""
    if column not in figures:
        return "–"
    value = figures[column]
    return f"{value:.2f}" if column in PLAIN else f"{100 * value:.0f}%"


def print_parts(parts: Sequence[BenchTable]) -> None:
    """The tables on the terminal."""
    # Wide, also where the output is no terminal: broken cells cannot be read.
    console = Console(width=max(WIDE, Console().width))
    for part in parts:
        table = Table("", *part.columns, title=part.title)
        for name, figures in part.rows.items():
            table.add_row(name, *(cell(column, figures) for column in part.columns))
        console.print(table)


def page_of(parts: Sequence[BenchTable]) -> str:
    """docs/room-benchmark.md."""
    return "\n".join([_HEAD, *map(_markdown, parts), _FOOT])


def _markdown(part: BenchTable) -> str:
    lines = [
        f"## {part.title}",
        # A link is not broken at its hyphens.
        *textwrap.wrap(part.note, 130, break_on_hyphens=False, break_long_words=False),
        "",
        "| | " + " | ".join(part.columns) + " |",
        "|---" * (len(part.columns) + 1) + "|",
    ]
    for name, figures in part.rows.items():
        cells = " | ".join(cell(column, figures) for column in part.columns)
        lines.append(f"| {name} | {cells} |")
    return "\n".join(lines) + "\n"


_HEAD = """\
# Room benchmark

Several bots share a room with people. Who answers which message? One command scores any decision function by the same tests and
writes this page:

```
make room-bench DATA=path/to/data
```

`DATA` has `chat/irc/*.jsonl`, `chat/livechat/*.jsonl` and `expert/`. Without it, the command scores the cast that comes with the project
and writes nothing.

Chat logs: in each file the five most active people stand for the bots, and each annotated message of anybody else is a decision.
*who F1* counts pairs of message and bot, *anybody F1* counts messages. *replies a thought*: answers to several lines that one author
wrote within 10 s, before anybody else spoke, if they are answered at all; only logs with seconds count. *calls a message*: model calls
for the decision and the answers. *pile-ons*: messages that name no bot and are answered by two or more. *ms a message*:
processor time for the decisions and for keeping the room, all bots together. Beside other work on the same machine an encoder takes
two or three times as long: compare within one page.

Experts: *fresh* in an empty room, *switch* after another bot has answered that person, *busy* in one lively channel whose bots
rest for 60 s after an answer: the right expert, and a wrong bot. *false speech*: lines that are nobody's and are answered.
`python -m app.lab.experts DIR` has the further tests.
"""
_FOOT = """\
## Your own decision function

```
make room-bench DATA=path/to/data DECIDERS=my_package.room:make
```

`make(bots)` is called once for each room, with the bots' names and characters, and returns an object with `decide(utterance, resting)`,
the names of who answers a person's message, and `observe(utterance)`, which is told each message, bots' own included
(`app/lab/deciders.py`: `Participant`, `Decider`). Its attribute `model_calls`, if it has one, is added to *calls a message*; with
`wait_ms` and `is_afterthought` (`Patient`) it may wait for the rest of a thought.

## What others have published

No published figure is by these tests. What is known of models that choose who speaks:

- GPT-4o, asked whom a turn of a talk between three people addresses, is "only marginally above chance"
  (Inoue et al., 2025, <https://arxiv.org/html/2501.16643v2>).
- Eight recent models "consistently fail" to decide between speaking and silence without training, in talks of several people; training
  raises balanced accuracy by up to 23 points (Bhagtani et al., 2026, <https://arxiv.org/html/2603.11409v1>).
- [AutoGen's SelectorGroupChat](https://microsoft.github.io/autogen/stable/user-guide/agentchat-user-guide/selector-group-chat.html)
  asks a model after each message who is next: one call more for each.
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """The command. The page is written where there was data to score."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path, nargs="?")
    parser.add_argument("--cast", type=Path, default=Path("tests/lab/cast"))
    parser.add_argument("--decider", action="append", default=[])
    parser.add_argument("--interest", choices=("words", "encoder"), default="encoder")
    parser.add_argument("--page", type=Path)
    given = parser.parse_args(arguments)
    data = given.data if given.data is not None and given.data.is_dir() else None
    say = partial(print, file=sys.stderr)
    if data is None:
        say(f"No data: only the cast of {given.cast} is scored, no page is written.")
    encoder = Encoder(best_backend) if given.interest == "encoder" else None
    try:
        deciders = all_deciders(shipped_policy(), encoder, given.decider)
        parts = run(data, given.cast, deciders, say)
    except ConfigurationError as error:
        say(str(error))
        return 2
    print_parts(parts)
    if given.page is not None and data is not None:
        given.page.write_text(page_of(parts), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
