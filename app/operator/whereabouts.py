"""What holds in servers and channels, and where that is written."""

from __future__ import annotations

from typing import NamedTuple

from app.domain.places import PlacedValue, Rules
from app.domain.settings import Settings

GENERAL = {
    "quiet_time": "quiet_time",
    "cooldown": "cooldown",
    "daily_tokens": "channel_daily_tokens",
    "daily_usd": "channel_daily_usd",
    "threads": "speak_in_threads",
}
"""Settings that hold where the file says nothing."""


class PlaceRule(NamedTuple):
    """One value that holds in a channel, and what says so."""

    name: str
    value: object
    source: str


def list_places(settings: Settings) -> tuple[PlacedValue, ...]:
    """Every line of STREAM_PLACES. Raises ConfigurationError."""
    return settings.check_places().lines


def find_rules(
    settings: Settings, channel: str, parent: str | None, guild: str | None
) -> list[PlaceRule]:
    """What holds in one channel. Raises ConfigurationError."""
    lines = {(one.place, one.name): one for one in list_places(settings)}
    rules = settings.rules_at(channel, parent, guild)
    found = []
    for name in Rules.model_fields:
        for place in (f"channel {channel}", f"channel {parent}", f"server {guild}"):
            if (place, name) in lines:
                line = lines[place, name].line
                value = getattr(rules, name)
                found.append(PlaceRule(name, value, f"{place}, line {line}"))
                break
        else:
            found.append(_general(settings, name, channel, parent))
    return found


def _general(
    settings: Settings, name: str, channel: str, parent: str | None
) -> PlaceRule:
    if name in GENERAL:
        setting = GENERAL[name]
        return PlaceRule(name, getattr(settings, setting), f"STREAM_{setting.upper()}")
    if name == "speak":
        value = settings.may_speak(channel, parent)
        return PlaceRule(name, value, "STREAM_SPEAK_CHANNELS")
    return PlaceRule(name, "each its own", "character files")
