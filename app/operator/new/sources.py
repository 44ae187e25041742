"""What each kind of character says, as a sketch."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from app.domain.errors import CharacterError
from app.operator.new.sketch import Sketch, listed, plain

_TURN = re.compile(r"^\s*(\{\{(?:user|char)\}\}|<user>|<bot>)\s*:", re.I | re.M)
ELIZA = frozenset({"bio", "messageExamples", "topics", "lore", "adjectives", "style"})
"""Fields that only an elizaOS character has."""
CARRIED_BY_CARD = frozenset(
    {
        "name",
        "nickname",
        "description",
        "personality",
        "scenario",
        "first_mes",
        "alternate_greetings",
        "group_only_greetings",
        "mes_example",
        "tags",
        # Of the file, not of the character.
        "creation_date",
        "modification_date",
        "character_version",
        "creator",
        "spec",
        "spec_version",
    }
)
CARRIED_BY_ELIZA = ELIZA | {"id", "name", "username", "postExamples"}


def described(name: str, about: str, subjects: str = "") -> Sketch:
    """From a sentence or two, and subjects with commas between them."""
    sketch = Sketch(name, name.replace("_", " ").replace("-", " ").title())
    sketch.persona.append(plain(about, sketch.display_name))
    sketch.subjects += subjects.split(",")
    sketch.line("Hello, {{user}}.", "greeting")
    return sketch


def sketched(name: str, card: Mapping[str, Any]) -> Sketch:
    """From a card, by what is in it. CharacterError for what is none."""
    inner = card.get("data")
    # V2 and V3 keep the character in `data`, V1 at the top.
    fields = inner if isinstance(inner, dict) else card
    called = plain(fields.get("name"), "")
    if not called:
        raise CharacterError("The card names no character: it has no `name`.")
    sketch = Sketch(name, called.splitlines()[0][:64])
    if ELIZA & fields.keys():
        _from_eliza(sketch, fields)
    elif {"description", "personality", "first_mes"} & fields.keys():
        _from_card(sketch, fields)
    else:
        raise CharacterError(
            "This is no SillyTavern card and no elizaOS character: it has neither "
            "`description` nor `bio`."
        )
    return sketch


def _from_card(sketch: Sketch, fields: Mapping[str, Any]) -> None:
    for part in ("description", "personality", "scenario"):
        sketch.persona.append(plain(fields.get(part), sketch.display_name))
    sketch.aliases += map(str, listed(fields.get("nickname")))
    sketch.subjects += map(str, listed(fields.get("tags")))
    sketch.line(fields.get("first_mes"), "greeting")
    for part in ("alternate_greetings", "group_only_greetings"):
        for text in listed(fields.get(part)):
            sketch.line(text, "greeting")
    _add_examples(sketch, str(fields.get("mes_example") or ""))
    book = fields.get("character_book")
    if isinstance(book, dict) and book.get("entries"):
        count = len(listed(book["entries"]))
        sketch.left_out.append(
            f"character_book: {count} entries (The Stream has no lorebook)"
        )
    _list_leftovers(sketch, fields, CARRIED_BY_CARD | {"character_book"})


def _add_examples(sketch: Sketch, text: str) -> None:
    """Lines of the example dialogues, each with the message that it answers."""
    for dialogue in re.split(r"<START>", text, flags=re.IGNORECASE):
        turns = _TURN.split(dialogue)[1:]
        asked = ""
        for who, said in zip(turns[::2], turns[1::2], strict=False):
            if who.casefold() in {"{{user}}", "<user>"}:
                asked = said
                continue
            sketch.line(said, cue=asked)
            asked = ""


def _from_eliza(sketch: Sketch, fields: Mapping[str, Any]) -> None:
    for part in ("bio", "lore"):
        sentences = (
            plain(one, sketch.display_name) for one in listed(fields.get(part))
        )
        sketch.persona.append(" ".join(sentences))
    adjectives = ", ".join(plain(one, "") for one in listed(fields.get("adjectives")))
    if adjectives:
        sketch.persona.append(f"{sketch.display_name} is {adjectives}.")
    style = fields.get("style")
    if isinstance(style, dict):
        rules = [*listed(style.get("all")), *listed(style.get("chat"))]
        sketch.persona += [plain(rule, sketch.display_name) for rule in rules]
    sketch.subjects += map(str, listed(fields.get("topics")))
    sketch.aliases += map(str, listed(fields.get("username")))
    for dialogue in listed(fields.get("messageExamples")):
        _eliza_dialogue(sketch, listed(dialogue))
    for text in listed(fields.get("postExamples")):
        sketch.line(text)
    _list_leftovers(sketch, fields, CARRIED_BY_ELIZA)


def _eliza_dialogue(sketch: Sketch, dialogue: Any) -> None:
    asked = ""
    for turn in dialogue:
        if not isinstance(turn, dict):
            continue
        content = turn.get("content")
        said = content.get("text") if isinstance(content, dict) else content
        who = str(turn.get("name") or turn.get("user") or "")
        # A placeholder for people is {{user1}}, {{name1}} and so on.
        text = re.sub(r"\{\{(?:user|name)\d+\}\}", "{{user}}", str(said or ""))
        if who.casefold() == sketch.display_name.casefold():
            sketch.line(text, cue=asked)
            asked = ""
        else:
            asked = text


def _list_leftovers(
    sketch: Sketch, fields: Mapping[str, Any], carried: frozenset[str]
) -> None:
    """List what else the source holds, by name alone: a value may be a secret."""
    for name, value in fields.items():
        if name not in carried and value not in ("", None, [], {}):
            sketch.left_out.append(plain(name, "")[:64])
