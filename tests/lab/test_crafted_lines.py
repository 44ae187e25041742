"""Lines that are made to wake every bot wake one at most, and files that say too much or
too little are refused."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from app.domain.character import Interest, load_characters
from app.lab.deciders import Ours, Participant
from app.rules.policy import shipped_policy
from app.rules.room import Utterance

CHARACTERS = load_characters()
BOTS = [Participant(bot, one.names, one) for bot, one in CHARACTERS.items()]
EVERY_WORD = " ".join(
    word
    for one in CHARACTERS.values()
    for interest in one.interests
    for word in interest.words
)
CRAFTED = {
    "4,000 characters of all words": (EVERY_WORD * 40)[:4_000],
    "every subject by name": ", ".join(
        interest.name for one in CHARACTERS.values() for interest in one.interests
    ),
    "code": "```py\nfor fish in sea:\n    print(fish)\n```",
    "links": "https://example.org/octopus/song/whisky?sea=1 " * 20,
    "another script": "\u0baa\u0bb5\u0bb3\u0bae\u0bcd " * 60,
    "nothing": "\u200b\u2063 ",
}


@pytest.mark.parametrize("name", CRAFTED)
def test_a_crafted_line_wakes_one_at_most(name: str) -> None:
    """Whatever it holds, and the same one each time."""
    chosen = []
    for _ in range(2):
        decider = Ours(shipped_policy())(BOTS)
        utterance = Utterance("1", "kim", CRAFTED[name], 10_000_000, ("kim",))
        chosen.append(set(decider.decide(utterance, frozenset())))
        decider.observe(utterance)
    assert chosen[0] == chosen[1]
    assert len(chosen[0]) <= 1


def test_two_characters_with_the_same_interests_do_not_both_answer() -> None:
    """The tie falls by the message, so that both have their turn."""
    twins = [Participant(name, (name,), CHARACTERS["elena"]) for name in ("uno", "due")]
    winners = set()
    for number in range(1, 13):
        decider = Ours(shipped_policy())(twins)
        text = "how many hearts does an octopus have?"
        utterance = Utterance(str(number), "kim", text, 10_000_000, ("kim",))
        chosen = set(decider.decide(utterance, frozenset()))
        assert len(chosen) == 1
        winners |= chosen
    assert winners == {"uno", "due"}


@pytest.mark.parametrize(
    ("words", "examples"),
    [(500, 1), (0, 1), (1, 0)],
    ids=["500 words", "no words", "no example sentences"],
)
def test_an_interest_of_too_much_or_too_little_is_refused(
    words: int, examples: int
) -> None:
    """The file is refused at the start: no gateway measures by it."""
    with pytest.raises(ValidationError):
        Interest(
            name="all",
            words=tuple(f"word{number}" for number in range(words)),
            examples=("Is this it?",) * examples,
        )
