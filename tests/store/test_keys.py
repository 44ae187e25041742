"""Key names are written once in Python and once in Lua; both are the same, described,
and expire."""

from __future__ import annotations

import re
from importlib import resources

import pytest

from app.domain.lane import Lane
from app.domain.model import Cost
from app.domain.settings import Settings
from app.store import (
    admission,
    commits,
    elections,
    floors,
    journal,
    keys,
    lanes,
    mutes,
    outbox,
    roster,
)
from app.store.door import Store
from app.store.limits import Limits
from app.store.scripts import source
from tests.keyleaks import leaked
from tests.store import world

LUA = {
    path.name[:-4]: path.read_text()
    for path in (resources.files("app.store") / "lua").iterdir()
    if path.name.endswith(".lua")
}
INCLUDED = {
    line.split()[1]
    for text in LUA.values()
    for line in text.splitlines()
    if line.startswith("--#include ")
}
SCRIPTS = sorted(set(LUA) - INCLUDED)

SAME = {
    "lock": (("elena:55",), keys.lock(Lane("elena", "55"))),
    "cooldown": (("elena",), keys.cooldown("elena")),
    "wake": (("elena:55",), keys.wake(Lane("elena", "55"))),
    "inbox": (("elena",), keys.inbox(Lane("elena"))),
    "work": (("elena",), keys.work("elena")),
    "outbox": (("elena", "55"), keys.outbox("elena", "55")),
    "entry": (("e1",), keys.entry("e1")),
    "bids": (("1",), keys.bids("1")),
    "left_bytes": (("55",), keys.left_bytes("55")),
    "event": (("1",), keys.event("1")),
    "answer": (("1",), keys.answer("1")),
    "seen": (("elena", "1"), keys.seen("elena", "1")),
    "cause": (("1",), keys.cause("1")),
    "cause_in_flight": (("elena", "55"), keys.cause_in_flight("elena", "55")),
    "cause_root": (("1",), keys.cause_root("1")),
    "budget": (("all", "2026-01-01"), keys.budget("all", "2026-01-01")),
    "hold": (("h1",), keys.hold("h1")),
    "calls": (("person:7",), keys.calls("person:7")),
    "turns": (("55",), keys.turns("55")),
    "shares": (("elena", "2026-01-01"), keys.shares("elena", "2026-01-01")),
    "delivery": (("elena", "55"), keys.delivery("elena", "55")),
    "mute": (("bot:elena",), keys.mute("bot:elena")),
    "mute_by_operator": (("bot:elena",), keys.mute_by_operator("bot:elena")),
    "refusals": (("elena", "55"), keys.refusals("elena", "55")),
    "journal": (("1",), keys.journal("1")),
}


def test_lua_and_python_agree_on_every_key(store: Store) -> None:
    """Each function of keys.lua gives what app/store/keys.py gives, and none is
    untested."""
    real = source("keys").strip() + "\nreturn keys[ARGV[1]](unpack(ARGV, 2))"
    names = set(re.findall(r"^  (\w+) = function", LUA["keys"], re.MULTILINE))
    assert names == set(SAME)
    for name, (args, expected) in SAME.items():
        assert store.client.eval(real, 0, name, *args) == expected


@pytest.mark.parametrize("key", ["wakes:due", "elections:due", "deliveries:due"])
def test_names_written_out_in_scripts_are_the_constants(key: str) -> None:
    """The fixed names that scripts spell out are those of app/store/keys.py."""
    assert key in {keys.WAKES_DUE, keys.ELECTIONS_DUE, keys.DELIVERIES_DUE}


def test_scripts_spell_out_no_other_key() -> None:
    """A key name in a script comes from KEYS, from keys.lua, or is one of the fixed
    ones."""
    prefixes = {row.pattern.split(":")[0].split("<")[0] for row in keys.CATALOGUE} - {
        ""
    }
    allowed = {keys.WAKES_DUE, keys.ELECTIONS_DUE, keys.DELIVERIES_DUE, "delivery:"}
    for name in sorted(set(LUA) - {"keys"}):
        code = re.sub(r"--.*", "", LUA[name])
        spelled = {
            text
            for text in re.findall(r"'([^']*)'", code)
            if ":" in text and text.split(":")[0] in prefixes
        }
        assert spelled <= allowed, f"{name}.lua spells out {spelled - allowed}"


@pytest.mark.parametrize("name", SCRIPTS)
def test_every_script_says_what_it_takes(name: str) -> None:
    """The header names what the script does, its KEYS, its ARGV where it has any, and
    it returns something."""
    head = "\n".join(
        line
        for line in LUA[name].splitlines()
        if line.startswith("--") and not line.startswith("--#")
    )
    code = "\n".join(
        line for line in LUA[name].splitlines() if not line.startswith("--")
    )
    assert re.match(r"-- [A-Z]", head)
    assert "KEYS  1" in head or "KEYS  none" in head
    assert "ARGV  " in head or "ARGV" not in code
    assert "return " in code
    highest = max(
        (int(number) for number in re.findall(r"KEYS\[(\d+)\]", code)), default=0
    )
    named = [
        int(number)
        for number in re.findall(
            r"(?:KEYS|\s{2}|\.\.)\s*(\d+)(?=\s|\.\.)", head.split("ARGV")[0]
        )
    ]
    assert max(named, default=0) >= highest, f"KEYS[{highest}] is not named"


def test_scripts_load(store: Store) -> None:
    """The server's Lua accepts every script."""
    for name in SCRIPTS:
        assert store.client.script_load(source(name))


SHAPES = {
    "string": "string",
    "hash": "hash",
    "list": "list",
    "set": "set",
    "sorted set": "zset",
    "stream": "stream",
}
"""Words of the catalogue and what Redis calls them."""


def _patterns() -> list[tuple[re.Pattern[str], str]]:
    """What a key may be called, and its shape."""
    found = []
    for row in keys.CATALOGUE:
        for written in row.pattern.split(", "):
            regex = re.escape(written).replace(r"\|", "|").replace(r"\.\.\.", ".+")
            regex = re.sub(r"<(lane|scope)>", ".+", regex)
            regex = re.sub(r"<[^>]+>", "[^:]+", regex)
            pattern = re.compile(re.sub(r"([a-z]+(?:\|[a-z]+)+)", r"(?:\1)", regex))
            found.append((pattern, SHAPES[row.shape.partition(":")[0]]))
    return found


def test_a_full_path_touches_catalogued_keys_only(store: Store) -> None:
    """Admission, election, cycle, delivery, mute and refusal leave no key that is not
    described as it is, and none that stays for ever."""
    w = world.World(store)
    run = store.run
    first, second = world.event("1001"), world.event("1002", reply_to="1001")
    for bot in world.BOTS:
        run(
            admission.admit(
                world.candidate(bot, first, expected=3), f"a{bot}", w.limits, w.settings
            )
        )
        run(
            admission.admit(
                world.direct(bot, second, world.BOTS), f"b{bot}", w.limits, w.settings
            )
        )
    foreign = world.event("1003", author="700", author_kind="foreign")
    run(admission.admit(world.candidate("aria", foreign), "c", w.limits, w.settings))
    winner = run(elections.elect("1001", "55", w.settings)).winner
    for lane in (Lane(winner), Lane("aria", "55"), Lane("dotty", "55")):
        _cycle(w, lane)
    run(mutes.mute("bot:aria", "mod", 1_000))
    run(admission.forget("1002"))
    run(journal.note("1001", "aria", "plan", "observe", "no", {"score": 1}))
    run(lanes.overdue(0))
    run(roster.roster())
    known = _patterns()
    unknown = [
        key
        for key in store.client.keys("*")
        if key != world.CLOCK
        and not any(
            pattern.fullmatch(key) and store.client.type(key) == shape
            for pattern, shape in known
        )
    ]
    assert not unknown
    assert not leaked(store.client)


def _cycle(w: world.World, lane: Lane) -> None:
    run = w.store.run
    assert w.lock(lane, "me")
    begun = run(lanes.begin(lane, "me"))
    cycle = world.Cycle(lane, "me", begun.seq, entries=list(begun.entries))
    for entry in begun.entries:
        claimed = run(floors.claim(cycle.holder, entry, w.settings, 0))
        if claimed.token:
            run(
                floors.reserve(
                    cycle.holder,
                    entry,
                    claimed.token,
                    w.limits,
                    Cost(100, 5),
                    f"h{lane.bot}",
                    f"r{lane.bot}",
                )
            )
            d = world.decision(cycle, entry, claimed.token, hold=f"h{lane.bot}")
            run(commits.commit(d, w.limits, w.settings, f"c{lane.bot}"))
            _deliver(w, lane.bot)
    run(lanes.finish(lane, "me", begun.seq, None, f"f{lane.bot}"))


def _deliver(w: world.World, bot: str) -> None:
    run = w.store.run
    run(outbox.acquire(bot, "55", "d", 10_000))
    head = run(outbox.head(bot, "55"))
    entry = run(outbox.read(head)) if head else None
    if entry is None:
        return
    run(outbox.attempt(entry, 0, "d", w.settings, False))
    run(outbox.unsent(entry, 0, "d", True))
    run(outbox.attempt(entry, 0, "d", w.settings, False))
    run(outbox.delivered(entry, 0, f"9{head[:6]}", "post", "2026-01-01"))
    run(outbox.release(bot, "55", "d", 0))


def test_limits_are_those_of_the_settings() -> None:
    """Every limit that scripts read has a setting, and a character's own replaces
    it."""
    limits = Limits.of(Settings(_env_file=None, root_posts=3, daily_usd=1.5))
    assert (limits.root_posts, limits.daily_micro_usd) == (3, 1_500_000)
    assert limits.with_pacing(1, None, None, 2).daily_posts == 1
