"""What one bot knows of one message before it decides to bid: a small table of numbers,
all finite and bounded."""

from __future__ import annotations

from collections.abc import Mapping
from enum import IntEnum

from app.rules.room import (
    HELP_DECAY,
    NOBODY,
    RATE_DECAY,
    Person,
    Room,
    Utterance,
    UtteranceView,
)
from app.rules.survey import RECENT, Survey

Features = Mapping[str, float]
"""Feature name -> value. Gaps are in room lines or seconds; `FAR` where something never
happened."""

FAR = 9_999.0
LONGEST = 7_200.0
"""Seconds; a longer gap counts as this."""


class Tie(IntEnum):
    """How a message is tied to one bot, strongest first. The most telling single
    feature."""

    OPENED = 0
    """Begins with the bot's name, or replies to its message."""
    NAMED = 1
    """Names the bot further on, and begins with nobody's name."""
    NAMED_BESIDE = 2
    """Names the bot, but begins with another's name."""
    ANSWERED = 3
    """Names nobody; the bot was the last to speak to the author."""
    CONTINUED = 4
    """Names nobody; the author was speaking to the bot."""
    FREE = 5
    """Names nobody and belongs to no known exchange."""
    STRANGER = 6
    """Begins with the name of somebody who is not here."""
    ELSEWHERE_CONTINUED = 7
    """Names nobody; the author was speaking to somebody else."""
    ELSEWHERE_ANSWERED = 8
    """Names nobody; somebody else was the last to speak to the author."""
    OTHER = 9
    """Names somebody else."""


def features(room: Room, utterance: Utterance, bot: str) -> Features:
    """The features of `utterance` for `bot`, from what the room knew before the utterance. Pure:
    the room is not changed."""
    message = room.read(utterance)
    survey = room.survey(utterance)
    author = room.people.get(utterance.author, NOBODY)
    me = room.people.get(bot, NOBODY)
    if not message.features:
        message.features.update(_of_message(room, message, survey, author))
    table = dict(message.features)
    _of_bot(table, message, survey, me=me, bot=bot)
    _of_exchange(table, message, survey, author=author, me=me, bot=bot)
    _of_role(table, room, message, me)
    return table


def _of_message(
    room: Room, message: UtteranceView, survey: Survey, author: Person
) -> dict[str, float]:
    utterance, reading, number = message.utterance, message.reading, message.number
    last = room.recent[-1] if room.recent else None
    return {
        "kind": float(reading.kind),
        "marks": float(reading.marks),
        "length": float(len(reading.tokens)),
        "content": float(len(reading.words)),
        "you": float(reading.you),
        "joins": float(reading.joins),
        "author_lines": float(min(author.lines, 500)),
        "author_gap": _line_gap(number, author.last_line),
        "author_secs": _second_gap(utterance.at_ms, author.last_ms),
        "author_burst": (author.lines + 1.5) / (author.runs + 1.0),
        "author_names": author.names_others,
        "run": float(author.run)
        if last is not None and last.author == utterance.author
        else 0.0,
        "partners": float(_later_speakers(message, author, number - 30)),
        "minute": float(survey.minute),
        "crowd": float(len(survey.near)),
        "room_names": room.names_share,
        "pause": _second_gap(utterance.at_ms, last.at_ms) if last is not None else FAR,
    }


def _of_bot(
    table: dict[str, float],
    message: UtteranceView,
    survey: Survey,
    me: Person,
    bot: str,
) -> None:
    number = message.number
    gap = number - me.last_line
    # One interval of thirty lines is presumed: few lines show no pace yet.
    interval = (me.last_line - me.first_line + 30.0) / (me.lines + 1.0)
    heard_words = recent_words = 0.0
    for word, weight in message.weights:
        used = me.profile.get(word)
        if used is not None:
            heard_words += weight
            if number - used <= RECENT // 2:
                recent_words += weight
    table["bot_gap"] = _line_gap(number, me.last_line)
    table["bot_secs"] = _second_gap(message.utterance.at_ms, me.last_ms)
    table["bot_pace"] = min(gap / interval, 100.0) if me.lines else 100.0
    table["bot_lines_near"] = float(survey.near.get(bot, 0))
    table["bot_lines"] = float(me.lines)
    table["bot_share"] = me.lines / (number + 20.0)
    table["bot_rate"] = _faded_value(me.rate, RATE_DECAY, gap)
    table["speakers_since"] = (
        float(survey.speakers[min(gap, len(survey.speakers)) - 1])
        if survey.speakers
        else 0.0
    )
    table["words"] = heard_words
    table["words_recent"] = recent_words


def _of_exchange(
    table: dict[str, float],
    message: UtteranceView,
    survey: Survey,
    author: Person,
    me: Person,
    bot: str,
) -> None:
    number, at_ms, who = (
        message.number,
        message.utterance.at_ms,
        message.utterance.author,
    )
    addressed, heard = author.addressed_by.get(bot), author.named_by.get(bot)
    back = me.addressed_by.get(who)
    to_author = survey.to_author.get(bot, 0)
    table["named"] = float(bot in message.named)
    table["tie"] = float(_tie_of(message, bot))
    table["others_named"] = float(min(len(message.named) - (bot in message.named), 5))
    table["told_gap"] = (
        _line_gap(number, addressed.line) if addressed is not None else FAR
    )
    table["told_secs"] = (
        _second_gap(at_ms, addressed.at_ms) if addressed is not None else FAR
    )
    table["told_count"] = (
        float(min(addressed.count, 100)) if addressed is not None else 0.0
    )
    table["told_later"] = (
        float(_later_speakers(message, author, addressed.line))
        if addressed is not None
        else FAR
    )
    table["author_since"] = (
        float(min(author.lines - addressed.lines, 100))
        if addressed is not None
        else FAR
    )
    table["heard_gap"] = _line_gap(number, heard.line) if heard is not None else FAR
    table["heard_count"] = float(min(heard.count, 100)) if heard is not None else 0.0
    table["back_gap"] = _line_gap(number, back.line) if back is not None else FAR
    table["back_count"] = float(min(back.count, 100)) if back is not None else 0.0
    table["to_author"] = float(to_author)
    table["to_author_share"] = to_author / (survey.near.get(bot, 0) + 1.0)


def _of_role(
    table: dict[str, float], room: Room, message: UtteranceView, me: Person
) -> None:
    number, who = message.number, message.utterance.author
    waiting = sum(
        1 for name, line in me.waiting.items() if name != who and number - line < RECENT
    )
    target = me.last_target
    table["bot_asks"] = me.asks
    table["bot_names"] = me.names_others
    # Presumed cases below and above: one question is no habit.
    table["bot_volunteers"] = (me.volunteered + 0.5) / (
        room.questions - me.questions_before + 10.0
    )
    table["bot_helps"] = _faded_value(me.helped, HELP_DECAY, number - me.helped_line)
    table["bot_helped_gap"] = _line_gap(number, me.helped_line)
    table["bot_replies"] = (me.replied + 1.5) / (me.replied + me.let_lie + 3.0)
    table["bot_waiting"] = float(waiting)
    table["bot_target"] = (
        3.0
        if me.lines == 0
        else 2.0
        if target is None
        else 0.0
        if target == who
        else 1.0
    )
    table["bot_asked"] = float(me.last_marks) if target == who else 0.0


def _tie_of(message: UtteranceView, bot: str) -> Tie:
    if bot in message.opened:
        return Tie.OPENED
    if bot in message.named:
        return Tie.NAMED_BESIDE if message.opened else Tie.NAMED
    if message.named:
        return Tie.OTHER
    if message.stranger or message.target is None:
        return Tie.STRANGER if message.stranger else Tie.FREE
    answered, continued = (
        (Tie.ANSWERED, Tie.CONTINUED)
        if message.target == bot
        else (Tie.ELSEWHERE_ANSWERED, Tie.ELSEWHERE_CONTINUED)
    )
    return answered if message.answers else continued


def _later_speakers(message: UtteranceView, author: Person, line: int) -> int:
    """How many others spoke to the author after this line; newest first, so the walk is
    as short as the answer."""
    count = 0
    for contact in reversed(author.addressed_by.values()):
        if contact.line <= line:
            break
        count += 1
    return count


def _faded_value(value: float, decay: float, steps: int) -> float:
    """Rounded: the last bits of a power differ between processors, and the result is
    compared with edges."""
    return round(value * decay**steps, 6)


def _line_gap(number: int, line: int) -> float:
    return float(min(number - line, 200)) if line >= 0 else FAR


def _second_gap(now: int, then: int) -> float:
    return min(max(0.0, (now - then) / 1000.0), LONGEST) if then > 0 else FAR


# Asked of the function itself: names and table cannot differ.
FEATURES: tuple[str, ...] = tuple(features(Room(), Utterance("0", "a", "", 0), "b"))
"""The names of all features."""
