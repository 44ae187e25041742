"""The replay's pure parts: reading, casting, timing, scaling, and the report."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from app.demo import report
from app.demo.addressed import addressed_bots, explained_pairs
from app.demo.report import Records
from app.demo.system import is_error, write_characters
from app.domain.character import load_characters
from app.domain.errors import ConfigurationError
from app.domain.model import JournalLine, RosterEntry
from app.domain.settings import Settings
from app.lab.chatlog import LogLine, make_timetable, read_log, rewrite_names, stand_ins
from app.lab.replay import make_ensemble, scaled_settings
from app.loopback import Post, Reaction

ELENA, ARIA, MARA, JONAS = 1, 2, 11, 12
NAMES = {ELENA: "Elena", ARIA: "Aria", MARA: "Mara", JONAS: "Jonas"}
ROSTER = [
    RosterEntry(bot="elena", user_id="1", names=("Elena",)),
    RosterEntry(bot="aria", user_id="2", names=("Aria",)),
]


def said(
    message: int,
    author: int,
    text: str = "",
    reply_to: int | None = None,
    at: float = 0.0,
    channel: int = 7,
    nonce: str | None = None,
) -> Post:
    return Post(
        message_id=message,
        channel_id=channel,
        author_id=author,
        author_name=NAMES[author],
        is_bot=author in (ELENA, ARIA),
        content=text,
        reply_to=reply_to,
        nonce=nonce,
        at=at,
        wall=at,
    )


def line(
    author: str,
    text: str = "hi",
    at: float = 0.0,
    mentions: tuple[str, ...] = (),
    by_bot: bool = False,
) -> LogLine:
    return LogLine("1", "#x", author, by_bot, at, text, mentions)


def records(
    *posts: Post, addressed: dict[int, tuple[int, ...]] | None = None, **more: object
) -> Records:
    return Records(posts, (), {ELENA, ARIA}, addressed or {}, **more)  # type: ignore[arg-type]


def write(path: Path, *rows: object) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def row(ts: str, **more: object) -> dict[str, object]:
    return {
        "id": "1",
        "channel": "#x",
        "author": "mara",
        "author_is_bot": False,
        "ts": ts,
        "content": "hi",
        "reply_to": None,
        "mentions": [],
        **more,
    }


def test_logs_are_read_in_time_order_without_empty_messages(tmp_path: Path) -> None:
    """Files are merged by time; a message without text is left out."""
    one = write(
        tmp_path / "one",
        row("2016-04-01T00:00:09.500Z", content="last"),
        row("2016-04-01T00:00:01Z", content=" "),
    )
    two = write(
        tmp_path / "two",
        row("2016-04-01T00:00:02Z", content="first", mentions=["jonas"]),
    )
    assert [(one.text, one.mentions) for one in read_log([one, two])] == [
        ("first", ("jonas",)),
        ("last", ()),
    ]


@pytest.mark.parametrize("text", ["{", "[]", '{"id": 1}', '"text"', "null"])
def test_a_broken_log_is_named_with_its_line(tmp_path: Path, text: str) -> None:
    """What is no chat message is a configuration error that names file and line."""
    file = tmp_path / "log"
    file.write_text(
        json.dumps(row("2016-04-01T00:00:00Z")) + "\n\n" + text + "\n", encoding="utf-8"
    )
    with pytest.raises(ConfigurationError, match=r"log:3: no message"):
        read_log([file])


def test_minute_precision_is_spread_over_the_minute(tmp_path: Path) -> None:
    """Three messages of one minute are 20 seconds apart when the log knows minutes
    only; else they stay together."""
    minute = "2016-04-01T00:00:00Z"
    coarse = write(tmp_path / "coarse", *[row(minute)] * 3)
    assert [one.at % 60 for one in read_log([coarse])] == [0, 20, 40]
    fine = write(
        tmp_path / "fine", row(minute), row(minute), row("2016-04-01T00:00:07Z")
    )
    assert [one.at % 60 for one in read_log([fine])] == [0, 0, 7]


def test_long_silences_are_shortened() -> None:
    """The timetable keeps pauses up to five minutes and shortens longer ones to
    that."""
    lines = [line("a", at=at) for at in (1000.0, 1010.0, 1400.0, 90_000.0)]
    assert [cue.after for cue in make_timetable(lines)] == [0, 10, 310, 610]


def test_bots_play_the_most_active_people_whom_others_name() -> None:
    """Activity ranks; those whom somebody else names come before those whom nobody
    names; recorded bots never."""
    lines = [
        *[line("loner")] * 9,
        *[line("busy")] * 5,
        *[line("known")] * 3,
        *[line("robot", by_bot=True)] * 20,
        line("busy", mentions=("known", "robot")),
        line("known", mentions=("busy",)),
        line("self", mentions=("self",)),
    ]
    assert stand_ins(lines, 2) == ["busy", "known"]
    assert stand_ins(lines, 4) == ["busy", "known", "loner", "self"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("karl: look", "Elena: look"),
        ("thanks @Karl!", "thanks @Elena!"),
        ("karl-heinz and karls", "karl-heinz and karls"),
        ("the kari of karl", "the kari of Elena"),
    ],
)
def test_names_are_rewritten_as_whole_words(text: str, expected: str) -> None:
    """A person's name becomes that of the bot who plays the part, whatever its case,
    and never inside another word."""
    assert (
        rewrite_names(line("a", text, mentions=("karl",)), {"karl": "Elena"})
        == expected
    )


def test_a_word_that_merely_looks_like_a_name_stays() -> None:
    """Only what the log marks as a mention is rewritten: nicknames are often common
    words."""
    assert (
        rewrite_names(line("a", "nice: how nice"), {"nice": "Elena"})
        == "nice: how nice"
    )


def test_room_time_is_scaled_and_technical_time_is_not() -> None:
    """At speed 60 pacing is 60 times as fast and hourly counts as large; leases and
    windows are not among them."""
    settings = Settings(_env_file=None)
    at_60 = scaled_settings(settings, 60)
    assert at_60["cooldown"] == 1
    assert at_60["quiet_time"] == pytest.approx(1 / 3)
    assert at_60["person_hourly"] == 3600
    assert at_60["deliver_by"] == 5, "a real delivery needs a moment at any speed"
    assert (
        not {
            "contention_window",
            "floor_lease",
            "lock_lease",
            "delivery_lease",
            "nonce_window",
        }
        & at_60.keys()
    )
    assert scaled_settings(settings, 1)["cooldown"] == settings.cooldown
    Settings(_env_file=None, **at_60)  # type: ignore[arg-type]


@pytest.mark.parametrize("count", [1, 3, 5, 20])
def test_any_number_of_characters_can_be_had(count: int, tmp_path: Path) -> None:
    """Beyond the shipped three there are copies under other names, each a valid
    character file."""
    names = [one.name for one in make_ensemble(count)]
    assert len(set(names)) == count
    assert set(
        load_characters(write_characters(tmp_path / "characters", make_ensemble(count)))
    ) == set(names)


def test_pile_ons_are_unaddressed_messages_with_two_answering_bots() -> None:
    """Two bots answering what addressed nobody is a pile-on; both answering because
    both were addressed is not."""
    posts = said(1, MARA), said(2, ELENA, reply_to=1), said(3, ARIA, reply_to=1)
    assert report.pile_ons(records(*posts)) == [1]
    assert report.pile_ons(records(*posts, addressed={1: (ELENA, ARIA)})) == []
    assert report.pile_ons(records(*posts[:2], said(4, ELENA, reply_to=1))) == []


def test_duplicates_are_second_replies_and_repeated_nonces() -> None:
    """One bot answering one message twice is a duplicate, and so are two posts with one
    nonce."""
    assert report.find_duplicates(
        records(said(1, MARA), said(2, ELENA, reply_to=1), said(3, ELENA, reply_to=1))
    ) == [3]
    same = (
        said(2, ELENA, nonce="n"),
        said(3, ELENA, nonce="n"),
        said(4, ARIA, nonce="n"),
    )
    assert report.find_duplicates(records(*same)) == [3]
    assert (
        report.find_duplicates(
            records(
                said(2, ELENA, reply_to=1), said(3, ARIA, reply_to=1), said(4, ELENA)
            )
        )
        == []
    )


@pytest.mark.parametrize(
    ("after", "channel", "author", "expected"),
    [
        (0.05, 7, ARIA, [3]),
        (0.05, 8, ARIA, []),
        (0.05, 7, ELENA, []),
        (0.09, 7, ARIA, []),
    ],
)
def test_crowding_is_two_bots_unasked_within_five_seconds_of_log_time(
    after: float,
    channel: int,
    author: int,
    expected: list[int],
) -> None:
    """At speed 60, 50 ms are 3 s of log time and 90 ms are 5.4 s."""
    posts = said(2, ELENA, at=10.0), said(3, author, at=10.0 + after, channel=channel)
    assert report.find_crowding(records(*posts, speed=60.0)) == expected


def test_answers_to_addressed_messages_never_crowd() -> None:
    """Bots that were asked may speak at once."""
    posts = (
        said(1, MARA),
        said(2, ELENA, reply_to=1, at=1.0),
        said(3, ARIA, reply_to=1, at=1.1),
    )
    assert report.find_crowding(records(*posts, addressed={1: (ELENA, ARIA)})) == []


def test_an_addressed_bot_answers_reacts_or_the_journal_says_why_not() -> None:
    """Anything else is counted as unexplained."""
    posts = said(1, MARA), said(2, ELENA, reply_to=1), said(4, JONAS)
    seen = records(*posts, addressed={1: (ELENA, ARIA), 4: (ARIA,)})
    assert report.find_unanswered(seen) == [(1, ARIA), (4, ARIA)]
    thumb = Reaction(1, 7, ARIA, "Aria", True, "👍", 0.0, 0.0)
    assert (
        report.find_unanswered(
            Records(posts, [thumb], {ELENA, ARIA}, {1: (ELENA, ARIA)})
        )
        == []
    )
    assert (
        report.find_unanswered(
            records(*posts, addressed={4: (ARIA,)}, explained={(4, ARIA)})
        )
        == []
    )


def test_latency_runs_from_the_message_to_its_first_answer() -> None:
    """Addressed and unaddressed messages are told apart; unanswered ones count
    nowhere."""
    posts = (
        said(1, MARA, at=1.0),
        said(2, ELENA, reply_to=1, at=1.25),
        said(3, ARIA, reply_to=1, at=2.0),
        said(4, JONAS, at=3.0),
        said(5, ARIA, reply_to=4, at=3.5),
        said(6, MARA, at=9.0),
    )
    assert report.reply_latencies(records(*posts, addressed={1: (ELENA, ARIA)})) == (
        [250.0],
        [500.0],
    )
    assert report.percentile([], 0.5) is None
    assert report.percentile(range(1, 101), 0.99) == 99


def test_the_rules_alone_say_who_is_addressed() -> None:
    """By name, by mention, by reply, in a direct channel; bots' own messages and talk
    among people address nobody."""
    posts = [
        said(1, MARA, "Elena, are you there?"),
        said(2, ELENA, "Aria, look."),
        said(3, JONAS, "go on", reply_to=2),
        said(4, MARA, "Jonas: lunch?"),
        said(5, JONAS, "hi", channel=9),
        said(6, JONAS, "<@2> <@1> both of you"),
    ]
    assert addressed_bots(posts, ROSTER, {9: "aria"}) == {
        1: (ELENA,),
        3: (ELENA,),
        5: (ARIA,),
        6: (ARIA, ELENA),
    }


@pytest.mark.parametrize(
    ("step", "verdict", "explains"),
    [
        ("admit", "direct", False),
        ("commit", "committed", False),
        ("deliver", "delivered", False),
        ("claim", "wait", False),
        ("admit", "muted", True),
        ("yield", "declined", True),
        ("plan", "dropped", True),
        ("deliver", "expired", True),
    ],
)
def test_what_the_journal_explains(step: str, verdict: str, explains: bool) -> None:
    """A refusal accounts for a silence; being on the way does not."""
    journal = {1: [JournalLine(at_ms=0, bot="elena", step=step, verdict=verdict)]}
    assert explained_pairs(journal, ROSTER) == ({(1, ELENA)} if explains else set())


@pytest.mark.parametrize(
    ("said_by_child", "wrong"),
    [
        ('{"event": "cycle failed", "level": "error"}', True),
        ('{"event": "uncaught", "level": "critical"}', True),
        ('{"event": "an error in the text", "level": "info"}', False),
        ("Traceback (most recent call last):", True),
        ("gateway ended (code 1); it starts again in 0.5 s", True),
        (" -------------- celery@host v5.6.3", False),
        ("", False),
    ],
)
def test_errors_in_the_children_s_output_are_seen(
    said_by_child: str, wrong: bool
) -> None:
    """Records at error level, bare tracebacks and restarts count; words do not."""
    assert is_error(said_by_child) is wrong
