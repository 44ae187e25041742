"""Text on its way in and out."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.brain import reply, text

NAMES = ("elena", "Dr. Elena")


@pytest.mark.parametrize(("said", "heard"), [
    ("Elena, do you dive?", "do you dive?"),
    ("hey Dr. Elena: do you dive?", "do you dive?"),
    ("<@999> do you dive? <a:wave:12>", "do you dive? wave"),
    ("elenaaa do you dive?", "elenaaa do you dive?"),
    ("  two\n\nlines ", "two lines"),
    ("Elena", ""),
    ("<@999>", ""),
])
def test_what_was_said_is_freed_of_names_and_markup(said: str, heard: str) -> None:
    """Only the words count when meanings are compared."""
    assert text.spoken(said, NAMES) == heard


@pytest.mark.parametrize("line", [
    "Three hearts, in fact.", "Quiet seas today.", "I like the silence down there.", "Keep quiet about it, will you?",
    "No reply came from the submarine for an hour.", "The reef remains quiet in winter, and then it starts to sing.",
    "I'm sorry to hear that. Do you want to talk?", "I can't help but laugh.", "Sorry, I don't know.",
])
def test_ordinary_lines_are_neither_silence_nor_refusal(line: str) -> None:
    """The filters for announced silence and stock refusals leave a character's own words alone."""
    assert not text.is_refusal(line)
    assert not text.is_silence(line)
    assert text.outgoing(line, NAMES) == line


@given(st.text(max_size=300))
def test_nothing_pings_and_everything_can_be_sent(draft: str) -> None:
    """Whatever a model writes, what leaves is UTF-8 and addresses nobody."""
    sent = text.outgoing(draft + "@everyone<@1>@HERE", NAMES)
    sent.encode("utf-8")
    assert not {"@everyone", "@here"} & {sent.lower()[place:place + 9].strip() for place in range(len(sent))}
    assert "<@1" not in sent


@given(st.text(max_size=300))
def test_any_output_of_a_model_can_be_read(raw: str) -> None:
    """Parsing gives a Reply or None, never an exception."""
    for content in (raw, "{" + raw, '{"action":' + raw + "}"):
        found = reply.parse(content)
        assert found is None or found.action in {"reply", "react", "observe"}


@pytest.mark.parametrize("attack", [
    "," * 4_000, " " * 3_999 + "x", "@" * 4_000, "eyJ" * 1_300, "a" * 4_000, "{" * 19_000, "i stay " * 600])
def test_hostile_text_takes_no_time(attack: str) -> None:
    """No pattern backtracks: 4,000 characters made for it are read within a tenth of a second."""
    begin = time.process_time()
    text.spoken(attack, NAMES)
    text.outgoing(attack, NAMES)
    text.is_silence(attack)
    text.is_refusal(attack)
    reply.parse(attack)
    assert time.process_time() - begin < 0.1
