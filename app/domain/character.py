"""Character files: who a bot is, as an operator writes it in YAML. No key and no secret
belongs in one."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from difflib import get_close_matches
from enum import StrEnum
from functools import lru_cache
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path
from typing import Annotated, Literal
from urllib.parse import urlsplit

import yaml
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    StringConstraints,
    ValidationError,
    field_validator,
    model_validator,
)

from app.domain.errors import CharacterError, ConfigurationError, UnknownBot
from app.domain.model import BOT_NAME, BotName
from app.domain.safe_yaml import load_strictly
from app.domain.terms import Cooldown, QuietTime

MAX_FILE = 256 * 1024
"""Bytes of the largest character file that is read."""

SLOTS = ("{author}", "{topic}", "{thing}")
"""What a voice line may leave open."""

# Unicode 13's Emoji_Presentation, which every Discord client draws; newer ones may be
# unknown to Discord.
_EMOJI = """231A-231B 23E9-23EC 23F0 23F3 2614-2615 2648-2653 2693 26A1 26BD-26BE 26C4-26C5 26EA 26F2-26F3 26F5 26FA
2705 270A-270B 2728 274C 2753-2755 2757 2795-2797 2B50 2B55 1F300-1F320 1F32D-1F335 1F337-1F37C 1F37E-1F393
1F3A0-1F3CA 1F3CF-1F3D3 1F3E0-1F3F0 1F3F4 1F3F8-1F43E 1F440 1F442-1F4FC 1F4FF-1F53D 1F54B-1F54E 1F550-1F567 1F57A
1F595-1F596 1F5A4 1F5FB-1F64F 1F680-1F6C5 1F6CC 1F6D0-1F6D2 1F6D5-1F6D7 1F6EB-1F6EC 1F6F4-1F6FC 1F7E0-1F7EB
1F90C-1F93A 1F93C-1F945 1F947-1F978 1F97A-1F9CB 1F9CD-1F9FF 1FA70-1FA74 1FA78-1FA7A 1FA80-1FA86 1FA90-1FAA8 1FAB0-1FAB6
1FAC0-1FAC2 1FAD0-1FAD6"""
# Drawn as text unless a variation selector follows.
_TEXT_EMOJI = """2600-2604 2639-263A 2660 2663 2665-2666 2694 2696-2697 2699 26A0 26C8 2708-2709 270C-270D 2714 2744
2763-2764 1F321 1F324-1F32C 1F336 1F37D 1F399 1F39E-1F39F 1F3D4-1F3DF 1F54A 1F56F-1F570 1F577-1F578 1F58A-1F58D 1F5FA"""


def _code_points(ranges: str) -> frozenset[str]:
    found: set[str] = set()
    for part in ranges.split():
        first, _, last = part.partition("-")
        found.update(map(chr, range(int(first, 16), int(last or first, 16) + 1)))
    return frozenset(found)


EMOJI, TEXT_EMOJI = _code_points(_EMOJI), _code_points(_TEXT_EMOJI)


def plain_emoji(text: str) -> str:
    """`text` as the one Unicode emoji that Discord takes as a reaction, or "" if it is
    not exactly one such emoji."""
    bare = text.strip().replace("\ufe0f", "")
    if bare in TEXT_EMOJI:
        return bare + "\ufe0f"
    toned = len(bare) == 2 and "\U0001f3fb" <= bare[1] <= "\U0001f3ff"
    return bare if bare[:1] in EMOJI and (len(bare) == 1 or toned) else ""


class Mood(StrEnum):
    """What kind of message a voice line or a reaction answers."""

    GREETING = "greeting"
    FAREWELL = "farewell"
    THANKS = "thanks"
    PRAISE = "praise"
    SAD = "sad"
    GLAD = "glad"
    SELF = "self"
    """Asked about themselves."""
    HONEST = "honest"
    """Asked whether they are a bot or a human: the line must tell the truth."""
    DISAGREE = "disagree"
    SMALLTALK = "smalltalk"
    UNSEEN = "unseen"
    """Sent a picture, a sticker, a sound without a word: the line may say `{thing}` for
    it."""
    DOUBTED = "doubted"
    """Asked whether they are sure of what they just said."""
    UNCLEAR = "unclear"
    """Asked what they mean by it."""
    WHY = "why"
    """Asked why it is so."""
    MORE = "more"
    """Asked to go on."""
    CURIOUS = "curious"
    """A question or remark they know nothing about."""


def _no_blank(text: str) -> str:
    if not text.strip():
        raise ValueError("must not be blank")
    return text.strip()


def _check_speakable(text: str) -> str:
    rest = text
    for slot in SLOTS:
        rest = rest.replace(slot, "")
    if "{" in rest or "}" in rest:
        raise ValueError(f"may hold only the slots {' and '.join(SLOTS)}")
    # What can be printed holds none: most lines are looked at as a whole.
    if not text.isprintable() and any(
        unicodedata.category(character) == "Cc" and character != "\n"
        for character in text
    ):
        raise ValueError("holds a control character")
    return text


def _check_emoji(text: str) -> str:
    found = plain_emoji(text)
    if not found:
        raise ValueError("is not one plain Unicode emoji")
    return found


Text = Annotated[str, StringConstraints(max_length=500), AfterValidator(_no_blank)]
Word = Annotated[str, StringConstraints(max_length=64), AfterValidator(_no_blank)]
Level = Annotated[int, Field(ge=0, le=5)]
PersonId = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,20}$")]
Share = Annotated[float, Field(ge=0, le=1)]
Amount = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class CharacterPart(BaseModel):
    """Base of a character file's parts: immutable, and an unknown field is an error
    (most often a typing slip)."""

    # YAML reads an unquoted Discord id as a number.
    model_config = ConfigDict(frozen=True, extra="forbid", coerce_numbers_to_str=True)


class Interest(CharacterPart):
    """A topic: `words` for the cheap bid, `examples` (whole sentences) for the
    embedding."""

    name: Word
    words: tuple[Word, ...] = Field(min_length=1, max_length=60)
    examples: tuple[Text, ...] = Field(min_length=1, max_length=20)


class VoiceLine(CharacterPart):
    """A line that the offline voice may say, with the interest or the mood it answers;
    neither: it fits anywhere.

    `cue` is a message that it answers well, for lines that do not resemble what they
    answer.
    """

    text: Annotated[Text, AfterValidator(_check_speakable)]
    cue: Text | None = None
    topic: Word | None = None
    mood: Mood | None = None


class Pacing(CharacterPart):
    """How much the bot speaks. Unset: the operator's setting of the same name
    applies."""

    chattiness: Share = 0.5
    cooldown: Cooldown | None = None
    quiet_time: QuietTime | None = None
    daily_posts: Annotated[int, Field(ge=0)] | None = None
    daily_tokens: Annotated[int, Field(ge=0)] | None = None
    daily_usd: Amount | None = None
    person_hourly: Annotated[int, Field(ge=0)] | None = None
    thought_wait: Annotated[float, Field(ge=0, le=10)] | None = None
    proactive: bool = False
    drive: Share = 0.2


PROVIDERS = (
    "anthropic",
    "anthropic_bedrock",
    "azure_ai",
    "azure_openai",
    "baseten",
    "bedrock",
    "bedrock_converse",
    "bedrock_mantle_anthropic",
    "bedrock_mantle_openai",
    "cohere",
    "deepseek",
    "fireworks",
    "google_anthropic_vertex",
    "google_genai",
    "google_vertexai",
    "groq",
    "huggingface",
    "ibm",
    "langsmith",
    "litellm",
    "meta",
    "mistralai",
    "nvidia",
    "ollama",
    "openai",
    "openrouter",
    "perplexity",
    "together",
    "upstage",
    "xai",
)
"""What LangChain's `init_chat_model` knows; a gateway reads character files and loads
no model library."""


_MODEL_NAME = re.compile(r"[a-z_]+:\S+\Z")


def _check_model_name(name: str) -> str:
    if not _MODEL_NAME.match(name):
        raise ValueError("must be PROVIDER:NAME, as in openai:gpt-5-mini")
    provider = name.partition(":")[0]
    if provider not in PROVIDERS:
        near = get_close_matches(provider, PROVIDERS, n=1, cutoff=0.0)
        raise ValueError(
            f"no provider is named {provider[:40]!r}; the nearest known is {near[0]!r}"
        )
    return name


ModelName = Annotated[
    str,
    StringConstraints(max_length=200),
    AfterValidator(_check_model_name),
]


class OnModelFailure(StrEnum):
    """What people who speak to a bot get while its models give no usable answer."""

    SILENT = "silent"
    REACT = "react"
    OFFLINE_VOICE = "offline_voice"


class Fallback(CharacterPart):
    """A model that is asked when the one before it has no answer; without prices it
    costs what the first one costs."""

    model: ModelName
    usd_per_million_in: Amount | None = None
    usd_per_million_out: Amount | None = None


def _expand_fallback(value: object) -> object:
    return {"model": value} if isinstance(value, str) else value


class ModelConfig(CharacterPart):
    """A language model as LangChain's `init_chat_model` names it (`provider:model`);
    prices in US dollars.

    What is null is not sent: some models refuse a temperature or a limit.
    """

    model: ModelName
    base_url: str | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = 0.8
    max_tokens: Annotated[int, Field(ge=16, le=8192)] | None = 400
    vision: bool = False
    """Whether the model can see images."""
    usd_per_million_in: Amount = 0.0
    usd_per_million_out: Amount = 0.0
    fallbacks: tuple[Annotated[Fallback, BeforeValidator(_expand_fallback)], ...] = (
        Field((), max_length=4)
    )
    """Each `provider:model`, or a mapping of `model` and its prices."""

    def price_of(self, fallback: Fallback) -> tuple[float, float]:
        """US dollars per million tokens read and written."""
        usd_in, usd_out = fallback.usd_per_million_in, fallback.usd_per_million_out
        return (
            self.usd_per_million_in if usd_in is None else usd_in,
            self.usd_per_million_out if usd_out is None else usd_out,
        )

    @field_validator("base_url")
    @classmethod
    def _check_address(cls, url: str | None) -> str | None:
        if url is None:
            return url
        parts = urlsplit(url)
        if parts.scheme not in {"http", "https"} or not parts.hostname:
            raise ValueError("is no http(s) address")
        if parts.username or parts.password:
            raise ValueError(
                "must not hold a user name or a password: keys belong in the environment"
            )
        return url


class Character(CharacterPart):
    """One bot. `name` is its id everywhere; `aliases` are further names that address it
    at the start of a line."""

    name: BotName
    display_name: Word
    aliases: tuple[Word, ...] = Field((), max_length=20)
    persona: Annotated[
        str, StringConstraints(max_length=8_000), AfterValidator(_no_blank)
    ]
    interests: tuple[Interest, ...] = Field(min_length=1, max_length=20)
    lines: tuple[VoiceLine, ...] = Field(min_length=1, max_length=500)
    openings: tuple[Annotated[Word, AfterValidator(_check_speakable)], ...] = ()
    reactions: dict[str, tuple[Annotated[str, AfterValidator(_check_emoji)], ...]] = (
        Field(default_factory=dict)
    )
    watchlist: tuple[Word, ...] = ()
    trusted: dict[PersonId, Level] = Field(default_factory=dict)
    """By Discord user id: a display name is anybody's to take."""
    pacing: Pacing = Pacing()
    model: ModelConfig | None = None
    on_model_failure: OnModelFailure = OnModelFailure.OFFLINE_VOICE
    diary: Word | None = None
    dream: Word | None = None

    @property
    def names(self) -> tuple[str, ...]:
        """Every name that addresses the bot, its own first."""
        return tuple(dict.fromkeys((self.name, self.display_name, *self.aliases)))

    @model_validator(mode="after")
    def _check_tags(self) -> Character:
        topics = {interest.name for interest in self.interests}
        if len(topics) < len(self.interests):
            raise ValueError("interests: two have the same name")
        for index, line in enumerate(self.lines):
            if line.topic is not None and line.topic not in topics:
                raise ValueError(
                    f"lines.{index}.topic: no interest is named {line.topic!r}"
                )
        for key in self.reactions:
            if key not in topics and key not in set(Mood) and key != "any":
                raise ValueError(
                    f"reactions.{key}: is neither a mood nor an interest nor `any`"
                )
        return self


def _explain_error(error: ValidationError) -> str:
    first = error.errors(include_input=False, include_url=False)[0]
    where = ".".join(str(step) for step in first["loc"])
    reason = first_reason(error)
    return f"{where}: {reason}" if where else reason


def first_reason(error: ValidationError) -> str:
    """What is wrong first, in one line, without the value or where it stands."""
    first = error.errors(include_input=False, include_url=False)[0]
    return first["msg"].removeprefix("Value error, ").replace("\n", " ")


def _parse_text(name: str, raw: bytes) -> object:
    try:
        return load_strictly(raw.decode("utf-8"))
    except UnicodeDecodeError:
        raise CharacterError(f"{name}: is not UTF-8") from None
    except RecursionError:
        raise CharacterError(f"{name}: is nested too deeply") from None
    except yaml.MarkedYAMLError as error:
        line = f"line {error.problem_mark.line + 1}: " if error.problem_mark else ""
        raise CharacterError(
            f"{name}: {line}{error.problem or 'is no valid YAML'}"
        ) from None
    except (yaml.YAMLError, ValueError):
        raise CharacterError(f"{name}: is no valid YAML") from None


@lru_cache(maxsize=8)
def _make_character(name: str, raw: bytes) -> Character:
    """The character of a file's content, made once: that takes some 5 ms."""
    content = _parse_text(name, raw)
    if not isinstance(content, dict):
        raise CharacterError(f"{name}: must be a mapping that begins with `name:`")
    try:
        character = Character.model_validate(content)
    except ValidationError as error:
        raise CharacterError(f"{name}: {_explain_error(error)}") from None
    if f"{character.name}.yaml" != name:
        raise CharacterError(
            f"{name}: name: must be the file's own, {name.removesuffix('.yaml')!r}"
        )
    return character


def _read_character(file: Traversable) -> Character:
    with file.open("rb") as stream:
        # One byte more tells what is too large from what just fits.
        raw = stream.read(MAX_FILE + 1)
    if len(raw) > MAX_FILE:
        raise CharacterError(f"{file.name}: is larger than {MAX_FILE // 1024} KiB")
    return _make_character(file.name, raw)


def _character_files(folder: Path | None) -> dict[str, Traversable]:
    place: Traversable = (
        resources.files("app") / "characters" if folder is None else folder.expanduser()
    )
    if not place.is_dir():
        raise CharacterError(
            f"STREAM_CHARACTERS_DIR: {place} is no folder of character files"
        )
    return {
        file.name.removesuffix(".yaml"): file
        for file in sorted(place.iterdir(), key=lambda file: file.name)
        if file.name.endswith(".yaml") and file.is_file()
    }


def names_of_files(folder: Path | None = None) -> tuple[str, ...]:
    """The names of a folder's character files (None: the shipped ones), unread."""
    return tuple(_character_files(folder))


def read_character(file: Path) -> Character:
    """The character in one file. CharacterError with one line that names file and
    field."""
    try:
        return _read_character(file)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise CharacterError(f"{file.name}: cannot be read ({reason})") from None


def load_character(name: str, folder: Path | None = None) -> Character:
    """The character of this name. Raises UnknownBot, or CharacterError with one line
    that names file and field."""
    files = _character_files(folder)
    if not BOT_NAME.match(name) or name not in files:
        raise UnknownBot(
            f"no character file for {name[:40]!r}; known: {', '.join(files) or 'none'}"
        )
    return _read_character(files[name])


def load_characters(folder: Path | None = None) -> dict[str, Character]:
    """All characters of a folder (None: the shipped ones) by name. A name that two of
    them share is an error."""
    characters = {
        name: _read_character(file) for name, file in _character_files(folder).items()
    }
    owners: dict[str, str] = {}
    for character in characters.values():
        # A set: a bot's own names may differ in case alone.
        for name in {name.casefold() for name in character.names}:
            if owners.setdefault(name, character.name) != character.name:
                raise CharacterError(
                    f"{character.name}.yaml: aliases: {name!r} also names {owners[name]}"
                )
    return characters


def load_readable(
    names: Iterable[str], folder: Path | None = None
) -> tuple[dict[str, Character], dict[str, ConfigurationError]]:
    """Of these characters those whose files are in order, and what is wrong with the
    others: one mistake silences one bot. Of two that share a name the later is
    wrong."""
    found: dict[str, Character] = {}
    wrong: dict[str, ConfigurationError] = {}
    owners: dict[str, str] = {}
    for bot in names:
        try:
            character = load_character(bot, folder)
        except ConfigurationError as error:
            wrong[bot] = error
            continue
        own = {name.casefold() for name in character.names}
        if taken := sorted(own & owners.keys()):
            wrong[bot] = CharacterError(
                f"{bot}.yaml: aliases: {taken[0]!r} also names {owners[taken[0]]}"
            )
            continue
        owners |= dict.fromkeys(own, bot)
        found[bot] = character
    return found, wrong


def character_from_json(
    text: str, extra: Literal["ignore", "forbid"] = "ignore"
) -> Character:
    """The character that `model_dump_json` wrote (the vault's profile); fields of a
    newer version are ignored."""
    try:
        return Character.model_validate_json(text, extra=extra)
    except ValidationError as error:
        raise CharacterError(f"profile: {_explain_error(error)}") from None
