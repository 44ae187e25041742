"""A shadow run: exports are read piece by piece, and what characters would have
answered is counted and shown."""

from __future__ import annotations

import json
import re
import tracemalloc
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from app.domain.character import Character, load_characters
from app.domain.errors import ConfigurationError
from app.domain.settings import Settings
from app.gateway.intake import patience_of
from app.lab.chat_export import read_export
from app.lab.chatlog import LogLine
from app.lab.log_thoughts import join_thoughts
from app.lab.shadow import Shadow
from app.lab.shadow_run import play, read_lines, run
from app.rules.policy import policy_text, shipped_policy
from tests.cli.commands import run as run_command

SAMPLE = Path(__file__).parents[2] / "docs" / "replay-sample.json"
SCRIPT = "<script>alert('x')</script>"


def settings(**changes: Any) -> Settings:
    """Interests by words: nothing is loaded."""
    return Settings(**{"interest": "words", **changes})


def message(number: int, text: str = "hi", **changes: Any) -> dict[str, Any]:
    """As the exporter writes it."""
    return {
        "id": str(number),
        "type": "Default",
        "timestamp": f"2026-10-03T18:{number // 60 % 60:02}:{number % 60:02}.5+02:00",
        "content": text,
        "author": {"id": "1", "name": "kim", "nickname": "Kim", "isBot": False},
        "mentions": [],
        **changes,
    }


def export(file: Path, messages: list[dict[str, Any]], **changes: Any) -> Path:
    """A whole file, indented as the exporter's."""
    whole = {
        "guild": {"id": "1", "name": 'A "messages": [ trap'},
        "channel": {"id": "2", "name": "general", "topic": '"messages": ['},
        "messages": messages,
        "messageCount": len(messages),
        **changes,
    }
    file.write_text(json.dumps(whole, indent=2, ensure_ascii=False), "utf-8")
    return file


def test_the_sample_is_read(tmp_path: Path) -> None:
    """Names, times, mentions and replies; joins and empty messages are none of
    people's."""
    lines = list(read_export(SAMPLE))
    raw = json.loads(SAMPLE.read_text("utf-8"))
    assert len(lines) == raw["messageCount"] - 1
    assert {line.channel for line in lines} == {"general"}
    assert [line.author for line in lines if line.by_bot] == ["Bridge"]
    (thanks,) = (line for line in lines if line.text == "thanks!")
    assert thanks.reply_to == lines[-2].id
    (meant,) = (line for line in lines if line.mentions)
    assert meant.mentions == ("Theo",)
    assert lines[1].at - lines[0].at == 40
    empty = export(tmp_path / "e.json", [message(1, " "), message(2, type="Call")])
    assert list(read_export(empty)) == []


@pytest.mark.parametrize("chunk", [1, 7, 64 * 1024])
def test_however_it_is_cut_a_file_is_read_alike(
    tmp_path: Path, chunk: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Letters of several bytes, numbers and escapes may lie across two pieces; a byte
    order mark is no part of it."""
    monkeypatch.setattr("app.lab.chat_export.CHUNK", chunk)
    texts = ["zwölf Boote — 🚤", 'a "quoted" word', "\\ \n end"]
    file = export(tmp_path / "e.json", [message(i, t) for i, t in enumerate(texts)])
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes())
    assert [line.text for line in read_export(file)] == texts


def test_a_larger_export_takes_no_more_memory(tmp_path: Path) -> None:
    """Eight times the messages, not twice the peak, with thoughts joined: a month of a
    server fits."""
    peaks, kept = [], settings()
    for count in (500, 4_000):
        messages = [
            message(number % 1_800, "some words " * 5) for number in range(count)
        ]
        for number, one in enumerate(messages):
            one["timestamp"] = (
                f"2026-10-{1 + number // 1_800:02}" + one["timestamp"][10:]
            )
        messages.sort(key=lambda one: one["timestamp"])
        file = export(tmp_path / "e.json", messages)
        del messages
        tracemalloc.start()
        lines = join_thoughts(read_export(file), load_characters(), patience_of(kept))
        assert sum(1 for _ in lines) == count
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < 2 * peaks[0]


WHOLE = json.dumps({"guild": {"id": "1"}, "messages": [message(1), message(2)]})


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (WHOLE[:-2], "is cut off, or no valid JSON, after 2 messages"),
        (
            WHOLE[: WHOLE.index('"2"') + 9],
            "is cut off, or no valid JSON, after 2 messages",
        ),
        (
            WHOLE[:30].replace("}", " "),
            "is cut off, or no valid JSON, after 0 messages",
        ),
        (
            WHOLE.replace('"Default"', "nonsense", 1),
            "is cut off, or no valid JSON, after 1 messages",
        ),
        (WHOLE.replace('"author"', '"writer"'), "message 1 is none of DiscordChatExp"),
        (
            WHOLE.replace("2026-10", "last autumn"),
            "message 1 is none of DiscordChatExp",
        ),
        (
            json.dumps({"guild": {}, "messages": [message(2), message(1)]}),
            "message 1 is older than the one before it",
        ),
        (
            "<!DOCTYPE html><title>x</title>",
            "is HTML; export the channel again as JSON",
        ),
    ],
)
def test_a_file_that_is_not_in_order_is_one_line(
    tmp_path: Path, text: str, line: str
) -> None:
    """It names the file and says what to do."""
    file = tmp_path / "export.json"
    file.write_text(text, "utf-8")
    with pytest.raises(ConfigurationError) as caught:
        list(read_lines([file]))
    assert str(caught.value).startswith(f"{file}: {line}")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (b"\x89PNG\r\n\x1a\n" + bytes(200), "no message (id, channel, author"),
        (
            b'{"guild": {"id": "1"}, "messages": [{"id"',
            "is cut off, or no valid JSON, after 1",
        ),
    ],
)
def test_the_command_takes_a_wrong_file_calmly(
    tmp_path: Path, content: bytes, line: str
) -> None:
    """Exit code 2, one line, no stack trace; no half of a report is left."""
    file = tmp_path / "export.json"
    file.write_bytes(content)
    told = run_command("replay", str(file), "--shadow", "--report", str(tmp_path / "r"))
    assert told.returncode == 2
    assert told.stderr.count("\n") == 1
    assert line in told.stderr
    assert not (tmp_path / "r").exists()


def line(number: int, text: str, at: float, author: str = "Kim") -> LogLine:
    """One message."""
    return LogLine(str(number), "general", author, False, at, text)


@pytest.fixture(scope="module")
def cast() -> dict[str, Character]:
    """The shipped characters."""
    return load_characters()


def shadow(cast: dict[str, Character], **changes: Any) -> Shadow:
    """All of them, under the shipped policy."""
    return Shadow(cast, shipped_policy(), settings(**changes), lambda _: {})


def test_who_is_asked_answers_whatever_the_cooldown(cast: dict[str, Character]) -> None:
    """Each message that calls a character is answered by it, and by it alone."""
    found = shadow(cast, cooldown=3_600)
    replies = [
        found.hear(line(number, "elena, are you there?", 1_000.0 + number))
        for number in range(3)
    ]
    assert replies == [(("elena",), True)] * 3
    assert (found.tally.asked, found.tally.unasked) == (3, 0)


def test_caps_of_a_day_hold_and_turn_over(cast: dict[str, Character]) -> None:
    """What has no room is counted; the next date in UTC begins anew."""
    found = shadow(cast, daily_posts=2)
    day = 86_400.0
    for number in range(4):
        found.hear(line(number, "aria, are you there?", day + number))
    assert (found.tally.asked, found.tally.capped) == (2, 2)
    assert found.hear(line(9, "aria, and now?", 2 * day)).bots == ("aria",)
    assert found.tally.days == {"1970-01-02": 2, "1970-01-03": 1}


def test_unasked_answers_keep_their_cooldown(cast: dict[str, Character]) -> None:
    """At most one of them answers a message that speaks to nobody, and a question that
    comes while all rest for long is left."""
    talk = [line(n, f"Do whales sleep? {n}", 1_000.0 + n) for n in range(40)]
    free, resting = shadow(cast, cooldown=0, quiet_time=0), shadow(cast, cooldown=3_600)
    many = [found for found in (free.hear(one) for one in talk) if found.bots]
    few = [found for found in (resting.hear(one) for one in talk) if found.bots]
    assert all(len(found.bots) == 1 and not found.asked for found in many)
    assert 0 < len(few) <= len(cast) < len(many)
    assert resting.tally.rested > 0


@pytest.mark.parametrize(
    "cap",
    [
        {"daily_posts_all": 2},
        {"daily_tokens_all": 1_500},
        {"channel_daily_tokens": 1_500},
        {"person_daily_usd": 0.0015},
    ],
    ids=["all posts", "all tokens", "channel", "person"],
)
def test_caps_that_bots_share_hold(
    cast: dict[str, Character], cap: dict[str, float]
) -> None:
    """Whoever spends it, of a day's cap that is everybody's no more is left."""
    model = {"model": "openai:m", "usd_per_million_in": 1.0, "usd_per_million_out": 1.0}
    paid = {
        bot: Character.model_validate(one.model_dump() | {"model": model})
        for bot, one in cast.items()
    }
    talk = [
        line(n, f"{bot}, are you there?", 1_000.0 + n)
        for n, bot in enumerate([*cast, *cast])
    ]
    free = Shadow(paid, shipped_policy(), settings(), lambda _: {})
    capped = Shadow(paid, shipped_policy(), settings(**cap), lambda _: {})
    for one in talk:
        free.hear(one)
        capped.hear(one)
    assert (free.tally.asked, free.tally.capped) == (6, 0)
    assert 0 < capped.tally.asked < 6
    assert capped.tally.asked + capped.tally.capped == 6


def test_places_hold_where_they_say(tmp_path: Path) -> None:
    """STREAM_PLACES by the ids of the export: nobody speaks unasked where it says so, in
    threads of that channel neither; whoever is asked answers; who does not watch does
    not bid."""
    places = tmp_path / "places.yaml"
    places.write_text(
        "servers: {'1': {speak: false}}\n"
        "channels: {'2': {speak: true, watchers: [elena], threads: false}}\n"
    )
    talk = [message(n, f"Do whales sleep? {n}") for n in range(30)]
    called = message(31, "dotty, are you there?")

    def heard(channel: dict[str, Any], **changes: Any) -> tuple[set[str], int, int]:
        file = export(tmp_path / "e.json", [*talk, called], channel=channel)
        kept = settings(cooldown=0, quiet_time=0, **changes)
        (found,) = play([file], load_characters(), [shipped_policy()], kept)["policies"]
        return set(found["by_bot"]), found["asked"], found["unasked"]

    general = {"id": "2", "name": "general", "type": "GuildTextChat"}
    other = general | {"id": "3", "name": "other", "categoryId": "2"}
    thread = other | {"type": "GuildPublicThread"}
    assert heard(general)[2] > 0
    bots, asked, unasked = heard(general, places=places)
    assert (bots, asked) == ({"dotty", "elena"}, 1)
    assert unasked > 0
    assert heard(other, places=places) == ({"dotty"}, 1, 0)
    assert heard(thread, places=places) == ({"dotty"}, 1, 0)


def test_a_thought_in_several_lines_is_answered_once(
    cast: dict[str, Character],
) -> None:
    """As live: the greeting waits for the point, the answer is to all of it, and lines
    come in their order, whoever else speaks meanwhile. Who goes on too late, or a waiting
    time of 0, makes two of it."""
    talk = [
        line(1, "hi elena", 100.0),
        line(2, "the ferry is late again today", 100.5, "Tom"),
        line(3, "do whales sleep?", 101.5),
        line(4, "hey dotty", 200.0),
        line(5, "a drink would be nice now, thanks.", 209.0),
    ]
    joined = list(join_thoughts(talk, cast, patience_of(settings())))
    assert [replace(one, whole="", awaited=False) for one in joined] == talk
    assert [one.id for one in joined if one.awaited] == ["1"]
    assert joined[2].whole == "hi elena\ndo whales sleep?"
    found = shadow(cast)
    replies = [found.hear(one) for one in joined]
    assert replies[0].bots == ()
    assert replies[2] == (("elena",), True)
    assert replies[3].asked
    apart = list(join_thoughts(talk, cast, patience_of(settings(thought_wait=0))))
    assert not any(one.awaited for one in apart)


def test_an_answer_costs_what_its_model_would(cast: dict[str, Character]) -> None:
    """By the prices of the character file; the offline voice costs nothing."""
    priced = Character.model_validate(
        cast["elena"].model_dump()
        | {
            "model": {
                "model": "openai:m",
                "usd_per_million_in": 1.0,
                "usd_per_million_out": 10.0,
            }
        }
    )
    found = Shadow({"elena": priced}, shipped_policy(), settings(), lambda _: {})
    found.hear(line(1, "elena, are you there?", 1.0))
    free = shadow(cast)
    free.hear(line(1, "elena, are you there?", 1.0))
    assert found.tally.tokens > 200
    assert found.tally.micro_usd == found.tally.tokens - 80 + 800
    assert (free.tally.tokens, free.tally.micro_usd) == (0, 0)


class Elements(HTMLParser):
    """What a browser would make of a page: its elements and attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.links += [name for name, _ in attrs if name in {"src", "href", "onload"}]


def test_the_report_fetches_nothing_and_runs_nothing(tmp_path: Path) -> None:
    """Names, channels and texts of strangers are text; charts stand in the file."""
    evil = {"id": "1", "name": SCRIPT, "nickname": SCRIPT, "isBot": False}
    # Minutes apart: three thoughts.
    talk = [message(n, f"elena, {SCRIPT}", author=evil) for n in (0, 120, 240)]
    file = export(tmp_path / "e.json", talk, channel={"name": SCRIPT})
    page, data = tmp_path / "report.html", tmp_path / "out.json"
    run([file], settings(), report=page, json_file=data)
    text = page.read_text("utf-8")
    seen = Elements()
    seen.feed(text)
    assert not seen.tags & {"script", "img", "link", "iframe", "object"}
    assert seen.tags >= {"svg", "rect", "table", "figure"}
    assert seen.links == []
    assert "&lt;script&gt;" in text
    assert not re.search(r"url\(|@import|https?:", text)
    found = json.loads(data.read_text("utf-8"))
    assert found["policies"][0]["asked"] == 3


def test_two_policies_are_compared(tmp_path: Path) -> None:
    """What the first answers otherwise is counted and shown; with itself nothing."""
    shy = tmp_path / "shy.yaml"
    bold = policy_text()
    shy.write_text(re.sub(r"(?m)^threshold: .*$", "threshold: 60.0", bold), "utf-8")
    assert shy.read_text("utf-8") != bold
    page = tmp_path / "r.html"
    lines = run([SAMPLE], settings(), policy=shy, report=page, against=None)
    assert any("1 asked for, 0 unasked" in one for one in lines), lines
    told = run([SAMPLE], settings(), against=shy, report=page)
    assert re.search(
        r"By the first policy [1-9]\d* messages are answered other", told[-2]
    )
    assert "What the shipped policy changes against shy.yaml" in page.read_text("utf-8")
    cast = load_characters()
    same = play([SAMPLE], cast, [shipped_policy()] * 2, settings())
    assert same["comparison"]["changed"] == 0


@pytest.mark.parametrize("text", ["a: [", "a: 1", "- 1", ""])
def test_a_wrong_policy_is_one_line(tmp_path: Path, text: str) -> None:
    """It names the file."""
    file = tmp_path / "new.yaml"
    file.write_text(text, "utf-8")
    with pytest.raises(ConfigurationError) as caught:
        run([SAMPLE], settings(), policy=file)
    assert str(caught.value).startswith(f"{file}: ")
    assert "\n" not in str(caught.value)


def test_the_command_at_40_columns(tmp_path: Path) -> None:
    """Words are wrapped; an export needs no further word to be understood."""
    told = run_command("replay", str(SAMPLE), COLUMNS="40", STREAM_INTEREST="words")
    assert told.returncode == 0, told.stderr
    assert told.stdout.startswith("22 messages of 4 people in 1 channels,")
    assert max(map(len, told.stdout.splitlines())) <= 40
