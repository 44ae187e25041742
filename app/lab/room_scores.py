"""What the room benchmark counts of one decider: on chat logs, on labelled lines for
experts, and on thoughts that people wrote in several lines."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from pathlib import Path

from app.domain.character import load_characters
from app.lab.deciders import NOBODY, Decider, MakeDecider, Participant, Patient
from app.lab.experts import (
    ExpertScore,
    ExpertStage,
    LabelledLine,
    busy,
    fresh,
    read_lines,
    switch,
)
from app.lab.judge import Log, RecordedMessage, Tally, read_log
from app.rules.room import Utterance

ONE_THOUGHT_MS = 10_000
"""Between two lines of an author, with nobody else's between them, that are one
thought."""
WHOLE_SECONDS_MS = 60_000


@dataclass(slots=True)
class ChatScore:
    """On chat logs: who of the five answers which message."""

    tally: Tally = field(default_factory=Tally)
    triggers: int = 0
    calls: int = 0
    """Of models: by the decider, and one for each answer."""
    unaddressed: int = 0
    piled: int = 0
    """Messages that name none of the bots, and of these those that two or more
    answer."""
    answered: int = 0
    messages: int = 0
    seconds: float = 0.0

    @property
    def rate(self) -> float:
        """Share of the messages that somebody answers."""
        return _share(self.answered, self.triggers)

    def figures(self) -> dict[str, float]:
        """The columns of the page, by name."""
        scores = self.tally.scores()
        return {
            "who F1": scores["who"]["f1"],
            "anybody F1": scores["anybody"]["f1"],
            "calls a message": _share(self.calls, self.triggers),
            "pile-ons": _share(self.piled, self.unaddressed),
            "ms a message": 1000 * _share(self.seconds, self.messages),
        }


@dataclass(slots=True)
class ThoughtScore:
    """On thoughts of several lines: how often they are answered."""

    thoughts: int = 0
    answered: int = 0
    replies: int = 0

    def figures(self) -> dict[str, float]:
        """The column of the page, by name; no figure where nothing is answered."""
        if not self.answered:
            return {}
        return {"replies a thought": self.replies / self.answered}


def read_logs(folder: Path) -> list[Log]:
    """The logs of a folder that are long enough to judge."""
    logs = [read_log(file) for file in sorted(folder.glob("*.jsonl"))]
    return [log for log in logs if log is not None]


def score_chat(logs: Sequence[Log], make: MakeDecider) -> ChatScore:
    """Decide about each message of a person who stands for no bot."""
    score = ChatScore()
    for log in logs:
        _score_log(log, make, score)
    return score


def _participants(log: Log) -> list[Participant]:
    return [Participant(bot, (bot,)) for bot in log.bots]


def _score_log(log: Log, make: MakeDecider, score: ChatScore) -> None:
    decider = make(_participants(log))
    triggers, labels = log.find_triggers(), log.find_labels(log.bots)
    called = _named_ids(log)
    # Processor time: the wall clock would measure what else the machine does.
    started = time.process_time()
    for one in log.said:
        utterance = one.utterance
        if utterance.message_id in triggers:
            chosen = set(decider.decide(utterance, NOBODY))
            score.tally.add(chosen, labels.get(utterance.message_id, set()))
            score.calls += len(chosen)
            score.answered += bool(chosen)
            unaddressed = utterance.message_id not in called
            score.unaddressed += unaddressed
            score.piled += unaddressed and len(chosen) > 1
        # Afterwards: nobody knows of a message that it decides about more than it says.
        decider.observe(utterance)
    score.seconds += time.process_time() - started
    score.calls += getattr(decider, "model_calls", 0)
    score.triggers += len(triggers)
    score.messages += len(log.said)


def _named_ids(log: Log) -> set[str]:
    """Messages that hold the name of one of the bots as a word."""
    names = {bot.casefold() for bot in log.bots}
    return {
        one.utterance.message_id
        for one in log.said
        if not names.isdisjoint(_tokens(one.utterance.text))
    }


def _tokens(text: str) -> Iterator[str]:
    return (part.strip("@,:;.!?()") for part in text.casefold().split())


# --- thoughts


def thoughts_of(log: Log) -> list[list[RecordedMessage]]:
    """The log cut into thoughts, single lines included."""
    found: list[list[RecordedMessage]] = []
    for one in log.said:
        last = found[-1][-1].utterance if found else None
        if (
            last is not None
            and last.author == one.utterance.author
            and one.utterance.at_ms - last.at_ms <= ONE_THOUGHT_MS
        ):
            found[-1].append(one)
        else:
            found.append([one])
    return found


def has_seconds(log: Log) -> bool:
    """Whether the log tells seconds. By minutes nobody knows what belongs together."""
    return any(one.utterance.at_ms % WHOLE_SECONDS_MS for one in log.said)


def score_thoughts(logs: Sequence[Log], make: MakeDecider) -> ThoughtScore:
    """Let people write as they did; thoughts of several lines are counted."""
    score = ThoughtScore()
    for log in filter(has_seconds, logs):
        decider, bots = make(_participants(log)), set(log.bots)
        for thought in thoughts_of(log):
            # A single line cannot be answered twice: it would only flatter the figure.
            if thought[0].utterance.author in bots or len(thought) == 1:
                _observe_all(decider, thought)
            else:
                replies = _replies(decider, [one.utterance for one in thought])
                score.thoughts += 1
                score.answered += replies > 0
                score.replies += replies
    return score


def _observe_all(decider: Decider, thought: Sequence[RecordedMessage]) -> None:
    for one in thought:
        decider.observe(one.utterance)


def _replies(decider: Decider, lines: Sequence[Utterance]) -> int:
    """How many answers the lines of one thought get."""
    replies, answered_ms = 0, -1
    waiting: list[Utterance] = []
    answered: list[Utterance] = []
    for line, following in zip_longest(lines, lines[1:]):
        waiting.append(line)
        waits = _goes_on(decider, waiting, following)
        if not waits and _is_answered(decider, line, answered, answered_ms):
            answered = [*answered, line]
        elif not waits:
            chosen = set(decider.decide(_as_one(waiting), NOBODY))
            replies += len(chosen)
            if chosen:
                answered, answered_ms = waiting, line.at_ms + _wait_ms(decider, waiting)
        if not waits:
            waiting = []
        decider.observe(line)
    return replies


def _goes_on(
    decider: Decider, lines: Sequence[Utterance], following: Utterance | None
) -> bool:
    """Whether the decider still waits when the next line comes."""
    if following is None:
        return False
    return following.at_ms - lines[-1].at_ms < _wait_ms(decider, lines)


def _wait_ms(decider: Decider, lines: Sequence[Utterance]) -> int:
    return decider.wait_ms(lines) if isinstance(decider, Patient) else 0


def _is_answered(
    decider: Decider, line: Utterance, lines: Sequence[Utterance], at_ms: int
) -> bool:
    return (
        bool(lines)
        and isinstance(decider, Patient)
        and decider.is_afterthought(line, lines, at_ms)
    )


def _as_one(lines: Sequence[Utterance]) -> Utterance:
    """Several lines as the last one, which says all of them."""
    text = "\n".join(line.text for line in lines)
    return replace(lines[-1], text=text) if len(lines) > 1 else lines[-1]


# --- experts


def score_experts(folder: Path, make: MakeDecider) -> dict[str, float]:
    """The columns about experts, by name, for a folder as `app.lab.experts` reads
    it."""
    stage = ExpertStage(load_characters(folder / "characters"), make)
    lines = list(read_lines(folder / "dev.jsonl"))
    owned = [line for line in lines if line.experts]
    null = [line for line in lines if not line.experts]
    in_fresh, nobodys, after = fresh(stage, owned), fresh(stage, null), ExpertScore()
    if len(stage.names) > 1:
        after = switch(stage, owned)
    in_busy, _ = _counted_busy(stage, lines)
    return {
        **_rates("fresh", in_fresh),
        "false speech": nobodys.shares()["wrong"],
        "answered": _share(len(lines) - in_fresh.silent - nobodys.silent, len(lines)),
        **_rates("switch", after),
        **_rates("busy", in_busy),
        "calls a message": _share(stage.calls, stage.messages),
        "ms a message": 1000 * _share(stage.seconds, stage.messages),
    }


def _counted_busy(
    stage: ExpertStage, lines: Sequence[LabelledLine]
) -> tuple[ExpertScore, ExpertScore]:
    """The busy channel, whose costs are counted alone: it is the one like a real
    channel."""
    stage.messages = stage.calls = 0
    stage.seconds = 0.0
    return busy(stage, lines)


def _rates(test: str, score: ExpertScore) -> dict[str, float]:
    shares = score.shares()
    return {f"{test} right": shares["right"], f"{test} wrong": shares["wrong"]}


def _share(part: float, whole: float) -> float:
    return part / whole if whole else 0.0
