"""Why a bot of which the journal has no line said nothing: it has ended, does not see
the channel, does not watch it, may not speak there, or is muted."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from app.domain.character import Character
from app.domain.errors import ConfigurationError, StoreForbidden
from app.domain.model import RosterEntry
from app.domain.settings import Settings
from app.operator.characters import find_character
from app.operator.doctor.processes import signs_of_life
from app.operator.whereabouts import find_rules
from app.operator.why.finding import FoundMessage
from app.store import keys, mutes, names, overview, roster
from app.store.door import Store
from app.store.heartbeats import ProcessRole

Where = tuple[str, str | None, str | None]
"""A channel, the one that it is a thread of, the server."""


def asides(
    store: Store, settings: Settings, said: FoundMessage, known_lines: frozenset[str]
) -> dict[str, str]:
    """For each bot that is not among those `told` of: why, as it is now. Words follow
    its name."""
    try:
        known = store.run(roster.roster())
        called = _channel_name(store, said)
        down = _bots_down(store)
        return {
            entry.bot: down.get(entry.bot)
            or _why_aside(store, settings, said, entry, called)
            for entry in known
            if entry.bot not in known_lines
        }
    except StoreForbidden:
        return {}


def names_of_bots(store: Store) -> Mapping[str, str]:
    """What each bot is called, by its name."""
    try:
        return {one.bot: _display_name(one) for one in store.run(roster.roster())}
    except StoreForbidden:
        return {}


def _display_name(entry: RosterEntry) -> str:
    return entry.names[1] if len(entry.names) > 1 else entry.bot


def _channel_name(store: Store, said: FoundMessage) -> str:
    if said.channel_name or not said.guild or not said.channel:
        return said.channel_name
    found = store.run(names.called(said.guild, [said.channel]))
    return found.get(said.channel, "")


def _bots_down(store: Store) -> dict[str, str]:
    """The bots that do not hear Discord now, by what their gateways tell."""
    found = {}
    for sign in signs_of_life(store):
        if sign.role is ProcessRole.GATEWAY and not sign.facts.get("connected"):
            error = str(sign.facts.get("error") or "")
            known_lines = error.removeprefix(f"{sign.name}: ").removesuffix(".")
            found[sign.name] = (
                f"is down: {known_lines}"
                if known_lines
                else "is not connected to Discord"
            )
    return found


def _why_aside(
    store: Store,
    settings: Settings,
    said: FoundMessage,
    entry: RosterEntry,
    called: str,
) -> str:
    if said.channel and not {said.channel, said.parent} & set(entry.channels):
        return "does not see the channel"
    # A mute is told first: it holds whatever the character file says.
    if muted := next(_mutes_of(store, entry.bot, said), ""):
        return f"is muted ({muted})"
    place = f"#{called}" if called else "the channel"
    character = find_character(entry.bot, settings.characters_dir)
    if said.channel and character is not None:
        unfit = _why_unasked(settings, said, character, called)
        if unfit:
            return unfit.format(place=place)
    if store.run(overview.admitted(entry.bot, said.message)):
        return "heard it, and nothing in it was for it"
    return "is not known to have heard it"


def _why_unasked(
    settings: Settings, said: FoundMessage, character: Character, called: str
) -> str:
    """Why it says nothing there unasked; empty: it may. `{place}` stands for
    the channel."""
    where = (said.channel, said.parent or None, said.guild or None)
    watchers = settings.rules_at(*where).watchers
    if watchers is not None and character.name not in watchers:
        return f"does not watch {{place}} ({_source(settings, 'watchers', where)})"
    if watchers is None and not _is_watching(character, said, called):
        return "does not watch {place}"
    if not settings.may_speak(*where):
        source = _source(settings, _speech_rule(settings, where), where)
        return f"may not speak unasked in {{place}} ({source})"
    return ""


def _speech_rule(settings: Settings, where: Where) -> str:
    """Which rule keeps the channel quiet."""
    channel, parent, guild = where
    rules = settings.rules_at(channel, parent, guild)
    return "threads" if parent is not None and rules.threads is False else "speak"


def _source(settings: Settings, name: str, where: Where) -> str:
    """What says so: a setting, or a line of STREAM_PLACES."""
    try:
        holds = {one.name: one.source for one in find_rules(settings, *where)}
    except ConfigurationError:
        # A broken file: what held before is in force, and its lines are gone.
        return "STREAM_PLACES"
    source = holds[name]
    return source if source.startswith("STREAM_") else f"STREAM_PLACES, {source}"


def _mutes_of(store: Store, bot: str, said: FoundMessage) -> Iterator[str]:
    scopes = keys.mute_scopes(
        bot, said.channel, said.guild or None, said.parent or None
    )
    for scope in scopes.split(","):
        for key in (keys.mute_by_operator(scope), keys.mute(scope)):
            one = store.run(mutes.read(key))
            if one is not None:
                yield f"{one.scope} by {one.who}"


def _is_watching(character: Character, said: FoundMessage, called: str) -> bool:
    wanted = character.watchlist
    places = {said.channel, said.parent, called} - {""}
    return "*" in wanted or bool(places & set(wanted))
