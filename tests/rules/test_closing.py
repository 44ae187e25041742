"""Whom a clause calls at its end, one sign after the other."""

from __future__ import annotations

import pytest

from app.rules.closing import called
from app.rules.reading import read
from app.rules.sentences import sentences
from app.rules.tokens import lexicon, name_lines

NAMES = lexicon(
    [("Elena", "elena"), ("Bob", "bob"), ("Hope", "hope"), ("Aria", "aria")]
)


@pytest.mark.parametrize(
    ("line", "names"),
    [
        # A preposition takes the name after it, but where a question left it behind.
        ("what are you up to elena", "elena"),
        ("what are you looking at elena", "elena"),
        ("who are you going with elena", "elena"),
        ("what are you saying to elena", ""),
        ("what did you give to elena", ""),
        ("are you up to elena", ""),
        ("you are looking at elena", ""),
        # What is said or meant is the name, but where the question asks for it.
        ("what do you mean elena", "elena"),
        ("why did you say elena", "elena"),
        ("you said elena", ""),
        # After a determiner a verb is a noun.
        ("thanks for your help elena", "elena"),
        ("thanks for the test elena", "elena"),
        ("could you help elena", ""),
        ("could you test elena", ""),
        # Possessors, and what gives a name, take it.
        ("you are in mary's elena", ""),
        ("did they call her elena?", ""),
        ("are you named after elena?", ""),
        # Who is asked about is not asked.
        ("are you elena?", ""),
        ("is it elena?", ""),
        ("is elena?", ""),
        ("are you there elena?", "elena"),
        ("can you wake up elena?", ""),
        ("can you look up elena?", ""),
        ("are you up elena?", "elena"),
        ("it is me elena", ""),
        ("is anyone here elena?", ""),
        ("are you here elena?", "elena"),
        # A participle takes the name, a word that ends a phrase does not.
        ("are you fixing elena?", ""),
        ("you fixed elena", ""),
        ("you are amazing elena", "elena"),
        ("kennst du elena", ""),
        ("kennst du das lied elena", "elena"),
        # A sentence that is spoken to somebody shows it by how it begins or ends.
        ("that is nice elena", "elena"),
        ("this elena", ""),
        ("tell us a joke elena", "elena"),
        ("play reef elena", "elena"),
        ("play elena", ""),
        ("i finished the book elena", "elena"),
        ("we lost my book elena", "elena"),
        ("i lost a book elena", ""),
        ("they lost the book elena", ""),
        ("thanks so much elena", "elena"),
        ("thanks reef elena", "elena"),
        ("hey does reef elena", ""),
        ("hey does your reef elena", "elena"),
        ("got a minute elena?", "elena"),
        ("got a minute elena", ""),
        ("quick elena?", ""),
        ("quick reef elena?", "elena"),
        ("quick reef elena", ""),
        ("any ideas elena", "elena"),
        ("coffee or tea elena?", "elena"),
        ("coffee or tea elena", ""),
        ("is the server down elena", "elena"),
        ("is it the reef elena", "elena"),
        ("does it reef elena?", "elena"),
        ("does it reef elena", ""),
        ("does reef elena?", ""),
        ("your reef elena", "elena"),
        ("reef is your reef elena", ""),
        ("reef is your reef elena?", "elena"),
        ("i like your reef elena", "elena"),
        ("the reef elena", ""),
        ("reef elena", ""),
    ],
)
def test_without_a_pause(line: str, names: str) -> None:
    """Only a sign of a second person makes the last name a call."""
    assert called_in(line) == names


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ("it rains, elena", "elena"),
        ("it, elena", ""),
        ("it rains, it snows, elena", ""),
        ("it rains, elena, it snows", "elena"),
        ("it rains, elena, it snows bob", ""),
        ("it rains - elena", ""),
        ("it rains 😂, elena", ""),
        ("it rains, hope", ""),
        ("it rains, elena and hope", ""),
        ("this is my friend, elena", ""),
        ("his friend, elena", ""),
        ("it's me, elena", ""),
        ("😂, elena", ""),
        # With a sign of a second person any pause calls, and a common word, too.
        ("does it rain - elena?", "elena"),
        ("so it rains - elena", "elena"),
        ("tell us more - elena", "elena"),
        ("it rains on you - elena", "elena"),
        ("it rains on you - hope", "hope"),
        ("it rains on you 😂 elena", "elena"),
        ("it rains on you /roll elena", ""),
        ("it rains on you hope", ""),
        ("how are you hope", ""),
        ("how are you @hope", "hope"),
    ],
)
def test_after_a_pause(line: str, names: str) -> None:
    """A lone comma in front of the last name calls; more shows more."""
    assert called_in(line) == names


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ("what do you think elena and bob", "elena bob"),
        ("what do you think elena bob", "elena bob"),
        ("what do you think elena, bob and aria?", "elena bob aria"),
        # All of them together, else the last alone.
        ("have you seen elena, bob?", "bob"),
        ("what do you think elena and bob and aria", "elena bob aria"),
        ("what do you think dr elena", "elena"),
        ("have you met dr elena", ""),
        ("what do you think elena san", "elena"),
        ("what do you think elena san, or not", "elena"),
        ("how are you elena, i am fine", "elena"),
        ("hello there, good night elena", "elena"),
        ("how are you elena please lol 😂", "elena"),
        ("how are you elena reef", ""),
        ("elena", ""),
        # So many clauses are looked at, so that a line of commas costs no more.
        ("a, " * 7 + "how are you elena, reef", "elena"),
        ("a, " * 8 + "how are you elena, reef", ""),
        ("a, " * 8 + "how are you elena", "elena"),
    ],
)
def test_where_a_name_closes_a_clause(line: str, names: str) -> None:
    """At the end or before a comma, with what may trail; several together."""
    assert called_in(line) == names


def called_in(line: str) -> str:
    """Whom the only sentence of a line calls at the end of its clauses."""
    (tokens,) = name_lines(read(line), NAMES)
    (sentence,) = sentences(tokens)
    return " ".join(dict.fromkeys(called(sentence)))
