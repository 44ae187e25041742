"""Discord's side: token, intent, servers, and what each bot may do where it watches and
speaks. Asked over REST alone: no session is begun."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

import aiohttp
import discord

from app.domain.character import Character
from app.domain.settings import Settings, token_variable
from app.gateway.run import configure_discord
from app.operator.doctor.findings import Finding, fault, fine, warning
from app.operator.invite import application_of, link_of

AREA = "discord"
MOST_GUILDS = 20
"""Servers of a bot that are looked at: each costs three requests."""
NEEDED = {
    "view_channel": "View Channel",
    "send_messages": "Send Messages",
    "send_messages_in_threads": "Send Messages in Threads",
    "read_message_history": "Read Message History",
    "add_reactions": "Add Reactions",
}
"""discord.py's names of rights, and Discord's own."""
Place = discord.abc.GuildChannel


@dataclass(frozen=True, slots=True)
class Seen:
    """A channel in which people may write, and what the bot lacks there."""

    id: str
    name: str
    guild: str
    missing: tuple[str, ...]
    guild_id: str = ""

    def __str__(self) -> str:
        return f"#{self.name} ({self.guild})"

    @property
    def visible(self) -> bool:
        """Whether the bot hears what is said there."""
        return NEEDED["view_channel"] not in self.missing


def look_at_bots(
    bots: Sequence[tuple[Character, str]], settings: Settings
) -> list[Finding]:
    """What Discord says of each character with its token."""
    configure_discord(settings)
    # What it would log here is told as a finding.
    logging.getLogger("discord").setLevel(logging.CRITICAL)
    return asyncio.run(_look_at_all(bots, settings))


async def _look_at_all(
    bots: Sequence[tuple[Character, str]], settings: Settings
) -> list[Finding]:
    looks = (_look_at(character, token, settings) for character, token in bots)
    return [finding for found in await asyncio.gather(*looks) for finding in found]


async def _look_at(
    character: Character, token: str, settings: Settings
) -> list[Finding]:
    bot = character.name
    client = discord.Client(
        intents=discord.Intents(guilds=True), max_ratelimit_timeout=30
    )
    try:
        async with asyncio.timeout(4 * settings.discord_timeout):
            return await _ask_discord(client, character, token, settings)
    except discord.LoginFailure:
        remedy = "reset it on the page Bot of the developer portal (docs/discord.md)"
        return [fault(AREA, f"{bot}: Discord refuses {token_variable(bot)}", remedy)]
    except (discord.DiscordException, aiohttp.ClientError, OSError) as error:
        detail = f"{bot}: Discord cannot be asked ({type(error).__name__})"
        return [
            fault(AREA, detail, "look at the network, and https://discordstatus.com")
        ]
    finally:
        await client.close()


async def _ask_discord(
    client: discord.Client, character: Character, token: str, settings: Settings
) -> list[Finding]:
    await client.login(token)
    own_id = client.user.id if client.user is not None else 0
    found = [_check_intent(character.name, (await client.application_info()).flags)]
    guilds = [guild async for guild in client.fetch_guilds(limit=MOST_GUILDS)]
    if not guilds:
        link = link_of(application_of(token) or str(own_id))
        what = f"{character.name}: it is in no server"
        return [*found, fault(AREA, what, f"open {link}")]
    places: list[Seen] = []
    for guild in guilds:
        places += await _read_places(client, guild.id, own_id)
    return [*found, *judge_rights(character, places, settings)]


def _check_intent(bot: str, flags: discord.ApplicationFlags) -> Finding:
    if flags.gateway_message_content or flags.gateway_message_content_limited:
        return fine(AREA, f"{bot}: its token and intent are in order")
    remedy = "turn it on: developer portal, page Bot (docs/discord.md)"
    return fault(AREA, f"{bot}: the Message Content Intent is off", remedy)


async def _read_places(
    client: discord.Client, guild_id: int, own_id: int
) -> list[Seen]:
    guild = await client.fetch_guild(guild_id, with_counts=False)
    me = await guild.fetch_member(own_id)
    return [
        Seen(
            id=str(place.id),
            name=place.name,
            guild=guild.name,
            missing=_missing_rights(place, me),
            guild_id=str(guild_id),
        )
        for place in await guild.fetch_channels()
        # Nobody can write in a category.
        if not isinstance(place, discord.CategoryChannel)
    ]


def _missing_rights(place: Place, me: discord.Member) -> tuple[str, ...]:
    if me.is_timed_out():
        return tuple(name for right, name in NEEDED.items() if right != "view_channel")
    rights = place.permissions_for(me)
    return tuple(name for right, name in NEEDED.items() if not getattr(rights, right))


def judge_rights(
    character: Character, places: Sequence[Seen], settings: Settings
) -> Iterator[Finding]:
    """What a bot's rights mean for where it watches and may speak."""
    watched = [place for place in places if is_watched(character, place, settings)]
    speaking = [place for place in places if _may_speak(place, settings)]
    yield from _check_rights(character.name, places, [*watched, *speaking])
    yield from _check_watchlist(character, places)
    yield _check_unasked(character, watched, settings)


def is_watched(character: Character, place: Seen, settings: Settings) -> bool:
    """Whether STREAM_PLACES names the character for a channel, or, where it names
    nobody, its watchlist the channel, by id or name."""
    watchers = settings.rules_at(place.id, None, place.guild_id or None).watchers
    if watchers is not None:
        return character.name in watchers
    wanted = character.watchlist
    return "*" in wanted or place.id in wanted or place.name in wanted


def _may_speak(place: Seen, settings: Settings) -> bool:
    return settings.may_speak(place.id, None, place.guild_id or None)


def _check_rights(
    bot: str, places: Sequence[Seen], wanted: Sequence[Seen]
) -> Iterator[Finding]:
    lacking = [one for one in dict.fromkeys(wanted) if one.missing]
    for place in lacking:
        what = f"{bot}: lacks {', '.join(place.missing)} in {place}"
        remedy = "give them to the bot's role in the channel's permissions"
        yield fault(AREA, what, remedy)
    heard = sum(place.visible for place in places)
    if not heard:
        remedy = "give its role View Channel, in private channels too"
        yield fault(AREA, f"{bot}: sees no channel", remedy)
    elif not lacking:
        count = f"{heard} channel{'' if heard == 1 else 's'}"
        yield fine(AREA, f"{bot}: hears {count}, and lacks nothing it needs")


def _check_watchlist(character: Character, places: Sequence[Seen]) -> Iterator[Finding]:
    names = {name for place in places for name in (place.id, place.name)}
    file = f"{character.name}.yaml"
    for wanted in character.watchlist:
        if wanted == "*" or wanted in names:
            continue
        # Discord shows channels with a `#` that is no part of their names.
        bare = wanted.removeprefix("#")
        near = [bare] if bare in names else get_close_matches(bare, names, 1)
        remedy = f"mend `watchlist` in {file}" + (f": {near[0]}?" if near else "")
        what = f"{character.name}: watches {wanted}, and sees no such channel"
        yield warning(AREA, what, remedy)


def _check_unasked(
    character: Character, watched: Sequence[Seen], settings: Settings
) -> Finding:
    """The watchlist trap: nothing else tells that a bot will never speak unasked."""
    bot = character.name
    if not watched:
        what = f"{bot}: watches none of its channels, so it will speak only when named"
        return fault(AREA, what, f"name one in `watchlist` of {bot}.yaml, or write `*`")
    free = [place for place in watched if _may_speak(place, settings)]
    if free:
        detail = ", ".join(str(place) for place in free[:5])
        return fine(AREA, f"{bot}: may speak unasked in {detail}")
    places = ",".join(place.id for place in watched[:3])
    what = f"{bot}: watches {watched[0]}, and may speak unasked nowhere it watches"
    return warning(AREA, what, f"STREAM_SPEAK_CHANNELS={places}")
