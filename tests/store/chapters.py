"""The stories: what a few bots do, a chapter for each room of scripts.

Each call is made when it is granted, when it is refused, and again. A chapter reads as
its text in `tests/store/stories`.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from app.domain.lane import Lane
from app.domain.model import Action, ActionKind, Context, Cost, InboxEntry, OutboxEntry
from app.rules.reception import Sign
from app.store import (
    admission,
    brakes,
    commits,
    elections,
    floors,
    holds,
    identifies,
    inboxes,
    journal,
    keys,
    lanes,
    leases,
    memories,
    mutes,
    names,
    nights,
    outbox,
    posts,
    receptions,
    refusals,
    thoughts,
    trusts,
    vault,
    wishes,
)
from app.store.nights import Night
from app.store.refusals import Barred
from tests.store import (
    chapters_edges,
    chapters_heard,
    chapters_kept,
    chapters_refused,
    chapters_sent,
    chapters_states,
    chapters_waits,
    world,
)
from tests.store.story import Story
from tests.store.world import ALICE, BOB, Cycle

CHANNEL, DATE = "55", "2026-11-27"
# Ten minutes pass, and it is over: a little less, as a machine that stalls lets a key
# live a little longer.
LEASE_MS = 590_000
WINDOW_MS = 10_000


class Play(Story):
    """A story with short names for what happens in most chapters."""

    def __init__(self, store: Any, settings: Mapping[str, Any]) -> None:
        super().__init__(store, settings)
        self._count = itertools.count(1)

    def fresh(self) -> str:
        """The id of a request."""
        return f"request-{next(self._count)}"

    def admit(self, title: str, heard: admission.AdmissionRequest) -> None:
        limits, settings = self.world.limits, self.world.settings
        self.tell(title, admission.admit(heard, self.fresh(), limits, settings))

    def admit_all(self, title: str, *heard: admission.AdmissionRequest) -> None:
        limits = [self.world.limits] * len(heard)
        settings = self.world.settings
        self.tell(title, admission.admit_all(heard, self.fresh(), limits, settings))

    def elect(self, title: str, message: str) -> None:
        self.tell(title, elections.decide(message, CHANNEL, self.world.settings))

    def begin(self, title: str, lane: Lane, owner: str) -> Cycle:
        self.world.store.client.set(keys.lock(lane), owner, px=LEASE_MS)
        begun = self.tell(title, lanes.begin(lane, owner))
        return Cycle(lane, owner, begun.seq, entries=list(begun.entries))

    def finish(self, title: str, cycle: Cycle, retry_ms: int | None = None) -> None:
        request = self.fresh()
        call = lanes.finish(cycle.lane, cycle.owner, cycle.seq, retry_ms, request)
        self.tell(title, call)

    def finish_after(self, title: str, cycle: Cycle, commit: str) -> None:
        request = self.fresh()
        call = lanes.finish(
            cycle.lane, cycle.owner, cycle.seq, None, request, after=commit
        )
        self.tell(title, call)

    def claim(self, title: str, holder: floors.Holder, entry: InboxEntry) -> str:
        call = floors.claim(holder, entry, self.world.settings, 50.0)
        return str(self.tell(title, call).token)

    def reserve(
        self, title: str, cycle: Cycle, entry: InboxEntry, token: str, tokens: int = 100
    ) -> None:
        limits, hold = self.world.limits, cycle.hold(entry)
        cost = Cost(tokens, 7)
        call = floors.reserve(
            cycle.holder, entry, token, limits, cost, hold, self.fresh()
        )
        self.tell(title, call)

    def commit(
        self, title: str, cycle: Cycle, entry: InboxEntry, token: str, **more: Any
    ) -> str:
        made = world.decision(cycle, entry, token, hold=cycle.hold(entry), **more)
        limits, settings = self.world.limits, self.world.settings
        request = self.fresh()
        self.tell(title, commits.commit(made, limits, settings, request))
        return request

    def release(
        self, title: str, cycle: Cycle, entry: InboxEntry, token: str, later: bool
    ) -> None:
        call = floors.release(
            cycle.holder, entry, token, later, "no words", self.fresh()
        )
        self.tell(title, call)

    def post(self, bot: str, nth: int, opening: bool = False) -> posts.PostTarget:
        lane, owner = Lane(bot), f"{bot}-posts"
        self.world.store.client.set(keys.lock(lane), owner, px=LEASE_MS)
        holder, entry_id = floors.Holder(lane, owner), f"p:{bot}-{nth}"
        return posts.PostTarget(holder, entry_id, CHANNEL, "7", 50_000, opening)

    def commit_post(
        self, title: str, one: posts.PostTarget, token: str, cooldown: float = 60.0
    ) -> None:
        text = "Been thinking about reefs."
        kind = ActionKind.POST
        action = Action(kind=kind, channel_id=CHANNEL, text=text, tokens=30)
        limits, settings = self.world.limits, self.world.settings
        call = posts.commit(
            one, action, token, "h1", cooldown, limits, settings, self.fresh()
        )
        self.tell(title, call)

    def posted(self, bot: str, nth: int) -> OutboxEntry:
        """A committed post, as a worker reads it."""
        one = self.post(bot, nth)
        limits, settings = self.world.limits, self.world.settings
        claimed = self.tell("the floor is free", posts.claim(one, limits, settings))
        self.commit_post("a post is committed", one, claimed.token)
        entry = self.tell("a worker reads it", outbox.read(one.entry_id))
        assert isinstance(entry, OutboxEntry)
        return entry


def admissions(play: Play) -> None:
    """Messages arrive, also twice, edited, from a bot, in a burst and for several."""
    first, second = world.event("1001"), world.event("1002", author=BOB)
    play.admit("aria hears a message", world.candidate("aria", first, expected=3))
    play.admit("she hears it again", world.candidate("aria", first))
    both = [world.candidate(bot, first, 0.4, expected=3) for bot in ("dotty", "elena")]
    play.admit_all("dotty and elena hear it together, and all have bid", *both)
    play.admit("a message that aria passes", world.candidate("aria", second, None))
    asks = world.direct("aria", second, ("aria",), edited=True)
    play.admit("an edit speaks to her", asks)
    play.admit("the edit comes again", asks)
    named = ("dotty", "aria")
    third = world.event("1003", reply_to="1002")
    play.admit("one names two: dotty", world.direct("dotty", third, named))
    waits = world.direct("aria", third, named, wait_ms=4_000)
    play.admit("and aria, who waits for the rest", waits)
    play.tell("its author types on", thoughts.prolong("1003", 9_000))
    play.tell("nobody waits for another", thoughts.prolong("1099", 9_000))
    play.tell("dotty is spoken to no more", _cancelled("dotty", "1003"))
    play.tell("nor is dotty a second time", _cancelled("dotty", "1003"))
    foreign = world.event("1004", author="700", author_kind="foreign")
    play.admit("another program speaks", world.candidate("aria", foreign))
    play.admit("to her as well", world.direct("dotty", foreign, ("dotty",)))
    held = world.candidate("elena", world.event("1005"), delay_ms=3_000)
    play.admit("a proxy may delete this one", held)
    play.tell("it is deleted", admission.mark_deleted("1005"))
    play.admit("too late for aria", world.candidate("aria", world.event("1005")))
    quiet = world.candidate("aria", world.event("1006"), wakes=False, quiet_ms=9_000)
    play.admit("one is only kept", quiet)
    for number in range(3):
        many = world.event(f"101{number}")
        play.admit("a person asks again", world.direct("aria", many, ("aria",)))
    play.tell("cursors move", _moved("1020", "1021"))
    play.tell("and never back", _moved("1019", "1022"))


def _cancelled(bot: str, message: str) -> Any:
    return admission.cancel(bot, message, CHANNEL, "edit", "her name is out")


def _moved(aria: str, dotty: str) -> Any:
    moves = {("aria", CHANNEL): aria, ("dotty", CHANNEL): dotty}
    return admission.move_cursors(moves)


def unasked(play: Play) -> None:
    """An election is opened, decided, answered by its winner, and by nobody else."""
    for bot, bid in (("aria", 0.9), ("dotty", 0.5)):
        heard = world.candidate(bot, world.event("2001"), bid, expected=3)
        play.admit(f"{bot} bids", heard)
    play.elect("too early", "2001")
    play.world.advance(WINDOW_MS)
    play.elect("aria has it", "2001")
    play.elect("asked again", "2001")
    play.elect("an election that nobody opened", "2099")
    lane = Lane("aria")
    play.tell("who holds no lock begins nothing", lanes.begin(lane, "nobody"))
    cycle = play.begin("aria begins", lane, "w1")
    (entry,) = cycle.entries
    stranger = floors.Holder(lane, "nobody")
    play.claim("who holds no lock gets no floor", stranger, entry)
    token = play.claim("aria has the floor", cycle.holder, entry)
    play.claim("and keeps it", cycle.holder, entry)
    renew = floors.renew(CHANNEL, "aria", "2001", token, 40_000)
    play.tell("she renews it", renew)
    other = floors.renew(CHANNEL, "dotty", "2001", token, 40_000)
    play.tell("dotty renews it not", other)
    play.reserve("her call is paid", cycle, entry, token)
    play.reserve("not with another token", cycle, entry, "0")
    refused = play.commit("nor committed", cycle, entry, "0")
    play.finish_after("nor does it end her cycle", cycle, refused)
    committed = play.commit("a reply is committed", cycle, entry, token)
    play.commit("once", cycle, entry, token)
    play.finish_after("nothing is left to do", cycle, committed)
    play.finish("the lock is gone", cycle)
    play.admit("the next message", world.candidate("aria", world.event("2002")))
    play.world.advance(WINDOW_MS)
    play.elect("aria cools down", "2002")
    play.world.advance(100_000)
    play.elect("later she may", "2002")
    cycle = play.begin("she begins", lane, "w2")
    (entry,) = cycle.entries
    token = play.claim("she claims", cycle.holder, entry)
    play.reserve("she pays", cycle, entry, token)
    play.tell("a silence costs less", _settled(play, cycle.hold(entry)))
    play.tell("and is settled once", _settled(play, cycle.hold(entry)))
    play.release("she says nothing", cycle, entry, token, later=False)
    note = inboxes.note_unanswered(cycle.holder, [entry], "nothing to say")
    play.tell("why is noted", note)
    play.finish("and comes again", cycle, 5_000)


def _settled(play: Play, hold: str) -> Any:
    return holds.settle(hold, play.world.limits, Cost(20, 3), play.fresh())


def asked(play: Play) -> None:
    """Two bots are spoken to by one message, and answer in its order; then another
    waits for the floor."""
    both = ("aria", "dotty")
    said = world.event("3001")
    heard = [world.direct(bot, said, both) for bot in both]
    play.admit_all("both are named", *heard)
    first = play.begin("aria begins", Lane("aria", CHANNEL), "w1")
    second = play.begin("dotty begins", Lane("dotty", CHANNEL), "w2")
    (mine,), (theirs,) = first.entries, second.entries
    play.claim("dotty waits for aria", second.holder, theirs)
    token = play.claim("aria has the floor", first.holder, mine)
    play.claim("dotty still waits", second.holder, theirs)
    play.reserve("aria pays", first, mine, token)
    play.commit("aria answers", first, mine, token)
    play.finish("aria ends", first)
    play.finish("dotty comes again", second, 2_000)
    entry = play.tell("a worker reads it", outbox.read(_entry_of(play, "aria")))
    assert isinstance(entry, OutboxEntry)
    lease = outbox.acquire("aria", CHANNEL, "d", LEASE_MS)
    play.tell("and takes the lease", lease)
    record = outbox.record_delivery(entry, 0, "3900", "sent", DATE)
    play.tell("dotty is next", record)
    play.world.advance(3_000)
    second = play.begin("dotty begins", Lane("dotty", CHANNEL), "w3")
    (theirs,) = second.entries
    token = play.claim("dotty has the floor", second.holder, theirs)
    play.release("dotty comes again", second, theirs, token, later=True)
    token = play.claim("dotty has it again", second.holder, theirs)
    play.release("dotty declines", second, theirs, token, later=False)
    play.finish("dotty ends", second)
    asks = world.direct("aria", world.event("3002"), ("aria",))
    play.admit("another question", asks)
    cycle = play.begin("aria begins", Lane("aria", CHANNEL), "w4")
    play.tell("a stranger removes nothing", _removed(cycle, "nobody"))
    play.tell("it is not for her", _removed(cycle, "w4"))
    play.finish("aria ends", cycle)
    nothing = play.begin("nothing is due", Lane("aria", CHANNEL), "w5")
    assert not nothing.entries
    wake = lanes.wake(Lane("elena"), Context.POLL, 1_000)
    play.tell("elena is polled soon", wake)
    play.tell("a later wake changes nothing", lanes.wake(Lane("elena"), Context.POLL))
    play.world.advance(60_000)
    play.tell("the pump finds her", lanes.sweep(0))
    play.tell("and has patience", lanes.sweep(30_000))


def _entry_of(play: Play, bot: str) -> str:
    found = play.world.store.run(outbox.head(bot, CHANNEL))
    assert found is not None
    return found


def _removed(cycle: Cycle, owner: str) -> Any:
    holder = floors.Holder(cycle.lane, owner)
    return inboxes.remove(holder, cycle.entries, "perceive", "not for me")


def deliveries(play: Play) -> None:
    """A post of two pieces goes out, with a failure between; another is buried and
    sent again."""
    settings = play.world.settings
    entry = play.posted("aria", 1)
    two = entry.model_copy(update={"chunks": ("one", "two")})
    none = outbox.attempt(two, 0, "d", settings, looked=False)
    play.tell("without the lease nothing is sent", none)
    other = two.model_copy(update={"entry_id": "p:other"})
    not_head = outbox.attempt(other, 0, "d", settings, looked=False, take=True)
    play.tell("nor taken by what is not the head", not_head)
    acquire = outbox.acquire("aria", CHANNEL, "d", LEASE_MS)
    play.tell("a worker takes the lease", acquire)
    taken = outbox.acquire("aria", CHANNEL, "other", LEASE_MS)
    play.tell("another does not", taken)
    play.tell("it renews it", outbox.renew("aria", CHANNEL, "d", LEASE_MS))
    play.tell("another cannot", outbox.renew("aria", CHANNEL, "other", LEASE_MS))
    play.tell("where is something to do", outbox.list_due("aria"))
    play.tell("for another bot nowhere", outbox.list_due("dotty"))
    first = outbox.attempt(two, 0, "d", settings, looked=False)
    play.tell("the first piece may go", first)
    play.tell("the first may go again", first)
    play.tell("one is on its way", mutes.count_in_flight())
    failed = outbox.record_failure(two, 0, "d", absent=True)
    play.tell("it failed", failed)
    late = outbox.record_failure(two, 0, "late", absent=True)
    play.tell("a late worker says so too", late)
    play.tell("it goes again", first)
    play.tell("and fails", failed)
    blocked = outbox.note_blocked(two, "no permission")
    play.tell("somebody must mend it", blocked)
    play.tell("that is known", blocked)
    note = refusals.note("aria", CHANNEL, Barred.SEND, "50013", settings)
    play.tell("a refusal is remembered", note)
    play.tell("and listed", refusals.remembered("aria", CHANNEL))
    play.world.advance(600_000)
    play.tell("the lease is over", first)
    play.tell("a worker takes it again", acquire)
    play.tell("and looks", first)
    looked = outbox.attempt(two, 0, "d", settings, looked=True)
    play.tell("it is not there", looked)
    record = outbox.record_delivery(two, 0, "4901", "sent", DATE)
    play.tell("the first piece is there", record)
    play.tell("that is known", record)
    play.tell("nothing to send", first)
    rest = outbox.attempt(two, 1, "d", settings, looked=False)
    play.tell("the second may go", rest)
    done = outbox.record_delivery(two, 1, "4902", "sent", DATE)
    play.tell("and all is there", done)
    play.tell("whose are these", outbox.find_posts(["4901", "4902", "4999"]))
    play.tell("the lease ends", outbox.release("aria", CHANNEL, "d", 0))
    play.tell("and is no longer there", outbox.release("aria", CHANNEL, "d", 0))
    play.world.advance(200_000)
    new = play.posted("dotty", 2)
    leave = outbox.attempt(new, 0, "v", settings, looked=False, take=True)
    play.tell("its lease comes with leave to send", leave)
    play.tell("it is asked for again", leave)
    rival = outbox.attempt(new, 0, "w", settings, looked=False, take=True)
    play.tell("another gets neither", rival)


def letters(play: Play) -> None:
    """Posts that are not sent: buried, retried, expired, muted, put in other words."""
    settings = play.world.settings
    entry = play.posted("aria", 1)
    bury = outbox.dead_letter(entry, "dead", "refused")
    play.tell("it cannot be sent", bury)
    play.tell("that is known", bury)
    play.tell("an operator tries again", outbox.retry(entry))
    play.tell("it is no dead letter now", outbox.retry(entry))
    play.world.advance(60_000)
    play.tell(
        "a worker takes the lease", outbox.acquire("aria", CHANNEL, "d", LEASE_MS)
    )
    mute = keys.mute_by_operator("bot:aria")
    play.world.store.client.set(mute, "op")
    attempt = outbox.attempt(entry, 0, "d", settings, looked=False)
    play.tell("aria is muted", attempt)
    play.tell("who muted her", mutes.read(mute))
    play.tell("a moderator lifts no operator's mute", mutes.lift("bot:aria"))
    play.world.store.client.delete(mute)
    other = outbox.signed(entry.model_copy(update={"chunks": ("other",)}), settings)
    ways = {"absent": True, "worded": True}
    strange = outbox.replace(entry, other, 0, "late", "words", **ways)
    play.tell("a late worker changes no words", strange)
    replace = outbox.replace(entry, other, 0, "d", "words", **ways)
    play.tell("other words", replace)
    play.world.advance(int(settings.deliver_by * 1000))
    play.tell("the retried has no hour", attempt)
    play.tell("release for later", outbox.release("aria", CHANNEL, "d", 5_000))
    play.tell("due in a while", outbox.list_due("aria"))
    play.tell("dropped on purpose", outbox.dead_letter(entry, "expired", "too old"))
    play.world.advance(200_000)
    late = play.posted("dotty", 2)
    play.world.advance(int(settings.deliver_by * 1000) + 1_000)
    taken = outbox.attempt(late, 0, "d", settings, looked=False, take=True)
    play.tell("what is too old takes no lease", taken)
    lease = outbox.acquire("dotty", CHANNEL, "d", LEASE_MS)
    play.tell("a worker comes late", lease)
    old = outbox.attempt(late, 0, "d", settings, looked=False)
    play.tell("it is too old", old)
    play.tell("its subject is deleted", admission.mark_deleted(late.entry_id))
    play.tell("it is cancelled", old)
    play.tell("an entry that is gone", outbox.read("p:gone"))


def openings(play: Play) -> None:
    """Posts that answer nobody: claimed, paid, refused, and quiet after each other."""
    limits, settings = play.world.limits, play.world.settings
    one = play.post("aria", 1, opening=True)
    claim = posts.claim(one, limits, settings)
    token = play.tell("the room is empty", claim).token
    play.tell("she keeps the floor", claim)
    zombie = play.post("dotty", 1, opening=True)
    other = posts.claim(zombie, limits, settings)
    play.tell("dotty waits", other)
    quiet = posts.measure_quiet("aria", [CHANNEL, "66"])
    play.tell("how quiet it is", quiet)
    cost = Cost(90, 9)
    reserve = posts.reserve(one, token, limits, cost, "h1", play.fresh())
    play.tell("she pays", reserve)
    again = posts.reserve(one, token, limits, cost, "h2", play.fresh())
    play.tell("and pays for a second call", again)
    play.commit_post("another token posts nothing", one, "0")
    play.commit_post("it is committed", one, token)
    play.commit_post("once", one, token)
    play.tell("dotty waits for its delivery", other)
    play.tell("it was posted", claim)
    play.world.advance(200_000)
    play.tell("nobody has spoken since", other)
    play.admit(
        "a person speaks",
        world.candidate("elena", world.event(play.written_now()), None),
    )
    play.tell("it is too soon", other)
    play.tell("how quiet it is", quiet)
    play.world.advance(50_000)
    token = play.tell("dotty may", other).token
    release = posts.release(zombie, token, "no idea", play.fresh())
    play.tell("and has nothing to say", release)
    play.tell("the floor is free", release)


def money(play: Play) -> None:
    """Budgets of a day, a root, a person and a channel: booked, settled, refused."""
    limits = play.world.limits
    for nth in (1, 2, 3):
        call = holds.reserve_own("aria", limits, Cost(60, 5), f"h{nth}", play.fresh())
        play.tell("a call outside of a channel", call)
    play.tell("it cost less", holds.settle("h1", limits, Cost(10, 1), play.fresh()))
    play.tell("it cost more", holds.settle("h2", limits, Cost(90, 1), play.fresh()))
    play.tell("no such hold", holds.settle("h9", limits, Cost(1, 1), play.fresh()))
    day = play.world.today()
    counts = {"posts": "2", "tokens": "70"}
    play.tell("counts come back", brakes.restore_budget("dotty", day, counts))
    lower = {"posts": "3", "tokens": "60"}
    play.tell("where they were lower", brakes.restore_budget("dotty", day, lower))
    play.tell("the first that changed", brakes.changed(day, 0, 1))
    play.tell("all that changed", brakes.changed(day, 0, 9))
    bid = world.candidate("dotty", world.event("6001"))
    play.admit("dotty has posted enough", bid)
    asks = [world.direct("elena", world.event(f"601{n}"), ("elena",)) for n in range(4)]
    for ask in asks:
        play.admit("a person asks", ask)
    cycle = play.begin("elena begins", Lane("elena", CHANNEL), "w1")
    entry = cycle.entries[0]
    token = play.claim("elena has the floor", cycle.holder, entry)
    play.reserve("it would cost too much", cycle, entry, token, 5_000)
    play.reserve("less is allowed", cycle, entry, token, 50)
    play.commit("but cost more", cycle, entry, token, tokens=120)
    play.finish("elena ends", cycle, 0)


def memory(play: Play) -> None:
    """What bots keep: memories, trust, shares, nights, names, conversations."""
    play.tell("a fact", memories.put("aria", f"person:{ALICE}", {"a": "1", "b": "2"}))
    play.tell("a newer one", memories.put("aria", f"person:{ALICE}", {"a": "3"}))
    play.tell("of another", memories.put("aria", f"person:{BOB}", {"c": "4"}))
    play.tell("a line is said", memories.reserve_line("aria", "hello"))
    play.tell("not twice", memories.reserve_line("aria", "hello"))
    touch = memories.touch_conversation("aria", CHANNEL, 30_000)
    play.tell("they talk", touch)
    play.tell("they still do", memories.pop_ended_conversations())
    play.world.advance(31_000)
    play.tell("they have ended", memories.pop_ended_conversations())
    for points in (2, 50, -1):
        add = trusts.add("aria", ALICE, points, play.fresh())
        play.tell(f"{points} points", add)
    play.tell("the request comes again", add)
    play.tell("so many", trusts.some("aria", [ALICE, BOB]))
    for sign in (Sign.LIKED, Sign.TOLD_OFF):
        note = receptions.note("aria", CHANNEL, ALICE, sign, play.fresh())
        play.tell(f"{sign}", note)
    play.tell("that sign comes again", note)
    play.tell("elsewhere", receptions.note("aria", "66", BOB, Sign.LIKED, play.fresh()))
    shares = {f"{CHANNEL}:{ALICE}": "{}", f"{CHANNEL}:{BOB}": "{}"}
    play.tell("shares come back", receptions.restore("aria", shares))
    play.tell("a channel begins anew", receptions.reset("aria", CHANNEL))
    play.tell("all begin anew", receptions.reset("aria"))
    dream = ("aria", Night.DREAM, DATE)
    play.tell("a dream", nights.claim(*dream, "w1"))
    play.tell("another is busy", nights.claim(*dream, "w2"))
    play.tell("the other writes nothing", nights.write(*dream, "w2", "sheep"))
    play.tell("it is written", nights.write(*dream, "w1", "sheep"))
    play.tell("once", nights.claim(*dream, "w1"))
    diary = ("aria", Night.DIARY, DATE)
    play.tell("a diary", nights.claim(*diary, "w1"))
    play.tell("without words", nights.write(*diary, "w1", ""))
    play.tell("learned", memories.learn_up_to("aria", CHANNEL, "9"))
    play.tell("names", names.learn("7", {ALICE: "Alice", BOB: "Bob"}))
    play.tell("one is forgotten", names.learn("7", {CHANNEL: "reefs"}, [BOB]))
    play.tell("a vault", vault.publish("aria", "sealed", "{}", "{}", "{}"))
    play.tell("sealed anew", vault.reseal("aria", "sealed", "again"))
    play.tell("only what was known", vault.reseal("aria", "sealed", "third"))


def lines(play: Play) -> None:
    """The journal, leases, sessions, the generation and marks."""
    entry = ("7001", "aria", "plan", "observe", "nothing new")
    play.tell("a line", journal.append(*entry, {"score": 1}))
    play.tell("it repeats", journal.append(*entry, {"score": 2}))
    play.tell("merged", journal.merge(*entry, {"more": 3}))
    other = ("7001", "dotty", "commit", "committed", "said")
    play.tell(
        "another line", journal.append(*other, {}, journal.Budget(CHANNEL, 2_000))
    )
    play.tell(
        "more is said there", journal.append(*other, {}, journal.Budget(CHANNEL, 2_000))
    )
    newer = ("7002", "dotty", "commit", "committed", "x" * 100)
    for _ in range(3):
        big = journal.append(*newer, {}, journal.Budget(CHANNEL, 700))
        play.tell("the oldest goes", big)
    lease = keys.delivery("aria", "66")
    play.tell("a lease", leases.acquire(lease, "me", LEASE_MS))
    play.tell("is mine", leases.acquire(lease, "me", LEASE_MS * 2))
    play.tell("and nobody else's", leases.acquire(lease, "you", LEASE_MS))
    play.tell("renewed", leases.renew(lease, "me", LEASE_MS * 3))
    play.tell("not by others", leases.renew(lease, "you", LEASE_MS))
    play.tell("nor released", leases.release(lease, "you"))
    play.tell("released", leases.release(lease, "me"))
    for nth in (1, 2, 2):
        at_ms = play.world.time + nth
        play.tell("a session", identifies.note("aria", f"s{nth}", at_ms))
    play.tell("all is well", brakes.look(["aria"]))
    play.tell("the generation stays", brakes.begin("newer", 1_000))
    play.world.store.client.delete(keys.GENERATION)
    play.tell("the generation is gone", brakes.look(["aria"]))
    play.tell("a new one is proposed", brakes.begin("newer", 1_000))
    play.world.advance(2_000)
    play.tell("and begins", brakes.begin("newer", 1_000))
    play.tell("a person is forgotten", wishes.mark_forgotten("ann"))
    marks = {"ann": play.world.time - 9, "bob": play.world.time}
    play.tell("marks come back", brakes.restore_forgotten(marks))
    stop = mutes.stop("channel:55", "mod", LEASE_MS)
    play.tell("a moderator mutes", stop)
    play.tell("which is remembered", mutes.remember("channel:55"))
    play.tell("what is muted", mutes.list_standing())
    play.tell("and lifts it", mutes.lift("channel:55"))
    play.tell("it has ended", mutes.lift("channel:55"))
    play.tell("nothing is muted", mutes.list_standing())


Chapter = Callable[[Play], None]
SMALL = {"daily_tokens": 200, "daily_posts": 2, "person_hourly": 2, "root_posts": 2}
CHAPTERS: Mapping[str, tuple[Chapter, Mapping[str, Any]]] = {
    "admissions": (admissions, {"person_hourly": 3}),
    "unasked": (unasked, {}),
    "asked": (asked, {}),
    "deliveries": (deliveries, {"deliver_by": 3_600}),
    "letters": (letters, {"quiet_time": 0, "cooldown": 0}),
    "openings": (openings, {}),
    "money": (money, SMALL),
    "memory": (memory, {}),
    "lines": (lines, {}),
    **chapters_refused.CHAPTERS,
    **chapters_edges.CHAPTERS,
    **chapters_heard.CHAPTERS,
    **chapters_kept.CHAPTERS,
    **chapters_sent.CHAPTERS,
    **chapters_states.CHAPTERS,
    **chapters_waits.CHAPTERS,
}


def told(
    store: Any, chapters: Mapping[str, Any] = CHAPTERS
) -> Iterator[tuple[str, str]]:
    """Each chapter's name and text."""
    for name, (chapter, settings) in chapters.items():
        play = Play(store, settings)
        chapter(play)
        yield name, play.text
