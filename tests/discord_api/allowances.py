"""Where Discord's description and Discord's behaviour are known to differ. Each says
why."""

from __future__ import annotations

from dataclasses import dataclass

from jsonschema import ValidationError


@dataclass(frozen=True, slots=True)
class Allowance:
    """A deviation that is none: the end of its JSON path (list positions are `*`), and
    what stands there or is said of it."""

    place: str
    why: str
    value: object = None
    message: str = ""


ALLOWANCES = (
    Allowance(
        "message_reference.type",
        "only 0 (reply) is listed; Discord's reference documents 1 (forward), and Discord sends it",
        value=1,
    ),
    Allowance(
        "answer 200 *.type",
        "channels of type 16 (media) are not listed; Discord's reference documents them, and servers have them",
        value=16,
    ),
    Allowance(
        "answer 200 type",
        "as above, for one channel",
        value=16,
    ),
    Allowance(
        "_errors.*.code",
        "described as a number; Discord sends words such as BASE_TYPE_REQUIRED, and its reference shows them",
        message="'",
    ),
    Allowance(
        "answer 429",
        "Discord's reference calls `code` optional here, and the answers of most limits have none",
        message="'code' is a required property",
    ),
    Allowance(
        "request allow",
        "of an overwrite: described as a number; Discord's reference says a string of bits, and clients send it",
        message="'",
    ),
    Allowance(
        "request deny",
        "of an overwrite: described as a number; Discord's reference says a string of bits, and clients send it",
        message="'",
    ),
)


def allowed(place: str, error: ValidationError) -> bool:
    """Is this deviation a known difference? `place` says which body it is in, too."""
    return any(place.endswith(one.place) and _fits(one, error) for one in ALLOWANCES)


def _fits(one: Allowance, error: ValidationError) -> bool:
    if one.value is not None:
        return bool(error.instance == one.value)
    return error.message.startswith(one.message)
