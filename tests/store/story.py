"""What each call of a script answers, and everything that it leaves in Redis, as text
that can be read and compared.

`python -m tests.store.write_stories` writes the stories anew; the diff shows what a change of a
script changed.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from app.store.calls import Call
from app.store.door import Store
from app.store.scripts import CONTRACTS
from tests.store.world import World

Snapshot = Mapping[str, tuple[Any, int]]
"""By key: what it holds, and in how many ms it expires."""

MINUTE = 60_000
NEAR = 100 * 86_400_000
"""Numbers as near to now, in ms, are times."""
LONG_TEXT = 600
DISCORD_EPOCH = 1_420_070_400_000
_SNOWFLAKE = re.compile(r"(?<!\d)\d{19}(?!\d)")
_UNIX_US = re.compile(r"(?<!\d)\d{16}(?!\d)")
_UNIX_MS = re.compile(r"(?<!\d)\d{13}(?!\d)")
_STREAM_ID = re.compile(r"(?<!\d)\d{13}-\d+")

# All in one call: a story is told beside many other tests. A script that forgets to
# prolong what it writes to leaves it with half of its life.
_LOOK = """
local halves = ARGV[1] == 'halve'
local readers = {string = {'GET'}, hash = {'HGETALL'}, set = {'SMEMBERS'},
  list = {'LRANGE', 0, -1}, zset = {'ZRANGE', 0, -1, 'WITHSCORES'},
  stream = {'XRANGE', '-', '+'}}
local found = {}
for _, key in ipairs(redis.call('KEYS', '*')) do
  local kind = redis.call('TYPE', key).ok
  local reader = readers[kind]
  local value, ms = redis.call(reader[1], key, unpack(reader, 2)), redis.call('PTTL', key)
  if halves and ms > 1 then
    ms = math.floor(ms / 2)
    redis.call('PEXPIRE', key, ms)
  end
  found[#found + 1] = {key, kind, value, ms}
end
return found
"""
_GIVE_BACK = """
for place, key in ipairs(KEYS) do redis.call('PEXPIRE', key, ARGV[place]) end
return 1
"""


class Story:
    """A world, and the text of what its calls did."""

    def __init__(self, store: Store, settings: Mapping[str, Any]) -> None:
        self.world = World(store, **settings)
        self.world.round_lives()
        self.lines: list[str] = []
        self._ids: dict[str, str] = {}
        self._look = store.client.register_script(_LOOK)
        self._give_back = store.client.register_script(_GIVE_BACK)

    @property
    def text(self) -> str:
        """All that was told."""
        return "\n".join((*self.lines, ""))

    def tell(self, title: str, call: Call[Any]) -> Any:
        """Make a call, and write down its reply and what it changed. Returns the parsed
        reply."""
        self.world.tick()
        halved = self._snapshot("halve")
        raw = self.world.store.run(call.parsed(lambda reply: reply))
        after = self._snapshot()
        self._expect_same_again(call, raw, after)
        self._restore(halved, after)
        self.lines += [f"# {title}", f"{call.script} -> {self._plain(raw)}"]
        self.lines += self._changes(halved, after)
        self.lines.append("")
        return call.parse(raw)

    def _expect_same_again(self, call: Call[Any], raw: Any, after: Snapshot) -> None:
        """A request whose answer was lost is sent again: it has the same reply and
        changes nothing."""
        named = CONTRACTS[call.script].keys if call.script else ()
        requests = [
            key
            for name, key in zip(named, call.keys, strict=False)
            if name == "request"
        ]
        if not requests or not self.world.store.client.exists(*requests):
            return
        again = self.world.store.run(call.parsed(lambda reply: reply))
        assert again == raw, f"{call.script} answers {again} the second time"
        left = {key: value for key, (value, _) in self._snapshot().items()}
        assert left == {key: value for key, (value, _) in after.items()}

    def written_now(self) -> str:
        """The id of a message that is written now, by Discord's clock."""
        return str(self.world.time - DISCORD_EPOCH << 22)

    def _snapshot(self, what: str = "") -> Snapshot:
        """All of Redis, with half of each life taken first if so asked."""
        found = self._look(args=[what])
        return {key: (_with_kind(kind, value), ms) for key, kind, value, ms in found}

    def _restore(self, halved: Snapshot, after: Snapshot) -> None:
        """Give their life back to those that the call did not prolong."""
        lives = {
            key: 2 * halved[key][1]
            for key, (_, ms) in after.items()
            if key in halved and halved[key][1] - MINUTE <= ms <= halved[key][1] > 0
        }
        self._give_back(keys=list(lives), args=list(lives.values()))

    def _changes(self, before: Snapshot, after: Snapshot) -> Iterator[str]:
        told = []
        for key in before.keys() | after.keys():
            name = self._plain(key)
            if key not in after:
                told.append(f"  {name} is gone")
                continue
            value, ms = after[key]
            old, old_ms = before.get(key, (None, 0))
            life = ""
            if ms > old_ms or 0 < ms < old_ms - MINUTE:
                # Rounded up: a test on a busy machine sees some of it pass.
                life = f" for {-(-ms // MINUTE)} min"
            elif ms < 0 <= old_ms:
                life = " for ever"
            if value != old or life:
                told.append(f"  {name}{life}: {self._difference(old, value)}")
        return iter(sorted(told))

    def _difference(self, old: Any, new: Any) -> str:
        """What is new in a hash, a sorted set, a stream or at the end of a list; the
        whole of others."""
        if old == new:
            return "as before"
        if isinstance(old, list) and old == new[: len(old)]:
            return f"and {self._plain(new[len(old) :])}"
        if not isinstance(old, dict) or not isinstance(new, dict):
            return self._plain(new)
        gone = sorted(self._plain(name) for name in old.keys() - new.keys())
        changed = {name: value for name, value in new.items() if old.get(name) != value}
        parts = [self._plain(changed)] if changed else []
        return " ".join((*parts, *(f"without {name}" for name in gone)))

    def _plain(self, value: Any) -> str:
        """As text in which times and generated ids are the same in every run."""
        text = _as_text(value)
        text = _STREAM_ID.sub(self._named_id, text)
        text = text.replace(str(self.world.today()), "<today>")
        text = _SNOWFLAKE.sub(self._named_snowflake, text)
        text = _UNIX_US.sub(self._named_us, text)
        return _UNIX_MS.sub(self._named_time, text)

    def _named_id(self, found: re.Match[str]) -> str:
        return self._ids.setdefault(found[0], f"<id {len(self._ids) + 1}>")

    def _named_snowflake(self, found: re.Match[str]) -> str:
        after = (int(found[0]) >> 22) + DISCORD_EPOCH - self.world.time
        return f"<written {after:+d}>" if abs(after) < NEAR else found[0]

    def _named_us(self, found: re.Match[str]) -> str:
        after = int(found[0]) - self.world.time * 1000
        return f"<now {after:+d} us>" if abs(after) < NEAR * 1000 else found[0]

    def _named_time(self, found: re.Match[str]) -> str:
        after = int(found[0]) - self.world.time
        return f"<now {after:+d}>" if abs(after) < NEAR else found[0]


def _with_kind(kind: str, value: Any) -> Any:
    """Hashes, sorted sets and streams by their names, the others as they are."""
    if kind in ("hash", "zset"):
        return dict(zip(value[::2], value[1::2], strict=True))
    if kind == "stream":
        return {entry: _with_kind("hash", fields) for entry, fields in value}
    return sorted(value) if kind == "set" else value


def _as_text(value: Any) -> str:
    if isinstance(value, dict):
        inside = (f"{name}={_as_text(one)}" for name, one in sorted(value.items()))
        return f"{{{', '.join(inside)}}}"
    if isinstance(value, list):
        return f"[{', '.join(map(_as_text, value))}]"
    text = str(value)
    if text.startswith("{"):
        text = _sorted_json(text)
    return text if len(text) <= LONG_TEXT else f"{text[:20]}... {len(text)} letters"


def _sorted_json(text: str) -> str:
    """Lua gives the fields of an object in no order."""
    try:
        return json.dumps(json.loads(text), sort_keys=True)
    except ValueError:
        return text
