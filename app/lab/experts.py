"""Whether the right character answers: `python -m app.lab.experts DIR`.

DIR holds `characters/*.yaml`, `dev.jsonl` (a line each: `text`, `expert` or null,
`also`, `lang`) and `scenes_dev.json`. Every figure is of the live decision: each
character's bid by `app.rules.judging.judge` in a channel that all of them watch, and
the best bidder that can act, as Redis elects it. The room benchmark scores others by
the same tests.
"""

from __future__ import annotations

import argparse
import json
import random
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from app.domain.character import Character, load_characters
from app.domain.errors import ConfigurationError
from app.lab.deciders import Decider, MakeDecider, Ours, Participant
from app.likeness.encoder import Encoder, best_backend
from app.rules.policy import shipped_policy
from app.rules.room import Utterance

PAUSE_MS = 30_000
"""Between two lines, unless a test says otherwise."""
COOLDOWN_MS = 60_000
LATER_S = (30, 120, 280)
"""How long after an answer an unrelated line is said."""
SEEDS = (1, 2, 3)
"""Orders in which the lines of the busy channel come."""
PEOPLE = ("ana", "ben", "kim", "sam", "lou", "max")
ANSWER = "It depends, mostly on the weather."
"""What a bot says in these scenes: nothing to do with any subject."""
FOLLOW_UPS = (
    "and how long?",
    "why is that?",
    "with what?",
    "are you sure?",
    "how do you mean",
    "what about the other one?",
    "ok and then?",
    "does it hurt?",
    "which ones",
    "for how many days?",
    "like what",
    "and for kids?",
    "I did that already",
    "never heard of it, where is it from",
    "since tuesday",
    "wie lange dauert das?",
    "und bei kälte?",
    "¿y cuánto cuesta?",
    "et si ça marche pas ?",
    "почему так?",
    "peki sonra?",
)
"""Bare lines that only make sense to the last speaker."""
SMALL_TALK = (
    ("ana", "ben: did you bring it?"),
    ("ben", "ana: yes, it is in the car"),
    ("ana", "ben: good, put it on the table then"),
    ("ben", "ana: will do"),
)


@dataclass(frozen=True, slots=True)
class LabelledLine:
    """One labelled line. `experts` are all bots that may answer; none: nobody should."""

    text: str
    expert: str | None
    experts: frozenset[str]
    lang: str


@dataclass(frozen=True, slots=True)
class Choice:
    """Who answers a line, and whether all of them wait for their cooldowns."""

    bots: frozenset[str]
    waits: bool = False


@dataclass(slots=True)
class ExpertScore:
    """How a test ended, in lines."""

    right: int = 0
    wrong: int = 0
    silent: int = 0
    waiting: int = 0
    """Of `right`: the expert answers when its cooldown ends."""

    several: int = 0
    """Lines that two or more answer."""

    def add(self, choice: Choice, experts: frozenset[str]) -> None:
        """Count one line. It is right where all who answer are experts."""
        right = bool(choice.bots) and choice.bots <= experts
        self.right += right
        self.waiting += choice.waits and right
        self.wrong += bool(choice.bots) and not right
        self.silent += not choice.bots
        self.several += len(choice.bots) > 1

    def shares(self) -> dict[str, float]:
        """The counts as shares of all lines."""
        total = max(1, self.right + self.wrong + self.silent)
        names = ("right", "wrong", "silent", "waiting")
        return {name: round(getattr(self, name) / total, 3) for name in names}


@dataclass(slots=True)
class ExpertScene:
    """One channel in the making."""

    decider: Decider
    now_ms: int = 10_000_000
    number: int = 0
    newest: str = ""
    """Id of the newest message."""
    cooled: dict[str, int] = field(default_factory=dict)
    """Until when a bot may not answer unasked, in ms."""

    def utterance(
        self, author: str, text: str, reply_to: str | None = None
    ) -> Utterance:
        """The next message. Message ids rise with each."""
        self.number += 1
        name = str((self.now_ms << 22) + self.number)
        return Utterance(name, author, text, self.now_ms, (author,), reply_to)

    def observe(self, utterance: Utterance) -> None:
        """Keep a message."""
        self.decider.observe(utterance)
        self.newest = utterance.message_id


class ExpertStage:
    """Characters, and whatever decides which of them answers."""

    def __init__(self, characters: Mapping[str, Character], make: MakeDecider) -> None:
        self.names = tuple(characters)
        self._make = make
        self._bots = [
            Participant(bot, one.names, one) for bot, one in characters.items()
        ]
        self.messages = self.calls = 0
        """Messages decided about, and model calls of deciders and of answers."""
        self.seconds = 0.0
        """Processor time of deciding and observing."""

    def scene(self) -> ExpertScene:
        """An empty channel that knows the bots."""
        return ExpertScene(self._make(self._bots))

    def say(self, scene: ExpertScene, author: str, text: str) -> Choice:
        """One line of a person's, and who answers it. The line is kept, the answer is
        not."""
        utterance, decider = scene.utterance(author, text), scene.decider
        resting = frozenset(
            bot for bot, until in scene.cooled.items() if until > scene.now_ms
        )
        before = getattr(decider, "model_calls", 0)
        started = time.process_time()
        bots = frozenset(decider.decide(utterance, resting))
        scene.observe(utterance)
        self.seconds += time.process_time() - started
        self.messages += 1
        self.calls += getattr(decider, "model_calls", 0) - before + len(bots)
        return Choice(bots, bool(bots) and bots <= resting)

    def answer(self, scene: ExpertScene, bot: str, text: str = ANSWER) -> None:
        """The bot replies to the newest line, five seconds later."""
        scene.now_ms += 5_000
        scene.observe(scene.utterance(bot, text, scene.newest))
        scene.cooled[bot] = scene.now_ms + COOLDOWN_MS


# --- the tests


def fresh(stage: ExpertStage, lines: Sequence[LabelledLine]) -> ExpertScore:
    """Each line in a channel where nothing was said before."""
    score = ExpertScore()
    for line in lines:
        score.add(stage.say(stage.scene(), "ana", line.text), line.experts)
    return score


def switch(stage: ExpertStage, lines: Sequence[LabelledLine]) -> ExpertScore:
    """Each line by a person whom another bot has just answered."""
    score = ExpertScore()
    for line in lines:
        for other in stage.names:
            if other not in line.experts:
                scene = _answered(stage, other)
                said = stage.say(scene, "ana", line.text)
                score.add(said, line.experts)
    return score


def busy(
    stage: ExpertStage, lines: Sequence[LabelledLine]
) -> tuple[ExpertScore, ExpertScore]:
    """All lines in one channel, by several people; the winner answers. The lines that
    have an expert, and those that have none."""
    known, null = ExpertScore(), ExpertScore()
    for seed in SEEDS:
        order = list(lines)
        random.Random(seed).shuffle(order)
        scene = stage.scene()
        for place, line in enumerate(order):
            scene.now_ms += PAUSE_MS
            choice = stage.say(scene, PEOPLE[place % len(PEOPLE)], line.text)
            (known if line.experts else null).add(choice, line.experts)
            for bot in sorted(choice.bots) if not choice.waits else ():
                stage.answer(scene, bot)
    return known, null


def follow_ups(stage: ExpertStage, lines: Sequence[LabelledLine]) -> ExpertScore:
    """Bare lines of a person whose question a bot has just answered."""
    score = ExpertScore()
    for place, line in enumerate(lines):
        for text in FOLLOW_UPS[place % 3 :: 3]:
            if line.expert is not None:
                scene = _answered(stage, line.expert, line.text)
                said = stage.say(scene, "ana", text)
                score.add(said, frozenset({line.expert}))
    return score


def later(stage: ExpertStage, lines: Sequence[LabelledLine]) -> ExpertScore:
    """Lines that are nobody's, by a person whom a bot has answered."""
    score = ExpertScore()
    for bot in stage.names:
        for line in lines:
            for seconds in LATER_S:
                scene = _answered(stage, bot)
                scene.now_ms += seconds * 1000 - PAUSE_MS
                score.add(stage.say(scene, "ana", line.text), line.experts)
    return score


def two_people(stage: ExpertStage, lines: Sequence[LabelledLine]) -> ExpertScore:
    """Each line between two people who call each other by name."""
    score = ExpertScore()
    for line in lines:
        scene = stage.scene()
        for author, text in SMALL_TALK:
            scene.observe(scene.utterance(author, text))
            scene.now_ms += PAUSE_MS // 2
        score.add(stage.say(scene, "ana", line.text), line.experts)
    return score


def scenes(stage: ExpertStage, recorded: Sequence[Mapping[str, object]]) -> ExpertScore:
    """The written scenes: the last line of each is the one to decide about."""
    score = ExpertScore()
    for one in recorded:
        scene = stage.scene()
        said = [(str(line["author"]), str(line["text"])) for line in _rows(one)]
        for author, text in said[:-1]:
            if author in stage.names:
                stage.answer(scene, author, text)
            else:
                scene.observe(scene.utterance(author, text))
            scene.now_ms += PAUSE_MS // 2
        experts = _experts(one.get("expected"), one.get("also"))
        score.add(stage.say(scene, *said[-1]), experts)
    return score


def _rows(scene: Mapping[str, object]) -> list[dict[str, object]]:
    rows = scene["lines"]
    assert isinstance(rows, list)  # noqa: S101 - read_scenes looked
    return rows


def _answered(
    stage: ExpertStage, bot: str, question: str = "hm, tell me something"
) -> ExpertScene:
    """A channel where the bot has just answered a person."""
    scene = stage.scene()
    scene.observe(scene.utterance("ana", question))
    stage.answer(scene, bot)
    # These tests ask who is right, not who has rested.
    scene.cooled.clear()
    scene.now_ms += PAUSE_MS
    return scene


# --- reading and running


def _experts(expert: object, also: object) -> frozenset[str]:
    named = [expert] if isinstance(expert, str) else []
    more = also if isinstance(also, list) else []
    return frozenset(map(str, (*named, *more)))


def read_lines(file: Path) -> Iterator[LabelledLine]:
    """The labelled lines of a file; a bad one is a ConfigurationError that names it."""
    text = file.read_text(encoding="utf-8")
    for number, row in enumerate(text.splitlines(), 1):
        try:
            one = json.loads(row)
            expert = one["expert"]
            experts = _experts(expert, one.get("also"))
            yield LabelledLine(
                str(one["text"]), expert, experts, str(one.get("lang", "en"))
            )
        except (ValueError, KeyError, TypeError, AttributeError):
            raise ConfigurationError(
                f"{file}:{number}: no labelled line (text, expert)"
            ) from None


def report(stage: ExpertStage, folder: Path) -> dict[str, dict[str, float]]:
    """All tests over one folder: name -> shares."""
    lines = list(read_lines(folder / "dev.jsonl"))
    owned = [line for line in lines if line.experts]
    null = [line for line in lines if not line.experts]
    recorded = json.loads((folder / "scenes_dev.json").read_text(encoding="utf-8"))
    in_busy, null_in_busy = busy(stage, lines)
    tests: dict[str, Callable[[], ExpertScore]] = {
        "fresh room": lambda: fresh(stage, owned),
        "other languages": lambda: fresh(
            stage, [line for line in owned if line.lang != "en"]
        ),
        "nobody's, fresh room": lambda: fresh(stage, null),
        "switch": lambda: switch(stage, owned),
        "busy": lambda: in_busy,
        "nobody's, busy": lambda: null_in_busy,
        "follow-ups": lambda: follow_ups(stage, owned),
        "later, nobody's": lambda: later(stage, null),
        "two people": lambda: two_people(stage, owned),
        "two people, nobody's": lambda: two_people(stage, null),
        "scenes": lambda: scenes(stage, recorded),
    }
    return {name: test().shares() for name, test in tests.items()}


def show(figures: Mapping[str, Mapping[str, float]]) -> None:
    """A table on the terminal. Where nobody should answer, silence is right."""
    from rich.console import Console
    from rich.table import Table

    table = Table(title="Who knows, answers")
    for heading in ("", "right", "wrong", "silent", "of right: waiting"):
        table.add_column(heading, justify="left" if not heading else "right")
    for name, shares in figures.items():
        table.add_row(name, *(f"{value:.1%}" for value in shares.values()))
    Console().print(table)


def main(folder: Path, interest: str = "encoder", json_out: Path | None = None) -> None:
    """Score the shipped policy, print a table, and write the figures as JSON."""
    characters = load_characters(folder / "characters")
    encoder = Encoder(best_backend) if interest == "encoder" else None
    figures = report(ExpertStage(characters, Ours(shipped_policy(), encoder)), folder)
    show(figures)
    if json_out is not None:
        json_out.write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--interest", choices=("words", "encoder"), default="encoder")
    parser.add_argument("--json", type=Path, default=None)
    given = parser.parse_args()
    main(given.folder, given.interest, given.json)
