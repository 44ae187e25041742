"""People behind proxies: who is held, for how long, and which message a copy
repeats."""

from __future__ import annotations

from typing import Any

import pytest

from app.domain.model import DISCORD_EPOCH_MS, Event
from app.gateway.proxies import PLAIN_AFTER, Proxies, in_place_of

DELAY = 1_500
START_MS = 1_780_000_000_000


def snowflake(at_ms: int, place: int = 0) -> str:
    """An id that Discord would make at this time."""
    return str(((at_ms - DISCORD_EPOCH_MS) << 22) + place)


def said(text: str, after_ms: int = 0, author: str = "901", **fields: Any) -> Event:
    """What somebody says in the channel, some ms after the start."""
    return Event(
        **{
            "message_id": snowflake(START_MS + after_ms),
            "channel_id": "5",
            "guild_id": "6",
            "author_id": author,
            "author_name": "Ann",
            "content": text,
            **fields,
        }
    )


def copy(text: str, after_ms: int, **fields: Any) -> Event:
    """What a proxy's webhook says."""
    return said(text, after_ms, author="77", proxied=True, **fields)


@pytest.fixture
def proxies() -> Proxies:
    """A process that knows of a proxy in the server."""
    known = Proxies(("466378653216014359",), DELAY)
    known.at_work_in("6")
    return known


def test_without_a_proxy_nobody_waits() -> None:
    """In a server in which no proxy has been seen, and in private, answers come at
    once."""
    proxies = Proxies(("466378653216014359",), DELAY)
    assert proxies.delay_ms(said("hi")) == 0
    proxies.at_work_in("6")
    assert proxies.delay_ms(said("hi", 1, guild_id=None)) == 0


def test_every_bot_holds_a_message_alike(proxies: Proxies) -> None:
    """The second copy of an event changes nothing."""
    assert [proxies.delay_ms(said("hi")) for _ in range(3)] == [DELAY] * 3


def test_a_person_whom_nobody_repeats_is_soon_answered_at_once(
    proxies: Proxies,
) -> None:
    """After three messages that stayed as they were, the fourth is not held."""
    held = [
        proxies.delay_ms(said("hi", number * 60_000))
        for number in range(PLAIN_AFTER + 2)
    ]
    assert held == [DELAY] * PLAIN_AFTER + [0, 0]


@pytest.mark.parametrize(
    ("original", "repeated"),
    [
        ("[hello there]", "hello there"),
        ("hello there", "hello there"),
        ("fox: hello", "hello"),
        ("A:  hello\nyou", "hello you"),
    ],
)
def test_a_copy_finds_its_original(
    proxies: Proxies, original: str, repeated: str
) -> None:
    """The copy lacks the signs that the person wrote for the proxy."""
    first = said(original)
    proxies.delay_ms(first)
    assert proxies.original_of(copy(repeated, 600)) == first


def test_who_is_proxied_is_held_from_then_on(proxies: Proxies) -> None:
    """However many of the person's messages stay as they are."""
    proxies.delay_ms(said("[hi]"))
    proxies.original_of(copy("hi", 500))
    assert all(
        proxies.delay_ms(said("hi", 60_000 * number)) == DELAY for number in range(1, 8)
    )


@pytest.mark.parametrize(
    "other",
    [
        copy("something else", 500),
        copy("hi", 60_000),
        copy("hi", 500, channel_id="9"),
    ],
)
def test_what_repeats_nothing(proxies: Proxies, other: Event) -> None:
    """Other words, a minute later, another channel: no original."""
    proxies.delay_ms(said("hi"))
    assert proxies.original_of(other) is None


def test_every_bot_finds_the_same_original(proxies: Proxies) -> None:
    """The second bot's copy of a proxy's message repeats what the first one's does."""
    first = said("[hi]")
    proxies.delay_ms(first)
    again = copy("hi", 600)
    assert [proxies.original_of(again) for _ in range(3)] == [first] * 3


def test_a_message_is_repeated_once(proxies: Proxies) -> None:
    """Two members of one system say the same: the second copy repeats the second
    message, whoever spoke in between."""
    first, second, other = (
        said("r: hi"),
        said("s: hi", 300),
        said("nothing of this kind", 400, author="902"),
    )
    for one in (first, second, other):
        proxies.delay_ms(one)
    repeated = [proxies.original_of(copy("hi", after)) for after in (700, 900)]
    assert {one.message_id for one in repeated if one is not None} == {
        first.message_id,
        second.message_id,
    }
    assert proxies.original_of(copy("hi", 1_000)) is None


def test_of_several_the_copy_repeats_the_closest(proxies: Proxies) -> None:
    """A short copy is part of many messages; the person who said least besides is its
    author, and the others are answered."""
    mine, theirs = said("r: hi"), said("this is not about proxies", 400, author="902")
    for one in (mine, theirs):
        proxies.delay_ms(one)
    assert proxies.original_of(copy("hi", 900)) == mine


def test_a_copy_answers_what_its_original_answered() -> None:
    """A webhook cannot reply: whom the person replied to goes with the copy; the copy's
    own words stay."""
    original = said("r: really?", reply_to="8", reply_to_author="31")
    meant = in_place_of(original, copy("really?", 500))
    assert (meant.reply_to, meant.reply_to_author) == ("8", "31")
    assert (meant.content, meant.author_id, meant.proxied) == ("really?", "77", True)
    plain = copy("really?", 500)
    assert in_place_of(said("r: really?"), plain) is plain


def test_a_copy_shows_that_a_proxy_is_at_work() -> None:
    """Where the proxy's role could not be seen, its first copy tells."""
    proxies = Proxies(("466378653216014359",), DELAY)
    proxies.delay_ms(said("hi"))
    proxies.original_of(copy("hi", 500))
    assert proxies.delay_ms(said("again", 10_000)) == DELAY
