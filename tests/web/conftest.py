"""The page over a real Valkey: a stream as its processes would have left it."""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest
import pytest_asyncio
from aiohttp import web

from app.domain.lane import Lane
from app.domain.model import Event, JournalLine, OutboxEntry, RosterEntry
from app.domain.settings import Settings
from app.store import heartbeats, keys, names, roster
from app.store.door import Store
from app.store.heartbeats import Heartbeat, ProcessRole
from app.web.access import Doorkeeper
from app.web.actions import Actions
from app.web.feed import Feed
from app.web.room import StreamView
from app.web.server import Site, build_application, start_server

PASSWORD, READER = "for-everything", "for-looking"
GUILD, LOUNGE, OCEAN = "7", "1001", "1002"
PRIVATE = "1003000300030003"
"""Long enough to be found in no token by chance."""
HOUR_MS = 3_600_000


def snowflake(seconds_ago: float = 1.0) -> str:
    """An id of a message that was written so long ago."""
    at = int(time.time() * 1000 - seconds_ago * 1000 - 1_420_070_400_000)
    snowflake.count += 1  # type: ignore[attr-defined]
    return str((at << 22) + snowflake.count)  # type: ignore[attr-defined]


snowflake.count = 0  # type: ignore[attr-defined]


@dataclass
class Stream:
    """What gateways and workers would have written."""

    store: Store
    url: str
    bots: dict[str, str] = field(
        default_factory=lambda: {"elena": "501", "dotty": "502"}
    )

    def settings(self, **more: Any) -> Settings:
        """As the page reads them."""
        return Settings(redis_url=self.url, **more)

    def enlist(self) -> None:
        """Two bots, two channels."""
        for bot, account in self.bots.items():
            entry = RosterEntry(
                bot=bot,
                user_id=account,
                names=(bot, bot.title()),
                channels=(LOUNGE, OCEAN),
            )
            self.store.run(roster.enlist(entry))
            facts = {"connected": True, "since": 1.0, "error": ""}
            self.store.run(heartbeats.tell(Heartbeat(ProcessRole.GATEWAY, bot, facts)))
        called = {LOUNGE: "lounge", OCEAN: "ocean", f"topic:{LOUNGE}": "anything"}
        self.store.run(names.learn(GUILD, called))

    def say(
        self, text: str, name: str = "Mara", place: str = LOUNGE, ago: float = 1.0
    ) -> str:
        """A person says something that moves a bot; the message's id."""
        message = snowflake(ago)
        event = Event(
            message_id=message,
            channel_id=place,
            guild_id=None if place == PRIVATE else GUILD,
            author_id="601",
            author_name=name,
            content=text,
        )
        key = keys.event(message)
        self.store.client.hset(key, "event", event.model_dump_json())
        self.store.client.pexpire(key, HOUR_MS)
        self.leave(message, place)
        return message

    def leave(self, message: str, place: str) -> None:
        """Something of it is kept."""
        key = keys.left_bytes(place)
        # In the order of their ids, as the running sum of their bytes is.
        self.store.client.zadd(key, {message: int(message) >> 22})
        self.store.client.pexpire(key, HOUR_MS)

    def decide(
        self,
        to: str,
        bot: str,
        step: str,
        verdict: str,
        reason: str = "",
        **numbers: Any,
    ) -> None:
        """A line of its journal."""
        line = JournalLine(
            at_ms=int(time.time() * 1000),
            bot=bot,
            step=step,
            verdict=verdict,
            reason=reason,
            numbers=numbers,
        )
        key = keys.journal(to)
        self.store.client.rpush(key, line.model_dump_json())
        self.store.client.pexpire(key, HOUR_MS)

    def contest(self, message: str) -> None:
        """Both bid, elena wins and has the floor."""
        parts = json.dumps({"interest": 6.0})
        self.decide(message, "dotty", "admit", "opened", bid=2.0, parts="{}")
        self.decide(message, "elena", "admit", "complete", bid=6.5, parts=parts)
        self.decide(message, "elena", "elect", "granted", "best bid of 2")
        self.decide(message, "elena", "plan", "reply")

    def answer(self, message: str, text: str, place: str = LOUNGE) -> str:
        """Elena's answer is in Discord; the post's id."""
        entry_id, post = f"e{message}", snowflake(0.0)
        entry = OutboxEntry(
            entry_id=entry_id,
            bot="elena",
            channel_id=place,
            kind="reply",
            chunks=(text,),
            reply_to=message,
        )
        key = keys.entry(entry_id)
        self.store.client.hset(key, "body", entry.model_dump_json())
        self.store.client.pexpire(key, HOUR_MS)
        self.decide(message, "elena", "commit", "committed", entry=entry_id, tokens=9)
        self.decide(message, "elena", "deliver", "delivered", message=post)
        return post

    def wait_in_private(self, text: str) -> str:
        """A person writes to elena in private; she has not answered."""
        message = snowflake()
        event = Event(
            message_id=message,
            channel_id=PRIVATE,
            author_id="601",
            author_name="Mara",
            content=text,
            is_dm=True,
        )
        key = keys.inbox(Lane("elena", PRIVATE))
        self.store.client.xadd(key, {"event": event.model_dump_json()})
        self.store.client.pexpire(key, HOUR_MS)
        self.leave(message, PRIVATE)
        self.decide(message, "elena", "admit", "direct", "direct message")
        return message


@pytest.fixture
def stream(store: Store, redis_url: str) -> Stream:
    """Two bots that are connected, and nothing said."""
    made = Stream(store, redis_url)
    made.enlist()
    return made


class Visitor:
    """A browser of sorts at a running page."""

    def __init__(self, session: aiohttp.ClientSession, port: int) -> None:
        self.session, self.port = session, port
        self.origin = f"http://127.0.0.1:{port}"
        self.form_token = ""

    async def log_in(self, password: str) -> int:
        """The status of the answer."""
        async with self.session.post(
            f"{self.origin}/login",
            data={"password": password},
            headers={"Origin": self.origin},
            allow_redirects=False,
        ) as answer:
            return answer.status

    async def get(self, path: str, **headers: str) -> tuple[int, str]:
        """Status and text."""
        async with self.session.get(self.origin + path, headers=headers) as answer:
            return answer.status, await answer.text()

    async def post(self, path: str, form: Any, **headers: str) -> tuple[int, str]:
        """As the page's scripts do, but for `headers`."""
        usual = {
            "Origin": self.origin,
            "Content-Type": "application/json",
            "X-Stream-Form": self.form_token,
        }
        async with self.session.post(
            self.origin + path,
            data=json.dumps(form),
            headers=usual
            | {name.replace("_", "-"): text for name, text in headers.items()},
        ) as answer:
            return answer.status, await answer.text()

    async def pieces(self) -> AsyncIterator[dict[str, Any]]:
        """What the live stream tells, piece by piece."""
        async with self.session.get(f"{self.origin}/api/events") as answer:
            assert answer.status == 200
            async for line in answer.content:
                if line.startswith(b"data: "):
                    found = json.loads(line[6:])
                    if found["type"] == "all":
                        self.form_token = found["form_token"]
                        for piece in found["pieces"]:
                            yield piece
                        if not found["loaded"]:
                            continue
                        found.pop("pieces")
                    yield found

    async def look(self) -> list[dict[str, Any]]:
        """All pieces, once everything was looked up."""
        found = []
        async for piece in self.pieces():
            found.append(piece)
            if piece["type"] == "all":
                return found
        raise AssertionError("the stream ended")


@dataclass
class Page:
    """A running page. `demo`: what a demo tells it; `routes`: more of them."""

    settings: Settings
    demo: dict[str, Any] | None = None
    routes: tuple[web.RouteDef, ...] = ()
    port: int = 0

    async def __aenter__(self) -> Page:
        self.room = StreamView(self.settings)
        self.feed = Feed(self.room.look)
        secret = self.settings.page_reader_password
        reader = None if secret is None else secret.get_secret_value()
        site = Site(
            settings=self.settings,
            doorkeeper=Doorkeeper(PASSWORD, reader),
            feed=self.feed,
            actions=Actions(self.settings),
            extra={"title": "The Stream", "demo": self.demo},
            routes=self.routes,
        )
        self.doorkeeper = site.doorkeeper
        self.runner, self.port = await start_server(
            build_application(site), "127.0.0.1", self.port
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.feed.stop()
        await self.runner.cleanup()
        self.room.close()


@pytest_asyncio.fixture
async def stranger(stream: Stream) -> AsyncIterator[Visitor]:
    """Somebody who has not logged in, at a page with both logins."""
    settings = stream.settings(page_reader_password=READER)
    async with Page(settings) as page, new_visitor(page) as visitor:
        yield visitor


@pytest_asyncio.fixture
async def visitor(stranger: Visitor) -> Visitor:
    """Somebody with the full login."""
    assert await stranger.log_in(PASSWORD) == 303
    return stranger


@asynccontextmanager
async def new_visitor(page: Page) -> AsyncIterator[Visitor]:
    """A browser with no cookie, at this page."""
    jar = aiohttp.CookieJar(unsafe=True)
    async with aiohttp.ClientSession(cookie_jar=jar) as session:
        yield Visitor(session, page.port)
