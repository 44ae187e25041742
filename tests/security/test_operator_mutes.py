"""A mute by the operator is lifted by the operator alone."""

from __future__ import annotations

import pytest

from app.domain.errors import ConfigurationError
from app.domain.lane import Lane
from app.domain.model import Event
from app.domain.settings import Settings
from app.domain.verdicts import Admit, Elect
from app.operator import ops
from app.store import admission, journal, keys, mutes
from app.store.door import Store
from app.store.elections import decide
from tests.cli.commands import run
from tests.store import world
from tests.store.world import World

CHANNEL = "55"


def asked(w: World, message: str) -> Admit:
    """Somebody speaks to a bot in the channel."""
    said = world.event(message)
    assert said.channel_id == CHANNEL
    return direct(w, "aria", said)


def direct(w: World, bot: str, said: Event) -> Admit:
    """What becomes of a message that speaks to a bot."""
    candidate = world.direct(bot, said, (bot,))
    admitted = admission.admit(candidate, said.message_id + bot, w.limits, w.settings)
    return w.store.run(admitted).verdict


@pytest.mark.parametrize("scope", ["all", f"channel:{CHANNEL}", "bot:aria"])
def test_a_moderators_go_on_lifts_no_operators_mute(store: Store, scope: str) -> None:
    """The channel stays silent, the moderator is told apart, and the journal names who
    muted."""
    w = World(store)
    store.run(mutes.mute(scope, "operator"))
    store.run(mutes.stop(f"channel:{CHANNEL}", "moderator 77"))
    stands = scope != f"channel:{CHANNEL}"
    assert store.run(mutes.lift(f"channel:{CHANNEL}")) is stands
    assert asked(w, "1") is Admit.MUTED
    assert [line.reason for line in store.run(journal.read("1"))] == [
        f"mute:op:{scope} by operator"
    ]


def test_a_stop_may_be_limited_in_time(store: Store) -> None:
    """It then ends by itself; without a time it holds until a moderator says go on."""
    name = keys.mute(f"channel:{CHANNEL}")
    store.run(mutes.stop(f"channel:{CHANNEL}", "moderator 77", 60_000))
    assert 0 < store.client.pttl(name) <= 60_000
    store.run(mutes.stop(f"channel:{CHANNEL}", "moderator 77"))
    assert store.client.pttl(name) == -1


def test_an_operators_unmute_lifts_both(store: Store) -> None:
    """The operator stands above a moderator."""
    w = World(store)
    store.run(mutes.stop(f"channel:{CHANNEL}", "moderator 77"))
    assert asked(w, "1") is Admit.MUTED
    assert [line.reason for line in store.run(journal.read("1"))] == [
        f"mute:channel:{CHANNEL} by moderator 77"
    ]
    assert store.run(mutes.unmute(f"channel:{CHANNEL}"))
    assert asked(w, "2") is Admit.DIRECT


def test_the_command_line_names_who_muted(store: Store, redis_url: str) -> None:
    """`mutes` lists both kinds; what another program wrote is a mute of nobody known,
    and no escape of it is obeyed."""
    store.run(mutes.mute("all", "operator\x1b[2J", 3_600_000))
    store.run(mutes.stop(f"channel:{CHANNEL}", "moderator 77"))
    store.client.hset(keys.mute_by_operator("bot:aria"), "by", "me")
    shown = run("mutes", STREAM_REDIS_URL=redis_url).stdout
    rows = [
        [cell.strip() for cell in line.strip("│").split("│")]
        for line in shown.splitlines()
        if line.startswith("│")
    ]
    assert [row[:2] for row in rows] == [
        ["bot:aria", "nobody knows"],
        ["all", "operator\\x1b[2J"],
        [f"channel:{CHANNEL}", "moderator 77"],
    ]
    assert [row[2] for row in rows] == ["for good", rows[1][2], "for good"]
    assert rows[1][2] in {"1 h 0 min more", "59 min more"}
    store.run(mutes.unmute("all"))
    store.run(mutes.unmute(f"channel:{CHANNEL}"))
    store.run(mutes.unmute("bot:aria"))
    assert run("mutes", STREAM_REDIS_URL=redis_url).stdout == "Mutes: nothing.\n"


@pytest.mark.parametrize("scope", ["all", f"channel:{CHANNEL}", "bot:aria", "guild:7"])
def test_an_election_asks_for_both_mutes(store: Store, scope: str) -> None:
    """Nobody is elected under an operator's mute that came while the election was
    open."""
    w = World(store)
    said: Event = world.event("1").model_copy(update={"guild_id": "7"})
    store.run(
        admission.admit(world.candidate("aria", said, 0.5), "1", w.limits, w.settings)
    )
    store.run(mutes.mute(scope, "operator"))
    assert store.run(decide("1", CHANNEL, w.settings)).verdict is not Elect.GRANTED
    assert not store.client.exists(keys.floor(CHANNEL))


def test_what_is_no_text_silences_all_the_same(store: Store) -> None:
    """A mute that another program wrote in another shape is a mute."""
    w = World(store)
    store.client.hset(keys.mute_by_operator("all"), "by", "me")
    assert asked(w, "1") is Admit.MUTED
    assert not store.client.exists(keys.inbox(Lane("aria")))


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("bot:elana",), "No bot is named elana; elena was meant?"),
        (("bot:nobody",), "No bot is named nobody; known: aria, dotty, elena"),
        (("all", "--for", "0s"), "--for: a duration is at least a second"),
        (("all", "--for", "99999999d"), "--for: a duration ends within ten years"),
        (("all", "--for", "-2h"), "--for: a duration is a number"),
        (("all", "--in", "channel:5"), "only a bot is muted in a channel"),
        (("bot:elena", "--in", "general"), "--in takes channel:ID"),
        (("bot:elena@guild:5",), "A scope is all"),
    ],
)
def test_a_mute_that_silences_nobody_is_refused(
    store: Store, redis_url: str, words: tuple[str, ...], line: str
) -> None:
    """A slip in a name, no time, a place that is none: one line, and nothing is
    muted."""

    def mute() -> bool:
        scope = ops.scope_in(words[0], words[2] if "--in" in words else None)
        for_ = words[2] if "--for" in words else None
        return ops.mute(scope, Settings(redis_url=redis_url), for_)

    with pytest.raises(ConfigurationError) as refused:
        mute()
    assert line in str(refused.value)
    assert not list(store.client.scan_iter("mute:*"))


def test_a_bot_is_muted_in_a_channel_and_its_threads(
    store: Store, redis_url: str
) -> None:
    """It is silent there alone, the others speak; the same words end it."""
    w = World(store)
    muted = run(
        *("mute", "bot:aria", "--in", f"channel:{CHANNEL}", "--for", "2h"),
        STREAM_REDIS_URL=redis_url,
    )
    assert muted.stdout == f"Muted: bot:aria@channel:{CHANNEL} for 2h\n", muted.stderr
    assert asked(w, "1") is Admit.MUTED
    thread = world.event("2").model_copy(
        update={"channel_id": "66", "parent_id": CHANNEL}
    )
    assert direct(w, "aria", thread) is Admit.MUTED
    elsewhere = world.event("3").model_copy(update={"channel_id": "77"})
    assert direct(w, "aria", elsewhere) is Admit.DIRECT
    assert direct(w, "dotty", world.event("4")) is Admit.DIRECT
    ended = run(
        *("unmute", "bot:aria", "--in", f"channel:{CHANNEL}"),
        STREAM_REDIS_URL=redis_url,
    )
    assert ended.stdout.startswith("Unmuted: ")
    assert asked(w, "5") is Admit.DIRECT
