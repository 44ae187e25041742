"""Discord's REST from a worker: one background loop per process, one logged-in client
per bot, no gateway."""

from __future__ import annotations

import asyncio
import atexit
import concurrent.futures
import contextlib
import threading
from collections.abc import Collection, Coroutine, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeVar, cast

import aiohttp
import discord
import structlog

from app.content.lines import chat_line
from app.content.plain import UNPARSABLE, parse_tolerantly
from app.delivery.address import Address, AddressRefused
from app.delivery.attempts import trace_config
from app.delivery.failures import Unreachable
from app.delivery.media import TIMEOUT, Fetched, fetch_file
from app.delivery.refusals import bars_channel
from app.domain.errors import StreamError, TokenRefused
from app.domain.model import ChatLine
from app.domain.settings import Settings
from app.runtime.logs import redact

T = TypeVar("T")
log = structlog.get_logger(__name__)

TYPING_EVERY = 8.0
"""Seconds. Discord shows the indicator for about ten."""
LONGEST_LIMIT = 30.0
"""Seconds. discord.py waits for a rate limit up to this long itself (its own minimum);
past it the outbox waits."""
GRACE = 5.0
READ_BACK_LIMIT = 1_000
THREAD_TYPES = frozenset({10, 11, 12})
"""Discord's channel types of threads: the parent of any other channel is its
category."""
REFUSED_FOR = 60.0
"""Seconds for which a refused token is not tried again: Discord bans who makes 10,000
refused requests in ten minutes."""


class History(NamedTuple):
    """Recent lines of a channel, oldest first; `problem` says why there are none, or is
    empty. `barred`: the bot can say nothing there either."""

    lines: tuple[ChatLine, ...]
    problem: str = ""
    barred: bool = False


class AnsweredMessage(NamedTuple):
    """The message for whose answer a channel is read."""

    message_id: str = ""
    in_thread: bool = False


NOTHING_ASKED = AnsweredMessage()


class ServerPlace(NamedTuple):
    """The server of a channel, and of a thread its channel."""

    guild: str | None
    parent: str | None = None


@dataclass(frozen=True, slots=True)
class Secrets:
    """What sending needs of a bot's vault."""

    token: str = field(repr=False)
    user_id: str


class Found(NamedTuple):
    """A message of ours that stands in a channel. `reference` is what it replies to, or
    empty."""

    message_id: str
    reference: str
    content: str


class _Login(NamedTuple):
    token: str
    client: discord.Client


class DiscordRest:
    """The methods without `async` are for worker threads; the others run on the loop
    that `submit` feeds."""

    def __init__(self, settings: Settings) -> None:
        discord.http.Route.BASE = settings.discord_api_url.rstrip("/")
        self._settings = settings
        self._starting = threading.Lock()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._logins: dict[str, _Login] = {}
        self._retired: list[discord.Client] = []
        self._locks: dict[str, asyncio.Lock] = {}
        self._refused: dict[str, tuple[str, float]] = {}
        self._places: dict[str, ServerPlace] = {}
        self.address = Address()

    def submit(self, work: Coroutine[Any, Any, T]) -> concurrent.futures.Future[T]:
        """Run on the loop, which starts with the first call."""
        return asyncio.run_coroutine_threadsafe(work, self._running_loop())

    def close(self) -> None:
        """End all work, log out and stop the loop. Called at exit; a later `submit`
        starts afresh."""
        with self._starting:
            loop, thread, self._loop, self._thread = (
                self._loop,
                self._thread,
                None,
                None,
            )
        if loop is None or thread is None:
            return
        atexit.unregister(self.close)
        with contextlib.suppress(TimeoutError):
            asyncio.run_coroutine_threadsafe(self._shut_clients(), loop).result(GRACE)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(GRACE)
        # A loop that still runs must not be closed: asyncio raises.
        if not thread.is_alive():
            loop.close()

    def begin_context(
        self,
        bot: str,
        token: str,
        channel: str,
        limit: int,
        ours: Collection[str] = (),
        before: str | None = None,
        asked: AnsweredMessage = NOTHING_ASKED,
    ) -> concurrent.futures.Future[History]:
        """Ask for the newest `limit` (at most 100) lines of a channel, or those before
        a message; `finish_context` waits for them. Older lines stand before them: what
        `asked` replies to, and what its thread began with."""
        return self.submit(
            self._read_context(
                bot,
                token=token,
                channel=channel,
                limit=limit,
                ours=frozenset(ours),
                before=before,
                asked=asked,
            )
        )

    def finish_context(self, work: concurrent.futures.Future[History]) -> History:
        """What was begun, waited for as long as Discord may take. Never raises for
        Discord."""
        try:
            return work.result(self._settings.discord_timeout + GRACE)
        except TimeoutError:
            work.cancel()
            return History((), "timeout")
        except concurrent.futures.CancelledError:
            return History((), "shutting down")

    def place(self, bot: str, token: str, channel: str) -> ServerPlace | None:
        """Where a channel is, asked once; None: it cannot be asked now. Never raises
        for Discord."""
        if channel not in self._places:
            work = self.submit(self._read_place(bot, token, channel))
            try:
                self._places[channel] = work.result(
                    self._settings.discord_timeout + GRACE
                )
            except (
                discord.DiscordException,
                StreamError,
                aiohttp.ClientError,
                OSError,
                concurrent.futures.CancelledError,
            ):
                work.cancel()
                return None
        return self._places[channel]

    def fetch(self, url: str, most: int) -> Fetched:
        """A file of Discord's, at most `most` bytes. Never raises."""
        work = self.submit(fetch_file(url, most, self._settings))
        try:
            return work.result(2 * TIMEOUT)
        except (TimeoutError, concurrent.futures.CancelledError):
            work.cancel()
            return Fetched(b"", "it could not be fetched in time")

    @contextlib.contextmanager
    def typing(self, bot: str, token: str, channel: str) -> Iterator[None]:
        """Show the typing indicator until the block ends. Never raises and never waits;
        a dry run shows nothing."""
        if self._settings.dry_run:
            yield
            return
        work = self.submit(self._send_typing(bot, token, channel))
        try:
            yield
        finally:
            work.cancel()

    async def client(self, bot: str, token: str) -> discord.Client:
        """The bot's client, logged in within the timeout. Raises TokenRefused,
        Unreachable or AddressRefused."""
        async with self._locks.setdefault(bot, asyncio.Lock()):
            login = self._logins.get(bot)
            if login is not None and login.token == token:
                return login.client
            refused, until = self._refused.get(bot, ("", 0.0))
            if refused == token and asyncio.get_running_loop().time() < until:
                raise TokenRefused(f"{bot}: Discord refused its token.")
            client = discord.Client(
                intents=discord.Intents(guilds=True),
                max_messages=None,
                http_trace=trace_config(self.address),
                max_ratelimit_timeout=LONGEST_LIMIT,
            )
            _read_tolerantly(client)
            try:
                async with asyncio.timeout(self._settings.discord_timeout):
                    await client.login(token)
            except discord.LoginFailure:
                self._refused[bot] = (
                    token,
                    asyncio.get_running_loop().time() + REFUSED_FOR,
                )
                await client.close()
                raise TokenRefused(f"{bot}: Discord refused its token.") from None
            except (discord.DiscordException, aiohttp.ClientError, OSError) as error:
                await client.close()
                raise Unreachable(f"cannot log in: {type(error).__name__}") from None
            except (AddressRefused, asyncio.CancelledError):
                await client.close()
                raise
            self._retire_client(bot)
            self._logins[bot] = _Login(token, client)
            return client

    def forget(self, bot: str, token: str) -> None:
        """Log out a bot whose token Discord no longer accepts. Loop only."""
        login = self._logins.get(bot)
        if login is not None and login.token == token:
            self._retire_client(bot)
            del self._logins[bot]

    async def read_back(
        self, client: discord.Client, channel: str, user_id: str, after: int
    ) -> list[Found]:
        """What the user said in a channel after a snowflake, oldest first, among the
        first thousand messages."""
        found = []
        place = client.get_partial_messageable(int(channel))
        async with asyncio.timeout(self._settings.discord_timeout):
            async for message in place.history(
                limit=READ_BACK_LIMIT, after=discord.Object(after), oldest_first=True
            ):
                if str(message.author.id) == user_id:
                    reference = (
                        message.reference.message_id if message.reference else None
                    )
                    found.append(
                        Found(str(message.id), str(reference or ""), message.content)
                    )
        return found

    async def readable(self, client: discord.Client, channel: str) -> bool:
        """Whether a channel shows anything to the client. Who may not read the history
        is shown an empty one."""
        place = client.get_partial_messageable(int(channel))
        async with asyncio.timeout(self._settings.discord_timeout):
            return bool([message async for message in place.history(limit=1)])

    def _retire_client(self, bot: str) -> None:
        """Close a client once the requests that it still carries have ended or timed
        out."""
        login = self._logins.get(bot)
        if login is None:
            return
        self._retired.append(login.client)
        asyncio.get_running_loop().call_later(
            2 * self._settings.discord_timeout, self._close_soon, login.client
        )

    def _close_soon(self, client: discord.Client) -> None:
        if client in self._retired:
            self._retired.remove(client)
            task = asyncio.ensure_future(client.close())
            task.add_done_callback(lambda done: done.cancelled() or done.exception())

    async def _read_context(
        self,
        bot: str,
        token: str,
        channel: str,
        limit: int,
        ours: frozenset[str],
        before: str | None,
        asked: AnsweredMessage,
    ) -> History:
        barred = False
        try:
            client = await self.client(bot, token)
            place = client.get_partial_messageable(int(channel))
            async with asyncio.timeout(self._settings.discord_timeout):
                newest = await _newest_messages(place, min(limit, 100), before)
                # A shorter history begins with the thread's first message already.
                first = (
                    await _first_message(place)
                    if asked.in_thread and len(newest) == min(limit, 100)
                    else []
                )
        except discord.HTTPException as error:
            if error.status == 401:
                self.forget(bot, token)
            problem = redact(f"{error.status} {error.code}: {error.text}")[:100]
            barred = bars_channel(error.code)
        except AddressRefused as error:
            return History((), str(error))  # told once for all channels
        except StreamError as error:
            problem = str(error)
        except (
            discord.DiscordException,
            aiohttp.ClientError,
            OSError,
            *UNPARSABLE,
        ) as error:
            problem = type(error).__name__
        else:
            proxies = self._settings.proxy_applications
            messages = [
                one
                for one in (*first, *_replied_to(newest, asked), *reversed(newest))
                if not one.is_system()
            ]
            lines = [chat_line(message, ours, proxies) for message in messages]
            return History(tuple({line.message_id: line for line in lines}.values()))
        log.warning("context unavailable", bot=bot, channel=channel, problem=problem)
        return History((), problem, barred)

    async def _read_place(self, bot: str, token: str, channel: str) -> ServerPlace:
        client = await self.client(bot, token)
        async with asyncio.timeout(self._settings.discord_timeout):
            found = await client.http.get_channel(int(channel))
        guild, parent = found.get("guild_id"), found.get("parent_id")
        thread = found.get("type") in THREAD_TYPES
        return ServerPlace(
            str(guild) if guild else None, str(parent) if parent and thread else None
        )

    async def _send_typing(self, bot: str, token: str, channel: str) -> None:
        with contextlib.suppress(
            discord.DiscordException, StreamError, aiohttp.ClientError, OSError
        ):
            client = await self.client(bot, token)
            while True:
                await client.http.send_typing(int(channel))
                await asyncio.sleep(TYPING_EVERY)

    def _running_loop(self) -> asyncio.AbstractEventLoop:
        with self._starting:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(
                    target=_run_loop,
                    args=(self._loop,),
                    name="discord-rest",
                    daemon=True,
                )
                self._thread.start()
                atexit.register(self.close)
            return self._loop

    async def _shut_clients(self) -> None:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        for client in [
            *self._retired,
            *(login.client for login in self._logins.values()),
        ]:
            await client.close()
        self._retired.clear()
        self._logins.clear()
        self._locks.clear()


def _read_tolerantly(client: discord.Client) -> None:
    """One message that discord.py cannot parse must not hide its whole channel."""
    state = client._connection
    create = state.create_message

    def create_message(*, channel: Any, data: Any) -> discord.Message:
        return parse_tolerantly(
            lambda one: create(channel=channel, data=cast(Any, one))
        )(data)

    state.create_message = create_message  # type: ignore[method-assign]


async def _newest_messages(
    place: discord.PartialMessageable, limit: int, before: str | None
) -> list[discord.Message]:
    """The newest messages of a channel, or those before one, the newest first."""
    older = discord.Object(int(before)) if before else None
    return [message async for message in place.history(limit=limit, before=older)]


async def _first_message(place: discord.PartialMessageable) -> list[discord.Message]:
    """The first message of a thread: its starter, or the post of a forum."""
    return [
        message
        async for message in place.history(
            limit=1, after=discord.Object(0), oldest_first=True
        )
    ]


def _replied_to(
    messages: Sequence[discord.Message], asked: AnsweredMessage
) -> list[discord.Message]:
    """What the message that is asked about replies to: people answer to what was said
    long ago."""
    about = next((one for one in messages if str(one.id) == asked.message_id), None)
    replied = (
        about.reference.resolved
        if about is not None and about.reference is not None
        else None
    )
    return [replied] if isinstance(replied, discord.Message) else []


def _run_loop(loop: asyncio.AbstractEventLoop) -> None:
    asyncio.set_event_loop(loop)
    loop.run_forever()
