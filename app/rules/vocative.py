"""Whom a line of chat calls by name. Heuristics of English chat, for whole words in any script.

A party is a name that the lexicon knows or a Discord mention. A line calls a party when it opens with it as a vocative
("elena, ...", "hey elena", "elena what do you think") or closes with it ("what do you think, elena?"); a line that only
speaks about it ("elena is nice", "elena's paper") does not.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum, auto

from app.model import MAX_CONTENT

Lexicon = Mapping[str, Sequence[tuple[tuple[str, ...], str]]]
"""First word of a name to the names that begin with it (as words, longest first) and whom each means."""


class Kind(Enum):
    """What a token is."""

    WORD = auto()
    PARTY = auto()
    MARK = auto()
    OTHER = auto()
    """A link, channel, role, code or emoji: no word, no sign of calling."""


@dataclass(frozen=True, slots=True)
class Token:
    """One token. `who` is set where it names somebody; `pinged` when that was a mention or was written with an @."""

    kind: Kind
    text: str
    who: str = ""
    pinged: bool = False


_CODE = re.compile(r"```.*?(?:```|\Z)|``.+?``|`[^`\n]+`", re.DOTALL)
_EMPHASIS = re.compile(r"[*~|]+|(?<!\w)__?(?=\w)|(?<=\w)__?(?!\w)")
_TOKEN = re.compile(
    r"<@!?(?P<user>\d{1,20})>"
    r"|(?P<other><[@#:a/t][^<>\s]{1,120}>|https?://\S+|(?<!\w):\w+:|(?<![\w.+-])[\w.+-]{1,64}@\w[\w.-]*|(?<!\w)[#/$!\\]\w+|\d+\.\d+)"
    r"|(?P<at>@)(?=\w)"
    r"|(?P<word>\w+(?:['.\-]\w+)*)"
    r"|(?P<mark>\S)"
)
_QUOTE = re.compile(r"\s*>(?:>>)? ")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_STRONG = _words(
    "hey hi hello hiya heya hallo yo oi psst howdy sup good morning afternoon evening night gm gn goodnight "
    "bye goodbye thanks thank thx ty tysm please pls sorry welcome dear congrats bonjour hola ciao salut ok "
    "okay"
)
_FILLERS = _words(
    "so well and but also then oh ah um uh hm hmm lol haha yes no yeah yep nope sure cool nice great wow wait "
    "alright anyway btw right true exactly agreed same k"
)
_YOU = _words("you u ur your yours you're youre you'd you'll you've ya yall y'all yourself")
_ASK = _words(
    "what what's whats who who's whos why where where's wheres when how how's hows which whose wdyt"
)
_AUXILIARY = _words(
    "is are was were am do does did can could will would should may might must has have had isn't aren't "
    "wasn't don't doesn't didn't can't couldn't won't wouldn't shouldn't haven't hasn't"
)
_SUBJECTS = _words("it that this there the he she they my our his her their these those")
_US = _words("i we")
_FINITE = (_AUXILIARY | _words(
    "said says thinks thought likes liked loves loved seems looks wants wanted knows knew told asked makes "
    "made gave went came feels means"
)) - {"don't"}
_OPENERS = _YOU | _US | _words(
    "i'm im i'll ill i've ive i'd my let's lets tell help explain show give look come please pls stop wait "
    "say write make find listen check try let remember describe translate summarize summarise sing play think "
    "draw read go do don't dont be take send answer ask call keep thank thanks thx ty hi hello hey good "
    "welcome sorry congrats imagine guess pick choose list name teach define compare suggest recommend recite "
    "continue"
)
_PROMPTS = _words(
    "any thoughts thought ideas idea opinion opinions coming ready there here still wanna want got know see "
    "remember hear heard feel again ok okay right really and or"
)
_CLOSERS = _YOU | _words(
    "think doing feeling up say today tonight much lot there again please pls right that this it now too all "
    "yet"
)
NO_NAMES = _ASK | _YOU | _US | _SUBJECTS | (_AUXILIARY - {"will", "may"})
"""Words that call nobody, whoever took one for a name."""
_JOINERS = frozenset({",", "、", "&", "+", "/", "and", "n"})
_CALLING = frozenset(",:;-–—?!.…、。")
_MAX_HAILS = 3


def normalise(text: str) -> str:
    """The form in which names are compared: compatibility characters and case folded, one kind of apostrophe."""
    return unicodedata.normalize("NFKC", text).casefold().replace("’", "'").replace("ʼ", "'")


def lexicon(names: Iterable[tuple[str, str]]) -> Lexicon:
    """A lexicon of (name, whom it means); the first owner of a name keeps it. One-letter names are left out."""
    found: dict[str, list[tuple[tuple[str, ...], str]]] = {}
    for name, who in names:
        words = tuple(match.group("word") for match in _TOKEN.finditer(normalise(name)) if match.group("word"))
        if not words or len("".join(words)) < 2:
            continue
        known = found.setdefault(words[0], [])
        if all(words != other for other, _ in known):
            known.append((words, who))
    for known in found.values():
        known.sort(key=lambda item: -len(item[0]))
    return found


def tokenise(text: str, names: Lexicon) -> list[list[Token]]:
    """The tokens of each line that is not empty; code and quoted lines say nothing."""
    lines = (_line(line, names) for line in _CODE.sub(" ` ", text).splitlines() if not _QUOTE.match(line))
    return [line for line in lines if line]


def called(lines: Sequence[Sequence[Token]]) -> tuple[str, ...]:
    """Whom the lines call by name, in order. After the first line a name calls only with a comma or colon after it."""
    found: dict[str, None] = {}
    for number, line in enumerate(lines):
        who = _opening(line, strict=number > 0) or _closing(line)
        found.update(dict.fromkeys(who))
    return tuple(found)


def opens_with(line: Sequence[Token]) -> Token | None:
    """The party that a line begins with, after greetings."""
    start, _ = _hail(line)
    return line[start] if start < len(line) and line[start].kind is Kind.PARTY else None


def _line(line: str, names: Lexicon) -> list[Token]:
    matches = list(_TOKEN.finditer(_EMPHASIS.sub("", normalise(line)[:MAX_CONTENT])))
    tokens: list[Token] = []
    at, i = False, 0
    while i < len(matches):
        match = matches[i]
        i += 1
        if match.group("at"):
            at = True
            continue
        if user := match.group("user"):
            tokens.append(Token(Kind.PARTY, match.group(), user, True))
        elif word := match.group("word"):
            token, used = _word(word, [m.group("word") or m.group() for m in matches[i : i + 8]], names, at)
            tokens.append(token)
            i += used
        else:
            symbol = unicodedata.category(match.group()[0]) in {"So", "Sk", "Cf", "Mn"}
            kind = Kind.MARK if match.group("mark") and not symbol else Kind.OTHER
            tokens.append(Token(kind, match.group()))
        at = False
    return tokens


def _word(word: str, following: Sequence[str], names: Lexicon, at: bool) -> tuple[Token, int]:
    """One word, or the name that begins with it, and how many of the following tokens that name takes."""
    for words, who in names.get(word, ()):
        used = 0
        for part in words[1:]:
            used += following[used : used + 1] == ["."]  # "Dr. Rodriguez"
            if following[used : used + 1] != [part]:
                break
            used += 1
        else:
            return Token(Kind.PARTY, " ".join(words), who, at), used
    owner, _, ending = word.rpartition("'")
    whole = [who for words, who in names.get(owner, ()) if len(words) == 1] if ending in {"s", ""} else []
    return Token(Kind.WORD, word, whole[0] if whole else ""), 0


def _hail(line: Sequence[Token]) -> tuple[int, bool]:
    """How many tokens of greeting or filler a line begins with, and whether a real greeting is among them."""
    i, strong = 0, False
    for _ in range(_MAX_HAILS):
        if i >= len(line) or line[i].kind is not Kind.WORD:
            break
        word = line[i].text
        if word not in _STRONG and word not in _FILLERS and not (i and word == "you" and line[i - 1].text == "thank"):
            break
        strong = strong or word in _STRONG
        i += 1
        while i < len(line) and line[i].kind is Kind.MARK and line[i].text in ",.!":
            i += 1
    return i, strong


def _group(line: Sequence[Token], start: int) -> list[int]:
    """Positions of the parties named together from `start` on ("elena, aria and dotty")."""
    group: list[int] = []
    i = start
    while i < len(line) and line[i].kind is Kind.PARTY:
        group.append(i)
        i += 1
        joiners = 0
        while joiners < 2 and i + joiners < len(line) and line[i + joiners].text in _JOINERS:
            joiners += 1
        if i + joiners < len(line) and line[i + joiners].kind is Kind.PARTY:
            i += joiners
    return group


def _opening(line: Sequence[Token], strict: bool) -> tuple[str, ...]:
    start, hailed = _hail(line)
    group = _group(line, start)
    if not group:
        return ()
    rest = line[group[-1] + 1 :]
    speaks = bool(rest) and rest[0].text in {",", ":", "、"} if strict else _speaks_to(rest, hailed)
    if not speaks and len(group) > 1 and rest and rest[0].text in _FINITE and line[group[-1] - 1].text in ",:、":
        group, speaks = group[:-1], True  # "elena, aria is nice" calls elena and speaks about aria
    return tuple(line[i].who for i in group) if speaks else ()


def _speaks_to(rest: Sequence[Token], hailed: bool) -> bool:
    """Whether what follows a name shows that the name was a call."""
    head = rest[0] if rest else None
    if head is None or head.kind is Kind.OTHER:
        return True
    if head.kind is Kind.MARK:
        return head.text in _CALLING
    asks = any(token.text == "?" for token in rest)
    second = rest[1].text if len(rest) > 1 else ""
    if head.text in _FINITE:
        return _inverted(head.text, second, asks)
    return head.text in _OPENERS or _leads(rest, second, asks, hailed)


def _inverted(verb: str, second: str, asks: bool) -> bool:
    """"elena can you ...", "elena is it ...?": a question to her, not a sentence about her."""
    return verb in _AUXILIARY and (second in _YOU | _US or (asks and second in _SUBJECTS))


def _leads(rest: Sequence[Token], second: str, asks: bool, hailed: bool) -> bool:
    """Whether a question word, a joiner or a short prompt after the name goes on as a call."""
    head = rest[0].text
    you = any(token.text in _YOU for token in rest)
    if head in _ASK:
        return asks or hailed or you or second in _AUXILIARY or not second
    if head in _JOINERS:
        return asks or you
    return hailed or (asks and head in _PROMPTS)


def _closing(line: Sequence[Token]) -> tuple[str, ...]:
    """Whom a line calls at its end: "what do you think, elena?", "thanks so much elena"."""
    end = len(line)
    while end and line[end - 1].kind in {Kind.MARK, Kind.OTHER}:
        end -= 1
    start = end
    while start and line[start - 1].kind is Kind.PARTY:
        start -= 1
        if start > 1 and line[start - 1].text in _JOINERS and line[start - 2].kind is Kind.PARTY:
            start -= 1
    for first in sorted({start, end - 1}):
        if 0 < first < end and _closes(line, first):
            return tuple(token.who for token in line[first:end] if token.kind is Kind.PARTY)
    return ()


def _closes(line: Sequence[Token], first: int) -> bool:
    before, opener = line[first - 1].text, line[0].text
    you = any(token.text in _YOU for token in line[:first])
    greets = opener in _STRONG
    if before in {",", "、"}:
        asks = any(token.text == "?" for token in line[first:])
        return asks or you or greets or opener in _FILLERS or opener in _OPENERS - _US
    if [token.text for token in line[:first]] in (["are", "you"], ["r", "u"]):
        return False  # "are you elena?" asks somebody else
    return before in _CLOSERS and (you or greets)
