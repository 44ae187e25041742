"""The real scripts on a real Valkey, whose time and expiries follow the simulation."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Any

import redis

from app.store import scripts
from app.store.calls import Call
from tests.wire import Connection

EXPIRIES = "sim:expiries"
FAR_MS = 10 * 3_600_000

# Each script's calls go through `sim_call`. An expiry that is set is noted with the
# simulated time at which it ends; what has ended goes before the next call. For the
# server itself it ends hours later. The time comes as one key more, which the script
# does not see.
_PRELUDE = f"""
local sim_us = table.remove(KEYS)
local sim_ms = math.floor(tonumber(sim_us) / 1000)
for _, key in ipairs(redis.call('ZRANGEBYSCORE', '{EXPIRIES}', '-inf', sim_ms)) do
  if redis.call('PTTL', key) >= 0 then redis.call('DEL', key) end
  redis.call('ZREM', '{EXPIRIES}', key)
end
local function sim_expires(key, ms)
  redis.call('ZADD', '{EXPIRIES}', string.format('%.0f', sim_ms + tonumber(ms)), key)
end
local function sim_call(name, ...)
  local given = {{...}}
  if name == 'TIME' then return {{string.sub(sim_us, 1, -7), string.sub(sim_us, -6)}} end
  if name == 'XADD' then
    for i = 2, 6 do
      if given[i] == '*' then given[i] = string.format('%.0f-*', sim_ms) break end
    end
  end
  local lasts
  if name == 'PEXPIRE' then
    lasts = tonumber(given[2])
    if lasts > 0 then given[2] = string.format('%.0f', lasts + {FAR_MS}) end
  end
  if name == 'SET' then
    for i = 3, #given do
      if given[i] == 'EX' then given[i], given[i + 1] = 'PX', given[i + 1] * 1000 end
      if given[i] == 'PX' then
        lasts = tonumber(given[i + 1])
        given[i + 1] = string.format('%.0f', lasts + {FAR_MS})
      end
    end
  end
  local reply = redis.call(name, unpack(given))
  if name == 'PTTL' and reply >= 0 then
    return math.max(0, tonumber(redis.call('ZSCORE', '{EXPIRIES}', given[1])) - sim_ms)
  end
  local done = reply and reply ~= 0
  if lasts and lasts > 0 and done then sim_expires(given[1], lasts) end
  return reply
end
"""
_TIMELY = frozenset({"SET", "PTTL", "TIME", "PEXPIRE", "XADD"})

Edit = Callable[[str, str], str]
"""Of a script's name and text its text with a fault in it."""


class Server:
    """One database on simulated time. `wall`: Unix seconds now."""

    def __init__(self, url: str, wall: Callable[[], float]) -> None:
        self._connection = Connection(url)
        self.empty()
        self._wall = wall
        self._plain = self._loaded(_PRELUDE + "return sim_call(unpack(ARGV))")
        self._sweep = self._loaded(_PRELUDE + "return 1")
        self._shapes = redis.Redis().response_callbacks
        self._scripts: dict[str, str] = {}
        self.edit: Edit = lambda _, text: text

    def empty(self) -> None:
        """All of it is lost."""
        self._connection.ask(("FLUSHDB",))

    def execute(self, call: Call[Any]) -> Any:
        """Carry out one call now."""
        return call.parse(self._reply(call))

    def command(self, *args: str | int) -> Any:
        """A plain command whose answer is not parsed."""
        return self._run(self._plain, (), args)

    def _run(self, digest: str, keys: Sequence[str], args: Sequence[Any]) -> Any:
        """A script; the time is its last key."""
        count = len(keys) + 1
        return self._connection.ask(
            ("EVALSHA", digest, count, *keys, self._now(), *args)
        )

    def _now(self) -> str:
        return str(int(self._wall() * 1_000_000))

    def _reply(self, call: Call[Any]) -> Any:
        if call.script:
            return self._run(self._script(call.script), call.keys, call.args)
        if str(call.args[0]) in _TIMELY:
            return self._run(self._plain, (), call.args)
        sweep = "EVALSHA", self._sweep, 1, self._now()
        reply = self._connection.ask(sweep, call.args)
        # The library gives some replies the shape that callers know.
        shape = self._shapes.get(str(call.args[0]))
        return reply if shape is None else shape(reply)

    def _script(self, name: str) -> str:
        if name not in self._scripts:
            self._scripts[name] = self._loaded(self._source(name))
        return self._scripts[name]

    def _loaded(self, text: str) -> str:
        """A script's digest, once the server knows it."""
        self._connection.ask(("SCRIPT", "LOAD", text))
        return hashlib.sha1(text.encode()).hexdigest()  # noqa: S324 - as the server does

    def _source(self, name: str) -> str:
        text = self.edit(name, scripts.source(name))
        return _PRELUDE + text.replace("redis.call(", "sim_call(")

    def close(self) -> None:
        """Leave nothing behind."""
        self.empty()
        self._connection.close()
