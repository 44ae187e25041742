"""No decision depends on the last bits of a float: they differ between processors,
their kernels and batch sizes."""

from __future__ import annotations

import os
import subprocess
import sys

import numpy as np
import pytest

from app.brain import embeddings
from app.brain.embeddings import LangChainEncoder, Matrix, Sentences
from app.brain.interest import InterestVectors
from app.domain.character import load_character
from app.domain.model import Signal
from app.lab import week
from app.likeness.encoder import as_matrix
from app.rules.plan import Scores, decide, desire

NOISE = 3e-7
"""Three times what was measured between two kernels of one library."""
EXACT = embeddings.shared_encoder()
"""This processor's vectors: each text is encoded once for all that differ by noise."""


class Noisy(Sentences):
    """The sentence encoder on a processor of its own."""

    def __init__(self, seed: int) -> None:
        assert EXACT.understands, "hashed words have no last bits to change"
        self._chance = np.random.default_rng(seed)

    def encode(self, texts: list[str]) -> Matrix:
        exact = EXACT.matrix(texts)
        return exact + self._chance.uniform(-NOISE, NOISE, exact.shape).astype(
            np.float32
        )


def noisy_page(seed: int, monkeypatch: pytest.MonkeyPatch) -> str:
    """docs/diaries.md as such a processor writes it."""
    encoder = LangChainEncoder(lambda: Noisy(seed))
    monkeypatch.setattr(embeddings, "_shared", encoder)
    return week.week_page()


@pytest.fixture(scope="module")
def plain_page() -> str:
    """docs/diaries.md as this processor writes it."""
    return week.week_page()


def test_noise_changes_no_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    """A week of one bot's answers, diaries and dreams is the same, whatever the last
    bits of its likenesses are."""
    monkeypatch.setattr(week, "SAID", {"elena": week.SAID["elena"]})
    plain = week.week_page()
    assert noisy_page(0, monkeypatch) == plain


@pytest.mark.slow
def test_noise_changes_no_bots_choice(
    plain_page: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same for the three shipped bots."""
    assert noisy_page(0, monkeypatch) == plain_page


@pytest.mark.slow
@pytest.mark.parametrize("kernel", ["Nehalem", "Haswell"])
def test_two_kernels_make_one_choice(plain_page: str, kernel: str) -> None:
    """The same with the kernel of another processor, where the library has it."""
    code = "from app.lab.week import week_page; print(week_page())"
    old = os.environ | {"OPENBLAS_CORETYPE": kernel}
    run = subprocess.run(
        [sys.executable, "-c", code],
        env=old,
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout == plain_page + "\n"


class Alike:
    """An encoder to which all texts are the same, but for the last bits."""

    threshold = 0.3

    def __init__(self, seed: int) -> None:
        self._chance = np.random.default_rng(seed)

    def encode(self, texts: list[str]) -> Matrix:
        exact = np.full((len(texts), 512), 512**-0.5)
        return as_matrix(exact + self._chance.uniform(-NOISE, NOISE, exact.shape))


def test_equal_interests_fall_to_the_first() -> None:
    """A message as near to all interests, but for the last bits, is about the one that
    the character file names first: likenesses are rounded before they are compared."""
    elena = load_character("elena")
    assert len(elena.interests) > 2
    for seed in range(10):
        encoder = LangChainEncoder(lambda seed=seed: Alike(seed))
        [(_, topic)] = InterestVectors(elena, encoder).score(["no word of any subject"])
        assert topic == elena.interests[0].name


def test_a_desire_at_the_limit_counts_as_the_limit() -> None:
    """0.1 + 0.2 and 0.3 are one desire."""
    sums = [
        Scores(Signal.WATCHED, interest=0.45),
        Scores(Signal.WATCHED, interest=0.45 - 4e-8),
        Scores(Signal.WATCHED, interest=0.45 + 4e-8),
    ]
    assert {desire(one) for one in sums} == {0.6}
    assert len({decide(one).kind for one in sums}) == 1
