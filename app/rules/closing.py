"""Whom a clause calls at its end: "what do you think, elena?", "can you help me elena",
"thanks so much elena"."""

from __future__ import annotations

from collections.abc import Sequence

from app.rules.lexis import (
    AUXILIARY,
    BE,
    GREETINGS,
    NOUNS,
    PROMPTS,
    SUBJECTS,
    TAIL,
    TITLES_AFTER,
    TITLES_BEFORE,
)
from app.rules.sentences import (
    COMMAS,
    JOINERS,
    Sentence,
    is_decoration,
    phrase_at,
    read_hail,
)
from app.rules.tokens import Token, TokenKind

_PAUSES = frozenset({",", "-", "–", "—", ":", ";"})
_POSSESSIVES = frozenset(["my", "our", "his", "her", "their", "the", "a", "an", "this"])
_NAMING = frozenset(["call", "called", "calls", "named", "name", "names", "me's"])
_WHAT = frozenset(["what", "why", "how", "what's", "whats", "where", "when"])
_SAYING = frozenset(["say", "mean", "meant", "said"])
_DETERMINERS = frozenset(
    [
        "the",
        "your",
        "my",
        "a",
        "an",
        "this",
        "that",
        "any",
        "some",
        "all",
        "need",
        "want",
        "for",
    ]
)
"""After them a verb is a noun: "thanks for your help elena"."""
_STRANDED = frozenset(["at", "about", "for", "from", "to", "on", "with", "of", "in"])
_TELLING = frozenset(["saying", "telling", "giving", "doing", "asking", "thinking"])
_ANYBODY = frozenset(["anybody", "anyone", "somebody", "someone", "nobody"])
_PHRASAL = frozenset(["wake", "pick", "look", "bring", "back"])
_MAX_CLAUSES = 8


def called(sentence: Sentence) -> tuple[str, ...]:
    """Whom the sentence calls at its end, or at the end of a clause."""
    found: list[str] = []
    for end in _clause_ends(sentence.tokens):
        first = _first_together(sentence.tokens, end)
        # All who are named together first; else the last of them alone.
        for start in sorted({first, end - 1}):
            if 0 < start < end and _closes_clause(sentence, start, end):
                found += [
                    token.who
                    for token in sentence.tokens[start:end]
                    if token.kind is TokenKind.PARTY
                ]
                break
    return tuple(found)


def _clause_ends(tokens: Sequence[Token]) -> list[int]:
    """Where a party ends a clause: before a comma, and before what may trail at the end
    ("please lol 😂")."""
    commas = [i for i, token in enumerate(tokens) if token.text in COMMAS]
    # Bounded: a line of commas must not cost more than another.
    ends = [_without_title(tokens, i) for i in commas[:_MAX_CLAUSES]]
    last = len(tokens)
    while last and (is_decoration(tokens[last - 1]) or tokens[last - 1].text in TAIL):
        last -= 1
    ends.append(_without_title(tokens, last))
    return [
        end
        for end in dict.fromkeys(ends)
        if end and tokens[end - 1].kind is TokenKind.PARTY
    ]


def _without_title(tokens: Sequence[Token], end: int) -> int:
    titled = (
        end > 1
        and tokens[end - 1].text in TITLES_AFTER
        and tokens[end - 2].kind is TokenKind.PARTY
    )
    return end - titled


def _first_together(tokens: Sequence[Token], end: int) -> int:
    """Where the parties begin that end here together ("elena and aria")."""
    start = end
    while start and tokens[start - 1].kind is TokenKind.PARTY:
        start -= 1
        if (
            start > 1
            and tokens[start - 1].text in JOINERS
            and tokens[start - 2].kind is TokenKind.PARTY
        ):
            start -= 1
    return start


def _closes_clause(sentence: Sentence, start: int, end: int) -> bool:
    tokens = sentence.tokens
    if start > 1 and tokens[start - 1].text in TITLES_BEFORE:
        start -= 1
    before = tokens[start - 1]
    if before.text in _PAUSES or (
        before.kind is TokenKind.OTHER and is_decoration(before)
    ):
        return _after_pause(sentence, start, end)
    # Without a pause in front of it a common word is no call.
    weak = any(token.weak and not token.pinged for token in tokens[start:end])
    if weak or before.kind is not TokenKind.WORD:
        return False
    begin = start
    while begin and tokens[begin - 1].text not in COMMAS:
        begin -= 1
    clause = Sentence(tokens[begin:start], sentence.asks, sentence.lexis)
    return not _takes_name(clause) and _shows_address(clause)


def _after_pause(sentence: Sentence, start: int, end: int) -> bool:
    """After a comma, dash or picture. Without a sign of a second person only a lone
    comma at the end calls."""
    said = sentence.tokens[:start]
    words = [token.text for token in said if token.kind is TokenKind.WORD]
    if not words or _introduces_name(words):
        return False
    lexis, opener = sentence.lexis, said[0].text
    before = read_hail(Sentence(said, sentence.asks, lexis))
    if (
        sentence.asks
        or before.end
        or opener in lexis.open - SUBJECTS
        or any(map(lexis.addresses, words))
    ):
        return True
    weak = any(token.weak for token in sentence.tokens[start:end])
    lone = said[-1].text in COMMAS and sum(token.text in COMMAS for token in said) == 1
    last = _clause_ends(sentence.tokens)[-1:] == [end]
    apposed = len(words) > 1 and words[-2] in _POSSESSIVES
    return (
        lone
        and last
        and not weak
        and not apposed
        and len(words) > 1
        and said[-2].kind is TokenKind.WORD
    )


def _clause_words(clause: Sentence) -> list[str]:
    """Its words without what greets or fills in front."""
    return [
        token.text
        for token in clause.tokens[read_hail(clause).end :]
        if token.kind in {TokenKind.WORD, TokenKind.PARTY}
    ]


def _takes_name(clause: Sentence) -> bool:
    """Whether the clause needs the name: "have you met elena", "say hi to elena", "it
    was elena"."""
    words, lexis = _clause_words(clause), clause.lexis
    if not words:
        return False
    before, second = words[-1], words[-2] if len(words) > 1 else ""
    if lexis.english and _ends_itself(words):
        return False
    if before in lexis.block or before.endswith("'s") or second in _NAMING:
        return True
    if words[0] in BE and (
        len(words) == 1
        or (len(words) == 2 and (before in SUBJECTS or lexis.addresses(before)))
    ):
        return True  # "are you elena?", "is it elena?", "eres elena"
    if lexis.english:
        phrasal = before == "up" and second in _PHRASAL
        return (
            phrasal
            or _introduces_name(words)
            or second in _ANYBODY
            or (before not in lexis.close and before.endswith(("ed", "ing")))
        )
    return (
        len(words) == 2
        and words[0] in lexis.block - lexis.ask
        and lexis.addresses(before)
    )  # "kennst du elena?"


def _ends_itself(words: Sequence[str]) -> bool:
    """Whether the last word, which often takes a name after it, takes none here."""
    if words[-1] in _SAYING:
        return not _WHAT.isdisjoint(words)  # "what do you mean elena"
    noun = len(words) > 1 and words[-1] in NOUNS and words[-2] in _DETERMINERS
    return noun or _has_stranded_preposition(words)


def _introduces_name(words: Sequence[str]) -> bool:
    return words[-1] == "me" and len(words) > 1 and words[-2] in {"it's", "its", "is"}


def _has_stranded_preposition(words: Sequence[str]) -> bool:
    """ "what are you up to elena", "what are you looking at elena?"."""
    if words[0] not in _WHAT | {"who"} or words[-1] not in _STRANDED:
        return False
    return words[-2] in {"you", "up"} or (
        words[-2].endswith("ing") and words[-2] not in _TELLING
    )


def _shows_address(clause: Sentence) -> bool:
    """Whether the clause shows that it is spoken to somebody."""
    words, lexis = _clause_words(clause), clause.lexis
    if not words:
        return True  # a greeting alone
    opener, closed = words[0], words[-1] in lexis.close | _SAYING
    if closed and len(words) > 1 and opener in SUBJECTS:
        return True
    if opener in lexis.open - SUBJECTS and len(words) > 1:
        return True
    if words[0] in {"i", "we"} and words[-2:-1] in (["the"], ["my"]):
        return True  # "i finished the book elena"
    return (
        _greets_party(clause, words, closed)
        or _asks_party(clause, words, closed)
        or _says_you(clause, words, closed)
    )


def _greets_party(clause: Sentence, words: Sequence[str], closed: bool) -> bool:
    """ "thanks so much elena"."""
    first = clause.tokens[0].kind is TokenKind.WORD and phrase_at(
        clause.tokens, 0, GREETINGS
    )
    return bool(first) and (
        closed or words[0] not in AUXILIARY or any(map(clause.lexis.addresses, words))
    )


def _asks_party(clause: Sentence, words: Sequence[str], closed: bool) -> bool:
    """ "is the server down elena?", "got a minute elena?"."""
    if clause.lexis.english and words[0] in PROMPTS:
        return closed or (clause.asks and len(words) > 1)
    if clause.asks and "or" in words[1:-1]:
        return True
    return _begins_question(clause, words) and (
        closed or words[-2:-1] == ["the"] or (clause.asks and len(words) > 2)
    )


def _begins_question(clause: Sentence, words: Sequence[str]) -> bool:
    return words[0] in clause.lexis.ask or (
        clause.lexis.english and words[0] in AUXILIARY
    )


def _says_you(clause: Sentence, words: Sequence[str], closed: bool) -> bool:
    """ "what's your favourite film elena?", "you are a genius elena"."""
    lexis = clause.lexis
    if not any(map(lexis.addresses, words)):
        return False
    speaks = words[0] in {"i", "we"} or lexis.addresses(words[0])
    return (
        closed
        or clause.asks
        or speaks
        or not lexis.english
        or _begins_question(clause, words)
    )
