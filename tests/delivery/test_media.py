"""Files are fetched from Discord's own addresses alone, small, and judged by what they
are."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import pytest
from aiohttp import web

from app.delivery.media import Fetched, fetch_file, picture_type, plain_text
from app.delivery.rest import DiscordRest
from app.domain.model import MessagePart, PartKind
from app.domain.settings import Settings
from app.worker.enclosing import PICTURE_BYTES, TEXT_BYTES, enclosed
from tests.delivery.servers import Served, serving

PNG = b"\x89PNG\r\n\x1a\n" + b"\x00" * 20


async def _file(request: web.Request) -> web.Response:
    bodies = {
        "a.png": PNG,
        "lies.png": b"MZ\x90\x00 a program",
        "message.txt": "Grüße vom Riff".encode(),
        "empty.txt": b"",
        "big.png": PNG + b"\x00" * PICTURE_BYTES,
        "binary.txt": b"\x00\x01\x02",
        "big.txt": b"x" * (TEXT_BYTES + 1),
    }
    name = request.match_info["name"]
    if name == "away":
        raise web.HTTPFound("http://127.0.0.1:1/secret")
    if name not in bodies:
        raise web.HTTPNotFound
    return web.Response(body=bodies[name])


@pytest.fixture
def cdn() -> Iterator[Served]:
    """A server in place of Discord's."""
    app = web.Application()
    app.router.add_get("/attachments/{name}", _file)
    with serving(app) as served:
        yield served


def settings(cdn: Served) -> Settings:
    """Settings that know this server as Discord's."""
    return Settings.model_validate(
        {"discord_cdn_url": cdn.url, "discord_media_url": cdn.url}
    )


def part(cdn: Served, name: str, kind: PartKind, size: int = 1) -> MessagePart:
    """A part of a message that says that it is of this kind."""
    return MessagePart(
        kind=kind, text=name, url=f"{cdn.url}/attachments/{name}", size=size
    )


@pytest.mark.parametrize(
    ("name", "problem"),
    [
        ("a.png", ""),
        ("none.png", "it could not be fetched: 404"),
        ("empty.txt", "it is empty"),
        ("away", "it could not be fetched: 302"),
        ("big.png", "it is too large"),
    ],
)
def test_what_is_fetched(cdn: Served, name: str, problem: str) -> None:
    """A file as it is, or one reason; a redirect is not followed, since it could lead
    into the operator's network."""
    found = asyncio.run(
        fetch_file(f"{cdn.url}/attachments/{name}", PICTURE_BYTES, settings(cdn))
    )
    assert found.problem == problem
    assert bool(found.data) == (not problem)


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest",
        "file:///etc/passwd",
        "https://cdn.discordapp.com.evil.example/a",
        "",
        "https://[",
    ],
)
def test_no_other_address_is_asked(cdn: Served, url: str) -> None:
    """What a stranger puts into a message is no reason to ask any server but
    Discord's."""
    found = asyncio.run(fetch_file(url, 10, settings(cdn)))
    assert found == Fetched(b"", "it is not at one of Discord's addresses")


def test_what_is_opened(cdn: Served) -> None:
    """Texts for every bot, pictures for one that sees; the rest is named with its
    reason."""
    parts = [
        part(cdn, "message.txt", PartKind.TEXT_FILE),
        part(cdn, "binary.txt", PartKind.TEXT_FILE),
        part(cdn, "a.png", PartKind.PICTURE),
        part(cdn, "lies.png", PartKind.PICTURE),
        part(cdn, "huge.png", PartKind.PICTURE, size=25_000_000),
    ]
    rest = DiscordRest(settings(cdn))
    try:
        blind, seeing = (
            enclosed(rest, parts, vision=False),
            enclosed(rest, parts, vision=True),
        )
    finally:
        rest.close()
    assert blind.texts == seeing.texts == (("message.txt", "Grüße vom Riff"),)
    assert (len(blind.pictures), [one.media_type for one in seeing.pictures]) == (
        0,
        ["image/png"],
    )
    assert seeing.problems == (
        "binary.txt: it is no text",
        "lies.png: it is no picture that a model could see",
        "huge.png: it is too large",
    )


@pytest.mark.parametrize(
    ("data", "media_type"),
    [
        (PNG, "image/png"),
        (b"\xff\xd8\xff\xe0", "image/jpeg"),
        (b"GIF89a..", "image/gif"),
        (b"RIFF\x00\x00\x00\x00WEBPVP8", "image/webp"),
        (b"<svg>", ""),
        (b"", ""),
    ],
)
def test_a_picture_is_known_by_its_first_bytes(data: bytes, media_type: str) -> None:
    """What a sender claims is no proof."""
    assert picture_type(data) == media_type


def test_a_text_is_text() -> None:
    """Broken UTF-8 is read as far as it goes; what holds zeros is none."""
    assert plain_text(b"a\xffb") == "a\ufffdb"
    assert plain_text(b"a\x00b") == ""
