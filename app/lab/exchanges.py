"""Thirty consecutive exchanges of a folder's characters in one room, to be read by a
person: `python -m app.lab.exchanges DIR [--seed 30] [--count 30]`.

DIR holds `characters/*.yaml`, and `dev.jsonl` as `app.lab.experts` reads it, or else the
characters' example sentences are what people say. Who answers is the live decision with
cooldowns, what is said the offline voice; both know only what came before.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from app.brain.voice import OfflineVoice, VoiceScene, packed
from app.domain.character import Character, load_characters
from app.lab.deciders import Ours
from app.lab.experts import PEOPLE, Choice, ExpertStage, LabelledLine, read_lines
from app.lab.experts import ExpertScene as Channel
from app.likeness.encoder import Encoder, best_backend
from app.rules.policy import shipped_policy

from langchain_core.messages import HumanMessage  # isort: skip

T = TypeVar("T")
COUNT, SEED = 30, 30
RECENT = 30
"""Own lines that a voice remembers."""
PAUSES_S = (20, 90)
"""Between two exchanges."""
NOBODYS = (
    "brb dinner",
    "morning all",
    "lol same",
    "who has the spare key?",
    "my wifi is so slow today",
    "ok im off, see you tomorrow",
    "did you get my mail?",
    "haha yeah",
)
"""Small talk, where a folder brings none."""
FOLLOW_UPS = ("why is that?", "are you sure?", "how do you mean", "ok and then?")
THANKS = ("thanks!", "thx, that helps", "ah ok, thank you")
KINDS = ("subject", "follow-up", "thanks", "call", "nobody's")
WEIGHTS = (48, 17, 6, 9, 20)


@dataclass(frozen=True, slots=True)
class ExchangeLine:
    """One line of the room. `bot`: one of the characters wrote it."""

    author: str
    text: str
    bot: bool


class Play:
    """People who talk by a script with a fixed seed, and the characters that
    answer."""

    def __init__(
        self,
        characters: Mapping[str, Character],
        lines: Sequence[LabelledLine],
        encoder: Encoder,
        seed: int = SEED,
    ) -> None:
        self._characters = characters
        self._stage = ExpertStage(characters, Ours(shipped_policy(), encoder))
        self._voices = {
            bot: OfflineVoice(character=one, encoder=encoder, seed=seed)
            for bot, one in characters.items()
        }
        self._said: dict[str, list[str]] = {bot: [] for bot in characters}
        self._chance = random.Random(seed)
        self._subjects = self._shuffled([line for line in lines if line.experts])
        null = [line.text for line in lines if not line.experts]
        self._nobodys = self._shuffled(null or list(NOBODYS))
        self._answered = ""
        """Whom a bot has just answered; empty: nobody."""

    def _shuffled(self, lines: Sequence[T]) -> Iterator[T]:
        order = list(lines)
        # Each line once before any comes a second time.
        while order:
            self._chance.shuffle(order)
            yield from tuple(order)

    def exchanges(self, count: int) -> Iterator[list[ExchangeLine]]:
        """Each: a person's line, and whatever the characters make of it."""
        channel = self._stage.scene()
        for _ in range(count):
            channel.now_ms += 1000 * self._chance.randint(*PAUSES_S)
            author, text = self._next_line()
            choice = self._stage.say(channel, author, text)
            answers = list(self._answers(channel, choice, author, text))
            self._answered = author if answers else ""
            yield [ExchangeLine(author, text, False), *answers]

    def _next_line(self) -> tuple[str, str]:
        chance = self._chance
        kind = chance.choices(KINDS, WEIGHTS)[0]
        others = [one for one in PEOPLE if one != self._answered]
        if self._answered and kind in {"follow-up", "thanks"}:
            texts = FOLLOW_UPS if kind == "follow-up" else THANKS
            return self._answered, chance.choice(texts)
        if kind == "nobody's":
            return chance.choice(PEOPLE), next(self._nobodys)
        line = next(self._subjects)
        if kind == "call" and line.expert is not None:
            return chance.choice(others), f"{line.expert}, {line.text}"
        return chance.choice(others), line.text

    def _answers(
        self, channel: Channel, choice: Choice, author: str, text: str
    ) -> Iterator[ExchangeLine]:
        """Who is chosen answers, when it has rested, and unless it was not asked and
        does not know."""
        # All that were chosen rest: the room waits for the first of them.
        if choice.waits:
            channel.now_ms = min(channel.cooled[bot] for bot in choice.bots)
        # A bot that is called answers, even if it knows nothing of the subject.
        asked = any(f"{bot}," in text for bot in choice.bots)
        for bot in sorted(choice.bots):
            scene = VoiceScene(
                said=text,
                author=author,
                recent=tuple(self._said[bot][-RECENT:]),
                seed=channel.newest,
            )
            message = HumanMessage(text, additional_kwargs=packed(scene))
            if asked or self._voices[bot].knows([message]):
                words = self._voices[bot].say(scene)
                self._said[bot].append(words)
                self._stage.answer(channel, bot, words)
                yield ExchangeLine(self._characters[bot].display_name, words, True)


def read_script(
    folder: Path, characters: Mapping[str, Character]
) -> list[LabelledLine]:
    """What people say: the folder's labelled lines, or the characters' examples."""
    file = folder / "dev.jsonl"
    if file.is_file():
        return [line for line in read_lines(file) if line.lang == "en"]
    return [
        LabelledLine(text, bot, frozenset({bot}), "en")
        for bot, one in characters.items()
        for interest in one.interests
        for text in interest.examples
    ]


def page_of(exchanges: Iterator[list[ExchangeLine]]) -> str:
    """The room as a reader sees it."""
    lines = []
    for number, exchange in enumerate(exchanges, 1):
        lines.append(f"{number:2}. {exchange[0].author}: {exchange[0].text}")
        lines += [f"      **{one.author}**: {one.text}" for one in exchange[1:]]
    return "\n".join(lines) + "\n"


def main() -> None:
    """Print the exchanges."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--count", type=int, default=COUNT)
    given = parser.parse_args()
    characters = load_characters(given.folder / "characters")
    play = Play(
        characters,
        read_script(given.folder, characters),
        Encoder(best_backend),
        given.seed,
    )
    sys.stdout.write(page_of(play.exchanges(given.count)))


if __name__ == "__main__":
    main()
