"""What is dear to make and the same for every test of the brain."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import pytest

from app.brain import interest
from app.domain.character import Character
from app.likeness.encoder import Encoder
from app.likeness.space import Space
from app.likeness.subjects import Subjects


@pytest.fixture(scope="package", autouse=True)
def _anchors_are_made_once() -> Iterator[None]:
    """Subjects never change, and depend on nothing but these three: hundreds of tests
    share those of a character, where each made its own."""
    made: dict[tuple[str, Encoder, Space], Subjects] = {}

    def shared(
        characters: Mapping[str, Character], encoder: Encoder, space: Space
    ) -> Subjects:
        files = "\n".join(one.model_dump_json() for one in characters.values())
        key = (files, encoder, space)
        if key not in made:
            made[key] = Subjects(characters, encoder, space)
        return made[key]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(interest, "Subjects", shared)
        yield
