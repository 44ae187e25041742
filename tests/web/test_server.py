"""The page's server over real sockets: who gets in, who may change what, and what every
answer carries."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from app.store import keys, mutes
from app.web.access import TRIES
from app.web.guard import HEADERS
from app.web.server import FILES
from tests.web.conftest import (
    LOUNGE,
    PASSWORD,
    READER,
    Page,
    Stream,
    Visitor,
    new_visitor,
)

pytestmark = pytest.mark.asyncio

ASKED = (
    "/api/events",
    "/api/why/1",
    "/api/search?q=x",
    "/api/unanswered",
    "/api/costs",
    "/static/page.js",
    "/static/../server.py",
    "/nowhere",
)
DONE: tuple[tuple[str, dict[str, Any]], ...] = (
    ("/api/mute", {"scope": "all", "for": "1h"}),
    ("/api/unmute", {"scope": "all"}),
    ("/api/retry", {"entry": "x"}),
)


async def test_a_stranger_gets_the_login_and_nothing_else(
    stranger: Visitor, stream: Stream
) -> None:
    """401 for every page, question and deed; nothing is told and nothing done."""
    status, text = await stranger.get("/")
    assert status == 401
    assert "password" in text
    assert "page.js" not in text
    for path in ASKED:
        assert (await stranger.get(path))[0] == 401, path
    for path, form in DONE:
        assert (await stranger.post(path, form))[0] == 401, path
    assert stream.store.run(mutes.read(keys.mute_by_operator("all"))) is None


async def test_everything_comes_from_this_server_under_a_strict_policy(
    visitor: Visitor,
) -> None:
    """Errors carry the policy, too; no file speaks of another server or writes HTML."""
    for path in ("/", "/login", "/nowhere", *(f"/static/{name}" for name in FILES)):
        async with visitor.session.get(visitor.origin + path) as answer:
            text = await answer.text()
            for name, value in HEADERS.items():
                assert answer.headers[name] == value, path
        assert "unsafe" not in HEADERS["Content-Security-Policy"]
        outward = text.replace("http://www.w3.org/2000/svg", "")
        assert "://" not in outward, path
        assert "innerHTML" not in text, path
        assert " style=" not in text, path


async def test_the_login_gives_a_cookie_that_no_script_and_no_other_site_has(
    stranger: Visitor,
) -> None:
    """And that belongs to this port alone."""
    assert await stranger.log_in("wrong-password") == 401
    assert await stranger.log_in(PASSWORD) == 303
    (cookie,) = stranger.session.cookie_jar
    assert cookie.key == f"the-stream-{stranger.port}"
    assert (cookie["httponly"], cookie["samesite"]) == (True, "Strict")
    assert (await stranger.get("/"))[0] == 200


async def test_wrong_passwords_are_slowed_down(stranger: Visitor) -> None:
    """After some even the right one has to wait; a link has not."""
    tried = [await stranger.log_in(f"wrong-{count}") for count in range(TRIES + 2)]
    assert tried == [401] * TRIES + [429, 429]
    assert await stranger.log_in(PASSWORD) == 429


async def test_guesses_at_the_same_time_are_counted_one_by_one(
    stranger: Visitor,
) -> None:
    """Whoever sends a hundred at once tries no more of them than one after another."""
    guesses = [stranger.log_in(f"wrong-{count}") for count in range(TRIES + 5)]
    tried = await asyncio.gather(*guesses)
    assert sorted(tried) == [401] * TRIES + [429] * 5


async def test_a_link_opens_the_page_once(stream: Stream) -> None:
    """Whoever finds it later in a history or a log gets the login."""
    async with Page(stream.settings()) as page, new_visitor(page) as first:
        key = page.doorkeeper.make_link_key()
        assert (await first.get(f"/login?key={key}"))[0] == 200
        assert (await first.get("/"))[0] == 200
        async with new_visitor(page) as second:
            status, text = await second.get(f"/login?key={key}")
            assert (status, "was used" in text) == (401, True)
            assert (await second.get("/"))[0] == 401


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "", "a b", "[::"])
async def test_a_foreign_name_for_this_machine_is_refused(
    visitor: Visitor, host: str
) -> None:
    """DNS rebinding: a page of another site calls us by its own name."""
    for path in ("/", "/api/events", "/static/style.css"):
        assert (await visitor.get(path, Host=host))[0] in {400, 403}, path


async def test_further_names_are_a_setting(stream: Stream) -> None:
    """Behind a proxy the page has the proxy's name; its cookie then travels by https
    alone."""
    settings = stream.settings(page_hosts=("room.example",))
    async with Page(settings) as page, new_visitor(page) as visitor:
        async with visitor.session.post(
            f"{visitor.origin}/login",
            data={"password": PASSWORD},
            headers={"Host": "room.example", "Origin": "https://room.example"},
            allow_redirects=False,
        ) as answer:
            assert answer.status == 303
            (cookie,) = answer.cookies.values()
        assert cookie["secure"]


@pytest.mark.parametrize(
    "header",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": ""},
        {"X_Stream_Form": ""},
        {"X_Stream_Form": "é"},
        {"X_Stream_Form": "0" * 64},
        {"Content_Type": "text/plain"},
        {"Content_Type": "application/x-www-form-urlencoded"},
    ],
)
async def test_a_forged_form_is_refused(
    visitor: Visitor, stream: Stream, header: dict[str, str]
) -> None:
    """Whatever another site can make a logged-in browser send changes nothing."""
    await visitor.look()
    for path, form in DONE:
        assert (await visitor.post(path, form, **header))[0] in {403, 415}, path
    assert stream.store.run(mutes.read(keys.mute_by_operator("all"))) is None
    assert (await visitor.post(*DONE[0]))[0] == 200, "the honest one is carried out"
    assert stream.store.run(mutes.read(keys.mute_by_operator("all"))) is not None


async def test_the_scripts_are_asked_for_all_at_once(visitor: Visitor) -> None:
    """The page names each: none is asked for only once another has come."""
    _, page = await visitor.get("/")
    for name, kind in FILES.items():
        assert kind != "text/javascript" or f'="/static/{name}"' in page, name


async def test_another_site_cannot_log_anybody_in_or_out(visitor: Visitor) -> None:
    """Both are forms as well."""
    for path in ("/login", "/logout"):
        status, _ = await visitor.post(path, {}, Origin="http://evil.example")
        assert status == 403
    assert (await visitor.get("/"))[0] == 200


async def test_a_reader_looks_and_changes_nothing(
    stranger: Visitor, stream: Stream
) -> None:
    """Not even with a valid form."""
    message = stream.say("hello")
    stream.contest(message)
    assert await stranger.log_in(READER) == 303
    pieces = await stranger.look()
    assert pieces[-1]["role"] == "reader"
    assert message in {piece.get("id") for piece in pieces}
    for path, form in DONE:
        assert (await stranger.post(path, form))[0] == 403, path
    assert (await stranger.get(f"/api/why/{message}"))[0] == 200


async def test_logging_out_ends_the_session_everywhere(visitor: Visitor) -> None:
    """An open stream ends, and a copy of the cookie is worth nothing."""
    await visitor.look()
    (cookie,) = visitor.session.cookie_jar
    assert (await visitor.post("/logout", {}))[0] == 200
    copied = {"Cookie": f"{cookie.key}={cookie.value}"}
    assert (await visitor.get("/api/costs", **copied))[0] == 401


async def test_what_makes_no_sense_is_refused_in_words(
    visitor: Visitor, stream: Stream
) -> None:
    """No question and no form brings the server down."""
    await visitor.look()
    for path, form in (
        ("/api/mute", {"scope": "everybody"}),
        ("/api/mute", {"scope": "bot:elana"}),
        ("/api/mute", {"scope": "all", "for": "0s"}),
        ("/api/mute", {"scope": ["all"]}),
        ("/api/mute", {}),
        ("/api/retry", {"entry": "nothing"}),
        ("/api/retry", {"entry": "x" * 50_000}),
    ):
        status, text = await visitor.post(path, form)
        assert (status, '"error"' in text) == (400, True), form
    assert (await visitor.post("/api/mute", ["all"]))[0] == 400
    assert (await visitor.post("/api/mute", "x" * 100_000))[0] == 413
    for path, status in (
        ("/api/why/nonsense", 400),
        ("/api/why/123456789012345678", 404),
        ("/api/search?q=", 400),
        ("/api/search?q=%00%ff" + "x" * 900, 200),
        ("/api/unanswered?since=soon", 400),
        ("/api/costs?by=nobody", 400),
        ("/api/costs?days=-1", 400),
    ):
        assert (await visitor.get(path))[0] == status, path


async def test_a_mute_is_told_to_every_open_page(
    visitor: Visitor, stream: Stream
) -> None:
    """At once, with who set it; an unmute as well."""
    scope = {"scope": f"bot:elena@channel:{LOUNGE}"}
    muted = {"scope": scope["scope"], "who": "operator, on the page"}
    async with asyncio.timeout(20):
        async for piece in visitor.pieces():
            if piece["type"] == "all":
                form = {**scope, "for": "1h"}
                assert (await visitor.post("/api/mute", form))[0] == 200
            elif piece["type"] == "status" and piece["mutes"]:
                (found,) = piece["mutes"]
                assert found.items() >= muted.items()
                assert (await visitor.post("/api/unmute", scope))[0] == 200
                break
        async for piece in visitor.pieces():
            if piece["type"] == "status" and not piece["mutes"]:
                break
