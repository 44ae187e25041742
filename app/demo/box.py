"""The box to type in, which the demo adds to the page: to speak, to reply, to react as
one of its people."""

from __future__ import annotations

import asyncio
import re

from aiohttp import web

from app.demo.scene import Scene
from app.loopback import Account, ApiError
from app.web.feed import Feed
from app.web.guard import SESSION, check_form
from app.web.room import Json
from app.web.server import read_form

MAX_TEXT = 2_000


class Box:
    """What its routes do. What is said before the bots listen is held until they do:
    set `listening` then."""

    def __init__(self, scene: Scene, feed: Feed) -> None:
        self._scene = scene
        self._feed = feed
        self.listening = asyncio.Event()

    def routes(self) -> tuple[web.RouteDef, ...]:
        """For the page's server, which guards them."""
        return (
            web.post("/demo/say", self._say),
            web.post("/demo/react", self._react),
        )

    async def _say(self, request: web.Request) -> web.Response:
        form = await self._read(request)
        person, channel = self._person_of(form), self._channel_of(form)
        text = str(form.get("text", "")).strip()[:MAX_TEXT]
        if not text:
            raise web.HTTPBadRequest(text="there is nothing to say")
        reply_to = _id_of(form, "reply_to") if form.get("reply_to") else None
        await self.listening.wait()
        try:
            post = self._scene.server.post(
                person, channel, self._with_mentions(text), reply_to
            )
        except ApiError as error:
            raise web.HTTPBadRequest(text=error.message) from None
        self._feed.nudge()
        return web.json_response({"id": str(post.message_id)})

    async def _react(self, request: web.Request) -> web.Response:
        form = await self._read(request)
        server, person = self._scene.server, self._person_of(form)
        act = server.unreact if form.get("removed") else server.react
        try:
            act(person, _id_of(form, "message"), str(form.get("emoji", "")))
        except ApiError as error:
            raise web.HTTPBadRequest(text=error.message) from None
        self._feed.nudge()
        return web.json_response({})

    async def _read(self, request: web.Request) -> Json:
        check_form(request, request[SESSION])
        return await read_form(request)

    def _person_of(self, form: Json) -> Account:
        person = self._scene.find_person(form.get("person"))
        if person is None:
            raise web.HTTPBadRequest(text="no such person")
        return person

    def _channel_of(self, form: Json) -> int:
        """A channel on the page; a direct message only to a bot of this person's
        own."""
        channel = _id_of(form, "channel")
        own = {
            dm.id
            for person, _, dm in self._scene.direct_channels
            if str(person.id) == form.get("person")
        }
        if channel not in own | {one.id for one in self._scene.channels}:
            raise web.HTTPBadRequest(text="no such channel")
        return channel

    def _with_mentions(self, text: str) -> str:
        """`@Elena`, as people type it, becomes a mention, as Discord's client sends
        it."""
        for account in (*self._scene.bots.values(), *self._scene.people):
            name = re.escape(account.name)
            text = re.sub(
                rf"(?<!\w)@{name}\b", account.mention, text, flags=re.IGNORECASE
            )
        return text


def _id_of(form: Json, name: str) -> int:
    value = form.get(name)
    if not isinstance(value, str) or not re.fullmatch("[0-9]{1,20}", value, re.ASCII):
        raise web.HTTPBadRequest(text=f"{name} is no id")
    return int(value)
