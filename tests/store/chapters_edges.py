"""Further stories: claims that are refused, chains of bots, and what is only kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from app.domain.lane import Lane
from app.domain.model import AuthorKind, Context, EarlierLine, Event
from app.store import keys, lanes, outbox, refusals, thoughts
from app.store.refusals import Barred
from tests.store import world
from tests.store.world import ALICE, BOB, Cycle

if TYPE_CHECKING:
    from tests.store.chapters import Play

CHANNEL, HOUR_MS = "55", 3_600_000
WINDOW_MS = 10_000


def _woken(play: Play, bot: str, owner: str) -> Cycle:
    """A bot begins, whatever was granted."""
    play.tell(f"{bot} is woken", lanes.wake(Lane(bot), Context.POLL))
    return play.begin("it begins", Lane(bot), owner)


def claims_refused(play: Play) -> None:
    """Of an election nobody but its winner has the floor, and not at any time."""
    client = play.world.store.client
    for bot, bid in (("aria", 9.0), ("dotty", 8.0)):
        heard = world.candidate(bot, world.event("8801"), bid, expected=3)
        play.admit(f"{bot} bids", heard)
    dotty = _woken(play, "dotty", "w1")

    def claim(title: str) -> str:
        return play.claim(title, dotty.holder, dotty.entries[0])

    claim("the election is open")
    play.world.advance(WINDOW_MS)
    client.delete(keys.lock(dotty.lane))
    play.elect("aria wins", "8801")
    client.set(keys.lock(dotty.lane), dotty.owner, px=HOUR_MS)
    claim("dotty has lost")
    aria = play.begin("aria begins", Lane("aria"), "w2")
    token = play.claim("aria has the floor", aria.holder, aria.entries[-1])
    play.reserve("and pays", aria, aria.entries[-1], token)
    client.hset(keys.election("8801"), "winner", "dotty")
    claim("aria has paid for it")
    client.hdel(keys.election("8801"), "paid")
    claim("aria has the floor")
    client.delete(keys.GENERATION)
    claim("Redis is new")
    client.set(keys.GENERATION, "world")
    client.hset(keys.election("8801"), "addressed", "1")
    claim("it speaks to somebody")
    client.hset(keys.answer("8801"), "elena", "declined")
    client.pexpire(keys.answer("8801"), HOUR_MS)
    claim("elena has declined")
    client.set(keys.mute("bot:dotty"), "mod")
    claim("dotty is muted")
    client.delete(keys.mute("bot:dotty"))
    client.xdel(keys.inbox(dotty.lane), dotty.entries[0].entry_id)
    claim("it is in the inbox no more")


def _by_bot(play: Play, message: str, hops: int, **counts: int) -> Event:
    """A bot's message, so many answers behind a person's."""
    client, root = play.world.store.client, f"1{message}"
    client.hset(keys.cause(message), mapping={"root": root, "hops": hops})
    client.pexpire(keys.cause(message), HOUR_MS)
    if counts:
        client.hset(keys.cause_root(root), mapping=dict(counts))
        client.pexpire(keys.cause_root(root), HOUR_MS)
    return world.event(message, author="700", author_kind=AuthorKind.FOREIGN)


def chains(play: Play) -> None:
    """A chain of bots ends at its length, posts, tokens and money; of what is only kept
    nobody asks."""
    limits = play.world.limits
    one = _by_bot(play, "8901", 1, posts=1)
    play.admit("one answer behind", world.candidate("aria", one))
    heard = world.candidate("dotty", one, wakes=False)
    play.admit("it is only kept", heard)
    heard = world.candidate("elena", one, None)
    play.admit("and passed", heard)
    said = _by_bot(play, "8902", 0, posts=1, tokens=limits.root_tokens - 1)
    play.admit("room for one token", world.candidate("aria", said))
    said = _by_bot(play, "8903", 0, posts=1, tokens=limits.root_tokens)
    play.admit("and for none", world.candidate("aria", said))
    said = _by_bot(play, "8904", 0, posts=1, micro_usd=limits.root_micro_usd)
    play.admit("all money is spent", world.candidate("aria", said))
    said = _by_bot(play, "8905", 0, micro_usd=limits.root_micro_usd + 1)
    play.admit("and more", world.candidate("aria", said))
    said = _by_bot(play, "8906", 0, posts=1, foreign=1)
    play.admit("others said as much", world.candidate("aria", said))
    said = _by_bot(play, "8907", 0, posts=2, limit=3)
    play.admit("this root may cause more", world.candidate("aria", said))


def grants(play: Play) -> None:
    """A cycle reads each message that was granted to it, from the inbox or as the
    election kept it."""
    client = play.world.store.client
    for message, author in (("9001", ALICE), ("9002", BOB), ("9003", ALICE)):
        heard = world.candidate("aria", world.event(message, author=author))
        play.admit("aria bids", heard)
    client.delete(keys.inbox(Lane("aria")))
    for message in ("9001", "9002", "9003", "9099"):
        client.hset(keys.work("aria"), message, "7")
    client.pexpire(keys.work("aria"), HOUR_MS)
    client.delete(keys.event("9003"))
    play.tell("aria is woken", lanes.wake(Lane("aria"), Context.TRIGGER))
    play.begin("she has three grants", Lane("aria"), "w1")


def given_up(play: Play) -> None:
    """A winner that does not want to answer hands the message over; a thought that
    waits is never cut short."""
    for bot, bid in (("aria", 9.0), ("dotty", 8.0)):
        heard = world.candidate(bot, world.event("9101"), bid, expected=3)
        play.admit(f"{bot} bids", heard)
    play.tell("its author types", thoughts.prolong("9101", 20_000))
    play.tell("not for so long", thoughts.prolong("9101", 12_000))
    play.world.advance(20_000)
    play.tell("nor is it held when it is due", thoughts.prolong("9101", 9_000))
    play.elect("aria wins", "9101")
    play.tell("she is waited for", thoughts.prolong("9101", 90_000))
    cycle = play.begin("she begins", Lane("aria"), "w1")
    token = play.claim("and claims", cycle.holder, cycle.entries[0])
    play.release("not her subject", cycle, cycle.entries[0], token, later=False)
    play.elect("dotty may now", "9101")
    cycle = play.begin("dotty begins", Lane("dotty"), "w2")
    play.release("it is dropped", cycle, cycle.entries[0], "1", later=False)


def afterthoughts(play: Play) -> None:
    """What trails an answer is kept as context; with no answer it stands for itself."""
    client = play.world.store.client
    play.admit("aria bids", world.candidate("aria", world.event("9201")))
    earlier = (EarlierLine(message_id="9201", content="line"),)

    def trails(title: str, bot: str, message: str, **more: Any) -> None:
        said = world.event(message, earlier=earlier)
        heard = world.candidate(bot, said, trails=True, **more)
        play.admit(title, heard)

    trails("nobody has answered", "aria", "9202")
    client.hset(keys.answer("9201"), "dotty", "declined")
    client.pexpire(keys.answer("9201"), HOUR_MS)
    trails("dotty has declined", "aria", "9203")
    trails("it is a thought of its own", "aria", "9208", joins=False)
    alone = world.candidate("aria", world.event("9204"), trails=True)
    play.admit("it trails nothing", alone)
    asks = world.direct("aria", world.event("9205", earlier=earlier), ("aria",))
    play.admit("it asks, and she has not answered", replace(asks, trails=True))
    client.hset(keys.answer("9201"), "aria", "cancelled")
    asks = world.direct("aria", world.event("9206", earlier=earlier), ("aria",))
    play.admit("her answer was cancelled", replace(asks, trails=True))
    client.hset(keys.answer("9201"), "aria", "declined")
    asks = world.direct("aria", world.event("9207", earlier=earlier), ("aria",))
    play.admit("she has declined", replace(asks, trails=True))


def entries(play: Play) -> None:
    """An entry is read with what Discord refuses there; other words and retries."""
    settings, client = play.world.settings, play.world.store.client
    entry = play.posted("aria", 1)
    for kind in (Barred.LINE, Barred.EMOJI):
        note = refusals.note("aria", CHANNEL, kind, "240000", settings)
        play.tell("Discord refuses", note)
    play.tell("again", note)
    play.tell("the entry is read", outbox.read(entry.entry_id))
    client.set(keys.entry("p:strange"), "x", px=HOUR_MS)
    play.tell("and a strange one", outbox.read("p:strange"))
    lease = outbox.acquire("aria", CHANNEL, "d", 9 * HOUR_MS)
    play.tell("a worker takes the lease", lease)
    attempt = outbox.attempt(entry, 0, "d", settings, looked=False)
    play.tell("an attempt", attempt)
    play.tell("unknown", outbox.record_failure(entry, 0, "d", absent=False))
    play.tell("a second", attempt)
    play.tell("surely not there", outbox.record_failure(entry, 0, "d", absent=True))
    other = outbox.signed(entry.model_copy(update={"chunks": ("other",)}), settings)
    for absent, worded in ((False, False), (True, True)):
        ways = {"absent": absent, "worded": worded}
        play.tell("in other words", outbox.replace(entry, other, 0, "d", "way", **ways))
    record = outbox.record_delivery(entry, 0, "9301", "sent", "2026-11-27")
    play.tell("it is there", record)
    play.tell(
        "other words are late", outbox.replace(entry, other, 0, "d", "way", **ways)
    )
    play.tell("no retry", outbox.retry(entry))
    play.tell("nothing to give up", outbox.dead_letter(entry, "dead", "late"))


def asides(play: Play) -> None:
    """What is too old, or where a bot may not write, is only kept; who is done while
    another speaks calls nobody."""
    kept = world.direct("aria", world.event("9401"), ("aria",), wakes=False)
    play.admit("it is too old for an answer", kept)
    cycles = {}
    for number, bot in enumerate(("aria", "dotty", "elena"), 2):
        said = world.event(f"940{number}", author=f"95{number}")
        play.admit(f"{bot} is asked", world.direct(bot, said, (bot,)))
        cycles[bot] = play.begin("it begins", Lane(bot, CHANNEL), bot)
    tokens = {
        bot: play.claim(f"{bot} claims", cycle.holder, cycle.entries[0])
        for bot, cycle in cycles.items()
    }
    dotty, aria = cycles["dotty"], cycles["aria"]
    play.release("dotty declines", dotty, dotty.entries[0], "0", later=False)
    play.release("then aria", aria, aria.entries[0], tokens["aria"], later=False)


CHAPTERS: Mapping[str, tuple[Any, Mapping[str, Any]]] = {
    "claims_refused": (claims_refused, {}),
    "chains": (chains, {"root_hops": 1, "root_posts": 2}),
    "grants": (grants, {}),
    "given_up": (given_up, {}),
    "afterthoughts": (afterthoughts, {}),
    "entries": (entries, {}),
    "asides": (asides, {}),
}
