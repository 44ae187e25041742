"""Further stories: states that are rare or take long to come about are written by hand,
and each boundary is met to the millisecond and to the last token."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from app.domain.lane import Lane
from app.domain.model import AuthorKind, Cost
from app.store import floors, holds, keys
from tests.store import world
from tests.store.states import (
    CHANNEL,
    HOUR_MS,
    asked,
    hold_floor,
    next_ms,
    posted_before,
    wait_in_line,
    won,
    write,
)
from tests.store.world import ALICE, Cycle

if TYPE_CHECKING:
    from tests.store.chapters import Play


COST = Cost(80, 7)


def floors_lost(play: Play) -> None:
    """A floor counts as one's own by its bot, message and token, and no longer when a
    post is on its way."""
    client, floor = play.world.store.client, keys.floor(CHANNEL)
    cycle, entry, token = asked(play, "9501")
    renew = floors.renew(CHANNEL, "aria", "9501", token, 40_000)
    others = {"bot": "dotty", "message": "9500", "token": "7", "entry": "p:1"}
    for field, other in others.items():
        own = client.hget(floor, field)
        client.hset(floor, field, other)
        play.tell(f"with another {field} she renews nothing", renew)
        play.reserve("pays nothing", cycle, entry, token)
        play.commit("answers nothing", cycle, entry, token, tokens=0)
        play.release("and gives nothing back", cycle, entry, token, later=True)
        client.hdel(floor, field)
        if own:
            client.hset(floor, field, str(own))
    play.tell("it is hers again", renew)
    client.delete(floor)
    play.commit("it is nobody's", cycle, entry, token, tokens=0)
    wait_in_line(play, "dotty")
    play.release("who comes later calls nobody", cycle, entry, token, later=True)
    play.release("who is done does", cycle, entry, token, later=False)


def answers_unasked(play: Play) -> None:
    """What was answered, deleted, paid for by another or is addressed is not answered
    unasked."""
    client = play.world.store.client
    cycle, entry, token = won(play, "9511")
    answer, election = keys.answer("9511"), keys.election("9511")
    client.hset(answer, "dotty", "declined")
    play.commit("dotty has declined", cycle, entry, token)
    client.delete(answer)
    client.set(keys.deleted("9511"), "1", px=HOUR_MS)
    play.commit("it is deleted", cycle, entry, token)
    client.delete(keys.deleted("9511"))
    client.hset(election, "addressed", "1")
    play.commit("it speaks to somebody", cycle, entry, token)
    client.hdel(election, "addressed")
    client.hset(election, "paid", "dotty")
    play.reserve("dotty has paid", cycle, entry, token)
    client.hset(election, "paid", "aria")
    play.reserve("aria has, once", cycle, entry, token)
    later = play.written_now()
    play.admit("she writes again", world.candidate("aria", world.event(later), None))
    play.commit("what she wrote was not read", cycle, entry, token)
    play.commit("it was planned again", cycle, entry, token, final=True, cooldown=0.0)
    play.world.advance(100_000)
    cycle, entry, token = asked(play, "9512")
    client.zadd(keys.ELECTIONS_DUE, {"9512": 1})
    write(play, keys.answer("9512"), aria="joined:9511")
    play.commit("she has answered it", cycle, entry, token)
    play.claim("and needs no floor", cycle.holder, entry)
    client.delete(keys.answer("9512"))
    play.commit("an answer decides no election", cycle, entry, token)
    granted = (
        ("paid for, but it speaks to somebody", {"paid": "aria", "addressed": "1"}),
        ("granted to another", {"state": "granted", "winner": "dotty"}),
        ("granted before", {"state": "open", "winner": "aria"}),
    )
    for number, (title, fields) in enumerate(granted):
        message = f"952{number}"
        heard = world.candidate("aria", world.event(message), wakes=False)
        play.admit("aria hears one", heard)
        write(play, keys.election(message), **fields)
        client.zadd(keys.WAKES_DUE, {"aria": 1})
        cycle = play.begin("she begins", Lane("aria"), "w9")
        play.release(title, cycle, cycle.entries[-1], "0", later=False)


def lines_behind(play: Play) -> None:
    """Of what waits behind a question, twenty entries are looked at for a later line of
    its thought."""
    client = play.world.store.client
    cycle, entry, token = asked(play, "9514")
    inbox = keys.inbox(cycle.lane)
    ((_, found),) = client.xrange(inbox)
    fields: dict[Any, Any] = dict(found)

    def wait(count: int, **more: str) -> None:
        with client.pipeline(transaction=False) as pipe:
            for _ in range(count):
                pipe.xadd(inbox, fields | more)
            pipe.execute()

    wait(19, thought="other")
    wait(1, message="9515")
    play.commit("a later line is the twentieth", cycle, entry, token)
    client.delete(inbox)
    client.xadd(inbox, fields, id=entry.entry_id)
    client.pexpire(inbox, HOUR_MS)
    wait(20, thought="other")
    wait(1, message="9515")
    play.commit("it is the next", cycle, entry, token)


def answers_spent(play: Play) -> None:
    """Each budget has room to its last token, and what was held is not asked for
    again."""
    client, limits, day = play.world.store.client, play.world.limits, play.world.today()
    cycle, entry, token = won(play, "9529")
    shares = keys.shares("aria", day)
    budgets = (
        (keys.budget("aria", day), "tokens", limits.daily_tokens - 80),
        (keys.budget("all", day), "micro_usd", limits.daily_micro_usd_all - 7),
        (keys.budget("aria", day), "posts", limits.daily_posts - 1),
        (keys.budget(f"person:{ALICE}", day), "tokens", limits.person_tokens - 80),
        (keys.budget(f"channel:{CHANNEL}", day), "tokens", limits.channel_tokens - 80),
        (keys.cause_root("9529"), "tokens", limits.root_tokens - 80),
        (keys.cause_root("9529"), "micro_usd", limits.root_micro_usd - 7),
        (keys.cause_root("9529"), "posts", limits.root_posts - 1),
        (shares, ALICE, int(limits.daily_posts * limits.person_share) - 1),
    )
    for number, (key, field, most) in enumerate(budgets):
        hold = f"h{number}"
        write(play, key, **{field: most + 1})
        _reserve(play, f"one {field} too many", cycle, entry, token, hold)
        play.commit("nor may it be said", cycle, entry, token, micro_usd=7)
        write(play, key, **{field: most})
        _reserve(play, "the last one", cycle, entry, token, hold)
        play.tell("it is not used", holds.settle(hold, limits, Cost(0, 0), hold))
        client.hdel(key, field)
    _reserve(play, "it is paid for", cycle, entry, token, cycle.hold(entry))
    write(play, keys.budget("aria", day), tokens=limits.daily_tokens)
    play.commit("what is held is paid", cycle, entry, token)


def _reserve(
    play: Play,
    title: str,
    cycle: Cycle,
    entry: Any,
    token: str,
    hold: str,
    cost: Cost = COST,
) -> None:
    limits = play.world.limits
    call = floors.reserve(cycle.holder, entry, token, limits, cost, hold, play.fresh())
    play.tell(title, call)


def just_enough(play: Play) -> None:
    """Where nothing is spent, the whole of each budget may be, and no more."""
    cycle, entry, token = asked(play, "9541")
    _reserve(play, "a token too many", cycle, entry, token, "h", Cost(101, 7))
    _reserve(play, "a micro-dollar too many", cycle, entry, token, "h", Cost(100, 8))
    _reserve(play, "all there is", cycle, entry, token, "h", Cost(100, 7))
    _reserve(play, "and nothing more", cycle, entry, token, "h", Cost(0, 0))


def owed(play: Play) -> None:
    """What programs say takes nothing from the answers that a person asked for."""
    foreign = {"posts": 1, "foreign": 1}
    write(play, keys.cause_root("9551"), **foreign)
    cycle, entry, token = asked(play, "9551")
    _reserve(play, "an answer is owed", cycle, entry, token, "h1")
    play.finish("she ends", cycle)
    said = world.event("9552", author="700", author_kind=AuthorKind.FOREIGN)
    write(play, keys.cause("9552"), root="9550", hops=1)
    write(play, keys.cause_root("9550"), posts=1)
    play.admit("a program asks", world.direct("aria", said, ("aria",)))
    play.world.advance(100_000)
    cycle = play.begin("she begins", cycle.lane, "w2")
    entry = cycle.entries[-1]
    token = play.claim("she has the floor", cycle.holder, entry)
    write(play, keys.cause_root("9550"), **foreign)
    _reserve(play, "none is owed to it", cycle, entry, token, "h2")
    play.world.advance(100_000)
    write(play, keys.cause_root("9553"), **foreign)
    cycle, entry, token = won(play, "9553", "dotty")
    _reserve(play, "nor is one unasked", cycle, entry, token, "h3")
    said = world.event("9542", author="701", author_kind=AuthorKind.OURS)
    write(play, keys.cause("9542"), root="9540", hops=1)
    heard = world.candidate("elena", said, author_bot="dotty")
    play.admit("a chain that nobody remembers", heard)


def calls_at_once(play: Play) -> None:
    """Calls that run at once may not pass a day's money together, should all but one
    cost a hundred times as much as is held for them."""
    client, limits = play.world.store.client, play.world.limits
    calls, budget = keys.calls("aria"), keys.budget("aria", play.world.today())

    def reserve(title: str, hold: str, micro_usd: int = 5) -> None:
        cost = Cost(1, micro_usd)
        call = holds.reserve_own("aria", limits, cost, hold, play.fresh())
        play.tell(title, call)

    reserve("alone one may", "h1")
    room = limits.daily_micro_usd - 5 - 99 * 5
    write(play, budget, micro_usd=room + 1)
    reserve("a second has no room", "h2")
    write(play, budget, micro_usd=room)
    reserve("to the last micro-dollar", "h2")
    write(play, budget, micro_usd=room - 99 * 5)
    reserve("the first asks for more", "h1")
    write(play, budget, micro_usd=room - 99 * 5 - 99 * 5)
    reserve("and gets it where all have room", "h1")
    client.hset(calls, "h1", f"{next_ms(play)} 495")
    client.hset(calls, "h2", f"{next_ms(play) + 1} 10")
    client.hset(calls, "h3", "nonsense")
    reserve("those that have ended are forgotten", "h4", 1)
    reserve("what costs nothing waits for nobody", "h5", 0)
    client.set(calls, "nonsense", px=HOUR_MS)
    reserve("nonsense is no call", "h6")
    write(play, budget, micro_usd=limits.daily_micro_usd - 1 - 99)
    reserve("the larger of two may pass the day's money", "h7", 1)


def held_by_calls(play: Play) -> None:
    """What is held for calls that run may come back: who has no room beside it waits for
    their end, and is refused where that would not help."""
    client, limits = play.world.store.client, play.world.limits
    budget, most = keys.budget("aria", play.world.today()), limits.daily_micro_usd

    def reserve(title: str, hold: str = "h2", tokens: int = 3) -> None:
        cost = Cost(tokens, 5)
        call = holds.reserve_own("aria", limits, cost, hold, play.fresh())
        play.tell(title, call)

    reserve("alone one may", "h1")
    write(play, budget, micro_usd=most)
    reserve("all that is missing is held")
    write(play, budget, micro_usd=most + 1)
    reserve("one micro-dollar more is missing")
    write(play, budget, micro_usd=0, tokens=limits.daily_tokens)
    reserve("of tokens, too, all is held")
    reserve("one token more is missing", tokens=4)
    client.hset(keys.hold("h1"), "tokens", "nonsense")
    write(play, budget, tokens=limits.daily_tokens - 2)
    reserve("nothing is known of how much is held")
    write(play, budget, micro_usd=most - 4, tokens=0)
    reserve("who is alone waits for nobody", "h1")
    client.hset(keys.hold("h1"), "day", "1")
    reserve("what another day's call holds is not of this day")
    client.hset(keys.hold("h1"), "day", str(play.world.today()))
    client.hset(keys.calls("aria"), "h1", f"{next_ms(play)} 495")
    reserve("what an ended call holds is spent")


def further_calls(play: Play) -> None:
    """A further call of a draft waits for drafts that go on, and for none that waits
    itself."""
    limits, tight = play.world.limits, keys.budget("aria", play.world.today())

    def reserve(title: str, hold: str, tokens: int, micro_usd: int = 0) -> None:
        cost = Cost(tokens, micro_usd)
        call = holds.reserve_own("aria", limits, cost, hold, play.fresh())
        play.tell(title, call)

    for hold in ("h1", "h2"):
        reserve(f"a call of {hold}", hold, 10, 5)
    write(play, tight, tokens=limits.daily_tokens - 5)
    reserve("more waits for the other", "h1", 6)
    reserve("the other may not wait for it", "h2", 6)
    reserve("it waits on", "h1", 6)
    reserve("less has room", "h1", 5)
    reserve("its call runs, so the other waits", "h2", 6)
    write(play, tight, tokens=0, micro_usd=limits.daily_micro_usd - 600)
    reserve("for money, too, it does not wait for who waits", "h1", 0, 200)
    reserve("and, refused, is waited for", "h2", 0, 200)
    play.tell("the other ends", holds.settle("h2", limits, Cost(), play.fresh()))
    reserve("the first has room", "h1", 0, 200)


def root_held_by_calls(play: Play) -> None:
    """What a root holds for calls that run may come back, too."""
    client, limits = play.world.store.client, play.world.limits
    cycle, entry, token = asked(play, "9561")
    root = keys.cause_root("9561")
    other = holds.reserve_own("dotty", limits, COST, "h9", play.fresh())
    play.tell("dotty's call runs", other)
    client.hset(keys.hold("h9"), mapping={"root": "9561", "posts": 1})

    def reserve(title: str, **spent: int) -> None:
        write(play, root, **spent)
        _reserve(play, title, cycle, entry, token, "h1")

    most = limits.root_tokens
    reserve("all posts are held or used", posts=limits.root_posts)
    reserve("one more is used", posts=limits.root_posts + 1)
    reserve("the tokens that are missing are held", posts=0, tokens=most)
    reserve("one more is missing", tokens=most + 1)
    money = {"tokens": 0, "micro_usd": limits.root_micro_usd}
    reserve("the money that is missing is held", **money)
    reserve("a micro-dollar more is missing", micro_usd=limits.root_micro_usd + 1)
    client.hset(keys.hold("h9"), "root", "9562")
    reserve("it is held for another root", **money)


def elections_closed(play: Play) -> None:
    """An election that has no sense any more leaves the floor to who is next."""
    client, floor = play.world.store.client, keys.floor(CHANNEL)
    waiting = keys.floor_elections(CHANNEL)

    def decide(title: str, message: str, **fields: str | int) -> None:
        """It waits for a floor; the fields are what has become of it meanwhile."""
        opened = fields.get("opened", next_ms(play) - 10_000)
        known = {"state": "open", "channel": CHANNEL, "guild": "7", "parent": "54"}
        write(play, keys.election(message), **known | {"opened": opened} | fields)
        write(play, keys.bids(message), aria=1)
        for key, at in ((waiting, 1), (keys.ELECTIONS_DUE, next_ms(play))):
            client.zadd(key, {message: at})
            client.pexpire(key, HOUR_MS)
        play.elect(title, message)

    wait_in_line(play, "dotty")
    decide("it is of another channel", "9531", channel="66")
    client.delete(keys.floor_waiting(CHANNEL), keys.floor_awaited(CHANNEL))
    write(play, keys.answer("9532"), elena="declined")
    decide("elena has declined", "9532")
    client.set(keys.deleted("9533"), "1", px=HOUR_MS)
    decide("it is deleted", "9533")
    decide("it speaks to somebody", "9534", addressed="1")
    decide("it is closed already", "9535", state="joined")
    decide("dotty paid for it", "9536", paid="dotty")
    hold_floor(play, "elena", "1")
    wait_in_line(play, "dotty")
    decide("elena has the floor", "9537", state="left")
    client.delete(keys.floor_waiting(CHANNEL), keys.floor_awaited(CHANNEL))
    decide("it waits for her", "9537", state="open")
    client.delete(floor)
    for scope in ("all", "channel:55", "channel:54", "guild:7"):
        client.set(keys.mute(scope), "mod")
        decide(f"{scope} is muted", f"954{len(scope)}")
        client.delete(keys.mute(scope))
    client.delete(keys.GENERATION)
    decide("Redis is new", "9538")
    client.set(keys.GENERATION, "world")
    decide("it is as old as it may be", "9538", opened=next_ms(play) - 300_000)
    client.delete(floor)
    decide("it is older", "9539", opened=next_ms(play) - 300_001)


def elections_granted(play: Play) -> None:
    """A winner is waited for while it has the floor or has paid; the next one is not
    the same."""
    client, floor = play.world.store.client, keys.floor(CHANNEL)
    election, due = keys.election("9551"), keys.ELECTIONS_DUE

    def decide(title: str, due_in: int, **fields: str | int) -> None:
        opened = fields.get("opened", next_ms(play) - 10_000)
        known = {"state": "granted", "channel": CHANNEL, "winner": "aria"}
        write(play, election, **known | {"opened": opened} | fields)
        write(play, keys.work("aria"), **{"9551": "7"})
        client.zadd(due, {"9551": next_ms(play) + due_in})
        client.pexpire(due, HOUR_MS)
        play.elect(title, "9551")

    write(play, keys.bids("9551"), aria=9, dotty=8)
    hold_floor(play, "aria", "9551")
    decide("aria has the floor for longer", 1_000)
    hold_floor(play, "aria", "9552")
    decide("she has it for another message", 1_000)
    decide("her time is not over", 1)
    decide("she has paid", 0, paid="aria", opened=next_ms(play) - 300_000)
    decide("it is too long ago", 0, paid="aria", opened=next_ms(play) - 300_001)
    client.hdel(election, "paid")
    decide("her time is over, and dotty waits for the floor", 0)
    client.delete(floor)
    client.zadd(due, {"9551": next_ms(play)})
    play.elect("dotty has it", "9551")
    client.delete(floor)
    decide("nor did dotty act", 0, winner="dotty", again="aria")


def bidders(play: Play) -> None:
    """The best bid wins unless its bot may not speak; who may soon is waited for."""
    client, day = play.world.store.client, play.world.today()
    clean = [keys.floor(CHANNEL), keys.ELECTIONS_DUE, keys.WAKES_DUE]
    bots = ("aria", "dotty", "elena")
    clean += [keys.wake(Lane(bot)) for bot in bots]
    works = tuple(keys.work(bot) for bot in bots)

    def decide(title: str, *bids: float, **fields: str | int) -> None:
        client.delete(*clean, keys.election("9561"), keys.bids("9561"))
        known = {"state": "open", "channel": CHANNEL, "parent": "54"}
        opened = fields.pop("opened", next_ms(play) - 10_000)
        quiet = {f"quiet:{bot}": ms for bot, ms in fields.items()}
        write(play, keys.election("9561"), **known | {"opened": opened} | quiet)
        if bids:
            offered = dict(zip(bots, map(repr, bids), strict=False))
            write(play, keys.bids("9561"), **offered)
        play.elect(title, "9561")
        for bot in bots:
            client.hdel(keys.work(bot), "9561")

    def busy(bot: str) -> None:
        client.set(keys.lock(Lane(bot)), "w", px=HOUR_MS)

    def cools(bot: str, ms: int) -> None:
        client.set(keys.cooldown(bot), "1", px=ms)

    def rest(*bots: str) -> None:
        for bot in bots:
            client.delete(keys.lock(Lane(bot)), keys.cooldown(bot))

    decide("equal bids", 2, 2, 2)
    decide("the best", 1, 3, 2)
    decide("no bids")
    posted_before(play, dotty=60_000, elena=49_999)
    decide("no bids, and quiet time for another millisecond")
    posted_before(play, dotty=60_000, elena=49_999)
    decide("quiet time for another millisecond", 1)
    posted_before(play, elena=50_000)
    decide("it is over", 1)
    posted_before(play, elena=40_000)
    decide("each has a quiet time of its own", 3, 2, aria=70_000, dotty=60_000)
    decide("one has none", 3, 2, aria=70_000, dotty=0)
    decide("a longer one of its own", 3, aria=70_000)
    for ms in (260_000, 260_001):
        posted_before(play, elena=10_000)
        decide(f"quiet, and opened {ms} ms ago", 1, opened=next_ms(play) - ms)
        posted_before(play, elena=10_000)
        opened = next_ms(play) - ms
        decide("another is not", 1, 1, opened=opened, aria=50_000, dotty=0)
        busy("dotty")
        posted_before(play, elena=10_000)
        opened = next_ms(play) - ms
        decide("that is busy", 1, 1, opened=opened, aria=50_000, dotty=0)
        rest("dotty")
    decide("not far below who is quiet", 5, 2, aria=50_000, dotty=0)
    decide("far below", 5.5, 2, aria=50_000, dotty=0)
    # Lives are halved before a call.
    cools("aria", 20_000)
    decide("dotty is free", 5, 2, aria=0, dotty=0)
    busy("dotty")
    posted_before(play, elena=10_000)
    decide("aria cools, and is quiet for longer", 2, 2, aria=50_000, dotty=0)
    posted_before(play, elena=10_000)
    decide(
        "elena is quiet as long as aria cools", 2, 2, 2, aria=0, dotty=0, elena=20_000
    )
    posted_before(play, elena=10_000)
    decide("elena is quiet for less", 2, 2, 2, aria=0, dotty=0, elena=10_100)
    rest("dotty")
    cools("dotty", 20_000)
    decide("dotty cools as long", 5, 4, 1, aria=0, dotty=0, elena=0)
    cools("dotty", 40_000)
    decide("dotty cools for longer", 5, 4, 1, aria=0, dotty=0, elena=0)
    cools("elena", 10_000)
    decide("elena for less, and is not far below", 5, 4, 3, aria=0, dotty=0, elena=0)
    rest("aria")
    busy("aria")
    decide("aria is busy", 5, 4, aria=0, dotty=0)
    rest("dotty", "elena")
    busy("dotty")
    posted_before(play, elena=10_000)
    decide("elena is quiet for 1 ms", 5, 4, 4, aria=0, dotty=0, elena=10_001)
    decide("all are busy", 5, 4, aria=0, dotty=0)
    rest("aria", "dotty", "elena")
    write(play, works[0], **{"9562": "7"})
    decide("aria has work", 5, aria=0)
    client.delete(*works)
    posted_before(play, elena=100_000)
    for scope in ("bot:aria", "bot:aria@channel:55", "bot:aria@channel:54"):
        client.set(keys.mute(scope), "mod")
        decide(f"{scope} is muted, and not waited for", 9, 2)
        client.delete(keys.mute(scope))
    write(play, keys.budget("aria", day), spent="1")
    decide("aria has spent her day", 9, 2)


ENOUGH = {
    **dict.fromkeys(("root_tokens", "daily_tokens", "daily_tokens_all"), 100),
    **dict.fromkeys(("root_usd", "daily_usd", "daily_usd_all"), 7.1e-6),
    **dict.fromkeys(("root_posts", "daily_posts", "daily_posts_all"), 1),
    "root_hops": 0,
}
CHAPTERS: Mapping[str, tuple[Any, Mapping[str, Any]]] = {
    "floors_lost": (floors_lost, {}),
    "answers_unasked": (answers_unasked, {}),
    "lines_behind": (lines_behind, {}),
    "answers_spent": (answers_spent, {"quiet_time": 0, "cooldown": 0}),
    "just_enough": (just_enough, ENOUGH),
    "owed": (owed, {"root_posts": 2}),
    "calls_at_once": (calls_at_once, {"daily_usd": 0.002}),
    "held_by_calls": (held_by_calls, {"daily_usd": 0.002}),
    "further_calls": (further_calls, {"daily_usd": 0.002}),
    "root_held_by_calls": (root_held_by_calls, {}),
    "elections_closed": (elections_closed, {}),
    "elections_granted": (elections_granted, {}),
    "bidders": (bidders, {}),
}
