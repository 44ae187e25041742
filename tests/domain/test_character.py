"""Character files: what is shipped is good, what is wrong is named in one line."""

from __future__ import annotations

from importlib import resources
from pathlib import Path

import pytest

from app.domain.character import (
    MAX_FILE,
    Character,
    Mood,
    character_from_json,
    load_character,
    load_characters,
    load_readable,
    plain_emoji,
)
from app.domain.errors import CharacterError, ConfigurationError, UnknownBot
from app.domain.safe_yaml import load_yaml
from tests.written_yaml import dump_yaml

SHIPPED = load_characters()
GOOD = """\
name: mira
display_name: Mira
persona: A librarian.
interests:
  - name: books
    words: [book]
    examples: [I read a book.]
lines:
  - {text: "Hello {author}, about {topic}?", mood: greeting}
"""


def written(folder: Path, text: str, name: str = "mira") -> Path:
    """A folder with one character file."""
    (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    return folder


def test_three_characters_are_shipped() -> None:
    """elena, aria and dotty load, and their names address nobody else."""
    assert list(SHIPPED) == ["aria", "dotty", "elena"]


@pytest.mark.parametrize("character", SHIPPED.values(), ids=SHIPPED.keys())
def test_a_shipped_character_has_something_to_say(character: Character) -> None:
    """At least 30 different short lines, an answer to every mood and interest,
    reactions, and no key."""
    texts = [line.text for line in character.lines]
    assert len(set(texts)) == len(texts) >= 30
    assert max(map(len, texts)) <= 200
    for mood in Mood:
        assert len([line for line in character.lines if line.mood is mood]) >= 3, mood
    for interest in character.interests:
        assert (
            len([line for line in character.lines if line.topic == interest.name]) >= 4
        ), interest.name
        assert interest.name in character.reactions
    assert "bot" in " ".join(
        line.text for line in character.lines if line.mood is Mood.HONEST
    )
    assert character.model is None


@pytest.mark.parametrize("character", SHIPPED.values(), ids=SHIPPED.keys())
def test_a_character_survives_the_vault(character: Character) -> None:
    """Published as JSON and read back it is the same; a newer version's field does not
    stop an older worker."""
    text = character.model_dump_json()
    assert character_from_json(text) == character
    assert character_from_json(text[:-1] + ',"invented_later":1}') == character


def test_numbers_are_taken_as_ids(tmp_path: Path) -> None:
    """Discord ids need no quotes in YAML."""
    character = load_character(
        "mira", written(tmp_path, GOOD + "watchlist: [123]\ntrusted: {456: 5}\n")
    )
    assert character.watchlist == ("123",)
    assert character.trusted == {"456": 5}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            ("examples: [I read a book.]", "examples: []"),
            "mira.yaml: interests.0.examples: ",
        ),
        (("words: [book]", "wrods: [book]"), "mira.yaml: interests.0.words: "),
        (
            ("persona: A librarian.", "persona: A librarian.\nmood: grumpy"),
            "mira.yaml: mood: Extra inputs",
        ),
        (
            ("persona: A librarian.", "persona: '  '"),
            "mira.yaml: persona: must not be blank",
        ),
        (
            ("name: mira", "name: other"),
            "mira.yaml: name: must be the file's own, 'mira'",
        ),
        (("name: mira", "name: Mira"), "mira.yaml: name: "),
        (("mood: greeting", "mood: hungry"), "mira.yaml: lines.0.mood: "),
        (
            ("mood: greeting", "topic: cars"),
            "mira.yaml: lines.0.topic: no interest is named 'cars'",
        ),
        (
            ("{author}", "{password}"),
            "mira.yaml: lines.0.text: may hold only the slots",
        ),
        (("persona: A", "trusted: {456: 9}\npersona: A"), "mira.yaml: trusted.456: "),
        (("persona: A", "trusted: {Sam: 4}\npersona: A"), "mira.yaml: trusted.Sam"),
        (
            ("persona: A", "pacing: {chattiness: .nan}\npersona: A"),
            "mira.yaml: pacing.chattiness: ",
        ),
        (
            ("persona: A", "pacing: {cooldown: -1}\npersona: A"),
            "mira.yaml: pacing.cooldown: ",
        ),
        (
            ("persona: A", "pacing: {cooldown: 1.0e+300}\npersona: A"),
            "mira.yaml: pacing.cooldown: Input should be less than or equal to",
        ),
        (
            ("persona: A", "pacing: {quiet_time: 90000}\npersona: A"),
            "mira.yaml: pacing.quiet_time: Input should be less than or equal to",
        ),
        (
            ("persona: A", "reactions: {any: [':smile:']}\npersona: A"),
            "mira.yaml: reactions.any.0: is not one plain",
        ),
        (
            ("persona: A", "reactions: {angry: ['👀']}\npersona: A"),
            "mira.yaml: reactions.angry: ",
        ),
        (("persona: A", "model: {model: gpt}\npersona: A"), "mira.yaml: model.model: "),
        (
            ("persona: A", "model: {model: 'openai:m', api_key: sk-1}\npersona: A"),
            "mira.yaml: model.api_key: Extra",
        ),
        (
            (
                "persona: A",
                "model: {model: 'openai:m', base_url: 'https://u:p@h/v1'}\npersona: A",
            ),
            "base_url: must not hold",
        ),
        (
            ("persona: A", "name: mira\npersona: A"),
            "mira.yaml: line 3: 'name' appears twice",
        ),
        (("name: mira", "name: [unclosed"), "mira.yaml: line "),
        (
            ("name: mira", "name: !!python/object/apply:os.system [ls]"),
            "mira.yaml: line ",
        ),
    ],
)
def test_a_mistake_is_named_in_one_line(
    tmp_path: Path, change: tuple[str, str], message: str
) -> None:
    """The error says which file and which field, in one line, and is a configuration
    error."""
    with pytest.raises(CharacterError) as caught:
        load_character("mira", written(tmp_path, GOOD.replace(*change, 1)))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)
    assert isinstance(caught.value, ConfigurationError)


BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{chr(98 + n)}: &{chr(98 + n)} [{','.join(['*' + chr(97 + n)] * 9)}]\n"
    for n in range(9)
)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (BOMB, "aliases are not allowed"),
        (GOOD + "#" * MAX_FILE, "larger than 256 KiB"),
        ("[" * 100_000, "nested too deeply"),
        ("just words", "must be a mapping"),
        ("", "must be a mapping"),
        ("? [a, b]\n: c", "mira.yaml"),
        ("name: 2024-99-99", "mira.yaml"),
    ],
    ids=["bomb", "huge", "deep", "words", "empty", "list key", "bad date"],
)
def test_a_strangers_file_does_no_harm(tmp_path: Path, text: str, message: str) -> None:
    """Bombs, huge and deeply nested files are refused quickly and in one line."""
    with pytest.raises(CharacterError, match=message) as caught:
        load_character("mira", written(tmp_path, text))
    assert "\n" not in str(caught.value)


def test_binary_is_refused(tmp_path: Path) -> None:
    """A file that is not UTF-8 is named."""
    (tmp_path / "mira.yaml").write_bytes(b"\xff\xfe\x00name")
    with pytest.raises(CharacterError, match="UTF-8"):
        load_character("mira", tmp_path)


@pytest.mark.parametrize(
    "name", ["nobody", "../elena", "elena.yaml", "", "ELENA", "a" * 5_000]
)
def test_an_unknown_bot_is_told_who_is_known(name: str) -> None:
    """The error lists the names there are, and no path leaves the folder."""
    with pytest.raises(UnknownBot, match="known: aria, dotty, elena"):
        load_character(name)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    """An operator's typing slip in the folder is one clear line."""
    with pytest.raises(CharacterError, match="STREAM_CHARACTERS_DIR"):
        load_characters(tmp_path / "nowhere")


def test_two_bots_cannot_share_a_name(tmp_path: Path) -> None:
    """An alias that addresses two bots would make every gateway disagree."""
    written(tmp_path, GOOD + "aliases: [Lib]\n")
    written(
        tmp_path,
        GOOD.replace("mira", "nora").replace("Mira", "Nora") + "aliases: [lib]\n",
        "nora",
    )
    with pytest.raises(
        CharacterError, match=r"nora\.yaml: aliases: 'lib' also names mira"
    ):
        load_characters(tmp_path)


@pytest.mark.parametrize(
    ("text", "emoji"),
    [
        ("👍", "👍"),
        ("👍🏽", "👍🏽"),
        ("❤", "❤️"),
        ("❤️", "❤️"),
        ("🌊 ", "🌊"),
        ("☀", "☀️"),
        ("", ""),
        ("a", ""),
        ("👍👍", ""),
        ("<:x:1>", ""),
        ("█", ""),
        ("👨\u200d👩", ""),
        ("🏽", "🏽"),
        ("#", ""),
    ],
)
def test_plain_emoji(text: str, emoji: str) -> None:
    """Exactly one emoji that every Discord client draws, in the form Discord expects;
    else nothing."""
    assert plain_emoji(text) == emoji


def test_one_mistake_silences_one_bot(tmp_path: Path) -> None:
    """The others' files are read; of two that share a name the later is wrong."""
    for name in ("aria", "dotty", "elena"):
        shipped = resources.files("app.characters") / f"{name}.yaml"
        (tmp_path / f"{name}.yaml").write_text(shipped.read_text("utf-8"), "utf-8")
    (tmp_path / "dotty.yaml").write_text("name: [", "utf-8")
    found, wrong = load_readable(["aria", "dotty", "elena", "zoe"], tmp_path)
    assert (set(found), set(wrong)) == ({"aria", "elena"}, {"dotty", "zoe"})
    assert "dotty.yaml" in str(wrong["dotty"])
    text = (tmp_path / "elena.yaml").read_text("utf-8")
    made = load_yaml(text) | {"aliases": ["Aria"]}
    (tmp_path / "elena.yaml").write_text(dump_yaml(made), "utf-8")
    found, wrong = load_readable(["aria", "elena"], tmp_path)
    assert set(found) == {"aria"}
    assert "also names aria" in str(wrong["elena"])
