"""The offline voice: a LangChain chat model that says lines of the character file. No
key, no network, no cost."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from random import Random
from typing import Any, NamedTuple

from langchain_core.callbacks import CallbackManagerForLLMRun
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from pydantic import PrivateAttr

from app.brain import asking_back, mood
from app.brain.embeddings import LangChainEncoder
from app.brain.interest import InterestVectors
from app.brain.text import person, spoken
from app.domain.character import Character, Mood, VoiceLine

SCENE = "scene"
"""Key in the last message's `additional_kwargs` under which the act node hands over the
Scene; providers ignore it."""


class _Bar(NamedTuple):
    """When a message is about a topic: its interest is `least`, and either `sure`, or
    the cosine of the best topical line is `near`. `last night` is not about sleepless
    nights."""

    least: float
    sure: float
    near: float


MEANT = _Bar(least=0.34, sure=0.52, near=0.35)
"""By an encoder of meanings: from about four bits of a bid on. Less wins no election
for its subject."""
WORDED = _Bar(least=0.46, sure=0.6, near=0.4)
"""By words alone."""
JITTER = 0.12
"""Chance added to a line's cosine, so that like messages do not always get the like
line."""
GENERAL = 0.3
"""Least cosine of a line that names neither topic nor cue: it fits any message of its
mood, if not very well."""
CUED = 0.5
"""Cosine to its cue from which a line of a mood answers what was said; below, lines
that fit anything come first."""
ANSWERS = 0.55
"""Cosine to its cue from which a line on the subject answers a message or a clause of
it; below, it is on the subject and beside the point. Of 56 messages that a line of the
shipped files answers 52 reach it, of 40 that none answers 7."""
CLAUSE = re.compile(r"[,;.!?]|\b(?:but|and|because|so|when|while|if)\b", re.IGNORECASE)
LEAST_WORDS = 3
"""Of a clause that is compared by itself."""
MOST_CLAUSES = 4
OFFERS = 0.45
"""Fit of a line that says the subject is its own and asks: it answers whatever was said
on it."""
OPENING_CHANCE = 0.15

_INTERJECTION = re.compile(r"[\w-]{1,6}[.,!?]")
"""A line that opens by itself (`Ha.`, `Rain?`) takes no second opening."""
_GENERAL = (Mood.CURIOUS, Mood.SMALLTALK)
_TENDER = frozenset({Mood.SAD, Mood.HONEST})
"""Moods whose answer must fit, even if it is one that was used: never a joke to the
sad, never an evasion."""


@dataclass(frozen=True, slots=True)
class VoiceScene:
    """What the voice answers: the words, who said them, what it said lately, and a seed
    for its choices."""

    said: str
    author: str
    recent: tuple[str, ...] = ()
    seed: str = ""
    thing: str = ""
    """What came with the words, or in place of them: `a picture`."""
    called: str = ""
    """The bot's name on Discord, where `said` shows it for a mention."""


class _Nearness(NamedTuple):
    """Cosines by cue: of all that was said, and of its nearest clause."""

    whole: dict[str, float]
    clause: dict[str, float]


@dataclass(frozen=True, slots=True)
class _Sought:
    """What a line is chosen for. `follows`: any line on the subject of the last own one
    goes on from there."""

    words: str
    recent: Sequence[str]
    follows: bool = False


_UNSEEN = tuple(
    VoiceLine(text=text, mood=Mood.UNSEEN)
    for text in (
        "I can tell that you sent {thing}, {author}, but I can't make it out. What is it?",
        "{author}, words are all that reaches me, and that was {thing}. Tell me about it?",
        "That came through as {thing} and nothing more. What would I find in it?",
    )
)
"""For a character file without lines of its own for this."""


_MINE = (
    "Now that's one for me. Tell me a little more, {author}.",
    "You came to the right one, {author}. What have you heard so far?",
    "That is my corner, {author}. How far have you got?",
    "I could go on about this all day. Where do we begin, {author}?",
    "Right up my street. What have you tried so far?",
    "I know this one, {author}. Where shall I start?",
    "At last, something I know. What do you want to hear first?",
    "It nearly always depends. How is it with you?",
    "I have opinions about this, {author}. What is yours?",
    "Let's take it slowly, {author}. What do you know about it already?",
    "This is what I am here for, {author}. Which part bothers you?",
    "I have been waiting for this. What would help you most?",
)
"""Of a subject on which no line of a character file answers. None names it: its words would
call every colleague with the same interest. Each answers a question as well as a
story: "what happened exactly?" does not."""
_EACH = 4
"""So many of these, or of the answers to what is asked back, are a character's: several
in one channel shall not sound alike."""
_ASIDE = frozenset({Mood.UNSEEN, *asking_back.MOODS})
"""Moods whose lines fit nothing else."""


class Repertoire:
    """One character's lines, ready to be chosen from."""

    def __init__(
        self,
        character: Character,
        encoder: LangChainEncoder,
        interests: InterestVectors | None = None,
    ) -> None:
        self._character = character
        self._encoder = encoder
        self._interests = interests or InterestVectors(character, encoder)
        self._unseen = [
            line for line in character.lines if line.mood is Mood.UNSEEN
        ] or list(_UNSEEN)
        self._mine = [
            VoiceLine(text=text, topic=interest.name)
            for interest in character.interests
            for text in _share_of(character.name, _MINE)
        ]
        self._offers = frozenset(line.text for line in self._mine)
        self._asked = [
            *(line for line in character.lines if line.mood in asking_back.MOODS),
            *(
                VoiceLine(text=text, mood=kind)
                for kind, texts in asking_back.SHIPPED.items()
                for text in _share_of(character.name, texts)
            ),
        ]
        self._shapes = {
            line.text: _fixed_words(line.text)
            for line in (*character.lines, *self._unseen, *self._mine, *self._asked)
        }
        everything = (*character.lines, *self._unseen, *self._mine, *self._asked)
        # Of all lines, always: the encoder stacks such a tuple once.
        self._cues = tuple(dict.fromkeys(map(_cue_of, everything)))

    def say(self, scene: VoiceScene, seed: int = 0) -> str:
        """A line for the scene, one not used in `scene.recent` while there is any that
        fits."""
        # Only reproducible for one seed and scene; no secret hangs on it.
        chance = Random(f"{seed}/{scene.seed}/{scene.said}")
        said = self._heard(scene)
        if not said and scene.thing:
            sought = _Sought(scene.thing, scene.recent)
            line = self._choose_line([self._unseen], sought, chance)
            return self._fill_slots(
                line,
                scene=scene,
                topic="",
                reading=mood.MoodReading(Mood.UNSEEN, 1.0, False),
                chance=chance,
            )
        reading = mood.read(said, self._encoder)
        topic, spoken_of = self._nearest_topic(said, reading, scene.recent)
        about = topic if spoken_of else None
        asked = self._asked_back(said, scene)
        follows = self._follows_up(said, reading, scene.recent)
        tiers = asked or self._fitting_tiers(
            Mood.SMALLTALK if about and reading.mood not in _TENDER else reading.mood,
            about,
            reading,
        )
        # "And then?" says nothing of its own: the next line goes with the last one.
        more = asking_back.asked_back(said) is Mood.MORE and bool(scene.recent)
        words = scene.recent[-1] if more else said
        sought = _Sought(words, scene.recent, bool(follows))
        line = self._choose_line(tiers, sought, chance)
        return self._fill_slots(
            line, scene=scene, topic=topic, reading=reading, chance=chance
        )

    def knows(self, scene: VoiceScene) -> bool:
        """Whether there is a line for the scene that does more than say that the
        character does not know."""
        said = self._heard(scene)
        reading = mood.read(said, self._encoder)
        if not said or self._asked_back(said, scene):
            return True
        if self._nearest_topic(said, reading, scene.recent)[1]:
            return True
        # A remark is answered by a line of its mood, a question by none but a true one.
        kind = Mood.CURIOUS if reading.question else reading.mood
        lines = [line for line in self._character.lines if line.mood not in _ASIDE]
        moods = {line.mood for line in lines if line.topic is None}
        if reading.mood in _GENERAL:
            return (kind is not Mood.CURIOUS and kind in moods) or not moods
        return reading.mood in moods

    def _asked_back(self, said: str, scene: VoiceScene) -> list[list[VoiceLine]]:
        """Groups of lines that answer what is asked about the last own line; none where
        something else is said."""
        kind = asking_back.asked_back(said) if scene.recent else None
        if kind is None:
            return []
        lines = [line for line in self._asked if line.mood is kind]
        if kind is not Mood.MORE:
            return [lines]
        topic = self._last_topic(scene.recent)
        heard = "\n".join(scene.recent)
        more = [
            line
            for line in self._character.lines
            if topic and line.topic == topic and not self._was_said(line, heard)
        ]
        return [more, lines]

    def _was_said(self, line: VoiceLine, heard: str) -> bool:
        return _is_said(self._shapes[line.text], heard)

    def _heard(self, scene: VoiceScene) -> str:
        """What was said, without the name by which the bot was called."""
        names = self._character.names
        called = (scene.called,) if scene.called else ()
        return spoken(scene.said, (*names, *called))

    def _nearest_topic(
        self, said: str, reading: mood.MoodReading, recent: Sequence[str]
    ) -> tuple[str, bool]:
        """The nearest interest, and whether a line about it answers what was said. A
        bare follow-up is about what the last own line was about."""
        before = self._follows_up(said, reading, recent)
        if before:
            return before, True
        interest, topic = self._interests.score([said])[0]
        certain = interest > reading.sure or reading.mood in _GENERAL
        return topic, certain and self._on_topic(interest, topic, said)

    def _follows_up(
        self, said: str, reading: mood.MoodReading, recent: Sequence[str]
    ) -> str:
        """What the last own line was about, if this only asks for more of it; empty:
        it says something of its own."""
        before = self._last_topic(recent)
        if not before or asking_back.asked_back(said) is Mood.MORE:
            return before
        # Its mood is a guess: "are you sure?" is like "how are you?".
        guessed = reading.sure < 1 and reading.mood not in _TENDER
        bare = guessed and self._interests.follows_up(said)
        return before if bare and not self._is_answered(said, before) else ""

    def _is_answered(self, said: str, topic: str) -> bool:
        """Whether a line on another subject answers this: then it is of its own."""
        near = self._nearness(said).clause
        return any(
            near[_cue_of(line)] >= ANSWERS
            for line in self._character.lines
            if line.topic not in (None, topic)
        )

    def _last_topic(self, recent: Sequence[str]) -> str:
        """What the last own line was about, but for those that only answered what was
        asked back."""
        for text in reversed(recent):
            if not any(_is_said(self._shapes[line.text], text) for line in self._asked):
                return self._topic_of(text)
        return ""

    def _topic_of(self, text: str) -> str:
        """The topic of an own line; empty: it has none."""
        return next(
            (
                line.topic
                for line in self._character.lines
                if line.topic and _is_said(self._shapes[line.text], text)
            ),
            "",
        )

    def _on_topic(self, interest: float, topic: str, said: str) -> bool:
        """Whether a line about the topic answers what was said, and not only a word of
        it."""
        bar = MEANT if self._encoder.understands else WORDED
        lines = tuple(
            line.cue or line.text
            for line in self._character.lines
            if line.topic == topic
        )
        if interest < bar.least or not lines:
            # Without a line of its own it says that the subject is its.
            return interest >= bar.least and self._encoder.understands
        return (
            interest >= bar.sure
            or float(self._encoder.likeness([said], lines).max()) >= bar.near
        )

    def _fitting_tiers(
        self, kind: Mood, about: str | None, reading: mood.MoodReading
    ) -> list[list[VoiceLine]]:
        """Groups of lines, the best fitting first."""
        lines = [line for line in self._character.lines if line.mood not in _ASIDE]
        fitting = [line for line in lines if line.mood is kind and line.topic is None]
        if kind is Mood.HONEST:
            return [fitting] if fitting else [list(lines)]
        topical = [
            line
            for line in (*lines, *self._mine)
            if about is not None and line.topic == about
        ]
        first = Mood.CURIOUS if reading.question else Mood.SMALLTALK
        general = [
            line for mode in (first, *_GENERAL) for line in lines if line.mood is mode
        ]
        if kind is Mood.SAD:
            return [fitting, [line for line in lines if line.mood is Mood.CURIOUS]]
        neutral = [line for line in lines if line.mood is None]
        # A greeting, or the answer to whether it is a bot, fits nothing else.
        anything = [line for line in lines if line.mood in (None, *_GENERAL)]
        tiers = [topical, fitting] if about else [fitting]
        return [
            tier
            for tier in (
                *tiers,
                general[: len(general) // 2],
                general,
                neutral,
                anything or lines,
            )
            if tier
        ]

    def _choose_line(
        self,
        tiers: Sequence[Sequence[VoiceLine]],
        sought: _Sought,
        chance: Random,
    ) -> VoiceLine:
        recent = sought.recent
        heard = "\n".join(recent)
        for tier in tiers:
            # Only of these lines: to look for each in all that was said takes time.
            fresh = [line for line in tier if not self._was_said(line, heard)]
            if fresh:
                near = self._nearness(sought.words)
                scores = [
                    self._fit_of(line, near, sought.follows) + chance.random() * JITTER
                    for line in fresh
                ]
                return fresh[scores.index(max(scores))]
        # Everything was said within the time that `recent` covers: the one said longest
        # ago.
        first = next(tier for tier in tiers if tier)
        return min(first, key=lambda line: self._last_said(line, recent))

    def _last_said(self, line: VoiceLine, recent: Sequence[str]) -> int:
        """The place of the newest text that is this line; -1: none."""
        places = reversed(range(len(recent)))
        return next((at for at in places if self._was_said(line, recent[at])), -1)

    def _nearness(self, words: str) -> _Nearness:
        """How near words, or a clause of them, are to the cues."""
        texts = [words, *_clauses_of(words)] if self._encoder.understands else [words]
        cosines = self._encoder.likeness(texts, self._cues)
        whole = dict(zip(self._cues, map(float, cosines[0]), strict=True))
        best = dict(zip(self._cues, map(float, cosines.max(axis=0)), strict=True))
        return _Nearness(whole, best)

    def _fit_of(self, line: VoiceLine, near: _Nearness, follows: bool) -> float:
        """How well a line answers what was said, or follows the last own line."""
        cue = _cue_of(line)
        if line.topic is None:
            return _line_fit(line, near.whole[cue])
        cosine = near.clause[cue]
        if line.text in self._offers:
            return -1.0 if follows else OFFERS
        if follows or not self._encoder.understands or line.cue is None:
            return cosine
        return cosine if cosine >= ANSWERS else cosine - 1.0

    def _fill_slots(
        self,
        line: VoiceLine,
        scene: VoiceScene,
        topic: str,
        reading: mood.MoodReading,
        chance: Random,
    ) -> str:
        text = line.text.replace("{topic}", line.topic or topic).replace(
            "{author}", person(scene.author)
        )
        text = text.replace("{thing}", scene.thing or "that")
        openings = self._character.openings
        plain = (
            reading.mood in _GENERAL
            and len(text) < 200
            and not _INTERJECTION.match(text)
        )
        if openings and plain and chance.random() < OPENING_CHANCE:
            text = f"{chance.choice(openings)} {text}"
        return text


def _share_of(name: str, texts: Sequence[str]) -> list[str]:
    """Some of these texts, others for each character."""

    def place(text: str) -> str:
        return sha256(f"{name}/{text}".encode()).hexdigest()

    return sorted(texts, key=place)[:_EACH]


def _clauses_of(text: str) -> list[str]:
    """The clauses of a sentence: a line may answer one of several."""
    found = [clause.strip() for clause in CLAUSE.split(text[:500])]
    long = [one for one in found if len(one.split()) >= LEAST_WORDS]
    return [one for one in long if one != text][:MOST_CLAUSES]


def _cue_of(line: VoiceLine) -> str:
    """What a message is compared with to see whether the line answers it."""
    return line.cue or line.text


def _line_fit(line: VoiceLine, cosine: float) -> float:
    """How well a line of a mood answers, from the cosine of the message to its cue or,
    without one, to its text."""
    if line.cue is None:
        return max(cosine, GENERAL)
    return cosine if cosine >= CUED else cosine - GENERAL


def _fixed_words(text: str) -> tuple[str, ...]:
    """What stays of a line whatever fills its slots."""
    return tuple(
        part for part in re.split(r"\{author\}|\{topic\}|\{thing\}", text) if part
    )


def _is_said(shape: tuple[str, ...], heard: str) -> bool:
    # Asked some hundred times a turn: a generator would cost more than the search.
    for part in shape:  # noqa: SIM110
        if part not in heard:
            return False
    return True


class OfflineVoice(BaseChatModel):
    """A chat model that answers with `{"action": "reply", "text": ...}`, as the act
    node asks of every model.

    The last message carries a `VoiceScene` in `additional_kwargs`; without one its content
    is taken as what was said.
    """

    character: Character
    encoder: Any
    interests: Any = None
    """Those of the brain that it speaks for, whose vectors it shares."""
    seed: int = 0
    _repertoire: Repertoire = PrivateAttr()

    def model_post_init(self, context: Any, /) -> None:
        """Prepare the lines; their vectors are computed at the first answer."""
        self._repertoire = Repertoire(self.character, self.encoder, self.interests)

    @property
    def _llm_type(self) -> str:
        return "offline-voice"

    def say(self, scene: VoiceScene) -> str:
        """A line for the scene, as plain text."""
        return self._repertoire.say(scene, self.seed)

    def answer(self, messages: Sequence[BaseMessage]) -> str:
        """A line for the scene that messages carry: what `invoke` says in JSON, without
        LangChain's way there."""
        return self.say(scene_of(messages))

    def knows(self, messages: Sequence[BaseMessage]) -> bool:
        """Whether it has more to say than that it does not know."""
        return self._repertoire.knows(scene_of(messages))

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: list[str] | None = None,
        run_manager: CallbackManagerForLLMRun | None = None,
        **kwargs: Any,
    ) -> ChatResult:
        text = json.dumps(
            {"action": "reply", "text": self.say(scene_of(messages))},
            ensure_ascii=False,
        )
        usage = {"input_tokens": 0, "output_tokens": 0, "total_tokens": 0}
        return ChatResult(
            generations=[
                ChatGeneration(message=AIMessage(content=text, usage_metadata=usage))
            ]
        )


def packed(scene: VoiceScene) -> dict[str, Any]:
    """`additional_kwargs` that carry the scene."""
    return {
        SCENE: {
            "said": scene.said,
            "author": scene.author,
            "recent": scene.recent,
            "seed": scene.seed,
            "thing": scene.thing,
            "called": scene.called,
        }
    }


def with_recent(messages: Sequence[BaseMessage], said: str) -> list[BaseMessage]:
    """The same messages, their scene knowing one more line that was said."""
    scene, last = scene_of(messages), messages[-1]
    scene = replace(scene, recent=(*scene.recent, said))
    return [
        *messages[:-1],
        last.model_copy(update={"additional_kwargs": packed(scene)}),
    ]


def scene_of(messages: Sequence[BaseMessage]) -> VoiceScene:
    """The scene that the last message carries, or one made of its content and the
    assistant's earlier messages."""
    if not messages:
        return VoiceScene("", "")
    last = messages[-1]
    carried = last.additional_kwargs.get(SCENE)
    if isinstance(carried, dict):
        return VoiceScene(**{**carried, "recent": tuple(carried.get("recent", ()))})
    recent = tuple(
        str(message.content) for message in messages if isinstance(message, AIMessage)
    )
    return VoiceScene(str(last.content), last.name or "", recent, str(len(messages)))
