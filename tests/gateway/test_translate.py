"""What Discord sends, however odd, becomes an event or nothing."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import discord
import pytest

from app.domain.model import AuthorKind, Event
from app.gateway.translate import event_of, may_moderate, reaction_event


def message(**fields: Any) -> Any:
    """An object with what a discord.Message has."""
    author = SimpleNamespace(id=21, display_name="Ann", bot=False)
    return SimpleNamespace(
        **{
            "id": 100,
            "type": discord.MessageType.default,
            "webhook_id": None,
            "reference": None,
            "mentions": [],
            "channel": SimpleNamespace(id=5),
            "guild": SimpleNamespace(id=6),
            "author": author,
            "content": "hi",
            "nonce": None,
            "application_id": None,
            "raw_role_mentions": [],
            "attachments": [],
            "stickers": [],
            "embeds": [],
            "components": [],
            "poll": None,
            "message_snapshots": [],
            **fields,
        }
    )


def test_a_plain_message() -> None:
    """Ids become strings; nothing is invented."""
    assert event_of(message(), ()) == Event(
        message_id="100",
        channel_id="5",
        guild_id="6",
        author_id="21",
        author_name="Ann",
        content="hi",
    )


@pytest.mark.parametrize(
    "odd",
    [
        {"content": None},
        {"author": SimpleNamespace(id=21)},
        {"author": None},
        {"id": "x"},
        {"channel": None},
        {"author": SimpleNamespace(id=21, display_name=7, bot=False)},
        {"id": -1},
        {"mentions": None},
    ],
)
def test_malformed_messages_are_nothing(odd: dict[str, Any]) -> None:
    """What is malformed is left out; no exception leaves the listener."""
    reply = SimpleNamespace(message_id=9, resolved=None)
    assert event_of(message(**odd), ()) is None
    assert (
        event_of(message(**odd, type=discord.MessageType.reply, reference=reply), ())
        is None
    )


def test_no_events() -> None:
    """Webhooks and system messages are none."""
    assert event_of(message(webhook_id=3), ()) is None
    assert event_of(message(type=discord.MessageType.new_member), ()) is None


def test_a_server_that_is_not_known_is_nobodys() -> None:
    """A message without a server is a direct one only in a direct channel: else every
    bot would answer it."""
    assert event_of(message(guild=None), ()) is None


def test_a_proxy_speaks_for_a_person() -> None:
    """Of webhooks only those of the given applications are heard, and what they say is
    a human's under the webhook's name."""
    copy = message(
        webhook_id=3,
        application_id=77,
        author=SimpleNamespace(id=3, display_name="Fox", bot=True),
    )
    assert event_of(copy, (), ("78",)) is None
    event = event_of(copy, (), ("77",))
    assert event is not None
    assert (event.author_kind, event.author_name, event.proxied) == (
        AuthorKind.HUMAN,
        "Fox",
        True,
    )


def test_a_reply_that_pings_tells_whom_it_answers() -> None:
    """Discord may leave the answered message out; whom the reply pings without naming
    them is its author."""
    reply = SimpleNamespace(message_id=9, resolved=None)
    pinged = [SimpleNamespace(id=31, display_name="Elena")]
    event = event_of(
        message(type=discord.MessageType.reply, reference=reply, mentions=pinged), ()
    )
    assert event is not None
    assert event.reply_to_author == "31"
    spelt = message(
        type=discord.MessageType.reply,
        reference=reply,
        mentions=pinged,
        content="<@31> look",
    )
    event = event_of(spelt, ())
    assert event is not None
    assert event.reply_to_author is None


def test_who_wrote_it() -> None:
    """Our bots are told from foreign ones by the roster's ids, and bots from people by
    Discord's flag."""
    robot = SimpleNamespace(id=31, display_name="R", bot=True)
    kinds = [
        event.author_kind
        for event in (
            event_of(message(), ("31",)),
            event_of(message(author=robot), ("31",)),
            event_of(message(author=robot), ()),
        )
        if event is not None
    ]
    assert kinds == [AuthorKind.HUMAN, AuthorKind.OURS, AuthorKind.FOREIGN]


def test_long_texts_and_names_are_cut() -> None:
    """A longer text or name than the shapes allow is cut, not refused."""
    long = SimpleNamespace(id=21, display_name="A" * 500, bot=False)
    event = event_of(message(content="x" * 9_000, author=long), ())
    assert event is not None
    assert (len(event.content), len(event.author_name)) == (4_000, 100)


def test_a_forward_is_no_reply() -> None:
    """A forwarded message refers to another without replying to it."""
    event = event_of(
        message(reference=SimpleNamespace(message_id=9, resolved=None)), ()
    )
    assert event is not None
    assert event.reply_to is None


def test_a_reply_to_what_is_gone() -> None:
    """A reply to a deleted message still says that it is a reply."""
    reference = SimpleNamespace(message_id=9, resolved=None)
    event = event_of(message(type=discord.MessageType.reply, reference=reference), ())
    assert event is not None
    assert (event.reply_to, event.reply_to_author) == ("9", None)


def test_a_reaction_to_an_unknown_message() -> None:
    """A burst on a message from before the start has its author, if Discord says who;
    else it is nothing."""
    payload: Any = SimpleNamespace(
        message_id=100, channel_id=5, guild_id=6, message_author_id=31
    )
    event = reaction_event(payload, None, ("31",), 4)
    assert event is not None
    assert (event.kind, event.author_id, event.author_kind, event.reactions) == (
        "reaction",
        "31",
        AuthorKind.OURS,
        4,
    )
    payload.message_author_id = None
    assert reaction_event(payload, None, (), 4) is None


def test_strangers_may_not_moderate() -> None:
    """Without a member object there is no permission; a bot never has one."""
    person: Any = SimpleNamespace(id=21, bot=False)
    assert not may_moderate(None, None)
    assert not may_moderate(person, None)
