"""Answers that do not come from Discord's API: the pages of the proxy in front of it,
and limits of the whole bot."""

from __future__ import annotations

from app.loopback.errors import Json

ADDRESS_BANNED = "Error 1015"
"""Stands in the page for an address that sent too many refused requests."""

_TITLES = {
    403: "Attention Required! | Cloudflare",
    404: "404 Not Found",
    429: f"{ADDRESS_BANNED} | You are being rate limited | Cloudflare",
    502: "502 Bad Gateway | Cloudflare",
}


def error_page(status: int) -> str:
    """The HTML page of the proxy for a status."""
    title = _TITLES.get(status, f"{status} | Cloudflare")
    return (
        '<!DOCTYPE html>\n<html lang="en-US">\n<head><title>'
        + title
        + "</title></head>\n"
        "<body><h1>" + title + "</h1><hr><center>cloudflare</center></body>\n</html>\n"
    )


def page_headers(status: int, retry_after: int) -> dict[str, str]:
    """The proxy's headers; a 429 says in whole seconds when to come back, and lacks
    `Via`."""
    headers = {"Server": "cloudflare", "CF-RAY": "0000000000000000-FRA"}
    if status == 429:
        headers["Retry-After"] = str(retry_after)
    return headers


def limit_body(retry_after: float, *, is_global: bool) -> Json:
    """The JSON of a 429 that the API itself gives."""
    return {
        "message": "You are being rate limited.",
        "retry_after": round(retry_after, 3),
        "global": is_global,
    }


def global_limit_headers(retry_after: float) -> dict[str, str]:
    """The headers of a 429 for all of a bot's requests."""
    return {
        "Via": "1.1 loopback",
        "Retry-After": f"{retry_after:.3f}",
        "X-RateLimit-Global": "true",
        "X-RateLimit-Scope": "global",
    }
