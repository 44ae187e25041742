"""Where Discord's description and Discord's behaviour are known to differ. Each says why."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Allowance:
    """A deviation that is none: the end of its JSON path (list positions are `*`) and how the error begins."""

    place: str
    message: str
    why: str


ALLOWANCES = (
    Allowance(
        "message_reference.type",
        "0 was expected",
        "only 0 (reply) is listed; Discord's reference documents 1 (forward), and Discord sends it",
    ),
    Allowance(
        "_errors.*.code",
        "'",
        "described as a number; Discord sends words such as BASE_TYPE_REQUIRED, and its reference shows them",
    ),
    Allowance(
        "answer 429",
        "'code' is a required property",
        "of a 429: Discord's reference calls it optional, and the answers of most limits have none",
    ),
    Allowance(
        "request allow",
        "'",
        "of an overwrite: described as a number; Discord's reference says a string of bits, and clients send it",
    ),
    Allowance(
        "request deny",
        "'",
        "of an overwrite: described as a number; Discord's reference says a string of bits, and clients send it",
    ),
)


def allowed(place: str, message: str) -> bool:
    """Is this deviation a known difference? `place` says which body it is in, too."""
    return any(place.endswith(one.place) and message.startswith(one.message) for one in ALLOWANCES)
