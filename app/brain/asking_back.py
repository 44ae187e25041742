"""What people ask about a line just said: whether it is sure, what it means, why it is
so, and what comes next. Only the last may be answered by a line about the subject."""

from __future__ import annotations

import re
from collections.abc import Mapping

from app.domain.character import Mood

MOODS = (Mood.DOUBTED, Mood.UNCLEAR, Mood.WHY, Mood.MORE)
"""Each answers one of these questions, and nothing else."""
_LONGEST = 60
"""Characters of such a question; a longer one asks something of its own."""

_BEFORE = r"\W*(?:(?:wait|um+|hm+|oh|ok|okay|well|but|and|so|sorry)\b\W*){0,2}"
_PATTERNS = (
    (
        Mood.DOUBTED,
        r"(?:are )?(?:you|u|ya) (?:really |quite |absolutely )?(?:sure|certain|serious)(?: about (?:that|this|it))?"
        r"|(?:really|for real|seriously|no way)\?|is (?:that|this|it) (?:really )?true|is that so|says who"
        r"|how do you know(?: that)?|where (?:did you|do you) (?:get|hear|read) that|source\?"
        r"|bist du (?:dir )?(?:da )?sicher|(?:echt|wirklich)\?|stimmt das|(?:est[aá]s|est[aá]) segur[oa]|de verdad\?"
        r"|(?:tu es|t['’]es|c['’]est) s[uû]re?|vraiment\?|(?:ты|вы) уверен[аы]?|правда\?|emin misin|gerçekten mi",
    ),
    (
        Mood.UNCLEAR,
        r"(?:how|what) (?:do|did|d['’]?) ?(?:you|u|ya) mean(?: by (?:that|this|it))?|what does (?:that|this|it) mean"
        r"|meaning(?: what)?\?|(?:i )?(?:do not|don['’]?t|dont) (?:get|understand|follow)(?: (?:it|that|this|you))?"
        r"|huh|what\?|come again|say (?:that )?again|in other words\?|can you explain(?: (?:that|this|it))?"
        r"|(?:wie|was) meinst du(?: (?:das|damit))?|was (?:hei[sß]+t|bedeutet) das|qu[eé] quieres decir"
        r"|(?:comment [cç]a|que veux[- ]tu dire)|в смысле|что (?:это|ты) (?:значит|имеешь в виду)|ne demek(?: istiyorsun)?",
    ),
    (
        Mood.WHY,
        r"why(?: (?:is|was) (?:that|this|it)(?: so)?| (?:so|though|not|that)| is it so)?|how come|how so|what for"
        r"|(?:warum|wieso|weshalb)(?: (?:ist das so|das|denn|so))?|(?:y )?por qu[eé]|(?:et )?pourquoi(?: [cç]a)?"
        r"|почему(?: (?:так|это))?|neden(?: [oö]yle)?",
    ),
    (
        Mood.MORE,
        r"and ?\?|(?:and )?then(?: what)? ?\?|(?:what|and) then|what(?:['’]?s| is| comes)? next|what (?:else|more)"
        r"|(?:please )?(?:go on|continue|keep going|carry on)(?: please)?"
        r"|(?:can you )?(?:tell (?:me|us)|say) (?:a (?:bit|little) )?more(?: about (?:it|that|this))?"
        r"|(?:und )?(?:dann|weiter) ?\?|(?:was|wie) (?:kommt )?(?:dann|weiter)|(?:erz[aä]hl|sag) (?:mir |uns )?mehr(?: davon)?"
        r"|[¿]?y (?:luego|entonces|despu[eé]s) ?\?|cu[eé]ntame m[aá]s|sigue|(?:et )?(?:apr[eè]s|ensuite|alors) ?\?"
        r"|dis[- ]m['’]en plus|continue[zs]?|(?:и )?(?:что )?дальше ?\?|(?:и )?потом ?\?|продолжай|(?:ee )?sonra ?\?|devam et",
    ),
)
_QUESTIONS = tuple(
    (mood, re.compile(rf"{_BEFORE}(?:{pattern})\W*", re.IGNORECASE))
    for mood, pattern in _PATTERNS
)


def asked_back(said: str) -> Mood | None:
    """What is asked about the line before; None where something else is said."""
    if len(said) > _LONGEST:
        return None
    for mood, question in _QUESTIONS:
        if question.fullmatch(said):
            return mood
    return None


SHIPPED: Mapping[Mood, tuple[str, ...]] = {
    Mood.DOUBTED: (
        "Fairly sure, {author}. I'd still look it up before you bet on it.",
        "As sure as I get about anything. What makes you doubt it?",
        "Sure enough to say it out loud, {author}. Have you heard otherwise?",
        "Yes. But don't take my word alone for it.",
        "Mostly, {author}. If it turns out wrong, I want to hear it.",
        "I was, a minute ago. What did you hear?",
        "Quite sure, but I'm no reference book. Ask a second one if it matters.",
        "I'd stand by it, {author}. Where does it not fit?",
    ),
    Mood.UNCLEAR: (
        "I put that badly. Which part lost you, {author}?",
        "Just as I said it, {author}, nothing hidden. What did you take it for?",
        "It was clearer in my head. What did you think I meant?",
        "No riddle intended, {author}. Where did it stop making sense?",
        "I jumped ahead a little. Which bit shall I go back to?",
        "Take it literally, {author}. It only sounds odd the first time.",
        "Sorry, that came out sideways. Which word was it?",
        "I tend to leave out the middle. Where did I lose you?",
    ),
    Mood.WHY: (
        "That's the long half of the answer, {author}. What would you guess?",
        "Ask three people and you get four reasons. Which one would you believe?",
        "Now you're asking the hard half. What's your theory, {author}?",
        "The what is easier than the why. What made you wonder?",
        "I never heard a reason that I believed all the way. Do you have one, {author}?",
        "There is a short answer and an honest one, and the honest one is that people still argue about it.",
        "I have only ever seen that it is so, {author}. What do you make of it?",
        "Everybody tells that part differently. How did you hear it?",
    ),
    Mood.MORE: (
        "That was as far as I had got, {author}. Which part do you want more of?",
        "You first, {author}: what would you try next?",
        "There is more, I only don't know which end you want. What matters to you?",
        "I stopped where I stop being any use. What is missing for you?",
        "Then I lean back and listen, {author}. What happened on your side?",
        "Give me something to go on with. What are you after?",
        "I had hoped you would ask less, {author}. What do you need it for?",
        "That depends on you from here. What do you have so far?",
    ),
}
"""For every character, beside the lines of its file. None holds a fact: they must fit
whatever was said."""
