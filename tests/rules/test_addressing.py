"""Who is addressed: one row per thing that people write."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.model import Addressing, Event, RosterEntry
from app.rules import tokens
from app.rules.addressing import addressing
from app.rules.tokens import lexicon
from tests.costs import LINEAR, growth

ELENA, ARIA, DOTTY, BOB, ANN, FOREIGN = "11", "12", "13", "21", "22", "31"
ROSTER = (
    RosterEntry(
        bot="elena",
        user_id=ELENA,
        names=("Elena", "Dr. Rodriguez", "Elena Rodriguez", "Лена"),
    ),
    RosterEntry(bot="aria", user_id=ARIA, names=("Aria", "R2-D2")),
    RosterEntry(bot="dotty", user_id=DOTTY, names=("Dotty", "エレナ")),
)
PEOPLE = ("Bobby", "Zoë")


def event(content: str, **fields: object) -> Event:
    return Event.model_validate(
        {
            "message_id": "100",
            "channel_id": "5",
            "author_id": ANN,
            "author_name": "Ann",
            "content": content,
            **fields,
        }
    )


CALLS = [
    # a mention counts wherever it stands
    ("<@11> hi", "elena"),
    ("<@!11> the old form", "elena"),
    ("what would <@12> say?", "aria"),
    ("<@11>", "elena"),
    ("hey<@11>", "elena"),
    # an @name that the client did not complete is meant as a mention
    ("@elena what's up", "elena"),
    ("ask @Aria about it", "aria"),
    ("mail me at x@elena.com", ""),
    ("x@elena", ""),
    # several, in the order named
    ("<@12> <@11> which of you is faster?", "aria elena"),
    ("elena and aria, who wins?", "elena aria"),
    ("aria & elena: roll call", "aria elena"),
    ("elena, aria, and dotty: introduce yourselves", "elena aria dotty"),
    ("Elena/Aria thoughts?", "elena aria"),
    ("elena aria what do you two think", "elena aria"),
    ("elena , & aria what do you think", "elena aria"),
    ("elena, and, aria what do you think", "elena"),
    ("<@11> and aria, what do you think?", "elena aria"),
    ("elena: your favourite?\naria: and yours?", "elena aria"),
    ("elena, elena, elena", "elena"),
    # a picture with a selector behind it is no part of the name
    ("❤️ elena, how are you", "elena"),
    ("can you help me elena❤️", "elena"),
    # spoken of, or in brackets
    ("elena its", ""),
    ("can you help me (elena)", ""),
    ("read this (elena", ""),
    # without spaces between words, a pause calls only who is then spoken to
    ("エレナ 学校に行く", ""),
    ("エレナ 何してる", "dotty"),
    # a longer title before a shorter one, and a mark that asks after one that ends
    ("エレナ姐姐，你好吗", "dotty"),
    ("got a minute elena!?", "elena"),
    # several at the end, together
    ("what do you think, elena and aria?", "elena aria"),
    ("can you help me aria and elena", "aria elena"),
    ("what do you all think elena, aria and dotty", "elena aria dotty"),
    ("hey elena and aria", "elena aria"),
    # the name opens the line
    ("elena: hi", "elena"),
    ("elena, what do you see?", "elena"),
    ("ELENA!!!", "elena"),
    ("elena?", "elena"),
    ("elena", "elena"),
    ("Elena - a question", "elena"),
    ("Elena – a question", "elena"),
    ("elena... are you there", "elena"),
    ("**Elena**, bold move", "elena"),
    ("_elena_: in italics", "elena"),
    ("elena\nwhat is a snowflake", "elena"),
    ("Elena Rodriguez, please come in", "elena"),
    ("dr. rodriguez, what is it", "elena"),
    ("r2-d2, open the door", "aria"),
    ("Ｅｌｅｎａ， hi", "elena"),
    ("Лена, привет", "elena"),
    ("エレナ、これは何", "dotty"),
    ("elena 😂", "elena"),
    # after a greeting or a filler
    ("hey elena", "elena"),
    ("hey elena what's new", "elena"),
    ("hey, elena!", "elena"),
    ("ok elena, go", "elena"),
    ("good morning elena :)", "elena"),
    ("thank you elena", "elena"),
    ("thanks elena that helped", "elena"),
    ("so elena, what now", "elena"),
    ("lol elena you're funny", "elena"),
    ("hi! elena, are you there?", "elena"),
    # no comma, but what follows speaks to her
    ("elena what do you think?", "elena"),
    ("elena what's the time", ""),
    ("elena what's the time?", "elena"),
    ("elena how do i install this", "elena"),
    ("elena can you help me", "elena"),
    ("elena could u check", "elena"),
    ("elena can i ask something", "elena"),
    ("elena you are right", "elena"),
    ("elena tell me a joke", "elena"),
    ("elena don't go", "elena"),
    ("elena please", "elena"),
    ("elena i need help", "elena"),
    ("elena is the server down?", "elena"),
    ("elena thoughts?", "elena"),
    ("elena any ideas?", "elena"),
    # the name closes the line
    ("what do you think, elena?", "elena"),
    ("what do you think elena?", "elena"),
    ("what is the capital of France, Elena?", "elena"),
    ("how are you elena", "elena"),
    ("thanks so much elena", "elena"),
    ("good night, elena and aria", "elena aria"),
    ("tell me a story, elena", "elena"),
    ("love you elena ❤️", "elena"),
    ("what do you like about aria, elena?", "elena"),
    # spoken about, not to
    ("elena is nice", ""),
    ("elena's paper was great", ""),
    ("elena’s paper?", ""),
    ("elena said so", ""),
    ("elena can cook", ""),
    ("elena and I went out", ""),
    ("elena, aria and I went out", ""),
    ("elena and aria are nice", ""),
    ("elena, aria is nice", "elena"),
    ("hey elena is nice", ""),
    ("no elena is nice", ""),
    ("is elena a bot", ""),
    ("do you know elena?", ""),
    ("are you elena?", ""),
    ("have you met elena or aria?", ""),
    ("I like aria, dotty", ""),
    ("I asked elena, she said no", ""),
    ("elena (the bot) broke", ""),
    ("the elena thing", ""),
    # inside other words, links, commands, code and quotes
    ("elenas, all of you", ""),
    ("helena, hi", ""),
    ("elena-bot: down", ""),
    ("elena_2: hi", ""),
    ("elena.com is down", ""),
    ("https://x.org/elena, look", ""),
    ("/elena hi", ""),
    ("#elena: a channel", ""),
    (":elena: an emoji", ""),
    ("<:elena:123456> hi", ""),
    ("`elena: hi`", ""),
    ("```\nelena: hi\n<@11>\n```", ""),
    ("> elena: hi\nindeed", ""),
    ("> what did she say\nelena: so?", "elena"),
    # not an address of anybody in particular
    ("@everybot hello", ""),
    ("@everyone look", ""),
    ("bots, assemble", ""),
    ("", ""),
    ("   \n\n ", ""),
    ("😂", ""),
    ("?", ""),
]


@pytest.mark.parametrize(("content", "bots"), CALLS)
def test_the_text_alone(content: str, bots: str) -> None:
    """A message addresses exactly the bots that a reader would say it calls, in the
    order it calls them."""
    assert addressing(event(content), ROSTER, PEOPLE).bots == tuple(bots.split())


REPLY_TO_ELENA = {
    "reply_to": "99",
    "reply_to_author": ELENA,
    "reply_pings": True,
    "mentions": (ELENA,),
}
REPLY_TO_BOB = {
    "reply_to": "99",
    "reply_to_author": BOB,
    "reply_pings": True,
    "mentions": (BOB,),
}

SITUATIONS: list[tuple[str, dict[str, object], str, bool]] = [
    # replies
    ("really?", REPLY_TO_ELENA, "elena", False),
    (
        "really?",
        {**REPLY_TO_ELENA, "reply_pings": False, "mentions": ()},
        "elena",
        False,
    ),
    ("elena, really?", REPLY_TO_ELENA, "elena", False),
    # a reply ping alone is not a mention when the text speaks to somebody else
    ("aria, what do you think of this?", REPLY_TO_ELENA, "aria", False),
    ("<@12> is she right?", REPLY_TO_ELENA, "aria", False),
    ("<@21> look at this", REPLY_TO_ELENA, "", True),
    ("Bobby, look what she says", REPLY_TO_ELENA, "", True),
    ("what do you say to that, aria?", REPLY_TO_ELENA, "aria", False),
    # but one that only names another on the way still goes to the bot replied to, after
    # those pinged
    ("and what would <@12> say?", REPLY_TO_ELENA, "aria elena", False),
    ("<@21> told me otherwise", {**REPLY_TO_ELENA, "reply_to_author": ELENA}, "", True),
    ("no, it was <@21>", REPLY_TO_ELENA, "elena", False),
    ("elena and aria, both of you?", REPLY_TO_ELENA, "elena aria", False),
    ("what do you think elena?", REPLY_TO_ELENA, "elena", False),
    # who begins with their own name speaks to whom they reply to
    ("<@22> is who I meant", REPLY_TO_ELENA, "elena", False),
    ("I mean <@22>", {}, "", False),
    ("<@22>, what do you think?", {}, "", False),
    # replies to people
    ("agreed", REPLY_TO_BOB, "", True),
    ("agreed, elena is nice", REPLY_TO_BOB, "", True),
    ("elena, is he right?", REPLY_TO_BOB, "elena", False),
    (
        "one more thing",
        {"reply_to": "99", "reply_to_author": ANN},
        "",
        False,
    ),  # her own message, continued
    (
        "what was it?",
        {"reply_to": "99"},
        "",
        True,
    ),  # the message is gone: it is not known to be ours
    ("nice feed", {"reply_to": "99", "reply_to_author": FOREIGN}, "", True),
    # mentions and names of others
    ("<@21> are you there?", {}, "", True),
    ("has anybody seen <@21>?", {}, "", True),
    ("<@31> play something", {}, "", True),
    ("bobby, are you there?", {}, "", True),
    ("hey Zoë", {}, "", True),
    ("bobby is nice", {}, "", False),
    ("elena, ask <@21>", {}, "elena", False),
    ("<@21> and elena, what do you think?", {}, "elena", False),
    ("what do you all think?", {}, "", False),
    # threads and direct messages
    ("go on", {"thread_owner": ELENA}, "elena", False),
    ("aria, your turn", {"thread_owner": ELENA}, "aria", False),
    ("<@21> did you see that", {"thread_owner": ELENA}, "", True),
    ("agreed", {"thread_owner": ELENA, **REPLY_TO_BOB}, "", True),
    ("hello all", {"thread_owner": BOB}, "", False),
    ("hi", {"is_dm": True}, "", False),
    ("aria, hi", {"is_dm": True}, "", False),
    # nobody addresses himself
    ("elena: here I am", {"author_id": ELENA, "author_kind": "ours"}, "", False),
    ("aria, here I am", {"author_id": ELENA, "author_kind": "ours"}, "aria", False),
    (
        "a second line",
        {"author_id": ELENA, "author_kind": "ours", "thread_owner": ELENA},
        "",
        False,
    ),
]


@pytest.mark.parametrize(("content", "fields", "bots", "somebody_else"), SITUATIONS)
def test_the_situation(
    content: str, fields: dict[str, object], bots: str, somebody_else: bool
) -> None:
    """Replies, threads and mentions of others decide as a person in the room would read
    them."""
    found = addressing(event(content, **fields), ROSTER, PEOPLE)
    assert (found.bots, found.somebody_else) == (tuple(bots.split()), somebody_else), (
        found.reason
    )
    assert found.reason


@pytest.mark.parametrize(
    ("content", "bots"),
    [
        ("elena is nice", "elena"),
        ("I read Elena's paper", "elena"),
        ("aria or <@11>?", "elena aria"),
        ("helena", ""),
        ("nothing", ""),
    ],
)
def test_spoken_of(content: str, bots: str) -> None:
    """A bot that the text only speaks about is found too, for gossip."""
    assert addressing(event(content), ROSTER).spoken_of == frozenset(bots.split())


NAMED_HERE = (
    RosterEntry(
        bot="elena",
        user_id=ELENA,
        names=("Elena",),
        nicknames={"7": "Captain Coral"},
        roles=("91", "92"),
    ),
    RosterEntry(bot="aria", user_id=ARIA, names=("Aria",)),
)


@pytest.mark.parametrize(
    ("content", "guild", "bots"),
    [
        ("<@&91> hi", "7", "elena"),
        ("could <@&92> look at this", "7", "elena"),
        ("<@&91> and aria, what do you think?", "7", "elena aria"),
        ("<@&93> look at this", "7", ""),  # a role of people
        ("`<@&91>`", "7", ""),
        ("captain coral, are you there?", "7", "elena"),
        ("how are you captain coral", "7", "elena"),
        ("captain coral, are you there?", "8", ""),
        ("captain coral, are you there?", None, ""),
    ],
)
def test_roles_and_nicknames(content: str, guild: str | None, bots: str) -> None:
    """The role that Discord made for a bot means the bot; a nickname is its name in
    that server alone."""
    found = event(content, guild_id=guild)
    assert addressing(found, NAMED_HERE).bots == tuple(bots.split())
    assert addressing(found, NAMED_HERE).spoken_of == frozenset(bots.split())


def test_a_shared_name_belongs_to_the_first() -> None:
    """Two bots with one alias: all gateways agree on who is called."""
    twins = (ROSTER[0], RosterEntry(bot="twin", user_id="19", names=("Elena",)))
    assert addressing(event("elena, hi"), twins).bots == ("elena",)


@given(
    st.text(max_size=400),
    st.sampled_from(["", "elena", "<@11>", "@", "```", "> ", ", elena?"]),
)
def test_any_text_is_read(noise: str, seed: str) -> None:
    """No text makes the rules fail, and the answer never names a bot twice."""
    found = addressing(event(noise + seed + noise), ROSTER, PEOPLE)
    assert isinstance(found, Addressing)
    assert len(set(found.bots)) == len(found.bots)


@pytest.mark.parametrize(
    "unit",
    [
        "elena ",
        "<@11",
        "`",
        "_",
        "a.b",
        "elena and ",
        "*",
        "@",
        ":x",
        "x@",
        "```a",
        "elena, ",
        "ﷺ",
        "> ",
        "a'",
    ],
)
def test_a_hostile_text_is_read_quickly(unit: str) -> None:
    """A message of any shape is read in linear time: nobody can stall a gateway by
    writing."""

    def call(length: int) -> object:
        return addressing(event((unit * length)[:length]), ROSTER)

    assert growth(call, 500, 4_000) < LINEAR


@pytest.mark.parametrize("name", ["what", "You", "how", "the", "is"])
def test_a_person_named_like_a_word_does_not_silence_the_room(name: str) -> None:
    """Whoever calls himself "what" is not called by every question, so the bots still
    hear theirs."""
    found = addressing(event("what is the plan, aria?"), ROSTER, (name,))
    assert found.bots == ("aria",)


NAMES = st.lists(
    st.tuples(st.text("ab ,(*エレナ艾", min_size=1, max_size=6), st.sampled_from("12")),
    max_size=5,
)


@given(NAMES, NAMES)
def test_names_that_are_added_stand_behind_the_others(
    ours: list[tuple[str, str]], more: list[tuple[str, str]]
) -> None:
    """What a hundred bots are called is read once, and who spoke lately is added: the
    same as all names read together."""
    together, added = lexicon([*ours, *more]), lexicon(ours).with_names(more)
    assert added.first == together.first
    patterns = [one.unspaced and one.unspaced.pattern for one in (added, together)]
    assert patterns[0] == patterns[1]


def test_a_new_person_makes_no_bots_name_be_read_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Whoever speaks changes who spoke lately: of a message, names of a hundred bots
    are not split into words anew."""
    roster = tuple(
        RosterEntry(bot=f"bot{number}", user_id=str(number), names=(f"Nik{number}",))
        for number in range(100)
    )
    addressing(event("hello"), roster, ("Kim",))
    read: list[str] = []
    real = tokens._name_readings
    monkeypatch.setattr(
        tokens, "_name_readings", lambda name: read.append(name) or real(name)
    )
    addressing(event("hello"), roster, ("Kim", "Rosamund"))
    assert set(read) == {"Kim", "Rosamund"}


@pytest.mark.parametrize(
    "text",
    [
        "ok\nelena can you help me?",
        "tamam\nelena nasılsın?",
        "vale\nelena puedes ayudarme?",
        "bon\nelena tu peux m'aider?",
        "genau\nelena wie geht es dir?",
    ],
)
def test_a_line_that_says_nothing_leaves_the_next_to_begin(text: str) -> None:
    """In any language: whom that one opens with is called."""
    assert addressing(event(text), ROSTER).bots == ("elena",)
    other = text.replace(text.split(maxsplit=1)[0], "karpuz")
    assert addressing(event(other), ROSTER).bots == ()


@pytest.mark.parametrize(
    ("person", "text", "elsewhere"),
    [
        ("Bob", "bob, how are you?", True),
        ("Bo", "bo, how are you?", False),
        ("Bob Berg", "bob berg, how are you?", True),
        ("so", "so, how are you?", False),
        ("hello", "hello, how are you?", False),
        ("Good", "good, how are you?", False),
        ("does anybody", "does anybody, how are you?", False),
        ("elena can", "elena can, how are you?", False),
        ("bob anybody", "bob anybody, how are you?", False),
        ("bob aria", "bob aria, how are you?", False),
    ],
)
def test_a_name_that_is_part_of_a_sentence_is_no_persons(
    person: str, text: str, elsewhere: bool
) -> None:
    """Nor one of two letters; and a bot keeps the words of its name, whoever takes
    them."""
    found = addressing(event(text), ROSTER, people=(person,))
    assert found.somebody_else is elsewhere


@pytest.mark.parametrize(
    ("content", "fields", "reason"),
    [
        ("hi", {"is_dm": True}, "direct message"),
        ("elena, really?", {}, "called by name"),
        ("<@11> really?", {}, "mentioned"),
        ("elena and <@12> really?", {}, "called by name"),
        ("<@12> and elena, really?", {}, "mentioned"),
        ("really?", REPLY_TO_ELENA, "reply to its message"),
        ("and what would <@12> say?", REPLY_TO_ELENA, "named, and a reply"),
        ("elena, really?", REPLY_TO_ELENA, "called by name"),
        ("bobby, really?", {}, "speaks to somebody else"),
        ("really?", REPLY_TO_BOB, "replies to somebody else"),
        ("really?", {"thread_owner": ELENA}, "in the thread that it started"),
        ("really?", {}, "addresses nobody"),
    ],
)
def test_why_a_message_is_somebodys(
    content: str, fields: dict[str, object], reason: str
) -> None:
    """`the-stream why` shows it."""
    assert addressing(event(content, **fields), ROSTER, PEOPLE).reason == reason
