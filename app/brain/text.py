"""Untrusted text made harmless: what comes in before it is read, what a model wrote
before it leaves."""

from __future__ import annotations

import re
import unicodedata

from app.brain.lookalikes import alike
from app.brain.silence import is_refusal
from app.domain.model import MAX_CONTENT
from app.rules.chunking import split

MAX_NAME = 32
_MARKS = 4
"""Combining marks and joiners kept on one character (Tibetan stacks three); more is
zalgo."""
_KEPT_FORMATS = {"\u200c", "\u200d", "\ufe0f"}
"""Non-joiner (Persian is spelt with it), joiner and variation selector (emoji are made
of them)."""
_LOOSE = re.compile("(?<=[!-~])[\u200c\u200d\ufe0f]+(?=[!-~])")
"""Between ASCII characters they do nothing but hide a word from the patterns below."""
_SELECTORS = re.compile("[\u034f\ufe00-\ufe0e\U000e0100-\U000e01ef]")
"""Further variation selectors: nobody sees them, and a model can be made to read a
message in them."""
_WHITE = str.maketrans("\n\t", "  ")
_BLANKS = frozenset("\u2800\u3164\u115f\u1160\uffa0")
"""Letters and symbols that are drawn as nothing."""
_PARTS = ("you", "system", "assistant")
"""Who speaks in a prompt besides people: nobody may pass for the bot or its
operator."""
ECHO = 12
"""Characters of a message from which the same words are no answer; below, people do say
the same (`good night`)."""
_ASIDE = re.compile(
    r"\([^()]*\)|\[[^\[\]]*\]|\{[^{}]*\}|（[^（）]*）|【[^【】]*】|<[^<>]*>"
)
"""What people put behind their names: pronouns, clans, moods."""
_TAGS = re.compile(r"</?(?:message|transcript|notes|day|diary)>", re.IGNORECASE)
"""What our prompts are fenced with."""
LEAK = 40
"""Letters in a row that a draft must not share with the system prompt: about eight
words."""

_MENTION = re.compile(r"<@[!&]?\d{1,20}>")
_MARKUP = re.compile(r"<(?:@[!&]?|#)\d{1,20}>|<a?:(\w{1,32}):\d{1,20}>")
_MASKED_LINK = re.compile(r"\](?=\(\s*<?[a-z][a-z0-9+.-]*://)", re.IGNORECASE)
_SECRETS = re.compile(
    r"[\w-]{23,28}\.[\w-]{6,7}\.[\w-]{27,}"  # Discord bot token
    r"|mfa\.[\w-]{60,}"
    r"|\b[sprk]k-[\w-]{16,}|\bsk_(?:live|test)_\w{16,}"  # OpenAI, Anthropic and others
    r"|\bgh[pousr]_\w{20,}|\bgithub_pat_\w{20,}|\bxox[abprs]-[\w-]{10,}|\bAKIA[0-9A-Z]{16}\b|\bAIza[\w-]{30,}|\bhf_\w{30,}"
    r"|(?<![\w-])eyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]{10,}"  # JSON web token
    r"|(?<![\w-])gAAAAA[\w-]{40,}={0,2}"  # Fernet
    r"|discord(?:app)?\.com/api/webhooks/\d+/[\w-]+"
)


def tame(text: str, limit: int = MAX_CONTENT) -> str:
    """`text` without control and invisible characters, lone surrogates and zalgo, at
    most `limit` characters."""
    cut = text[:limit]
    # Most of what people write: nothing in it can be hidden or pile up.
    if cut.isascii() and cut.translate(_WHITE).isprintable():
        return cut.strip()
    kept: list[str] = []
    marks = 0
    legible = _SELECTORS.sub("", cut.encode("utf-8", "replace").decode("utf-8"))
    for character in unicodedata.normalize("NFC", legible):
        category = unicodedata.category(character)
        marks = (
            marks + 1 if category in {"Mn", "Me"} or character in _KEPT_FORMATS else 0
        )
        hidden = (
            category in {"Cc", "Cf", "Co", "Cs"}
            and character not in _KEPT_FORMATS
            and character not in "\n\t"
        )
        if not hidden and marks <= _MARKS:
            kept.append("\n" if category in {"Zl", "Zp"} else character)
    return _LOOSE.sub("", "".join(kept))[:limit].strip()


def visible(text: str) -> bool:
    """Whether there is anything to see."""
    return any(
        unicodedata.category(character)[0] in "LNPS" and character not in _BLANKS
        for character in text
    )


def spoken(text: str, names: tuple[str, ...] = ()) -> str:
    """What was said, for comparing meanings: without Discord's markup and without the
    name it begins with."""
    plain = _MARKUP.sub(lambda match: match.group(1) or "", tame(text))
    called = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
    if called:
        vocative = rf"\W*(?:hey|hi|hello|okay|ok|yo)?[\s,]*@?(?:{called})\b[\s,:;.!?-]*"
        # Only the beginning: on a message of nothing but commas the pattern takes
        # quadratic time.
        found = re.match(vocative, plain[:120], re.IGNORECASE)
        plain = plain[found.end() :] if found is not None else plain
    return " ".join(plain.split())


def person(name: str) -> str:
    """An author's name, fit to be spoken and to stand in a prompt: one short line
    without markup or mentions."""
    # Wide and ornamental letters as ordinary ones; what is drawn as nothing would make
    # two names alike.
    seen = "".join(character for character in name[:100] if character not in _BLANKS)
    legible = tame(unicodedata.normalize("NFKC", tame(seen, 100)), 100)
    # `Sam (she/her)` is Sam; who is nothing but brackets keeps what is in them.
    bare = _ASIDE.sub(" ", legible)
    chosen = bare if visible(bare) else legible
    plain = "".join(
        character for character in chosen if character not in '@<>`*~|{}[]()/"\\\n\t'
    )
    short = " ".join(plain.split())[:MAX_NAME].strip(" _")
    return short if visible(short) and not alike(short, _PARTS) else "friend"


def leaks(text: str, prompt: str) -> bool:
    """Whether a draft repeats a part of the system prompt, whatever signs, spaces or
    marks stand between its letters."""
    heard, secret = _bare_letters(text), _bare_letters(prompt)
    return any(
        heard[place : place + LEAK] in secret for place in range(len(heard) - LEAK + 1)
    )


def problem(words: str, instructions: str, said: str = "", by: str = "") -> str:
    """Why words that are ready to leave (`outgoing`) cannot be said after all, or "".
    Raw drafts would hide phrases behind invisible characters. `said` is what is
    answered, `by` its author's name."""
    if not words:
        return "the model's answer was empty"
    if is_refusal(words):
        return "the model refused"
    # The first line of the instructions holds the names alone, which a character may
    # say.
    if _TAGS.search(words) or leaks(words, instructions.partition("\n")[2]):
        return "the model repeated its instructions"
    lines = [line.strip() for line in words.splitlines() if line.strip()]
    echoes = (
        {_bare_letters(said), _bare_letters(by + said)} if len(said) >= ECHO else set()
    )
    if _bare_letters(words) in echoes or (len(lines) > 3 and len(set(lines)) == 1):
        return "the model repeated what was said"
    return ""


def _bare_letters(text: str) -> str:
    return "".join(filter(str.isalnum, unicodedata.normalize("NFKD", text.casefold())))


def outgoing(text: str, names: tuple[str, ...] = ()) -> str:
    """A draft as it may leave: no speaker prefix, mention, secret or hidden address, at
    most 4,000 characters; "" if nothing can be seen of it."""
    clean = tame(text, MAX_CONTENT * 2)
    labels = "|".join(re.escape(name) for name in ("assistant", "bot", "ai", *names))
    clean = re.sub(
        rf"^(?:\W{{0,3}}(?:{labels})\W{{0,3}}[:：][*_]{{0,2}}\s*)+",
        "",
        clean,
        flags=re.IGNORECASE,
    )
    if (
        len(clean) > 1
        and clean[0] in '"“'
        and clean[-1] in '"”'
        and not re.search(r"[\"“”]", clean[1:-1])
    ):
        clean = clean[1:-1].strip()
    clean = _SECRETS.sub("[removed]", clean)
    # A zero-width space keeps the words and takes the ping.
    clean = _MENTION.sub(lambda match: match.group().replace("@", "@\u200b"), clean)
    clean = re.sub(r"@(?=everyone|here)", "@\u200b", clean, flags=re.IGNORECASE)
    clean = _MASKED_LINK.sub("] ", clean)
    pieces = split(clean, MAX_CONTENT) if visible(clean) else ()
    return pieces[0] if pieces else ""
