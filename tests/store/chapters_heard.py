"""Further stories: what becomes of a message that bots hear, at each of its bounds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from app.domain.lane import Lane
from app.domain.model import AuthorKind, EarlierLine
from app.store import admission, keys, thoughts
from tests.store import world
from tests.store.states import CHANNEL, HOUR_MS, next_ms, write
from tests.store.world import ALICE, BOB, STEP_MS

if TYPE_CHECKING:
    from tests.store.chapters import Play

CAROL = "903"
MINUTE_MS = 60_000


def heard_again(play: Play) -> None:
    """A message is heard once, though its answer was lost; an edit may speak to a bot
    anew."""
    client = play.world.store.client
    limits, settings = play.world.limits, play.world.settings
    said = world.event("9701")
    ask = world.direct("aria", said, ("aria",), wait_ms=1)
    call = admission.admit(ask, "once", limits, settings)
    play.tell("aria is asked", call)
    play.tell("the answer was lost", call)
    write(play, keys.seen("9702"), aria=" 0 1-1 r")
    bid = world.candidate("aria", world.event("9702"), delay_ms=1)
    play.admit("read from an election alone", bid)
    answer = keys.answer("9703")
    for state in ("declined", "cancelled", "committed:1", "joined:9701"):
        for was_asked in (False, True):
            client.delete(answer, keys.seen("9703", "edit"), keys.seen("9703"))
            said = world.event("9703")
            ask = world.direct("aria", said, ("aria",))
            play.admit(
                "aria hears it", ask if was_asked else world.candidate("aria", said)
            )
            write(play, answer, aria=state)
            edit = world.direct("aria", said, ("aria",), edited=True)
            play.admit(f"an edit speaks to her, who has {state}", edit)
            play.admit("another edit", edit)
    reaction = world.event("9703", kind="reaction")
    play.admit("reactions burst", world.candidate("aria", reaction, 0.9))


def heard_in_numbers(play: Play) -> None:
    """A person has so many answers an hour, and so many messages may wait."""
    client, limits = play.world.store.client, play.world.limits

    def ask(title: str, message: str, author: str = ALICE) -> None:
        said = world.event(message, author=author)
        play.admit(title, world.direct("aria", said, ("aria",)))

    hour = keys.person_hour("aria", ALICE)
    for asked in (limits.person_hourly - 1, limits.person_hourly):
        client.set(hour, asked, px=HOUR_MS)
        ask(f"alice has asked {asked} times", f"971{asked}")
    for asked in (2 * limits.person_hourly - 1, 2 * limits.person_hourly):
        client.set(hour, asked, px=HOUR_MS)
        ask(f"alice has asked {asked} times", f"972{asked}")
    said = world.event("9730", author=ALICE, author_kind=AuthorKind.FOREIGN)
    write(play, keys.cause("9730"), root="9710", hops=1)
    write(play, keys.cause_root("9710"), posts=1)
    play.admit("a program has no hour", world.direct("aria", said, ("aria",)))
    client.delete(keys.inbox(Lane("aria", CHANNEL)), keys.turns(CHANNEL))
    for number in range(3):
        ask("bob asks", f"974{number}", BOB)
    client.set(keys.person_hour("aria", BOB), limits.person_hourly, px=HOUR_MS)
    ask("he has asked too much, and many wait", "9743", BOB)
    client.delete(keys.person_hour("aria", BOB))
    ask("he waits already", "9744", BOB)
    write(play, keys.turns(CHANNEL), **{"#now": 2})
    ask("his first was answered", "9745", BOB)
    ask("carol asks", "9746", CAROL)
    ask("one asks where half as many again wait", "9747", "904")


def heard_and_refused(play: Play) -> None:
    """Bids that are none, elections that are over, mutes and budgets."""
    client, day = play.world.store.client, play.world.today()
    limits = play.world.limits
    bots = ("aria", "dotty", "elena")
    for number, score in enumerate((float("inf"), float("-inf"), float("nan"))):
        heard = world.candidate("aria", world.event(f"975{number}"))
        assert heard.bid is not None
        wild = heard.bid.model_copy(update={"score": score})
        changed = admission.AdmissionRequest(
            "aria", heard.event, heard.classified, wild
        )
        play.admit(f"{score} is no bid", changed)
    for number, state in enumerate(("granted", "joined", "left")):
        election = keys.election(f"976{number}")
        write(play, election, state=state, expected=2, counted=1)
        late = world.candidate("aria", world.event(f"976{number}"))
        play.admit(f"the election is {state}", late)

    def all_hear(title: str, message: str) -> None:
        said = world.event(message)
        play.admit_all(title, *(world.candidate(bot, said) for bot in bots))

    for scope in ("bot:dotty", "channel:55", "guild:7", "all"):
        client.set(keys.mute(scope), "mod " * 40)
        all_hear(f"{scope} is muted", f"977{len(scope)}")
        client.delete(keys.mute(scope))
    client.set(keys.mute_by_operator("bot:elena"), "op")
    all_hear("the operator mutes elena", "9776")
    client.delete(keys.mute_by_operator("bot:elena"))
    spent = (("tokens", limits.daily_tokens), ("micro_usd", limits.daily_micro_usd))
    for field, most in spent:
        write(play, keys.budget("aria", day), **{field: most})
        all_hear(f"aria has spent all her {field}", f"978{most}")
        client.hset(keys.budget("aria", day), field, str(most + 1))
        all_hear("and more", f"979{most}")
        client.delete(keys.budget("aria", day))
    write(play, keys.cause_root("9780"), posts=99, tokens=limits.root_tokens)
    all_hear("a person's message may be heard though its root is spent", "9780")
    write(play, keys.budget("aria", day), posts=limits.daily_posts)
    write(play, keys.cause("9781"), root="9770", hops=1)
    write(play, keys.cause_root("9770"), posts=1)
    said = world.event("9781", author="700", author_kind=AuthorKind.FOREIGN)
    play.admit("her day is spent for bots too", world.candidate("aria", said))


def thoughts_joined(play: Play) -> None:
    """A thought in several lines has one election: that of its last line."""
    client = play.world.store.client
    states: Mapping[str, Mapping[str, str]] = {
        "9801": {"state": "open"},
        "9802": {"state": "granted"},
        "9803": {"state": "open", "addressed": "1"},
    }
    for message, fields in states.items():
        write(play, keys.election(message), **fields)
        client.zadd(keys.ELECTIONS_DUE, {message: next_ms(play)})
    lines = tuple(
        EarlierLine(message_id=message, content="x") for message in (*states, "9804")
    )
    said = world.event("9805", earlier=lines)
    first = world.candidate("aria", said, None, joins=True)
    second = world.candidate("dotty", said, joins=False)
    third, fourth = (
        world.candidate(bot, said, joins=True) for bot in ("elena", "faye")
    )
    play.admit_all("aria does not care, dotty takes it alone", first, second)
    play.admit_all("elena and faye join", third, fourth)
    later = world.event("9806", earlier=lines[:1], reply_to="9804")
    play.admit("nobody has answered", world.candidate("aria", later, trails=True))
    write(play, keys.answer("9801"), aria="cancelled")
    asks = world.direct("aria", world.event("9807", earlier=lines[:1]), ("aria",))
    play.admit("her answer was cancelled", asks)


def typing(play: Play) -> None:
    """Who types holds an election that is not due yet, and only for longer."""
    client, due = play.world.store.client, keys.ELECTIONS_DUE
    write(play, keys.election("9808"), state="open")
    for title, due_in in (("now", 0), ("just then", 5_000), ("before", 4_999)):
        client.delete(keys.thought("9808"))
        client.zadd(due, {"9808": next_ms(play) + due_in})
        client.pexpire(due, HOUR_MS)
        play.tell(f"it is due {title}", thoughts.prolong("9808", 5_000))
    play.tell("the same again", thoughts.prolong("9808", 5_000 - STEP_MS))


def held_for_a_proxy(play: Play) -> None:
    """An election is held while a proxy may replace its message, and complete before
    that all the same."""
    said = world.event("9811")
    bots = ("aria", "dotty", "elena")
    held = [
        world.candidate(bot, said, delay_ms=3_000, expected=2, quiet_ms=9)
        for bot in bots
    ]
    play.admit_all("two of two have bid", *held[:2])
    play.admit("one more than was known", held[2])
    said = world.event("9812")
    for bot in bots[:2]:
        heard = world.candidate(bot, said, expected=2, delay_ms=30_000)
        play.admit(f"{bot} bids, and waits for longer than the window", heard)
    write(play, keys.election("9814"), addressed="5")
    asks = world.direct("aria", world.event("9814"), ("aria",))
    play.admit("it was addressed before it had a turn", asks)
    write(play, keys.answer("9813"), elena="declined")
    heard = world.candidate("aria", world.event("9813"))
    play.admit("it is settled", heard)


def heard_in_order(play: Play) -> None:
    """What a channel learns of who spoke last, and of what a bot's message goes back
    to."""
    client = play.world.store.client

    def at(minutes: float) -> str:
        """An id of so many minutes from noon."""
        return str(int(play.written_now()) + (int(minutes * MINUTE_MS) << 22))

    both = ("aria", "dotty")

    def hear(title: str, message: str, **more: Any) -> None:
        said = world.event(message, **more)
        play.admit_all(title, *(world.candidate(bot, said, None) for bot in both))

    hear("at ten past", at(10))
    hear("at ten to", at(50))
    hear("in the next hour, bob answers", at(65), author=BOB, reply_to="1")
    hear("what was said before comes late", at(64), author=BOB, reply_to="1")
    hear("nobody knows what a bot answers", at(66), author="700", author_kind="foreign")
    write(play, keys.cause("2"), root="9821", hops=2)
    foreign: dict[str, Any] = {"author": "700", "author_kind": "foreign"}
    hear("it answers a bot", at(67), reply_to="2", **foreign)
    client.delete(keys.last_human(CHANNEL))
    hear("nobody has spoken", at(68), **foreign)
    ours = world.event(at(69), author="701", author_kind=AuthorKind.OURS)
    play.admit("ours is not known", world.candidate("aria", ours, author_bot="dotty"))
    flight = keys.cause_in_flight("dotty", CHANNEL)
    write(play, flight, root="9822", hops=3)
    write(play, keys.cause_root("9822"), posts=1)
    ours = world.event(at(70), author="701", author_kind=AuthorKind.OURS)
    play.admit("ours is in flight", world.candidate("aria", ours, author_bot="dotty"))
    write(play, keys.cause(at(71)), root="9823")
    ours = world.event(at(71), author="701", author_kind=AuthorKind.OURS)
    play.admit("it is known", world.candidate("aria", ours, author_bot="dotty"))


NUMBERS = {"person_hourly": 4, "direct_waiting": 2, "quiet_posts": 1}
CHAPTERS: Mapping[str, tuple[Any, Mapping[str, Any]]] = {
    "heard_again": (heard_again, {}),
    "heard_in_numbers": (heard_in_numbers, NUMBERS),
    "heard_and_refused": (heard_and_refused, {}),
    "thoughts_joined": (thoughts_joined, {}),
    "typing": (typing, {}),
    "held_for_a_proxy": (held_for_a_proxy, {}),
    "heard_in_order": (heard_in_order, {}),
}
