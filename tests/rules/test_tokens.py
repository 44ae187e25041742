"""What the words of a line become when names are known."""

from __future__ import annotations

import pytest

from app.rules.reading import read
from app.rules.tokens import Lexicon, Token, TokenKind, lexicon, name_lines, words_of

HOPE, ELENA, RIA = "1", "2", "3"


def tokens(text: str, *names: tuple[str, str], roles: str = "") -> list[Token]:
    """The tokens of a text of one line."""
    known = lexicon(names, {"77": roles} if roles else {})
    lines = name_lines(read(text), known)
    return [token for line in lines for token in line]


def parties(text: str, *names: tuple[str, str]) -> list[tuple[str, str]]:
    """Each name in the text, and whom it means."""
    return [
        (token.text, token.who)
        for token in tokens(text, *names)
        if token.kind is TokenKind.PARTY
    ]


@pytest.mark.parametrize("added", [False, True], ids=["together", "one by one"])
def test_a_full_name_comes_before_its_first_word(added: bool) -> None:
    """Whatever was known first: the surname is no word of its own."""
    names = [("Elena", ELENA), ("Elena Maria Ruiz", ELENA), ("Elena Maria", "9")]
    known = Lexicon() if added else lexicon(names)
    for name in names if added else ():
        known = known.with_names([name])
    (line,) = name_lines(read("elena maria ruiz, elena maria and elena"), known)
    found = [(one.text, one.who) for one in line if one.kind is TokenKind.PARTY]
    assert found == [("elena maria ruiz", ELENA), ("elena maria", "9"), ("elena", "2")]


def test_who_has_a_name_first_keeps_it() -> None:
    """In any later list, too."""
    assert parties("ria", ("Ria", RIA), ("Ria", ELENA)) == [("ria", RIA)]
    grown = lexicon([("Ria", RIA)]).with_names([("ria", ELENA), ("リア", ELENA)])
    (line,) = name_lines(read("ria リア"), grown)
    assert [one.who for one in line] == [RIA, ELENA]


@pytest.mark.parametrize(
    ("text", "name", "named"),
    [
        ("リアは元気", "リア", True),
        ("シリアだ", "リア", False),
        ("リアム", "リア", False),
        ("「リア」", "リア", True),
        ("大花子さん", "花子", True),
        ("さくらんぼ", "さくら", True),
        ("花", "花", False),
    ],
)
def test_a_name_in_a_script_without_spaces(text: str, name: str, named: bool) -> None:
    """One in katakana ends where the katakana does; any other may stand among other
    letters. One letter is no name."""
    assert bool(parties(text, (name, RIA))) is named


def test_a_letter_of_a_name_of_several_words_cuts_no_other_word() -> None:
    """It is too short to be looked for in a run of letters."""
    found = tokens("花見だ 花 子", ("花 子", RIA))
    assert [one.text for one in found] == ["花見だ", "花 子"]


def test_what_stands_beside_a_name_in_such_a_script() -> None:
    """The rest of the letters, with no space between; nor before a mark that follows."""
    assert [one.spaced for one in tokens("花子さん!", ("花子", RIA))] == [
        True,
        False,
        False,
    ]
    found = tokens("大花子さん hi", ("花子", RIA))
    assert [(one.text, one.spaced) for one in found] == [
        ("大", True),
        ("花子", False),
        ("さん", False),
        ("hi", True),
    ]


@pytest.mark.parametrize(
    ("ending", "kind", "who"),
    [
        ("야", TokenKind.PARTY, ELENA),
        ("가", TokenKind.WORD, ELENA),
        ("에게", TokenKind.WORD, ELENA),
        ("한테서", TokenKind.WORD, ELENA),
        ("에게서는", TokenKind.WORD, ""),
    ],
)
def test_korean_particles(ending: str, kind: TokenKind, who: str) -> None:
    """Behind one of up to three letters a name is spoken of, behind a call's it is
    called; more is another word."""
    (found,) = tokens(f"엘레나{ending}", ("엘레나", ELENA))
    assert (found.kind, found.who) == (kind, who)


@pytest.mark.parametrize(
    ("word", "kind", "who", "pinged", "weak"),
    [
        ("elena", TokenKind.PARTY, ELENA, False, False),
        ("@elena", TokenKind.PARTY, ELENA, True, False),
        ("hope", TokenKind.PARTY, HOPE, False, True),
        ("@hope", TokenKind.PARTY, HOPE, True, True),
        ("elenaaa", TokenKind.PARTY, ELENA, False, False),
        ("elena-chan", TokenKind.PARTY, ELENA, False, False),
        ("@elena-chan", TokenKind.PARTY, ELENA, True, False),
        ("elena's", TokenKind.WORD, ELENA, False, False),
        ("elena-x", TokenKind.WORD, "", False, False),
        ("<@2>", TokenKind.PARTY, "2", True, False),
        ("<@&77>", TokenKind.PARTY, ELENA, True, False),
        ("<@&78>", TokenKind.OTHER, "", False, False),
        ("😀", TokenKind.OTHER, "", False, False),
        (",", TokenKind.MARK, "", False, False),
        ("https://x.org", TokenKind.OTHER, "", False, False),
        ("elenas", TokenKind.WORD, "", False, False),
    ],
)
def test_what_a_word_becomes(
    word: str, kind: TokenKind, who: str, pinged: bool, weak: bool
) -> None:
    """A name, a call, what belongs to somebody, or neither."""
    names = [("Hope", HOPE), ("Elena", ELENA)]
    found = tokens(f"{word} elena", *names, roles=ELENA)[0]
    assert found[0] is kind
    assert (found.who, found.pinged, found.weak) == (who, pinged, weak)


@pytest.mark.parametrize(
    ("text", "whole"),
    [
        ("dr rodriguez", True),
        ("dr. rodriguez", True),
        ("dr.rodriguez", False),
        ("dr · rodriguez", True),
        ("dr . . rodriguez", False),
        ("dr, rodriguez", False),
        ("dr", False),
        ("dr.", False),
    ],
)
def test_a_name_of_two_words(text: str, whole: bool) -> None:
    """One point may stand between them, and nothing else."""
    assert parties(text, ("Dr. Rodriguez", ELENA)) == (
        [("dr rodriguez", ELENA)] if whole else []
    )


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("X", set()),
        ("Bo", {"bo"}),
        ("A B", {"a", "b"}),
        ("Elena (bot)", {"elena", "bot"}),
        ("[AI] Elena", {"ai", "elena"}),
        ("**Elena**", {"elena"}),
        ("Elena | away", {"elena", "away"}),
        ("花子Elena", {"花子", "elena"}),
    ],
)
def test_the_words_of_a_name(name: str, words: set[str]) -> None:
    """In each reading; one letter alone is none."""
    assert words_of(name) == words


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("*waves* hi elena", ["hi", "elena"]),
        ("*waves* _smiles_ hi elena", ["hi", "elena"]),
        ("*waves at elena* hi", ["waves", "at", "elena", "hi"]),
        ("**waves** elena", ["waves", "elena"]),
        ("*elena*", ["elena"]),
        ("> elena said", []),
        (">>> elena said", []),
        (">elena said", [">", "elena", "said"]),
        ("`elena` elena", ["`", "elena"]),
    ],
)
def test_what_is_not_said(text: str, shown: list[str]) -> None:
    """What somebody does, quotes or shows as code says nothing to anybody, but an
    action that names somebody."""
    assert [one.text for one in tokens(text, ("Elena", ELENA))] == shown
