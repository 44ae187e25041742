"""`the-stream new`: cards made to their formats' specifications become valid character
files, and what does not fit is listed."""

from __future__ import annotations

import base64
import json
import struct
import zlib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.character import Character, Mood, read_character
from app.domain.errors import CharacterError
from app.domain.safe_yaml import load_yaml
from app.operator.new.cards import read_card
from app.operator.new.sources import described, sketched
from tests.cli.commands import run

V2: dict[str, Any] = {
    "spec": "chara_card_v2",
    "spec_version": "2.0",
    "data": {
        "name": "Mira",
        "description": "{{char}} keeps a small library in a harbour town.",
        "personality": "dry, curious, kind",
        "scenario": "{{user}} comes in out of the rain.",
        "first_mes": "*looks up* Hello, {{user}}. Mind the stack by the door.",
        "mes_example": "<START>\n{{user}}: I am bored.\n{{char}}: Page one of anything.\n"
        "You may stop at page ten.\n<START>\n{{char}}: The rain suits you.",
        "creator_notes": "best with a warm model",
        "system_prompt": "Write {{char}}'s next reply.",
        "post_history_instructions": "",
        "alternate_greetings": [
            "You again, {{user}}.",
            "{{random:a,b}} We are closed.",
        ],
        "tags": ["books", "rain"],
        "creator": "somebody",
        "character_version": "1",
        "extensions": {"depth_prompt": {"prompt": "x"}},
        "character_book": {"entries": [{"keys": ["cellar"], "content": "locked"}] * 3},
    },
}
V3: dict[str, Any] = {
    "spec": "chara_card_v3",
    "spec_version": "3.0",
    "data": V2["data"]
    | {
        "nickname": "Librarian",
        "group_only_greetings": ["Quiet, all of you."],
        "assets": [{"type": "icon", "uri": "ccdefault:", "name": "main", "ext": "png"}],
        "creation_date": 1_700_000_000,
    },
}
ELIZA: dict[str, Any] = {
    "name": "Mira",
    "username": "mira_reads",
    "modelProvider": "openai",
    "plugins": ["@elizaos/plugin-discord"],
    "settings": {"secrets": {"DISCORD_API_TOKEN": "s3cret-token"}},
    "system": "Roleplay as Mira.",
    "bio": ["Mira keeps a small library.", "She has read most of it."],
    "lore": ["She once hid a fox in the cellar."],
    "adjectives": ["dry", "kind"],
    "topics": ["books", "foxes"],
    "knowledge": ["The library opened in 1911."],
    "style": {"all": ["Short sentences."], "chat": ["Never shouts."], "post": ["x"]},
    "messageExamples": [
        [
            {"name": "{{name1}}", "content": {"text": "What should I read?"}},
            {"name": "Mira", "content": {"text": "What was the last one, {{name1}}?"}},
        ]
    ],
    "postExamples": ["A quiet day. Three readers and a cat."],
}


def chunk(kind: bytes, body: bytes) -> bytes:
    """A chunk of a PNG."""
    checksum = struct.pack(">I", zlib.crc32(kind + body))
    return struct.pack(">I", len(body)) + kind + body + checksum


def png(**texts: object) -> bytes:
    """A picture of one pixel that carries these objects in base64."""
    header = struct.pack(">IIBBBBB", 1, 1, 8, 0, 0, 0, 0)
    carried = [
        chunk(
            b"tEXt",
            keyword.encode() + b"\0" + base64.b64encode(json.dumps(card).encode()),
        )
        for keyword, card in texts.items()
    ]
    pixel = chunk(b"IDAT", zlib.compress(b"\0\0"))
    parts = [chunk(b"IHDR", header), *carried, pixel, chunk(b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def made(tmp_path: Path, content: bytes) -> tuple[Character, list[str]]:
    """The character that a card becomes, read as the stream reads it, and what was left
    out."""
    card = tmp_path / "card"
    card.write_bytes(content)
    sketch = sketched("mira", read_card(card))
    file = tmp_path / "mira.yaml"
    file.write_text(sketch.yaml(), "utf-8")
    return read_character(file), sketch.left_out


@pytest.mark.parametrize(
    "content",
    [
        png(chara=V2),
        json.dumps(V2).encode(),
        json.dumps(V2["data"]).encode(),
        b"\xef\xbb\xbf" + json.dumps(V2).encode(),
    ],
    ids=["PNG", "JSON", "V1", "with a mark"],
)
def test_a_sillytavern_card_becomes_a_character(tmp_path: Path, content: bytes) -> None:
    """Its words, greetings, examples and tags come along; the rest is listed."""
    mira, left = made(tmp_path, content)
    assert mira.display_name == "Mira"
    assert "Mira keeps a small library" in mira.persona
    assert "you comes in" in mira.persona
    assert "AI character" in mira.persona
    assert [one.name for one in mira.interests] == ["books", "rain"]
    greetings = [one.text for one in mira.lines if one.mood is Mood.GREETING]
    assert greetings == [
        "*looks up* Hello, {author}. Mind the stack by the door.",
        "You again, {author}.",
        "We are closed.",
    ]
    answer = next(one for one in mira.lines if one.cue)
    assert (answer.cue, answer.text) == (
        "I am bored.",
        "Page one of anything.\nYou may stop at page ten.",
    )
    assert "The rain suits you." in [one.text for one in mira.lines]
    assert any(one.mood is Mood.HONEST for one in mira.lines)
    assert left == [
        "character_book: 3 entries (The Stream has no lorebook)",
        "creator_notes",
        "system_prompt",
        "extensions",
    ]


def test_of_two_cards_in_a_picture_the_newer_counts(tmp_path: Path) -> None:
    """A V3 card stands beside a V2 one for older programs."""
    other = {"data": {"name": "Old", "description": "old"}}
    mira, left = made(tmp_path, png(chara=other, ccv3=V3))
    assert (mira.display_name, mira.aliases) == ("Mira", ("Librarian",))
    assert "Quiet, all of you." in [one.text for one in mira.lines]
    assert "assets" in left


def test_an_elizaos_character_becomes_a_character(tmp_path: Path) -> None:
    """Biography, lore, style, topics and examples come along; of secrets not even the
    names of a level below are told."""
    mira, left = made(tmp_path, json.dumps(ELIZA).encode())
    for part in ("small library", "hid a fox", "dry, kind", "Never shouts."):
        assert part in mira.persona
    assert mira.aliases == ("mira_reads",)
    assert [one.name for one in mira.interests] == ["books", "foxes"]
    answer = next(one for one in mira.lines if one.cue)
    assert (answer.cue, answer.text) == (
        "What should I read?",
        "What was the last one, {author}?",
    )
    assert left == ["modelProvider", "plugins", "settings", "system", "knowledge"]
    assert "s3cret" not in (tmp_path / "mira.yaml").read_text() + str(left)


@pytest.mark.parametrize(
    ("content", "line"),
    [
        (png(), "is a picture without a character card"),
        (png(other=V2), "is a picture without a character card"),
        (png(chara=V2)[:60], "is a picture without a character card"),
        (png(chara=[1]), "holds no character"),
        (b"\xff\xd8\xff\xe0 a photograph", "is neither JSON nor a PNG"),
        (b"[" * 100_000, "is neither JSON nor a PNG"),
        (b"{}", "it has no `name`"),
        (b'{"name": "x"}', "no SillyTavern card and no elizaOS character"),
    ],
)
def test_what_is_no_card_is_one_line(tmp_path: Path, content: bytes, line: str) -> None:
    """A photograph, a picture that was cut off, somebody else's JSON."""
    with pytest.raises(CharacterError) as refused:
        made(tmp_path, content)
    assert line in str(refused.value)
    assert "\n" not in str(refused.value)


Json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=30),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)
FIELDS = sorted((V3["data"] | ELIZA).keys())


@given(st.dictionaries(st.sampled_from(FIELDS), Json))
def test_whatever_a_card_holds_it_is_a_character_or_one_line(
    card: dict[str, Any],
) -> None:
    """Wrong types, control characters, braces, half characters: never a stack trace,
    and never a file that the stream refuses."""
    told = ""
    try:
        text = sketched("mira", card).yaml()
    except CharacterError as error:
        told = str(error)
    if told:
        assert "\n" not in told
        return
    Character.model_validate(load_yaml(text))


def test_a_long_line_ends_with_a_sentence_and_a_persona_with_what_it_is() -> None:
    """What is too long for a character file is shortened, never refused."""
    card = {
        "name": "M" * 99,
        "description": "word " * 9_000,
        "first_mes": "A sentence of words. " * 60,
        "alternate_greetings": ["x" * 900, *(f"Hello {n}" for n in range(300))],
    }
    mira = Character.model_validate(load_yaml(sketched("mira", card).yaml()))
    assert mira.lines[0].text.endswith("words.")
    assert mira.persona.endswith("says so when asked.")


def test_a_description_is_enough() -> None:
    """Subjects are taken, or guessed from the words."""
    sketch = described("storm-keeper", "A lighthouse keeper.", "storms, tea, Storms")
    keeper = Character.model_validate(load_yaml(sketch.yaml()))
    assert keeper.display_name == "Storm Keeper"
    assert [one.name for one in keeper.interests] == ["storms", "tea"]
    guess = described("keeper", "A lighthouse keeper.")
    guessed = Character.model_validate(load_yaml(guess.yaml()))
    assert guessed.interests[0].words == ("lighthouse", "keeper")
    assert "guessed" in guess.left_out[0]


def test_the_command_writes_a_file_that_check_takes(tmp_path: Path) -> None:
    """It says where, and what was left out; it overwrites nothing."""
    (tmp_path / "card.png").write_bytes(png(ccv3=V3))
    words = ("new", "mira", "--card", "card.png", "--to", "mine")
    done = run(*words, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Written: mine/mira.yaml\n")
    assert "not carried over: system_prompt" in done.stdout
    assert run("check", "mine/mira.yaml", cwd=tmp_path).returncode == 0
    again = run(*words, cwd=tmp_path)
    assert (again.returncode, again.stderr.count("\n")) == (2, 1)
    assert "is there already" in again.stderr
    (tmp_path / "photo.png").write_bytes(png())
    for wrong in (
        ("Mira",),
        ("mira",),
        ("ada", "--card", "photo.png"),
        ("ada", "--card", "no"),
    ):
        refused = run("new", *wrong, cwd=tmp_path)
        assert (refused.returncode, refused.stderr.count("\n")) == (2, 1), wrong
