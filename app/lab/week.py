"""A week of the three shipped characters without Discord, Redis or a model: what people
say, and docs/diaries.md made of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from app.brain import diary, dream, facts
from app.brain.diary import Day
from app.brain.embeddings import shared_encoder
from app.brain.voice import OfflineVoice, VoiceScene
from app.domain.character import Character, load_characters
from app.domain.model import DISCORD_EPOCH_MS

FIRST = datetime(2026, 11, 2, 9, tzinfo=UTC)
"""A Monday."""
PEOPLE = {
    "Kim": "501",
    "Lee": "502",
    "Mo": "503",
    "Noor": "504",
    "Pia": "505",
    "Olu": "506",
}
CHANNELS = {"elena": "9001", "aria": "9002", "dotty": "9003"}
GUILD = "8000"

# For each bot and day: (who, what they say). A name in small letters speaks in private.
SAID: dict[str, tuple[tuple[tuple[str, str], ...], ...]] = {
    "elena": (
        (
            ("Kim", "How many hearts does an octopus have?"),
            ("Lee", "I live in Bergen, we get orcas in the fjord sometimes."),
            ("Kim", "Thank you so much, I'll tell my class tomorrow"),
        ),
        (
            ("Mo", "The water here is so warm that the coral is bleaching."),
            ("Noor", "I am having a terrible day"),
            ("Mo", "Is the Great Barrier Reef dying?"),
        ),
        (
            ("Pia", "What lives at the bottom of the ocean?"),
            ("Kim", "I work as a teacher, my kids ask me such things."),
            ("noor", "Can I talk to you for a minute?"),
        ),
        (
            ("Lee", "We saw a whale from the boat this morning!"),
            ("Olu", "Sharks scare me, I don't see why you like them."),
            ("Pia", "I love how you explain things"),
        ),
        (
            ("Mo", "There was so much plastic on the beach after the storm."),
            ("Kim", "I have two goldfish and they ignore me."),
            ("Olu", "What did you have for lunch?"),
        ),
        (
            ("Noor", "I passed my exam! I got in!"),
            ("Pia", "Do octopuses dream?"),
            ("Lee", "Some fish in the deep sea make light."),
        ),
        (
            ("Olu", "Are you a robot or a real person?"),
            ("Kim", "A sea turtle laid its eggs on our beach last night."),
            ("Mo", "Goodnight, I must go now"),
        ),
    ),
    "aria": (
        (
            ("Lee", "I wrote a new song last night but the chorus does not work."),
            ("Kim", "I'm a beginner, is 40 too old for the piano?"),
        ),
        (
            ("Pia", "We went to a concert and the band was amazing."),
            ("Olu", "I play the bass in a small band."),
            ("Lee", "You are wrong about that, the drummer matters most"),
        ),
        (
            ("Noor", "Can you recommend a good jazz album?"),
            ("Mo", "I hate karaoke."),
            ("Noor", "Thanks, that helped me a lot"),
        ),
        (
            ("Olu", "I am so nervous before I go on stage."),
            ("Lee", "My fingers hurt from the strings."),
            ("pia", "Can I send you my lyrics?"),
        ),
        (
            ("Kim", "I found an old vinyl record at the flea market."),
            ("Olu", "We won the band contest!"),
        ),
        (
            ("Mo", "I am mixing the vocals and they sound muddy."),
            ("Pia", "What music are you listening to right now?"),
            ("Kim", "It is raining again today"),
        ),
        (
            ("Lee", "This chord progression sounds sad."),
            ("Noor", "My grandmother passed away and she loved to sing."),
            ("Olu", "I have a red guitar called Martha."),
        ),
    ),
    "dotty": (
        (
            ("Noor", "I cannot sleep again tonight."),
            ("Olu", "What is a good cocktail for a summer evening?"),
        ),
        (
            ("Lee", "Should I text my ex?"),
            ("Mo", "I work at the harbour, night shift this week."),
            ("Kim", "Is there something nice without alcohol?"),
        ),
        (
            ("Pia", "We ended up eating noodles at two in the morning."),
            ("Lee", "I lost a bet and now I have to sing."),
        ),
        (
            ("Olu", "I had a fight with my best friend."),
            ("Mo", "How do you make a proper negroni?"),
            ("kim", "Do you ever get lonely?"),
        ),
        (
            ("Kim", "We play poker every Thursday."),
            ("Noor", "You are great, I feel at home here"),
            ("Pia", "I love fries with mayonnaise."),
        ),
        (
            ("Mo", "Why are you still awake so late?"),
            ("Lee", "I have a crush on somebody at work."),
            ("Olu", "I cooked soup for everybody."),
        ),
        (
            ("Pia", "Do you know a good card game for four people?"),
            ("Noor", "I finally finished my thesis, best day ever!"),
        ),
    ),
}


@dataclass(frozen=True, slots=True)
class Spoken:
    """One message of the week and what the bot answered. `guild` is empty in
    private."""

    message_id: str
    person: str
    name: str
    heard: str
    said: str
    channel: str
    guild: str

    def journal_line(self) -> str:
        """The line of the bot's journal, as delivery writes it."""
        return json.dumps(
            {
                "channel": self.channel,
                "reply_to": self.message_id,
                "author": self.person,
                "text": self.said,
                "emoji": "",
            }
        )

    def memory_line(self) -> dict[str, object]:
        """The line of the bot's memory."""
        return {
            "id": self.message_id,
            "author": self.person,
            "name": self.name,
            "text": self.heard,
            "bot": False,
            "reply_to": "",
            "channel": self.channel,
            "guild": self.guild,
        }


def said_by_date(character: Character) -> Iterator[tuple[str, list[Spoken]]]:
    """Each date of the week, with what was said to the character and what its offline
    voice answered."""
    voice = OfflineVoice(character=character, encoder=shared_encoder(), seed=7)
    recent: list[str] = []
    for number, messages in enumerate(SAID[character.name]):
        day = []
        for place, (who, heard) in enumerate(messages):
            name = who.title()
            at = FIRST + timedelta(days=number, minutes=97 * place)
            message = str((int(at.timestamp() * 1000) - DISCORD_EPOCH_MS) << 22)
            said = voice.say(VoiceScene(heard, name, tuple(recent), message))
            recent.append(said)
            channel, guild = (
                (CHANNELS[character.name], GUILD)
                if who == name
                else (f"77{PEOPLE[name]}", "")
            )
            day.append(
                Spoken(
                    message_id=message,
                    person=PEOPLE[name],
                    name=name,
                    heard=heard,
                    said=said,
                    channel=channel,
                    guild=guild,
                )
            )
        yield (FIRST + timedelta(days=number)).date().isoformat(), day


def diary_days(character: Character) -> Iterator[Day]:
    """The week as the diary sees it."""
    for date, day in said_by_date(character):
        learned = [
            (one.name, fact.text)
            for one in day
            if one.guild
            for fact in facts.read_facts(one.heard, one.message_id, character.names)
        ]
        lived = diary.day_of(
            date,
            [one.journal_line() for one in day],
            {one.message_id: one.memory_line() for one in day},
        )
        yield replace(lived, facts=tuple(learned), guild=lived.busiest)


def week_page() -> str:
    """docs/diaries.md."""
    encoder = shared_encoder()
    parts = [
        "<!-- Made by `make docs` from app/lab/week.py. Do not edit. -->",
        "# A week of diaries and dreams",
        "Written by the composer that works without a model, from a simulated week: what people say is in "
        "`app/lab/week.py`, what the characters answer comes from their offline voices. "
        "[How memory works](memory.md).",
    ]
    for name, character in load_characters().items():
        if name not in SAID:
            continue
        parts.append(f"## {character.display_name}")
        before, entries = Day("2026-11-01"), list[str]()
        for day in diary_days(character):
            entries.append(diary.compose(character, encoder, day, entries))
            parts.append(f"**{day.date}.** {entries[-1]}")
            parts.append(f"*Dream.* {dream.compose(character, encoder, day, before)}")
            before = day
    return "\n\n".join(parts) + "\n"
