"""`why` for people: one plain sentence, what differed, the timeline; also for silence,
for a bot's own post, and for a message of which only a piece is known."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.cli.why import as_dict
from app.domain.errors import ConfigurationError, UnknownMessage
from app.domain.model import ActionKind, Event, JournalLine, OutboxEntry, RosterEntry
from app.domain.settings import Settings
from app.operator.why import finding
from app.operator.why.answer import explain, unanswered
from app.operator.why.finding import Wanted
from app.operator.why.story import tell
from app.operator.why.themes import (
    BETWEEN,
    PRESENCE,
    RECEPTION,
    ROLE,
    SUBJECT,
    TALK,
    theme_of,
)
from app.rules.features import FEATURES
from app.store import keys, mutes, roster
from app.store.door import Store
from tests.cli.commands import run
from tests.security.test_terminal import CLIPBOARD, obeyed

NAMES = {"dotty": "Dotty", "elena": "Elena", "aria": "Aria"}
GENERAL, GUILD = "55", "7"


def snowflake(seconds_ago: float = 1.0) -> str:
    """An id of a message that was written so long ago."""
    return str(int(time.time() * 1000 - seconds_ago * 1000 - 1_420_070_400_000) << 22)


def line(
    bot: str, step: str, verdict: str, reason: str = "", **numbers: object
) -> JournalLine:
    """A line of the journal."""
    line.at_ms += 1  # type: ignore[attr-defined]
    return JournalLine(
        at_ms=line.at_ms,  # type: ignore[attr-defined]
        bot=bot,
        step=step,
        verdict=verdict,
        reason=reason,
        numbers=numbers,  # type: ignore[arg-type]
    )


line.at_ms = 1_700_000_000_000  # type: ignore[attr-defined]


def bid(bot: str, bits: float, **parts: float) -> JournalLine:
    """A bid with its parts."""
    told = json.dumps({"intercept": -4.59, **parts})
    return line(bot, "admit", "bid", "watched channel", bid=str(bits), parts=told)


WON = (
    bid("dotty", 6.1, told_gap=5.1, interest=0.0),
    bid("elena", 6.9, told_gap=-0.4, interest=6.0),
    line("dotty", "elect", "granted", "best bid of 2", yielded="elena (cooled)"),
    line("dotty", "plan", "reply", "knows it"),
    line("dotty", "commit", "committed"),
    line("dotty", "deliver", "delivered"),
)


def test_a_contest_is_told_in_one_sentence() -> None:
    """Who won and by what, who else bid, by what, and why not."""
    story = tell(WON, NAMES, "Tom")
    assert story.sentence == (
        "Dotty won: it was in talk with Tom (+5.1); "
        "Elena knows the subject (+6.0) but was cooling down."
    )
    assert story.differences == (
        "bid: Elena +6.9, Dotty +6.1",
        "subject: Elena +6.0, Dotty +0.0",
        "talk: Dotty +5.1, Elena -0.4",
    )
    assert story.fates == {"dotty": "answered", "elena": "was cooling down"}
    assert story.answered_by == ("dotty",)


@pytest.mark.parametrize(
    ("lines", "sentence"),
    [
        (
            (line("aria", "admit", "direct", "called by name"), line("aria", "deliver", "delivered")),
            "Aria answered: called by name.",
        ),
        (
            (bid("aria", 2.0, interest=6.0), line("aria", "commit", "dry_run")),
            "Aria would have answered, in a dry run: nobody else bid, and it knows the subject (+6.0).",
        ),
        (
            (bid("aria", 1.0), bid("dotty", 1.0), line("aria", "elect", "granted"), line("aria", "deliver", "delivered")),
            "Aria won: the bids were equal, and the lot fell on it; Dotty bid as much.",
        ),
        (
            (
                bid("aria", 1.0),
                bid("dotty", 2.0),
                line("stream", "elect", "re_elect", "dotty held the floor and did not act"),
                line("aria", "elect", "granted"),
                line("aria", "deliver", "delivered"),
            ),
            "Aria won: it bid most of those that were free; Dotty was first and did not act in time.",
        ),
        (
            (bid("aria", 1.0), bid("dotty", 2.0), line("aria", "elect", "granted"), line("aria", "deliver", "delivered")),
            "Aria won: it bid most of those that were free; Dotty bid more and did not get to it.",
        ),
        (
            (bid("aria", 1.0), line("stream", "elect", "cooled", "aria (cooled)"), line("aria", "deliver", "delivered")),
            "Aria answered when it could: nobody else bid.",
        ),
        (
            (bid("aria", 1.0), line("stream", "elect", "cooled", "aria (cooled)")),
            "Nobody answered: Aria was cooling down.",
        ),
        (
            (bid("aria", 1.0), line("stream", "elect", "left", "too old")),
            "Nobody answered: nobody was chosen: too old.",
        ),
        ((bid("aria", 1.0),), "Nobody has answered yet: Aria bid."),
        (
            (line("aria", "admit", "muted", "mute:op:all by operator"),),
            "Nobody answered: Aria is muted (mute:op:all by operator).",
        ),
        (
            (line("aria", "admit", "direct"), line("aria", "deliver", "dead", "403 50013")),
            "Nobody answered: Aria could not send its answer: 403 50013.",
        ),
        (
            (bid("aria", 2.0), bid("dotty", 1.0), line("aria", "elect", "granted"), line("aria", "deliver", "dead", "403 50013")),
            "Nobody answered: Aria could not send its answer: 403 50013, and no other bot is asked: an answer is written once.",
        ),
        (
            (line("aria", "admit", "direct"), line("aria", "plan", "observe", "nothing to add")),
            "Nobody answered: Aria chose to keep silent: nothing to add.",
        ),
        (
            (line("stream", "forget", "deleted", "the message was deleted"),),
            "Nobody answered: the message was deleted.",
        ),
        (
            (line("aria", "new_step", "new_verdict"),),
            "Nobody answered, and no reason is kept.",
        ),
        ((), "Nobody answered, and no reason is kept."),
        (
            (line("aria", "admit", "passed", "watched channel"), line("elena", "admit", "passed")),
            "Nobody wanted to answer.",
        ),
        (
            (line("aria", "admit", "passed"), bid("elena", 1.0)),
            "Nobody has answered yet: Elena bid.",
        ),
        (
            (line("aria", "admit", "bid", bid="much", parts="["), line("aria", "deliver", "delivered")),
            "Aria answered.",
        ),
    ],
)  # fmt: skip
def test_every_end_has_its_sentence(
    lines: tuple[JournalLine, ...], sentence: str
) -> None:
    """Speech and silence, of one or many, also where a line is of a kind that nobody
    knows."""
    assert tell(lines, NAMES).sentence == sentence


def test_bots_of_one_fate_share_a_clause() -> None:
    """A crowd that let a message pass for one reason is told of once, and counted: a
    clause for each bot of a hundred would be read by nobody."""
    passing = [
        line(bot, "plan", "dropped", "not interesting enough") for bot in NAMES
    ] + [line(f"b{n}", "plan", "dropped", "not interesting enough") for n in range(97)]
    muted = line("otto", "admit", "muted", "mute:op:all by operator")
    sentence = tell([*passing, muted], NAMES).sentence
    assert sentence.startswith(
        "Nobody answered: Dotty let it pass: not interesting enough "
        "(likewise Elena, Aria, b0 and 96 more); otto "
    )


def test_every_feature_has_a_theme() -> None:
    """A pair counts as the one of the two that tells of the bot; what is the same for
    all bots is no reason."""
    assert all(theme_of(name) is not None for name in FEATURES)
    assert theme_of("tie*minute") is TALK
    assert theme_of("minute*bot_secs") is PRESENCE
    assert theme_of("bot_helps") is ROLE
    assert theme_of("interest") is SUBJECT
    assert theme_of("reception") is RECEPTION
    assert theme_of("between_people") is BETWEEN
    assert theme_of("intercept") is None


@pytest.fixture
def told(store: Store, redis_url: str) -> Iterator[Settings]:
    """A store with three bots, of which all see #general."""
    for bot, name in NAMES.items():
        entry = RosterEntry(
            bot=bot, user_id="9", names=(bot, name), channels=(GENERAL,)
        )
        store.run(roster.enlist(entry))
    yield Settings(redis_url=redis_url, speak_channels=("99",))
    for key in store.client.scan_iter("*"):
        store.client.expire(key, 60)


def keep(store: Store, message: str, text: str, *lines: JournalLine) -> str:
    """A message that was decided about in #general."""
    event = Event(
        message_id=message,
        channel_id=GENERAL,
        guild_id=GUILD,
        author_id="3",
        author_name="Tom",
        content=text,
        channel_name="general",
    )
    store.client.hset(keys.event(message), "event", event.model_dump_json())
    for one in lines:
        store.client.rpush(keys.journal(message), one.model_dump_json())
    return message


def test_a_bot_without_a_line_has_its_reason(store: Store, told: Settings) -> None:
    """It does not watch, may not speak, is muted or does not see the channel; each as
    it is now."""
    message = keep(store, snowflake(), "whales!", bid("dotty", 1.0))
    found = explain(store, told, finding.named(store, message)).asides
    assert found == {
        "aria": "does not watch #general",
        "elena": "does not watch #general",
    }
    watching = told.model_copy(update={"characters_dir": None})
    store.run(mutes.mute(f"bot:elena@channel:{GENERAL}", "operator"))
    blind = RosterEntry(bot="aria", user_id="9", names=("aria",), channels=("1",))
    store.run(roster.enlist(blind))
    found = explain(store, watching, finding.named(store, message)).asides
    assert found == {
        "aria": "does not see the channel",
        "elena": f"is muted (bot:elena@channel:{GENERAL} by operator)",
    }


def test_what_a_dry_run_would_have_said_is_told(store: Store, told: Settings) -> None:
    """As long as it is kept; on a terminal, and for a program. A stranger's escapes in
    it move no cursor."""
    words = "Half of a whale sleeps.\n\x1b[2J"
    entry = OutboxEntry(
        entry_id="e1",
        bot="aria",
        channel_id=GENERAL,
        kind=ActionKind.REPLY,
        chunks=(words,),
    )
    unsaid = line("aria", "commit", "dry_run")
    unsaid = unsaid.model_copy(update={"numbers": {"entry": "e1"}})
    message = keep(store, snowflake(), "Do whales sleep?", bid("aria", 1.0), unsaid)
    store.client.hset(keys.entry("e1"), "body", entry.model_dump_json())
    found = explain(store, told, finding.named(store, message))
    assert found.unsaid == {"aria": words}
    assert as_dict(found)["unsaid"] == {"aria": words}
    printed = run("why", message, STREAM_REDIS_URL=told.redis_url or "").stdout
    assert "Aria would have said: “Half of a whale sleeps. \\x1b[2J”" in printed
    store.client.delete(keys.entry("e1"))
    assert explain(store, told, finding.named(store, message)).unsaid == {}


def test_a_place_that_says_who_watches_and_speaks_is_named(
    store: Store, told: Settings, tmp_path: Path
) -> None:
    """A line of STREAM_PLACES stands above watchlists and STREAM_SPEAK_CHANNELS, so it
    is the reason."""
    message = keep(store, snowflake(), "whales!")
    file = tmp_path / "places.yaml"
    rules = f"servers:\n  '{GUILD}': {{speak: false}}\nchannels:\n  '{GENERAL}':\n    watchers: [dotty, elena]\n"
    file.write_text(rules, "utf-8")
    placed = told.model_copy(update={"places": file})
    found = explain(store, placed, finding.named(store, message)).asides
    assert found == {
        "aria": f"does not watch #general (STREAM_PLACES, channel {GENERAL}, line 5)",
        **dict.fromkeys(
            ("dotty", "elena"),
            f"may not speak unasked in #general (STREAM_PLACES, server {GUILD}, line 2)",
        ),
    }


def test_a_message_is_found_however_one_asks(store: Store, told: Settings) -> None:
    """By id, link, a bot's own post, as the last, by channel, by a piece of its
    text."""
    old = keep(store, snowflake(500), "Do whales sleep?", *WON)
    new = keep(store, snowflake(5), "Good night", bid("aria", 1.0))
    store.client.hset(keys.cause("777777"), mapping={"root": old, "answers": old})
    store.client.hset(keys.answer(old), "dotty", "delivered:777777")
    link = f"https://discord.com/channels/{GUILD}/{GENERAL}/{old}"
    assert finding.named(store, old).text == "Do whales sleep?"
    assert finding.named(store, link).message == old
    own = finding.named(store, "777777")
    assert (own.message, own.post_of) == (old, "dotty")
    for wanted, message in (
        (Wanted(), new),
        (Wanted(channel="#general", text="WHALES"), old),
        (Wanted(channel=GENERAL), new),
    ):
        assert finding.first(store, wanted).message == message
    for nothing in (
        Wanted(channel="bar"),
        Wanted(text="x" * 500),
        Wanted(since_ms=1e15),
    ):
        with pytest.raises(UnknownMessage, match="of the last 7 days"):
            finding.first(store, nothing)
    assert explain(store, told, own).story.sentence.startswith("Dotty won")


def test_a_post_deep_in_a_chain_is_found(store: Store, told: Settings) -> None:
    """It goes back to a person's message, and answers another bot's."""
    root = keep(store, snowflake(90), "Hello", *WON)
    between = keep(store, snowflake(60), "Hello yourself", *WON)
    store.client.hset(keys.cause("888888"), mapping={"root": root, "answers": between})
    store.client.hset(keys.answer(root), "dotty", "delivered:666666")
    store.client.hset(keys.answer(between), "elena", "delivered:888888")
    assert finding.named(store, "888888").message == between
    assert explain(store, told, finding.named(store, "888888")).said.post_of == "elena"


def test_what_was_never_answered_is_listed(store: Store, told: Settings) -> None:
    """By nobody, or not by one bot; as far back as asked."""
    keep(store, snowflake(7_000), "too old", bid("aria", 1.0))
    answered = keep(store, snowflake(500), "answered", *WON)
    open_ = keep(store, snowflake(5), "open", bid("aria", 1.0))
    since = Wanted(since_ms=time.time() * 1000 - 3_600_000)
    by_nobody = unanswered(store, told, since)
    assert [one.said.message for one in by_nobody] == [open_]
    by_elena = unanswered(store, told, since, "elena")
    assert [one.said.message for one in by_elena] == [open_, answered]
    with pytest.raises(ConfigurationError, match="No bot is named zoe"):
        list(unanswered(store, told, since, "zoe"))


def test_a_direct_message_is_known_by_what_is_remembered(
    store: Store, told: Settings
) -> None:
    """No election keeps its text, so the memory of whom it spoke to tells it."""
    message = snowflake()
    store.client.rpush(
        keys.journal(message), line("aria", "deliver", "delivered").model_dump_json()
    )
    remembered = {"text": "psst", "name": "Kim", "channel": "66", "guild": ""}
    item = json.dumps({"v": remembered, "at": 1})
    store.client.hset(keys.memory("aria", "said"), f"{message}.0", item)
    said = explain(store, told, finding.named(store, message)).said
    assert (said.author, said.text, said.channel) == ("Kim", "psst", "66")
    store.client.hset(keys.names(GUILD), "66", "lounge")
    for channel in ("66", "lounge", "#lounge"):
        assert finding.first(store, Wanted(channel=channel)).message == message
    with pytest.raises(UnknownMessage):
        finding.first(store, Wanted(channel="bar"))


def test_of_an_unknown_message_nothing_is_invented(
    store: Store, told: Settings
) -> None:
    """Neither a journal nor an admission: no bot saw it."""
    with pytest.raises(UnknownMessage):
        explain(store, told, finding.named(store, "123456789012345678"))
    store.client.hset(keys.seen("123456789012345678"), "aria", "passed 0  r")
    found = explain(store, told, finding.named(store, "123456789012345678"))
    assert found.asides["aria"] == "heard it, and nothing in it was for it"


def test_the_command_on_a_narrow_terminal_in_a_pipe_and_for_a_program(
    store: Store, told: Settings, redis_url: str
) -> None:
    """40 columns are kept, the sentence comes first, JSON can be parsed, a stranger's
    escape moves nothing, and an unknown id ends with 1."""
    message = keep(store, snowflake(), f"whales {CLIPBOARD}", *WON)
    narrow = run("why", message, COLUMNS="40", STREAM_REDIS_URL=redis_url)
    assert narrow.returncode == 0, narrow.stderr
    assert max(map(len, narrow.stdout.splitlines())) <= 40
    assert not obeyed(narrow.stdout)
    piped = run(
        "why", "--last", COLUMNS="", STREAM_REDIS_URL=redis_url
    ).stdout.splitlines()
    assert piped[1].startswith("Dotty won: it was in talk with Tom (+5.1); Elena")
    report = json.loads(
        run("why", "--text", "whales", "--json", STREAM_REDIS_URL=redis_url).stdout
    )
    assert report["sentence"] == piped[1]
    assert report["answered_by"] == ["dotty"]
    unknown = run("why", "123456789012345678", STREAM_REDIS_URL=redis_url)
    assert (unknown.returncode, unknown.stdout) == (1, "")
    assert unknown.stderr.startswith("the-stream: Nothing is known of 12345")
    nothing = run("why", STREAM_REDIS_URL=redis_url)
    assert (nothing.returncode, nothing.stderr.count("\n")) == (2, 1)
    silent = run("why", "--silent", "elena", STREAM_REDIS_URL=redis_url)
    assert "Elena was cooling down." in silent.stdout
