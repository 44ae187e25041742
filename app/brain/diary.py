"""A bot's diary: one short text for a date, from what it said and heard. By its model,
else by the composer below."""

from __future__ import annotations

import json
import re
import zlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date as Date
from typing import Any

from langchain_core.messages import BaseMessage, HumanMessage, SystemMessage

from app.brain import mood
from app.brain.embeddings import LangChainEncoder
from app.brain.interest import InterestVectors
from app.brain.prompt import fenced, fill, system
from app.brain.reasoning import stripped
from app.brain.reply import unfenced
from app.brain.silence import is_refusal
from app.brain.text import leaks, outgoing, person, spoken
from app.domain.character import Character, Mood
from app.domain.model import snowflake_ms
from app.rules.privacy import Place, RecordKind, Use, may_use

PAUSE_MS = 900_000
"""A longer silence in a channel ends a conversation."""
QUOTED = 150
"""Characters of a line that is quoted."""
NAMED = 3
"""People who are named when several only came by."""
SHOWN = 40
"""Exchanges that a model is shown."""
_QUOTABLE = re.compile(r"<(day|diary)>.*?</\1>", re.DOTALL)


@dataclass(frozen=True, slots=True)
class AnsweredMoment:
    """One thing the bot answered. `name` and `heard` are empty where memory has lost
    them; `guild`: the server it was on, empty for a direct message."""

    person: str
    name: str
    heard: str
    said: str
    channel: str
    at_ms: int
    guild: str = ""

    @property
    def private(self) -> bool:
        """A direct message."""
        return bool(self.heard) and not self.guild


@dataclass(frozen=True, slots=True)
class Day:
    """A date (ISO) as one bot lived it. `facts`: (name, what it learned); `guild`: the
    server of which may be told."""

    date: str
    exchanges: tuple[AnsweredMoment, ...] = ()
    facts: tuple[tuple[str, str], ...] = ()
    guild: str = ""

    @property
    def open(self) -> tuple[AnsweredMoment, ...]:
        """What may be told: on the day's server, not in private, and still known."""
        return tuple(one for one in self.exchanges if one.heard and self._may_tell(one))

    def _may_tell(self, one: AnsweredMoment) -> bool:
        source, here = Place(one.channel, one.guild), Place("", self.guild)
        return may_use(RecordKind.LINE, source, here, Use.DIARY, about=one.person)

    @property
    def busiest(self) -> str:
        """The server with the most conversation; empty where there was none but in
        private."""
        servers = Counter(one.guild for one in self.exchanges if one.guild)
        return max(servers, key=lambda server: (servers[server], server), default="")

    @property
    def people(self) -> tuple[str, ...]:
        """The ids of everybody in it."""
        return tuple(sorted({one.person for one in self.exchanges if one.person}))

    @property
    def ordinal(self) -> int:
        """The number of the day, by which phrases take turns."""
        return Date.fromisoformat(self.date).toordinal()

    def conversations(self) -> int:
        """How many conversations there were."""
        last: dict[str, int] = {}
        count = 0
        for one in sorted(self.exchanges, key=lambda one: one.at_ms):
            count += one.at_ms - last.get(one.channel, -PAUSE_MS - 1) > PAUSE_MS
            last[one.channel] = one.at_ms
        return count


def day_of(
    date: str, said: Sequence[str], heard: Mapping[str, Mapping[str, Any]]
) -> Day:
    """The day from the bot's journal (`said`: JSON lines) and from memory (`heard`: by
    message id). Of which server it may tell, and what was learned, is the caller's to
    add."""
    exchanges = []
    for text in said:
        line = json.loads(text)
        # A reaction has no text, and a post of the bot's own answers nobody.
        if not line.get("text") or not line.get("reply_to"):
            continue
        known = heard.get(line["reply_to"])
        exchanges.append(_exchange_of(line, known))
    return Day(date, tuple(exchanges))


def _exchange_of(
    line: Mapping[str, Any], known: Mapping[str, Any] | None
) -> AnsweredMoment:
    author, at_ms = str(line.get("author") or ""), snowflake_ms(line["reply_to"])
    if known is None:
        return AnsweredMoment(
            person=author,
            name="",
            heard="",
            said=line["text"],
            channel=line["channel"],
            at_ms=at_ms,
        )
    return AnsweredMoment(
        person=author,
        name=person(known["name"]),
        heard=str(known["text"]),
        said=line["text"],
        channel=line["channel"],
        at_ms=at_ms,
        guild=str(known["guild"]),
    )


def prompt(
    character: Character, day: Day, kind: str, diary: str = ""
) -> list[BaseMessage]:
    """What a model is asked for. `kind` is diary or dream; a dream is made from the
    diary."""
    shown = [
        fenced(
            {
                "from": one.name,
                "said": clip(one.heard, 300),
                "you answered": clip(one.said, 300),
            }
        )
        for one in day.open[:SHOWN]
    ]
    learned = [
        fenced({"about": person(name), "you learned": fact}) for name, fact in day.facts
    ]
    turn = fill(
        kind,
        date=_weekday_of(day),
        count=str(day.conversations()),
        exchanges="\n".join((*shown, *learned)),
        diary=fenced(diary),
    )
    return [
        # Without the rules of a chat message: its length and JSON are not a diary's.
        SystemMessage(system(character).split("\n\nHow you write:")[0]),
        HumanMessage(turn),
    ]


def usable(character: Character, content: str, messages: Sequence[BaseMessage]) -> str:
    """A model's text as it may be kept, or "" when it is none."""
    text = outgoing(unfenced(stripped(content)).strip("`"), character.names)
    # What was said that day may be quoted; the rest of the prompt may not.
    prompts = [_QUOTABLE.sub("", str(message.content)) for message in messages]
    bad = (
        is_refusal(text)
        or any(leaks(text, one) for one in prompts)
        or text.startswith(("{", "["))
    )
    return "" if bad or not 40 <= len(text) <= 2_000 else text


# Phrases take turns by the day's number, so lists of different lengths keep a week from
# sounding alike.
_COUNTED = (
    "{weekday}. {Count}, and {topic} came up.",
    "{Count} today. If I had to name the day, I'd name it after {topic}.",
    "It was a {weekday} of {topic}, {count} long.",
    "{Count}. I counted twice. {Topic} won.",
    "A {weekday}, then. {Count}; what was said about {topic} stayed with me.",
    "On a {weekday}: {count}. Somebody brought up {topic}, so I'm content.",
    "To be noted: {count}, and {topic} is still what I wake up for.",
)
_PLAIN = (
    "{weekday}. {Count}, about everything and nothing.",
    "{Count} today, and none of them on my subjects. I listened.",
    "A {weekday} without a theme: {count}, that was all.",
)
_ASKED = (
    "{name} asked: “{heard}” I said: “{said}”",
    "“{heard}” {name} wanted to know. My answer: “{said}”",
    "The question of the day came from {name}: “{heard}” I offered this: “{said}”",
)
_TOLD = (
    "{name} said: “{heard}” What I found to say was: “{said}”",
    "It began with {name}: “{heard}” And I: “{said}”",
    "{name} told us: “{heard}” I answered before I had thought: “{said}”",
)
_MOODS: Mapping[Mood, tuple[str, ...]] = {
    Mood.SAD: (
        "{name} had a hard day: “{heard}” I hope it was the right thing to say: “{said}”",
        "I keep thinking of {name}, who said: “{heard}”",
    ),
    Mood.GLAD: (
        "{name} brought good news: “{heard}” I was glad all evening.",
        "And then {name}: “{heard}” Good for {name}.",
    ),
    Mood.THANKS: ("{name} said thank you, which nobody has to.",),
    Mood.PRAISE: ("{name} was kind about me: “{heard}” I'm keeping that.",),
    Mood.DISAGREE: ("{name} thinks I'm wrong: “{heard}” May well be.",),
    Mood.HONEST: ("{name} asked what I am. I told the truth, as always.",),
}
_ALSO = ("{names} came by as well.", "Also here: {names}.", "And {names}, in passing.")
_LEARNED = (
    "I know now that {facts}.",
    "New to me: {facts}.",
    "Worth keeping: {facts}.",
    "Learned, and noted: {facts}.",
)
_PRIVATE = (
    "{Count} wrote to me in private. That stays where it is.",
    "What {count} told me in private is not for this page.",
)
_UNSAID = (
    "What I didn't get round to saying today: “{line}”",
    "I still have this one in my pocket: “{line}”",
    "For tomorrow, should anybody ask: “{line}”",
    "Nobody asked, so I tell it to this page: “{line}”",
)
_NUMBERS = (
    "no",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
)


def compose(
    character: Character,
    encoder: LangChainEncoder,
    day: Day,
    earlier: Sequence[str] = (),
) -> str:
    """The diary without a model: in the character's own lines, and nothing in it that
    did not happen. `earlier`: texts of the days before, whose last thoughts are not
    thought again."""
    name, topics = character.name, topics_of(character, encoder, day)
    topic = topics[0] if topics else ""
    count = counted(day.conversations(), "conversation")
    opening = turn(_COUNTED if topic else _PLAIN, day, name).format(
        weekday=_weekday_of(day),
        count=count,
        Count=count.capitalize(),
        topic=topic,
        Topic=topic[:1].upper() + topic[1:],
    )
    parts = [opening, *_told_scenes(character, encoder, day)]
    if day.facts:
        learned = joined([f"{person(who)} {fact}" for who, fact in day.facts[:NAMED]])
        parts.append(turn(_LEARNED, day, name).format(facts=learned))
    private = len({one.person for one in day.exchanges if one.private})
    if private:
        people = counted(private, "person", "people")
        parts.append(
            turn(_PRIVATE, day, name).format(count=people, Count=people.capitalize())
        )
    line = unsaid(character, day, topic, earlier)
    if line:
        parts.append(turn(_UNSAID, day, name).format(line=line))
    return outgoing(" ".join(parts))


def topics_of(character: Character, encoder: LangChainEncoder, day: Day) -> list[str]:
    """What was talked about, the most frequent first."""
    said = [spoken(one.heard, character.names) for one in day.open]
    scores = InterestVectors(character, encoder).score(said)
    return [
        topic
        for topic, _ in Counter(
            topic for score, topic in scores if score >= encoder.threshold
        ).most_common()
    ]


def _told_scenes(
    character: Character, encoder: LangChainEncoder, day: Day
) -> list[str]:
    """The exchange nearest to the character's heart, one of another person's by its
    mood, and who else was there."""
    openings = [(one, clip(spoken(one.heard, character.names))) for one in day.open]
    openings = [(one, heard) for one, heard in openings if len(heard.split()) > 2]
    if not openings:
        return []
    scores = InterestVectors(character, encoder).score([heard for _, heard in openings])
    best = max(range(len(openings)), key=lambda at: scores[at][0])
    first, heard = openings[best]
    asked = mood.read(heard, encoder).question
    scenes = [
        _fill_phrase(
            turn(_ASKED if asked else _TOLD, day, character.name), first, heard
        )
    ]
    named = {first.name}
    for one, heard in openings:
        reading = mood.read(heard, encoder)
        if (
            one.name not in named
            and reading.mood in _MOODS
            and reading.sure >= mood.SURE
        ):
            scenes.append(
                _fill_phrase(
                    turn(_MOODS[reading.mood], day, character.name), one, heard
                )
            )
            named.add(one.name)
            break
    others = [
        name
        for name in dict.fromkeys(one.name for one in day.open)
        if name not in named
    ]
    if others:
        more = len(others) - NAMED
        names = [*others[:NAMED], *([counted(more, "other")] if more > 0 else [])]
        scenes.append(turn(_ALSO, day, character.name).format(names=joined(names)))
    return scenes


def unsaid(character: Character, day: Day, topic: str, earlier: Sequence[str]) -> str:
    """A line of the character's on the day's topic that it has not said that day."""
    heard = "\n".join((*(one.said for one in day.exchanges), *earlier))
    # Slots and questions need somebody who is spoken to; a diary has nobody.
    plain = [
        line
        for line in character.lines
        if line.topic is not None
        and "{" not in line.text
        and "?" not in line.text
        and line.text not in heard
    ]
    lines = [line.text for line in plain if line.topic == topic] or [
        line.text for line in plain
    ]
    return turn(lines, day, character.name) if lines else ""


def turn(phrases: Sequence[str], day: Day, name: str) -> str:
    """The phrase whose turn it is on this day with the bot of this name."""
    # A checksum, as Python's `hash` of a text differs from process to process.
    return phrases[(day.ordinal + zlib.crc32(name.encode())) % len(phrases)]


def clip(text: str, most: int = QUOTED) -> str:
    """A line fit to be quoted: one line, no double quotes, cut after a sentence or a
    word."""
    plain = " ".join(text.split()).translate(str.maketrans('“”"', "'''"))
    if len(plain) <= most:
        return plain if plain[-1:] in ".!?…'" else plain + "."
    cut = plain[:most]
    end = max(cut.rfind(". "), cut.rfind("? "), cut.rfind("! "))
    return cut[: end + 1] if end > most // 2 else cut.rsplit(" ", 1)[0] + " …"


def counted(number: int, one: str, many: str = "") -> str:
    """`three conversations`."""
    word = _NUMBERS[number] if number < len(_NUMBERS) else str(number)
    return f"{word} {one if number == 1 else many or one + 's'}"


def joined(names: Sequence[str]) -> str:
    """`Kim, Lee and Mo`."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _fill_phrase(phrase: str, one: AnsweredMoment, heard: str) -> str:
    return phrase.format(name=one.name or "Somebody", heard=heard, said=clip(one.said))


def _weekday_of(day: Day) -> str:
    return Date.fromisoformat(day.date).strftime("%A")
