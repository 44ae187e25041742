"""The fit of the space in which likeness is measured: what it learns from, and that it
learns."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from app.brain.embeddings import shared_encoder
from app.domain.safe_yaml import load_yaml
from app.lab import fit_space as module
from app.lab.fit_space import NOBODY, RELATED, Cast, CastReader, fit, lesson_of, scores
from app.lab.metric import Bot, Learner, Lesson, Metric, gradient, likeness_of
from app.likeness.encoder import Matrix, as_matrix
from app.likeness.space import (
    Measures,
    Space,
    matrix_of,
    ordinary_lines,
    shipped,
    write,
)
from app.likeness.subjects import JARGON, Subjects

CASTS = sorted((Path(__file__).parents[1] / "likeness/casts").glob("*.yaml"))
SCORED = sorted(Path(__file__).parent.rglob("dev.jsonl"))
FEW = """
characters:
  gus:
    - {name: engines, words: [motor, gearbox], examples: [My car will not start.]}
  mia:
    - {name: bread, words: [dough, oven], examples: [My sourdough did not rise.]}
lines:
  gus: [the clutch is gone, which oil does it need]
  mia: [how long do i knead it]
  nobody: [lol, see you at nine, brb dinner]
"""


def rows(count: int, seed: int, width: int = 12) -> Matrix:
    return as_matrix(np.random.default_rng(seed).normal(size=(count, width)))


def lesson(lines: int = 9) -> Lesson:
    """Two bots with eight sentences and twelve words each, behind 60 ordinary lines."""
    chance = np.random.default_rng(3)
    bots = [
        Bot(
            examples=np.arange(60 + 20 * place, 68 + 20 * place),
            words=np.arange(68 + 20 * place, 80 + 20 * place),
            kindred=chance.choice(60, 20, replace=False),
            against=chance.choice(60, 30, replace=False),
        )
        for place in range(2)
    ]
    answers = np.arange(lines) % 3
    told = np.ones((lines, 2), dtype=np.bool_)
    told[2, 0] = False
    return Lesson(
        bots=bots,
        anchors=rows(40, 1),
        lines=rows(lines, 2),
        known=0.1 * rows(lines, 4, 2),
        open=told,
        answers=answers,
        weights=as_matrix(1 + answers),
    )


def test_the_gradient_is_that_of_the_loss() -> None:
    """By finite differences, at some entries and in what nobody's lines need."""
    ordinary, told = rows(60, 5), lesson()
    metric = Metric(as_matrix(np.eye(12) + 0.1 * rows(12, 6)), 0.1)

    def loss(change: Callable[[Metric], None]) -> float:
        moved = Metric(metric.matrix.astype(np.float64), metric.nobody)
        change(moved)
        return gradient(moved, told, ordinary)[0]

    _, slope, rise = gradient(metric, told, ordinary)
    for place in ((0, 0), (3, 5), (11, 2)):

        def higher(moved: Metric, by: float, place: tuple[int, int] = place) -> None:
            moved.matrix[place] += by

        up = loss(lambda moved: higher(moved, 1e-3))
        down = loss(lambda moved: higher(moved, -1e-3))
        assert slope[place] == pytest.approx((up - down) / 2e-3, abs=2e-3)

    def surer(moved: Metric, by: float) -> None:
        moved.nobody += by

    up, down = loss(lambda one: surer(one, 1e-3)), loss(lambda one: surer(one, -1e-3))
    assert rise == pytest.approx((up - down) / 2e-3, abs=2e-3)


def test_what_tells_nothing_of_a_bot_moves_nothing() -> None:
    """A line that may be a bot's subject too is not held against that bot."""
    ordinary, told = rows(60, 5), lesson()
    metric = Metric(as_matrix(np.eye(12)))
    known = told.known.copy()
    known[2, 0] += 5
    loss, slope, _ = gradient(metric, told, ordinary)
    same, as_steep, _ = gradient(metric, replace(told, known=known), ordinary)
    assert loss == same
    assert np.array_equal(slope, as_steep)


def test_a_learner_finds_whose_a_line_is() -> None:
    """The loss falls, and more lines are nearest to whose they are."""
    ordinary, told = rows(60, 5), lesson(30)
    learner = Learner(as_matrix(np.eye(12)), ordinary)

    def right() -> int:
        nearest = likeness_of(learner.metric, told, ordinary).argmax(axis=1)
        return int((nearest == told.answers).sum())

    before, first = right(), learner.step(told)
    for _ in range(300):
        last = learner.step(told)
    assert last < first / 2
    assert right() > before


@pytest.fixture(scope="module")
def reader() -> CastReader:
    plain = shipped()
    return CastReader(shared_encoder(), Space(plain), plain.mean)


@pytest.fixture
def few(tmp_path: Path, reader: CastReader) -> Cast:
    file = tmp_path / "few.yaml"
    file.write_text(FEW, encoding="utf-8")
    return reader.cast(file)


def test_a_cast_is_measured_as_in_a_gateway(few: Cast) -> None:
    """What is learned from is the likeness that a bid is made of, and what its words
    add: but for the rounding of bytes."""
    held = shipped()
    told = lesson_of(few, [])
    metric = Metric(matrix_of(held))
    lines = [line for texts in ordinary_lines().values() for line in texts]
    ordinary = shared_encoder().matrix(lines) - held.mean
    learned = likeness_of(metric, told, ordinary) - told.known
    space = Space(held)
    subjects = Subjects(few.characters, shared_encoder(), space)
    for row, line in enumerate(few.lines):
        spoken = JARGON * few.concerns.spoken_of(line.text)
        found = subjects.read(line.text)
        for place, bot in enumerate(few.characters):
            live = found[bot].subject - float(spoken[place])
            assert learned[row, place] == pytest.approx(live, abs=0.01), line.text


def test_a_line_of_another_cast_is_nobodys_unless_it_may_be_somebodys(
    few: Cast,
) -> None:
    """A second baker's line says nothing of the first, and is not the mechanic's."""
    line = next(line for line in few.lines if line.bot == "mia")
    told = lesson_of(few, [(line, few.centres["mia"])])
    assert told.open[-1].tolist() == [True, False]
    assert told.answers[-1] == len(few.bots)
    assert float((few.centres["gus"] @ few.centres["mia"].T).max()) < RELATED
    assert [line.bot for line in few.lines[-3:]] == [None] * 3
    assert told.weights[3] == module.NOBODYS


def test_idle_lines_and_listed_words_are_known_before(few: Cast) -> None:
    """What the words of a line say is not left to the space."""
    gus, mia = few.known("the gearbox is loud")
    assert gus > mia
    assert float(few.known("lol").max()) < -0.9


def test_a_fit_of_casts_is_written_and_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """From files to the shipped file, on a few ordinary lines; and nothing is written
    where casts are left out to be scored."""
    groups = {"chatter": ("lol", "see you"), "tea": ("a cup of tea", "green tea")}
    monkeypatch.setattr("app.likeness.space.ordinary_lines", lambda: groups)
    monkeypatch.setattr(module, "ordinary_lines", lambda: groups)
    monkeypatch.setattr(module, "sentences", shared_encoder)
    kept: list[Measures] = []
    monkeypatch.setattr(module, "write", lambda measures, file: kept.append(measures))
    files = [tmp_path / "1.yaml", tmp_path / "2.yaml"]
    for file in files:
        file.write_text(FEW, encoding="utf-8")
    module.main(files, left_out=2)
    assert not kept
    assert "1 casts left out" in capsys.readouterr().out
    module.main(files, left_out=None)
    (found,) = kept
    write(found, tmp_path / "space.npz")
    assert found.ordinary.shape == (4, 512)
    assert not np.array_equal(matrix_of(found), np.eye(512))


def test_without_an_encoder_nothing_is_fitted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "sentences", lambda: None)
    with pytest.raises(SystemExit, match="encoder"):
        module.main(CASTS, left_out=None)


def test_each_shipped_cast_is_whole() -> None:
    """Nine characters, each with lines; and lines that are nobody's."""
    assert len(CASTS) >= 36
    for file in CASTS:
        held = load_yaml(file.read_text(encoding="utf-8"))
        assert len(held["characters"]) == 9, file
        assert set(held["lines"]) == {*held["characters"], NOBODY}, file
        assert all(len(texts) >= 3 for texts in held["lines"].values()), file


def test_nothing_that_is_scored_was_learned_from() -> None:
    """No line of a cast that the benchmarks score is among those of the fit."""
    learned = set()
    for file in CASTS:
        held = load_yaml(file.read_text(encoding="utf-8"))
        learned |= {text.lower() for texts in held["lines"].values() for text in texts}
    assert len(SCORED) >= 20
    for file in SCORED:
        scored = map(json.loads, file.read_text(encoding="utf-8").splitlines())
        assert not learned & {row["text"].lower() for row in scored}, file


def test_left_out_casts_are_scored(few: Cast) -> None:
    """Right, wrong and nobody's, at each threshold."""
    lines = [line for texts in ordinary_lines().values() for line in texts]
    held = shipped()
    ordinary = shared_encoder().matrix(lines) - held.mean
    learner = fit([few], matrix_of(held), ordinary)
    found = list(scores(learner, [few], ordinary))
    assert len(found) == len(module.ANSWERED)
    for right, wrong, nobodys in found:
        assert 0 <= right + wrong <= 1
        assert nobodys <= 1 / 3 + 1e-6
    assert max(right for right, _, _ in found) == 1
