"""What of a character bends its bids: how much it talks, and what it cares about."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from app.domain.character import Character
from app.rules.interests import Interests, Likeness
from app.rules.reading import Reading

CHATTINESS_BITS = 4.0
"""Bits by which chattiness 0 or 1 moves a bid down or up from that of 0.5."""

HAND_OVER_BITS = 7.0
"""Bits that a message on its subject has more for a character, where another of our
bots would go on answering by its thread alone."""
SURE_BITS = 5.0
"""Bits of interest from which all of that counts; of fewer, their share."""
FOLLOW_UP_BITS = 1.0
"""Bits of a follow-up in the character's own thread."""
UNRELATED_BITS = 4.0
"""Bits that a message there has less, when it follows up on nothing."""
BETWEEN_BITS = 4.0
"""Bits that a message has less between two people who speak to each other."""
FOLLOWS = 0.0
"""Likeness to a follow-up from which a message is one."""
FOLLOWS_NOT = -0.12
"""Likeness below which it is none."""


class Thread(Enum):
    """Whose exchange a message goes on with, as far as the channel shows."""

    NOBODYS = "nobody's"
    OWN = "own"
    COLLEAGUES = "a colleague's"
    PEOPLES = "two people's"


def subject_change(interest: float, likeness: Likeness | None, thread: Thread) -> float:
    """What a thread is worth less, or a subject more, where the two disagree; in bits.

    A message that is sure to be about something is its expert's; a bare follow-up stays
    with whom it follows; what is neither is nobody's.
    """
    if thread is Thread.COLLEAGUES:
        # No measured likeness is asked for: words alone may hand a subject over.
        return HAND_OVER_BITS * min(1.0, max(0.0, interest / SURE_BITS))
    if thread is not Thread.OWN or likeness is None:
        return 0.0
    follows = _follows(likeness)
    # A bare follow-up is like nobody's subject, and that must not speak against it.
    kept = FOLLOW_UP_BITS + max(0.0, -interest)
    return follows * kept - (1.0 - follows) * UNRELATED_BITS


def is_follow_up(likeness: Likeness) -> bool:
    """Whether a message is a bare follow-up rather than none."""
    return _follows(likeness) >= 0.5


def _follows(likeness: Likeness) -> float:
    """How surely a message is a follow-up, 0 to 1."""
    share = (likeness.follow_up - FOLLOWS_NOT) / (FOLLOWS - FOLLOWS_NOT)
    return min(1.0, max(0.0, share))


@dataclass(frozen=True, slots=True)
class Profile:
    """One character's. `chattiness` is between 0 and 1; at 1 it bids for whatever is
    not ambient."""

    chattiness: float = 0.5
    interests: Interests | None = None
    thought_wait: float | None = None
    """Seconds, in place of the operator's setting."""

    def parts(
        self, text: Reading, likeness: Likeness | None, thread: Thread
    ) -> dict[str, float]:
        """What the character adds to a bid for this text, in bits."""
        known = self.interests
        interest = change = 0.0
        if known is not None:
            interest = asked = known.bits(text, likeness)
            # A thread is handed over to whom the message is near; who of several is
            # the nearest, their interest tells.
            if thread is Thread.COLLEAGUES and likeness is not None:
                asked = known.bits(text, likeness.alone)
            change = subject_change(asked, likeness, thread)
        parts = {
            "chattiness": (self.chattiness - 0.5) * 2 * CHATTINESS_BITS,
            "interest": interest,
            "subject_change": change,
        }
        if known is not None and thread is Thread.PEOPLES:
            # Who breaks in on two people must be surer.
            parts["between_people"] = -BETWEEN_BITS
        return parts

    def touched(self, text: Reading) -> bool:
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
    pacing = character.pacing
    return Profile(pacing.chattiness, Interests(said), pacing.thought_wait)
