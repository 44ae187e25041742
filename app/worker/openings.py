"""Chances to post unasked: the night's diary and dream, then channels that have gone
quiet."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import structlog

from app.brain.ports import Opening
from app.store import nights, posts, roster
from app.store.nights import Night
from app.store.signing import signer
from app.worker.cycle import Cycle

log = structlog.get_logger(__name__)

QUIET_S = 1_800.0
"""Seconds of quiet before a conversation is opened; `rules.plan.proactive` asks for as
many."""
CHANNELS_MOST = 100


def openings(cycle: Cycle) -> list[Opening]:
    """What waits to be posted, then quiet channels, the quietest first."""
    return [*_nights(cycle), *_quiet(cycle)]


def _nights(cycle: Cycle) -> list[Opening]:
    """Last night's diary and dream, where the character file names a channel for
    them."""
    today = datetime.fromtimestamp(cycle.now_ms / 1000, UTC).date()
    date = (today - timedelta(days=1)).isoformat()
    character = cycle.served.character
    waiting = []
    for night, channel in (
        (Night.DIARY, character.diary),
        (Night.DREAM, character.dream),
    ):
        if channel is None or not _may_post(cycle, channel):
            continue
        opening = _night(cycle, night, channel, date)
        if opening is not None:
            waiting.append(opening)
    return waiting


def _night(cycle: Cycle, night: Night, channel: str, date: str) -> Opening | None:
    post_id = posts.entry_id(cycle.bot, night, date)
    if cycle.run(posts.posted(post_id)):
        return None
    ours = signer(cycle.settings)
    written = cycle.run(nights.read_one(cycle.bot, night, date, ours))
    if not written:
        return None
    entry = json.loads(written)
    return Opening(
        post_id,
        channel,
        text=entry["text"],
        reason=f"the night's {night}",
        guild=entry.get("guild", ""),
    )


def _quiet(cycle: Cycle) -> list[Opening]:
    if not cycle.served.character.pacing.proactive:
        return []
    channels = _watched(cycle)
    quiet = cycle.run(posts.measure_quiet(cycle.bot, channels)) if channels else ()
    # The same post each time this cycle offers the channel, another in the next cycle.
    found = [
        Opening(posts.entry_id(cycle.bot, cycle.run_id, channel), channel, ms / 1000)
        for channel, ms in zip(channels, quiet, strict=True)
        if ms >= QUIET_S * 1000
    ]
    return sorted(found, key=lambda one: one.quiet_s, reverse=True)


def _watched(cycle: Cycle) -> list[str]:
    """Channels that the bot can read, may speak in, and was given: by its watchlist, or
    one by one in the settings."""
    bots = cycle.run(roster.roster())
    entry = next((one for one in bots if one.bot == cycle.bot), None)
    if entry is None:
        return []
    character = cycle.served.character
    taken = {character.diary, character.dream}
    given = {*character.watchlist, *cycle.settings.speak_channels}
    everywhere = "*" in character.watchlist
    # Bounded: one script measures them all, and Redis serves nobody meanwhile.
    return [
        channel
        for channel in entry.channels
        if _may_post(cycle, channel)
        and channel not in taken
        and _is_watched(cycle, channel, everywhere or channel in given)
    ][:CHANNELS_MOST]


def _is_watched(cycle: Cycle, channel: str, given: bool) -> bool:
    watchers = cycle.settings.rules_at(channel).watchers
    return given if watchers is None else cycle.bot in watchers


def _may_post(cycle: Cycle, channel: str) -> bool:
    if not channel.isdigit():
        log.warning("a channel for posts must be given by its id", bot=cycle.bot)
        return False
    return cycle.settings.may_speak(channel)
