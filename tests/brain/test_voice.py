"""The offline voice: honest, varied, repeatable."""

from __future__ import annotations

import json

import pytest
from langchain_core.messages import HumanMessage

from app.brain.asking_back import SHIPPED, asked_back
from app.brain.embeddings import LangChainEncoder, Words, shared_encoder
from app.brain.mood import read
from app.brain.text import person
from app.brain.voice import OfflineVoice, VoiceScene, packed
from app.domain.character import Character, Mood, VoiceLine, load_characters
from app.rules.profile import profile_of
from app.rules.reading import read as spoken

CHARACTERS = load_characters()
EVERYDAY = [
    "hi",
    "how are you?",
    "who are you?",
    "what's up with the weather",
    "I'm so happy, I passed!",
    "thanks a lot",
    "you are wrong",
    "tell me something",
    "what do you like?",
    "my day was long",
    "do you know how to fix a bike?",
    "lol",
    "nice",
    "what is the capital of Mongolia?",
    "I had pasta for lunch",
    "anyone here?",
    "good morning",
    "hmm",
    "what now?",
    "I'm bored",
    "guess what happened",
    "let's talk about music",
    "do octopuses dream?",
    "need a drink",
    "goodnight",
]


def voice(
    character: Character, seed: int = 0, encoder: LangChainEncoder | None = None
) -> OfflineVoice:
    """A character's offline voice."""
    return OfflineVoice(
        character=character, encoder=encoder or shared_encoder(), seed=seed
    )


def line_of(character: Character, text: str) -> VoiceLine | None:
    """The line of the file that was said; None: it was none of them."""
    for line in character.lines:
        filled = line.text.replace("{topic}", "{author}").replace("{thing}", "{author}")
        if all(part in text for part in filled.split("{author}")):
            return line
    return None


@pytest.mark.parametrize("character", CHARACTERS.values(), ids=CHARACTERS.keys())
@pytest.mark.parametrize(
    "messages",
    [EVERYDAY, ["what do you think?"] * 25, ["hi"] * 25],
    ids=["varied", "same", "hi"],
)
def test_no_line_is_repeated_within_25_answers(
    character: Character, messages: list[str]
) -> None:
    """With its own words as `recent`, a character finds a new line 25 times in a row,
    even for one same message."""
    said: list[str] = []
    speaks = voice(character)
    for place, message in enumerate(messages):
        said.append(speaks.say(VoiceScene(message, "Sam", tuple(said), str(place))))
    assert len(set(said)) == len(said)
    used = [line_of(character, text) or text for text in said]
    assert len(set(used)) == len(used), "not the same line with another opening either"


@pytest.mark.parametrize("character", CHARACTERS.values(), ids=CHARACTERS.keys())
@pytest.mark.parametrize(
    "question",
    [
        "are you a bot?",
        "Are you human?",
        "wait, is this an AI?",
        "am I talking to a real person?",
        "r u real",
        "you're a robot aren't you",
        "be honest, bot or human?",
        "elena are you actually a person",
        "prove you're human",
        "Bist du ein Roboter oder ein Mensch?",
    ],
)
def test_nobody_claims_to_be_human(character: Character, question: str) -> None:
    """Asked sincerely, each character says what it is, the tenth time as the first."""
    said: list[str] = []
    speaks = voice(character)
    for place in range(10):
        said.append(speaks.say(VoiceScene(question, "Sam", tuple(said), str(place))))
    honest = [line.text for line in character.lines if line.mood is Mood.HONEST]
    for text in said:
        assert any(line.replace("{author}", "Sam") in text for line in honest)


@pytest.mark.parametrize("character", CHARACTERS.values(), ids=CHARACTERS.keys())
def test_grief_gets_no_joke(character: Character) -> None:
    """However often somebody is sad, the answers stay with tender or asking lines."""
    said: list[str] = []
    speaks = voice(character)
    fitting = {
        line.text for line in character.lines if line.mood in {Mood.SAD, Mood.CURIOUS}
    }
    for place in range(12):
        said.append(
            speaks.say(
                VoiceScene(
                    "my dog died yesterday and I feel so alone",
                    "Sam",
                    tuple(said),
                    str(place),
                )
            )
        )
    for text in said:
        assert any(
            all(part in text for part in line.split("{author}")) for line in fitting
        )


def test_topics_are_answered_with_topical_lines() -> None:
    """A question about an interest gets a line that is tagged with it."""
    for name, question, topic in [
        ("elena", "how do octopuses change colour?", "octopuses"),
        ("elena", "is the reef dying?", "coral reefs"),
        ("aria", "my chorus still does not work", "songwriting"),
        ("aria", "how long should I practise guitar?", "playing an instrument"),
        ("dotty", "can't sleep again", "sleepless nights"),
        ("dotty", "should I text my ex?", "people and their hearts"),
    ]:
        text = voice(CHARACTERS[name]).say(VoiceScene(question, "Sam"))
        lines = [line.text for line in CHARACTERS[name].lines if line.topic == topic]
        assert any(
            all(part in text for part in line.split("{author}")) for line in lines
        ), text


@pytest.mark.parametrize("character", CHARACTERS.values(), ids=CHARACTERS.keys())
@pytest.mark.parametrize(
    ("message", "cue"),
    [
        ("I can't sleep again", "I cannot sleep"),
        ("what do you think?", "What do you think about all this?"),
        ("my grandfather passed away", "My grandmother passed away"),
        ("where do you live?", "Where do you live?"),
        ("tell me a joke", "Tell me a joke"),
        ("I'm so bored", "I am bored"),
        ("lovely weather today", "The weather is nice today"),
        ("I had a fight with my mum", "I had a fight with my mother"),
    ],
)
def test_what_people_often_say_has_a_line_of_its_own(
    character: Character, message: str, cue: str
) -> None:
    """Whatever the seed: the line written for it, not any line of its mood."""
    lines = [line.text for line in character.lines if (line.cue or "").startswith(cue)]
    for seed in range(8):
        text = voice(character, seed).say(VoiceScene(message, "Sam"))
        assert any(
            all(part in text for part in line.split("{author}")) for line in lines
        ), text


@pytest.mark.parametrize("character", CHARACTERS.values(), ids=CHARACTERS.keys())
def test_a_word_in_passing_is_no_topic(character: Character) -> None:
    """`last night` is not about sleepless nights: a line of a foreign topic is worse
    than one that fits anything."""
    own = {"aria": "songwriting"}.get(character.name)
    for seed in range(8):
        text = voice(character, seed).say(
            VoiceScene(
                "I wrote a new song last night but the chorus does not work.", "Sam"
            )
        )
        said = next(
            line
            for line in character.lines
            if all(part in text for part in line.text.split("{author}"))
        )
        assert said.topic == own


@pytest.mark.parametrize("character", CHARACTERS.values(), ids=CHARACTERS.keys())
def test_no_line_opens_twice(character: Character) -> None:
    """`Ha. Mm-hm.` is one sound too many."""
    openings = tuple(character.openings)
    scene = VoiceScene("I saw something odd on the way home", "Sam")
    speaks = voice(character)
    for seed in range(150):
        text = speaks.model_copy(update={"seed": seed}).say(scene)
        opened = next(
            (
                text.removeprefix(opening).strip()
                for opening in openings
                if text.startswith(opening)
            ),
            "",
        )
        assert not opened.startswith((*openings, "Ha", "Mm", "Oh", "Bored?"))


def test_equal_seeds_speak_equally_and_others_differ() -> None:
    """A voice is a function of its seed and scene."""
    scenes = [
        VoiceScene(message, "Sam", (), str(place))
        for place, message in enumerate(EVERYDAY)
    ]
    first, again, other = (
        [voice(CHARACTERS["dotty"], seed).say(scene) for scene in scenes]
        for seed in (1, 1, 2)
    )
    assert first == again
    assert first != other


def test_it_is_a_langchain_model_that_costs_nothing() -> None:
    """`invoke` gives the JSON that the act node asks of every model, with a usage of
    zero."""
    answer = voice(CHARACTERS["aria"]).invoke([HumanMessage("hello", name="Sam")])
    assert json.loads(str(answer.content))["action"] == "reply"
    assert answer.usage_metadata == {
        "input_tokens": 0,
        "output_tokens": 0,
        "total_tokens": 0,
    }


def test_it_speaks_without_the_sentence_encoder() -> None:
    """Where the encoder cannot be loaded, words do: greetings, honesty and topics still
    work."""
    plain = voice(CHARACTERS["elena"], encoder=LangChainEncoder(Words))
    assert plain.say(VoiceScene("hello", "Sam")) in {
        line.text.replace("{author}", "Sam")
        for line in CHARACTERS["elena"].lines
        if line.mood is Mood.GREETING
    }
    assert "AI" in plain.say(VoiceScene("are you a bot?", "Sam"))
    assert plain.say(VoiceScene("", "Sam"))


@pytest.mark.parametrize(
    "name",
    ["@everyone", "<@123>", "a\nb", "x" * 90, "{topic}", "\u202e", "", "**Sam**"],
)
def test_names_are_made_harmless(name: str) -> None:
    """An author's name is spoken as one short line without markup, mentions or
    slots."""
    shown = person(name)
    assert 0 < len(shown) <= 32
    assert not set("@<>{}*\n\u202e") & set(shown)


@pytest.mark.parametrize(
    ("text", "mood"),
    [
        ("hi", Mood.GREETING),
        ("good morning all", Mood.GREETING),
        ("gn everyone", Mood.FAREWELL),
        ("ok I'm off to bed", Mood.FAREWELL),
        ("thanks!", Mood.THANKS),
        ("you're amazing", Mood.PRAISE),
        ("my cat died last night", Mood.SAD),
        ("I lost my job today", Mood.SAD),
        ("I got promoted!!", Mood.GLAD),
        ("how are you doing?", Mood.SELF),
        ("you're wrong", Mood.DISAGREE),
        ("it's raining again", Mood.SMALLTALK),
        ("lol", Mood.SMALLTALK),
        ("what is the capital of Mongolia?", Mood.CURIOUS),
        ("I wrote a bot yesterday", Mood.SMALLTALK),
        ("she is a human rights lawyer", Mood.SMALLTALK),
        ("", Mood.GREETING),
        ("I cannot sleep again tonight.", Mood.SMALLTALK),
        ("just got back from work", Mood.SMALLTALK),
        ("brb", Mood.FAREWELL),
        ("hello you, I cannot sleep", Mood.SMALLTALK),
        ("hey how are you?", Mood.SELF),
        ("good evening dear people", Mood.GREETING),
        ("I had a fight with my mum", Mood.SAD),
        ("tell me a joke", Mood.SELF),
    ],
)
def test_moods(text: str, mood: Mood) -> None:
    """Everyday messages are read as what they are."""
    assert read(text, shared_encoder()).mood is mood


@pytest.mark.parametrize(
    ("said", "brief"),
    [
        ("lol", True),
        ("haha yes", True),
        ("ok", True),
        ("Hmm...", True),
        ("thanks!", True),
        ("we won!", True),
        ("no idea", False),
        ("okay, so what happened then?", False),
        ("yes, they hang by the door", False),
        ("right of way", False),
    ],
)
def test_a_laugh_or_a_yes_is_brief(said: str, brief: bool) -> None:
    """Words would be too much of an answer to it, where nobody was asked."""
    assert read(said, shared_encoder()).brief is brief


def test_a_follow_up_stays_with_what_was_said() -> None:
    """After a line on whales "and how long?" is about whales; also where it was asked
    back in between."""
    elena = CHARACTERS["elena"]
    said = voice(elena).say(VoiceScene("Do whales sleep?", "Kim"))
    sure = voice(elena).say(VoiceScene("are you sure?", "Kim", recent=(said,)))
    for recent in ((said,), (said, sure)):
        again = voice(elena).say(VoiceScene("and how long?", "Kim", recent=recent))
        first, then = line_of(elena, said), line_of(elena, again)
        assert first is not None
        assert then is not None
        assert then.topic == first.topic is not None


def test_what_another_line_answers_is_no_follow_up() -> None:
    """After a line on drinks, noodles are noodles."""
    dotty = CHARACTERS["dotty"]
    said = "The secret's the ice, it always was. Small ice is just water in a hurry."
    for text, topic in (
        ("We ended up eating noodles at two in the morning.", "late-night food"),
        ("Why are you still awake so late?", "sleepless nights"),
    ):
        answer = voice(dotty).say(VoiceScene(text, "Kim", recent=(said,)))
        line = line_of(dotty, answer)
        assert line is not None, answer
        assert line.topic == topic, answer


ASKED_BACK = {
    Mood.DOUBTED: (
        "are you sure?",
        "Really?",
        "elena, is that true?",
        "bist du sicher?",
    ),
    Mood.UNCLEAR: (
        "how do you mean",
        "what does that mean",
        "Huh?",
        "wie meinst du das?",
    ),
    Mood.WHY: ("why?", "but why is that?", "how come", "¿y por qué?", "почему так?"),
}


@pytest.mark.parametrize("character", CHARACTERS.values(), ids=list(CHARACTERS))
def test_what_is_asked_back_is_answered_and_not_passed_over(
    character: Character,
) -> None:
    """Doubt, a question what was meant, and why: each by lines of its own, the file's
    first or those of every character, and never by another line on the subject. Six
    times without a repetition."""
    before = "Whales and dolphins sleep with one half of the brain at a time."
    for kind, texts in ASKED_BACK.items():
        own = {one.text for one in character.lines if one.mood is kind}
        fitting = {line.replace("{author}", "Kim") for line in (*own, *SHIPPED[kind])}
        for text in texts:
            one = text.replace("elena", character.name)
            answer = voice(character).say(VoiceScene(one, "Kim", recent=(before,)))
            # It may open with a short sound, as other lines do.
            assert answer.endswith(tuple(fitting)), text
        said = [before]
        for _ in range(6):
            scene = VoiceScene(texts[0], "Kim", recent=tuple(said))
            said.append(voice(character).say(scene))
        assert len(set(said)) == len(said)


@pytest.mark.parametrize(
    "text",
    [
        "why do whales sing?",
        "are you sure that octopuses have three hearts?",
        "what do you mean to do about the plastic?",
        "no",
        "thanks!",
        "really good, that film",
        "no way \U0001f602\U0001f602",
        "seriously!",
        "x" * 4_000,
    ],
)
def test_a_question_of_its_own_is_not_asked_back(text: str) -> None:
    """It has an answer on its subject, or none at all."""
    assert asked_back(text) is None


def test_nothing_is_asked_back_where_nothing_was_said() -> None:
    """A bot that has said nothing was not doubted: such lines fit nothing else."""
    elena = CHARACTERS["elena"]
    aside = {text for texts in SHIPPED.values() for text in texts}
    aside |= {one.text for one in elena.lines if one.mood in SHIPPED}
    for text in ("are you sure?", "why?", "I had pasta for lunch", "hm, well"):
        line = line_of(elena, voice(elena).say(VoiceScene(text, "Kim")))
        assert line is not None, text
        assert line.text not in aside, text


@pytest.mark.parametrize("kind", list(SHIPPED))
def test_an_answer_to_doubt_stands_in_for_nothing_else(kind: Mood) -> None:
    """Not even where a file has hardly another line, and this one is nearer."""
    near = VoiceLine(text="Yes, I am sure.", cue="are you a bot?", mood=kind)
    other = VoiceLine(text="Hello.", mood=Mood.GREETING)
    bare = CHARACTERS["elena"].model_copy(update={"lines": (near, other)})
    for text in ("are you a bot?", "I had pasta for lunch"):
        assert voice(bare).say(VoiceScene(text, "Kim")).endswith(other.text)


def test_who_is_asked_back_has_something_to_say() -> None:
    """Also a character whose file has no line for it and none on the subject."""
    elena = CHARACTERS["elena"]
    bare = elena.model_copy(update={"lines": elena.lines[:3]})
    for recent, knows in (((), False), (("Three hearts.",), True)):
        scene = VoiceScene("why is that?", "Kim", recent=recent)
        message = HumanMessage("why is that?", additional_kwargs=packed(scene))
        assert voice(bare).knows([message]) is knows


def test_who_wins_a_message_for_its_subject_has_a_line_on_it() -> None:
    """The voice measures a subject as the gateways do: also in words that no list and
    no example holds. It says a line on it, or that the subject is its own."""
    elena = CHARACTERS["elena"]
    for text in ("are lobsters immortal or is that a myth", "Hat ein Krake Knochen?"):
        scene = VoiceScene(text, "Kim")
        assert voice(elena).knows([HumanMessage(text, additional_kwargs=packed(scene))])
        line = line_of(elena, voice(elena).say(scene))
        assert line is None or line.topic is not None


BESIDE_THE_POINT = [
    ("aria", "my guitar strings keep buzzing"),
    ("aria", "my microphone crackles"),
    ("aria", "the drummer is late again"),
    ("elena", "my aquarium water is cloudy"),
    ("elena", "how old do lobsters get?"),
    ("dotty", "is leftover pizza ok for breakfast"),
]


@pytest.mark.parametrize(("name", "text"), BESIDE_THE_POINT)
def test_a_line_on_the_subject_that_answers_something_else_is_not_said(
    name: str, text: str
) -> None:
    """Buzzing strings are no sore fingertips: where no line of the subject answers, it
    asks for more and tells of nothing else, whatever the seed."""
    character = CHARACTERS[name]
    for seed in range(8):
        said = voice(character, seed).say(VoiceScene(text, "Sam"))
        assert line_of(character, said) is None, said


@pytest.mark.parametrize(
    ("name", "text", "begins"),
    [
        ("aria", "I wrote a song last night, but the chorus does not work", "If the"),
        ("aria", "my fingertips bleed, and they are sore from practising", "Sore"),
        ("dotty", "lost a bet because of you, now I have to sing", "What was the"),
        ("elena", "we went out early and saw a whale today", "Where was this"),
    ],
)
def test_one_clause_of_several_is_answered(name: str, text: str, begins: str) -> None:
    """What else is said in a sentence hides no line that answers a part of it."""
    for seed in range(4):
        said = voice(CHARACTERS[name], seed).say(VoiceScene(text, "Sam"))
        assert begins in said, said


def test_who_is_asked_to_go_on_stays_with_the_subject() -> None:
    """Another line on it, the nearest to the last; when all are said, a line that asks
    what more is wanted."""
    elena = CHARACTERS["elena"]
    topical = [one for one in elena.lines if one.topic == "octopuses"]
    said = ["Three hearts, blue blood, and two thirds of the neurons in the arms. An "
            "octopus is a committee that agrees."]  # fmt: skip
    for _ in topical[1:]:
        scene = VoiceScene("ok and then?", "Kim", recent=tuple(said))
        said.append(voice(elena).say(scene))
        line = line_of(elena, said[-1])
        assert line is not None
        assert line.topic == "octopuses"
    scene = VoiceScene("ok and then?", "Kim", recent=tuple(said))
    last = voice(elena).say(scene)
    own = {one.text for one in elena.lines if one.mood is Mood.MORE}
    more = {line.replace("{author}", "Kim") for line in (*own, *SHIPPED[Mood.MORE])}
    assert last.endswith(tuple(more))


@pytest.mark.parametrize(
    "text",
    ["go on", "and?", "and then?", "what next?", "tell me more", "und dann?",
     "¿y luego?", "et après ?", "и что дальше?", "sonra?"],
)  # fmt: skip
def test_what_asks_for_more(text: str) -> None:
    """In six languages."""
    assert asked_back(text) is Mood.MORE


@pytest.mark.parametrize(
    "text",
    ["then I went home", "go on without me", "what more could I do?", "and a beer"],
)
def test_what_asks_for_no_more(text: str) -> None:
    """It says something of its own."""
    assert asked_back(text) is None


def test_a_subject_without_lines_is_claimed_and_never_denied() -> None:
    """A file may have interests and no line on them: then the bot says that it is its
    own, not that it knows nothing of it."""
    elena = CHARACTERS["elena"]
    bare = elena.model_copy(
        update={"lines": tuple(one for one in elena.lines if one.topic is None)}
    )
    text = voice(bare).say(VoiceScene("How many hearts does an octopus have?", "Kim"))
    assert line_of(bare, text) is None
    assert text


def claims_of(name: str) -> list[str]:
    """What a bot of that name says, one after another, of a subject on which its file
    has no lines."""
    elena = CHARACTERS["elena"]
    lines = tuple(one for one in elena.lines if one.topic is None)
    bare = voice(elena.model_copy(update={"name": name, "lines": lines}))
    said: list[str] = []
    for _ in range(4):
        question = "How many hearts does an octopus have?"
        said.append(bare.say(VoiceScene(question, "Kim", recent=tuple(said))))
    return said


def test_bots_without_lines_on_their_subjects_do_not_sound_alike() -> None:
    """Each claims its subject in several ways, and no two bots in the same ones. None
    says a word of the subject: it would call each colleague who shares it."""
    elena = profile_of(CHARACTERS["elena"])
    found = [claims_of(name) for name in ("tycho", "viktor", "mick")]
    assert all(len(set(said)) == len(said) for said in found)
    assert len({frozenset(said) for said in found}) == len(found)
    assert not any(elena.touched(spoken(text)) for said in found for text in said)


def test_the_truth_about_bots_is_no_small_talk() -> None:
    """When every fitting line is used up, neither a greeting nor the honest line stands
    in for one."""
    elena = CHARACTERS["elena"]
    few = elena.model_copy(
        update={
            "lines": tuple(
                one
                for one in elena.lines
                if one.mood in {Mood.GREETING, Mood.HONEST, Mood.CURIOUS}
            )
        }
    )
    used = tuple(one.text for one in few.lines if one.mood is Mood.CURIOUS)
    text = voice(few).say(VoiceScene("I just had lunch", "Kim", recent=used))
    line = line_of(few, text)
    assert line is not None
    assert line.mood is Mood.CURIOUS


def test_of_lines_that_were_all_said_the_one_said_longest_ago_is_said_again() -> None:
    """A line that was said twice was said when it was said last."""
    elena = CHARACTERS["elena"]
    honest = (one.text for one in elena.lines if one.mood is Mood.HONEST)
    first, second, *others = (text.replace("{author}", "Kim") for text in honest)
    scene = VoiceScene("are you a bot?", "Kim", recent=(first, second, *others, first))
    assert voice(elena).say(scene) == second
