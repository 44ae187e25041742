"""Whether the right character answers: `python -m app.lab.experts DIR`.

DIR holds `characters/*.yaml`, `dev.jsonl` (a line each: `text`, `expert` or null,
`also`, `lang`) and `scenes_dev.json`. Every figure is of the live decision: each
character's bid by `app.rules.judging.judge` in a channel that all of them watch, and
the best bidder that can act, as Redis elects it.
"""

from __future__ import annotations

import argparse
import json
import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from app.domain.character import Character, load_characters
from app.domain.errors import ConfigurationError
from app.domain.model import Bid, Event, RosterEntry
from app.likeness.encoder import Encoder, best_backend
from app.likeness.space import Space
from app.likeness.subjects import Subjects
from app.rules.addressing import addressing
from app.rules.bids import tie_break
from app.rules.features import features
from app.rules.interests import Likeness
from app.rules.judging import Rulebook, judge
from app.rules.policy import Policy, shipped_policy
from app.rules.profile import Profile, profile_of
from app.rules.room import Room, Turn
from app.rules.signals import Facts, Thresholds

CHANNEL, SOMEBODY = "5", "999"
"""Discord ids of the channel and of whoever speaks."""
PAUSE_MS = 30_000
"""Between two lines, unless a test says otherwise."""
COOLDOWN_MS = 60_000
FAR_BELOW = 3.0
"""Bits below the best bid from which a bidder does not stand in for it, as in
`elect.lua`."""
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
"""Bare lines that only make sense to whoever spoke before."""
SMALL_TALK = (
    ("ana", "ben: did you bring it?"),
    ("ben", "ana: yes, it is in the car"),
    ("ana", "ben: good, put it on the table then"),
    ("ben", "ana: will do"),
)


@dataclass(frozen=True, slots=True)
class Line:
    """One labelled line. `experts` are all bots that may answer; none: nobody should."""

    text: str
    expert: str | None
    experts: frozenset[str]
    lang: str


@dataclass(slots=True)
class Score:
    """How a test ended, in lines."""

    right: int = 0
    wrong: int = 0
    silent: int = 0
    waiting: int = 0
    """Of `right`: the expert answers when its cooldown ends."""

    def add(self, chosen: str | None, experts: frozenset[str], waits: bool) -> None:
        """Count one line."""
        self.right += chosen in experts
        self.waiting += waits and chosen in experts
        self.wrong += chosen is not None and chosen not in experts
        self.silent += chosen is None

    def shares(self) -> dict[str, float]:
        """The counts as shares of all lines."""
        total = max(1, self.right + self.wrong + self.silent)
        names = ("right", "wrong", "silent", "waiting")
        return {name: round(getattr(self, name) / total, 3) for name in names}


@dataclass(slots=True)
class Scene:
    """One channel in the making."""

    room: Room
    now_ms: int = 10_000_000
    number: int = 0
    cooled: dict[str, int] = field(default_factory=dict)
    """Until when a bot may not answer unasked, in ms."""

    def turn(self, author: str, text: str, reply_to: str | None = None) -> Turn:
        """The next message. Message ids rise with each."""
        self.number += 1
        name = str((self.now_ms << 22) + self.number)
        return Turn(name, author, text, self.now_ms, (author,), reply_to)


class Stage:
    """Characters, and what they decide: by words alone, or with an encoder."""

    def __init__(
        self,
        characters: Mapping[str, Character],
        policy: Policy,
        encoder: Encoder | None = None,
    ) -> None:
        self._subjects = (
            Subjects(characters, encoder, Space(encoder)) if encoder else None
        )
        self._read: dict[str, Mapping[str, Likeness]] = {}
        self.names = {bot: one.names for bot, one in characters.items()}
        self._profiles: dict[str, Profile] = {
            bot: profile_of(one) for bot, one in characters.items()
        }
        self._rules = Rulebook(policy, Thresholds())
        self._roster = tuple(
            RosterEntry(bot=bot, user_id=str(place), names=names, channels=(CHANNEL,))
            for place, (bot, names) in enumerate(self.names.items(), 1)
        )

    def scene(self) -> Scene:
        """An empty channel that knows the bots."""
        return Scene(Room(self.names))

    def bids(self, scene: Scene, turn: Turn) -> dict[str, Bid]:
        """The bids of all that want to answer."""
        event = Event(
            message_id=turn.message_id,
            channel_id=CHANNEL,
            author_id=SOMEBODY,
            author_name=turn.author,
            content=turn.text,
        )
        spoken_to = addressing(event, self._roster, PEOPLE)
        target = scene.room.read(turn).target
        likeness = self._likeness(turn.text)
        found: dict[str, Bid] = {}
        for bot, profile in self._profiles.items():
            judged = judge(
                event=event,
                bot=bot,
                facts=Facts(watched=True, colleagues=target in self.names),
                addressing=spoken_to,
                table=partial(features, scene.room, turn, bot),
                rules=self._rules,
                profile=profile,
                likeness=likeness.get(bot),
            )
            if judged.bid is not None and judged.bid.above_threshold:
                found[bot] = judged.bid
        return found

    def _likeness(self, text: str) -> Mapping[str, Likeness]:
        if self._subjects is None:
            return {}
        # Every test reads the same lines, and reading is the dear part.
        if text not in self._read:
            self._read[text] = self._subjects.read(text)
        return self._read[text]

    def say(self, scene: Scene, author: str, text: str) -> tuple[str | None, bool]:
        """One line of a person's; who answers it, and whether that one waits for its
        cooldown. The line is kept, the answer is not."""
        turn = scene.turn(author, text)
        chosen, waits = _elected(scene, turn, self.bids(scene, turn))
        scene.room.observe(turn)
        return chosen, waits

    def answer(self, scene: Scene, bot: str, text: str = ANSWER) -> None:
        """The bot replies to the newest line, five seconds later."""
        scene.now_ms += 5_000
        last = scene.room.recent[-1].message_id
        scene.room.observe(scene.turn(bot, text, last))
        scene.cooled[bot] = scene.now_ms + COOLDOWN_MS


def _elected(
    scene: Scene, turn: Turn, bids: Mapping[str, Bid]
) -> tuple[str | None, bool]:
    """As `election.decide` chooses, of bots that differ in their cooldowns alone."""
    ranked = sorted(
        bids,
        key=lambda bot: (bids[bot].score, tie_break(bot, turn.message_id)),
        reverse=True,
    )
    able = [
        bot for bot in ranked if bids[bot].score >= bids[ranked[0]].score - FAR_BELOW
    ]
    free = [bot for bot in able if scene.cooled.get(bot, 0) <= scene.now_ms]
    if free:
        return free[0], False
    if able:
        return min(able, key=lambda bot: scene.cooled[bot]), True
    return None, False


# --- the tests


def fresh(stage: Stage, lines: Sequence[Line]) -> Score:
    """Each line in a channel where nothing was said before."""
    score = Score()
    for line in lines:
        score.add(*_first(stage.say(stage.scene(), "ana", line.text), line.experts))
    return score


def switch(stage: Stage, lines: Sequence[Line]) -> Score:
    """Each line by a person whom another bot has just answered."""
    score = Score()
    for line in lines:
        for other in stage.names:
            if other not in line.experts:
                scene = _answered(stage, other)
                said = stage.say(scene, "ana", line.text)
                score.add(*_first(said, line.experts))
    return score


def busy(stage: Stage, lines: Sequence[Line]) -> tuple[Score, Score]:
    """All lines in one channel, by several people; whoever wins answers. The lines that
    have an expert, and those that have none."""
    known, null = Score(), Score()
    for seed in SEEDS:
        order = list(lines)
        random.Random(seed).shuffle(order)
        scene = stage.scene()
        for place, line in enumerate(order):
            scene.now_ms += PAUSE_MS
            chosen, waits = stage.say(scene, PEOPLE[place % len(PEOPLE)], line.text)
            (known if line.experts else null).add(chosen, line.experts, waits)
            if chosen is not None and not waits:
                stage.answer(scene, chosen)
    return known, null


def follow_ups(stage: Stage, lines: Sequence[Line]) -> Score:
    """Bare lines of a person whose question a bot has just answered."""
    score = Score()
    for place, line in enumerate(lines):
        for text in FOLLOW_UPS[place % 3 :: 3]:
            if line.expert is not None:
                scene = _answered(stage, line.expert, line.text)
                said = stage.say(scene, "ana", text)
                score.add(*_first(said, frozenset({line.expert})))
    return score


def later(stage: Stage, lines: Sequence[Line]) -> Score:
    """Lines that are nobody's, by a person whom a bot has answered."""
    score = Score()
    for bot in stage.names:
        for line in lines:
            for seconds in LATER_S:
                scene = _answered(stage, bot)
                scene.now_ms += seconds * 1000 - PAUSE_MS
                score.add(*_first(stage.say(scene, "ana", line.text), line.experts))
    return score


def two_people(stage: Stage, lines: Sequence[Line]) -> Score:
    """Each line between two people who call each other by name."""
    score = Score()
    for line in lines:
        scene = stage.scene()
        for author, text in SMALL_TALK:
            scene.room.observe(scene.turn(author, text))
            scene.now_ms += PAUSE_MS // 2
        score.add(*_first(stage.say(scene, "ana", line.text), line.experts))
    return score


def scenes(stage: Stage, told: Sequence[Mapping[str, object]]) -> Score:
    """The written scenes: the last line of each is the one to decide about."""
    score = Score()
    for one in told:
        scene = stage.scene()
        said = [(str(line["author"]), str(line["text"])) for line in _rows(one)]
        for author, text in said[:-1]:
            if author in stage.names:
                stage.answer(scene, author, text)
            else:
                scene.room.observe(scene.turn(author, text))
            scene.now_ms += PAUSE_MS // 2
        experts = _experts(one.get("expected"), one.get("also"))
        score.add(*_first(stage.say(scene, *said[-1]), experts))
    return score


def _rows(scene: Mapping[str, object]) -> list[dict[str, object]]:
    rows = scene["lines"]
    assert isinstance(rows, list)  # noqa: S101 - read_scenes looked
    return rows


def _answered(stage: Stage, bot: str, question: str = "hm, tell me something") -> Scene:
    """A channel where the bot has just answered a person."""
    scene = stage.scene()
    scene.room.observe(scene.turn("ana", question))
    stage.answer(scene, bot)
    # These tests ask who is right, not who has rested.
    scene.cooled.clear()
    scene.now_ms += PAUSE_MS
    return scene


def _first(
    said: tuple[str | None, bool], experts: frozenset[str]
) -> tuple[str | None, frozenset[str], bool]:
    return said[0], experts, said[1]


# --- reading and running


def _experts(expert: object, also: object) -> frozenset[str]:
    named = [expert] if isinstance(expert, str) else []
    more = also if isinstance(also, list) else []
    return frozenset(map(str, (*named, *more)))


def read_lines(file: Path) -> Iterator[Line]:
    """The labelled lines of a file; a bad one is a ConfigurationError that names it."""
    text = file.read_text(encoding="utf-8")
    for number, row in enumerate(text.splitlines(), 1):
        try:
            one = json.loads(row)
            expert = one["expert"]
            experts = _experts(expert, one.get("also"))
            yield Line(str(one["text"]), expert, experts, str(one.get("lang", "en")))
        except (ValueError, KeyError, TypeError, AttributeError):
            raise ConfigurationError(
                f"{file}:{number}: no labelled line (text, expert)"
            ) from None


def report(stage: Stage, folder: Path) -> dict[str, dict[str, float]]:
    """All tests over one folder: name -> shares."""
    lines = list(read_lines(folder / "dev.jsonl"))
    owned = [line for line in lines if line.experts]
    null = [line for line in lines if not line.experts]
    told = json.loads((folder / "scenes_dev.json").read_text(encoding="utf-8"))
    in_busy, null_in_busy = busy(stage, lines)
    tests: dict[str, Callable[[], Score]] = {
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
        "two people, nobody's": lambda: two_people(stage, null),
        "scenes": lambda: scenes(stage, told),
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
    figures = report(Stage(characters, shipped_policy(), encoder), folder)
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
