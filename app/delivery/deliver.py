"""Delivery: from the outbox to Discord, so that each decided action appears once
(docs/guarantees.md)."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from collections.abc import AsyncIterator, Callable
from concurrent.futures import Future, ThreadPoolExecutor

import structlog

from app.delivery.courier import Courier, LeaseLost
from app.delivery.permission import SendPermission
from app.delivery.rest import DiscordRest, Secrets
from app.domain.errors import StoreUnavailable, StreamError, VaultKeyWrong, VaultMissing
from app.domain.settings import Settings
from app.runtime.cancelling import end
from app.store import outbox
from app.store.door import AsyncStore
from app.store.floors import Next

log = structlog.get_logger(__name__)

STALLED_MS = 5_000
"""Wait before trying again when the vault or Redis is not there, or the program is at
fault."""
TURN = 4
"""Pump intervals that the other workers have, after that wait, before one that could
not open the vault tries again."""
CANCEL_AGAIN = 0.2
"""Seconds that a delivery gets to release its lease before it is cancelled again."""
AT_ONCE = 128
"""Channels that one process delivers to at the same time."""


class Deliverer:
    """Empties outboxes, one entry at a time per bot and channel, channels in parallel.

    `store` is used on `rest`'s loop. `secrets` may block; so may `hint`, which is told
    who may speak next. `known` tells at once what needs no reading.
    """

    def __init__(
        self,
        store: AsyncStore,
        rest: DiscordRest,
        settings: Settings,
        secrets: Callable[[str], Secrets],
        hint: Callable[[Next], None],
        known: Callable[[str], Secrets | None] = lambda bot: None,
    ) -> None:
        self._store = store
        self._rest = rest
        self._settings = settings
        self._secrets = secrets
        self._hint = hint
        self._known = known
        self._owner = uuid.uuid4().hex
        self._serving: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._asking: set[asyncio.Task[None]] = set()
        self._again: set[tuple[str, str]] = set()
        self._timers: dict[tuple[str, str], asyncio.TimerHandle] = {}
        self._unable: set[tuple[str, str]] = set()
        """Channels of bots whose vault did not open here: hints are left to other
        workers until our timer rings."""
        self._given: dict[tuple[str, str], SendPermission] = {}
        """By channel the permission that the next visit uses."""
        self._closing = False
        self._places = asyncio.Semaphore(AT_ONCE)
        # A broker that pauses holds hints up for seconds; they must not hold up
        # anything else.
        self._hints = ThreadPoolExecutor(1, thread_name_prefix="delivery-hint")

    def run(self, bot: str, wait: float) -> bool:
        """Deliver what is due for a bot; waits at most so many seconds. False: it goes
        on without the caller.

        Safe to call twice, at once and from several processes. A dry run delivers
        nothing. Raises StoreUnavailable.
        """
        if self._settings.dry_run:
            return True
        work = self._rest.submit(self.deliver(bot))
        try:
            work.result(wait)
        except TimeoutError:
            return False
        return True

    def begin(
        self, bot: str, channel: str, entry_id: str, given: SendPermission | None = None
    ) -> None:
        """Deliver what was just committed in a channel; returns at once. `given`: what came
        with the commit. Should this process die, the pump finds what is due."""
        if not self._settings.dry_run:
            work = self._deliver_committed((bot, channel), entry_id, given)
            self._rest.submit(work).add_done_callback(
                _warn_on_failure("delivery not begun")
            )

    async def _deliver_committed(
        self, key: tuple[str, str], entry_id: str, given: SendPermission | None
    ) -> None:
        # After the close the store is closed too: the next process finds what is due.
        if self._closing:
            return
        if given is not None:
            self._given[key] = given
        if key not in self._unable:
            self._start_serving(key, entry_id)
        else:
            await self._give_back(key)

    async def deliver(self, bot: str) -> None:
        """As `run`, on the loop: returns when each channel that is due is empty, must
        wait, or is another's."""
        task = asyncio.current_task()
        assert task is not None  # noqa: S101 - a coroutine runs in one
        self._asking.add(task)
        task.add_done_callback(self._asking.discard)
        channels = await self._store.run(outbox.list_due(bot))
        due = [
            (bot, channel)
            for channel, in_ms in channels
            if in_ms == 0 and (bot, channel) not in self._unable
        ]
        for key in due:
            self._start_serving(key)
        tasks = [self._serving[key] for key in due if key in self._serving]
        if tasks:
            await asyncio.wait(tasks)

    def close(self) -> None:
        """Stop, release the leases and close the store, before `close` of `rest`. What is
        queued stays queued."""
        with contextlib.suppress(TimeoutError):
            self._rest.submit(self._stop_serving()).result(self._settings.redis_timeout)
        self._hints.shutdown(wait=False, cancel_futures=True)

    async def _stop_serving(self) -> None:
        self._closing = True
        for timer in self._timers.values():
            timer.cancel()
        await end(
            self._asking, CANCEL_AGAIN
        )  # first: it would begin to serve a channel after the store is closed
        await end(self._serving.values(), CANCEL_AGAIN)
        # One that was cancelled before it began has not left by itself.
        self._serving.clear()
        for key in list(self._given):
            with contextlib.suppress(StoreUnavailable):
                await self._give_back(key)
        await self._store.close()

    async def _give_back(self, key: tuple[str, str]) -> None:
        """Let others deliver what nobody here will."""
        given = self._given.pop(key, None)
        if given is not None:
            await self._store.run(outbox.release(*key, given.owner, 0))

    def _start_serving(self, key: tuple[str, str], entry_id: str = "") -> None:
        """Serve a channel; if it is being served, once more after that: the queue may
        have grown behind its back. `entry_id`: the entry that is likely its head."""
        self._unable.discard(key)
        if timer := self._timers.pop(key, None):
            timer.cancel()
        if key in self._serving:
            self._again.add(key)
            return
        self._serving[key] = asyncio.get_running_loop().create_task(
            self._serve_channel(key, entry_id)
        )

    async def _serve_channel(self, key: tuple[str, str], entry_id: str) -> None:
        try:
            async with self._places:
                await self._until_served(key, entry_id)
        finally:
            del self._serving[key]
            self._again.discard(key)

    async def _until_served(self, key: tuple[str, str], entry_id: str) -> None:
        more = True
        while more:
            self._again.discard(key)
            try:
                more = await self._visit_channel(key, entry_id)
            except (VaultMissing, VaultKeyWrong) as error:
                log.warning(
                    "delivery stalled", bot=key[0], channel=key[1], error=str(error)
                )
                # Another worker may have the right key. If we came back at the very
                # moment the channel is due again, it would never get a turn.
                self._retry_later(
                    key, STALLED_MS + int(TURN * self._settings.pump_interval * 1000)
                )
                self._unable.add(key)
                return
            except StreamError as error:
                log.warning(
                    "delivery stalled", bot=key[0], channel=key[1], error=str(error)
                )
                self._retry_later(key, STALLED_MS)
                return
            # The task's boundary: one channel's fault must not end its delivery for
            # good.
            except Exception:
                log.exception("delivery broke", bot=key[0], channel=key[1])
                self._retry_later(key, STALLED_MS)
                return
            more, entry_id = more or key in self._again, ""

    async def _visit_channel(self, key: tuple[str, str], entry_id: str) -> bool:
        """Drain once under the lease; True: more is waiting now. `entry_id`: the entry
        that is likely the head."""
        bot, channel = key
        lease_ms = int(self._settings.delivery_lease * 1000)
        courier = Courier(
            store=self._store,
            rest=self._rest,
            settings=self._settings,
            secrets=lambda: self._open_vault(bot),
            hint=self._tell_next,
            bot=bot,
            channel=channel,
            owner=self._owner,
        )
        wait_ms = STALLED_MS
        try:
            # Inside: a close that comes while the lease is being taken must give it
            # back too.
            if not await self._take_lease(courier, entry_id, lease_ms):
                return False
            async with self._renewed_lease(courier, lease_ms):
                wait_ms = await courier.deliver_head()
        except (VaultMissing, VaultKeyWrong):
            wait_ms = int(
                self._settings.pump_interval * 1000
            )  # soon the turn of another worker
            raise
        except LeaseLost:
            return False
        # Due at once: another worker goes on with what this one leaves.
        except asyncio.CancelledError:
            wait_ms = 0
            raise
        finally:
            more = courier.more_waits
            if wait_ms or more is None:
                more = await self._store.run(
                    outbox.release(bot, channel, courier.owner, wait_ms)
                )
        if wait_ms:
            self._retry_later(key, wait_ms)
        return more

    async def _take_lease(self, courier: Courier, entry_id: str, lease_ms: int) -> bool:
        """False: another delivers."""
        bot, channel = courier.bot, courier.channel
        given = self._given.pop((bot, channel), None)
        if given is not None:
            courier.owner = given.owner
            if given.is_fresh:
                courier.use(given)
                return True
        ours, *head = await self._store.run_all(
            [
                outbox.acquire(bot, channel, courier.owner, lease_ms),
                *courier.look(entry_id),
            ]
        )
        courier.saw(entry_id, *head)
        return bool(ours)

    async def _open_vault(self, bot: str) -> Secrets:
        known = self._known(bot)
        if known is not None:
            return known
        return await asyncio.to_thread(self._secrets, bot)

    @contextlib.asynccontextmanager
    async def _renewed_lease(
        self, courier: Courier, lease_ms: int
    ) -> AsyncIterator[None]:
        """Keep the lease while a rate limit or a read-back makes us wait: this process
        knows the bucket, a taker would only meet another 429. A dead process renews
        nothing."""

        async def renew_lease() -> None:
            leased = True
            while leased:
                # A third of the lease: two renewals in a row may fail.
                await asyncio.sleep(lease_ms / 3000)
                try:
                    leased = await self._store.run(
                        outbox.renew(
                            courier.bot, courier.channel, courier.owner, lease_ms
                        )
                    )
                # The lease may still be ours; where it is not, `attempt` refuses.
                except StoreUnavailable:
                    continue

        task = asyncio.create_task(renew_lease())
        try:
            yield
        finally:
            task.cancel()

    def _retry_later(self, key: tuple[str, str], in_ms: int) -> None:
        """Serve the channel again later; if this process dies, the pump finds it in the due
        set."""
        if timer := self._timers.pop(key, None):
            timer.cancel()
        self._timers[key] = asyncio.get_running_loop().call_later(
            in_ms / 1000, self._start_serving, key
        )

    def _tell_next(self, who: Next) -> None:
        self._hints.submit(self._hint, who).add_done_callback(
            _warn_on_failure("hint not sent")
        )


def _warn_on_failure(what: str) -> Callable[[Future[None]], None]:
    """Log work that failed while nobody waited for it."""

    def log_failure(work: Future[None]) -> None:
        if not work.cancelled() and (error := work.exception()):
            log.warning(what, error=type(error).__name__)

    return log_failure
