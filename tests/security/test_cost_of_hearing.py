"""No message costs a gateway more than three times an ordinary one, however it is
crafted."""

from __future__ import annotations

import gc
import random
import time

import pytest

from app.domain.model import MAX_CONTENT, Event, RosterEntry
from app.gateway.hearing import Hearing
from app.rules.addressing import addressing
from app.rules.excerpt import READ, excerpt
from app.rules.moderation import find_order

BOTS = ("elena", "aria", "dotty")
ROSTER = tuple(
    RosterEntry(
        bot=bot,
        user_id=str(10**17 + place),
        names=(bot.title(), f"Dr. {bot.title()} Rodriguez"),
        channels=("5",),
    )
    for place, bot in enumerate(BOTS)
)
MOST = 3.0
TRIES = 5
MESSAGES, RUNS = 15, 3
EARLIER = 20
ORDINARY = (
    "I read that the moon pulls at the sea, and that it does so twice a day because the earth turns under it. Is that right, "
    "Elena? I always wondered why it is not once a day, and nobody here could tell me."
)


@pytest.fixture(scope="module", autouse=True)
def _own_garbage() -> None:
    """What earlier tests have left is walked in no measurement."""
    gc.collect()
    gc.freeze()


def _mixed(seed: int) -> str:
    """Characters of many scripts."""
    rng = random.Random(seed)
    blocks = ((32, 0x500), (0x1F300, 0x1F600), (0x4E00, 0x9000), (0x900, 0xE00))
    return "".join(chr(rng.randrange(*rng.choice(blocks))) for _ in range(MAX_CONTENT))


CRAFTED = {
    "one ligature by the thousand": "\ufdfa" * MAX_CONTENT,
    "a name, then ligatures": "elena " + "\ufdfa" * MAX_CONTENT,
    "squared words": "\u3300" * MAX_CONTENT,
    "a name a line": "elena\n" * 700,
    "names": "elena " * 700,
    "calls": "elena," * 700,
    "three names a line": "elena aria dotty\n" * 250,
    "mentions": f"<@{10**17}>" * 190,
    "titles": "dr. " * 1_000,
    "drawn out": "elenaaa " * 500,
    "long drawn": "elena" + "a" * MAX_CONTENT,
    "accents": "elena" + "\u0301" * MAX_CONTENT,
    "korean calls": "elena\uc57c " * 560,
    "greetings": "hi elena, " + "how are you? " * 300,
    "mixed": "elena " + _mixed(1),
    "marks": "?!" * 2_000,
    "lines": "\n" * MAX_CONTENT,
    "code": "`a`" * 1_300,
    "emphasis": "*_" * 2_000,
    "chinese": "\u6f22\u5b57" * 2_000,
}


def _event(number: int, content: str) -> Event:
    return Event(
        message_id=str((10**11 + number) << 22),
        channel_id="5",
        guild_id="6",
        author_id=str(21 + number % 50),
        author_name=f"Ann{number % 50}",
        content=content[:MAX_CONTENT],
    )


def _seconds(content: str) -> float:
    """CPU of hearing and judging some messages, for all bots, in a room that knows
    people; the best of several runs."""
    best = float("inf")
    for _ in range(RUNS):
        hearing = Hearing()
        hearing.learn(ROSTER)
        for entry in ROSTER:
            hearing.host(entry.bot, entry.user_id)
        for number in range(EARLIER):
            hearing.hear(_event(number, "What a day."))
        # Each text is another one: nobody is told the cost of a cache.
        events = [
            _event(100 + number, f"{content[: MAX_CONTENT - 3]}{number:03}")
            for number in range(MESSAGES)
        ]
        gc.collect()
        began = time.process_time()
        for event in events:
            find_order(event, hearing.roster, lambda: True)
            heard = hearing.hear(event)
            hearing.addressing_of(heard)
            for entry in ROSTER:
                heard.table(entry.user_id)
        best = min(best, time.process_time() - began)
    return best


def _ratio(content: str) -> float:
    """Cost beside an ordinary message. What is over the bound is measured again: a
    neighbour's work on the same processor may slow one of the two."""
    ratio = float("inf")
    for _ in range(TRIES):
        ratio = min(ratio, _seconds(content) / _seconds(ORDINARY))
        if ratio <= MOST:
            break
    return ratio


@pytest.mark.parametrize("name", CRAFTED)
def test_no_text_is_dear(name: str) -> None:
    """CPU of crafted messages beside as many ordinary ones (200 characters that call a
    bot), in the same process."""
    ratio = _ratio(CRAFTED[name])
    print(f"{name}: {ratio:.1f} times an ordinary message")
    assert ratio <= MOST


def test_a_long_text_is_read_where_people_call() -> None:
    """The beginning, the end, and what stands around a name in between."""
    filler = "The sea is wide and the wind is cold. " * 30
    for text in (
        f"Elena, listen. {filler}",
        f"{filler}What do you think, Elena?",
        f"{filler}Elena, what do you think? {filler}",
    ):
        assert addressing(_event(1, text), ROSTER).bots == ("elena",), text[:20]
    assert not addressing(
        _event(1, f"{filler}I asked Elena about it. {filler}"), ROSTER
    ).bots


def test_an_excerpt_is_short() -> None:
    """However many names a text holds."""
    assert len(excerpt("elena " * 5_000, ("elena",))) <= READ + 10
