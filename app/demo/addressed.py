"""Whom each message on the loopback addresses, judged by the rules alone, and what the
journal says about silence."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from app.domain.model import AuthorKind, Event, JournalLine, RosterEntry
from app.loopback import Post
from app.rules.addressing import addressing

PEOPLE = 50
"""Names lately heard in a channel that count as addressing somebody else."""

EXPLAINS = frozenset(
    {
        "dropped",
        "declined",
        "muted",
        "over_person_limit",
        "exhausted",
        "dry_run",
        "cancelled",
    }
)
"""Verdicts that account for an addressed message without an answer."""


def addressed_bots(
    posts: Sequence[Post],
    roster: Sequence[RosterEntry],
    dms: Mapping[int, str],
) -> dict[int, tuple[int, ...]]:
    """The account ids of the bots that each human's message addresses; messages that
    address none are left out. `dms` maps a direct channel to its bot."""
    ids = {entry.bot: int(entry.user_id) for entry in roster}
    ours = set(ids.values())
    authors = {post.message_id: post.author_id for post in posts}
    people: defaultdict[int, dict[int, str]] = defaultdict(dict)
    found: dict[int, tuple[int, ...]] = {}
    for post in posts:
        lately = people[post.channel_id]
        others = [
            name
            for person, name in list(lately.items())[-PEOPLE:]
            if person != post.author_id
        ]
        if post.author_id not in ours and not post.webhook:
            # Put back at the end: the last names are those heard lately.
            lately[post.author_id] = lately.pop(post.author_id, post.author_name)
        if post.is_bot or post.webhook:
            continue
        if post.channel_id in dms:
            found[post.message_id] = (ids[dms[post.channel_id]],)
        elif bots := addressing(_event_of_post(post, authors), roster, others).bots:
            found[post.message_id] = tuple(ids[bot] for bot in bots)
    return found


def explained_pairs(
    journal: Mapping[int, Sequence[JournalLine]], roster: Sequence[RosterEntry]
) -> set[tuple[int, int]]:
    """(message, bot account) pairs for which the journal says why there is no
    answer."""
    ids = {entry.bot: int(entry.user_id) for entry in roster}
    return {
        (message, ids[line.bot])
        for message, lines in journal.items()
        for line in lines
        if line.bot in ids and _explains_silence(line)
    }


def _explains_silence(line: JournalLine) -> bool:
    return line.verdict in EXPLAINS or (
        line.step == "deliver" and line.verdict != "delivered"
    )


def _event_of_post(post: Post, authors: Mapping[int, int]) -> Event:
    reply_author = authors.get(post.reply_to or 0)
    return Event(
        message_id=str(post.message_id),
        channel_id=str(post.channel_id),
        guild_id=str(post.guild_id or 0),
        author_id=str(post.author_id),
        author_name=post.author_name[:100],
        author_kind=AuthorKind.HUMAN,
        content=post.content,
        reply_to=None if post.reply_to is None else str(post.reply_to),
        reply_to_author=None if reply_author is None else str(reply_author),
        mentions=tuple(str(one) for one in post.pinged if isinstance(one, int)),
    )
