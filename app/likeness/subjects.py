"""How near a message is to what each character cares about: read once per message, for
all characters of the process."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from app.domain.character import Character
from app.likeness.anchors import Anchors
from app.likeness.encoder import (
    Encoder,
    Matrix,
    Sentences,
    as_matrix,
    rounded,
    sentences,
)
from app.likeness.figures import shipped_figures
from app.likeness.jargon import Concerns, shipped_jargon
from app.likeness.products import Digits, Layer, Weights
from app.likeness.rivals import Rivals
from app.likeness.space import FOLLOW_UPS, MOST, STEP, Space, space_of
from app.rules.interests import Likeness
from app.runtime.collector import trim_memory

Flags = NDArray[np.bool_]
Order = NDArray[np.intp]

READ = 160
"""Characters of a message that are read, after composition: one ligature may stand for
eighteen letters, and the cost grows with them."""
SHARPNESS, FOLLOW_UP_SHARPNESS = 8.0, 6.0
"""How much the nearest anchors outweigh the others: of subjects, and of follow-ups."""
OWN, ORDINARY = 8, 15
"""How many of the nearest anchors of a character, and of ordinary lines, are asked."""
FOLLOW_UPS_ASKED, OTHERS_ASKED = 5, 10
"""How many of the nearest follow-ups, and of all other ordinary lines."""
CANDIDATES = 240
"""Of the nearest ordinary lines, those that are looked at: enough for `ORDINARY`, when
those about a character's own interests are left out."""
EXAMPLES, KINDRED, WORDS = 0.7, 0.65, 0.55
"""What a character's example sentences count, the ordinary lines about its interests,
and its words. The space is fitted to these numbers (`app/lab/fit_space.py`)."""
JARGON = 0.2
"""Likeness of a message for words of a subject that the character cares about."""
NO_ANCHOR = np.full(1, -np.inf, dtype=np.float32)
"""The cosine of what fills up a bot's anchors: it weighs nothing."""


class Subjects:
    """The interests of some characters as anchors. `read` is safe in any thread, and
    remembers no message."""

    def __init__(
        self, characters: Mapping[str, Character], encoder: Encoder, space: Space
    ) -> None:
        self._encoder = encoder
        self._space = space
        groups = space.groups
        self._ordinary = len(space.ordinary)
        # For each ordinary line, the place of its group.
        sizes = [len(lines) for lines in groups.values()]
        group = np.repeat(np.arange(len(sizes)), sizes)
        follows = np.array([name == FOLLOW_UPS for name in groups])
        self._follow = follows[group]
        anchors = [Anchors(one, encoder, space) for one in characters.values()]
        self._bots = tuple(characters)
        rows = _Rows(space.ordinary)
        self._examples = _Stack([one.examples for one in anchors], rows)
        self._kindred = _Stack([one.kindred(groups) for one in anchors], rows)
        self._words = _Stack([one.words for one in anchors], rows)
        self._anchors = Layer(Weights(rows.all(), STEP), MOST)
        # A row for each bot: which of the ordinary lines speak against it.
        against = [one.against(groups)[group] for one in anchors]
        self._against = np.array(against, dtype=np.bool_)
        self._concerns = Concerns(characters.values(), shipped_jargon())
        centres = [one.interests for one in anchors]
        self._rivals = Rivals(dict(zip(characters, centres, strict=True)))

    def read(self, text: str, present: Collection[str] = ()) -> dict[str, Likeness]:
        """The likeness of a message to each character's subjects, by bot. `present`:
        those that are in the room; none: all are."""
        plain = legible(text)
        return self.likeness_of(plain, self._encoder.fresh(plain), present)

    def likeness_of(
        self, plain: str, said: Matrix, present: Collection[str] = ()
    ) -> dict[str, Likeness]:
        """The same of a `legible` message and the encoder's vector of it."""
        row = said[np.newaxis, :]
        vector = self._space.project(row)
        cosines = np.concatenate([self._anchors(vector)[0], NO_ANCHOR])
        ordinary = cosines[: self._ordinary]
        own = EXAMPLES * self._examples.levels(cosines)
        own += KINDRED * self._kindred.levels(cosines)
        own += WORDS * self._words.levels(cosines)
        own += JARGON * self._concerns.spoken_of(plain)
        against = self._levels_against(ordinary)
        subjects = rounded(own - against)
        lacking = self._rivals.lacking(subjects, present)
        going_on = ordinary[self._follow]
        beginning = ordinary[~self._follow]
        follows = _soft_maximum(going_on, FOLLOW_UPS_ASKED)
        stands_alone = _soft_maximum(beginning, OTHERS_ASKED)
        follow_up = float(rounded(follows - stands_alone))
        found = {}
        for bot, subject, less in zip(self._bots, subjects, lacking, strict=True):
            found[bot] = Likeness(float(subject), follow_up, float(less))
        return found

    def _levels_against(self, ordinary: Matrix) -> Matrix:
        """How near the nearest of the lines are that speak against each bot. Sorted
        once: a bot leaves out a few of them."""
        count = min(CANDIDATES, len(ordinary))
        found = np.argpartition(ordinary, -count)[-count:]
        ranked = np.argsort(-ordinary[found], kind="stable")
        nearest = found[ranked]
        counted = self._against[:, nearest]
        # The nearest of what is left for each bot: others leave out other lines.
        rank = np.cumsum(counted, axis=1)
        counted &= rank <= ORDINARY
        weights = _weights(ordinary[nearest], SHARPNESS) * counted
        return _mean_level(weights, counted.sum(axis=1), SHARPNESS)


class _Rows:
    """All anchors, each once: the ordinary lines, and further ones."""

    def __init__(self, ordinary: Digits) -> None:
        self._ordinary = ordinary
        whole = np.dtype((np.void, ordinary.shape[1]))
        lines = np.ascontiguousarray(ordinary).view(whole)
        places = enumerate(lines[:, 0].tolist())
        # Of equal ones the first counts: what is written last stays.
        self._places: dict[bytes, int] = {
            line: place for place, line in reversed(list(places))
        }
        self._further: list[Digits] = []

    def place_of(self, anchor: Digits) -> int:
        """Where it is. Characters with one interest share its lines."""
        count = len(self._ordinary) + len(self._further)
        place = self._places.setdefault(anchor.tobytes(), count)
        if place == count:
            self._further.append(anchor)
        return place

    def all(self) -> Digits:
        """The ordinary lines first."""
        if not self._further:
            return self._ordinary
        return np.concatenate([self._ordinary, self._further])


class _Stack:
    """Anchors of several bots, whose nearest are found together."""

    def __init__(self, anchors: Sequence[Digits], rows: _Rows) -> None:
        sizes = [len(one) for one in anchors]
        # A row of places for each bot, filled up with the last: that is no anchor.
        shape = (len(anchors), max(sizes))
        self._places = np.full(shape, -1)
        for row, of_bot in enumerate(anchors):
            self._places[row, : len(of_bot)] = [rows.place_of(one) for one in of_bot]
        self._counts = np.minimum(np.array(sizes), OWN)

    def levels(self, cosines: Matrix) -> Matrix:
        """How near each bot's nearest anchors are. `cosines`: of all rows, and then
        `NO_ANCHOR`."""
        spread = cosines[self._places]
        count = min(OWN, spread.shape[1])
        ascending = np.partition(spread, -count, axis=1)
        weights = _weights(ascending[:, -count:], SHARPNESS)
        return _mean_level(weights, self._counts, SHARPNESS)


def legible(text: str) -> str:
    """What of a message is read: its beginning, without figures of speech, whose words
    are not what it is about."""
    plain = unicodedata.normalize("NFKC", text[:READ])[:READ]
    return shipped_figures().left_out(plain)


def _weights(cosines: Matrix, sharpness: float) -> Matrix:
    return as_matrix(np.exp(sharpness * cosines))


def _soft_maximum(cosines: Matrix, count: int) -> Matrix:
    """A soft maximum over the `count` greatest."""
    count = min(count, len(cosines))
    ascending = np.partition(cosines, -count)
    weights = _weights(ascending[-count:], FOLLOW_UP_SHARPNESS)
    return _mean_level(weights, np.array(count), FOLLOW_UP_SHARPNESS)


def _mean_level(weights: Matrix, counts: Order, sharpness: float) -> Matrix:
    """The mean of some weights in each row, as a cosine."""
    means = weights.sum(axis=-1) / np.maximum(counts, 1)
    levels = np.log(np.maximum(means, 1e-9))
    return np.asarray(levels / sharpness)


def load(
    characters: Mapping[str, Character], shared_in: Path | None = None
) -> Subjects | None:
    """The subjects of some characters, ready to be asked; None without the encoder.
    `shared_in`: the folder where this machine's processes share its table.
    Takes about two seconds and 130 MB at most."""
    Sentences.shared_in = shared_in
    encoder = sentences()
    if encoder is None:
        return None
    found = Subjects(characters, encoder, space_of(encoder))
    # The anchors are vectors by now: nobody asks for their texts again.
    encoder.clear()
    trim_memory()
    return found
