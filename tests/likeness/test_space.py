"""What is shipped of the ordinary lines, and what is measured of them afresh."""

from __future__ import annotations

import numpy as np
import pytest

from app.brain.embeddings import shared_encoder
from app.likeness import space as module
from app.likeness.encoder import Encoder, Words
from app.likeness.space import STEP, Measures, Space, measured, shipped, space_of


@pytest.fixture(scope="module")
def afresh() -> Measures:
    """As the encoder reads the lines now."""
    return measured(Encoder(lambda: shared_encoder().backend))


def test_what_is_shipped_is_what_the_encoder_reads(afresh: Measures) -> None:
    """Who changes a line or the measure writes the file again:
    `python -m tests.likeness.write_space`."""
    held = shipped()
    assert held.groups == afresh.groups
    assert np.allclose(held.mean, afresh.mean, atol=1e-5)
    assert np.allclose(held.probe, afresh.probe, atol=1e-5)
    assert held.step == pytest.approx(afresh.step, rel=1e-4)
    # Where a processor's last bits lie between two steps, either is right.
    for mine, theirs in ((held.turns, afresh.turns), (held.ordinary, afresh.ordinary)):
        apart = mine.astype(int) - theirs
        assert np.abs(apart).max() <= 1
        assert np.count_nonzero(apart) < apart.size / 1_000


def test_steps_keep_a_cosine(afresh: Measures) -> None:
    """An anchor in whole steps is as near to a message as it was, to a thousandth or
    so; and none of its numbers is cut off."""
    space = Space(afresh)
    exact = space.project(shared_encoder().matrix(module.ordinary_lines()["errands"]))
    held = space.anchors(shared_encoder().matrix(module.ordinary_lines()["errands"]))
    apart = exact @ exact.T - exact @ (held * STEP).T
    assert float(np.sqrt(np.mean(apart**2))) < 0.001
    assert np.abs(afresh.ordinary.astype(int)).max() < 127


def test_another_encoder_is_measured_by_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """The shipped space says nothing of vectors that another one makes: of other
    lengths, or in other directions."""
    few = {"chatter": ["see you later", "good night"], "tea": ["a cup of tea", "tea"]}
    monkeypatch.setattr(module, "ordinary_lines", lambda: few)
    assert len(space_of(Encoder(Words)).ordinary) == 4

    class Turned(Words):
        dimensions = 512

    assert len(space_of(Encoder(Turned)).ordinary) == 4
    assert len(space_of(Encoder(lambda: shared_encoder().backend)).ordinary) > 2_000
