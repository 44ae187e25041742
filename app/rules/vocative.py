"""Whom a line of chat calls by name, in the languages of lexis.yaml.

A party is a name that the lexicon knows or a Discord mention. A line calls a party when
a sentence opens with it as a vocative ("elena, ...", "hey elena", "elena what do you
think") or a clause closes with it ("what do you think, elena?"); a line that only
speaks about it ("elena is nice", "elena's paper", "have you met elena?") does not. A
name that is also a common word ("Hope") needs a comma, a greeting or an @.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from app.rules import closing
from app.rules.lexis import AUXILIARY, GREETINGS, PROMPTS, is_no_person
from app.rules.sentences import (
    COMMAS,
    JOINERS,
    Hail,
    Sentence,
    after_title,
    phrase_at,
    read_hail,
    says_nothing,
)
from app.rules.tokens import Token, TokenKind
from app.rules.unspaced import called_unspaced, is_unspaced

_CALLING = frozenset(",:;-–—~")
_SKIPPED = frozenset(")]}'*")
_US = frozenset({"i", "we"})
_IT = frozenset(
    [
        "it",
        "that",
        "this",
        "there",
        "the",
        "he",
        "she",
        "they",
        "my",
        "our",
        "his",
        "her",
        "their",
        "these",
        "those",
    ]
)
_CLAUSES = frozenset(
    [
        "it",
        "it's",
        "its",
        "that",
        "that's",
        "thats",
        "this",
        "they",
        "they're",
        "he",
        "he's",
        "she",
        "she's",
    ]
)
"""What begins a clause of its own after a name."""
_IF = frozenset(["if", "when", "because", "since", "maybe", "unless", "cause", "cuz"])
_DETERMINERS = frozenset(["my", "our", "his", "her", "their", "the", "a", "an"])
_LONGEST_APPOSITION = 8
_WHOM = re.compile(
    "^(?:who.*|quién|quien|qui|wer|quem|chi|kto|kim|кто|कौन|누구|من)$|谁|誰|だれ|ใคร"
)
_DID = frozenset(["did", "does", "can", "could", "should", "would", "has"])
_WHO = frozenset(["who", "who's", "whos", "whose"])


def called(lines: Sequence[Sequence[Sentence]]) -> tuple[str, ...]:
    """Whom the lines call by name, in order. After the first sentence a name calls at
    the start of another only with a comma or colon after it, or a greeting before
    it."""
    found: dict[str, None] = {}
    leading, asked = True, False
    for line in lines:
        for sentence in line:
            found.update(
                dict.fromkeys(
                    _called_in(sentence, leading)
                    or (_named_alone(sentence) if asked else ())
                )
            )
            leading = leading and says_nothing(sentence)
            # "who is it? elena" answers the question, and calls nobody.
            asked = sentence.asks and not any(
                _WHOM.search(token.text) for token in sentence.tokens
            )
    return tuple(found)


def opens_with(line: Sequence[Sentence]) -> Token | None:
    """The party that a line begins with, after greetings."""
    for sentence in line:
        start = read_hail(sentence).end
        if start < len(sentence.tokens):
            return (
                sentence.tokens[start]
                if sentence.tokens[start].kind is TokenKind.PARTY
                else None
            )
    return None


def _called_in(sentence: Sentence, leading: bool) -> tuple[str, ...]:
    if all(token.kind is not TokenKind.PARTY for token in sentence.tokens):
        return ()
    if is_unspaced(sentence):
        return called_unspaced(sentence, leading)
    return _called_at_start(sentence, leading) or closing.called(sentence)


def _named_alone(sentence: Sentence) -> tuple[str, ...]:
    """The parties of a sentence of names alone, after a question to them: "can you
    help? elena?"."""
    parties = [token for token in sentence.tokens if token.kind is not TokenKind.MARK]
    alone = all(token.kind is TokenKind.PARTY and not token.weak for token in parties)
    return tuple(token.who for token in parties) if alone else ()


def _group_from(tokens: Sequence[Token], start: int) -> list[int]:
    """Positions of the parties named together from `start` on ("elena, aria and
    dotty")."""
    group: list[int] = []
    i = start
    while i < len(tokens) and tokens[i].kind is TokenKind.PARTY:
        group.append(i)
        i = after_title(tokens, i + 1)
        joiners = 0
        while (
            joiners < 2
            and i + joiners < len(tokens)
            and tokens[i + joiners].text in JOINERS
        ):
            joiners += 1
        i += joiners
    return group


def _called_at_start(sentence: Sentence, leading: bool) -> tuple[str, ...]:
    tokens, before = sentence.tokens, read_hail(sentence)
    group = _group_from(tokens, before.end)
    if not group:
        return ()
    rest = tokens[after_title(tokens, group[-1] + 1) :]
    if not leading and not before.directly:
        speaks = bool(rest) and rest[0].text in {",", ":"} and not _is_relative(rest)
    elif any(tokens[i].weak and not tokens[i].pinged for i in group):
        speaks = _surely_called(sentence, rest, before)
    else:
        speaks = _speaks_to(sentence, rest, before.greets)
    if not speaks and _is_parted(sentence, group, rest):
        group, speaks = (
            group[:-1],
            True,
        )  # "elena, aria is nice" calls elena and speaks about aria
    return tuple(tokens[i].who for i in group) if speaks else ()


def _is_parted(sentence: Sentence, group: Sequence[int], rest: Sequence[Token]) -> bool:
    about = sentence.lexis.about - JOINERS
    return (
        bool(rest)
        and rest[0].text in about
        and sentence.tokens[group[-1] - 1].text in {",", ":"}
    )


def _is_relative(rest: Sequence[Token]) -> bool:
    """ "elena, who is a bot, ...", "elena, my sister, is ..."."""
    if len(rest) < 2 or rest[0].text not in COMMAS:
        return False
    if rest[1].text in {"who", "whose", "which"}:
        return True
    second = next(
        (
            i
            for i, token in enumerate(rest[1:_LONGEST_APPOSITION], 1)
            if token.text in COMMAS
        ),
        0,
    )
    verb = rest[second + 1].text if second and second + 1 < len(rest) else ""
    return rest[1].text in _DETERMINERS and verb in AUXILIARY


def _surely_called(sentence: Sentence, rest: Sequence[Token], before: Hail) -> bool:
    """Whether a name that is also a common word is called: "hope, ...", "hey hope", not
    "hey hope you're well"."""
    if rest and rest[0].kind is TokenKind.MARK:
        return rest[0].text in {",", ":"}
    if not before.directly:
        return False
    if not rest or rest[0].kind is TokenKind.OTHER:
        return True
    head, second = rest[0].text, rest[1].text if len(rest) > 1 else ""
    return head in sentence.lexis.ask or _is_inverted(sentence, head, second)


def _speaks_to(sentence: Sentence, rest: Sequence[Token], hailed: bool) -> bool:
    """Whether what follows a name shows that the name was a call."""
    while rest and rest[0].kind is TokenKind.MARK and rest[0].text in _SKIPPED:
        rest = rest[1:]
    if not rest or rest[0].kind is TokenKind.OTHER:
        return True
    if rest[0].kind is TokenKind.MARK:
        return rest[0].text in _CALLING and (sentence.asks or not _is_relative(rest))
    return _word_speaks(sentence, rest, hailed)


def _word_speaks(sentence: Sentence, rest: Sequence[Token], hailed: bool) -> bool:
    """The same for a name that a word follows."""
    lexis, head, second = (
        sentence.lexis,
        rest[0].text,
        rest[1].text if len(rest) > 1 else "",
    )
    greets = phrase_at(rest, 0, GREETINGS)
    if head in JOINERS:
        return (
            sentence.asks
            or _says_you(sentence, rest)
            or (hailed and is_no_person(second))
        )
    if head in lexis.ask and not greets:
        return _asks_party(sentence, rest, hailed)
    if head in lexis.about and greets < 2:
        return _is_inverted(sentence, head, second) or (
            hailed and head in _DID and second in _IT
        )
    return (
        _greets_party(sentence, rest, greets)
        or hailed
        or head in lexis.open
        or lexis.addresses(head)
        or _goes_on(sentence, rest)
    )


def _greets_party(sentence: Sentence, rest: Sequence[Token], length: int) -> bool:
    """ "elena good morning"; in languages whose verbs come last "İpek selam söylüyor" tells of her greeting."""
    ends = length == len(rest) or rest[length].kind is not TokenKind.WORD
    return length > 0 and (ends or sentence.lexis.english or _says_you(sentence, rest))


def _says_you(sentence: Sentence, rest: Sequence[Token]) -> bool:
    return any(
        token.kind is TokenKind.WORD and sentence.lexis.addresses(token.text)
        for token in rest
    )


def _is_inverted(sentence: Sentence, verb: str, second: str) -> bool:
    """ "elena can you ...", "elena is it ...?": a question to her, not a sentence about her."""
    return verb in AUXILIARY and (
        sentence.lexis.addresses(second)
        or second in _US
        or (sentence.asks and second in _IT)
    )


def _asks_party(sentence: Sentence, rest: Sequence[Token], hailed: bool) -> bool:
    """Whether a question word after the name begins a question to her; "elena who?"
    asks about her."""
    if rest[0].text in _WHO and len(rest) == 1:
        return False
    second = rest[1].text if len(rest) > 1 else ""
    asks = sentence.asks or hailed or not second or second in AUXILIARY
    return asks or rest[0].text in sentence.lexis.open or _says_you(sentence, rest)


def _goes_on(sentence: Sentence, rest: Sequence[Token]) -> bool:
    """Whether a word of no known part goes on as a call: it is an aside alone, begins a
    clause, or asks a second person."""
    if phrase_at(rest, 0, sentence.lexis.fill) == len(rest):
        return True
    head = rest[0].text
    if not sentence.lexis.english:
        return _says_you(sentence, rest) or (
            sentence.asks and any(token.text in sentence.lexis.ask for token in rest)
        )
    if head in _CLAUSES:
        return len(rest) > 1
    if head in _IF and _says_you(sentence, rest):
        return True
    if not sentence.asks:
        return False
    return head in PROMPTS or (
        _says_you(sentence, rest) and not head.endswith(("s", "ed"))
    )
