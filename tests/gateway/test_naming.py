"""Names for a worker's lines: a server's own names, from a real Valkey."""

from __future__ import annotations

from typing import Any

import pytest

from app.domain.model import ChatLine, Event, MessagePart, PartKind
from app.store import names
from app.store.door import Store
from app.worker.naming import called, named


@pytest.fixture
def learnt(store: Store) -> Store:
    """A store that knows a few names of server 6."""
    known = {
        "5": "pier",
        "topic:5": "ask <@31> or <@32> in <#8>",
        "8": "general",
        "31": "Captain Coral",
        "21": "Kim of the North",
    }
    store.run(names.learn("6", known))
    return store


def event(**fields: Any) -> Event:
    """What Kim says on the pier."""
    return Event(
        **{
            "message_id": "100",
            "channel_id": "5",
            "guild_id": "6",
            "author_id": "21",
            "author_name": "Kim of the North",
            **fields,
        }
    )


def line(**fields: Any) -> ChatLine:
    """A line as Discord's REST tells it, without any nickname."""
    return ChatLine(
        **{
            "message_id": "99",
            "author_id": "21",
            "author_name": "Kim",
            "author_kind": "human",
            "content": "hi",
            **fields,
        }
    )


def test_one_person_has_one_name(learnt: Store) -> None:
    """Author, mention, and mention in a part: the name that the server uses."""
    poll = MessagePart(kind=PartKind.POLL, text="<@21> or <@31>?")
    found = named(
        learnt, event(), [line(content="<@21> asks <@31>", parts=(poll,))], me="31"
    )
    assert found.lines[0].author_name == "Kim of the North"
    assert found.lines[0].content == "@Kim of the North asks @Captain Coral"
    assert found.lines[0].parts[0].text == "@Kim of the North or @Captain Coral?"


def test_the_place_has_no_ids(learnt: Store) -> None:
    """A topic mentions people, too; a bot is told what it is called here."""
    found = named(learnt, event(), [], me="31")
    assert found.place == {
        "channel": "pier",
        "topic": "ask @Captain Coral or @somebody in #general",
        "your name here": "Captain Coral",
    }


def test_people_of_one_proxy_keep_their_names(learnt: Store) -> None:
    """They share the id of a webhook: the one who speaks now is not all of them."""
    spoken = {"author_id": "77", "proxied": True}
    lines = [
        line(message_id="98", author_name="Rin", **spoken),
        line(author_name="Sol", **spoken),
    ]
    found = named(learnt, event(author_id="77", author_name="Rin", proxied=True), lines)
    assert [one.author_name for one in found.lines] == ["Rin", "Sol"]


def test_lines_that_answer_nobody_are_named(learnt: Store) -> None:
    """Whoever opens a conversation reads names, too; without a server those that came
    with the line."""
    lines = [line(content="<@31> <@9>", names={"9": "Mo"})]
    assert called(learnt, "6", lines)[0].content == "@Captain Coral @Mo"
    assert called(learnt, None, lines)[0].content == "@somebody @Mo"
