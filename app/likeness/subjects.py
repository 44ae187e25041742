"""How near a message is to what each character cares about: read once per message, for
all characters of the process."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from app.domain.character import Character
from app.likeness.encoder import DIMENSIONS, Encoder, Matrix, rounded, sentences
from app.likeness.space import FOLLOW_UPS, NOBODYS, Space, centre
from app.rules.interests import Likeness

Flags = NDArray[np.bool_]
Order = NDArray[np.intp]

READ = 160
"""Characters of a message that are read, after composition: one ligature may stand for
eighteen letters, and the cost grows with them."""
SHARPNESS = 8.0
"""How much the nearest anchors outweigh the others."""
OWN, ORDINARY = 5, 15
"""How many of the nearest anchors of a character, and of ordinary lines, are asked."""
CANDIDATES = 90
"""Of the nearest ordinary lines, those that are looked at: enough for `ORDINARY`, when
those about a character's own interests are left out."""
SENTENCES = 0.7
"""Share of the example sentences; the rest is that of the words, whose vectors say
less."""
SAME = 0.3
"""Cosine of their centres from which a group of ordinary lines is about a character's
own interest, and does not speak against it."""


class Subjects:
    """The interests of some characters as anchors. `read` is safe in any thread, and
    remembers no message."""

    def __init__(
        self, characters: Mapping[str, Character], encoder: Encoder, space: Space
    ) -> None:
        self._encoder = encoder
        self._space = space
        names = list(space.groups)
        self._ordinary = np.concatenate([space.groups[name] for name in names])
        group = np.repeat(range(len(names)), [len(space.groups[n]) for n in names])
        self._follow = np.array([name == FOLLOW_UPS for name in names])[group]
        anchors = [_Anchors(one, encoder, space) for one in characters.values()]
        self._bots = tuple(characters)
        self._sentences = _Stack([one.sentences for one in anchors])
        self._words = _Stack([one.words for one in anchors])
        # A row for each bot: which of the ordinary lines speak against it.
        self._against = np.array(
            [one.against(space.groups)[group] for one in anchors], dtype=np.bool_
        )

    def read(self, text: str) -> dict[str, Likeness]:
        """The likeness of a message to each character's subjects, by bot."""
        said = self._encoder.fresh(legible(text))
        vector = self._space.project(said[np.newaxis, :])[0]
        ordinary = _anchor_weights(self._ordinary, vector)
        own = SENTENCES * self._sentences.levels(vector)
        own += (1.0 - SENTENCES) * self._words.levels(vector)
        subject = rounded(own - self._levels_against(ordinary))
        follow_up = rounded(
            _soft_maximum(ordinary[self._follow], OWN)
            - _soft_maximum(ordinary[~self._follow], ORDINARY - OWN)
        )
        return {
            bot: Likeness(subject=float(one), follow_up=float(follow_up))
            for bot, one in zip(self._bots, subject, strict=True)
        }

    def _levels_against(self, ordinary: Matrix) -> Matrix:
        """How near the nearest of the lines are that speak against each bot. Sorted
        once: a bot leaves out a few of them."""
        nearest = np.argsort(-ordinary, kind="stable")[:CANDIDATES]
        counted = self._against[:, nearest]
        # The nearest of what is left for each bot: others leave out other lines.
        counted &= np.cumsum(counted, axis=1) <= ORDINARY
        return _mean_level(ordinary[nearest] * counted, counted.sum(axis=1))


class _Stack:
    """Anchors of several bots, whose nearest are found together."""

    def __init__(self, anchors: Sequence[Matrix]) -> None:
        self._rows = np.concatenate(anchors)
        sizes = [len(one) for one in anchors]
        ends = np.cumsum(sizes)
        # A row of places for each bot, filled up with one that is no anchor.
        self._places = np.full((len(anchors), max(sizes)), len(self._rows))
        for row, (size, end) in enumerate(zip(sizes, ends, strict=True)):
            self._places[row, :size] = np.arange(end - size, end)
        self._counts = np.minimum(np.array(sizes), OWN)

    def levels(self, vector: Matrix) -> Matrix:
        """How near each bot's nearest anchors are."""
        # The last place is no anchor: it weighs nothing.
        weights = np.append(_anchor_weights(self._rows, vector), np.float32(0.0))
        spread = weights[self._places]
        count = min(OWN, spread.shape[1])
        nearest = np.partition(spread, -count, axis=1)[:, -count:]
        return _mean_level(nearest, self._counts)


class _Anchors:
    """One character's: `sentences` are its examples, `words` those of its lists and the
    names of its interests; a unit vector a row."""

    def __init__(self, character: Character, encoder: Encoder, space: Space) -> None:
        self._interests: list[Matrix] = []
        # Whoever has no interests is like nothing.
        nothing = np.zeros((1, DIMENSIONS), dtype=np.float32)
        sentences, words = [], []
        for interest in character.interests:
            said = space.project(encoder.matrix(interest.examples))
            named = space.project(encoder.matrix((*interest.words, interest.name)))
            self._interests.append(centre(np.concatenate([said, named])))
            sentences.append(said)
            words.append(named)
        self.sentences = np.concatenate(sentences) if sentences else nothing
        self.words = np.concatenate(words) if words else nothing

    def against(self, groups: Mapping[str, Matrix]) -> Flags:
        """Which groups of ordinary lines speak against this character."""
        return np.array(
            [
                name in NOBODYS or not self._owns_group(centre(rows))
                for name, rows in groups.items()
            ],
            dtype=np.bool_,
        )

    def _owns_group(self, group: Matrix) -> bool:
        return any(float(rounded(own @ group)) >= SAME for own in self._interests)


def legible(text: str) -> str:
    """What of a message is read."""
    return unicodedata.normalize("NFKC", text[:READ])[:READ]


def _anchor_weights(anchors: Matrix, vector: Matrix) -> Matrix:
    return np.asarray(np.exp(SHARPNESS * (anchors @ vector)), dtype=np.float32)


def _soft_maximum(weights: Matrix, count: int) -> Matrix:
    """A soft maximum over the `count` greatest, as a cosine."""
    count = min(count, len(weights))
    return _mean_level(np.partition(weights, -count)[-count:], np.array(count))


def _mean_level(weights: Matrix, counts: Order) -> Matrix:
    """The mean of some weights in each row, as a cosine."""
    means = weights.sum(axis=-1) / np.maximum(counts, 1)
    return np.asarray(np.log(np.maximum(means, 1e-9)) / SHARPNESS)


def load(characters: Mapping[str, Character]) -> Subjects | None:
    """The subjects of some characters, ready to be asked; None without the encoder.
    Takes about two seconds and 130 MB."""
    encoder = sentences()
    if encoder is None:
        return None
    found = Subjects(characters, encoder, Space(encoder))
    # The anchors are vectors by now: nobody asks for their texts again.
    encoder.clear()
    return found
