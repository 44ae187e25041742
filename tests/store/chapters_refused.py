"""Further stories: each reason for which an answer or a post is refused, and each way
in which an election ends."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from app.domain.lane import Lane
from app.domain.model import AuthorKind, EarlierLine
from app.store import admission, floors, keys, lanes, posts
from app.store.commits import Joined
from tests.store import world
from tests.store.states import asked, won
from tests.store.world import ALICE, BOB, Cycle

if TYPE_CHECKING:
    from tests.store.chapters import Play

CHANNEL = "55"
WINDOW_MS, COOL_MS = 10_000, 60_000


def answers_refused(play: Play) -> None:
    """A draft is refused for each reason, and paid for all the same."""
    client = play.world.store.client
    cycle, entry, token = asked(play, "8001")
    play.reserve("she pays", cycle, entry, token)
    client.set(keys.mute("channel:55"), "mod")
    play.commit("the channel is muted", cycle, entry, token)
    play.claim("nor may she claim", cycle.holder, entry)
    client.delete(keys.mute("channel:55"))
    again = world.event("8002", author=BOB, reply_to="8001")
    play.admit("bob answers", world.candidate("dotty", again, None))
    play.commit("somebody answered it", cycle, entry, token)
    play.commit("she has read that", cycle, entry, token, read_up_to="8002", tokens=9)
    play.world.advance(100_000)
    cycle, entry, token = asked(play, "8003", author=BOB)
    play.tell("it is deleted", admission.mark_deleted("8003"))
    play.commit("for nobody", cycle, entry, token)
    play.claim("nor is there a floor", cycle.holder, entry)
    play.finish("she ends", cycle)
    play.world.advance(100_000)
    cycle, entry, token = asked(play, "8004", author=BOB)
    client.xdel(keys.inbox(cycle.lane), entry.entry_id)
    play.commit("it is in the inbox no more", cycle, entry, token)
    play.claim("it is gone", cycle.holder, entry)
    stranger = Cycle(cycle.lane, "nobody", entries=[entry])
    play.commit("who holds no lock answers nothing", stranger, entry, token)
    play.release("nor gives back", stranger, entry, token, later=False)
    play.reserve("nor pays", stranger, entry, token)


def thoughts_answered(play: Play) -> None:
    """A thought of two lines has one answer; a reaction and a dry run count as they
    are."""
    cycle, entry, token = asked(play, "8101")
    earlier = (EarlierLine(message_id="8101", content="line"),)
    later = world.event("8102", earlier=earlier)
    play.admit("the thought goes on", world.direct("aria", later, ("aria",)))
    play.commit("in a later line", cycle, entry, token, final=True)
    play.finish("she begins anew", cycle, 0)
    play.world.advance(100_000)
    cycle = play.begin("and reads both", Lane("aria", CHANNEL), "w2")
    first, last = cycle.entries[0], cycle.entries[-1]
    token = play.claim("she has the floor", cycle.holder, last)
    joined = (Joined(first.entry_id, "8101"), Joined("", "8100"))
    play.commit("one answer for both", cycle, last, token, joined=joined)
    play.finish("she ends", cycle)
    play.world.advance(100_000)
    cycle, entry, token = asked(play, "8103", author=BOB)
    play.commit("a reaction to another", cycle, entry, token, react=True)


def reactions(play: Play) -> None:
    """A reaction is no post; in a dry run nothing is sent."""
    cycle, entry, token = asked(play, "8201")
    play.commit("a reaction", cycle, entry, token, react=True, final=True)
    play.finish("she ends", cycle)
    heard = world.candidate("dotty", world.event("8202"), 0.7)
    play.admit("dotty bids", heard)
    play.elect("aria's reaction goes first", "8202")
    play.world.advance(200_000)
    play.elect("dotty may", "8202")


def rehearsals(play: Play) -> None:
    """In a dry run all is decided and nothing is sent."""
    cycle, entry, token = asked(play, "8301")
    play.commit("an answer", cycle, entry, token, final=True)
    play.finish("she ends", cycle)
    play.world.advance(100_000)
    cycle, entry, token = won(play, "8302")
    play.commit("an unasked answer", cycle, entry, token)
    play.finish("she ends", cycle)
    one = play.post("dotty", 1)
    claim = posts.claim(one, play.world.limits, play.world.settings)
    token = play.tell("it is quiet time", claim).token
    play.world.advance(COOL_MS)
    token = play.tell("dotty may post", claim).token
    play.commit_post("and does", one, token)


def posts_refused(play: Play) -> None:
    """A post is refused for each reason."""
    client = play.world.store.client
    limits, settings = play.world.limits, play.world.settings
    one = play.post("aria", 1)
    claim = posts.claim(one, limits, settings)
    token = play.tell("aria has the floor", claim).token
    client.delete(keys.lock(Lane("aria")))
    play.commit_post("without her lock", one, token)
    play.tell("and claims nothing", claim)
    one = play.post("aria", 1)
    client.set(keys.mute("bot:aria"), "mod")
    play.commit_post("muted", one, token)
    play.tell("and claims nothing", claim)
    client.delete(keys.mute("bot:aria"))
    token = play.tell("she has it again", claim).token
    play.world.advance(50_000)
    play.commit_post("her lease ran out", one, token)
    token = play.tell("once more", claim).token
    asks = world.direct("dotty", world.event("8401"), ("dotty",))
    play.admit("dotty is asked", asks)
    cycle = play.begin("dotty begins", Lane("dotty", CHANNEL), "w1")
    theirs = play.claim("and takes the floor", cycle.holder, cycle.entries[0])
    play.commit_post("it is dotty's", one, token)
    play.commit("dotty answers", cycle, cycle.entries[0], theirs)
    play.world.advance(100_000)
    client.set(keys.cooldown("aria"), "1", px=90_000_000)
    cooled = play.world.store.run(claim)
    assert cooled.verdict == "cooled"
    client.delete(keys.cooldown("aria"))
    token = play.tell("she may", claim).token
    play.commit_post("and posts", one, token)
    other = play.post("elena", 2)
    second = posts.claim(other, limits, settings)
    play.world.advance(100_000)
    token = play.tell("elena has the floor", second).token
    play.commit_post("the day is spent", other, token)
    play.tell("nor may she ask", second)


def elections_lost(play: Play) -> None:
    """A winner that does not act is followed by another; one that paid is waited
    for."""
    for bot, bid in (("aria", 9.0), ("dotty", 8.0), ("elena", 1.0)):
        heard = world.candidate(bot, world.event("8501"), bid, expected=3)
        play.admit(f"{bot} bids", heard)
    play.elect("aria wins", "8501")
    play.world.advance(41_000)
    play.elect("and does not act", "8501")
    play.world.advance(41_000)
    play.elect("dotty does not either", "8501")
    for bot in ("aria", "dotty"):
        play.world.store.client.delete(keys.work(bot))
    play.admit("aria bids again", world.candidate("aria", world.event("8502"), 2.0))
    play.world.advance(WINDOW_MS)
    play.elect("and wins", "8502")
    cycle = play.begin("she begins", Lane("aria"), "w1")
    entry = next(one for one in cycle.entries if one.event.message_id == "8502")
    token = play.claim("she claims", cycle.holder, entry)
    play.reserve("she pays", cycle, entry, token)
    rival = play.begin("dotty begins", Lane("dotty"), "w2")
    play.world.advance(41_000)
    for one in rival.entries:
        play.claim("aria has paid", rival.holder, one)
    play.elect("she is waited for", "8502")
    play.world.advance(300_000)
    play.elect("and never came back", "8502")
    play.admit("elena bids", world.candidate("elena", world.event("8503"), 2.0))
    play.world.store.client.set(keys.mute("guild:7"), "mod")
    play.world.advance(WINDOW_MS)
    play.elect("the server is muted", "8503")
    play.world.store.client.delete(keys.mute("guild:7"))
    play.admit("elena bids late", world.candidate("elena", world.event("8504"), 2.0))
    play.world.advance(301_000)
    play.elect("too late", "8504")


def elections_put_off(play: Play) -> None:
    """Quiet time, busy bots, mutes and distance decide who waits for whom."""
    client = play.world.store.client
    now = play.world.time
    recent = keys.recent_bot_posts(CHANNEL)
    client.zadd(recent, {"elena:e": now})
    client.pexpire(recent, 3_600_000)
    bids = (("aria", 9.0, None), ("dotty", 8.0, 70_000), ("elena", 1.0, 0))
    for bot, bid, quiet_ms in bids:
        heard = world.candidate(
            bot, world.event("8601"), bid, expected=4, quiet_ms=quiet_ms
        )
        play.admit(f"{bot} bids", heard)
    play.world.advance(WINDOW_MS)
    play.elect("aria and dotty are quiet, elena is far below", "8601")
    play.world.advance(45_000)
    client.hset(keys.work("aria"), "8600", "1")
    client.pexpire(keys.work("aria"), 3_600_000)
    play.elect("aria is busy", "8601")
    client.set(keys.mute("bot:aria"), "mod")
    play.world.advance(20_000)
    play.elect("aria is muted and dotty may", "8601")
    play.world.advance(100_000)
    for number, bot in enumerate(("dotty", "elena")):
        heard = world.candidate(bot, world.event(f"861{number}"), 2.0)
        play.admit(f"{bot} bids", heard)
    play.world.advance(WINDOW_MS)
    play.elect("dotty has work", "8610")
    play.elect("elena may", "8611")
    play.elect("dotty waits for elena", "8610")
    play.tell("the pump sees them", lanes.sweep(0))
    foreign = world.event("8620", author="700", author_kind=AuthorKind.FOREIGN)
    play.admit("a stranger speaks", world.candidate("dotty", foreign, 5.0))
    ours = world.event("8621", author="701", author_kind=AuthorKind.OURS)
    heard = world.candidate("elena", ours, 5.0, author_bot="aria")
    play.admit("aria speaks", heard)
    away = world.candidate(
        "dotty", world.event("8623"), 5.0, wordless=True, trails=True
    )
    play.admit("dotty may only react", away)


def queue(play: Play) -> None:
    """Those who are asked wait in the order of the messages, whoever is away."""
    for number, bot in enumerate(("aria", "dotty", "elena")):
        author = (ALICE, BOB, ALICE)[number]
        said = world.event(f"870{number}", author=author)
        play.admit(f"{bot} is asked", world.direct(bot, said, (bot,)))
    cycles = {
        bot: play.begin(f"{bot} begins", Lane(bot, CHANNEL), bot)
        for bot in ("aria", "dotty", "elena")
    }

    def claim(bot: str) -> str:
        cycle = cycles[bot]
        return play.claim(f"{bot} claims", cycle.holder, cycle.entries[0])

    token = claim("aria")
    claim("elena")
    claim("dotty")
    mine = cycles["aria"]
    play.release("aria declines", mine, mine.entries[0], token, later=False)
    claim("elena")
    play.world.advance(100)
    token = claim("dotty")
    theirs = cycles["dotty"]
    play.release("dotty comes later", theirs, theirs.entries[0], token, later=True)
    play.world.advance(41_000)
    token = claim("elena")
    renew = floors.renew(CHANNEL, "elena", "8702", token, 40_000)
    play.tell("elena renews", renew)
    last = cycles["elena"]
    play.finish("elena ends early", last, 3_000)


SPENT = {"daily_posts_all": 2, "cooldown": 0, "quiet_time": 0, "root_posts": 2}
CHAPTERS: Mapping[str, tuple[Any, Mapping[str, Any]]] = {
    "answers_refused": (answers_refused, {}),
    "thoughts_answered": (thoughts_answered, {}),
    "reactions": (reactions, {}),
    "rehearsals": (rehearsals, {"dry_run": True}),
    "posts_refused": (posts_refused, SPENT),
    "elections_lost": (elections_lost, {}),
    "elections_put_off": (elections_put_off, {}),
    "queue": (queue, {}),
}
