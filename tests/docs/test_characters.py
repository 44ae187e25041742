"""What docs/characters.md says of character files is so."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import BaseModel

from app.domain.character import (
    Character,
    Interest,
    ModelConfig,
    Mood,
    Pacing,
    VoiceLine,
    load_character,
)

PAGE = (Path(__file__).parents[2] / "docs" / "characters.md").read_text(
    encoding="utf-8"
)


def test_the_example_is_a_character(tmp_path: Path) -> None:
    """It can be copied as it stands."""
    example = re.search(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    assert example is not None
    (tmp_path / "mira.yaml").write_text(example[1], encoding="utf-8")
    character = load_character("mira", tmp_path)
    assert character.model is not None
    assert character.interests[0].examples == (
        "I cannot put this novel down.",
        "What should I read next?",
    )


@pytest.mark.parametrize("part", [Character, Interest, VoiceLine, Pacing, ModelConfig])
def test_every_field_is_told(part: type[BaseModel]) -> None:
    """No field of a character file has to be looked up in the code, nor any mood."""
    for name in (*part.model_fields, *Mood):
        assert re.search(rf"\b{re.escape(name)}\b", PAGE), name
