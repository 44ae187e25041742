"""The messages that a model gets. Untrusted text stands in them as JSON strings, so that it cannot end its fence."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Mapping, Sequence
from importlib import resources

from langchain_core.messages import BaseMessage, HumanMessage, SystemMessage

from app.brain.text import person, tame
from app.brain.voice import Scene, packed
from app.character import Character
from app.model import AuthorKind, ChatLine, InboxEntry

LINE_LIMIT = 800
"""Characters of one transcript line that a model is shown."""
MESSAGE_LIMIT = 3_000
"""Characters of the message to answer that a model is shown."""

_SLOT = re.compile(r"\{\{(\w+)\}\}")
_KINDS = {
    AuthorKind.HUMAN: "a human",
    AuthorKind.OURS: "another AI character of this server",
    AuthorKind.FOREIGN: "a bot of somebody else",
}


@functools.cache
def template(name: str) -> str:
    """The text of `prompts/<name>.txt`."""
    return (resources.files("app.brain") / "prompts" / f"{name}.txt").read_text(encoding="utf-8").strip()


def fill(name: str, **slots: str) -> str:
    """A template with its slots filled in one pass: what is filled in is not looked at for slots again."""
    return _SLOT.sub(lambda match: slots[match.group(1)], template(name))


def system(character: Character) -> str:
    """The system prompt."""
    names = ", ".join(character.aliases) or "none"
    return fill("system", display_name=character.display_name, names=names, persona=character.persona)


def build(
    character: Character, me: str, entry: InboxEntry, lines: Sequence[ChatLine], recent: Sequence[str],
    notes: Sequence[Mapping[str, str]] = (),
) -> list[BaseMessage]:
    """System prompt, transcript and the message to answer last. `recent` is what the bot said lately, `notes` what came to
    mind."""
    event = entry.event
    earlier = [line for line in lines if line.message_id != event.message_id]
    people = {line.author_id: (line.author_name, line.author_kind) for line in lines}
    people[event.author_id] = (event.author_name, event.author_kind)
    own = tuple(line.content for line in earlier if line.author_id == me)
    message = {"from": person(event.author_name), "text": tame(event.content, MESSAGE_LIMIT)}
    if event.kind == "reaction":
        message["note"] = f"{event.reactions} people reacted to this message"
    answered = next((line for line in lines if line.message_id == event.reply_to), None)
    if answered is not None:
        message["in reply to"] = _who(answered, me)
    present = [_introduce(name, "you" if key == me else _KINDS[kind]) for key, (name, kind) in people.items()]
    said = [fenced({"from": _who(line, me), "text": tame(line.content, LINE_LIMIT)}) for line in earlier]
    turn = fill("turn", people="\n".join(present), transcript="\n".join(said), message=fenced(message))
    if notes:
        turn = f"{fill('memory', notes=chr(10).join(map(fenced, notes)))}\n\n{turn}"
    scene = Scene(event.content, event.author_name, (*recent, *own), event.message_id)
    return [SystemMessage(system(character)), HumanMessage(turn, additional_kwargs=packed(scene))]


def _introduce(name: str, kind: str) -> str:
    return f"- {fenced(person(name))}: {kind}"


def _who(line: ChatLine, me: str) -> str:
    return "you" if line.author_id == me else person(line.author_name)


def fenced(value: object) -> str:
    """JSON in one line without angle brackets, so that no text can close the tag around it."""
    return json.dumps(value, ensure_ascii=False).replace("<", "\\u003c").replace(">", "\\u003e")
