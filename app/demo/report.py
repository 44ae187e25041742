"""What the room saw, counted from the loopback's own records. Pure: the same records
give the same report."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from app.domain.model import JournalLine
from app.loopback import Post, Reaction

Json = dict[str, Any]

CROWD_SECONDS = 5.0
"""Two bots that speak unasked in one channel within this much log time crowd it."""


@dataclass(frozen=True)
class Records:
    """What to count. `ours` are our bots' account ids; `addressed` maps a message to
    the bots that it addresses; `explained` holds (message, bot) pairs that the journal
    accounts for without an answer; `speed` is log time over real time."""

    posts: Sequence[Post]
    reactions: Sequence[Reaction]
    ours: Collection[int]
    addressed: Mapping[int, Collection[int]] = field(default_factory=dict)
    explained: Collection[tuple[int, int]] = ()
    speed: float = 1.0

    def asked(self) -> list[Post]:
        """What the others wrote."""
        return [post for post in self.posts if post.author_id not in self.ours]

    def posts_by_bots(self) -> list[Post]:
        """What our bots wrote."""
        return [post for post in self.posts if post.author_id in self.ours]

    def answers(self) -> dict[int, list[Post]]:
        """Our bots' replies by the message they reply to, in order."""
        found: defaultdict[int, list[Post]] = defaultdict(list)
        for post in self.posts_by_bots():
            if post.reply_to is not None:
                found[post.reply_to].append(post)
        return found

    def reacted(self) -> dict[int, set[int]]:
        """Our bots that reacted, by message."""
        found: defaultdict[int, set[int]] = defaultdict(set)
        for one in self.reactions:
            if one.user_id in self.ours:
                found[one.message_id].add(one.user_id)
        return found


def pile_ons(records: Records) -> list[int]:
    """Messages of others that address none of our bots and were answered by two or more
    of them."""
    answers = records.answers()
    return [
        post.message_id
        for post in records.asked()
        if not records.addressed.get(post.message_id)
        and len({answer.author_id for answer in answers.get(post.message_id, ())}) > 1
    ]


def find_duplicates(records: Records) -> list[int]:
    """Posts of our bots that repeat: a second reply of one bot to one message, or a
    second post with one nonce."""
    seen: Counter[tuple[int, str]] = Counter()
    found = []
    for post in records.posts_by_bots():
        marks = (
            [(post.author_id, f"reply to {post.reply_to}")]
            if post.reply_to is not None
            else []
        )
        if post.nonce is not None:
            marks.append((post.author_id, f"nonce {post.nonce} in {post.channel_id}"))
        if any(seen[mark] for mark in marks):
            found.append(post.message_id)
        seen.update(marks)
    return found


def find_crowding(records: Records) -> list[int]:
    """Unasked posts that followed another bot's unasked post in the same channel within
    CROWD_SECONDS of log time."""
    last: dict[int, Post] = {}
    found = []
    for post in records.posts_by_bots():
        if post.reply_to is not None and records.addressed.get(post.reply_to):
            continue
        before = last.get(post.channel_id)
        near = (
            before is not None and (post.at - before.at) * records.speed < CROWD_SECONDS
        )
        if before is not None and near and before.author_id != post.author_id:
            found.append(post.message_id)
        last[post.channel_id] = post
    return found


def find_unanswered(records: Records) -> list[tuple[int, int]]:
    """(message, bot) pairs where an addressed bot neither answered nor reacted nor
    journalled why not."""
    answers, reacted = records.answers(), records.reacted()
    return [
        (message, bot)
        for message, bots in records.addressed.items()
        for bot in bots
        if bot
        not in {post.author_id for post in answers.get(message, ())}
        | reacted.get(message, set())
        and (message, bot) not in records.explained
    ]


def reply_latencies(records: Records) -> tuple[list[float], list[float]]:
    """Real milliseconds from the POST of a message to that of its first answer: for
    addressed messages, for others."""
    direct: list[float] = []
    open_to_all: list[float] = []
    answers = records.answers()
    for post in records.asked():
        if post.message_id in answers:
            wait = (answers[post.message_id][0].at - post.at) * 1000
            (direct if records.addressed.get(post.message_id) else open_to_all).append(
                wait
            )
    return direct, open_to_all


def percentile(values: Iterable[float], share: float) -> float | None:
    """The nearest-rank percentile, rounded to 0.1; None of nothing."""
    ordered = sorted(values)
    if not ordered:
        return None
    return round(ordered[max(0, math.ceil(share * len(ordered)) - 1)], 1)


def spread_of(values: Collection[float]) -> Json:
    """Shape: p50, p99."""
    return {"p50": percentile(values, 0.5), "p99": percentile(values, 0.99)}


def summary_of(records: Records) -> Json:
    """The figures of a demo or a replay that the room itself shows."""
    answers, reacted = records.answers(), records.reacted()
    answered = [
        post
        for post in records.asked()
        if post.message_id in answers or post.message_id in reacted
    ]
    addressed = [message for message, bots in records.addressed.items() if bots]
    complete = [
        message
        for message in addressed
        if set(records.addressed[message])
        <= {post.author_id for post in answers.get(message, ())}
        | reacted.get(message, set())
    ]
    direct, open_to_all = reply_latencies(records)
    return {
        "messages": len(records.asked()),
        "bots": len(records.ours),
        "answered": len(answered),
        "addressed": len(addressed),
        "addressed_answered": len(complete),
        "addressed_unexplained": len(find_unanswered(records)),
        "posts": len(records.posts_by_bots()),
        "reactions": sum(
            not one.removed for one in records.reactions if one.user_id in records.ours
        ),
        "pile_ons": len(pile_ons(records)),
        "duplicates": len(find_duplicates(records)),
        "crowding": len(find_crowding(records)),
        "latency_ms": {
            **spread_of(direct + open_to_all),
            "addressed": spread_of(direct),
            "unaddressed": spread_of(open_to_all),
        },
    }


def per_message(
    records: Records, journal: Mapping[int, Sequence[JournalLine]]
) -> list[Json]:
    """One object for each message of others: id, channel, author, text, addressed,
    answers, reactions, wait_ms, and the decisions from the journal, one line each."""
    answers, reacted = records.answers(), records.reacted()
    names = {post.author_id: post.author_name for post in records.posts}
    rows: list[Json] = []
    for post in records.asked():
        replies = answers.get(post.message_id, [])
        rows.append(
            {
                "id": str(post.message_id),
                "channel": str(post.channel_id),
                "author": post.author_name,
                "text": post.content,
                "addressed": sorted(
                    names.get(bot, str(bot))
                    for bot in records.addressed.get(post.message_id, ())
                ),
                "answers": [
                    {"bot": reply.author_name, "text": reply.content}
                    for reply in replies
                ],
                "reactions": sorted(
                    names.get(bot, str(bot)) for bot in reacted.get(post.message_id, ())
                ),
                "wait_ms": round((replies[0].at - post.at) * 1000, 1)
                if replies
                else None,
                "decisions": [
                    decision_text(post, line)
                    for line in journal.get(post.message_id, ())
                ],
            }
        )
    return rows


def decision_text(post: Post, line: JournalLine) -> str:
    """A journal line as text: age in ms, bot, step, verdict, bid, reason."""
    bid = f" {float(line.numbers['bid']):+.2f} bits" if "bid" in line.numbers else ""
    reason = f": {line.reason}" if line.reason else ""
    return f"+{line.at_ms - round(post.wall * 1000)} {line.bot} {line.step} {line.verdict}{bid}{reason}"
