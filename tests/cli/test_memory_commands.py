"""What an operator asks about people, as they type it."""

from __future__ import annotations

import time

import pytest

from app.brain.embeddings import LangChainEncoder, Words
from app.brain.facts import read_facts
from app.brain.memory import Moment, learn, remember
from app.domain.model import DISCORD_EPOCH_MS, Event, InboxEntry, RosterEntry, Signal
from app.rules.reception import Sign
from app.store import receptions, roster, trusts, wishes
from app.store.door import Store
from app.worker.memory_store import RedisMemory
from tests.cli.commands import Finished, run

PERSON = "4100000000000000001"
LATELY = str((int(time.time() * 1000) - DISCORD_EPOCH_MS) << 22)
"""The id of a message of now: older ones are not kept for ever."""


def met(store: Store) -> None:
    """Elena and aria have met Kim, who told elena something."""
    memory = RedisMemory(store, LangChainEncoder(Words))
    event = Event(
        message_id=LATELY,
        channel_id="55",
        guild_id="7",
        author_id=PERSON,
        author_name="Kim",
        content="I live in Bergen [b] \x1b]52;c;cm0=\x07",
    )
    for bot in ("elena", "aria"):
        entry = InboxEntry(entry_id="1-0", event=event, signal=Signal.DIRECT)
        remember(memory, bot, "99", bot.title(), Moment(entry, "Do you swim?"))
        store.run(trusts.add(bot, PERSON, 5, f"r{bot}"))
    (fact,) = read_facts("I live in Bergen", event.message_id)
    learn(memory, "elena", PERSON, fact, {"name": "Kim", "channel": "55", "guild": "7"})


def test_show_trust_and_forget(store: Store, redis_url: str) -> None:
    """What is remembered can be seen, per bot too; after `forget` nothing is, and the
    person's wish is kept."""
    met(store)
    shown = run("memory", "show", f"<@{PERSON}>", STREAM_REDIS_URL=redis_url).stdout
    assert [
        text in shown
        for text in ("lives in Bergen", "I live in Bergen [b]", "Do you swim?", "aria")
    ] == [True] * 4
    assert "\x1b" not in shown
    assert (
        "aria"
        not in run(
            "memory", "show", PERSON, "--bot", "elena", STREAM_REDIS_URL=redis_url
        ).stdout
    )
    table = run("trust", STREAM_REDIS_URL=redis_url).stdout
    assert table.count("Kim") == 2
    assert PERSON in table
    forgotten = run("memory", "forget", PERSON, "--opt-out", STREAM_REDIS_URL=redis_url)
    assert forgotten.returncode == 0, forgotten.stderr
    assert forgotten.stdout.startswith("Forgotten: ")
    for command in (("memory", "show", PERSON), ("trust",)):
        assert "Kim" not in run(*command, STREAM_REDIS_URL=redis_url).stdout
    assert store.run(wishes.opted_out([wishes.digest(PERSON)])) == (True,)


def test_where_there_is_nothing_a_sentence_says_so(
    store: Store, redis_url: str
) -> None:
    """No empty table and no silence; a mute for a name that nobody has is refused, as it
    silences nobody."""
    for words, sentence in (
        (("trust",), "Trust: nothing."),
        (("memory", "show", PERSON), f"Remembered of {PERSON}: nothing."),
        (("outbox",), "Nothing waits, and no dead letters."),
        (("outbox", "--dead"), "No dead letters."),
    ):
        result = run(*words, STREAM_REDIS_URL=redis_url)
        assert result.returncode == 0
        assert (result.stdout + result.stderr).strip() == sentence
    store.run(roster.enlist(RosterEntry(bot="elena", user_id="99", names=("elena",))))
    slip = run("mute", "bot:elana", "--for", "5s", STREAM_REDIS_URL=redis_url)
    assert slip.stderr == "the-stream: No bot is named elana; elena was meant?\n"
    assert slip.returncode == 2
    assert (
        run("mute", "bot:elena", "--for", "5s", STREAM_REDIS_URL=redis_url).stderr == ""
    )


@pytest.mark.parametrize("text", ["3", "<@3>", "12345678901234"])
def test_what_is_too_short_for_an_id_forgets_nobody(
    store: Store, redis_url: str, text: str
) -> None:
    """Each whole number of that value would go, in trust, journals and budgets."""
    met(store)
    before = store.run(trusts.everyone("elena"))
    forgotten = run("memory", "forget", text, STREAM_REDIS_URL=redis_url)
    assert forgotten.returncode == 2
    assert "give the user id" in forgotten.stderr
    assert store.run(trusts.everyone("elena")) == before


@pytest.mark.parametrize(
    "words", [("memory", "show", PERSON), ("trust",), ("reception",)]
)
def test_a_slip_in_a_bots_name_is_told(
    store: Store, redis_url: str, words: tuple[str, ...]
) -> None:
    """It looked as if the bot knew nobody. One that was let go is known as long as it
    remembers anybody."""
    met(store)
    slip = run(*words, "--bot", "elana", STREAM_REDIS_URL=redis_url)
    assert slip.stderr == "the-stream: No bot is named elana; elena was meant?\n"
    assert slip.returncode == 2
    assert run(*words, "--bot", "elena", STREAM_REDIS_URL=redis_url).returncode == 0


def test_reception_is_shown_and_reset(store: Store, redis_url: str) -> None:
    """Bits by bot and channel; a reset of one channel leaves the others."""
    for place in range(30):
        for channel in ("55", "66"):
            store.run(
                receptions.note(
                    "elena", channel, PERSON, Sign.DISLIKED, f"r{channel}{place}"
                )
            )
    shown = run("reception", STREAM_REDIS_URL=redis_url).stdout
    assert shown.count("elena") == 2
    assert shown.count("-0.39") == 2
    gone = run("reception", "--reset", "--channel", "55", STREAM_REDIS_URL=redis_url)
    assert gone.stdout.startswith("Forgotten: 1 shares.")
    left = run("reception", "--bot", "elena", STREAM_REDIS_URL=redis_url).stdout
    assert "66" in left
    assert "55" not in left


def test_a_person_is_found_by_name(store: Store, redis_url: str) -> None:
    """One command forgets a person by the name that one alone has, in any case; a name
    of two people, and an unknown one, changes nothing and says what to give."""
    met(store)

    def ask(verb: str, person: str) -> Finished:
        return run("memory", verb, person, STREAM_REDIS_URL=redis_url)

    unknown = ask("forget", "Kimberley")
    assert (unknown.returncode, "user id" in unknown.stderr) == (2, True)
    memory = RedisMemory(store, LangChainEncoder(Words))
    event = Event(
        message_id=str(int(LATELY) + 1),
        channel_id="55",
        guild_id="7",
        author_id="4100000000000000002",
        author_name="Kim",
        content="So do I",
    )
    entry = InboxEntry(entry_id="2-0", event=event, signal=Signal.DIRECT)
    remember(memory, "elena", "99", "Elena", Moment(entry, "Good."))
    twice = ask("forget", "kim")
    assert (twice.returncode, "2 people" in twice.stderr) == (2, True)
    assert PERSON in twice.stderr
    assert ask("forget", event.author_id).returncode == 0
    assert "Bergen" in ask("show", "@KIM").stdout
    told = ask("forget", "kim")
    assert (told.returncode, told.stdout.startswith(f"kim is {PERSON}.")) == (0, True)
    assert "Bergen" not in ask("show", PERSON).stdout
