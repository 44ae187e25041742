"""Short facts that people told about themselves: by plain rules, or by a model that
reads one finished conversation."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from langchain_core.messages import BaseMessage, HumanMessage
from pydantic import BaseModel, Field, ValidationError

from app.brain.origin import names_other, own_words, stands_in
from app.brain.prompt import fenced, fill
from app.brain.reasoning import stripped
from app.brain.silence import is_refusal
from app.brain.text import person, spoken, tame
from app.domain.model import snowflake_ms
from app.rules.sensitive import sensitive

Line = Mapping[str, Any]
"""A heard line: `id`, `author`, `name`, `text`, `bot`; `own`: the author's words where
the text holds more than these."""

MOST_WORDS = 8
MOST_LENGTH = 60
MOST_AT_ONCE = 5
"""Facts that a model may draw from one conversation."""
LINE_LIMIT = 500

ONE_OF_A_KIND = frozenset({"name", "home", "origin", "work"})
"""Kinds of which a new fact replaces the old one."""


@dataclass(frozen=True, slots=True)
class Fact:
    """What a person said of themselves, in the third person (`works as a nurse`), with
    where it comes from."""

    kind: str
    text: str
    what: str
    """The bare object: `a nurse`."""
    message_id: str

    @property
    def date(self) -> str:
        """The day on which it was said, ISO in UTC."""
        return (
            datetime.fromtimestamp(snowflake_ms(self.message_id) / 1000, UTC)
            .date()
            .isoformat()
        )


_FILLERS = re.compile(
    r"^\W*(?:(?:well|so|oh|ah|yes|yeah|yep|no|nope|hi|hey|hello|ok|okay|btw|by the way|actually|also|and|but|honestly"
    r"|fun fact|to be honest|haha|lol|hm+|sure|right|thanks|thank you)\b[\s,:!.…-]*)+",
    re.IGNORECASE,
)
_SENTENCE = re.compile(r"[^.!?\n;]+[.!?;]*")
_CLAUSE = re.compile(
    r"(?:,\s*|\s+)(?:and|but|so)\s+(?=(?:i|i['’]m|my)\b)|,\s*(?=(?:i|i['’]m|my)\b)",
    re.IGNORECASE,
)
_QUOTE = re.compile(r"[\"“”«»„]|^\s*>")
_REALLY = r"(?:(?:really|absolutely|just|do|also|still|truly|kind of|always) )*"
_RULES: tuple[tuple[str, str, re.Pattern[str]], ...] = tuple(
    (kind, said, re.compile(pattern, re.IGNORECASE))
    for kind, said, pattern in (
        (
            "name",
            "is called {0}",
            r"(?:my name(?:['’]s| is)|(?:you can |please )?call me(?= (?-i:[A-Z]))) ([^\W\d_][\w'’-]*(?: (?-i:[A-Z])[\w'’-]*){0,2})$",
        ),
        (
            "home",
            "lives {0} {1}",
            r"i (?:currently |now |still )?live (in|on|near|at|by|outside) (.+)",
        ),
        (
            "origin",
            "is from {0}",
            r"i(?:['’]m| am)(?: originally)? from (.+)|i(?: originally)? come from (.+)",
        ),
        (
            "work",
            "works {0} {1}",
            r"i (?:currently |now |still )?work (as|at|in|for) (.+)",
        ),
        ("likes", "loves {0}", rf"i {_REALLY}(?:love|adore) (.+)"),
        ("likes", "likes {0}", rf"i {_REALLY}(?:like|enjoy) (.+)"),
        ("dislikes", "hates {0}", rf"i {_REALLY}(?:hate|detest|can['’]?t stand) (.+)"),
        ("dislikes", "dislikes {0}", rf"i {_REALLY}(?:dislike|don['’]?t like) (.+)"),
        (
            "has",
            "has {0}",
            r"i(?:['’]ve got| have)(?: got)? ((?:an?|one|two|three|four|five|six|some|\d{1,3}) .+)",
        ),
        ("is", "is {0}", r"i(?:['’]m| am) ((?:an?|the) .+)"),
    )
)
_CUT = re.compile(
    r"\s*(?:,|\(|[–—]|\s-\s|\b(?:because|since|which|though|although|but|when|if|so|while|until"
    r"|and (?:i|then|they|it|he|she|we|you)|haha|lol|tbh"
    r"|btw|too|as well|right now|these days|at the moment|to be honest|anyway|actually|though|i think|i guess)\b).*$",
    re.IGNORECASE | re.DOTALL,
)
_VAGUE = re.compile(
    r"^(?:you|your|u|ur|it|its|it['’]s|this|that|these|those|him|her|them|they|how|what|why|who|the way|the idea|the fact"
    r"|the one|the only|to (?:think|say|see|admit|be|know|hear)|an? (?:bit|little|lot|few|mess|idiot|question|feeling|idea"
    r"|problem|meeting|minute|moment|second|doubt|plan|headache|cold|fever|hunch|theory|point|thing|crush|date|test|exam"
    r"|job interview|favou?r|bad|good|great|long|terrible|hard|big problem|dream|different)|some|one (?:more|question|thing)"
    r"|both|neither)\b",
    re.IGNORECASE,
)
_PRONOUNS = {
    "my": "their",
    "our": "their",
    "me": "them",
    "us": "them",
    "mine": "theirs",
    "myself": "themselves",
}


def read_facts(text: str, message_id: str, names: tuple[str, ...] = ()) -> list[Fact]:
    """The facts in one message of a person, by rules. Questions, quotations and what is
    only wished for teach nothing."""
    found: list[Fact] = []
    for sentence in _SENTENCE.findall(spoken(text, names)):
        if "?" in sentence or _QUOTE.search(sentence):
            continue
        for clause in _CLAUSE.split(sentence):
            fact = _fact_in(_FILLERS.sub("", clause).strip(), message_id)
            if fact is not None and all(fact.text != other.text for other in found):
                found.append(fact)
    return found


def _fact_in(clause: str, message_id: str) -> Fact | None:
    for kind, said, pattern in _RULES:
        match = pattern.match(clause.rstrip(" .!…;"))
        if match is None:
            continue
        *before, what = [group for group in match.groups() if group is not None]
        what = _bare_object(what)
        text = said.format(*(word.lower() for word in before), what)
        return (
            Fact(kind, text, what, message_id)
            if what and _may_keep(kind, text)
            else None
        )
    return None


def _may_keep(kind: str, text: str) -> bool:
    """Whether it is no matter of which nothing is kept. A name is only a name: somebody
    is called Christian."""
    return kind == "name" or not sensitive(text)


def _bare_object(what: str) -> str:
    """The object of a sentence, or "" where it says nothing that lasts."""
    what = _CUT.sub("", what).strip(" .,!…:;'’-")
    words = [_PRONOUNS.get(word.lower(), word) for word in what.split()]
    bad = {"i", "i'm", "i’m"} & {word.lower() for word in words} or re.search(
        r"[@<>{}\[\]`|]|https?:", what
    )
    if (
        not words
        or bad
        or len(words) > MOST_WORDS
        or len(what) > MOST_LENGTH
        or _VAGUE.match(what)
    ):
        return ""
    return tame(" ".join(words))


def told_in(lines: Sequence[Line], names: tuple[str, ...]) -> list[tuple[str, Fact]]:
    """(person, fact) from the lines of a conversation, by rules. `names`: how the bot
    is called."""
    return [
        (str(line["author"]), fact)
        for line in lines
        if not line["bot"]
        for fact in read_facts(own_words(line), str(line["id"]), names)
        if fact.kind == "name" or told_by(fact.what, line, lines)
    ]


class _Drawn(BaseModel):
    """One fact as a model gives it."""

    line: int
    fact: str = Field(min_length=3, max_length=120)


class _Answer(BaseModel):
    facts: list[_Drawn] = Field(default_factory=list, max_length=50)


def ask(
    character_name: str,
    lines: Sequence[Line],
    known: Sequence[tuple[str, Sequence[str]]],
) -> list[BaseMessage]:
    """The prompt that draws facts from one conversation. `known`: name and facts of
    each person, which need not be said again; only what may be used where the
    conversation was."""
    shown = [
        fenced(
            {
                "line": number,
                "from": person(line["name"]),
                "is": "bot" if line["bot"] else "person",
                "text": tame(line["text"], LINE_LIMIT),
            }
        )
        for number, line in enumerate(lines)
    ]
    already = [
        fenced({"about": person(name), "facts": list(facts)})
        for name, facts in known
        if facts
    ]
    return [
        HumanMessage(
            fill(
                "learn",
                bot=character_name,
                transcript="\n".join(shown),
                known="\n".join(already) or "nothing yet",
            )
        )
    ]


def drawn(content: str, lines: Sequence[Line]) -> list[tuple[str, Fact]]:
    """(person, fact) from a model's answer. Only what a person said counts, and only of
    that person: the words of a fact must stand in lines that its person wrote, whatever
    line the model names."""
    content = stripped(content)
    # Small models write a remark around the object that they were asked for.
    start, end = content.find("{"), content.rfind("}")
    try:
        answer = (
            _Answer.model_validate(json.loads(content[start : end + 1]))
            if start >= 0
            else _Answer()
        )
    # Deep nesting exhausts Python's JSON reader: that is garbage too.
    except (ValueError, ValidationError, RecursionError):
        return []
    found: list[tuple[str, Fact]] = []
    for one in answer.facts[:MOST_AT_ONCE]:
        if not 0 <= one.line < len(lines) or lines[one.line]["bot"]:
            continue
        text = " ".join(tame(one.fact, 120).split()).rstrip(".")
        line = lines[one.line]
        odd = (
            is_refusal(text) or sensitive(text) or re.search(r"[@<>{}`]|https?:", text)
        )
        if len(text) >= 3 and not odd and told_by(text, line, lines):
            found.append(
                (str(line["author"]), Fact("told", text, text, str(line["id"])))
            )
    return found


def told_by(fact: str, line: Line, lines: Sequence[Line]) -> bool:
    """Whether the author of a line told this of themselves: in words of theirs, and
    naming nobody else who was there."""
    own = [own_words(one) for one in lines if one["author"] == line["author"]]
    others = {str(one["name"]) for one in lines if one["author"] != line["author"]}
    return stands_in(fact, own) and not names_other(fact, others)


def outdated(old: Mapping[str, Mapping[str, Any]], new: Fact) -> list[str]:
    """Which of a person's facts (by key) a new one replaces."""
    return [
        key
        for key, value in old.items()
        if str(value["text"]).casefold() == new.text.casefold()
        or (new.kind in ONE_OF_A_KIND and value["kind"] == new.kind)
    ]
