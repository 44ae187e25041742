"""Further stories: who waits for whom, and when a lane or a delivery is due again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from app.domain.lane import Lane
from app.domain.model import Context, EarlierLine
from app.store import elections, keys, lanes, outbox, posts, states, thoughts
from tests.store import world
from tests.store.states import (
    CHANNEL,
    HOUR_MS,
    hold_floor,
    next_ms,
    posted_before,
    wait_in_line,
    won,
    write,
)
from tests.store.world import BOB, LEASE_MS

if TYPE_CHECKING:
    from tests.store.chapters import Play


def named_together(play: Play) -> None:
    """Who is named behind others waits for those who still owe an answer, and for a
    lease at most."""
    client, message = play.world.store.client, "9571"
    said = world.event(message)
    both = ("aria", "dotty")
    play.admit_all("two are named", *(world.direct(bot, said, both) for bot in both))
    second = play.begin("dotty begins", Lane("dotty", CHANNEL), "w2")
    seen, inbox = keys.seen(message), keys.inbox(Lane("aria", CHANNEL))
    heard = str(client.hget(seen, "aria"))
    ((id_, fields),) = client.xrange(inbox)
    clean = [keys.floor(CHANNEL), keys.floor_waiting(CHANNEL)]
    clean += [keys.floor_awaited(CHANNEL), keys.floor_following(message)]

    def claim(
        title: str, outcome: str, asked: int, again: int = 0, edit: str = ""
    ) -> None:
        """`asked`, `again`: so many ms ago aria was asked, and asked for the floor."""
        client.delete(*clean, seen, keys.seen(message, "edit"))
        if outcome:
            write(play, seen, aria=outcome)
        if edit:
            write(play, keys.seen(message, "edit"), aria=edit)
        write(play, keys.election(message), addressed=next_ms(play) - asked)
        if again:
            write(play, keys.floor_awaited(CHANNEL), aria=next_ms(play) - again)
        play.claim(title, second.holder, second.entries[0])

    claim("aria was asked just now", heard, 5_000)
    claim("a lease ago, less a millisecond", heard, LEASE_MS - 1)
    claim("a lease ago", heard, LEASE_MS)
    claim("but she asks again", heard, LEASE_MS, 10_000)
    claim("she was told of a limit", heard.replace("direct", "notice"), 5_000)
    claim("she may have heard it", f" 0 {id_} r", 5_000)
    claim("and does not ask for the floor", f" 0 {id_} r", LEASE_MS, 10_000)
    claim("it was none of hers", heard.replace("direct", "passed"), 5_000)
    passed = heard.replace("direct", "passed")
    claim("by an edit it is", passed, 5_000, edit=heard)
    claim("she has not heard it yet", "", 5_000)
    claim("nor has she a lease later", "", LEASE_MS, 10_000)
    client.xdel(inbox, id_)
    claim("her inbox holds it no more", heard, 5_000)
    client.xadd(inbox, fields, id="9999999999999-0")
    write(play, keys.answer(message), aria="declined")
    claim("she has declined", heard.replace(id_, "9999999999999-0"), 5_000)


def places_given_up(play: Play) -> None:
    """Who stands in line and has no reason to makes room."""
    client, message = play.world.store.client, "9573"
    said = world.event(message)
    both = ("aria", "dotty")
    play.admit_all("two are named", *(world.direct(bot, said, both) for bot in both))
    dotty = play.begin("dotty begins", Lane("dotty", CHANNEL), "w2")
    floor, waiting = keys.floor(CHANNEL), keys.floor_waiting(CHANNEL)

    def claim(title: str, *line: str) -> None:
        client.delete(waiting, keys.floor_awaited(CHANNEL))
        for place, bot in enumerate(line):
            wait_in_line(play, bot)
            client.zadd(waiting, {bot: place})
        play.claim(title, dotty.holder, dotty.entries[0])

    claim("dotty is first in line, and waits for aria", "dotty", "elena")
    claim("dotty is second", "elena", "dotty")
    hold_floor(play, "elena", "1")
    claim("elena has the floor", "dotty")
    claim("dotty stands in no line")
    client.set(keys.deleted(message), "1", px=HOUR_MS)
    claim("it is deleted while elena speaks", "dotty", "aria")
    client.delete(floor)
    claim("aria is next", "dotty", "aria")
    claim("dotty stood in no line", "aria")
    client.delete(keys.deleted(message))
    client.hset(keys.answer(message), "dotty", "cancelled")
    client.pexpire(keys.answer(message), HOUR_MS)
    claim("it was cancelled", "dotty", "aria")


def claims_unasked(play: Play) -> None:
    """An unasked claim waits for a floor, a cooldown and quiet time, to the
    millisecond."""
    client = play.world.store.client
    cycle, entry, _ = won(play, "9575")
    floor = keys.floor(CHANNEL)

    def claim(title: str) -> None:
        client.delete(floor)
        play.claim(title, cycle.holder, entry)

    client.set(keys.cooldown("aria"), "1", px=20_000)
    claim("she cools down")
    client.delete(keys.cooldown("aria"))
    posted_before(play, dotty=60_000, elena=49_999)
    claim("quiet time for a millisecond")
    posted_before(play, dotty=60_000, elena=50_000)
    claim("and no longer")
    hold_floor(play, "elena", "1", until=next_ms(play) + 5)
    play.claim("elena has the floor for 5 ms", cycle.holder, entry)
    hold_floor(play, "elena", "1", until=next_ms(play))
    play.claim("and no longer", cycle.holder, entry)
    asked = world.direct("dotty", world.event("9576"), ("dotty",))
    play.admit("dotty is asked", asked)
    dotty = play.begin("dotty begins", Lane("dotty", CHANNEL), "w2")
    play.claim("and takes it from her", dotty.holder, dotty.entries[0])
    settings = play.world.settings
    quiet = posts.measure_quiet("aria", [CHANNEL, "66"])
    posted_before(play, dotty=60_000, elena=9_000)
    play.tell("how quiet it is", quiet)
    posted_before(play, dotty=60_000, elena=-9_000)
    play.tell("a post may yet come", quiet)
    call = elections.decide("9575", CHANNEL, settings, 1.0)
    play.tell("the place has a quiet time of its own", call)


def cycles_end(play: Play) -> None:
    """When a lane is due again after its cycle."""
    client, lane = play.world.store.client, Lane("aria")
    wake, due = keys.wake(lane), keys.WAKES_DUE

    def finish(title: str, marks: Mapping[str, int], **more: Any) -> None:
        """The marks are times from now; `_now` ones are just there."""
        client.delete(wake)
        times = {
            name: 1 if name.endswith("_now") else next_ms(play) + ms
            for name, ms in marks.items()
        }
        write(play, wake, seq="5", context="poll", **times)
        client.zadd(due, {"aria": 1})
        client.set(keys.lock(lane), "w1", px=HOUR_MS)
        seq, retry_ms = more.pop("seq", "5"), more.pop("retry_ms", None)
        call = lanes.finish(lane, "w1", seq, retry_ms, play.fresh(), **more)
        play.tell(title, call)

    finish("nothing is to come", {})
    finish("something came", {}, seq="4")
    finish("a poll comes", {"poll": 9_000})
    finish("and sooner all is read", {"poll": 9_000, "full": 500})
    for mark in ("full_now", "poll_now"):
        finish(f"{mark}, and all was read", {mark: 1})
        finish("not all was read", {mark: 1}, everything=False)
        finish("it comes again", {mark: 1}, retry_ms=2_000)
    finish("it comes again, and not all was read", {}, everything=False, retry_ms=0)
    finish("something comes sooner", {"full": 500}, retry_ms=2_000)
    # Lives are halved before a call.
    client.set(keys.cooldown("aria"), "1", px=20_000)
    finish("she cools down and something came", {}, seq="4")
    finish("what is due waits", {"full": 500})
    finish("what comes later does not", {"full": 15_000})
    client.delete(keys.cooldown("aria"))
    write(play, keys.work("aria"), **{"9581": "7"})
    finish("something is granted", {})
    finish("and due before", {"full": 500})
    finish("and after", {"full": 1_500})
    for verdict in ("committed", "dry_run", "lost_floor"):
        client.set(keys.request("c"), f'["{verdict}", ""]', px=HOUR_MS)
        finish(f"after {verdict}", {}, after="c")
        spoke = states.remember("aria", CHANNEL, verdict, after="c")
        play.tell(f"she has spoken after {verdict}", spoke)
    finish("after nothing", {}, after="none")
    asked = Lane("aria", CHANNEL)
    play.admit("she is asked", world.direct("aria", world.event("9582"), ("aria",)))
    cycle = play.begin("she begins", asked, "w1")
    play.finish("and leaves it", cycle)
    play.world.advance(2_000)
    cycle = play.begin("she begins", asked, "w2")
    play.finish("it comes again", cycle, 3_000)


def cycles_begin(play: Play) -> None:
    """What a cycle reads: what is granted, or all that is not answered yet."""
    client, lane = play.world.store.client, Lane("aria")
    wake, inbox = keys.wake(lane), keys.inbox(lane)
    for number in range(4):
        said = world.event(f"959{number}")
        play.admit("aria hears one", world.candidate("aria", said))
    write(play, keys.answer("9590"), dotty="declined")
    client.set(keys.deleted("9591"), "1", px=HOUR_MS)

    def begin(title: str, in_ms: int = 0, **marks: int) -> None:
        for name, ms in marks.items():
            client.hset(wake, name, str(next_ms(play) + ms))
        client.zadd(keys.WAKES_DUE, {"aria": next_ms(play) + in_ms})
        play.begin(title, lane, "w1")

    begin("she is not due yet", 1)
    write(play, keys.work("aria"), **{"9592": "7"})
    begin("one is granted, and nothing else is due", full=1, poll=1)
    begin("all is due", full=0)
    client.hdel(wake, "full_now")
    begin("a poll is due", poll=0)
    client.delete(wake)
    client.hdel(keys.election("9592"), "state")
    client.delete(keys.election("9592"), inbox)
    begin("its election is forgotten")
    play.admit("she hears another", world.candidate("aria", world.event("9599")))
    filler = client.xrange(inbox)[0][1]
    with client.pipeline(transaction=False) as pipe:
        for number in range(498):
            pipe.xadd(inbox, {**filler, "message": f"f{number}"})
        pipe.execute()
    write(play, keys.work("aria"), **{"9599": "7"})
    begin("the oldest of nearly too many", full=9, poll=9)
    client.xadd(inbox, filler)
    outcome = str(client.hget(keys.seen("9599"), "aria"))
    write(play, keys.seen("9599"), aria=outcome.replace("complete 0", "opened 9"))
    begin("the oldest of too many moves to their end", full=9, poll=9)
    client.delete(inbox, keys.seen("9599"))
    begin("what the inbox lost is read from the election", full=9, poll=9)
    asks = world.direct("aria", world.event("9598"), ("aria",))
    play.admit("she is asked", asks)
    play.begin("grants are not for that lane", Lane("aria", CHANNEL), "w2")


def thoughts_awaited(play: Play) -> None:
    """A question in several lines is read when all of it is there."""
    lane = Lane("aria", CHANNEL)
    first, earlier = world.event("9601"), (EarlierLine(message_id="9601", content="x"),)
    ask = world.direct("aria", first, ("aria",), wait_ms=4_000)
    play.admit("alice begins", ask)
    play.begin("it is not due", lane, "w1")
    later = world.event("9602", earlier=earlier)
    ask = world.direct("aria", later, ("aria",), wait_ms=6_000)
    play.admit("she goes on", ask)
    play.world.advance(5_000)
    play.begin("the first line waits for the second", lane, "w2")
    play.tell("she types", thoughts.prolong("9602", 3_000))
    play.tell("but not the first", thoughts.prolong("9601", 90_000))
    play.world.advance(1_100)
    play.begin("both wait", lane, "w3")
    said = world.event("9603", author=BOB)
    play.admit("bob asks", world.direct("aria", said, ("aria",)))
    play.tell("what does not wait is not held", thoughts.prolong("9603", 90_000))
    cycle = play.begin("he need not wait", lane, "w4")
    play.finish("she leaves all", cycle)
    play.world.advance(9_000)
    cycle = play.begin("all are read", lane, "w5")
    play.finish("she leaves all", cycle)
    inbox, client = keys.inbox(lane), play.world.store.client
    (*_, (_, fields)) = client.xrange(inbox)
    client.delete(inbox)
    for change in ({"after": ""}, {"thought": ""}):
        whole = {**fields, "after": str(next_ms(play) + 1_030)}
        left = {name: text for name, text in whole.items() if name not in change}
        client.xadd(inbox, left)
    client.pexpire(inbox, HOUR_MS)
    play.world.advance(1_000)
    play.begin("strange entries wait for nothing", lane, "w6")
    client.delete(inbox, keys.thought("9603"))
    client.xadd(inbox, {**fields, "after": str(next_ms(play))})
    client.pexpire(inbox, HOUR_MS)
    play.begin("a thought is over at its time", lane, "w6")


def overdue(play: Play) -> None:
    """The pump hints what is overdue: at its patience first, then ever more rarely."""
    client = play.world.store.client
    due = keys.WAKES_DUE

    def sweep(title: str, overdue_ms: int, **wake: int) -> None:
        """`hinted`: so many ms ago."""
        client.delete(keys.wake(Lane("aria")))
        if "hinted" in wake:
            wake["hinted"] = next_ms(play) - wake["hinted"]
        if wake:
            write(play, keys.wake(Lane("aria")), **wake)
        client.zadd(due, {"aria": next_ms(play) - overdue_ms})
        client.pexpire(due, HOUR_MS)
        play.tell(title, lanes.sweep(1_000))

    sweep("due for less than its patience", 999)
    sweep("and for that", 1_000)
    sweep("hinted before it was due", 1, hinted=2)
    sweep("hinted when it was due", 500, hinted=500)
    for hints, patience in (
        (1, 1_000),
        (2, 1_000),
        (3, 2_000),
        (6, 16_000),
        (9, 16_000),
    ):
        for early in (1, 0):
            ago = patience - early
            sweep(
                f"hinted {hints} times, {ago} ms ago", 99_000, hinted=ago, hints=hints
            )
    client.set(keys.lock(Lane("aria")), "w1", px=HOUR_MS)
    sweep("a cycle runs", 2_000)
    client.delete(due)
    deliveries = {
        "aria:55": 999,
        "aria:66": 1_000,
        "dotty:55": 2_000,
        "elena:55": 3_000,
    }
    client.set(keys.delivery("dotty", "55"), "d", px=HOUR_MS)
    since = {pair: next_ms(play) - ms for pair, ms in deliveries.items()}
    client.zadd(keys.DELIVERIES_DUE, since)
    client.pexpire(keys.DELIVERIES_DUE, HOUR_MS)
    client.zadd(keys.ELECTIONS_DUE, {"1": next_ms(play), "2": next_ms(play) + 1})
    client.pexpire(keys.ELECTIONS_DUE, HOUR_MS)
    play.tell("what is due", lanes.sweep(1_000))
    play.tell("one of each", lanes.sweep(1_000, most=1))
    play.tell("what aria has to deliver", outbox.list_due("aria"))
    wake = lanes.wake(Lane("elena"), Context.TRIGGER, 1_000)
    play.tell("elena is woken soon", wake)
    play.tell("sooner", lanes.wake(Lane("elena"), Context.TRIGGER, 500))
    play.tell("later", lanes.wake(Lane("elena"), Context.TRIGGER, 2_000))
    play.tell("polled", lanes.wake(Lane("elena"), Context.POLL, 3_000))
    play.tell("polled sooner", lanes.wake(Lane("elena"), Context.POLL, 1_500))
    play.tell("polled later", lanes.wake(Lane("elena"), Context.POLL, 2_500))


CHAPTERS: Mapping[str, tuple[Any, Mapping[str, Any]]] = {
    "named_together": (named_together, {}),
    "places_given_up": (places_given_up, {}),
    "claims_unasked": (claims_unasked, {}),
    "cycles_end": (cycles_end, {}),
    "cycles_begin": (cycles_begin, {}),
    "thoughts_awaited": (thoughts_awaited, {}),
    "overdue": (overdue, {}),
}
