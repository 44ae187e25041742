"""The demo's opening: who is there, and what the people say before you do. Data
only."""

from __future__ import annotations

from typing import NamedTuple

PEOPLE = ("Mara", "Jonas", "Priya", "Tom")

CHANNELS = {
    "lounge": "everything and nothing · all three characters listen here",
    "ocean": "reefs, whales and what lives below",
    "music": "songs, strings and studios",
    "reading-room": "here the characters speak only when they are asked",
}
SPOKEN = ("lounge", "ocean", "music")
"""The channels where a character may speak unasked."""


class ScriptedLine(NamedTuple):
    """One line: seconds after the one before, the person, the channel (or `@Bot` for a
    direct message) and the text.

    With `reply_to` it replies to that bot's newest message in the channel, if there is
    one.
    """

    wait: float
    who: str
    where: str
    text: str
    reply_to: str | None = None


OPENING = (
    ScriptedLine(
        0.5,
        "Mara",
        "lounge",
        "Good morning! The sun is up, the ferry is not, so all is as it should be.",
    ),
    ScriptedLine(
        1.5, "Jonas", "lounge", "It is never on time. Mara, keep a seat for me?"
    ),
    ScriptedLine(
        2.0,
        "Jonas",
        "ocean",
        "I saw a documentary about octopuses on Sunday. Do they really have three hearts?",
    ),
    ScriptedLine(
        2.5,
        "Priya",
        "music",
        "My chorus does not work. How do you get from a sad verse to a chorus that lifts?",
    ),
    ScriptedLine(
        2.5,
        "Tom",
        "lounge",
        "Can anybody recommend a cocktail without alcohol for a summer evening?",
    ),
    ScriptedLine(
        3.5, "Jonas", "ocean", "Do octopuses really taste with their arms?", "Elena"
    ),
    ScriptedLine(
        2.0,
        "Mara",
        "lounge",
        "@Aria @Dotty we need music and drinks for the beach party. Ideas?",
    ),
    ScriptedLine(
        2.5, "Jonas", "@Aria", "Between us: is it too late to learn the piano at forty?"
    ),
    ScriptedLine(
        3.0, "Priya", "lounge", "Does anybody know a good song for a rainy day?"
    ),
    ScriptedLine(2.5, "Tom", "lounge", "lol"),
    ScriptedLine(2.0, "Priya", "music", "Thank you, Aria, that helps a lot!"),
    ScriptedLine(
        2.0,
        "Mara",
        "reading-room",
        "Halfway through a book about whales, and I cannot put it down.",
    ),
    ScriptedLine(2.5, "Mara", "lounge", "Jonas, did you bring the keys of the boat?"),
    ScriptedLine(1.5, "Jonas", "lounge", "Yes, they hang by the door."),
)
