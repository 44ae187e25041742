"""Key names are written once in Python and once in Lua; both are the same, described,
and expire."""

from __future__ import annotations

import re

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
from tests.keyleaks import leaked
from tests.store import world
from tests.store.test_scripts import FILES

SAME = {
    "wakes_due": ((), keys.WAKES_DUE),
    "elections_due": ((), keys.ELECTIONS_DUE),
    "deliveries_due": ((), keys.DELIVERIES_DUE),
    "deliveries_in_flight": ((), keys.DELIVERIES_IN_FLIGHT),
    "conversations_due": ((), keys.CONVERSATIONS_DUE),
    "lock": (("elena:55",), keys.lock(Lane("elena", "55"))),
    "cooldown": (("elena",), keys.cooldown("elena")),
    "wake": (("elena:55",), keys.wake(Lane("elena", "55"))),
    "work": (("elena",), keys.work("elena")),
    "election": (("1",), keys.election("1")),
    "discord_ahead": ((), keys.DISCORD_AHEAD),
    "generation": ((), keys.GENERATION),
    "generation_new": ((), keys.GENERATION_NEW),
    "bids": (("1",), keys.bids("1")),
    "floor": (("55",), keys.floor("55")),
    "waiting": (("55",), keys.floor_waiting("55")),
    "awaited": (("55",), keys.floor_awaited("55")),
    "waiting_elections": (("55",), keys.floor_elections("55")),
    "following": (("1",), keys.floor_following("1")),
    "direct_inbox": (("elena", "55"), keys.inbox(Lane("elena", "55"))),
    "left_bytes": (("55",), keys.left_bytes("55")),
    "event": (("1",), keys.event("1")),
    "thought": (("1",), keys.thought("1")),
    "answer": (("1",), keys.answer("1")),
    "deleted": (("1",), keys.deleted("1")),
    "seen": (("1",), keys.seen("1")),
    "seen_edit": (("1",), keys.seen("1", "edit")),
    "seen_reaction": (("1",), keys.seen("1", "reaction")),
    "person_hour": (("elena", "7"), keys.person_hour("elena", "7")),
    "cause": (("1",), keys.cause("1")),
    "cause_in_flight": (("elena", "55"), keys.cause_in_flight("elena", "55")),
    "cause_root": (("1",), keys.cause_root("1")),
    "budget": (("all", "20454"), keys.budget("all", 20_454)),
    "budgets_changed": (("20454",), keys.budgets_changed(20_454)),
    "hold": (("h1",), keys.hold("h1")),
    "calls": (("person:7",), keys.calls("person:7")),
    "turns": (("55",), keys.turns("55")),
    "shares": (("elena", "20454"), keys.shares("elena", 20_454)),
    "delivery": (("elena:55",), keys.delivery("elena", "55")),
    "mute": (("bot:elena",), keys.mute("bot:elena")),
    "mute_by_operator": (("bot:elena",), keys.mute_by_operator("bot:elena")),
    "refusals": (("elena", "55"), keys.refusals("elena", "55")),
    "journal": (("1",), keys.journal("1")),
}


def test_lua_and_python_agree_on_every_key(store: Store) -> None:
    """Each name of lib/keys.lua is what app/store/keys.py gives, none is untested, and
    scripts use all of them."""
    text = FILES["lib/keys"]
    names = set(re.findall(r"^  (\w+) = ", text, re.MULTILINE))
    assert names == set(SAME)
    assert names <= {
        name for file in FILES.values() for name in re.findall(r"\bkeys\.(\w+)", file)
    }
    for name, (args, expected) in SAME.items():
        value = "(unpack(ARGV, 2))" if args else ""
        real = f"{text}\nreturn keys['{name}']{value}"
        assert store.client.eval(real, 0, name, *args) == expected


def test_scripts_spell_out_no_other_key() -> None:
    """A key name in a script is an argument or comes from lib/keys.lua."""
    prefixes = {row.pattern.split(":")[0].split("<")[0] for row in keys.CATALOGUE} - {
        ""
    }
    for path in sorted(FILES.keys() - {"lib/keys"}):
        code = re.sub(r"--.*", "", FILES[path])
        spelled = {
            text
            for text in re.findall(r"'([^']*)'", code)
            if ":" in text and text.split(":")[0] in prefixes
        }
        assert not spelled, f"{path}.lua spells out {spelled}"


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
    winner = run(elections.decide("1001", "55", w.settings)).winner
    for lane in (Lane(winner), Lane("aria", "55"), Lane("dotty", "55")):
        _cycle(w, lane)
    run(mutes.mute("bot:aria", "mod", 1_000))
    run(admission.mark_deleted("1002"))
    run(journal.append("1001", "aria", "plan", "observe", "no", {"score": 1}))
    run(lanes.sweep(0))
    run(roster.roster())
    known = _patterns()
    unknown = [
        key
        for key in store.client.keys("*")
        if not any(
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
    run(outbox.record_failure(entry, 0, "d", True))
    run(outbox.attempt(entry, 0, "d", w.settings, False))
    run(outbox.record_delivery(entry, 0, f"9{head[:6]}", "post", "2026-01-01"))
    run(outbox.release(bot, "55", "d", 0))


def test_limits_are_those_of_the_settings() -> None:
    """Every limit that scripts read has a setting, and a character's own replaces
    it."""
    limits = Limits.of(Settings(_env_file=None, root_posts=3, daily_usd=1.5))
    assert (limits.root_posts, limits.daily_micro_usd) == (3, 1_500_000)
    assert limits.with_pacing(1, None, None, 2).daily_posts == 1
