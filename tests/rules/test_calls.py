"""Calls by name as people write them, in many languages, and what no text may do to the
rules."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.model import MAX_CONTENT, Event, RosterEntry
from app.rules.addressing import addressing, common_names
from tests.costs import LINEAR, growth
from tests.rules.calls import Row, heard, more, page, rows

NAMES = (
    "Elena",
    "Dr. Rodriguez",
    "エレナ",
    "मीरा",
    "엘레나",
    "إيلينا",
    "เอเลน่า",
    "İpek",
    "[AI] Elena (bot)",
    "Hope",
)
ROSTER = (RosterEntry(bot="elena", user_id="11", names=NAMES, roles=("91",)),)


def event(content: str) -> Event:
    return Event(
        message_id="100",
        channel_id="5",
        author_id="22",
        author_name="Ann",
        content=content[:MAX_CONTENT],
    )


def marked(row: Row) -> object:
    name = f"{row.language}-{row.half}-{row.text}"
    return pytest.param(
        row, id=name, marks=[pytest.mark.xfail(reason=row.reason)] if row.reason else []
    )


@pytest.mark.parametrize("row", [marked(row) for row in rows()])
def test_a_line_of_the_table(row: Row) -> None:
    """The bot hears what calls it and nothing that only speaks about it."""
    assert heard(row) is row.calls


@pytest.mark.parametrize("name", more())
def test_further_lines(name: str) -> None:
    """What was once read rightly stays so."""
    assert [row.text for row in more()[name] if heard(row) is not row.calls] == []


def test_the_table_is_large_enough() -> None:
    """At least 120 calls and 60 other lines in 12 languages, about half of each written
    before the rules."""
    halves = [row for row in rows() if row.half != "fresh"]
    assert sum(row.calls for row in halves) >= 120
    assert sum(not row.calls for row in halves) >= 60
    assert len({row.language for row in halves if row.half == "before"}) >= 12


def test_the_page_shows_the_table() -> None:
    """docs/names.md is what `make docs` writes."""
    assert (Path(__file__).parents[2] / "docs" / "names.md").read_text(
        encoding="utf-8"
    ) == page(), "run `make docs`"


texts = st.text(max_size=200) | st.lists(
    st.sampled_from(
        [
            *NAMES,
            " ",
            ", ",
            "?",
            "hey ",
            "さん",
            "は",
            "(",
            ")",
            "[",
            "*",
            "_",
            "<@11>",
            "<@&91>",
            "\n",
            ".",
        ]
    ),
    max_size=30,
).map("".join)


@given(texts)
def test_no_text_fails(text: str) -> None:
    """Whatever is written, the rules answer; and whom a line calls it also speaks
    of."""
    found = addressing(event(text), ROSTER)
    assert set(found.bots) <= found.spoken_of


@given(
    texts.filter(lambda text: len(unicodedata.normalize("NFKC", text)) <= MAX_CONTENT)
)
def test_compatible_characters_are_the_same(text: str) -> None:
    """A line and its NFKC form call the same bots."""
    assert addressing(event(unicodedata.normalize("NFKC", text)), ROSTER) == addressing(
        event(text), ROSTER
    )


@given(st.lists(st.text(max_size=40), max_size=6))
def test_any_name_is_taken(names: list[str]) -> None:
    """No name makes the rules fail: not an empty one, not one of invisible characters
    or of markup."""
    roster = (RosterEntry(bot="elena", user_id="11", names=tuple(names)),)
    assert "elena" in addressing(event(f"elena!\n{' '.join(names)}"), roster).bots


@pytest.mark.parametrize(
    "name", ["", " ", "\u200b\u200d", "\u2060", "!!", "e", "<@12>", "😂"]
)
def test_a_name_of_nothing_calls_nobody(name: str) -> None:
    """A bot whose display name has no letters is called by its other names alone."""
    roster = (RosterEntry(bot="b", user_id="11", names=(name,)),)
    assert addressing(event(f"{name}, are you there? \u200b !! 😂"), roster).bots == ()


@pytest.mark.parametrize(
    "unit",
    [
        "elena ",
        "elena, ",
        "hey elena, ",
        "(",
        "[",
        "(elena ",
        "*",
        "*a*",
        "_a_ ",
        "エレナ",
        "エレナ、",
        "हेमीरा",
        "엘레나야 ",
        "<@&91> ",
        "dear ",
        "hi ",
        "1)",
        "「",
        "aa ",
        "ﷺ",
        "e\u0337",
        "elena-chan ",
        "elena's ",
        "dr. ",
        "how are you elena, ",
        "thank you so ",
        "elena\n",
        "ก",
        "elena (bot) ",
        "a'",
        "@elena ",
        "lol ",
    ],
)
def test_time_grows_with_the_length(unit: str) -> None:
    """A text of any shape that is eight times as long, with a name at the end, costs
    about eight times as much."""

    def call(length: int) -> object:
        return addressing(event((unit * length)[: length - 6] + " elena"), ROSTER)

    assert growth(call, MAX_CONTENT // 8, MAX_CONTENT) < LINEAR


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("Mira_", "Mira_: hi"),
        ("_mira_", "hey _mira_"),
        ("mira_", "mira, hi"),
        ("Mira | she/her", "mira, hi"),
        ("✨Mira✨", "✨Mira✨ hi"),
        ("xX-Mira-Xx", "xX-Mira-Xx, hi"),
        ("Mira [AFK]", "mira, hi"),
        ("Mira\u200b", "mira, hi"),
        ("Míra", "mira, hi"),
    ],
)
def test_a_decorated_name(name: str, text: str) -> None:
    """What people put around a name, Discord's emphasis among it, does not hide it."""
    assert addressing(
        event(text), (RosterEntry(bot="b", user_id="11", names=(name,)),)
    ).bots == ("b",)


PEOPLE = ("Help", "Everyone", "guys", "Bobby")


@pytest.mark.parametrize(
    ("text", "somebody_else"),
    [
        ("help, my bread is flat!", False),
        ("Help! it burns", False),
        ("everyone, look at this", False),
        ("guys, how do I fix it?", False),
        ("bobby, how do I fix it?", True),
    ],
)
def test_people_named_like_a_call_to_all(text: str, somebody_else: bool) -> None:
    """A person who calls himself Help does not take the cries for help."""
    assert addressing(event(text), ROSTER, PEOPLE).somebody_else is somebody_else


@pytest.mark.parametrize(
    ("name", "call", "talk"),
    [
        ("Will", "will, are you in?", "will we win?"),
        ("Sage", "hey sage", "sage advice"),
        ("Joy", "joy: your turn", "joy to the world"),
        ("Mark", "@mark what now", "mark my words"),
        ("Help", "hello help", "help me please"),
    ],
)
def test_a_common_word_as_a_name(name: str, call: str, talk: str) -> None:
    """Such a bot hears clear calls and is not dragged into every line with the word."""
    roster = (RosterEntry(bot="b", user_id="11", names=(name,)),)
    assert addressing(event(call), roster).bots == ("b",)
    assert addressing(event(talk), roster).bots == ()


def test_common_names_are_told() -> None:
    """The gateway's warning names exactly those that are words."""
    assert common_names(("hope", "Hope", "Elena", "Hope Solo", "WILL")) == (
        "hope",
        "Hope",
        "WILL",
    )
