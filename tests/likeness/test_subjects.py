"""How like a message is to a character's subjects: the same on every processor, for
every message, and at one price."""

from __future__ import annotations

import time

import numpy as np
import pytest

from app.brain.embeddings import shared_encoder
from app.domain.character import Character, Interest, VoiceLine, load_character
from app.likeness.encoder import Encoder, Matrix, Sentences
from app.likeness.rivals import MOST_LACKING
from app.likeness.space import NOBODYS, Space, ordinary_lines, space_of
from app.likeness.subjects import READ, Subjects, legible
from app.rules.interests import EVEN_BITS, LIKENESS_BITS

SHIPPED = ("elena", "aria", "dotty")
NOISE = 3e-7
BID_FOR = (4.0 - EVEN_BITS) / LIKENESS_BITS
"""Likeness from which a question is bid for, four bits."""
MOST = 3.0
TRIES = 3
ORDINARY = (
    "I read that the moon pulls at the sea, and that it does so twice a day because the "
    "earth turns under it. Is that right? I always wondered why it is not once a day."
)
CRAFTED = {
    "one ligature by the thousand": "\ufdfa" * 4_000,
    "chinese": "\u6f22\u5b57" * 2_000,
    "marks": "?!" * 2_000,
    "every subject": "reef octopus chorus vinyl cocktail whale guitar poker " * 80,
    "a word without end": "a" * 4_000,
    "lines": "\n" * 4_000,
}


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    """The sentence encoder, loaded once for all tests."""
    return shared_encoder()


@pytest.fixture(scope="module")
def space(encoder: Encoder) -> Space:
    """The space of the shipped ordinary lines."""
    return space_of(encoder)


@pytest.fixture(scope="module")
def shipped(encoder: Encoder, space: Space) -> Subjects:
    """The three shipped characters."""
    characters = {name: load_character(name, None) for name in SHIPPED}
    return Subjects(characters, encoder, space)


@pytest.mark.parametrize(
    ("text", "expert"),
    [
        ("are seahorses fish", "elena"),
        ("Wie schwer wird ein Blauwal?", "elena"),
        ("my singing teacher wants me to breathe differently", "aria"),
        ("¿cómo se afina un violín?", "aria"),
        ("something bitter with soda, no alcohol", "dotty"),
        ("we split up after six years together", "dotty"),
    ],
)
def test_a_subject_is_known_without_its_words(
    shipped: Subjects, text: str, expert: str
) -> None:
    """A message without any listed word, in any language, is nearest to its expert, and
    near enough to be bid for."""
    found = shipped.read(text)
    best = max(found, key=lambda bot: found[bot].subject)
    assert (best, found[best].subject > BID_FOR) == (expert, True)


@pytest.mark.parametrize(
    "text", ["see you at six", "the printer is broken again", "ok", "", "\u200b"]
)
def test_ordinary_chat_is_nobodys(shipped: Subjects, text: str) -> None:
    """Small talk, errands and what says nothing are nearer to ordinary chat."""
    assert max(one.subject for one in shipped.read(text).values()) < BID_FOR


def test_ordinary_lines_about_an_interest_speak_for_it(
    encoder: Encoder, space: Space
) -> None:
    """A character that says no more than what it cares about is known to care about
    what people say of that."""
    elena = load_character("elena", None)
    hives = Interest(
        name="bees", words=("hive", "honey"), examples=("I keep bees on the roof.",)
    )
    keeper = elena.model_copy(update={"interests": (hives,)})
    characters = {"elena": elena, "keeper": keeper}
    found = Subjects(characters, encoder, space).read("my colony has no queen any more")
    assert found["keeper"].subject > BID_FOR > found["elena"].subject


def test_characters_of_one_interest_share_its_lines(
    encoder: Encoder, space: Space
) -> None:
    """Twenty of them are as like a message as one alone, and keep no more lines."""
    elena = load_character("elena", None)
    alone = Subjects({"elena": elena}, encoder, space)
    many = Subjects({f"elena {number}": elena for number in range(20)}, encoder, space)
    for text in ("Wie schwer wird ein Blauwal?", "see you at six"):
        (one,) = alone.read(text).values()
        for found in many.read(text).values():
            assert found.subject == pytest.approx(one.subject, abs=0.00011)
    anywhere = np.zeros((1, 512), dtype=np.float32)
    compared = alone._anchors(anywhere).size
    assert many._anchors(anywhere).size == compared > len(space.ordinary)


def keeper_of(name: str, *interests: Interest) -> Character:
    """A character that cares about these."""
    changes = {"name": name, "interests": interests}
    return load_character("elena", None).model_copy(update=changes)


BREAD = Interest(
    name="bread",
    words=("bread", "dough"),
    examples=("How long does a loaf take?", "My dough does not rise."),
)
CAKE = Interest(
    name="cakes",
    words=("cake", "icing"),
    examples=("How long does a sponge take?", "My cake sank in the middle."),
)
BIKES = Interest(
    name="bicycles",
    words=("bicycle", "gears"),
    examples=("My chain slips.", "Which tyres for gravel?"),
)
BETWEEN = "it went flat in the oven again"
"""About as near to cakes as to bread."""


def test_who_is_hardly_nearer_than_a_rival_is_less_sure(
    encoder: Encoder, space: Space
) -> None:
    """Where two of different interests are about as near, both are taken to be farther;
    a clear lead costs nothing, nor does a rival that is elsewhere."""
    baker, cook = keeper_of("baker", BREAD), keeper_of("cook", CAKE)
    smith = keeper_of("smith", BIKES)
    alone = Subjects({"baker": baker}, encoder, space)
    far = Subjects({"baker": baker, "smith": smith}, encoder, space)
    near = Subjects({"baker": baker, "cook": cook}, encoder, space)
    sure = alone.read(BETWEEN)["baker"]
    less = near.read(BETWEEN)["baker"]
    assert far.read(BETWEEN)["baker"] == sure
    assert near.read(BETWEEN, {"baker"})["baker"] == sure
    assert (less.subject, less.alone) == (sure.subject, sure)
    assert 0 < less.lacking <= MOST_LACKING


def test_who_shares_an_interest_is_no_rival(encoder: Encoder, space: Space) -> None:
    """Two that care about the same silence each other in no message about it."""
    baker = keeper_of("baker", BREAD)
    other = keeper_of("other", BIKES, BREAD)
    text = "my sourdough is too wet to shape"
    alone = Subjects({"baker": baker}, encoder, space).read(text)
    both = Subjects({"baker": baker, "other": other}, encoder, space).read(text)
    assert both["baker"] == alone["baker"]
    assert both["baker"].subject > BID_FOR


def test_a_follow_up_is_told_from_other_lines(shipped: Subjects) -> None:
    """What only makes sense after something else is known, whoever reads it."""
    for text, follows in (
        ("and for how many years?", True),
        ("pourquoi ça ?", True),
        ("my brother moved to Oslo", False),
        ("whales are mammals", False),
    ):
        found = {one.follow_up for one in shipped.read(text).values()}
        assert len(found) == 1, text
        assert (found.pop() > -0.05) is follows, text


def test_noise_of_the_processor_changes_nothing(encoder: Encoder) -> None:
    """The last bits of the vectors do not reach a likeness beyond its last decimal."""

    class Noisy(Sentences):
        def __init__(self) -> None:
            assert encoder.understands

        def encode(self, texts: list[str]) -> Matrix:
            exact = encoder.matrix(texts)
            noise = np.random.default_rng(1).uniform(-NOISE, NOISE, exact.shape)
            return np.asarray(exact + noise, dtype=np.float32)

    characters = {"elena": load_character("elena", None)}
    noisy = Encoder(Noisy)
    one = Subjects(characters, encoder, space_of(encoder))
    other = Subjects(characters, noisy, space_of(noisy))
    for text in ("Do whales sleep?", "brb", "and how long?", ORDINARY):
        exact, moved = one.read(text)["elena"], other.read(text)["elena"]
        assert exact.subject == pytest.approx(moved.subject, abs=0.00011)
        assert exact.follow_up == pytest.approx(moved.follow_up, abs=0.00011)


def test_two_alike_are_told_apart_by_nothing(encoder: Encoder, space: Space) -> None:
    """Two characters with the same interests have the same likeness; one without any
    is like nothing."""
    elena = load_character("elena", None)
    nobody = elena.model_copy(update={"interests": ()})
    found = Subjects(
        {"elena": elena, "twin": elena, "nobody": nobody}, encoder, space
    ).read("how do corals grow")
    assert found["elena"] == found["twin"]
    assert found["nobody"].subject < -0.1


def test_a_single_long_interest(encoder: Encoder, space: Space) -> None:
    """As many words as a file may hold, one sentence: no message is like all of it."""
    words = tuple(f"word{number}" for number in range(60))
    one = Character(
        name="long",
        display_name="Long",
        persona="x",
        interests=(Interest(name="all", words=words, examples=("Is this it?",)),),
        lines=tuple(
            VoiceLine(mood=mood, text="Hm.")  # type: ignore[arg-type]
            for mood in ("greeting", "honest", "curious")
        ),
    )
    found = Subjects({"long": one}, encoder, space).read("my train was late today")
    assert found["long"].subject < 0


@pytest.mark.parametrize("name", CRAFTED)
def test_no_text_is_dear(shipped: Subjects, encoder: Encoder, name: str) -> None:
    """Reading a crafted message costs at most three times what an ordinary one does."""

    def seconds(content: str) -> float:
        best = float("inf")
        for run in range(3):
            encoder.clear()
            began = time.thread_time()
            for number in range(12):
                shipped.read(f"{number}{run}{content}")
            best = min(best, time.thread_time() - began)
        return best

    ratio = float("inf")
    for _ in range(TRIES):
        ratio = min(ratio, seconds(CRAFTED[name]) / seconds(ORDINARY))
        if ratio <= MOST:
            break
    print(f"{name}: {ratio:.1f} times an ordinary message")
    assert ratio <= MOST


def test_what_is_read_is_bounded() -> None:
    """However long a text becomes when its letters are composed."""
    assert all(len(legible(text)) <= READ for text in (*CRAFTED.values(), ORDINARY))


def test_ordinary_lines_are_lines() -> None:
    """Each group has several lines, none twice, none blank."""
    groups = ordinary_lines()
    assert set(groups) >= NOBODYS
    for name, lines in groups.items():
        assert len(lines) >= 3, name
        assert all(line.strip() == line and line for line in lines), name
    everything = [line for lines in groups.values() for line in lines]
    assert len(everything) == len(set(everything))
