"""The demo's box to type in, over HTTP, on a loopback Discord alone."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass

import pytest
import pytest_asyncio
from aiohttp import ClientSession, CookieJar, web

from app.demo.box import Box
from app.demo.demo import SCRIPTED
from app.demo.scene import Scene, SceneTalk
from app.domain.settings import Settings
from app.loopback import LoopbackDiscord
from app.operator.talk import TalkPlace
from app.store.door import Store
from app.web.access import Doorkeeper
from app.web.actions import Actions
from app.web.feed import Feed
from app.web.room import Json, Piece
from app.web.server import Site, build_application, start_server
from tests.web.browser import PROGRAM, WITHOUT, open_tab
from tests.web.conftest import Visitor

pytestmark = pytest.mark.asyncio


@dataclass
class Stage:
    """A page with a box, and a browser at it."""

    scene: Scene
    box: Box
    visitor: Visitor
    runner: web.AppRunner

    def words(self, text: str, **more: object) -> dict[str, object]:
        """Mara speaks in the lounge."""
        scene = self.scene
        return {
            "person": str(scene.people[0].id),
            "channel": str(scene.channels[0].id),
            "text": text,
            **more,
        }


@pytest_asyncio.fixture
async def stage() -> AsyncIterator[Stage]:
    """No bot listens yet. Nothing of Redis is asked."""
    server = LoopbackDiscord()
    guild = server.add_guild("Harbour")
    scene = Scene(
        server=server,
        people=(server.add_user("Mara"), server.add_user("Jonas")),
        bots={"elena": server.add_bot("Elena")},
        channels=(server.add_channel("lounge", guild),),
    )
    lounge = TalkPlace(
        str(scene.channels[0].id), "lounge", "", direct=False, lively=True
    )
    places: Json = {"type": "places", "direct": False, "places": [asdict(lounge)]}
    feed, settings = Feed(lambda _: [Piece("places", places)]), Settings()
    box = Box(scene, feed)
    cast: Json = {
        "people": [{"id": str(one.id), "name": one.name} for one in scene.people],
        "direct": {},
        "note": SCRIPTED,
    }
    site = Site(
        settings=settings,
        doorkeeper=Doorkeeper(None),
        feed=feed,
        actions=Actions(settings),
        extra={"title": "The Harbour", "demo": cast},
        routes=box.routes(),
    )
    await server.start()
    runner, port = await start_server(build_application(site), "127.0.0.1", 0)
    async with ClientSession(cookie_jar=CookieJar(unsafe=True)) as session:
        visitor = Visitor(session, port)
        async for piece in visitor.pieces():
            assert piece["type"] == "store"
            break
        yield Stage(scene, box, visitor, runner)
    await feed.stop()
    await runner.cleanup()
    await server.stop()


async def test_what_is_said_before_the_bots_listen_is_held(stage: Stage) -> None:
    """The first message is never lost: it is posted once somebody hears it."""
    saying = asyncio.create_task(
        stage.visitor.post("/demo/say", stage.words("hi @elena, <b>you</b>"))
    )
    refused, _ = await stage.visitor.post("/demo/say", stage.words("  "))
    assert refused == 400
    assert not saying.done()
    assert not stage.scene.server.posts
    stage.box.listening.set()
    assert (await saying)[0] == 200
    (post,) = stage.scene.server.posts
    elena = stage.scene.bots["elena"]
    assert post.content == f"hi {elena.mention}, <b>you</b>"
    assert post.pinged == (elena.id,)


async def test_replies_and_reactions_reach_the_loopback(
    stage: Stage, store: Store
) -> None:
    """A reply refers to its message; a reaction is added and taken back, and stands on
    the page meanwhile."""
    stage.box.listening.set()
    scene, talk = stage.scene, SceneTalk(stage.scene)
    first = scene.server.post(scene.bots["elena"], scene.channels[0], "Hello.")
    words = stage.words("Hello you.", reply_to=str(first.message_id))
    assert (await stage.visitor.post("/demo/say", words))[0] == 200
    heart = {"person": str(scene.people[0].id), "message": str(first.message_id)}
    lounge = talk.find_places(store)[0]
    shown = []
    for removed in (False, True):
        form = heart | {"emoji": "❤️", "removed": removed}
        assert (await stage.visitor.post("/demo/react", form))[0] == 200
        shown.append([one.message.reactions for one in talk.read_place(store, lounge)])
    assert shown == [[(("❤️", "Mara"),), ()], [(), ()]]
    said = [one.message for one in talk.read_place(store, lounge)]
    assert [(one.bot, one.reply_to) for one in said] == [
        ("elena", ""),
        ("", str(first.message_id)),
    ]


@pytest.mark.skipif(PROGRAM is None, reason=WITHOUT)
async def test_somebody_types_and_it_is_said(stage: Stage, store: Store) -> None:
    """In a browser: Enter sends, the box is empty then, and the page says that the
    lines are scripted. No error is written to the console."""
    stage.box.listening.set()
    async with open_tab() as tab:
        await tab.resize(390, 844)
        await tab.open(stage.visitor.origin)
        await tab.wait("document.getElementById('text')")
        await tab.run("document.getElementById('text').focus()")
        await tab.type("hi @elena")
        await tab.press("Enter", 13, "\r")
        await tab.wait("document.getElementById('text').value === ''")
        assert "are scripted" in await tab.run("document.body.innerText")
        assert tab.complaints == []
    (post,) = stage.scene.server.posts
    assert post.author_name == "Mara"


async def test_what_makes_no_sense_is_refused(stage: Stage) -> None:
    """Nobody speaks as a bot, in an unknown channel, in another person's direct
    messages, or replies to nothing; a page of another site says nothing at all."""
    stage.box.listening.set()
    scene = stage.scene
    others = scene.server.dm_channel(scene.people[1], scene.bots["elena"])
    wrong: list[dict[str, object]] = [
        {"person": str(scene.bots["elena"].id)},
        {"channel": "1"},
        {"channel": str(others.id)},
        {"reply_to": "7"},
        {"reply_to": "x"},
    ]
    for form in ([], {}, *(stage.words("hi") | one for one in wrong)):
        assert (await stage.visitor.post("/demo/say", form))[0] == 400, form
    react = {"person": str(scene.people[0].id), "message": "7", "emoji": "👍"}
    assert (await stage.visitor.post("/demo/react", react))[0] == 400
    for header in ({"Origin": "http://evil.example"}, {"X_Stream_Form": "x"}):
        status, _ = await stage.visitor.post("/demo/say", stage.words("hi"), **header)
        assert status == 403
    assert not scene.server.posts
