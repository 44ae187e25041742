"""Files of Discord's, fetched for a bot that can read or see them: from Discord's own
addresses alone, small, in a short time."""

from __future__ import annotations

import asyncio
from typing import NamedTuple

import aiohttp

from app.domain.settings import Settings

TIMEOUT = 5.0
"""Seconds for one file: an answer waits for it."""
PIECE = 65_536

_SIGNS = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
)


class Fetched(NamedTuple):
    """The bytes of a file; `problem` says why there are none, or is empty."""

    data: bytes
    problem: str = ""


async def fetch_file(url: str, most: int, settings: Settings) -> Fetched:
    """A file of at most `most` bytes. Never raises for Discord or the network."""
    if not url.startswith(_allowed_bases(settings)):
        return Fetched(b"", "it is not at one of Discord's addresses")
    try:
        async with asyncio.timeout(TIMEOUT), aiohttp.ClientSession() as session:
            return await _read_file(session, url, most)
    except (aiohttp.ClientError, OSError, ValueError) as error:
        return Fetched(b"", f"it could not be fetched: {type(error).__name__}")


async def _read_file(session: aiohttp.ClientSession, url: str, most: int) -> Fetched:
    # A redirect could lead anywhere, also into the operator's own network.
    async with session.get(url, allow_redirects=False) as answer:
        if answer.status != 200:
            return Fetched(b"", f"it could not be fetched: {answer.status}")
        data = b""
        async for piece in answer.content.iter_chunked(PIECE):
            # Counted as it comes: the length in a header may be wrong or missing.
            data += piece
            if len(data) > most:
                return Fetched(b"", "it is too large")
    return Fetched(data) if data else Fetched(b"", "it is empty")


def _allowed_bases(settings: Settings) -> tuple[str, ...]:
    return tuple(
        # The slash ends the host: `https://cdn.discordapp.com.example` begins alike.
        base.rstrip("/") + "/"
        for base in (settings.discord_cdn_url, settings.discord_media_url)
    )


def picture_type(data: bytes) -> str:
    """The media type of a picture by its own first bytes, or empty: what a sender
    claims is no proof."""
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "image/webp"
    return next(
        (media_type for sign, media_type in _SIGNS if data.startswith(sign)), ""
    )


def plain_text(data: bytes) -> str:
    """The text of a file, or empty where it is none."""
    # A binary file under a text's name gives itself away by a NUL.
    if b"\x00" in data[:1_000]:
        return ""
    return data.decode("utf-8", "replace")
