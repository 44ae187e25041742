"""Further stories: what goes to Discord, at each bound of its way."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from app.domain.lane import Lane
from app.domain.model import ActionKind, OutboxEntry
from app.store import clocks, inboxes, keys, mutes, outbox, posts, refusals
from app.store.refusals import Barred
from tests.store import world
from tests.store.states import (
    CHANNEL,
    HOUR_MS,
    asked,
    hold_floor,
    next_ms,
    posted_before,
    wait_in_line,
    write,
)
from tests.store.world import BOB

if TYPE_CHECKING:
    from tests.store.chapters import Play

DATE = "2026-11-27"


def _entry(play: Play, entry_id: str, **known: str | int) -> OutboxEntry:
    """An entry that was committed, at the head of its outbox."""
    entry = OutboxEntry(
        entry_id=entry_id,
        bot="aria",
        channel_id=CHANNEL,
        kind=ActionKind.REPLY,
        chunks=("one", "two"),
        reply_to="9901",
    )
    client = play.world.store.client
    write(play, keys.entry(entry_id), body="{}", bot="aria", channel=CHANNEL, **known)
    client.lpush(keys.outbox("aria", CHANNEL), entry_id)
    client.pexpire(keys.outbox("aria", CHANNEL), HOUR_MS)
    return entry


def attempts(play: Play) -> None:
    """An attempt is made before its hour ends, and read back before its nonce is
    forgotten."""
    client, settings = play.world.store.client, play.world.settings
    play.world.store.run(clocks.note_discord_ahead(700))
    entry = _entry(play, "e1")
    key, lease = keys.entry("e1"), keys.delivery("aria", CHANNEL)
    client.set(lease, "d", px=HOUR_MS)

    def attempt(title: str, looked: bool = False, chunk: int = 0) -> None:
        call = outbox.attempt(entry, chunk, "d", settings, looked)
        play.tell(title, call)

    write(play, key, deliver_by=next_ms(play))
    client.zadd(keys.DELIVERIES_IN_FLIGHT, {"old:0": 1, "e0:0": next_ms(play) + 9})
    client.pexpire(keys.DELIVERIES_IN_FLIGHT, HOUR_MS)
    attempt("the last moment")
    client.hdel(key, "first:0")
    write(play, key, deliver_by=next_ms(play) - 1)
    attempt("too late")
    attempt("a later piece is not", chunk=1)
    client.hdel(key, "deliver_by")
    last = int((settings.nonce_window - settings.discord_timeout) * 1000)
    timeout = int(settings.discord_timeout * 1000)
    posted_before(play, elena=9_000)
    for ago in (last - 1, last):
        first = next_ms(play) - ago
        write(play, key, **{"first:0": first, "last:0": next_ms(play) - timeout + 9})
        attempt(f"the first was {ago} ms ago")
    attempt("it was looked for", looked=True)
    recent = keys.recent_bot_posts(CHANNEL)
    client.zadd(recent, {"aria:e1": next_ms(play) + timeout + 9})
    attempt("it may come later still")
    client.zadd(recent, {"aria:e1": 1})
    attempt("its quiet time begins when it may come")
    client.zadd(keys.DELIVERIES_IN_FLIGHT, {"old:0": 1})
    play.tell("how many are on their way", mutes.count_in_flight())
    client.delete(lease)
    client.rpush(keys.outbox("aria", CHANNEL), "e1")
    taken = outbox.attempt(entry, 1, "t", settings, looked=False, take=True)
    play.tell("nobody has the lease", taken)
    strange = OutboxEntry.model_validate({**entry.model_dump(), "entry_id": "gone"})
    client.set(lease, "d", px=HOUR_MS)
    call = outbox.attempt(strange, 0, "d", settings, looked=False)
    play.tell("nothing is known of an entry", call)


def failures(play: Play) -> None:
    """What a failure leaves known, and what other words, a retry and a delivery
    forget."""
    client, settings = play.world.store.client, play.world.settings
    entry = _entry(play, "e2")
    key, lease = keys.entry("e2"), keys.delivery("aria", CHANNEL)

    def fail(title: str, owner: str, tries: str, absent: bool = True) -> None:
        write(play, key, **{"first:0": "1", "last:0": "2", "tries:0": tries})
        client.zadd(keys.DELIVERIES_IN_FLIGHT, {"e2:0": 9, "e2:1": 9})
        client.pexpire(keys.DELIVERIES_IN_FLIGHT, HOUR_MS)
        play.tell(title, outbox.record_failure(entry, 0, owner, absent))

    client.set(lease, "d", px=HOUR_MS)
    fail("the first surely did not arrive", "d", "1")
    fail("nor did the second", "d", "2")
    fail("another has the lease", "late", "1")
    fail("it may have arrived", "d", "1", absent=False)
    play.tell("it waits for its operator", outbox.note_blocked(entry, "no leave"))
    play.tell("the same", outbox.note_blocked(entry, "no leave"))
    play.tell("something else", outbox.note_blocked(entry, "no channel"))
    other = outbox.signed(entry.model_copy(update={"chunks": ("other",)}), settings)
    client.zadd(keys.DELIVERIES_IN_FLIGHT, {"e2:0": 9})
    write(play, key, root="9901")
    ways = {"absent": False, "worded": True}
    call = outbox.replace(entry, other, 0, "d", "words", **ways)
    play.tell("other words", call)
    write(play, keys.entry("strange"), bot="aria")
    strange = entry.model_copy(update={"entry_id": "strange"})
    there = outbox.record_delivery(strange, 0, "9902", "sent", DATE)
    play.tell("an entry without a body", there)
    gone = entry.model_copy(update={"entry_id": "gone"})
    call = outbox.replace(gone, other, 0, "d", "words", **ways)
    play.tell("of nothing", call)
    write(play, key, failing=1, failures=2, waits="x")
    write(play, keys.dead("aria"), e2="refused")
    client.delete(keys.outbox("aria", CHANNEL))
    play.tell("an operator tries again", outbox.retry(entry))
    write(play, keys.dead("aria"), gone="refused")
    play.tell("what is gone stays dead", outbox.retry(gone))
    play.tell("nothing is blocked there", outbox.note_blocked(gone, "x"))
    write(play, key, failing=1, failures=2, **{"first:1": 1})
    for chunk, message in ((0, "9903"), (1, "9904")):
        there = outbox.record_delivery(entry, chunk, message, "sent", DATE)
        play.tell(f"piece {chunk} is there", there)
    there = outbox.record_delivery(gone, 0, "9905", "sent", DATE)
    play.tell("an entry that is gone", there)
    reaction = _entry(play, "e3").model_copy(
        update={"chunks": (), "kind": ActionKind.REACT, "entry_id": "e3"}
    )
    hold_floor(play, "aria", "9901", entry="e3", kind="direct")
    wait_in_line(play, "dotty")
    play.tell("a reaction", outbox.record_delivery(reaction, 0, "", "sent", DATE))


def leases_end(play: Play) -> None:
    """A delivery lease ends when what it was taken for is known to be there."""
    client = play.world.store.client
    entry = _entry(play, "e4")
    lease = keys.delivery("aria", CHANNEL)

    def release(title: str, call: Any, *left: str) -> None:
        client.delete(keys.outbox("aria", CHANNEL))
        if left:
            client.rpush(keys.outbox("aria", CHANNEL), *left)
            client.pexpire(keys.outbox("aria", CHANNEL), HOUR_MS)
        client.set(lease, "d", px=HOUR_MS)
        client.zadd(keys.DELIVERIES_DUE, {"aria:55": 1})
        client.pexpire(keys.DELIVERIES_DUE, HOUR_MS)
        play.tell(title, call)

    after = outbox.release_after(entry, "d")
    release("it is still the head", after, "e4", "e5")
    release("it is there, and another waits", after, "e5", "e4")
    release("nothing waits", after)
    release("another may not", outbox.release_after(entry, "late"), "e5")
    release("at once", outbox.release("aria", CHANNEL, "d", 0), "e4")
    release("later", outbox.release("aria", CHANNEL, "d", 1), "e4")
    client.zadd(keys.DELIVERIES_DUE, {"ari:55": 1, "dotty:66": next_ms(play) + 9})
    play.tell("what dotty has to deliver", outbox.list_due("dotty"))


def given_up_on(play: Play) -> None:
    """Who waits for a bot's answer is called when it is buried, removed or
    cancelled."""
    client = play.world.store.client
    entry = _entry(play, "e6")
    client.rpush(keys.outbox("aria", CHANNEL), "e6")
    hold_floor(play, "aria", "9901", entry="e6", kind="direct")
    following = keys.floor_following("9901")
    client.zadd(following, {"dotty": 5, "elena": 6})
    client.pexpire(following, HOUR_MS)
    play.tell("a direct answer is dropped", outbox.dead_letter(entry, "muted", "x"))
    hold_floor(play, "aria", "9901", entry="e7")
    _entry(play, "e6")
    play.tell("another one's floor stays", outbox.dead_letter(entry, "dead", "x"))
    client.delete(
        keys.floor(CHANNEL), keys.floor_waiting(CHANNEL), keys.floor_awaited(CHANNEL)
    )
    cycle, first, _ = asked(play, "9911")
    said = world.event("9912", author=BOB)
    play.admit("bob asks", world.direct("aria", said, ("aria",)))
    _, second = play.begin("she reads both", cycle.lane, cycle.owner).entries
    write(play, keys.work("aria"), **{"9911": "7"})
    for message in ("9911", "9912"):
        client.zadd(keys.floor_following(message), {"elena": 6})
        client.pexpire(keys.floor_following(message), HOUR_MS)
    client.xdel(keys.inbox(cycle.lane), second.entry_id)
    noted = inboxes.note_unanswered(cycle.holder, [first, first], "nothing to say")
    play.tell("why is noted once", noted)
    stranger = type(cycle)(cycle.lane, "nobody").holder
    noted = inboxes.note_unanswered(stranger, [first, second], "nothing to say")
    play.tell("a stranger notes nothing", noted)
    ambient = first.model_copy(update={"signal": "ambient"})
    both = inboxes.remove(cycle.holder, [second, ambient], "perceive", "not for me")
    play.tell("one was gone, one is", both)
    play.tell("what cannot be read", inboxes.remove_unreadable(cycle.holder, ["1-1"]))
    heard = world.candidate("aria", world.event("9913"), wakes=False)
    play.admit("aria hears one", heard)
    client.zadd(keys.WAKES_DUE, {"aria": 1})
    own = play.begin("she begins", Lane("aria"), "w1")
    client.zadd(keys.floor_following("9913"), {"elena": 6})
    client.pexpire(keys.floor_following("9913"), HOUR_MS)
    removed = inboxes.remove(own.holder, own.entries, "perceive", "not for me")
    play.tell("nobody waits for her own lane", removed)


def posts_claimed(play: Play) -> None:
    """A post waits for brakes, floors, cooldowns and quiet time, to the millisecond."""
    client = play.world.store.client
    limits, settings = play.world.limits, play.world.settings
    day = play.world.today()
    one = play.post("aria", 1)
    opening = play.post("aria", 1, opening=True)

    def claim(title: str, target: posts.PostTarget = one) -> str:
        client.delete(keys.floor(CHANNEL))
        return str(play.tell(title, posts.claim(target, limits, settings)).token)

    for field, most in (
        ("tokens", limits.daily_tokens),
        ("micro_usd", limits.daily_micro_usd),
    ):
        write(play, keys.budget("aria", day), **{field: most})
        claim(f"all {field} are spent, and none is asked for")
        client.delete(keys.budget("aria", day))
    client.delete(keys.GENERATION)
    claim("Redis is new")
    client.set(keys.GENERATION, "world")
    client.set(keys.GENERATION_NEW, "world", px=40_000)
    claim("it was, and others may write yet")
    client.delete(keys.GENERATION_NEW)
    client.set(keys.cooldown("aria"), "1", px=20_000)
    claim("she cools down")
    client.delete(keys.cooldown("aria"))
    for ago in (49_999, 50_000):
        posted_before(play, dotty=60_000, elena=ago)
        token = claim(f"the last post was {ago} ms ago")
    for said in ("dotty:e", "dotty:p:1"):
        recent = keys.recent_bot_posts(CHANNEL)
        client.delete(recent)
        client.zadd(recent, {said: next_ms(play) - 60_000, "elena:x": 1})
        client.pexpire(recent, HOUR_MS)
        claim(f"nobody has spoken since {said}", opening)
    hold_floor(play, "dotty", "1", until=next_ms(play) + 5)
    play.tell("a floor for 5 ms", posts.claim(one, limits, settings))
    client.delete(keys.recent_bot_posts(CHANNEL))
    token = claim("she has it")
    _spent_posts(play, one, token)


def _spent_posts(play: Play, one: posts.PostTarget, token: str) -> None:
    """A commit for which nothing is held asks each budget, and one that pays for a call
    does not."""
    client, limits = play.world.store.client, play.world.limits
    budget = keys.budget("aria", play.world.today())
    settings = play.world.settings
    write(play, budget, tokens=limits.daily_tokens - 29)
    play.commit_post("a token too many", one, token)
    client.delete(budget)
    token = str(play.tell("again", posts.claim(one, limits, settings)).token)
    posted_before(play, elena=9_000)
    play.commit_post("somebody posted meanwhile", one, token)
    client.delete(keys.recent_bot_posts(CHANNEL), budget)
    token = str(play.tell("again", posts.claim(one, limits, settings)).token)
    write(play, keys.hold("h1"), day=play.world.today(), bot="aria", root=one.entry_id)
    write(play, keys.hold("h1"), person="", channel=CHANNEL, posts=1, tokens=30)
    write(play, budget, posts=1, tokens=limits.daily_tokens)
    recent = keys.recent_bot_posts(CHANNEL)
    client.zadd(recent, {f"elena:{nth}": nth for nth in range(1, 22)})
    play.commit_post("what is held is paid", one, token)


def posts_forbidden(play: Play) -> None:
    """Where a root of a bot may cause nothing, nothing is posted."""
    one = play.post("aria", 1)
    limits, settings = play.world.limits, play.world.settings
    token = play.tell("she has the floor", posts.claim(one, limits, settings)).token
    play.commit_post("it may cause nothing", one, token)


def posts_that_cause_one(play: Play) -> None:
    """A root of a bot may cause one post; without a cooldown none begins."""
    one = play.post("aria", 1)
    limits, settings = play.world.limits, play.world.settings
    token = play.tell("she has the floor", posts.claim(one, limits, settings)).token
    play.commit_post("it may cause one", one, token, cooldown=0.0)


def refused_there(play: Play) -> None:
    """What Discord refuses is remembered for its time, and known to an entry of there."""
    client = play.world.store.client
    known = keys.refusals("aria", CHANNEL)
    settings = play.world.settings
    times = {"send": next_ms(play), "line": next_ms(play) + 1, "emoji": "soon"}
    write(play, known, **{kind: f"{until} why" for kind, until in times.items()})
    play.tell("one is over, one is not", refusals.remembered("aria", CHANNEL))
    for kind, until in (("send", next_ms(play)), ("send", next_ms(play) + 31)):
        client.hset(known, kind, f"{until} why")
        note = refusals.note("aria", CHANNEL, Barred.SEND, "again", settings)
        play.tell("it is refused again", note)
    client.delete(known)
    client.set(known, "another program's", px=HOUR_MS)
    play.tell("another program's key", refusals.remembered("aria", CHANNEL))
    note = refusals.note("aria", CHANNEL, Barred.SEND, "again", settings)
    play.tell("stays as it is", note)
    _entry(play, "e8")
    client.hdel(keys.entry("e8"), "channel")
    play.tell("an entry of nowhere", outbox.read("e8"))
    client.hdel(keys.entry("e8"), "bot")
    client.hset(keys.entry("e8"), "channel", CHANNEL)
    play.tell("and of nobody", outbox.read("e8"))


CHAPTERS: Mapping[str, tuple[Any, Mapping[str, Any]]] = {
    "attempts": (attempts, {}),
    "failures": (failures, {}),
    "leases_end": (leases_end, {}),
    "given_up_on": (given_up_on, {}),
    "posts_claimed": (posts_claimed, {}),
    "posts_forbidden": (posts_forbidden, {"proactive_posts": 0}),
    "posts_that_cause_one": (posts_that_cause_one, {"proactive_posts": 1}),
    "refused_there": (refused_there, {}),
}
