"""A line of chat as sentences, and what greets or fills before a name."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from app.rules.lexis import (
    GREETINGS,
    TITLES_AFTER,
    TITLES_BEFORE,
    Lexis,
    Phrases,
    lexis_of,
)
from app.rules.script import undrawn_forms
from app.rules.tokens import Token, TokenKind

COMMAS = frozenset({",", "，"})
JOINERS = frozenset(
    {",", "&", "+", "/", "and", "n", "y", "und", "et", "e", "и", "ve", "と", "和"}
)
_ENDS = frozenset(".!?…¿¡")
_QUOTES = frozenset('"“”«»„‚‹›')
_COMMANDS = ("/", "!", "#", "$", "\\")
_BRACKETS = {"(": ")", "[": "]", "{": "}", "【": "】", "「": "」", "<": ">"}
_LONGEST_BRACKET = 8
_MAX_HAILS = 8


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence: its tokens without the marks that end it, and whether those ask."""

    tokens: Sequence[Token]
    asks: bool
    lexis: Lexis


@dataclass(frozen=True, slots=True)
class Hail:
    """What a sentence begins with before it says anything: `end` is the first token
    after it."""

    end: int
    greets: bool = False
    directly: bool = False
    """Whether the greeting is the last of it."""


def sentences(line: Sequence[Token]) -> list[Sentence]:
    """The sentences of a line, in order."""
    # Of a line without a name, too: what it says decides who the next begins with.
    lexis = lexis_of(token.text for token in line if token.kind is TokenKind.WORD)
    found: list[Sentence] = []
    tokens: list[Token] = []
    for token in _without_descriptions(line):
        if token.kind is not TokenKind.MARK or token.text not in _ENDS:
            tokens.append(token)
            continue
        asks = token.text == "?"
        if tokens:
            found.append(Sentence(tokens, asks, lexis))
            tokens = []
        # "What!?": the mark that asks comes after the one that ended the sentence.
        elif asks and found:
            found[-1] = Sentence(found[-1].tokens, True, lexis)
    if tokens:
        found.append(Sentence(tokens, False, lexis))
    return found


def _without_descriptions(line: Sequence[Token]) -> Iterator[Token]:
    """The line without brackets that describe a name ("Elena (bot)"), and without
    quotation marks."""
    i = 0
    while i < len(line):
        if line[i].text not in _QUOTES:
            yield line[i]
        named = line[i].who if line[i].kind is TokenKind.PARTY else ""
        i += 1
        if named and i < len(line):
            i = _bracket_end(line, i, named) or i


def says_nothing(sentence: Sentence) -> bool:
    """Whether it only greets, fills, counts or calls."""
    end = read_hail(sentence).end
    return all(
        token.kind is not TokenKind.WORD or token.text.isdigit()
        for token in sentence.tokens[end:]
    )


def is_decoration(token: Token) -> bool:
    """Whether the token is a mark, a picture or a link: in front of a name it changes
    nothing. A command does."""
    return token.kind is TokenKind.MARK or (
        token.kind is TokenKind.OTHER and not token.text.startswith(_COMMANDS)
    )


def read_hail(sentence: Sentence) -> Hail:
    """What a sentence begins with."""
    tokens = sentence.tokens
    i, greets, directly = _skip_decoration(tokens, 0), False, False
    for _ in range(_MAX_HAILS):
        if i >= len(tokens) or tokens[i].kind is not TokenKind.WORD:
            break
        greeting = phrase_at(tokens, i, GREETINGS)
        length = (
            greeting
            or phrase_at(tokens, i, sentence.lexis.fill)
            or _title_length(tokens, i)
        )
        if not length:
            break
        directly = bool(greeting) or (directly and tokens[i].text in TITLES_BEFORE)
        greets = greets or bool(greeting)
        i = _skip_decoration(tokens, i + length)
    return Hail(i, greets, directly)


def phrase_at(tokens: Sequence[Token], start: int, phrases: Phrases) -> int:
    """How many tokens the longest phrase takes that begins here; 0: none does."""
    word = tokens[start].text
    for first in (word, *undrawn_forms(word)):
        for phrase in phrases.get(first, ()):
            following = tokens[start + 1 : start + len(phrase)]
            if [token.text for token in following] == list(phrase[1:]):
                return len(phrase)
    return 0


def after_title(tokens: Sequence[Token], start: int) -> int:
    """The first token after a title that follows a name ("hanım")."""
    titled = (
        start < len(tokens)
        and tokens[start].kind is TokenKind.WORD
        and tokens[start].text in TITLES_AFTER
    )
    return start + titled


def _title_length(tokens: Sequence[Token], i: int) -> int:
    names = i + 1 < len(tokens) and tokens[i + 1].kind is TokenKind.PARTY
    return int(names and tokens[i].text in TITLES_BEFORE)


def _skip_decoration(tokens: Sequence[Token], start: int) -> int:
    """The first token from `start` that is no decoration: no mark, picture, number of a
    list or "[tag]"."""
    i = start
    while i < len(tokens):
        closed = _bracket_end(tokens, i)
        if closed:
            i = closed
        elif is_decoration(tokens[i]) or _is_numbering(tokens, i):
            i += 1
        else:
            break
    return i


def _is_numbering(tokens: Sequence[Token], i: int) -> bool:
    return (
        tokens[i].text.isdigit() and i + 1 < len(tokens) and tokens[i + 1].text == ")"
    )


def _bracket_end(tokens: Sequence[Token], start: int, named: str = "") -> int:
    """Where a short bracket that begins here has ended; 0 if none begins, or if it
    names anybody else than `named`."""
    closing = _BRACKETS.get(tokens[start].text)
    if closing is None or tokens[start].kind is not TokenKind.MARK:
        return 0
    for i in range(start + 1, min(start + _LONGEST_BRACKET, len(tokens))):
        if tokens[i].kind is TokenKind.PARTY and tokens[i].who != named:
            return 0
        if tokens[i].text == closing:
            return i + 1
    return 0
