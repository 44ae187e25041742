"""A character in the making: whatever a source gave, made to fit a character file, and
what did not fit."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml
from pydantic import ValidationError

from app.domain.character import Character
from app.domain.errors import CharacterError

LONGEST_LINE, LONGEST_WORD, LONGEST_PERSONA = 500, 64, 8_000
MOST_LINES, MOST_INTERESTS, MOST_WORDS = 200, 20, 60
_SENTENCE = re.compile(r"(?<=[.!?…])\s+")
_MACRO = re.compile(r"\{\{(?:[^{}]|\{[^{}]*\})*\}\}")
_USER = re.compile(r"\{\{user\}\}|<user>", re.IGNORECASE)
_CHAR = re.compile(r"\{\{char\}\}|<bot>|<char>", re.IGNORECASE)
_WORD = re.compile(r"[^\W\d_][\w'-]{3,}")
HONEST = (
    "I'm a bot, yes. An AI character, to be exact.",
    "No human here: I'm an AI character.",
    "I'm a program with a name. An AI character.",
)
PLAIN = (
    "I don't know. What do you think?",
    "Tell me more about that.",
    "I had not thought of it that way.",
)
AI = "is an AI character and says so when asked."


@dataclass
class Sketch:
    """What a source says of a character. `left_out` lists what could not be carried
    over."""

    name: str
    display_name: str
    persona: list[str] = field(default_factory=list)
    subjects: list[str] = field(default_factory=list)
    aliases: list[str] = field(default_factory=list)
    lines: list[dict[str, str]] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)

    def line(self, text: object, mood: str = "", cue: object = "") -> None:
        """Add something that it may say, with the mood or the message it answers."""
        said = speakable(text, self.display_name)
        if not said:
            return
        made = {"mood": mood} if mood else {}
        asked = plain(cue, self.display_name)[:LONGEST_LINE]
        if asked:
            made["cue"] = asked
        self.lines.append({**made, "text": said})

    def yaml(self) -> str:
        """The character file. CharacterError where even so it is none."""
        content = self._file_content()
        try:
            Character.model_validate(content)
        except ValidationError as error:
            first = error.errors(include_input=False, include_url=False)[0]
            where = ".".join(map(str, first["loc"]))
            raise CharacterError(f"{self.name}.yaml: {where}: {first['msg']}") from None
        return yaml.safe_dump(content, allow_unicode=True, sort_keys=False, width=100)

    def _file_content(self) -> dict[str, Any]:
        persona = "\n".join(part for part in self.persona if part.strip()).strip()
        # Cut first: however long a card is, it must not push this sentence out.
        persona = f"{persona[: LONGEST_PERSONA - 200]}\n{self.display_name} {AI}"
        lines = [*self.lines[:MOST_LINES], *({"text": text} for text in PLAIN)]
        # Without a model, too, a character that is asked what it is tells the truth.
        if not any(line.get("mood") == "honest" for line in lines):
            lines += [{"mood": "honest", "text": text} for text in HONEST]
        if len(self.lines) > MOST_LINES:
            self.left_out.append(f"{len(self.lines) - MOST_LINES} more lines")
        return {
            "name": self.name,
            "display_name": self.display_name[:LONGEST_WORD],
            **({"aliases": unique(self.aliases, 20)} if self.aliases else {}),
            "persona": persona.strip(),
            "interests": self._interest_entries(),
            "lines": [
                dict(pairs)
                for pairs in dict.fromkeys(tuple(line.items()) for line in lines)
            ],
            # Where it may speak unasked is for STREAM_SPEAK_CHANNELS to say.
            "watchlist": ["*"],
        }

    def _interest_entries(self) -> list[dict[str, Any]]:
        subjects = unique(self.subjects, MOST_INTERESTS)
        if not subjects:
            words = unique(_WORD.findall(" ".join(self.persona).casefold()), 12)
            guessed = words or [self.name]
            self.left_out.append(
                "subjects: none were named, so these words were guessed"
            )
            return [
                {
                    "name": "guessed",
                    "words": guessed,
                    "examples": [f"Let us talk about {guessed[0]}."],
                }
            ]
        return [
            {
                "name": subject,
                "words": unique([subject, *_WORD.findall(subject)], MOST_WORDS),
                "examples": [f"What do you know about {subject}?"],
            }
            for subject in subjects
        ]


def unique(texts: Iterable[object], most: int) -> list[str]:
    """Different words, none blank, none too long."""
    plain_texts = (plain(text, "")[:LONGEST_WORD].strip() for text in texts)
    found: dict[str, str] = {}
    for text in plain_texts:
        if text:
            found.setdefault(text.casefold(), text)
    return list(found.values())[:most]


def plain(text: object, name: str) -> str:
    """A source's text for people to read: without its macros and control characters."""
    words = _USER.sub("you", _CHAR.sub(lambda _: name, str(text or "")))
    return _tidy_text(_MACRO.sub("", words))


def speakable(text: object, name: str) -> str:
    """A line for the offline voice: whom it speaks to is a slot, and it ends with a
    sentence where it is too long."""
    words = _CHAR.sub(lambda _: name, str(text or ""))
    words = _MACRO.sub("", _USER.sub("\x00", words))
    # Braces are slots to the offline voice: a source's own must not pass for one.
    words = words.replace("{", "(").replace("}", ")").replace("\x00", "{author}")
    return shortened(_tidy_text(words), LONGEST_LINE)


def shortened(text: str, most: int) -> str:
    """The text up to its last sentence that fits; cut at a word where none does."""
    if len(text) <= most:
        return text
    kept = ""
    for sentence in _SENTENCE.split(text):
        if len(kept) + len(sentence) + 1 > most:
            break
        kept = f"{kept} {sentence}".strip()
    return kept or text[: most - 1].rpartition(" ")[0] + "…"


def _tidy_text(text: str) -> str:
    seen = "".join(
        one
        for one in text
        if one == "\n" or unicodedata.category(one) not in {"Cc", "Cs"}
    )
    return "\n".join(" ".join(line.split()) for line in seen.splitlines()).strip()


def listed(value: object) -> Sequence[object]:
    """A source's value as a list: it may be one text, or nothing."""
    if isinstance(value, list):
        return value
    return [value] if value else []
