"""What is shipped of the ordinary lines, and what is measured of them afresh."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from app.brain.embeddings import shared_encoder
from app.likeness import space as module
from app.likeness.encoder import Encoder, Matrix, Words, as_matrix
from app.likeness.products import Digits
from app.likeness.space import (
    PROBE,
    STEP,
    Space,
    digest_of,
    matrix_of,
    measured,
    ordinary_lines,
    shipped,
    space_of,
    turned,
)

SAMPLED = 20
"""Of so many lines one is read again."""


def assert_alike(mine: Digits, theirs: Digits) -> None:
    """Where a processor's last bits lie between two steps, either is right."""
    apart = np.abs(mine.astype(int) - theirs)
    assert apart.max() <= 1
    assert np.count_nonzero(apart) < max(apart.size / 1_000, 10)


def test_what_is_shipped_is_of_these_lines() -> None:
    """Who changes a line or a number of the measure writes the file again:
    `python -m app.lab.fit_space tests/likeness/casts/*.yaml`."""
    held, lines = shipped(), ordinary_lines()
    assert held.digest == digest_of(lines)
    assert held.groups == {name: len(texts) for name, texts in lines.items()}
    one_more = {**lines, "chatter": [*lines["chatter"], "one more"]}
    assert held.digest != digest_of(one_more)


def test_a_shipped_line_is_as_the_encoder_reads_it() -> None:
    """One of twenty of all groups; all of them are read again where all is proved."""
    held = shipped()
    lines = [line for texts in ordinary_lines().values() for line in texts]
    read = Space(held).anchors(shared_encoder().matrix(lines[::SAMPLED]))
    assert_alike(held.ordinary[::SAMPLED], read)
    assert np.allclose(held.probe, shared_encoder().fresh(PROBE), atol=1e-5)


@pytest.mark.slow
def test_what_is_shipped_is_what_the_encoder_reads() -> None:
    """All of it."""
    held = shipped()
    encoder = Encoder(lambda: shared_encoder().backend)
    afresh = turned(measured(encoder), matrix_of(held), encoder)
    assert (held.groups, held.digest) == (afresh.groups, afresh.digest)
    assert np.allclose(held.mean, afresh.mean, atol=1e-5)
    assert np.allclose(held.probe, afresh.probe, atol=1e-5)
    assert held.step == pytest.approx(afresh.step, rel=1e-2)
    assert_alike(held.turns, afresh.turns)
    assert_alike(held.ordinary, afresh.ordinary)


def test_a_spread_within_groups_is_made_even(monkeypatch: pytest.MonkeyPatch) -> None:
    """A direction in which the lines of one thing differ counts less, and that in which
    the groups differ is left."""
    chance = np.random.default_rng(5)
    centres = np.zeros((4, 64))
    centres[:, :4] = np.eye(4)
    lines = {str(group): [f"{group} {one}" for one in range(30)] for group in range(4)}

    class Spread(Words):
        dimensions = 64

        def encode(self, texts: Sequence[str]) -> Matrix:
            rows = chance.normal(0, 0.01, (len(texts), 64))
            rows[:, 10] += chance.normal(0, 1, len(texts))
            rows += [
                centres[int(text.split()[0]) if text[0].isdigit() else 0]
                for text in texts
            ]
            return as_matrix(rows)

    monkeypatch.setattr(module, "ordinary_lines", lambda: lines)
    space = Space(measured(Encoder(Spread)))
    told = space.project(as_matrix(centres + np.eye(64)[10]))
    assert float((told @ told.T)[~np.eye(4, dtype=bool)].max()) < 0.2


def test_steps_keep_a_cosine() -> None:
    """An anchor in whole steps is as near to a message as it was, to a thousandth or
    so; and none of its numbers is cut off."""
    space = Space(shipped())
    errands = shared_encoder().matrix(ordinary_lines()["errands"])
    exact = space.project(errands)
    held = space.anchors(errands)
    apart = exact @ exact.T - exact @ (held * STEP).T
    assert float(np.sqrt(np.mean(apart**2))) < 0.001
    assert np.abs(space.ordinary.astype(int)).max() < 127


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
