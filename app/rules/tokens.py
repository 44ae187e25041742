"""What a message consists of: words, marks, and the parties that it names or
mentions."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import NamedTuple

from app.domain.model import RosterEntry
from app.rules.excerpt import excerpt
from app.rules.lexis import CALLING_SUFFIXES, FOND_SUFFIXES, TITLES_AFTER, is_common
from app.rules.reading import Reading
from app.rules.script import (
    MARKS,
    UNSPACED,
    fold,
    fold_text,
    normalise,
    undrawn_forms,
)


class TokenKind(Enum):
    """What a token is."""

    WORD = auto()
    PARTY = auto()
    MARK = auto()
    OTHER = auto()
    """A link, channel, role, code or emoji: no word, no sign of calling."""


class Token(NamedTuple):
    """One token. `who` is set where it names somebody; `pinged` when that was a mention
    or was written with an @.

    `weak`: the name is also a common word. `spaced`: white space stands before it.
    """

    kind: TokenKind
    text: str
    who: str = ""
    pinged: bool = False
    weak: bool = False
    spaced: bool = True


Named = tuple[tuple[str, ...], str]
"""A name as words, and whom it means."""


@dataclass(frozen=True, slots=True, eq=False)
class Lexicon:
    """The names that count. `first`: by their first word, longest first. `roles`: whom
    the mention of a role means."""

    first: Mapping[str, Sequence[Named]] = field(default_factory=dict)
    roles: Mapping[str, str] = field(default_factory=dict)
    unspaced: re.Pattern[str] | None = None
    """Those that may stand in the middle of a run of letters, in scripts without
    spaces."""

    def occur_in(self, folded: str) -> bool:
        """Whether a folded text can name anybody at all. Most do not, and each bot's
        gateway reads each message."""
        return "<@" in folded or any(map(folded.__contains__, self.first))

    def with_names(self, names: Iterable[tuple[str, str]]) -> Lexicon:
        """The same with further names and whom they mean; who has a name already keeps
        it."""
        more = {first: list(known) for first, known in self.first.items()}
        grown = _add_names(more, names)
        unspaced = self.unspaced
        if any(_HAS_RUN.search(word) for words in grown for word in words):
            unspaced = _unspaced_pattern(more)
        return Lexicon(more, self.roles, unspaced)


class Names(NamedTuple):
    """What one bot is called in a server: by name, and by its role."""

    user_id: str
    names: tuple[str, ...]
    roles: tuple[str, ...]


def names_of(roster: Sequence[RosterEntry], guild_id: str | None) -> tuple[Names, ...]:
    """What each bot is called in this server, or in private."""
    return tuple(
        [
            Names(entry.user_id, (*entry.names_in(guild_id), entry.bot), entry.roles)
            for entry in roster
        ]
    )


_CODE = re.compile(r"```.*?(?:```|\Z)|``.+?``|`[^`\n]+`", re.DOTALL)
_EMPHASIS = re.compile(r"[*~|]+|(?<!\w)__?(?=\w)|(?<=\w)__?(?!\w)")
_ACTION = re.compile(
    r"\s*(?:\*(?!\*)([^*\n]{1,120})\*(?!\*)|(?<!\w)_(?!_)([^_\n]{1,120})_(?![\w_]))\s*"
)
"""Role play in front of the words: "*waves* hello"."""
_TOKEN = re.compile(
    r"<@!?(?P<user>\d{1,20})>|<@&(?P<role>\d{1,20})>"
    r"|(?P<other><[@#:a/t][^<>\s]{1,120}>|https?://\S+|(?<!\w):\w+:|(?<![\w.+-])[\w.+-]{1,64}@\w[\w.-]*|(?<!\w)[#/$!\\]\w+|\d+\.\d+)"
    r"|(?P<at>@)(?=\w)"
    rf"|(?P<word>[\w{MARKS}]+(?:['.\-]\w[\w{MARKS}]*)*)"
    r"|(?P<mark>\S)"
)
_QUOTE = re.compile(r"\s*>(?:>>)? ")
_RUNS = re.compile(f"[{UNSPACED}{MARKS}]+|[^{UNSPACED}]+")
_HAS_RUN = re.compile(f"[{UNSPACED}]")
_BRACKETED = re.compile(
    r"\([^()]*\)|\[[^\[\]]*\]|\{[^{}]*\}|【[^【】]*】|「[^「」]*」|<[^<>]*>|\|.*$"
)
_PLAIN = re.compile(r"(?:([a-z0-9])(?!\1))+")
"""A word that is neither drawn out nor inflected: most are."""
_HANGUL = re.compile("[\uac00-\ud7a3]$")
_KATAKANA = re.compile("[\u30a1-\u30fa\u30fc]+")
_PICTURES = frozenset({"So", "Sk", "Cf", "Mn", "Me", "Co", "Cn", "Cs"})


def lexicon(
    names: Iterable[tuple[str, str]], roles: Mapping[str, str] | None = None
) -> Lexicon:
    """A lexicon of (name, whom it means); the first owner of a name keeps it.
    One-letter names are left out."""
    found: dict[str, list[Named]] = {}
    _add_names(found, names)
    return Lexicon(found, roles or {}, _unspaced_pattern(found))


def _add_names(
    found: dict[str, list[Named]], names: Iterable[tuple[str, str]]
) -> list[tuple[str, ...]]:
    """Put names into `found`, by their first words; the readings that were added."""
    added = []
    for name, who in names:
        for words in _name_readings(name):
            known = found.setdefault(words[0], [])
            if all(words != other for other, _ in known):
                known.append((words, who))
                added.append(words)
    for first in {words[0] for words in added}:
        # A full name before its first word, or the surname would be left over.
        found[first].sort(key=lambda item: -len(item[0]))
    return added


def _name_readings(name: str) -> Iterable[tuple[str, ...]]:
    """The words of a name: as it stands, and without what decorates it ("Elena (bot)",
    "[AI] Elena")."""
    plain = normalise(name)
    for text in dict.fromkeys(
        (_BRACKETED.sub(" ", plain), plain, _EMPHASIS.sub("", plain))
    ):
        words = tuple(
            fold(part)
            for match in _TOKEN.finditer(text)
            if match["word"]
            for part in _script_parts(match["word"])
        )
        if len("".join(words)) >= 2:
            yield words


def words_of(name: str) -> frozenset[str]:
    """The words of a name, in each of its readings."""
    return frozenset(word for words in _name_readings(name) for word in words)


def _script_parts(word: str) -> list[str]:
    """A run of letters, split where a script without spaces begins or ends."""
    return _RUNS.findall(word) if _HAS_RUN.search(word) else [word]


def _unspaced_pattern(names: Mapping[str, Sequence[Named]]) -> re.Pattern[str] | None:
    words = {word for known in names.values() for whole, _ in known for word in whole}
    found = sorted(
        (word for word in words if len(word) > 1 and _HAS_RUN.match(word)),
        key=len,
        reverse=True,
    )
    return re.compile("|".join(map(_bounded_name, found))) if found else None


def _bounded_name(name: str) -> str:
    """A name in katakana ends where the katakana ends; any other may stand among other
    letters of its script."""
    bounds = (
        ("(?<![\u30a1-\u30fa])", "(?![\u30a1-\u30fa])")
        if _KATAKANA.fullmatch(name)
        else ("", "")
    )
    return bounds[0] + re.escape(name) + bounds[1]


def name_lines(reading: Reading, names: Lexicon) -> list[list[Token]]:
    """The tokens of each line that is not empty, with the parties that these names make
    of them; code and quoted lines say nothing. Empty where nobody is named."""
    if not names.occur_in(reading.folded):
        return []
    plain = excerpt(reading.plain, ("<@", *names.first))
    lines = (
        _line_tokens(line, names)
        for line in _CODE.sub(" ` ", plain).splitlines()
        if not _QUOTE.match(line)
    )
    return [line for line in lines if line]


def _line_tokens(line: str, names: Lexicon) -> list[Token]:
    matches = _line_matches(_EMPHASIS.sub("", _without_action(line, names)), names)
    tokens: list[Token] = []
    at, i, end = False, 0, 0
    while i < len(matches):
        match = matches[i]
        spaced = match.start > end or not tokens
        end = match.end
        i += 1
        # No word of its own: the name behind it counts as mentioned.
        if match.kind == "at":
            at = True
            continue
        if match.kind == "word":
            token, used = _word_tokens(
                match.text,
                following=matches[i:],
                names=names,
                at=at,
                spaced=spaced,
            )
            tokens += token
            i += used
            end = matches[i - 1].end
        else:
            tokens.append(_other_token(match, names, spaced))
        at = False
    return tokens


class _Match(NamedTuple):
    """One match of the expression above: a word may be one of several pieces of it."""

    kind: str
    text: str
    start: int
    end: int


def _line_matches(line: str, names: Lexicon) -> list[_Match]:
    found = []
    for match in _TOKEN.finditer(line):
        kind = match.lastgroup or "mark"
        if kind != "word" or not _HAS_RUN.search(match[0]):
            found.append(_Match(kind, match[kind], match.start(), match.end()))
            continue
        at = match.start()
        for part in _RUNS.findall(match[0]):
            for piece in _cut_run(part, names):
                found.append(_Match("word", piece, at, at + len(piece)))
                at += len(piece)
    return found


def _cut_run(run: str, names: Lexicon) -> Iterable[str]:
    """A run of a script without spaces, cut before and after each name."""
    if names.unspaced is None:
        return (run,)
    at, pieces = 0, []
    for match in names.unspaced.finditer(run):
        pieces += [run[at : match.start()], match[0]]
        at = match.end()
    return [piece for piece in (*pieces, run[at:]) if piece]


def _without_action(line: str, names: Lexicon) -> str:
    """The line without what somebody does before speaking; kept where it holds a
    name."""
    at = 0
    while match := _ACTION.match(line, at):
        if names.occur_in(fold_text(match[0])):
            break
        at = match.end()
    # Nothing but an action: then it is what was said.
    return line[at:] or line


def _other_token(match: _Match, names: Lexicon, spaced: bool) -> Token:
    if match.kind == "user":
        return Token(TokenKind.PARTY, match.text, match.text, True, spaced=spaced)
    if match.kind == "role" and match.text in names.roles:
        return Token(
            TokenKind.PARTY, match.text, names.roles[match.text], True, spaced=spaced
        )
    picture = unicodedata.category(match.text[0]) in _PICTURES
    kind = TokenKind.MARK if match.kind == "mark" and not picture else TokenKind.OTHER
    return Token(kind, match.text, spaced=spaced)


def _word_tokens(
    word: str,
    following: Sequence[_Match],
    names: Lexicon,
    at: bool,
    spaced: bool,
) -> tuple[list[Token], int]:
    """One word, or the name that begins with it, and how many of the following tokens
    that name takes."""
    plain = fold(word)
    known = names.first.get(plain)
    if known is None and _PLAIN.fullmatch(word):
        return [Token(TokenKind.WORD, word, spaced=spaced)], 0
    for words, who in known or _drawn_out_names(plain, names):
        used = _words_used(words, following)
        if used is not None:
            weak = len(words) == 1 and is_common(words[0])
            return [
                Token(TokenKind.PARTY, " ".join(words), who, at, weak, spaced)
            ], used
    return _inflected_tokens(word, names, at, spaced), 0


def _drawn_out_names(word: str, names: Lexicon) -> Sequence[Named]:
    """The names that a drawn-out word ("elenaaaa") stands for."""
    for shorter in undrawn_forms(word):
        if shorter in names.first:
            return [item for item in names.first[shorter] if len(item[0]) == 1]
    return ()


def _words_used(words: Sequence[str], following: Sequence[_Match]) -> int | None:
    used = 0
    for part in words[1:]:
        used += used < len(following) and following[used].text in {
            ".",
            "・",
            "·",
        }  # "Dr. Rodriguez"
        if used >= len(following) or fold(following[used].text) != part:
            return None
        used += 1
    return used


def _inflected_tokens(word: str, names: Lexicon, at: bool, spaced: bool) -> list[Token]:
    """A word that may hold a name: "elena-chan" and Korean calls are the name;
    "elena's" only speaks of its owner."""
    owner, mark, ending = word.rpartition("-")
    if mark and ending in TITLES_AFTER and (who := _sole_owner(owner, names)):
        return [Token(TokenKind.PARTY, owner, who, at, spaced=spaced)]
    if _HANGUL.search(word):
        return _korean_tokens(word, names, at, spaced)
    owner, mark, ending = word.rpartition("'")
    if mark and ending in FOND_SUFFIXES and (who := _sole_owner(owner, names)):
        return [Token(TokenKind.PARTY, owner, who, at, spaced=spaced)]
    return [
        Token(
            TokenKind.WORD,
            word,
            _sole_owner(owner, names) if mark else "",
            spaced=spaced,
        )
    ]


def _korean_tokens(word: str, names: Lexicon, at: bool, spaced: bool) -> list[Token]:
    for suffix in CALLING_SUFFIXES:
        if word.endswith(suffix) and (
            who := _sole_owner(word.removesuffix(suffix), names)
        ):
            return [
                Token(
                    TokenKind.PARTY, word.removesuffix(suffix), who, at, spaced=spaced
                )
            ]
    # With another particle behind it the name is only spoken of.
    for length in (1, 2, 3):
        if who := _sole_owner(word[:-length], names):
            return [Token(TokenKind.WORD, word, who, spaced=spaced)]
    return [Token(TokenKind.WORD, word, spaced=spaced)]


def _sole_owner(word: str, names: Lexicon) -> str:
    whole = [who for words, who in names.first.get(fold(word), ()) if len(words) == 1]
    return whole[0] if whole else ""
