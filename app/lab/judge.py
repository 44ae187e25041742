"""How often the policy of who answers agrees with people, on recorded chat.

In each file the five most active people stand for the bots. A trigger is an annotated
message of any other person; its label is the set of those five whose message has a gold
link back to it. Only what came before a trigger is seen: the roster (five names) and
the utterances so far. Gold links, the file's `mentions` and `reply_to` never reach the room.
"""

from __future__ import annotations

import json
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from app.domain.errors import ConfigurationError
from app.rules.bids import who_answers
from app.rules.policy import Policy, shipped_policy
from app.rules.room import Room, Utterance

BOTS = 5
LEAST_MESSAGES = 50
SPOKE_LATELY_MS = 300_000
RULES = ("named", "named_else_last", "last", "all")


@dataclass(frozen=True, slots=True)
class RecordedMessage:
    """One recorded message: what is said, whether a person wrote it, whether it has gold
    links, and the ids they lead to."""

    utterance: Utterance
    human: bool
    annotated: bool
    answers: frozenset[str]


@dataclass(frozen=True, slots=True)
class Log:
    """One file: its messages in order, and the authors who stand for the bots."""

    name: str
    said: Sequence[RecordedMessage]
    bots: tuple[str, ...]

    def find_labels(self, authors: Iterable[str]) -> dict[str, set[str]]:
        """Message id -> those of `authors` who answered it."""
        chosen = set(authors)
        found: dict[str, set[str]] = {}
        for one in self.said:
            if one.utterance.author in chosen:
                for answered in one.answers:
                    found.setdefault(answered, set()).add(one.utterance.author)
        return found

    def find_triggers(self) -> set[str]:
        """Ids of the messages to decide about."""
        bots = set(self.bots)
        return {
            one.utterance.message_id
            for one in self.said
            if one.annotated and one.human and one.utterance.author not in bots
        }


@dataclass(slots=True)
class Tally:
    """Hits, predictions and labels, by (trigger, bot) pairs and by triggers."""

    pairs: list[int] = field(default_factory=lambda: [0, 0, 0])
    triggers: list[int] = field(default_factory=lambda: [0, 0, 0])

    def add(self, chosen: set[str], label: set[str]) -> None:
        """Count one trigger."""
        _add_counts(self.pairs, len(chosen & label), len(chosen), len(label))
        _add_counts(
            self.triggers,
            int(bool(chosen) and bool(label)),
            int(bool(chosen)),
            int(bool(label)),
        )

    def scores(self) -> dict[str, dict[str, float]]:
        """`who` (by pairs) and `anybody` (by triggers): precision, recall and F1."""
        return {
            "who": _rate_scores(*self.pairs),
            "anybody": _rate_scores(*self.triggers),
        }


def _add_counts(into: list[int], *by: int) -> None:
    for place, number in enumerate(by):
        into[place] += number


def _rate_scores(hits: int, predicted: int, labelled: int) -> dict[str, float]:
    return {
        "precision": round(hits / predicted, 4) if predicted else 0.0,
        "recall": round(hits / labelled, 4) if labelled else 0.0,
        "f1": round(2 * hits / (predicted + labelled), 4)
        if predicted + labelled
        else 0.0,
    }


@dataclass(slots=True)
class Report:
    """The outcome over all files. `seconds` is the time that reading ahead of the
    policy and its decisions took."""

    policy: Tally = field(default_factory=Tally)
    rules: dict[str, Tally] = field(
        default_factory=lambda: {name: Tally() for name in RULES}
    )
    files: int = 0
    messages: int = 0
    triggers: int = 0
    unaddressed: int = 0
    overlapping: int = 0
    """Triggers that name none of the five and were given to two or more."""
    seconds: float = 0.0

    def as_json(self) -> dict[str, Any]:
        """The report as plain data; `who` and `anybody` at the top are the policy's."""
        policy = self.policy.scores()
        return {
            "policy": policy,
            "rules": {name: tally.scores() for name, tally in self.rules.items()},
            **policy,
            "triggers": self.triggers,
            "files": self.files,
            "messages": self.messages,
            "overlap_unaddressed": self.overlapping / self.unaddressed
            if self.unaddressed
            else 0.0,
            "messages_per_second": round(self.messages / self.seconds, 1)
            if self.seconds
            else 0.0,
        }


def read_log(file: Path) -> Log | None:
    """One file, or None when it is too short to judge (under 50 messages or two
    people). A line that is no message is a ConfigurationError that names it."""
    said = list(_read_lines(file))
    active = Counter(one.utterance.author for one in said if one.human).most_common(
        BOTS
    )
    if len(said) < LEAST_MESSAGES or len(active) < 2:
        return None
    return Log(file.name, said, tuple(author for author, _ in active))


def _read_lines(file: Path) -> Iterator[RecordedMessage]:
    with file.open(
        encoding="utf-8", errors="replace"
    ) as stream:  # what is no text is no message either
        for number, text in enumerate(stream, 1):
            if not text.strip():
                continue
            try:
                yield _read_said(json.loads(text))
            except (ValueError, KeyError, TypeError, AttributeError):
                raise ConfigurationError(
                    f"{file}:{number}: no message (id, author, ts, content)"
                ) from None


def _read_said(row: dict[str, Any]) -> RecordedMessage:
    author = str(row["author"])
    moment = datetime.fromisoformat(str(row["ts"]).replace("Z", "+00:00"))
    links = [*(row.get("replies_to") or ()), row.get("reply_to")]
    return RecordedMessage(
        Utterance(
            message_id=str(row["id"]),
            author=author,
            text=str(row["content"]),
            at_ms=int(moment.timestamp() * 1000),
            names=(author,),
        ),
        human=not row.get("author_is_bot", False),
        annotated=row.get("annotated", True) is not False,
        answers=frozenset(str(link) for link in links if link is not None),
    )


class Simple:
    """The simple rules that the policy is measured against, for one file."""

    def __init__(self, bots: Sequence[str]) -> None:
        self._bots = frozenset(bots)
        self._last: str | None = None
        self._spoke_to: dict[str, deque[tuple[str, int]]] = {}

    def decide(self, room: Room, utterance: Utterance) -> dict[str, set[str]]:
        """The choice of each rule, before the utterance is observed."""
        named = {one for one in room.read(utterance).named if one in self._bots}
        spoke = self._spoke_to.get(utterance.author)
        lately = (
            {spoke[-1][0]}
            if spoke and utterance.at_ms - spoke[-1][1] <= SPOKE_LATELY_MS
            else set()
        )
        last = {self._last} if self._last is not None else set()
        return {
            "named": named,
            "named_else_last": named or lately,
            "last": last,
            "all": set(self._bots),
        }

    def observe(self, room: Room, utterance: Utterance) -> None:
        """Keep what the rules need of an utterance; call it before the room observes the
        utterance."""
        if utterance.author in self._bots:
            self._last = utterance.author
            for other in room.read(utterance).named:
                self._spoke_to.setdefault(other, deque(maxlen=1)).append(
                    (utterance.author, utterance.at_ms)
                )


def judge(
    files: Iterable[Path],
    policy: Policy,
    progress: Callable[[Path], None] | None = None,
) -> Report:
    """Score the policy and the simple rules over files."""
    report = Report()
    for file in files:
        log = read_log(file)
        if log is not None:
            _judge_log(log, policy, report)
        if progress is not None:
            progress(file)
    return report


def _judge_log(log: Log, policy: Policy, report: Report) -> None:
    """The policy first and alone, so that its time is its own; then the rules over the
    same utterances."""
    chosen: dict[str, set[str]] = {}
    triggers, bots = log.find_triggers(), log.bots
    room = Room({bot: (bot,) for bot in bots})
    started = time.perf_counter()
    for one in log.said:
        if one.utterance.message_id in triggers:
            chosen[one.utterance.message_id] = who_answers(
                room, one.utterance, bots, policy
            )
        room.observe(one.utterance)
    report.seconds += time.perf_counter() - started
    labels, simple = log.find_labels(bots), Simple(bots)
    room = Room({bot: (bot,) for bot in bots})
    for one in log.said:
        if one.utterance.message_id in triggers:
            label = labels.get(one.utterance.message_id, set())
            rules = simple.decide(room, one.utterance)
            report.policy.add(chosen[one.utterance.message_id], label)
            for name, answer in rules.items():
                report.rules[name].add(answer, label)
            report.unaddressed += not rules["named"]
            report.overlapping += (
                not rules["named"] and len(chosen[one.utterance.message_id]) > 1
            )
        simple.observe(room, one.utterance)
        room.observe(one.utterance)
    report.files += 1
    report.messages += len(log.said)
    report.triggers += len(triggers)


def run(files: list[Path], json_out: Path | None = None) -> dict[str, Any]:
    """`the-stream replay --judge`: score the shipped policy, print a table, and write
    the report as JSON."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(
        console=console, transient=True, disable=not console.is_terminal
    ) as bar:
        task = bar.add_task("judging", total=len(files))
        report = judge(files, shipped_policy(), lambda _: bar.advance(task)).as_json()
    if report["files"] == 0:
        raise ConfigurationError(
            "No file is long enough to judge: at least 50 messages and two people."
        )
    _print_report(report)
    if json_out is not None:
        json_out.write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    return report


def _print_report(report: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(
        title=f"Who answers: {report['triggers']:,} messages of {report['files']} files"
    )
    for heading in (
        "",
        "who: precision",
        "recall",
        "F1",
        "anybody: precision",
        "recall",
        "F1",
    ):
        table.add_column(heading, justify="left" if not heading else "right")
    for name, scores in [*report["rules"].items(), ("policy", report["policy"])]:
        cells = [
            f"{scores[kind][part]:.2f}"
            for kind in ("who", "anybody")
            for part in ("precision", "recall", "f1")
        ]
        table.add_row(
            name.replace("_", " "), *cells, style="bold" if name == "policy" else None
        )
    console = Console()
    console.print(table)
    console.print(
        f"Two answers to a message that names nobody: {report['overlap_unaddressed']:.1%}. "
        f"{report['messages_per_second']:,.0f} messages a second."
    )
