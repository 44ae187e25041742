"""The demo's page over HTTP, on a loopback Discord alone."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from app.demo.live import Live
from app.demo.page import Page
from app.demo.scene import Scene
from app.domain.model import JournalLine
from app.loopback import LoopbackDiscord

TOKEN = "a-token"


class Site:
    """A running page, with a browser that sends what browsers send."""

    def __init__(
        self, scene: Scene, live: Live, session: aiohttp.ClientSession
    ) -> None:
        self.scene, self.live, self.session = scene, live, session
        self.server = scene.server
        self.origin = f"http://127.0.0.1:{scene.server.port}"
        self.mara, self.elena = scene.people[0], scene.bots[0]
        self.lounge = scene.channels[0]

    async def post(self, what: str, form: object, **headers: str) -> tuple[int, str]:
        async with self.session.post(
            f"{self.origin}/page/{what}",
            data=json.dumps(form),
            headers={"Origin": self.origin, "Content-Type": "application/json"}
            | headers,
        ) as answer:
            return answer.status, await answer.text()

    def words(self, text: str, **more: object) -> dict[str, object]:
        return {
            "person": str(self.mara.id),
            "channel": str(self.lounge.id),
            "text": text,
            **more,
        }


@pytest_asyncio.fixture
async def stranger(request: pytest.FixtureRequest) -> AsyncIterator[Site]:
    """A page, and a browser that has not opened its address. The parameter, if any, is
    the page's token."""
    server = LoopbackDiscord()
    guild = server.add_guild("Harbour")
    scene = Scene(
        server,
        (server.add_user("Mara"), server.add_user("Jonas")),
        (server.add_bot("Elena"),),
        (server.add_channel("lounge", guild),),
        {},
    )
    live = Live(scene)
    server.add_routes(Page(live, getattr(request, "param", TOKEN)).page_routes())
    await server.start()
    live.start()
    async with aiohttp.ClientSession(
        cookie_jar=aiohttp.CookieJar(unsafe=True)
    ) as session:
        yield Site(scene, live, session)
    await live.stop()
    await server.stop()


@pytest_asyncio.fixture
async def site(stranger: Site) -> Site:
    """A page whose printed address the browser has opened."""
    async with stranger.session.get(f"{stranger.origin}/?token={TOKEN}") as answer:
        assert answer.status == 200
    return stranger


async def events(
    site: Site, response: aiohttp.ClientResponse, kind: str
) -> dict[str, Any]:
    """The next event of this kind."""
    async for line in response.content:
        if line.startswith(b"data: "):
            event: dict[str, Any] = json.loads(line[6:])
            if event["type"] == kind:
                return event
    raise AssertionError("the stream ended")


@pytest.mark.asyncio
async def test_everything_comes_from_this_server_under_a_strict_policy(
    site: Site,
) -> None:
    """Each file is served with a policy that allows scripts, styles and connections to
    this server alone."""
    for path in (
        "/",
        "/static/style.css",
        "/static/page.js",
        "/static/draw.js",
        "/static/decisions.js",
    ):
        async with site.session.get(site.origin + path) as answer:
            text = await answer.text()
            assert answer.status == 200
            assert answer.headers["Content-Security-Policy"].startswith(
                "default-src 'none'; script-src 'self'"
            )
            assert "unsafe" not in answer.headers["Content-Security-Policy"]
            assert "innerHTML" not in text
            assert "https://" not in text


@pytest.mark.asyncio
async def test_a_person_speaks_and_every_reader_hears_it(site: Site) -> None:
    """What is said on the page is a message on the loopback; `@Elena` becomes a
    mention; all open pages are told."""
    async with site.session.get(site.origin + "/page/events") as stream:
        snapshot = await events(site, stream, "snapshot")
        assert [one["name"] for one in snapshot["people"]] == ["Mara", "Jonas"]
        assert (await site.post("say", site.words("hi @elena, <b>you</b>")))[0] == 200
        heard = await events(site, stream, "message")
    assert heard["text"] == f"hi {site.elena.mention}, <b>you</b>"
    assert site.server.posts[-1].pinged == (site.elena.id,)


@pytest.mark.asyncio
async def test_replies_and_reactions_reach_the_loopback(site: Site) -> None:
    """A reply refers to its message; a reaction is added and taken back."""
    first = site.server.post(site.elena, site.lounge, "Hello.")
    status, _ = await site.post(
        "say", site.words("Hello you.", reply_to=str(first.message_id))
    )
    assert status == 200
    assert site.server.posts[-1].reply_to == first.message_id
    heart = {
        "person": str(site.mara.id),
        "message": str(first.message_id),
        "emoji": "❤️",
    }
    assert (await site.post("react", heart))[0] == 200
    assert (await site.post("react", heart | {"removed": True}))[0] == 200
    assert [one.removed for one in site.server.reactions] == [False, True]


@pytest.mark.parametrize(
    ("headers", "why"),
    [
        ({"Origin": "http://evil.example"}, "a form on another site"),
        ({"Origin": "null"}, "a sandboxed frame"),
        (
            {"Content-Type": "text/plain"},
            "a form's simple request, which no preflight stops",
        ),
        ({"Host": "evil.example"}, "a foreign name that points at this machine"),
        (
            {"Host": "evil.example", "Origin": "http://evil.example"},
            "the same, from its own page",
        ),
    ],
)
@pytest.mark.asyncio
async def test_another_site_cannot_speak(
    site: Site, headers: dict[str, str], why: str
) -> None:
    """Only this page may post: whatever a foreign page can send is refused."""
    assert (await site.post("say", site.words("hi"), **headers))[0] == 403, why
    assert not site.server.posts


ROUTES = ("/", "/static/page.js", "/page/events")


@pytest.mark.parametrize(
    "ticket",
    [
        "",
        "?token=",
        "?token=wrong",
        f"?token={TOKEN}x",
        "?token=%C3%A9%00",
        f"?Token={TOKEN}",
        f"?token=wrong&token={TOKEN}",
    ],
)
@pytest.mark.asyncio
async def test_who_did_not_see_the_printed_address_is_refused(
    stranger: Site, ticket: str
) -> None:
    """Another user of this machine, and whatever program knows the port alone, reads
    nothing and says nothing."""
    for path in ROUTES:
        async with stranger.session.get(stranger.origin + path + ticket) as answer:
            assert answer.status == 403, path
            assert not answer.cookies
    assert (await stranger.post("say" + ticket, stranger.words("hi")))[0] == 403
    assert not stranger.server.posts


@pytest.mark.asyncio
async def test_the_printed_address_gives_a_cookie_that_only_this_page_sends(
    stranger: Site,
) -> None:
    """No script reads it, no other site's page sends it, and the page of another demo
    on this host has one of its own."""
    async with stranger.session.get(f"{stranger.origin}/?token={TOKEN}") as answer:
        (cookie,) = answer.cookies.values()
    assert cookie.key == f"the-stream-page-{stranger.server.port}"
    assert (
        cookie["httponly"],
        cookie["samesite"],
        cookie["path"],
        cookie["domain"],
    ) == (
        True,
        "Strict",
        "/",
        "",
    )
    for path in ROUTES:
        async with stranger.session.get(stranger.origin + path) as answer:
            assert answer.status == 200, path
    async with stranger.session.get(
        f"{stranger.origin}/?token={TOKEN}", headers={"Host": "evil.example"}
    ) as answer:
        assert (answer.status, len(answer.cookies)) == (403, 0)


@pytest.mark.asyncio
async def test_a_cookie_of_an_earlier_demo_is_refused(stranger: Site) -> None:
    """Each start has its own token."""
    earlier = {"Cookie": f"the-stream-page-{stranger.server.port}=earlier"}
    async with stranger.session.get(stranger.origin + "/", headers=earlier) as answer:
        assert answer.status == 403


@pytest.mark.parametrize("stranger", [""], indirect=True)
@pytest.mark.asyncio
async def test_a_page_without_a_token_is_open_and_still_refuses_other_sites(
    stranger: Site,
) -> None:
    """`--no-token`: anybody on this machine may read and speak, a page of another site
    may not."""
    for path in ROUTES:
        async with stranger.session.get(stranger.origin + path) as answer:
            assert (answer.status, len(answer.cookies)) == (200, 0)
    assert (await stranger.post("say", stranger.words("hi")))[0] == 200
    assert (
        await stranger.post("say", stranger.words("hi"), Origin="http://evil.example")
    )[0] == 403


@pytest.mark.asyncio
async def test_another_site_cannot_read(site: Site) -> None:
    """The stream is refused under a foreign host name (DNS rebinding)."""
    async with site.session.get(
        site.origin + "/page/events", headers={"Host": "evil.example"}
    ) as answer:
        assert answer.status == 403


@pytest.mark.asyncio
async def test_what_makes_no_sense_is_refused(site: Site) -> None:
    """Nobody speaks as a bot, in an unknown channel, in another person's direct
    messages, or says nothing."""
    others = site.server.dm_channel(site.scene.people[1], site.elena)
    wrong = [
        {"person": str(site.elena.id)},
        {"channel": "1"},
        {"text": "  "},
        {"channel": str(others.id)},
        {"reply_to": "7"},
        {"reply_to": "x"},
    ]
    for form in ([], {}, *(site.words("hi") | one for one in wrong)):
        assert (await site.post("say", form))[0] == 400, form
    assert (
        await site.post(
            "react", {"person": str(site.mara.id), "message": "7", "emoji": "👍"}
        )
    )[0] == 400
    assert not site.server.posts


@pytest.mark.asyncio
async def test_decisions_are_shown_as_they_are_journalled(site: Site) -> None:
    """Each journal line reaches the page once, with its age; a page that opens later
    gets all of them at once."""
    post = site.server.post(site.mara, site.lounge, "Anybody?")
    lines: list[JournalLine] = []

    async def journal(message: str) -> list[JournalLine]:
        return list(lines) if message == str(post.message_id) else []

    site.live.follow_journal(journal)
    async with site.session.get(site.origin + "/page/events") as stream:
        await events(site, stream, "snapshot")
        for step in ("admit", "elect"):
            lines.append(
                JournalLine(
                    at_ms=round(post.wall * 1000) + 40,
                    bot="elena",
                    step=step,
                    verdict="granted",
                )
            )
            heard = await events(site, stream, "decision")
            assert heard["step"] == step
            assert 30 <= heard["after"] <= 50
    async with site.session.get(site.origin + "/page/events") as stream:
        assert [
            one["step"] for one in (await events(site, stream, "snapshot"))["decisions"]
        ] == [
            "admit",
            "elect",
        ]


@pytest.mark.asyncio
async def test_hidden_channels_stay_hidden(site: Site) -> None:
    """A channel that is not part of the scene is neither in the snapshot nor in the
    stream."""
    attic = site.server.add_channel("attic")
    site.server.post(site.mara, attic, "secret")
    async with site.session.get(site.origin + "/page/events") as stream:
        assert (await events(site, stream, "snapshot"))["messages"] == []
        site.server.post(site.mara, attic, "secret too")
        site.server.post(site.mara, site.lounge, "open")
        assert (await events(site, stream, "message"))["text"] == "open"
