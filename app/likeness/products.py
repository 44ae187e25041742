"""Products with the encoder's weights, in whole numbers: the same on every processor.

Each matrix of weights holds whole multiples of one step, as its authors left it, so a
byte a weight is exact. What it multiplies is rounded to sixteen bits and goes in as two
digits of eight; their products are summed in 32 bits, where nothing is lost.
"""

from __future__ import annotations

import numpy as np
from numkong import dots_pack, dots_packed
from numpy.typing import NDArray

from app.likeness.encoder import Matrix, as_matrix

Digits = NDArray[np.int8]
"""Rounded values, one leading index for the high digit and one for the low."""
BASE = 256
GREATEST = 127 * BASE + 127
"""Of what two digits can hold."""
LEVELS = 127
"""Steps from zero to the greatest weight."""
TOLERANCE = 0.01
"""Share of a step by which a weight may miss a whole multiple: the noise of floats."""


class Weights:
    """A matrix that rows are multiplied by, packed once."""

    def __init__(self, columns: Digits, step: np.float32) -> None:
        """`columns`: a row for each, in multiples of `step`."""
        self.step = step
        self.sums = as_matrix(columns.sum(axis=1)) * step
        """Of each column."""
        self._packed = dots_pack(np.ascontiguousarray(columns))

    def times(self, rows: Digits) -> NDArray[np.int32]:
        """The sums of products of each row with each column, in steps."""
        return np.asarray(dots_packed(rows, self._packed))


def weights_of(matrix: Matrix) -> Weights:
    """The weights that a matrix of floats stands for. ValueError: its entries are no
    whole multiples of one step."""
    step = np.float32(np.abs(matrix).max() / LEVELS)
    multiples = matrix.T / step
    whole = np.rint(multiples)
    missed = np.abs(multiples - whole)
    if missed.max() > TOLERANCE:
        raise ValueError("weights that are no bytes")
    return Weights(whole.astype(np.int8), step)


def in_steps(matrix: Matrix, step: np.float32) -> Digits:
    """Its entries, rounded to multiples of a step; what is too great is cut off."""
    multiples = np.rint(matrix / step)
    np.clip(multiples, -LEVELS, LEVELS, out=multiples)
    return np.asarray(multiples, dtype=np.int8)


class Layer:
    """Multiplies values of a known range."""

    def __init__(self, weights: Weights, most: float) -> None:
        """`most`: what lies beyond it is cut off."""
        self._weights = weights
        self._per_unit = np.float32(GREATEST / most)
        unit = np.float32(most / GREATEST)
        self._low = unit * weights.step
        self._high = np.float32(BASE) * self._low

    def digits(self, values: Matrix) -> Digits:
        """The values, as they can be multiplied."""
        units = values * self._per_unit
        np.rint(units, out=units)
        np.clip(units, -GREATEST, GREATEST, out=units)
        rest = units.astype(np.int16)
        found = np.empty((2, *rest.shape), dtype=np.int8)
        # The low digit has a sign too: what it lacks or exceeds is the high one's.
        found[1] = rest.astype(np.int8)
        rest -= found[1]
        found[0] = rest >> 8
        return found

    def of(self, rows: Digits, count: int) -> Matrix:
        """The products of so many rows: the first hold high digits, the last low
        ones."""
        sums = as_matrix(self._weights.times(rows))
        found = sums[:count] * self._high
        found += sums[-count:] * self._low
        return found

    def of_digits(self, digits: Digits) -> Matrix:
        """The products of what `digits` gave."""
        _, count, size = digits.shape
        return self.of(digits.reshape(2 * count, size), count)

    def __call__(self, values: Matrix) -> Matrix:
        return self.of_digits(self.digits(values))
