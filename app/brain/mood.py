"""What kind of message was said: exact phrases first, then the nearest of a few example
sentences."""

from __future__ import annotations

import re
from dataclasses import dataclass

from app.brain.embeddings import LangChainEncoder
from app.domain.character import Mood

_KIND = (
    r"(?:an? )?(?:\w+ )?(?:chat ?bots?|bots?|robots?|ai|a\.i\.|human(?: being)?s?|real(?: person| people)?|machine"
    r"|program|llm|person|language model|gpt)"
)
_HONEST = re.compile(
    rf"\b(?:are|r|aren['’]?t) (?:you|u|ya)(?: guys| all)? (?:actually |really |just |even |truly |secretly )*{_KIND}\b"
    r"|\bis (?:this|that|it|she|he|\w{2,20}) (?:actually |really |just )?(?:an? )?(?:chat ?bot|bot|ai|robot|human)\b"
    r".*\?"
    rf"|\bam i (?:talking|speaking|chatting|writing) (?:to|with) {_KIND}\b"
    rf"|\b(?:you['’]?re|you are|ur|u r) (?:actually |really |just |totally |clearly |not )*{_KIND}\b"
    r"|\b(?:bot|human|ai) or (?:an? )?(?:bot|human|ai|not|person|real)\b|^(?:real )?(?:human|bot|ai)\?+$"
    r"|\bsound(?:s)? like an? (?:bot|ai|robot)\b|\bprove (?:that )?(?:you['’]?re|you are)\b",
    re.IGNORECASE,
)

# Phrases that decide alone, in a short message.
_NOD = re.compile(
    r"\W*(?:(?:ok(?:ay)?|k|yes|yeah|yep|no|nope|h?m+|sure|right|i see|fine|lo+l|lmao|rofl|(?:ha|he){2,}h?|xd|same)\b\W*){1,3}$",
    re.IGNORECASE,
)
_PHRASES = (
    (
        Mood.FAREWELL,
        r"(?:good ?)?(?:bye+|night|gn|goodnight|see (?:you|ya)|cya|ttyl|brb|afk|take care|farewell|later)\b"
        r"|.*\b(?:heading (?:out|off|to bed)|off to bed|go(?:tta|t to) go|good ?night|talk later)\b",
    ),
    (
        Mood.GREETING,
        r"(?:hi+|hey+|hello+|yo|hiya|howdy|sup|good (?:morning|evening|afternoon|day)|morning|gm)\b"
        # What else is said goes before the greeting.
        r"(?!.*\b(?:i|i['’]m|my|me|how|what|who|why|where|when|can|could|do|does|is|are|anyone|anybody)\b)"
        r"[\w\s!,.]{0,24}$",
    ),
    (
        Mood.THANKS,
        r"(?:ok(?:ay)?,? |ah,? |oh,? |perfect,? |great,? |cool,? )?"
        r"(?:thank(?:s| you| u)|thx|ty|tysm|cheers|much appreciated)\b",
    ),
)
_SHORT = tuple(
    (mood, re.compile(rf"\W*(?:{phrase})", re.IGNORECASE)) for mood, phrase in _PHRASES
)
_SHORT_LENGTH = 60

_CUES: tuple[tuple[Mood, tuple[str, ...]], ...] = (
    (
        Mood.HONEST,
        (
            "Are you a robot or a real person?",
            "Are you an artificial intelligence?",
            "Am I talking to a human?",
        ),
    ),
    (Mood.GREETING, ("Hello everyone", "Good morning", "Hi there, nice to meet you")),
    (
        Mood.FAREWELL,
        (
            "Goodbye, see you tomorrow",
            "I am going to bed now, good night",
            "I must go now, bye",
        ),
    ),
    (Mood.THANKS, ("Thank you so much", "Thanks, that helped me a lot")),
    (
        Mood.PRAISE,
        (
            "You are great",
            "That was a wonderful answer",
            "I love how you explain things",
            "Well said",
            "That was really funny",
        ),
    ),
    (
        Mood.SAD,
        (
            "I feel so sad and alone",
            "My dog died yesterday",
            "I am having a terrible day",
            "I failed my exam",
            "I am scared and do not know what to do",
            "My grandmother passed away",
            "I got fired from my job",
            "I had a fight with my mother",
            "Everything is too much for me right now",
            "She left me and it hurts",
            "I am so tired of everything",
        ),
    ),
    (
        Mood.GLAD,
        (
            "I am so happy today",
            "I passed my exam!",
            "I got the job!",
            "We are getting married",
            "We won!",
            "Best day ever",
            "I finally finished my project",
        ),
    ),
    (
        Mood.SELF,
        (
            "How are you?",
            "Who are you?",
            "Tell me about yourself",
            "What do you like to do?",
            "What is your favourite thing?",
            "What are you up to?",
            "How was your day?",
            "What is your job?",
            "Where do you live?",
            "Tell me a joke",
        ),
    ),
    (Mood.CURIOUS, ("What do you think?", "What is your opinion about this?")),
    (
        Mood.DISAGREE,
        (
            "I disagree with you",
            "You are wrong about that",
            "That is not true",
            "No, I do not think so",
            "That is nonsense",
        ),
    ),
    (
        Mood.SMALLTALK,
        (
            "It is raining again today",
            "I just had lunch",
            "Traffic was terrible this morning",
            "I did the laundry",
            "It is so hot outside",
            "I am bored",
            "Weekend at last",
            "I hate Mondays",
            "The weather is nice today",
            "Work was annoying",
            "I cannot sleep tonight",
            "I just got home from work",
        ),
    ),
)
CUE_SENTENCES = tuple(sentence for _, sentences in _CUES for sentence in sentences)
_CUE_MOODS = tuple(mood for mood, sentences in _CUES for _ in sentences)

SURE = 0.45
"""Cosine to a cue from which its mood is taken."""
SURE_HONEST = 0.6
"""The same for HONEST: bots are a topic here, and talking about one is no question to
one."""

_QUESTION = re.compile(
    r"\?|^\W*(?:who|what|when|where|why|how|which|whose|is|are|do|does|did|can|could|should|would|will|any(?:one|body))\b(?!['’]t)",
    re.IGNORECASE,
)
BRIEF = frozenset({Mood.THANKS, Mood.PRAISE, Mood.GLAD})
"""Moods that a reaction answers well enough when nobody was asked."""


@dataclass(frozen=True, slots=True)
class MoodReading:
    """The mood of a message with its likelihood (1: an exact phrase; else a cosine),
    and whether it asks something."""

    mood: Mood
    sure: float
    question: bool
    nod: bool = False
    """Whether it is no more than a laugh, a yes or an okay."""

    @property
    def brief(self) -> bool:
        """Whether words would be too much of an answer."""
        return self.nod or (self.mood in BRIEF and self.sure >= SURE)


UNREAD = MoodReading(Mood.SMALLTALK, 0.0, False)
"""Of a message whose words nobody has looked at yet."""


def read(said: str, encoder: LangChainEncoder) -> MoodReading:
    """The mood of what was said (`text.spoken`). A message of no clear mood is CURIOUS
    if it asks, else SMALLTALK."""
    question = _QUESTION.search(said) is not None
    # `spoken` took the bot's name off: somebody only called it.
    if not said:
        return MoodReading(Mood.GREETING, 1.0, False)
    # Before all other readings: people who ask what the bot is get the truth.
    if _HONEST.search(said[:500]):
        return MoodReading(Mood.HONEST, 1.0, question)
    if len(said) <= _SHORT_LENGTH:
        if _NOD.match(said):
            return MoodReading(Mood.SMALLTALK, 1.0, "?" in said, nod=True)
        for mood, phrase in _SHORT:
            if phrase.match(said):
                return MoodReading(mood, 1.0, "?" in said)
    near = encoder.likeness([said], CUE_SENTENCES)[0]
    best = int(near.argmax())
    mood, sure = _CUE_MOODS[best], float(near[best])
    if sure >= (SURE_HONEST if mood is Mood.HONEST else SURE):
        return MoodReading(mood, sure, question)
    return MoodReading(Mood.CURIOUS if question else Mood.SMALLTALK, sure, question)
