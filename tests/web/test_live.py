"""What the page is told: messages with their decisions, as they come, and nothing of
what is private."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import pytest

from app.domain.errors import StoreUnavailable
from app.store import keys, names, outbox
from app.web.feed import QUEUE, Feed
from app.web.room import Piece
from tests.web.conftest import (
    GUILD,
    OCEAN,
    PASSWORD,
    PRIVATE,
    READER,
    Page,
    Stream,
    Visitor,
    new_visitor,
)

pytestmark = pytest.mark.asyncio


def of(pieces: Sequence[dict[str, Any]], kind: str) -> list[dict[str, Any]]:
    """The pieces of this type."""
    return [piece for piece in pieces if piece["type"] == kind]


async def test_a_message_shows_who_bid_who_won_and_why(
    visitor: Visitor, stream: Stream
) -> None:
    """The text, the sentence of `why`, a row for each bot, and the answer below it."""
    message = stream.say("Do whales sleep?", "Tom")
    stream.contest(message)
    post = stream.answer(message, "With half a brain at a time.")
    pieces = {one["id"]: one for one in of(await visitor.look(), "message")}
    asked, said = pieces[message], pieces[post]
    assert (asked["name"], asked["text"]) == ("Tom", "Do whales sleep?")
    assert asked["story"]["sentence"].startswith("Elena won: it knows the subject")
    rows = [(one["bot"], one["bid"], one["stand"]) for one in asked["story"]["rows"]]
    assert rows == [("elena", 6.5, "spoke"), ("dotty", 2.0, "yields")]
    assert asked["story"]["after_ms"] >= 0
    assert (said["bot"], said["name"], said["text"], said["reply_to"]) == (
        "elena",
        "Elena",
        "With half a brain at a time.",
        message,
    )


async def test_decisions_come_as_they_are_made(
    visitor: Visitor, stream: Stream
) -> None:
    """An open page hears of a new message, then of each step, without asking."""
    stands: list[list[str]] = []
    message = ""
    async with asyncio.timeout(20):
        async for piece in visitor.pieces():
            if piece["type"] == "all":
                message = stream.say("Anybody?")
                stream.decide(message, "dotty", "admit", "opened", bid=1.0, parts="{}")
            if piece["type"] == "message" and piece["id"] == message:
                stands.append([row["stand"] for row in piece["story"]["rows"]])
                if len(stands) == 1:
                    stream.decide(message, "dotty", "elect", "granted")
                elif stands[-1] == ["writes"]:
                    stream.decide(message, "dotty", "deliver", "delivered", message="9")
                elif stands[-1] == ["spoke"]:
                    break
    assert stands[0] == ["yields"]
    assert stands[-2:] == [["writes"], ["spoke"]]


async def test_a_reaction_stands_at_its_message(
    visitor: Visitor, stream: Stream
) -> None:
    """It is no message of its own."""
    message = stream.say("I passed!")
    stream.contest(message)
    body = {
        "entry_id": "r1",
        "bot": "elena",
        "channel_id": "1001",
        "kind": "react",
        "emoji": "🎉",
    }
    stream.store.client.hset(keys.entry("r1"), "body", json.dumps(body))
    stream.store.client.pexpire(keys.entry("r1"), 60_000)
    stream.decide(message, "elena", "commit", "committed", entry="r1")
    stream.decide(message, "elena", "deliver", "delivered", message="")
    (only,) = of(await visitor.look(), "message")
    assert only["reactions"] == [["🎉", "elena"]]


async def test_what_a_dry_run_kept_back_is_shown_as_unsaid(
    visitor: Visitor, stream: Stream
) -> None:
    """The words stand where they would have stood, marked; a reaction, which nobody sees
    in Discord, is words of this kind too."""
    message = stream.say("Do whales sleep?")
    stream.contest(message)
    for bot, body in (
        ("elena", {"kind": "reply", "chunks": ["Half of each does."]}),
        ("dotty", {"kind": "react", "emoji": "🐳"}),
    ):
        whole = {"entry_id": bot, "bot": bot, "channel_id": "1001", **body}
        stream.store.client.hset(keys.entry(bot), "body", json.dumps(whole))
        stream.store.client.pexpire(keys.entry(bot), 60_000)
        stream.decide(message, bot, "commit", "dry_run", entry=bot)
    asked, *unsaid = sorted(
        of(await visitor.look(), "message"), key=lambda one: bool(one["bot"])
    )
    assert asked["reactions"] == []
    assert {(one["bot"], one["text"], one["state"]) for one in unsaid} == {
        ("elena", "Half of each does.", "unsaid"),
        ("dotty", "🐳", "unsaid"),
    }


async def test_private_talks_are_hidden_by_default(
    visitor: Visitor, stream: Stream
) -> None:
    """From the stream, from `why`, from the search, from what is unanswered; also where
    a link claims that it was said in a channel."""
    message = stream.wait_in_private("my secret")
    open_ = stream.say("my opinion", place=OCEAN)
    stream.decide(open_, "elena", "admit", "direct", "called by name")
    pieces = await visitor.look()
    assert [one["id"] for one in of(pieces, "message")] == [open_]
    assert "secret" not in json.dumps(pieces)
    (places,) = of(pieces, "places")
    assert [one["name"] for one in places["places"]] == ["lounge", "ocean"]
    assert (await visitor.get(f"/api/why/{message}"))[0] == 404
    stream.store.run(names.learn(GUILD, {"100300": "garden"}))
    link = f"https://discord.com/channels/1/100300/{message}"
    for path in (
        f"/api/search?q={message}",
        f"/api/search?q={link}",
        "/api/search?q=my",
        "/api/unanswered",
    ):
        _, text = await visitor.get(path)
        assert message not in text, path
        assert "secret" not in text, path
    assert open_ in (await visitor.get("/api/unanswered"))[1]


async def test_a_setting_shows_them_to_the_full_login_alone(stream: Stream) -> None:
    """A reader never sees one."""
    message = stream.wait_in_private("my secret")
    settings = stream.settings(page_direct=True, page_reader_password=READER)
    async with Page(settings) as page:
        for password, seen in ((PASSWORD, [message]), (READER, [])):
            async with new_visitor(page) as visitor:
                await visitor.log_in(password)
                pieces = await visitor.look()
                assert [one["id"] for one in of(pieces, "message")] == seen
                status, _ = await visitor.get(f"/api/why/{message}")
                assert status == (200 if seen else 404)
                assert (PRIVATE in json.dumps(pieces)) == bool(seen)


async def test_a_channel_that_nobody_has_named_is_taken_for_private(
    visitor: Visitor, stream: Stream
) -> None:
    """What is not known to be public is not shown."""
    stream.say("where am I?", place="1999")
    assert not of(await visitor.look(), "message")


async def test_what_is_forgotten_leaves_every_open_page(
    visitor: Visitor, stream: Stream
) -> None:
    """A page keeps nothing that Redis does not."""
    message = stream.say("forget me")
    stream.contest(message)
    async with asyncio.timeout(20):
        async for piece in visitor.pieces():
            if piece["type"] == "all":
                stream.store.client.delete(
                    keys.journal(message), keys.event(message), keys.left_bytes("1001")
                )
            if piece["type"] == "gone":
                assert piece["id"] == message
                break


async def test_dead_letters_stand_with_their_reason_and_are_sent_again(
    visitor: Visitor, stream: Stream
) -> None:
    """One click; the list is empty then."""
    message = stream.say("hello?")
    stream.answer(message, "never sent")
    stream.store.client.hset(keys.dead("elena"), f"e{message}", "403 50013")
    stream.store.client.pexpire(keys.dead("elena"), 60_000)
    (status,) = of(await visitor.look(), "status")
    entry = {"bot": "elena", "entry": f"e{message}", "reason": "403 50013"}
    assert status["dead"] == [entry]
    assert (await visitor.post("/api/retry", {"entry": f"e{message}"}))[0] == 200
    assert not stream.store.run(outbox.dead("elena"))


async def test_hostile_names_and_texts_travel_as_text(
    visitor: Visitor, stream: Stream
) -> None:
    """JSON in a stream of events: no line of theirs ends a piece, none begins one."""
    wild = "</script><script>alert(1)</script>\n\ndata: {}\n\n\u2028\ud800"
    message = stream.say(wild.encode("utf-8", "replace").decode(), "<img src=x>")
    stream.decide(message, "elena", "admit", "direct", "<b>\n\ndata: x")
    (piece,) = of(await visitor.look(), "message")
    assert piece["name"] == "<img src=x>"
    assert piece["text"].startswith("</script><script>")


async def test_the_page_opens_without_redis_and_finds_it_again(
    stream: Stream,
) -> None:
    """It says that Redis is away, answers questions with an error, and shows all once
    it is back."""
    gone = stream.settings(redis_timeout=0.3).model_copy(
        update={"redis_url": "redis://127.0.0.1:1/0"}
    )
    async with Page(gone) as page, new_visitor(page) as visitor:
        await visitor.log_in(PASSWORD)
        assert (await visitor.get("/"))[0] == 200
        assert (await visitor.get("/api/costs"))[0] == 503
        async with asyncio.timeout(20):
            async for piece in visitor.pieces():
                if piece["type"] == "store" and not piece["ok"]:
                    assert "Redis" in piece["why"]
                    page.room._settings = stream.settings()
                if piece["type"] == "all":
                    break


async def test_a_reader_that_stands_still_gets_everything_anew() -> None:
    """Its queue is bounded, and nothing is missing afterwards."""
    count = 0

    def look(_: bool) -> list[Piece]:
        nonlocal count
        count += 1
        many = range(QUEUE + 10 if count > 1 else 1)
        return [Piece(str(one), {"type": "x", "n": one, "at": count}) for one in many]

    feed = Feed(look)
    reader = feed.read(direct=False, extra={})
    async with asyncio.timeout(20):
        first = json.loads(await anext(reader))
        while not first["loaded"]:
            first = json.loads(await anext(reader))
        while count < 3:
            feed.nudge()
            await asyncio.sleep(0.01)
        again = json.loads(await anext(reader))
    assert again["type"] == "all"
    assert len(again["pieces"]) == QUEUE + 11
    await feed.stop()
    await reader.aclose()


async def test_nobody_looks_where_nobody_reads() -> None:
    """A page that is not open costs Redis nothing."""
    looks = 0

    def look(_: bool) -> list[Piece]:
        nonlocal looks
        looks += 1
        raise StoreUnavailable

    feed = Feed(look)
    assert looks == 0
    reader = feed.read(direct=False, extra={})
    async with asyncio.timeout(20):
        await anext(reader)
        assert json.loads(await anext(reader))["ok"] is False
    await reader.aclose()
    feed.nudge()
    assert feed._task is not None
    await feed._task
    before = looks
    feed.nudge()
    await asyncio.sleep(0)
    assert looks == before
    await feed.stop()
