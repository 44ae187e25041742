"""Answers of the proxy, limits of the whole bot, and the headers of each route's
limit."""

from __future__ import annotations

from typing import Any

import aiohttp
import pytest

from app.loopback import Account, LoopbackDiscord
from app.loopback.ratelimit import OTHER_ROUTES, RateLimiter

pytestmark = pytest.mark.asyncio


async def ask(
    loopback: LoopbackDiscord, bot: Account, path: str, method: str = "GET"
) -> Any:
    """The status, headers and text of one answer."""
    headers = {"Authorization": f"Bot {bot.token}"}
    async with (
        aiohttp.ClientSession(headers=headers) as http,
        http.request(method, loopback.api_url + path) as answer,
    ):
        return answer.status, answer.headers, await answer.text()


@pytest.mark.parametrize("status", [403, 404, 429, 502])
async def test_page_of_the_proxy(loopback: LoopbackDiscord, status: int) -> None:
    """The proxy answers with HTML, without the API's headers; a 429 of it says in a
    header when to come back."""
    bot = loopback.add_bot("elena")
    loopback.faults.cloudflare("GET", "/users/@me$", status, retry_after=7)
    answered, headers, text = await ask(loopback, bot, "/users/@me")
    assert answered == status
    assert headers["Content-Type"].startswith("text/html")
    assert text.startswith("<!DOCTYPE html>")
    assert "Via" not in headers
    assert headers.get("Retry-After") == ("7" if status == 429 else None)
    assert (await ask(loopback, bot, "/users/@me"))[0] == 200


async def test_global_limit(loopback: LoopbackDiscord) -> None:
    """A limit of the whole bot holds for every route and says so."""
    bot = loopback.add_bot("elena")
    loopback.faults.limit_globally(0.5, times=2)
    for path in ("/users/@me", "/gateway/bot"):
        status, headers, text = await ask(loopback, bot, path)
        assert (status, headers["X-RateLimit-Global"], headers["Retry-After"]) == (
            429,
            "true",
            "0.500",
        )
        assert '"global":true' in text


async def test_headers_of_every_route(loopback: LoopbackDiscord) -> None:
    """Each answer of a route, refusals too, shows the state of its own bucket."""
    bot, channel = loopback.add_bot("elena"), loopback.add_channel("general")
    loopback.rate_limit = (5, 5.0)
    buckets = set()
    for path in (
        "/users/@me",
        f"/channels/{channel.id}",
        "/channels/1",
        f"/channels/{channel.id}/messages",
    ):
        _, headers, _ = await ask(loopback, bot, path)
        assert (headers["X-RateLimit-Limit"], headers["X-RateLimit-Remaining"]) == (
            "50",
            "49",
        )
        assert 0 < float(headers["X-RateLimit-Reset-After"]) <= 1
        buckets.add(headers["X-RateLimit-Bucket"])
    assert len(buckets) == 3


async def test_full_bucket() -> None:
    """A bucket that is used up refuses; the same route of another channel, or of
    another bot, does not wait for it."""
    limiter = RateLimiter((5, 5.0))
    route = "GET /channels/{channel_id}"
    assert all(limiter.check(1, route, "10").allowed for _ in range(OTHER_ROUTES[0]))
    refused = limiter.check(1, route, "10")
    assert not refused.allowed
    assert refused.headers["X-RateLimit-Scope"] == "user"
    assert limiter.check(1, route, "11").allowed
    assert limiter.check(2, route, "10").allowed
