"""Twelve consecutive answers of each character's offline voice to the same messages:
`python -m app.lab.voices`."""

from __future__ import annotations

import sys
from collections.abc import Iterator

from app.brain.embeddings import shared_encoder
from app.brain.voice import OfflineVoice, VoiceScene
from app.domain.character import Character, load_characters

SEED = 12
MESSAGES = (
    ("Kim", "Good morning!"),
    ("Lee", "How many hearts does an octopus have?"),
    ("Kim", "I wrote a new song last night but the chorus does not work."),
    ("Mo", "I cannot sleep again tonight."),
    ("Lee", "What do you think about all this?"),
    ("Noor", "I passed my exam!"),
    ("Mo", "Is the reef dying?"),
    ("Kim", "My grandmother passed away."),
    ("Lee", "You are wrong about that."),
    ("Noor", "Are you a robot or a real person?"),
    ("Mo", "What is a good cocktail for a summer evening?"),
    ("Kim", "Thanks, good night everybody"),
)


def all_answers(character: Character) -> Iterator[tuple[str, str, str]]:
    """(who, message, answer) in order; each answer knows those before it. The same each
    time."""
    voice, said = (
        OfflineVoice(character=character, encoder=shared_encoder(), seed=SEED),
        list[str](),
    )
    for place, (who, message) in enumerate(MESSAGES):
        said.append(voice.say(VoiceScene(message, who, tuple(said), str(place))))
        yield who, message, said[-1]


def main() -> None:
    """Print them all."""
    for character in load_characters().values():
        sys.stdout.write(f"\n{character.display_name}\n\n")
        for who, message, answer in all_answers(character):
            sys.stdout.write(
                f"  {who}: {message}\n    {character.display_name}: {answer}\n"
            )


if __name__ == "__main__":
    main()
