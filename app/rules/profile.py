"""What of a character bends its bids: how much it talks, and what it cares about."""

from __future__ import annotations

from dataclasses import dataclass

from app.domain.character import Character
from app.rules.interests import Interests

CHATTINESS_BITS = 4.0
"""Bits by which chattiness 0 or 1 moves a bid down or up from that of 0.5."""


@dataclass(frozen=True, slots=True)
class Profile:
    """One character's. `chattiness` is between 0 and 1; at 1 it bids for whatever is
    not ambient."""

    chattiness: float = 0.5
    interests: Interests | None = None

    def parts(self, text: str) -> dict[str, float]:
        """What the character adds to a bid for this text, in bits."""
        interest = self.interests.bits(text) if self.interests is not None else 0.0
        return {
            "chattiness": (self.chattiness - 0.5) * 2 * CHATTINESS_BITS,
            "interest": interest,
        }

    def touched(self, text: str) -> bool:
        """Whether the text holds words of the character's interests."""
        return self.interests is not None and self.interests.touched(text) > 0

    @property
    def always(self) -> bool:
        """Whether it bids whatever its score."""
        return self.chattiness >= 1


NEUTRAL = Profile()
"""Of nobody in particular, as the people of a chat log are."""


def profile_of(character: Character) -> Profile:
    """What a character file says about its bids."""
    said = (word for interest in character.interests for word in interest.words)
    return Profile(character.pacing.chattiness, Interests(said))
