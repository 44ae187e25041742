"""Drains one outbox: delivers the posts of one bot in one channel, in order, under the
delivery lease."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import aiohttp
import discord
import structlog

from app.delivery import permission
from app.delivery.address import AddressRefused
from app.delivery.attempts import Sending, carry_post
from app.delivery.chunks import disproved_refusals, matches_chunk, reply_target
from app.delivery.failures import (
    Failure,
    FailureKind,
    Unreachable,
    Unseen,
    backoff_ms,
    judge_failure,
)
from app.delivery.permission import AttemptRefused, SendPermission
from app.delivery.refusals import Way, second_way_of
from app.delivery.rest import DiscordRest, Secrets
from app.domain.errors import (
    DeliveryRefused,
    StoreUnavailable,
    TokenRefused,
    VaultKeyWrong,
    VaultMissing,
)
from app.domain.model import (
    DISCORD_EPOCH_MS,
    ActionKind,
    OutboxEntry,
    snowflake_ms,
)
from app.domain.settings import Settings
from app.domain.verdicts import Attempt
from app.runtime import killpoints, metrics
from app.runtime.logs import trace
from app.runtime.traces import span
from app.store import journal, outbox, refusals
from app.store.calls import Call
from app.store.door import AsyncStore
from app.store.floors import NOBODY_WAITS, Next
from app.store.refusals import Barred
from app.store.signing import signer

log = structlog.get_logger(__name__)

TOKEN_RETRY_MS = 2_000
SKEW_MS = 60_000
"""How far Redis's clock may be from Discord's, where only a time says from where to
read back."""


class LeaseLost(DeliveryRefused):
    """Another deliverer has the channel."""


class Later(DeliveryRefused):
    """The head of the queue cannot be sent now."""

    def __init__(self, ms: int) -> None:
        super().__init__(f"again in {ms} ms")
        self.ms = ms


@dataclass(slots=True)
class Courier:
    """Sends what one bot has committed in one channel. `owner` holds the delivery
    lease."""

    store: AsyncStore
    rest: DiscordRest
    settings: Settings
    secrets: Callable[[], Awaitable[Secrets]]
    hint: Callable[[Next], None]
    bot: str
    channel: str
    owner: str
    current: Secrets | None = None
    allowed: outbox.Allowed | None = None
    """The last permission to send."""
    head: str | None = None
    """The oldest entry of the queue."""
    seen: OutboxEntry | None = None
    """The same, where it was read already."""
    completed: bool = False
    """Whether the last chunk that was noted took its entry off the queue."""
    given: SendPermission | None = None
    """What came with the commit, while it is not used."""
    more_waits: bool | None = None
    """The record of an entry's last chunk gave the lease back, and told whether more
    is waiting; None: the lease is kept."""

    def look(self, entry_id: str) -> list[Call[Any]]:
        """Asks for the head of the queue, along with the lease, and for the entry that
        is likely this head, if one is."""
        head = outbox.head(self.bot, self.channel)
        if not entry_id:
            return [head]
        return [head, outbox.read(entry_id, signer(self.settings))]

    def use(self, given: SendPermission) -> None:
        """Begin with what came with the commit, in place of `look`."""
        self.given = given
        self.head, self.seen = given.entry.entry_id, given.entry

    def saw(
        self, entry_id: str, head: str | None, entry: OutboxEntry | None = None
    ) -> None:
        """What `look` found, when the lease is ours. Nobody else changes the head."""
        self.head, self.seen = head, entry if head == entry_id else None

    async def deliver_head(self) -> int:
        """Deliver the head of the queue, which `saw` was given. Returns in how many ms to
        try again if it must wait, else 0. Raises LeaseLost."""
        if self.head is None:
            return 0
        try:
            with trace(self.head):
                await self._deliver_entry(self.head, self.seen)
        except Later as later:
            return later.ms
        return 0

    async def _deliver_entry(self, entry_id: str, seen: OutboxEntry | None) -> None:
        entry = seen or await self.store.run(
            outbox.read(entry_id, signer(self.settings))
        )
        # An entry that names another bot or channel would be looked up under other keys,
        # and never leave this list.
        if entry is None or (entry.entry_id, entry.bot, entry.channel_id) != (
            entry_id,
            self.bot,
            self.channel,
        ):
            trigger = await self.store.run(outbox.trigger(entry_id))
            lost = OutboxEntry(
                entry_id=entry_id,
                bot=self.bot,
                channel_id=self.channel,
                kind=ActionKind.POST,
                reply_to=trigger,
            )
            # Without the vault's key a worker cannot tell a forged entry from a true one.
            await self._open_vault(lost)
            await self._bury_entry(
                lost, "dead", "the entry cannot be read, or none of ours signed it"
            )
            return
        # A post that the bot began has a trace of its own.
        begun, values = entry.reply_to or "", {"gen_ai.agent.name": self.bot}
        with (
            trace(begun or entry_id),
            span("deliver", begun, values, client=True) as noted,
        ):
            noted.note({"stream.delivered": await self._deliver_chunks(entry)})

    async def _deliver_chunks(self, entry: OutboxEntry) -> bool:
        """Deliver all chunks. False: the entry became a dead letter."""
        for chunk in range(max(1, len(entry.chunks))):
            if not await self._deliver_chunk(entry, chunk):
                return False
        # An entry that is listed again although it was delivered must leave the list.
        if not self.completed:
            await self.store.run(outbox.remove(entry))
        return True

    async def _deliver_chunk(self, entry: OutboxEntry, chunk: int) -> bool:
        """Deliver one chunk. False: the entry became a dead letter, or something else
        has taken its place."""
        looked = False
        while True:
            sending = self._new_sending(entry, chunk, looked)
            outcome: str | BaseException | None = await self._send_chunk(
                sending, entry, chunk
            )
            how = "post"
            if (
                isinstance(outcome, AttemptRefused)
                and outcome.allowed.verdict is Attempt.READ_BACK
            ):
                outcome, how = (
                    await self._look_for_chunk(entry, chunk, outcome.allowed),
                    "read_back",
                )
            if outcome is None:
                # Read back and not there: the next attempt counts as a first one.
                looked = True
                continue
            if isinstance(outcome, str):
                await self._note_delivered(entry, chunk, outcome, how)
                return True
            if isinstance(outcome, AttemptRefused):
                return await self._is_held(entry, outcome.allowed.verdict)
            if isinstance(outcome, StoreUnavailable):
                # Only our own calls to the store raise it: this attempt did not arrive.
                raise outcome
            if isinstance(outcome, AddressRefused):
                # The entry did not fail, so this must not count towards giving up.
                raise Later(int(outcome.remaining_s * 1000) + 1)
            settled = await self._handle_failure(entry, chunk, sending, outcome)
            if settled is not None:
                return settled

    def _new_sending(self, entry: OutboxEntry, chunk: int, looked: bool) -> Sending:
        """Send a post, with its calls to the store. An earlier look counts only for the
        first attempt."""
        absent = looked

        async def ask_store() -> tuple[int, float]:
            nonlocal absent
            given, self.given = self.given, None
            self.allowed, age = await permission.ask(
                self.store,
                entry,
                chunk,
                self.owner,
                self.settings,
                absent=absent,
                given=given,
            )
            absent = False
            return self.allowed.tries, age

        async def note_limited() -> None:
            # After a 429 the post did not arrive, so the nonce's time must not run on.
            await self.store.run(
                outbox.record_failure(entry, chunk, self.owner, absent=True)
            )

        return Sending(
            ask_store,
            note_limited,
            self.settings.discord_timeout,
            asyncio.get_running_loop().create_future(),
        )

    async def _send_chunk(
        self, sending: Sending, entry: OutboxEntry, chunk: int
    ) -> str | BaseException:
        try:
            client = await self._client_for(entry)
        except (TokenRefused, Unreachable, AddressRefused) as error:
            return error
        return await carry_post(
            sending, lambda: self._request_post(client, entry, chunk)
        )

    async def _client_for(self, entry: OutboxEntry) -> discord.Client:
        secrets = await self._open_vault(entry)
        return await self.rest.client(self.bot, secrets.token)

    async def _open_vault(self, entry: OutboxEntry) -> Secrets:
        """What sending needs. If the vault does not open here, the entry waits and the
        journal says why."""
        if self.current is None:
            try:
                self.current = await self.secrets()
            except (VaultMissing, VaultKeyWrong) as error:
                await self.store.run(outbox.note_blocked(entry, str(error)))
                raise
        return self.current

    async def _request_post(
        self, client: discord.Client, entry: OutboxEntry, chunk: int
    ) -> None:
        place = client.get_partial_messageable(int(entry.channel_id))
        if entry.kind is ActionKind.REACT:
            await place.get_partial_message(int(entry.reply_to or 0)).add_reaction(
                entry.emoji
            )
            return
        text = entry.chunks[chunk] if entry.chunks else ""
        # Our own nonce: discord.py's is random, so each repetition would be a new message.
        nonce = outbox.nonce(entry.entry_id, chunk)
        # Discord suppresses the pings, whatever a model was talked into writing.
        mentions = discord.AllowedMentions(
            everyone=False,
            users=False,
            roles=False,
            replied_user=self.settings.mention_author,
        )
        if target := reply_target(entry, chunk):
            # The trigger may be deleted by now: then Discord drops the reference.
            reference = discord.MessageReference(
                message_id=int(target),
                channel_id=int(entry.channel_id),
                fail_if_not_exists=False,
            )
            await place.send(
                text, nonce=nonce, allowed_mentions=mentions, reference=reference
            )
        else:
            await place.send(text, nonce=nonce, allowed_mentions=mentions)

    async def _is_held(self, entry: OutboxEntry, verdict: Attempt) -> bool:
        # Noted already: by another deliverer, or by a gateway that heard our nonce.
        if verdict is Attempt.DONE:
            return True
        if verdict is Attempt.LOST_LEASE:
            raise LeaseLost
        await self._bury_entry(entry, verdict, f"{verdict} before the post")
        return False

    async def _handle_failure(
        self, entry: OutboxEntry, chunk: int, sending: Sending, error: BaseException
    ) -> bool | None:
        """Act on a failure. True, False: as `_deliver_chunk`; None: again at once. Raises
        Later."""
        failure = judge_failure(error, reaction=entry.kind is ActionKind.REACT)
        if failure.kind is FailureKind.UNAUTHORIZED:
            # Discord did nothing, so the nonce's time must not run until the token is
            # mended.
            if sending.attempted:
                await self.store.run(
                    outbox.record_failure(entry, chunk, self.owner, absent=True)
                )
            await self._handle_unauthorized(entry)
            return None
        if failure.kind is FailureKind.GONE and entry.kind is ActionKind.REACT:
            await self._bury_entry(entry, "cancelled", "its target is gone")
            return False
        if failure.kind is FailureKind.GONE and sending.tries > 1:
            # Discord knows the nonce and that its message was deleted: people saw it, and
            # it must not be posted again.
            await self._note_delivered(entry, chunk, "", "deleted")
            return True
        if failure.kind in {FailureKind.FINAL, FailureKind.GONE}:
            return await self._handle_refusal(entry, chunk, sending, failure)
        await self._count_failure(entry, chunk, sending, failure)
        return False

    async def _handle_refusal(
        self, entry: OutboxEntry, chunk: int, sending: Sending, failure: Failure
    ) -> bool:
        """Discord will never accept it: remember the refusal, and go the second way if
        there is one. Returns as `_deliver_chunk`."""
        refusal = failure.refusal
        if refusal is not None and refusal.barred is not None:
            await self._remember_refusal(refusal.barred, failure.reason)
        way = refusal.way if refusal is not None else Way.NONE
        other = second_way_of(entry, chunk, way)
        if other is None:
            await self._bury_entry(entry, "dead", failure.reason)
            return False
        # A refused first attempt leaves nothing behind; an attempt before it may have.
        absent = sending.tries <= 1
        if not absent and way is not Way.PLAIN:
            # Other words may only replace what certainly did not arrive.
            found = await self._look_again(entry, chunk)
            if isinstance(found, str):
                await self._note_delivered(entry, chunk, found, "read_back")
                return True
            # Nobody can look whether it arrived: other words might say it twice.
            if found is not None:
                await self._bury_entry(entry, "dead", failure.reason)
                return False
            absent = True
        log.info(
            "second way",
            bot=self.bot,
            channel=self.channel,
            reason=failure.reason,
            way=way,
        )
        # A reaction that becomes words is a post: it counts for quiet time and budgets.
        worded = entry.kind is ActionKind.REACT and other.kind is not ActionKind.REACT
        body = outbox.signed(other, self.settings)
        await self.store.run(
            outbox.replace(
                entry,
                other=body,
                chunk=chunk,
                owner=self.owner,
                way=f"{way}: {failure.reason}",
                absent=absent,
                worded=worded,
            )
        )
        return False

    async def _remember_refusal(self, barred: Barred, reason: str) -> None:
        """Tell the operator, once for as long as the refusal is remembered."""
        refusal = (self.bot, self.channel, barred, reason, self.settings)
        if await self.store.run(refusals.note(*refusal)):
            refusals.tell(*refusal)

    async def _handle_unauthorized(self, entry: OutboxEntry) -> None:
        """Try again at once if the vault has a newer token, else later. The post stays
        queued."""
        refused = self.current
        if refused is not None:
            self.rest.forget(self.bot, refused.token)
        self.current = await self.secrets()
        if refused is not None and self.current.token == refused.token:
            log.warning("token refused", bot=self.bot, channel=self.channel)
            await self.store.run(
                outbox.note_blocked(entry, "Discord refuses the bot's token")
            )
            raise Later(TOKEN_RETRY_MS)

    async def _count_failure(
        self, entry: OutboxEntry, chunk: int, sending: Sending, failure: Failure
    ) -> None:
        """Count a failure that may pass: raises Later, or makes the entry a dead letter
        if it has failed for too long."""
        # A request that never began had no effect, but an earlier one may have had.
        absent = failure.kind is FailureKind.ABSENT and sending.attempted
        since_ms, failures = await self.store.run(
            outbox.record_failure(entry, chunk, self.owner, absent=absent)
        )
        if since_ms > self.settings.delivery_give_up * 1000:
            await self._bury_entry(
                entry, "dead", f"gave up after {failures} failures: {failure.reason}"
            )
            return
        wait_ms = max(
            backoff_ms(failures, failure.retry_after),
            int(self.rest.address.seconds_left * 1000),
        )
        if (
            not self.rest.address.seconds_left
        ):  # else all channels wait, and one line says so
            log.warning(
                "delivery failed",
                bot=self.bot,
                channel=self.channel,
                reason=failure.reason,
                failures=failures,
                retry_ms=wait_ms,
            )
        # One journal line is enough for `why`: not every try needs one.
        if failures == 1:
            await self.store.run(
                journal.append(
                    entry.reply_to or entry.entry_id,
                    bot=self.bot,
                    step="deliver",
                    verdict="retry",
                    reason=failure.reason,
                    numbers={"retry_ms": wait_ms},
                )
            )
        metrics.DELIVERY_RETRIES.labels(self.bot).inc()
        raise Later(wait_ms)

    async def _look_for_chunk(
        self, entry: OutboxEntry, chunk: int, allowed: outbox.Allowed
    ) -> str | BaseException | None:
        """Wait until no earlier attempt can still arrive, then read the channel back.
        None: it is not there."""
        if entry.kind is ActionKind.REACT:
            return None  # the same reaction twice is one
        await asyncio.sleep(allowed.wait_ms / 1000)
        begun = (allowed.first_ms - SKEW_MS - DISCORD_EPOCH_MS) << 22
        trigger = int(entry.reply_to or begun)
        # First from the first attempt on: in a busy channel more stands between the
        # trigger and our post than is read. Then from the trigger on, as the clocks may
        # differ by more than is allowed for.
        try:
            found = await self._find_chunk(entry, chunk, max(begun, trigger))
            if found is None and trigger < begun:
                found = await self._find_chunk(entry, chunk, trigger)
            if found is None and not await self.rest.readable(
                await self._client_for(entry), self.channel
            ):
                return Unseen()  # an empty list proves nothing
        except (
            discord.DiscordException,
            aiohttp.ClientError,
            OSError,
            TokenRefused,
            Unreachable,
            AddressRefused,
        ) as error:
            return error
        log.info("read back", bot=self.bot, channel=self.channel, found=found or "none")
        return found

    async def _look_again(
        self, entry: OutboxEntry, chunk: int
    ) -> str | BaseException | None:
        """As `_look_for_chunk`, for a chunk that was refused although an earlier attempt may have
        arrived. A reaction cannot be found."""
        if self.allowed is None or entry.kind is ActionKind.REACT:
            return DeliveryRefused("an earlier attempt may have arrived")
        timeout_ms = int(self.settings.discord_timeout * 1000)
        return await self._look_for_chunk(
            entry, chunk, self.allowed._replace(wait_ms=timeout_ms)
        )

    async def _find_chunk(
        self, entry: OutboxEntry, chunk: int, after: int
    ) -> str | None:
        """A post after a snowflake that is this chunk, and not known to be
        another's."""
        client = await self._client_for(entry)
        posts = await self.rest.read_back(
            client, self.channel, self.current.user_id if self.current else "", after
        )
        # Bots repeat themselves: a post known as another entry's is not this one.
        same = [post.message_id for post in posts if matches_chunk(post, entry, chunk)]
        taken = await self.store.run(outbox.find_posts(same)) if same else frozenset()
        return next((message for message in same if message not in taken), None)

    async def _note_delivered(
        self, entry: OutboxEntry, chunk: int, message_id: str, how: str
    ) -> None:
        killpoints.reached("post_after")
        calls: list[Call[Any]] = [
            outbox.record_delivery(
                entry,
                chunk=chunk,
                message_id=message_id,
                how=how,
                date=datetime.now(UTC).date().isoformat(),
                disproved=disproved_refusals(entry, chunk, how),
                signer=signer(self.settings),
            )
        ]
        if chunk + 1 >= len(entry.chunks):
            calls.append(outbox.release_after(entry, self.owner))
        (complete, next_turn), *released = await self.store.run_all(calls)
        self.more_waits = released[0] if released else None
        killpoints.reached("mark_after")
        log.info(
            "delivered",
            bot=self.bot,
            channel=self.channel,
            message=message_id,
            how=how,
            chunk=chunk,
            complete=complete,
        )
        self.completed = complete
        if complete:
            self._count_delivery(entry, message_id)
        self._tell(next_turn)

    def _count_delivery(self, entry: OutboxEntry, message_id: str) -> None:
        metrics.DELIVERIES.labels(self.bot, "delivered").inc()
        # Both ids tell the time by Discord's clock. A reaction has none.
        if entry.reply_to and message_id:
            waited = (snowflake_ms(message_id) - snowflake_ms(entry.reply_to)) / 1000
            metrics.ANSWER_SECONDS.labels(self.bot).observe(max(0.0, waited))

    async def _bury_entry(self, entry: OutboxEntry, verdict: str, reason: str) -> None:
        next_turn = await self.store.run(outbox.dead_letter(entry, verdict, reason))
        metrics.DELIVERIES.labels(self.bot, verdict).inc()
        if verdict == "dead":
            metrics.DEAD_LETTERS.labels(self.bot).inc()
        log.warning(
            "not delivered",
            bot=self.bot,
            channel=self.channel,
            verdict=verdict,
            reason=reason,
        )
        self._tell(next_turn)

    def _tell(self, who: Next) -> None:
        if who != NOBODY_WAITS:
            self.hint(who)
