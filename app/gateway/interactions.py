"""Commands inside Discord: `/stream` for who manages the server, and "Why?" in the menu
of a message for who moderates.

Discord hides commands by `default_member_permissions`, which a server may override: the
permission is checked here again. Every answer is ephemeral, and is deferred first, as
Discord waits three seconds.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Literal

import aiohttp
import discord
import structlog
from discord import app_commands

from app.domain.model import RosterEntry
from app.domain.settings import Settings
from app.gateway.asking import Desk, Question, Verb
from app.gateway.presence import known

log = structlog.get_logger(__name__)

MENU = "Why?"
WAITING = 8
"""Questions that may wait for the desk, of the whole process."""
LONGEST = 2_000
"""Characters of a message in Discord."""
LINK = re.compile(r"/channels/\d{1,20}/(\d{5,20})/(\d{5,20})/?$")
AGAIN = 3_600.0
"""Seconds after which a server that took no commands is asked again: somebody may have
invited the bot anew, of which no event tells."""
REFUSED = "You may not ask this: it takes the permission {needed} in this server."
OFF = "Commands are switched off in this server (STREAM_COMMANDS_GUILDS)."
UNKNOWN = "Nothing that you may see is known of that message."

Where = Literal["this channel", "this server"]
Client = discord.Client
Asking = discord.Interaction[Client]


class Counter:
    """Hands questions to the desk, one at a time: they read much, and who asks can
    wait."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="desk")
        self._waiting = 0

    async def answer(self, asked: Question) -> str:
        """The answer, or that too many ask."""
        # No await between the look and the count, or more could pass at once.
        if self._waiting >= WAITING:
            return "Too many questions wait already: ask again in a minute."
        self._waiting += 1
        try:
            loop = asyncio.get_running_loop()
            return await loop.run_in_executor(self._thread, self._desk.answer, asked)
        finally:
            self._waiting -= 1

    def close(self) -> None:
        """End the thread; what waits is not answered."""
        self._thread.shutdown(wait=False, cancel_futures=True)


class Commands(app_commands.CommandTree[Client]):
    """The commands of one bot's client, and where they are registered."""

    def __init__(self, client: Client, counter: Counter, settings: Settings) -> None:
        super().__init__(client)
        self.counter = counter
        self._guilds = frozenset(settings.commands_guilds)
        self._chosen = settings.commands_bot
        self._settled: dict[int, bool] = {}
        self.add_command(StreamGroup(self))
        menu = app_commands.ContextMenu(name=MENU, callback=self._why_of)
        menu.guild_only = True
        menu.default_permissions = discord.Permissions(manage_messages=True)
        self.add_command(menu)

    def serves(self, guild: int | None) -> bool:
        """Whether commands are offered in a server."""
        return "*" in self._guilds or str(guild) in self._guilds

    async def settle(self, bot: str, roster: Sequence[RosterEntry]) -> None:
        """Register the commands in servers where this bot is the one that does, and
        take them away in others. Each server is asked once."""
        for guild in known(self.client) if self._guilds else ():
            mine = self.serves(guild.id) and bot == self.registrar(guild, bot, roster)
            if self._settled.get(guild.id) != mine:
                # Noted before the call: what Discord refuses is not asked for again
                # with each refresh, as it counts 200 new commands a day for each
                # server.
                self._settled[guild.id] = mine
                await self._register(guild, bot, mine)

    def forget(self, guild: int) -> None:
        """Settle a server anew. Where a bot leaves, its commands go with it."""
        self._settled.pop(guild, None)

    def registrar(
        self, guild: discord.Guild, bot: str, roster: Sequence[RosterEntry]
    ) -> str:
        """The bot of a server that bears the commands: that of STREAM_COMMANDS_BOT, or
        by name the first of the roster that reads a channel there."""
        if self._chosen:
            return self._chosen
        here = {str(one.id) for one in (*guild.channels, *guild.threads)}
        others = [one.bot for one in roster if here & set(one.channels)]
        # By name, so that all processes choose the same one without asking each other.
        return min([bot, *others])

    async def _register(self, guild: discord.Guild, bot: str, mine: bool) -> None:
        try:
            if mine:
                self.copy_global_to(guild=guild)
                await self.sync(guild=guild)
                log.info("commands are registered", bot=bot, guild=str(guild.id))
            # Asked first: most servers never had a command, and an empty sync is a
            # write.
            elif await self.fetch_commands(guild=guild):
                self.clear_commands(guild=guild)
                await self.sync(guild=guild)
        # Invitations from before there were commands lack `applications.commands`.
        except discord.Forbidden:
            self._ask_again(guild)
            log.warning(
                "commands were refused: invite the bot again with `the-stream invite`",
                bot=bot,
                guild=str(guild.id),
            )
        except (discord.HTTPException, aiohttp.ClientError, OSError) as error:
            self._ask_again(guild)
            log.warning(
                "commands were not registered, tried again in an hour",
                bot=bot,
                guild=str(guild.id),
                error=type(error).__name__,
                status=getattr(error, "status", None),
            )

    def _ask_again(self, guild: discord.Guild) -> None:
        asyncio.get_running_loop().call_later(AGAIN, self.forget, guild.id)

    async def serve(
        self,
        asking: Asking,
        needed: discord.Permissions,
        ask: Callable[[], Awaitable[Question | None]],
    ) -> None:
        """Check, defer, ask, answer. `ask` makes the question; None: of what the asker
        may not see."""
        if refusal := self._refusal(asking, needed):
            await asking.response.send_message(refusal, ephemeral=True)
            return
        await asking.response.defer(ephemeral=True, thinking=True)
        asked = await ask()
        answer_text = UNKNOWN if asked is None else await self.counter.answer(asked)
        # The answer holds names and words of people: they format nothing and call
        # nobody.
        plain = discord.utils.escape_markdown(answer_text)
        await asking.edit_original_response(
            content=plain if len(plain) <= LONGEST else plain[: LONGEST - 1] + "…",
            allowed_mentions=discord.AllowedMentions.none(),
        )

    def _refusal(self, asking: Asking, needed: discord.Permissions) -> str:
        if not self.serves(asking.guild_id):
            return OFF
        # Discord's own word on what this person may do in this channel.
        if not asking.permissions >= needed:
            names = [name for name, value in needed if value]
            answer_text = " ".join(word.capitalize() for word in names[0].split("_"))
            return REFUSED.format(needed=answer_text.replace("Guild", "Server"))
        return ""

    async def on_error(
        self, asking: Asking, error: app_commands.AppCommandError, /
    ) -> None:
        """One question that failed. Discord shows that no answer came."""
        # By its name alone: an error's text may hold what somebody wrote.
        cause = getattr(error, "original", error)
        log.error("a command failed", error=type(cause).__name__)

    async def _why_of(self, asking: Asking, message: discord.Message) -> None:
        async def ask() -> Question | None:
            # The person who opened a message's menu sees the message.
            return question(asking, Verb.WHY, message=str(message.id))

        await self.serve(asking, discord.Permissions(manage_messages=True), ask)


class StreamGroup(app_commands.Group):
    """`/stream`."""

    def __init__(self, commands: Commands) -> None:
        self._commands = commands
        self._needed = discord.Permissions(manage_guild=True)
        super().__init__(
            name="stream",
            description="The characters of this server",
            guild_only=True,
            default_permissions=self._needed,
        )

    async def _plain(self, asking: Asking, asked: Question) -> None:
        async def ask() -> Question:
            return asked

        await self._commands.serve(asking, self._needed, ask)

    @app_commands.command(description="How the characters are, and who is muted")
    async def status(self, asking: Asking) -> None:
        """`/stream status`."""
        await self._plain(asking, question(asking, Verb.STATUS))

    @app_commands.command(description="What the channels of this server cost today")
    async def costs(self, asking: Asking) -> None:
        """`/stream costs`."""
        await self._plain(asking, question(asking, Verb.COSTS))

    @app_commands.command(description="Silence characters here now")
    @app_commands.describe(
        bot="one character, in this channel; none: all of them",
        where="this channel with its threads, or the whole server",
        for_="90s, 30m, 2h or 7d; none: until somebody ends it",
    )
    @app_commands.rename(for_="for")
    async def mute(
        self,
        asking: Asking,
        bot: str = "",
        where: Where = "this channel",
        for_: str = "",
    ) -> None:
        """`/stream mute`."""
        everywhere = where == "this server"
        asked = question(asking, Verb.MUTE, bot=bot, everywhere=everywhere, for_=for_)
        await self._plain(asking, asked)

    @app_commands.command(description="Let them speak again")
    @app_commands.describe(bot="one character, in this channel; none: all of them")
    async def unmute(
        self, asking: Asking, bot: str = "", where: Where = "this channel"
    ) -> None:
        """`/stream unmute`."""
        everywhere = where == "this server"
        asked = question(asking, Verb.UNMUTE, bot=bot, everywhere=everywhere)
        await self._plain(asking, asked)

    @app_commands.command(description="Why characters spoke, or kept silent")
    @app_commands.describe(message="its link or id; none: the last one in this channel")
    async def why(self, asking: Asking, message: str = "") -> None:
        """`/stream why`."""

        async def ask() -> Question | None:
            if not message:
                return question(asking, Verb.WHY)
            return await _seen(asking, message.strip())

        await self._commands.serve(asking, self._needed, ask)


def question(
    asking: Asking,
    verb: Verb,
    *,
    bot: str = "",
    everywhere: bool = False,
    for_: str = "",
    message: str = "",
) -> Question:
    """A question, with what the asker may see."""
    guild, member = asking.guild, asking.user
    places = [] if guild is None else [*guild.channels, *guild.threads]
    visible = (
        {str(one.id) for one in places if may_read(member, one)}
        if isinstance(member, discord.Member)
        else set()
    )
    # People read the channels they ask in, their private threads included.
    return Question(
        verb=verb,
        guild=str(asking.guild_id),
        channel=str(asking.channel_id),
        by=str(member.id),
        channels=frozenset(str(one.id) for one in places),
        visible=frozenset(visible | {str(asking.channel_id)}),
        bot=bot.strip().casefold(),
        everywhere=everywhere,
        for_=for_.strip(),
        message=message,
    )


def may_read(
    member: discord.Member, place: discord.abc.GuildChannel | discord.Thread
) -> bool:
    """Whether a member may read what was said in a channel. Who is in a private thread
    is not known here: only who manages threads counts."""
    may = place.permissions_for(member)
    private = isinstance(place, discord.Thread) and place.is_private()
    reads = may.read_messages and may.read_message_history
    return reads and (may.manage_threads or not private)


async def _seen(asking: Asking, text: str) -> Question | None:
    """The question about the message of a link or an id. None where the asker may not
    read its channel, or where the bot does not find it there: the link is only what
    somebody typed."""
    link = LINK.search(text)
    channel, message = (link[1], link[2]) if link else (str(asking.channel_id), text)
    asked = question(asking, Verb.WHY, message=message)
    place = asking.guild and asking.guild.get_channel_or_thread(int(channel))
    # Told alike whether it is hidden or unknown: the difference would tell of it.
    readable = isinstance(place, discord.abc.Messageable)
    if not readable or channel not in asked.visible or not message.isdecimal():
        return None
    try:
        # The id may be of another channel than the link says; only Discord knows.
        await place.fetch_message(int(message))  # type: ignore[union-attr]
    except discord.HTTPException:
        return None
    return asked
