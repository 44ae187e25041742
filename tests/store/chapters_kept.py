"""Further stories: what bots keep, at each of its bounds, and what was edited by hand
into nonsense."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from app.domain import terms
from app.domain.lane import Lane
from app.domain.model import AuthorKind, Context, Cost
from app.rules.reception import Sign
from app.store import (
    admission,
    brakes,
    clocks,
    holds,
    identifies,
    journal,
    keys,
    lanes,
    memories,
    mutes,
    names,
    nights,
    receptions,
    trusts,
    wishes,
)
from app.store.nights import Night
from tests.store import world
from tests.store.states import (
    CHANNEL,
    HOUR_MS,
    asked,
    hold_floor,
    next_ms,
    wait_in_line,
    write,
)
from tests.store.world import ALICE, BOB

if TYPE_CHECKING:
    from tests.store.chapters import Play

DAY_MS = 86_400_000
DISCORD_EPOCH = 1_420_070_400_000


def _written(play: Play, ago_ms: int) -> str:
    """A snowflake of so long before the next call."""
    return str(next_ms(play) - ago_ms - DISCORD_EPOCH << 22)


def remembered(play: Play) -> None:
    """A part of a memory keeps so many items, bytes and days; whoever was silent for
    longest goes first."""
    client = play.world.store.client
    part, people, size = (
        keys.memory("aria", name) for name in ("said", "people", "size")
    )

    def put(title: str, *items: str, person: str = "", **bounds: int) -> None:
        call = memories._put_items(
            *items,
            memory=keys.memory("aria", f"person:{person}") if person else part,
            people=people,
            size=size,
            most=bounds.get("most", 3),
            left=2,
            expiry_ms=HOUR_MS,
            most_bytes=bounds.get("most_bytes", 1_000),
            person=person or None,
            most_people=bounds.get("most_people", 2),
            most_people_bytes=bounds.get("most_people_bytes", 1_000),
        )
        play.tell(title, call)

    put("a first line", _written(play, 9_000), "one")
    put("a second", _written(play, 8_000), "two")
    put("one as old as may be", _written(play, HOUR_MS), "old")
    put("one older", _written(play, HOUR_MS + 1), "older")
    put("a fourth", _written(play, 7_000), "four")
    put("the oldest of four went", _written(play, 6_000), "five")
    total = sum(len(k) + len(v) for k, v in client.hgetall(part).items())
    newer = _written(play, 5_000)
    put("as many bytes as may be", newer, "1", most=9, most_bytes=total + 20)
    put("a byte more", newer, "12", most=9, most_bytes=total + 20)
    put("no snowflake", "x", "y", most=9)
    client.delete(part, size)
    items = [_written(play, 9_000 - ms) for ms in range(4)]
    for nth, item in enumerate(items[:3]):
        put(f"item {nth} of thirty bytes", item, "eleven less")
    put("as many as may be, and one twice", items[2], "eleven more")
    put("two thirds of the bytes stay", items[2], "eleven less", most_bytes=45)
    for nth, item in enumerate(items[:2]):
        put(f"item {nth} again", item, "eleven less")
    put("a byte less of two thirds", items[2], "eleven less", most_bytes=44)
    for nth, item in enumerate(items[:3]):
        put(f"item {nth} again", item, "eleven less", most=9)
    put(
        "too many, with as many bytes as may be",
        items[3],
        "eleven less",
        most_bytes=120,
    )
    client.delete(part, size)
    put("a line twice", items[3], "x")
    put("a line twice", items[3], "x")
    put("as old as may be", _written(play, HOUR_MS), "old")
    client.delete(size)
    put("and all are looked at", _written(play, HOUR_MS), "old")
    client.set(size, "nonsense", px=HOUR_MS)
    put("the size is nonsense", "z", "y", most=9)
    for person in ("1", "22", "3"):
        put(f"a fact about {person}", "a", "fact", person=person)
    put("of four bytes of each", "b", "more", person="3", most_people_bytes=15)
    put("one byte less", "c", "", person="3", most_people_bytes=10)
    write(play, people, **{"4": "nonsense", "5": f"{next_ms(play) - HOUR_MS} 5"})
    put("nonsense goes first", "d", "d", person="6", most_people=3)
    write(play, people, **{"5": f"{next_ms(play) - HOUR_MS + 1} 5"})
    put("and what is old enough", "e", "e", person="6", most_people=9)
    for number in range(3):
        line = memories._reserve_line(
            uttered=keys.memory("aria", "uttered"), line=f"line {number}", most=2
        )
        play.tell("two lines are known", line)
    client.zadd(keys.memory("aria", "uttered"), {"line 9": next_ms(play) - DAY_MS})
    play.tell("a day later it is new", memories.reserve_line("aria", "line 9"))


def trusted(play: Play) -> None:
    """Points fade, a day has only so many, and who has least makes room."""
    client, trust = play.world.store.client, keys.trust("aria")
    today = str(play.world.today())

    def stored(person: str, **known: Any) -> None:
        at = next_ms(play) - int(known.pop("days", 0) * DAY_MS)
        client.hset(trust, person, json.dumps({"at_ms": at, **known}))
        client.pexpire(trust, HOUR_MS)

    def add(title: str, person: str, points: int = 1, people: int = 9) -> None:
        call = trusts._add(
            trust=trust,
            request=keys.request(play.fresh()),
            person=person,
            points=points,
            daily=5,
            grace_days=2,
            most=20,
            people=people,
        )
        play.tell(title, call)

    for days in (2.9, 3, 5, 30):
        stored("1", points=10, days=days)
        add(f"{days} days later", "1")
    stored("1", points=10, day=today, today=3)
    add("two more are left of today", "1", 9)
    stored("1", points=10, day="1", today=3)
    add("yesterday's do not count", "1", 9)
    stored("1", points=18)
    add("no more than the most", "1", 5)
    strange = ('"text"', "[", '{"points": -1}', '{"points": "7", "at_ms": 1e99}')
    for text in (*strange, '{"points": [], "day": 5, "today": "x"}'):
        client.hset(trust, "1", text)
        add(f"{text} is nonsense", "1")
    client.delete(trust)
    for person, points in (("1", 4), ("2", 3), ("3", 9)):
        stored(person, points=points)
    add("who has least goes", "3", people=2)
    stored("2", points=4)
    add("but not who was just heard", "9", people=2)
    add("as many as may be stay", "9", people=2)
    play.tell("all", trusts.everyone("aria"))
    play.tell("one", trusts.some("aria", ["3", "8"]))
    play.tell("one is asked for", trusts.some("aria", ["3"]))
    client.set(trust, "text", px=HOUR_MS)
    play.tell("another program's key", trusts.everyone("aria"))
    play.tell("holds nobody", trusts.some("aria", ["3"]))
    add("it is written over", "3")


def received(play: Play) -> None:
    """Shares fade by half in their time, and the least telling makes room."""
    client, shares = play.world.store.client, keys.reception("aria")

    def note(title: str, person: str, most: int = 9) -> None:
        call = receptions._note(
            reception=shares,
            request=keys.request(play.fresh()),
            channel=CHANNEL,
            person=person,
            towards=1.0,
            rate=0.5,
            half_life_ms=HOUR_MS,
            most=most,
        )
        play.tell(title, call)

    def stored(person: str, text: str) -> None:
        client.hset(shares, f"{CHANNEL}:{person}", text)
        client.pexpire(shares, HOUR_MS)

    for ago in (-HOUR_MS, 0, HOUR_MS):
        for value in (0.5, -3, 3):
            known = {"value": value, "at_ms": next_ms(play) - ago}
            stored("1", json.dumps(known))
            note(f"{value} of {ago} ms ago", "1")
    strange = (
        "[",
        "5",
        "{}",
        '{"value": "1", "at_ms": 1}',
        '{"value": 1, "at_ms": "1"}',
    )
    for text in strange:
        stored("1", text)
        note(f"{text} is nonsense", "1")
    for person, value in (("2", 0.2), ("3", -0.1), ("4", 0.1)):
        stored(person, json.dumps({"value": value, "at_ms": next_ms(play)}))
    note("as many as may be stay", "1", most=4)
    note("the least goes", "1", most=3)
    stored("5", json.dumps({"value": 0, "at_ms": next_ms(play)}))
    note("but not the one just noted", "5", most=2)
    play.tell("a channel like it", receptions.note("aria", "555", BOB, Sign.LIKED, "r"))
    play.tell("stays", receptions.reset("aria", CHANNEL))
    client.set(shares, "text", px=HOUR_MS)
    note("another program's key is written over", "1")
    client.set(shares, "text", px=HOUR_MS)
    play.tell("or goes", receptions.reset("aria"))


def at_night(play: Play) -> None:
    """The newest dates are kept, and each is written once, by its claimer."""
    client, dates = play.world.store.client, keys.memory("aria", Night.DREAM)
    for nth in range(1, 4):
        date = f"2026-11-0{nth}"
        claim = keys.night_claim("aria", Night.DREAM, date)
        client.set(claim, "w1", px=HOUR_MS)
        call = nights._write(
            dates=dates, claim=claim, date=date, owner="w1", text="sheep", most=2
        )
        play.tell("two dates are kept", call)
    for owner in ("w1", "w2"):
        write_again = nights.write("aria", Night.DREAM, "2026-11-03", owner, "goats")
        play.tell(f"{owner} writes again", write_again)
    play.tell("a dream that is there", nights.claim("aria", Night.DREAM, date, "w2"))


def journals(play: Play) -> None:
    """A journal keeps the last 500 lines; what a bot repeats is one line of the last
    32."""
    client, key = play.world.store.client, keys.journal("7101")

    def full(lines: int) -> None:
        client.delete(key)
        client.rpush(key, *(f'{{"bot": "b{n}"}}' for n in range(lines)))
        client.pexpire(key, HOUR_MS)

    def length(title: str) -> None:
        play.lines += [f"# {title}: {client.llen(key)} lines", ""]

    def merge(title: str, reason: str, bot: str = "aria", **numbers: Any) -> None:
        call = journal.merge("7101", bot, "claim", "wait", reason, numbers)
        play.tell(title, call)

    line = journal.append("7101", "aria", "plan", "observe", "x", {"a": 1, "b": "two"})
    for lines in (499, 500, 900):
        full(lines)
        play.tell(f"a line behind {lines}", line)
        length("there are")
    client.delete(key)
    merge("aria waits", "floor", a=1, b="two")
    client.rpush(key, *(f'{{"bot": "b{n}"}}' for n in range(31)))
    merge("31 lines later", "floor")
    client.rpush(key, '{"bot": "b"}')
    merge("a line too late", "floor")
    merge("again", "floor", c=3)
    for line_between in ("nonsense", '"text"', '{"bot": "stream", "step": "elect"}'):
        client.rpush(key, line_between)
        merge("something came between", "floor")
    client.rpush(key, '{"bot": "dotty", "step": "elect"}')
    merge("dotty's does not count", "floor", bot="aria")
    merge("another reason", "busy")
    append = journal.append("7101", "aria", "plan", "observe", "x", {})
    play.tell("a line without numbers", append)
    merge("a plan came between", "busy")
    play.tell(
        "one that no bot repeats", journal.merge("7101", "a", "elect", "x", "", {})
    )


def bytes_left(play: Play) -> None:
    """A channel's messages leave so many bytes; the oldest go, a hundred at a time."""
    client, left = play.world.store.client, keys.left_bytes(CHANNEL)

    def append(title: str, message: str, most: int) -> None:
        budget = journal.Budget(CHANNEL, most)
        call = journal.append(message, "aria", "plan", "observe", "x", {}, budget)
        play.tell(title, call)

    append("a line", "7201", 900)
    one = int(float(str(client.zscore(left, "7201"))))
    append("a second fits", "7202", 2 * one)
    append("a third does not", "7203", 2 * one)
    append("nor one more of the same", "7203", 2 * one - 1)
    client.delete(left)
    client.zadd(left, {f"old{n:03}": n for n in range(1, 103)})
    client.pexpire(left, HOUR_MS)
    append("no message pays for more than a hundred", "7204", 1)
    client.set(left, "text", px=HOUR_MS)
    append("another program's key", "7205", 900)


def nonsense(play: Play) -> None:
    """Counts that were edited into nonsense count as nothing, and are written over."""
    client, limits, day = play.world.store.client, play.world.limits, play.world.today()
    budget = keys.budget("aria", day)

    def reserve(title: str) -> None:
        call = holds.reserve_own(
            "aria", limits, Cost(50, 5), play.fresh(), play.fresh()
        )
        play.tell(title, call)

    for value in ("text", "-7", "1.5", str(2**53 - 1), str(2**53), str(2**53 + 2)):
        client.delete(budget)
        write(play, budget, tokens=value)
        reserve(f"{value} tokens")
    for value in ("-50", "-5"):
        write(play, budget, tokens=value, micro_usd="x")
        play.tell("less than none", holds.settle("none", limits, Cost(1, 1), "r"))
        reserve(f"{value} tokens")
    client.set(budget, "text", px=HOUR_MS)
    reserve("no hash")
    write(play, keys.hold("h"), day=day, bot="aria", root="", person="", channel="")
    play.tell("a hold of nothing", holds.settle("h", limits, Cost(3, 2), "r2"))
    write(play, keys.hold("h"), day=day, bot="aria", root="", person="", channel="")
    write(play, keys.hold("h"), tokens=900, posts=1)
    play.tell("more is held than booked", holds.settle("h", limits, Cost(3, 2), "r3"))
    for counts in ({"posts": "1"}, {"posts": "1"}, {"posts": "x"}, {"posts": "2"}):
        call = brakes.restore_budget("dotty", day, counts)
        play.tell(f"{counts} comes back", call)


def strange_floors(play: Play) -> None:
    """A floor edited into nonsense is free, and a token or a sequence never comes
    again."""
    client = play.world.store.client
    cycle, entry, _ = asked(play, "7301")
    strange: tuple[tuple[str, str | int], ...] = (
        ("token", "x"),
        ("until", "x"),
        ("until", next_ms(play) * 2),
    )
    for field, value in strange:
        hold_floor(play, "dotty", "1", **{field: value})
        play.claim(f"a floor whose {field} is {value!s:.1}", cycle.holder, entry)
    hold_floor(play, "dotty", "1", until=next_ms(play) + terms.FLOOR_TTL)
    play.claim("it lasts as long as it may", cycle.holder, entry)
    client.delete(keys.floor(CHANNEL))
    write(play, keys.floor(CHANNEL), bot="dotty", until=next_ms(play) + 9)
    play.claim("a floor without a token", cycle.holder, entry)
    for ahead in (-1_000, 0, 10**9 - 1_000, 10**9):
        client.delete(keys.floor(CHANNEL))
        write(play, keys.floor(CHANNEL), token=next_ms(play) * 1000 + ahead)
        play.claim(f"the last token is {ahead} us ahead", cycle.holder, entry)
    for ahead in (-2, -1, 0, 1):
        write(play, keys.wake(Lane("elena")), seq=next_ms(play) * 1000 + ahead)
        wake = lanes.wake(Lane("elena"), Context.TRIGGER)
        play.tell(f"a sequence {ahead} us ahead", wake)


def emptied(play: Play) -> None:
    """What is written again into an emptied Redis, and small things that end."""
    client = play.world.store.client
    client.delete(keys.GENERATION)
    play.tell("a long wait is cut short", brakes.begin("new", 90_000))
    client.hset(keys.ROSTER, "aria", "x")
    client.pexpire(keys.ROSTER, HOUR_MS)
    play.tell("the roster lacks dotty", brakes.look(["aria", "dotty"]))
    play.world.store.run(clocks.note_discord_ahead(700))
    marks = {"ann": next_ms(play) - terms.FORGOTTEN_TTL, "bob": next_ms(play)}
    client.zadd(keys.FORGOTTEN, {**marks, "cy": marks["ann"] + 1})
    client.pexpire(keys.FORGOTTEN, HOUR_MS)
    play.tell("a person is forgotten", wishes.mark_forgotten("dan"))
    sessions = keys.identifies("aria")
    day_ago = next_ms(play) - terms.IDENTIFIES_TTL
    client.zadd(sessions, {"a": day_ago, "b": day_ago + 1})
    client.pexpire(sessions, HOUR_MS)
    play.tell("a session", identifies.note("aria", "s", next_ms(play)))
    play.tell("names go", names.learn("8", {}, ["1"]))
    play.tell("no mute", mutes.read(keys.mute("bot:aria")))
    client.hset(keys.mute("bot:aria"), "x", "y")
    play.tell("a strange mute", mutes.read(keys.mute("bot:aria")))
    client.delete(keys.mute("bot:aria"))
    play.tell("two channels pass", admission.move_cursors({("aria", "1"): "5"}))
    play.tell("it is deleted", admission.mark_deleted("7401"))
    play.tell("again", admission.mark_deleted("7401"))
    client.rpush(keys.journal("7402"), "{}")
    client.pexpire(keys.journal("7402"), HOUR_MS)
    play.tell("it is deleted, and has a journal", admission.mark_deleted("7402"))
    play.tell("again", admission.mark_deleted("7402"))
    call = admission.cancel("aria", "7403", CHANNEL, "edit", "out")
    play.tell("it never spoke to her", call)


def in_line(play: Play) -> None:
    """The line of a channel: who is away is passed over, and the oldest election comes
    last."""
    client = play.world.store.client
    cycle, entry, token = asked(play, "7501")
    floor, waiting = keys.floor(CHANNEL), keys.floor_waiting(CHANNEL)
    awaited = keys.floor_awaited(CHANNEL)

    def release(
        title: str, line: Mapping[str, int], lease: int | None = 40_000
    ) -> None:
        """`line`: by when each asks again, in ms from now."""
        hold_floor(play, "aria", "7501", token=token, kind="direct")
        if lease is None:
            client.hdel(floor, "lease")
        client.delete(waiting, awaited)
        for place, (bot, ms) in enumerate(line.items()):
            client.zadd(waiting, {bot: place})
            write(play, awaited, **{bot: next_ms(play) + ms})
        client.pexpire(waiting, HOUR_MS) if line else None
        play.release(title, cycle, entry, token, later=True)

    release("dotty is away", {"dotty": -40_000, "elena": 5})
    release("nearly", {"dotty": -39_999, "elena": 5})
    release(
        "the next are due a lease later", {"dotty": 5, "elena": 40_000, "faye": 90_000}
    )
    release("nobody knows the lease", {"dotty": -14_999, "elena": 15_001}, None)
    release("who asks again keeps its place", {"aria": 5, "dotty": 5})
    for message in ("7502", "7503"):
        client.zadd(keys.floor_elections(CHANNEL), {message: int(message)})
    client.pexpire(keys.floor_elections(CHANNEL), HOUR_MS)
    client.zadd(keys.ELECTIONS_DUE, {"7503": next_ms(play) + 9_000})
    release("an election that is due no more", {})
    release("one that is", {})
    wait_in_line(play, "dotty")
    client.zadd(waiting, {"dotty": 3})
    client.zadd(keys.floor_following("7501"), {"dotty": 9})
    client.pexpire(keys.floor_following("7501"), HOUR_MS)
    play.release("who follows keeps the better place", cycle, entry, token, later=False)


def shared_fairly(play: Play) -> None:
    """Who had few answers has what is kept of a day for such; turns of an hour end."""
    client, limits, day = play.world.store.client, play.world.limits, play.world.today()
    budget, shares = keys.budget("aria", day), keys.shares("aria", day)
    kept = int(limits.daily_posts * (1 - limits.quiet_reserve))
    number = 7600
    for posts in (kept - 1, kept):
        for used in (limits.quiet_posts - 1, limits.quiet_posts):
            number += 1
            write(play, budget, posts=posts)
            write(play, shares, **{ALICE: used})
            ask = world.direct("aria", world.event(str(number)), ("aria",))
            play.admit(f"{posts} posts, {used} for her", ask)
    client.delete(budget)
    share = int(limits.daily_posts * limits.person_share)
    for used in (share - 1, share):
        number += 1
        write(play, shares, **{ALICE: used})
        ask = world.direct("aria", world.event(str(number)), ("aria",))
        play.admit(f"{used} answers for her", ask)
    said = world.event("7620", author="700", author_kind=AuthorKind.FOREIGN)
    write(play, keys.cause("7620"), root="7601", hops=1)
    write(play, keys.cause_root("7601"), posts=1, person=ALICE)
    play.admit("a program asks", world.direct("aria", said, ("aria",)))
    cycle = play.begin("aria begins", Lane("aria", CHANNEL), "w1")
    entry = cycle.entries[-1]
    token = play.claim("she has the floor", cycle.holder, entry)
    play.reserve("the person pays with whom it began", cycle, entry, token)
    play.reserve("for each call", cycle, entry, token)
    play.commit("it is answered", cycle, entry, token, tokens=150)
    turns = keys.turns(CHANNEL)
    for served, turn in ((5, 4), (5, 5), (5, 6)):
        client.hset(turns, "#now", str(served))
        client.hset(keys.election("7620"), "turn", str(turn))
        client.delete(keys.floor(CHANNEL), keys.answer("7620"))
        client.xadd(keys.inbox(cycle.lane), {"x": "y"}, id=_later(entry.entry_id))
        again = entry.model_copy(update={"entry_id": _later(entry.entry_id)})
        play.claim(f"turn {turn} where {served} is served", cycle.holder, again)
        client.xdel(keys.inbox(cycle.lane), again.entry_id)
        entry = again


def _later(entry_id: str) -> str:
    ms, _, nth = entry_id.partition("-")
    return f"{ms}-{int(nth) + 1}"


CHAPTERS: Mapping[str, tuple[Any, Mapping[str, Any]]] = {
    "remembered": (remembered, {}),
    "trusted": (trusted, {}),
    "received": (received, {}),
    "at_night": (at_night, {}),
    "journals": (journals, {}),
    "bytes_left": (bytes_left, {}),
    "nonsense": (nonsense, {}),
    "strange_floors": (strange_floors, {}),
    "emptied": (emptied, {}),
    "in_line": (in_line, {}),
    "shared_fairly": (shared_fairly, {"daily_posts": 100, "person_share": 0.2}),
}
