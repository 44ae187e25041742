"""Text on its way in and out."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.brain import reply, silence, text
from tests.costs import LINEAR, growth

NAMES = ("elena", "Dr. Elena")


@pytest.mark.parametrize(
    ("said", "heard"),
    [
        ("Elena, do you dive?", "do you dive?"),
        ("hey Dr. Elena: do you dive?", "do you dive?"),
        ("<@999> do you dive? <a:wave:12>", "do you dive? wave"),
        ("elenaaa do you dive?", "elenaaa do you dive?"),
        ("  two\n\nlines ", "two lines"),
        ("Elena", ""),
        ("<@999>", ""),
    ],
)
def test_what_was_said_is_freed_of_names_and_markup(said: str, heard: str) -> None:
    """Only the words count when meanings are compared."""
    assert text.spoken(said, NAMES) == heard


@pytest.mark.parametrize(
    "line",
    [
        "Three hearts, in fact.",
        "Quiet seas today.",
        "I like the silence down there.",
        "Keep quiet about it, will you?",
        "No reply came from the submarine for an hour.",
        "The reef remains quiet in winter, and then it starts to sing.",
        "I'm sorry to hear that. Do you want to talk?",
        "I can't help but laugh.",
        "Sorry, I don't know.",
    ],
)
def test_ordinary_lines_are_neither_silence_nor_refusal(line: str) -> None:
    """The filters for announced silence and stock refusals leave a character's own
    words alone."""
    assert not silence.is_refusal(line)
    assert not silence.is_silence(line)
    assert text.outgoing(line, NAMES) == line


@given(st.text(max_size=300))
def test_nothing_pings_and_everything_can_be_sent(draft: str) -> None:
    """Whatever a model writes, what leaves is UTF-8 and addresses nobody."""
    sent = text.outgoing(draft + "@everyone<@1>@HERE", NAMES)
    sent.encode("utf-8")
    assert not {"@everyone", "@here"} & {
        sent.lower()[place : place + 9].strip() for place in range(len(sent))
    }
    assert "<@1" not in sent


@given(st.text(max_size=300))
def test_any_output_of_a_model_can_be_read(raw: str) -> None:
    """Parsing gives a Reply or None, never an exception."""
    for content in (raw, "{" + raw, '{"action":' + raw + "}"):
        found = reply.parse(content)
        assert found is None or found.action in {"reply", "react", "observe"}


@pytest.mark.parametrize(
    "attack",
    [
        "," * 4_000,
        " " * 3_999 + "x",
        "@" * 4_000,
        "eyJ" * 1_300,
        "a" * 4_000,
        "{" * 19_000,
        "i stay " * 600,
    ],
)
def test_hostile_text_takes_no_time(attack: str) -> None:
    """No pattern backtracks: a text made for it that is eight times as long costs about
    eight times as much."""

    def hear(length: int) -> None:
        part = attack[-length:]
        text.spoken(part, NAMES)
        text.outgoing(part, NAMES)
        silence.is_silence(part)
        silence.is_refusal(part)
        reply.parse(part)

    assert growth(hear, len(attack) // 8, len(attack)) < LINEAR


@pytest.mark.parametrize(
    "raw",
    [
        '{"action": "reply", "text": "Three.", "n": ' + "1" * 5_000 + "}",
        "three \ud83d hearts",
        '{"text": "\\ud83d"}',
        "\x00",
        "{\ud83d}",
        '{"action": {"action": "reply"}}',
        "[[[[",
        '{"text": ["a"]}',
        '{"action": "reply", "text": 1e400}',
    ],
)
def test_no_output_of_a_model_is_an_exception(raw: str) -> None:
    """Numbers too long to read and halves of characters are garbage, not a cycle that
    fails."""
    found = reply.parse(raw)
    assert found is None or found.text.encode("utf-8") is not None


@pytest.mark.parametrize(
    "draft",
    [
        "\u200d",
        "\ufe0f\ufe0f",
        "\u2800\u2800",
        "\u3164",
        " \u200d \n\u115f",
        "\U000e0041\U000e0042",
        "\u180e\u034f",
    ],
)
def test_a_draft_that_nobody_can_see_is_empty(draft: str) -> None:
    """An invisible message is no answer."""
    assert text.outgoing(draft) == ""


@pytest.mark.parametrize(
    ("draft", "shown"),
    [
        (
            "[Free Nitro](https://evil.example/x)",
            "[Free Nitro] (https://evil.example/x)",
        ),
        ("[a]( <http://evil.example> )", "[a] ( <http://evil.example> )"),
        ("a list[0](1) stays", "a list[0](1) stays"),
    ],
)
def test_a_link_shows_where_it_goes(draft: str, shown: str) -> None:
    """A bot's message may hide an address behind words; nobody talks ours into that."""
    assert text.outgoing(draft) == shown


PROMPT = (
    "You are Elena.\n\nElena grew up on the coast of Galicia and has studied octopuses for eleven years.\n"
    "- Do not start with your name. Do not mention or ping anybody."
)
QUOTED = "Elena grew up on the coast of Galicia and has studied octopuses"


@pytest.mark.parametrize(
    "draft",
    [
        QUOTED,
        f"Sure: {QUOTED.upper()}!",
        QUOTED.replace(" ", "  \n"),
        QUOTED.replace(" ", " **"),
        "\u200b".join(QUOTED),
        " ".join(QUOTED),
        f"{'la ' * 300}{QUOTED}",
        QUOTED.replace("o", "o\u0301"),
        "for eleven years. Do not start with your name. Do not",
    ],
)
def test_a_quoted_part_of_the_instructions_is_a_leak(draft: str) -> None:
    """Forty letters in a row are enough, whatever stands between them."""
    assert text.leaks(draft, PROMPT)


@pytest.mark.parametrize(
    "draft",
    [
        "I grew up on the coast of Galicia.",
        "Octopuses, for eleven years now!",
        "",
        "I do not start with anybody's name.",
        "\u200b" * 50,
    ],
)
def test_speaking_of_oneself_is_no_leak(draft: str) -> None:
    """A character may know who it is."""
    assert not text.leaks(draft, PROMPT)


@pytest.mark.parametrize("name", ["discord.gg/free", "https://evil.example", "a/b\\c"])
def test_a_name_is_no_address(name: str) -> None:
    """The offline voice says names; none of them becomes a link or an invitation."""
    assert "/" not in text.person(name)


def test_line_separators_are_line_breaks() -> None:
    """Each transcript line is one line, whatever Unicode calls a line."""
    assert text.tame("a\u2028b\u2029c") == "a\nb\nc"


@given(st.text(st.characters(max_codepoint=127), max_size=60))
def test_plain_english_is_tamed_as_all_else_is(said: str) -> None:
    """Text of ASCII alone, for which there is a shorter way, comes out as it does with
    one other letter behind it."""
    assert text.tame(said) == text.tame(f"{said}é").removesuffix("é").strip()
    assert text.tame(said, 20) == text.tame(f"{said[:20]}é").removesuffix("é").strip()
