"""One thought in several lines: a greeting and then the point, a sentence cut in two.

The bot that is asked waits until the thought is over, reads all of its lines and answers
once. Pure: time comes with the lines.
"""

from __future__ import annotations

import re
from collections import OrderedDict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from app.rules.reading import TEXT_CAP, LineKind, kind_of_words, read, word_set
from app.rules.script import normalise, spoken_words, unspaced_letters

PEOPLE = 16
"""People per channel whose latest thought is remembered."""
LINES = 8
"""Lines of one thought; the next line begins a new one."""
LONG = 60
"""Characters from which a line is taken for a whole thought."""
LONG_UNSPACED = 12
"""The same in scripts without spaces, whose signs say more."""
TO_NOTICE_MS, TO_READ_MS, TO_TYPE_MS = 1_000, 40, 250
"""What a person needs to notice an answer, to read one character of it (250 words a
minute) and to type one (48 words)."""
LEAST_READING_MS, MOST_READING_MS = 2_000, 5_000
"""Of an answer however short, and of a long one: people skim."""

_CLOSERS = ")]}\"'’”»*_~`| "
_ENDS = "?!.。？！．؟۔।…"
_LINK_AT_END = re.compile(r"://\S+$")
_LEADS_ON = (",", ":", ";", "-", "–", "—", "…", "...", "(", "/", "、", "，", "：")
# A smiley ends a line as a full stop does, though its last sign may lead on elsewhere.
_SMILEY = re.compile(r"(?:^|\s)[:;=8xX][-^']?[)(DPpOo3/\\|]+$")
_PICTOGRAM = re.compile(r"[\u2600-\u27bf\U0001f300-\U0001faff]\ufe0f?$")
_TO_BE_CONTINUED = word_set(
    "and or but because cause cuz the a an to of for with if which who when while my your his her our their is are "
    "was were as at by from into like than then also plus und oder aber weil der die das et ou mais parce que le la y o pero"
)
"""Words that hardly end a sentence."""
_SAYING = word_set("is was think know say says said mean means believe hope guess fact")
"""After one of these a last `that` begins a sentence; elsewhere it ends one."""
_OPENERS = word_set(
    "hi hello hey hallo yo hiya howdy morning evening afternoon good there all everyone guys folks again um uh uhm er erm hm "
    "hmm ok okay so well oh ah right wait actually listen look quick question one sec second moment just please pls bonjour "
    "salut hola ciao hej moin guten tag"
)
"""Of these alone no point is made: it is still to come."""
_COMPLETES = word_set(
    "or because cause cuz eg e.g ie i.e in to with for from at on by into like than of"
)
"""A line that begins with one of these completes the one before it."""
_CORRECTION_WORDS = 3
_WHOLE = frozenset({LineKind.QUESTION, LineKind.ASKING_ALL, LineKind.THANKS})
_SHARES = ((2, 0.5), (4, 0.35), (8, 0.2))
"""Up to so many words without an end: the share of the wait that they are worth."""
_REST = 0.1


@dataclass(frozen=True, slots=True)
class Patience:
    """How long the rest of a thought is waited for, in milliseconds. `wait_ms` 0: not
    at all, and no lines are joined."""

    wait_ms: int = 2_500
    """After a line that is plainly not the whole of it."""
    typing_ms: int = 8_000
    """After a sign that its author types; Discord shows it for ten seconds."""
    most_ms: int = 12_000
    """From its first line on, whatever follows."""
    gap_ms: int = 10_000
    """Between two lines that may belong together."""

    @property
    def off(self) -> bool:
        """Whether each line is taken for a thought."""
        return self.wait_ms <= 0


OFF = Patience(wait_ms=0)


@dataclass(frozen=True, slots=True)
class Line:
    """One line as far as the rule looks at it. `calls`: whom it speaks to by itself,
    `open`: the share of the wait that it is worth (`openness`)."""

    message_id: str
    author: str
    text: str
    at_ms: int
    calls: tuple[str, ...] = ()
    reply_to: str | None = None
    open: float = 0.0


@dataclass(frozen=True, slots=True)
class Thought:
    """Lines of one person. `answered_ms`: when one of our bots answered it;
    `interrupted`: somebody else has spoken since its last line."""

    lines: tuple[Line, ...]
    answered_ms: int | None = None
    interrupted: bool = False
    reading_ms: int = LEAST_READING_MS
    """What its author needs to read that answer."""


@dataclass(frozen=True, slots=True)
class Continuation:
    """What a line is to the thought before it: the earlier lines that it goes on with,
    or an `afterthought`, begun before the answer could be read."""

    earlier: tuple[Line, ...] = ()
    afterthought: bool = False


ALONE = Continuation()


def called_words(names: Iterable[str]) -> frozenset[str]:
    """The words of what bots are called."""
    return frozenset(word for name in names for word in spoken_words(normalise(name)))


def openness(text: str, called: Collection[str] = (), enclosed: bool = False) -> float:
    """How plainly a line is not the whole of a thought, from 0 (nothing suggests that
    more comes) to 1. `called`: the words of what the bots are called; `enclosed`: files
    came with it."""
    # The end decides, so a long paste costs no more to judge than a short line.
    shown = text[-TEXT_CAP:].rstrip()
    said = [word for word in read(text).spoken if word not in called]
    if not said:
        # A name alone, or a picture without a word.
        return 0.5 if enclosed else 1.0
    bare = shown.rstrip(_CLOSERS) or shown
    if bare.endswith(_LEADS_ON) and not _ends_whole(shown):
        # Who has said much trails off, and has no more to say.
        return _REST if bare.endswith(("...", "…")) and _is_long(text) else 1.0
    if not set(said) - _OPENERS:
        return 1.0
    if bare[-1] in _ENDS or _ends_whole(shown) or text.startswith(("/", "!")):
        return 0.0
    # A text of the full length has made its point, whatever word it ends with.
    if said[-1] in _TO_BE_CONTINUED and len(text) < TEXT_CAP:
        return 1.0
    return 0.0 if _is_long(text) or _asks(said) else _by_words(said)


def _ends_whole(text: str) -> bool:
    """Whether it ends in a smiley, a pictogram, code or a link, whose last sign may be
    a slash."""
    ends = _SMILEY.search(text) or _PICTOGRAM.search(text) or _LINK_AT_END.search(text)
    return bool(ends) or text.endswith("```")


def _is_long(text: str) -> bool:
    signs = unspaced_letters(text[:TEXT_CAP])
    return len(text) >= LONG or signs >= LONG_UNSPACED


def _asks(said: Sequence[str]) -> bool:
    """Whether the words are a question, or thanks, though no sign ends them."""
    rest = list(said)
    while rest and rest[0] in _OPENERS:
        rest.pop(0)
    # Without its greeting: `hi, how are you` asks, and `hi` alone does not.
    kind = kind_of_words(rest, rest)
    return kind in _WHOLE and (kind is LineKind.THANKS or len(rest) >= 3)


def _by_words(said: Sequence[str]) -> float:
    if said[-1] == "that" and not _SAYING.isdisjoint(said[-2:-1]):
        return 1.0
    return next((share for most, share in _SHARES if len(said) <= most), _REST)


def wait_ms(lines: Sequence[Line], patience: Patience, more: bool = False) -> int:
    """How long to wait for more after the last of these lines of one thought, in
    milliseconds. Never beyond the bound that its first line set. `more`: a next line of
    its author's is known to come."""
    left = patience.most_ms - (lines[-1].at_ms - lines[0].at_ms)
    share = 1.0 if more else lines[-1].open
    return max(0, min(round(patience.wait_ms * share), left))


def typing_ms(lines: Sequence[Line], now_ms: int, patience: Patience) -> int:
    """How much longer, now that the author of these lines is seen typing."""
    left = patience.most_ms - (now_ms - lines[0].at_ms)
    return max(0, min(patience.typing_ms, left))


def goes_on(thought: Thought, line: Line, patience: Patience) -> bool:
    """Whether a line of the same person belongs to the thought."""
    first, last = thought.lines[0], thought.lines[-1]
    # What is answered is closed, and a flood of lines is not one thought for ever.
    if thought.answered_ms is not None or len(thought.lines) >= LINES:
        return False
    # A resumed connection or the backfill may bring an older line after a newer one.
    if not 0 <= line.at_ms - last.at_ms <= patience.gap_ms:
        return False
    # Who goes on without a pause would otherwise never be answered.
    if line.at_ms - first.at_ms > patience.most_ms:
        return False
    answers = line.reply_to
    # A reply to something else is about something else.
    if answers and answers != first.reply_to and answers not in _ids(thought):
        return False
    # A second call after a whole line is a new question; so is a call of somebody else.
    called = {name for one in thought.lines for name in one.calls}
    if line.calls and (not last.open or (called and called != set(line.calls))):
        return False
    # An open line is gone on with across others; after a whole one only while nobody
    # else has spoken.
    return bool(last.open) or not thought.interrupted


def _ids(thought: Thought) -> set[str]:
    return {one.message_id for one in thought.lines}


def reading_ms(characters: int) -> int:
    """What a person needs to read an answer of that length."""
    needed = TO_NOTICE_MS + TO_READ_MS * characters
    return max(LEAST_READING_MS, min(needed, MOST_READING_MS))


def is_afterthought(thought: Thought, line: Line, patience: Patience) -> bool:
    """Whether a line that speaks to nobody is the rest of an answered thought: sent so
    soon that its author cannot have read the answer first, or plainly no more than a
    supplement. A question is none, and neither is the point after its greeting."""
    last = thought.lines[-1]
    if thought.answered_ms is None or line.calls or line.reply_to:
        return False
    if line.at_ms - last.at_ms > patience.gap_ms:
        return False
    reading = read(line.text)
    # A question mark sent after its question asks no second one.
    if reading.spoken and reading.kind in {LineKind.QUESTION, LineKind.ASKING_ALL}:
        return False
    if _supplements(line.text.strip(), reading.spoken):
        return True
    # What was answered only opened the thought, so the point has no answer yet.
    if all(one.open >= 1.0 for one in thought.lines):
        return False
    # What was typed before the answer could be read does not react to it; and who types
    # one line after the other reads nothing between them.
    since = max(thought.answered_ms, last.at_ms)
    typing = TO_TYPE_MS * len(line.text)
    return line.at_ms - since < thought.reading_ms + typing


def _supplements(text: str, said: Sequence[str]) -> bool:
    """Whether a line belongs to its author's line before by its form: `usually*`, a
    remark in brackets, the end of a sentence."""
    starred = text.startswith("*") or text.endswith("*")
    if starred and 0 < len(said) <= _CORRECTION_WORDS:
        return True
    if text.startswith("(") and text.endswith(")"):
        return True
    return bool(said) and said[0] in _COMPLETES


class Thoughts:
    """The latest thought of each person in one channel: a bounded fold over its
    lines."""

    def __init__(self, patience: Patience = OFF) -> None:
        self._patience = patience
        self._latest: OrderedDict[str, Thought] = OrderedDict()

    def hear(
        self, line: Line, ours: bool = False, private: bool = False
    ) -> Continuation:
        """Take in the next line. `ours`: one of our bots wrote it; `private`: every line
        there is answered, so none is an afterthought."""
        if self._patience.off:
            return ALONE
        self._interrupt(line, ours)
        # A bot's line closes the thoughts of others, and begins none.
        if ours:
            return ALONE
        before = self._latest.get(line.author)
        found, thought = ALONE, Thought((line,))
        if before is not None and goes_on(before, line, self._patience):
            found = Continuation(before.lines)
            thought = Thought((*before.lines, line))
        elif (
            before is not None
            and not private
            and is_afterthought(before, line, self._patience)
        ):
            # What follows it is judged by the same answer.
            found = Continuation(afterthought=True)
            thought = replace(before, lines=(*before.lines[1 - LINES :], line))
        self._latest[line.author] = thought
        self._latest.move_to_end(line.author)
        # Who was heard longest ago goes first, so a crowd cannot make this grow.
        if len(self._latest) > PEOPLE:
            self._latest.popitem(last=False)
        return found

    def of(self, author: str) -> Thought | None:
        """The latest thought of a person."""
        return self._latest.get(author)

    def clear(self) -> None:
        """Forget everything."""
        self._latest.clear()

    def _interrupt(self, line: Line, ours: bool) -> None:
        for author, thought in self._latest.items():
            if author == line.author:
                continue
            heard = replace(thought, interrupted=True)
            # Only a reference tells whom a bot answered: several people may be waiting.
            answers = ours and line.reply_to in _ids(thought)
            if answers and thought.answered_ms is None:
                to_read = reading_ms(len(line.text))
                heard = replace(heard, answered_ms=line.at_ms, reading_ms=to_read)
            self._latest[author] = heard
