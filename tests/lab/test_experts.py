"""The benchmark of experts: what it counts, and what it refuses."""

from __future__ import annotations

import json
import shutil
from importlib import resources
from pathlib import Path

import pytest

from app.brain.embeddings import shared_encoder
from app.domain.character import load_characters
from app.domain.errors import ConfigurationError
from app.lab.deciders import Ours
from app.lab.experts import Choice, ExpertScore, ExpertStage, fresh, main, read_lines
from app.rules.policy import shipped_policy

LINES: list[dict[str, object]] = [
    {"text": "How many hearts does an octopus have?", "expert": "elena"},
    {"text": "the chorus of my new song is bad", "expert": "aria"},
    {"text": "a cocktail without gin", "expert": "dotty", "also": ["aria"]},
    {"text": "Wie lange leben Tintenfische?", "expert": "elena", "lang": "de"},
    {"text": "brb", "expert": None},
]
SCENE = {
    "lines": [
        {"author": "kim", "text": "how long do octopuses live"},
        {"author": "elena", "text": "Two years."},
        {"author": "kim", "text": "and then?"},
    ],
    "expected": "elena",
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The shipped characters with four lines and a scene."""
    shipped = Path(str(resources.files("app") / "characters"))
    shutil.copytree(shipped, tmp_path / "characters")
    text = "".join(json.dumps(line) + "\n" for line in LINES)
    (tmp_path / "dev.jsonl").write_text(text, encoding="utf-8")
    (tmp_path / "scenes_dev.json").write_text(json.dumps([SCENE]), encoding="utf-8")
    return tmp_path


def test_every_figure_is_a_share(folder: Path) -> None:
    """Each test of the benchmark counts every line once, right, wrong or silent."""
    out = folder / "out.json"
    main(folder, json_out=out)
    figures = json.loads(out.read_text())
    assert len(figures) == 11
    for name, shares in figures.items():
        whole = shares["right"] + shares["wrong"] + shares["silent"]
        assert whole == pytest.approx(1, abs=0.002), name


def test_a_listed_word_finds_its_expert(folder: Path) -> None:
    """In a fresh room a message with an expert's word is that expert's."""
    stage = ExpertStage(load_characters(folder / "characters"), Ours(shipped_policy()))
    owned = [
        line
        for line in read_lines(folder / "dev.jsonl")
        if line.lang == "en" and line.experts
    ]
    assert fresh(stage, owned).right == 3


def test_characters_that_nobody_tuned_for_know_their_lines() -> None:
    """A cast that the space was not fitted to, by the limits of the benchmark; and what
    is nobody's is left alone."""
    cast = Path(__file__).parent / "septen"
    decider = Ours(shipped_policy(), shared_encoder())
    stage = ExpertStage(load_characters(cast / "characters"), decider)
    lines = list(read_lines(cast / "dev.jsonl"))
    theirs = fresh(stage, [line for line in lines if line.experts]).shares()
    nobodys = fresh(stage, [line for line in lines if not line.experts]).shares()
    assert theirs["right"] >= 0.8
    assert theirs["wrong"] <= 0.04
    assert nobodys["wrong"] <= 0.03


def test_a_score_tells_wrong_from_silent() -> None:
    """Whoever answers what is nobody's is wrong; a second expert is right."""
    score = ExpertScore()
    aria = frozenset({"aria"})
    score.add(Choice(aria), frozenset())
    score.add(Choice(aria, waits=True), frozenset({"dotty", "aria"}))
    score.add(Choice(frozenset()), frozenset({"dotty"}))
    assert (score.right, score.wrong, score.silent, score.waiting) == (1, 1, 1, 1)


@pytest.mark.parametrize("row", ["{", "[]", '{"text": "no expert"}'])
def test_a_bad_line_is_named(tmp_path: Path, row: str) -> None:
    """What is no labelled line is named with its file and number."""
    file = tmp_path / "dev.jsonl"
    file.write_text(f'{{"text": "a", "expert": null}}\n{row}\n', encoding="utf-8")
    with pytest.raises(ConfigurationError, match=r"dev\.jsonl:2"):
        list(read_lines(file))
