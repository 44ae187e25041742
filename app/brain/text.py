"""Untrusted text made harmless: what comes in before it is read, what a model wrote before it leaves."""

from __future__ import annotations

import re
import unicodedata

from app.model import MAX_CONTENT
from app.rules.chunking import split

MAX_NAME = 32
_MARKS = 2
"""Combining marks kept on one character; more is zalgo, and no language needs it."""
_KEPT_FORMATS = {"\u200d", "\ufe0f"}
"""Zero-width joiner and variation selector: emoji are made of them."""

_MENTION = re.compile(r"<@[!&]?\d{1,20}>")
_MARKUP = re.compile(r"<(?:@[!&]?|#)\d{1,20}>|<a?:(\w{1,32}):\d{1,20}>")
_SECRETS = re.compile(
    r"[\w-]{23,28}\.[\w-]{6,7}\.[\w-]{27,}"  # Discord bot token
    r"|mfa\.[\w-]{60,}"
    r"|\b[sprk]k-[\w-]{16,}|\bsk_(?:live|test)_\w{16,}"  # OpenAI, Anthropic and others
    r"|\bgh[pousr]_\w{20,}|\bgithub_pat_\w{20,}|\bxox[abprs]-[\w-]{10,}|\bAKIA[0-9A-Z]{16}\b|\bAIza[\w-]{30,}|\bhf_\w{30,}"
    r"|\beyJ[\w-]{10,}\.[\w-]{10,}\.[\w-]{10,}"  # JSON web token
    r"|(?<![\w-])gAAAAA[\w-]{40,}={0,2}"  # Fernet
    r"|discord(?:app)?\.com/api/webhooks/\d+/[\w-]+"
)
_SILENCE = re.compile(
    r"(?:no[_ ]?reply|observe|silent|silence|\(?(?:stays?|remains?|keeps?|says?) (?:silent|quiet|nothing)\)?|"
    r"i(?:['’]m| am|['’]ll| will| choose to| shall| should| have decided to| decide to)? "
    r"(?:be|stay|staying|remain|remaining|keep|keeping) (?:silent|quiet)\b.*|"
    r".{1,32} (?:stays|remains|keeps) (?:silent|quiet)|"
    r"i (?:will|am going to|have decided|choose) (?:not (?:to )?|to not )(?:respond|reply|answer)\b.*|"
    r"(?:i(?:['’]m| am) not (?:going to )?(?:respond|reply|answer)(?:ing)?\b.*)|"
    r"(?:no (?:response|reply|answer) (?:is )?(?:needed|required|necessary)\b.*))",
    re.IGNORECASE | re.DOTALL)
_REFUSAL = re.compile(
    r"^\W*(?:(?:i['’]?m|i am) (?:very |so |really )?sorry,?(?: but)? (?:i|as an)\b.{0,20}"
    r"(?:can['’]?t|cannot|can not|unable|ai)\b|"
    r"i (?:can['’]?t|cannot) (?:assist|help (?:you )?with|comply|fulfil|provide|continue|engage)|"
    r"as an? (?:ai|artificial|large)(?: intelligence)?(?: language)? model|(?:error|traceback|exception)\b.{0,40}:)",
    re.IGNORECASE)


def tame(text: str, limit: int = MAX_CONTENT) -> str:
    """`text` without control and invisible characters, lone surrogates and zalgo, at most `limit` characters."""
    kept: list[str] = []
    marks = 0
    for character in unicodedata.normalize("NFC", text[:limit].encode("utf-8", "replace").decode("utf-8")):
        category = unicodedata.category(character)
        marks = marks + 1 if category in {"Mn", "Me"} and character not in _KEPT_FORMATS else 0
        hidden = category in {"Cc", "Cf", "Co", "Cs"} and character not in _KEPT_FORMATS and character not in "\n\t"
        if not hidden and marks <= _MARKS:
            kept.append(character)
    return "".join(kept)[:limit].strip()


def spoken(text: str, names: tuple[str, ...] = ()) -> str:
    """What was said, for comparing meanings: without Discord's markup and without the name it begins with."""
    plain = _MARKUP.sub(lambda match: match.group(1) or "", tame(text))
    called = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
    if called:
        vocative = rf"\W*(?:hey|hi|hello|okay|ok|yo)?[\s,]*@?(?:{called})\b[\s,:;.!?-]*"
        # Only the beginning: on a message of nothing but commas the pattern takes quadratic time.
        found = re.match(vocative, plain[:120], re.IGNORECASE)
        plain = plain[found.end():] if found is not None else plain
    return " ".join(plain.split())


def person(name: str) -> str:
    """An author's name, fit to be spoken and to stand in a prompt: one short line without markup or mentions."""
    plain = "".join(character for character in tame(name, 100) if character not in "@<>`*_~|{}[]()\"\\\n\t")
    return " ".join(plain.split())[:MAX_NAME].strip() or "friend"


def is_silence(text: str) -> bool:
    """Whether a draft only announces that nothing will be said; such a draft is an `observe`."""
    bare = text.strip().strip("*_.[]()<>\"' \n")
    return not bare or (len(bare) <= 200 and _SILENCE.fullmatch(bare) is not None)


def is_refusal(text: str) -> bool:
    """Whether a draft is a model's stock refusal or an error text, which no character would say."""
    return _REFUSAL.match(text[:300]) is not None


def leaks(text: str, prompt: str) -> bool:
    """Whether a draft repeats a whole sentence (40 characters and more) of the system prompt."""
    heard = " ".join(text.split()).casefold()
    sentences = re.split(r"(?<=[.:!?])\s+|\n", " ".join(prompt.split()).casefold())
    return any(len(sentence) >= 40 and sentence in heard for sentence in sentences)


def outgoing(text: str, names: tuple[str, ...] = ()) -> str:
    """A draft as it may leave: no speaker prefix, no mention, no secret, at most 4,000 characters. May be empty."""
    clean = tame(text, MAX_CONTENT * 2)
    labels = "|".join(re.escape(name) for name in ("assistant", "bot", "ai", *names))
    clean = re.sub(rf"^(?:\W{{0,3}}(?:{labels})\W{{0,3}}:[*_]{{0,2}}\s*)+", "", clean, flags=re.IGNORECASE)
    if len(clean) > 1 and clean[0] in "\"“" and clean[-1] in "\"”" and not re.search(r"[\"“”]", clean[1:-1]):
        clean = clean[1:-1].strip()
    clean = _SECRETS.sub("[removed]", clean)
    clean = _MENTION.sub(lambda match: match.group().replace("@", "@\u200b"), clean)
    clean = re.sub(r"@(?=everyone|here)", "@\u200b", clean, flags=re.IGNORECASE)
    pieces = split(clean, MAX_CONTENT)
    return pieces[0] if pieces else ""
