"""Finds keys that would stay in Redis for ever although app/store/keys.py does not say
that they may."""

from __future__ import annotations

import re

import redis

from app.store.keys import CATALOGUE

LASTING = ("none", "bounded by count")


_WITHOUT_EXPIRY = """
local found = {}
for _, key in ipairs(redis.call('KEYS', '*')) do
  if redis.call('TTL', key) == -1 then found[#found + 1] = key end
end
return found
"""


def _patterns(written: str) -> list[re.Pattern[str]]:
    """`a:<x>:b|c` of the catalogue as regular expressions; `...` and <lane>, <scope>
    may hold colons."""
    found = []
    for pattern in written.split(", "):
        regex = re.escape(pattern).replace(r"\|", "|").replace(r"\.\.\.", ".+")
        regex = re.sub(r"<(lane|scope)>", ".+", regex)
        regex = re.sub(r"<[^>]+>", "[^:]+", regex)
        regex = re.sub(r"([a-z]+(?:\|[a-z]+)+)", r"(?:\1)", regex)
        found.append(re.compile(regex))
    return found


MAY_LAST = [
    pattern
    for row in CATALOGUE
    if row.expiry.startswith(LASTING) or row.expiry.endswith("or none")
    for pattern in _patterns(row.pattern)
]


def leaked(client: redis.Redis) -> list[str]:
    """Names of the keys that have no expiry and are not listed as lasting."""
    lasting = [str(key) for key in client.eval(_WITHOUT_EXPIRY, 0)]
    return sorted(
        key
        for key in lasting
        if not any(pattern.fullmatch(key) for pattern in MAY_LAST)
    )
