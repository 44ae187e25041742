"""What one bot knows of one message before it decides to bid: a small table of numbers, all finite and bounded."""

from __future__ import annotations

from collections.abc import Mapping

from app.rules.room import Contact, Line, Message, Person, Room, Turn
from app.rules.words import Kind

Features = Mapping[str, float]
"""Feature name -> value. Gaps in lines and seconds; `FAR` where something never happened."""

FAR = 9_999.0
NEAR_LINES = 20


def features(room: Room, turn: Turn, bot: str) -> Features:
    """The features of `turn` for `bot`, from what the room knew before the turn. Pure: the room is not changed."""
    message = room.read(turn)
    return {**_message(room, message), **_bot(room, message, bot)}


def _message(room: Room, message: Message) -> dict[str, float]:
    turn, reading = message.turn, message.reading
    author = room.person(turn.author)
    last = room.recent[-1] if room.recent else None
    minute = speakers = 0
    crowd: set[str] = set()
    for line in reversed(room.recent):
        if turn.at_ms - line.at_ms > 60_000:
            break
        minute += 1
    for line in list(room.recent)[-NEAR_LINES:]:
        crowd.add(line.author)
    partners = sum(1 for c in author.told.values() if room.number - c.line < 30)
    return {
        "kind": float(reading.kind),
        "marks": float(reading.marks),
        "length": float(len(reading.tokens)),
        "you": float(reading.you),
        "me": float(reading.me),
        "joins": float(reading.joins),
        "url": float(reading.url),
        "shouts": float(reading.shouts),
        "stranger": float(message.stranger),
        "n_named": float(len(message.named)),
        "sure": float(message.sure),
        "author_lines": float(min(author.lines, 200)),
        "author_gap": _gap(room.number, author.last_line),
        "author_secs": _secs(turn.at_ms, author.last_ms),
        "author_rate": author.rate,
        "author_asks": author.asked,
        "author_addr": author.addressed,
        "run": float(author.run) if last is not None and last.author == turn.author else 0.0,
        "partners": float(partners),
        "minute": float(minute),
        "crowd": float(len(crowd)),
        "pause": _secs(turn.at_ms, last.at_ms) if last is not None else FAR,
    }


def _bot(room: Room, message: Message, bot: str) -> dict[str, float]:
    turn = message.turn
    me = room.person(bot)
    author = room.person(turn.author)
    number = room.number
    told, heard = author.told.get(bot), author.heard.get(bot)
    back, back_named = me.told.get(turn.author), me.heard.get(turn.author)
    mine_since = sum(1 for line in room.recent if line.author == bot and line.number > author.last_line)
    near = [line for line in list(room.recent)[-NEAR_LINES:] if line.author == bot]
    rank = 0.0
    if told is not None:
        rank = 1.0 + sum(1 for c in author.told.values() if c.line > told.line)
    rank_named = 0.0
    if heard is not None:
        rank_named = 1.0 + sum(1 for c in author.heard.values() if c.line > heard.line)
    others = {line.target for line in near if line.target not in (None, turn.author)}
    speakers_since = {line.author for line in room.recent if line.number > me.last_line}
    first = room.recent[-1].author == bot if room.recent else False
    total = sum(p.rate for p in [room.person(l) for l in {l.author for l in room.recent}])
    now = me.rate * 0.98 ** min(number - me.last_line, 2000)
    w = message.reading.words
    return {
        "opened": float(bot in message.opened),
        "named": float(bot in message.named),
        "first_named": float(bool(message.named) and message.named[0] == bot),
        "n_other": float(len([x for x in message.named if x != bot])),
        "other_opened": float(any(x != bot for x in message.opened)),
        "target_me": float(message.target == bot) * message.sure,
        "target_other": float(message.target is not None and message.target != bot) * message.sure,
        "bot_gap": _gap(number, me.last_line),
        "bot_secs": _secs(turn.at_ms, me.last_ms),
        "told_gap": _contact_gap(number, told),
        "told_secs": _contact_secs(turn.at_ms, told),
        "heard_gap": _contact_gap(number, heard),
        "heard_secs": _contact_secs(turn.at_ms, heard),
        "back_gap": _contact_gap(number, back),
        "back_named_gap": _contact_gap(number, back_named),
        "back_secs": _contact_secs(turn.at_ms, back),
        "told_count": float(told.count if told else 0),
        "heard_count": float(heard.count if heard else 0),
        "back_count": float(back.count if back else 0),
        "told_rank": rank,
        "heard_rank": rank_named,
        "told_since_author": float(told is not None and told.line > author.last_line),
        "told_minus_back": max(-200.0, min(200.0, _contact_gap(number, back) - _contact_gap(number, told))),
        "mine_since": float(mine_since),
        "bot_lines_near": float(len(near)),
        "others": float(len(others)),
        "since_speakers": float(len(speakers_since)),
        "bot_rate": now,
        "bot_share": now / (total + 1.0),
        "bot_lines": float(min(me.lines, 500)),
        "bot_lines_share": me.lines / (number + 20.0),
        "bot_asks": me.asked,
        "bot_addr": me.addressed,
        "bot_partner": 0.0 if me.partner is None else 1.0 if me.partner == turn.author else 2.0,
        "bot_partner_gap": _gap(number, me.partner_line),
        "bot_run": float(me.run),
        "just": float(first),
        "sim_last": _overlap(room, w, me.last_words),
        "sim_all": _overlap(room, w, me.profile),
        "sim_recent": _overlap(room, w, [x for line in near for x in line.words]),
        "last_q": float(any(line.question for line in near[-1:])),
        "reply": 0.0,
    }


def _overlap(room: Room, words, other) -> float:
    if not words:
        return -1.0
    other = set(other)
    hit = sum(room.rarity(x) for x in words if x in other)
    return hit


def _gap(number: int, line: int) -> float:
    return float(min(number - line, 200)) if line >= 0 else FAR


def _secs(now: int, then: int) -> float:
    return min(max(0.0, (now - then) / 1000.0), 7200.0) if then > 0 else FAR


def _contact_gap(number: int, contact: Contact | None) -> float:
    return _gap(number, contact.line) if contact is not None else FAR


def _contact_secs(now: int, contact: Contact | None) -> float:
    return _secs(now, contact.at_ms) if contact is not None else FAR


FEATURES: tuple[str, ...] = tuple(features(Room(), Turn("0", "a", "", 0), "b"))
"""The names of all features."""
