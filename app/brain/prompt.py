"""The messages that a model gets. Untrusted text stands in them as JSON strings, so
that it cannot end its fence."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from typing import Any

from langchain_core.messages import BaseMessage, HumanMessage, SystemMessage

from app.brain.lookalikes import alike
from app.brain.ports import Enclosed
from app.brain.text import person, tame
from app.brain.voice import VoiceScene, packed
from app.content.words import describe_parts, first_thing, words_of_parts
from app.domain.character import Character
from app.domain.model import AuthorKind, ChatLine, Event, InboxEntry

LINE_LIMIT = 800
"""Characters of one transcript line that a model is shown."""
MESSAGE_LIMIT = 3_000
"""Characters of the message to answer that a model is shown."""
FILE_LIMIT = 24_000
"""Characters of a text file that a model is shown, about 6,000 tokens: a small model's
window holds 8,000."""
FILE_END = 6_000
"""Those of them that a longer file's end gets."""

_SLOT = re.compile(r"\{\{(\w+)\}\}")
_KINDS = {
    AuthorKind.HUMAN: "a human",
    AuthorKind.OURS: "another AI character of this server",
    AuthorKind.FOREIGN: "a bot of somebody else",
}


@functools.cache
def template(name: str) -> str:
    """The text of `prompts/<name>.txt`."""
    return (
        (resources.files("app.brain") / "prompts" / f"{name}.txt")
        .read_text(encoding="utf-8")
        .strip()
    )


def fill(name: str, **slots: str) -> str:
    """A template with its slots filled in one pass: what is filled in is not looked at
    for slots again."""
    return _SLOT.sub(lambda match: slots[match.group(1)], template(name))


def system(character: Character) -> str:
    """The system prompt."""
    names = ", ".join(character.aliases) or "none"
    return fill(
        "system",
        display_name=character.display_name,
        names=names,
        persona=character.persona,
    )


@dataclass(frozen=True, slots=True)
class Shown:
    """What stands around the message to answer: the channel's lines, where it is, what
    was opened of the message's files, what the bot said lately, and what came to
    mind."""

    lines: Sequence[ChatLine] = ()
    place: Mapping[str, str] = field(default_factory=dict)
    enclosed: Enclosed = field(default_factory=Enclosed)
    recent: Sequence[str] = ()
    notes: Sequence[Mapping[str, str]] = ()


def build(
    character: Character, me: str, entry: InboxEntry, shown: Shown
) -> list[BaseMessage]:
    """System prompt, and the transcript with the message to answer last."""
    event, names = entry.event, character.names
    # The message to answer has a place of its own, after the transcript.
    asked_in = {event.message_id, *(line.message_id for line in event.earlier)}
    earlier = [line for line in shown.lines if line.message_id not in asked_in]
    turn = fill(
        "turn",
        place=_place_text(shown.place),
        people="\n".join(_people_present(event, shown.lines, me, names)),
        transcript="\n".join(
            transcript_line(line, me, names)
            for line in earlier
            if line.content or line.parts
        ),
        message=fenced(asked(entry, shown, me, names)),
    )
    if shown.notes:
        turn = (
            f"{fill('memory', notes=chr(10).join(map(fenced, shown.notes)))}\n\n{turn}"
        )
    own = tuple(line.content for line in earlier if line.author_id == me)
    scene = VoiceScene(
        said=words_of_message(event, shown.enclosed),
        author=event.author_name,
        recent=(*shown.recent, *own),
        seed=event.message_id,
        thing=first_thing(event.parts),
        called=" ".join(event.names.get(me, "").split()),
    )
    return [
        SystemMessage(system(character)),
        HumanMessage(
            _content_blocks(turn, shown.enclosed), additional_kwargs=packed(scene)
        ),
    ]


def asked(
    entry: InboxEntry, shown: Shown, me: str, names: Sequence[str]
) -> dict[str, object]:
    """The message to answer, as the model reads it. `names`: the bot's own."""
    event = entry.event
    message: dict[str, object] = {
        "from": _told_apart(event.author_name, names),
        "text": tame(event.content, MESSAGE_LIMIT),
    }
    if event.parts:
        message["came with"] = tame(describe_parts(event.parts), LINE_LIMIT)
    files = {
        tame(name, 100): _shown_file(words) for name, words in shown.enclosed.texts
    }
    if files:
        message["files"] = files
    if event.kind == "reaction":
        message["note"] = f"{event.reactions} people reacted to this message"
    answered = next(
        (line for line in shown.lines if line.message_id == event.reply_to), None
    )
    if answered is not None:
        message["in reply to"] = _speaker_of(answered, me, names)
        message["who said"] = tame(
            " ".join(filter(None, (answered.content, describe_parts(answered.parts)))),
            LINE_LIMIT,
        )
    return message


def _shown_file(words: str) -> str:
    """A text file as the model reads it: of a very long one its beginning and its
    end."""
    if len(words) <= FILE_LIMIT:
        return tame(words, FILE_LIMIT)
    return f"{tame(words[: FILE_LIMIT - FILE_END], FILE_LIMIT)}\n[...]\n{tame(words[-FILE_END:], FILE_END)}"


def words_of_message(event: Event, enclosed: Enclosed) -> str:
    """What the offline voice hears: the words of the message, else of what came with
    it."""
    return (
        event.content
        or words_of_parts(event.parts)
        or " ".join(words for _, words in enclosed.texts)[:MESSAGE_LIMIT]
    )


def _content_blocks(turn: str, enclosed: Enclosed) -> str | list[str | dict[Any, Any]]:
    """The turn as text, or as LangChain's content blocks where a picture goes with
    it."""
    if not enclosed.pictures:
        return turn
    pictures = [
        {"type": "image", "base64": one.data, "mime_type": one.media_type}
        for one in enclosed.pictures
    ]
    return [{"type": "text", "text": turn}, *pictures]


def _place_text(place: Mapping[str, str]) -> str:
    return (
        fenced({key: tame(name, 300) for key, name in place.items()})
        if place
        else "a private conversation"
    )


def _people_present(
    event: Event, lines: Sequence[ChatLine], me: str, names: Sequence[str]
) -> list[str]:
    people = {_person_of(line): (line.author_name, line.author_kind) for line in lines}
    people[_person_of(event)] = (event.author_name, event.author_kind)
    own = people.pop(me, None)
    known = [(person(own[0]), "you")] if own is not None else []
    known += [
        (_told_apart(name, names), _KINDS[kind]) for name, kind in people.values()
    ]
    return [f"- {fenced(name)}: {kind}" for name, kind in known]


def _person_of(said: ChatLine | Event) -> str:
    """Who somebody is. All people of a proxy share the id of its webhook: their names
    tell them apart."""
    return f"{said.author_id} {said.author_name}" if said.proxied else said.author_id


def transcript_line(line: ChatLine, me: str, names: Sequence[str]) -> str:
    """One line of a transcript. `names`: the bot's own."""
    shown = {"from": _speaker_of(line, me, names)}
    if line.content:
        shown["text"] = tame(line.content, LINE_LIMIT)
    if line.parts:
        shown["came with"] = tame(describe_parts(line.parts), LINE_LIMIT)
    return fenced(shown)


def _speaker_of(line: ChatLine, me: str, names: Sequence[str]) -> str:
    return "you" if line.author_id == me else _told_apart(line.author_name, names)


def _told_apart(name: str, names: Sequence[str]) -> str:
    """Somebody's name, told apart from the bot's. No name holds brackets of its own."""
    shown = person(name)
    return f"{shown} (not you)" if alike(shown, names) else shown


def fenced(value: object) -> str:
    """JSON in one line without angle brackets, so that no text can close the tag around
    it."""
    return (
        json.dumps(value, ensure_ascii=False)
        .replace("<", "\\u003c")
        .replace(">", "\\u003e")
    )
