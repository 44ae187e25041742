"""What the gateway needs from the world. `app.gateway.store_ports` supplies the real
ones; tests supply plain ones.

Every coroutine may raise StoreUnavailable; the gateway then holds what it was doing and
tries again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from app.domain.lane import Lane
from app.domain.model import Context, Event, RosterEntry
from app.gateway.presence import Presence
from app.gateway.receptions import Signed
from app.rules.moderation import Order
from app.rules.profile import Profile
from app.rules.signals import Facts
from app.store.admission import Admission, AdmissionRequest
from app.store.elections import Election

Moves = Mapping[tuple[str, str], str]
"""The newest message by bot and channel."""


class AdmissionPorts(Protocol):
    """From an event to a hint."""

    async def admit(
        self, candidates: Sequence[AdmissionRequest], request: str
    ) -> Sequence[Admission]:
        """Admit one event for several bots, in this order. The same `request` again
        returns the earlier verdicts."""

    async def elect(self, message_id: str, channel_id: str) -> Election:
        """Close an election, if it is due."""

    def hint(self, lane: Lane, context: Context) -> None:
        """Ask a worker for a cycle of this lane. Returns at once; a lost hint costs a
        second (the pump)."""

    def hint_first(self, lane: Lane) -> None:
        """The same for a channel's lane where somebody quiet waits: ahead of others."""

    def when_hinted(self, call: Callable[[], None]) -> None:
        """Call this once the hints so far are sent, or lost."""

    async def facts(self, bot: str, event: Event) -> Facts:
        """What this bot knows about the event; `named` and `user_id` are filled in by
        the gateway."""

    def may_speak(self, event: Event) -> bool:
        """Whether bots may speak unasked where this happened."""

    def profile(self, bot: str, event: Event) -> Profile:
        """What of the bot's character bends its bids where this happened."""

    async def roster(self) -> Sequence[RosterEntry]:
        """All our bots, hosted here or elsewhere."""


class MessagePorts(Protocol):
    """What else happens to messages."""

    async def receipt(
        self, bot: str, channel_id: str, message_id: str, nonce: str
    ) -> None:
        """The bot's own message with this nonce has appeared in Discord."""

    async def deleted(self, channel_id: str, message_id: str) -> None:
        """A message was deleted."""

    async def answered(self, message_id: str) -> frozenset[str]:
        """Our bots that have answered a message, or are about to."""

    async def prolong(self, message_id: str, for_ms: int) -> None:
        """The author of a message that waits for the rest of its thought types."""

    async def edited(self, event: Event) -> None:
        """A message of somebody else has a new text."""

    async def unaddressed(self, bot: str, event: Event) -> None:
        """An edit took the bot's name away: a message that spoke to it does no
        longer."""

    async def unanswerable(self, bot: str, event: Event, reason: str) -> None:
        """A message speaks to the bot, and it may not write there."""

    async def shed(self, latest: Event, messages: int) -> None:
        """So many messages of a flooded channel that spoke to nobody were not admitted,
        this one last."""

    def nicknamed(self, guild_id: str, person: str, nickname: str | None) -> None:
        """What a person (user id) is called in a server; None: as everywhere."""

    async def liked(self, bot: str, person: str, message_id: str, request: str) -> None:
        """A person (user id) reacted to a message of the bot's. The same `request`
        again changes nothing."""

    async def received(self, bot: str, signed: Signed, request: str) -> None:
        """People made something of an unasked post of the bot's. The same `request`
        again changes nothing."""

    async def moderate(self, order: Order, event: Event, by: str) -> tuple[str, ...]:
        """A member who may manage messages (user id `by`) gave an order in the event's
        channel. The emoji that tell what has become of it."""


class CursorPorts(Protocol):
    """What a bot has read."""

    async def cursors(self, bot: str) -> Mapping[str, str]:
        """The last message read, by channel id."""

    async def move_cursor(self, bot: str, channel_id: str, message_id: str) -> None:
        """Move one cursor forward; never back."""

    async def move_cursors(self, moves: Moves) -> None:
        """Move cursors forward."""

    async def drop_cursor(self, bot: str, channel_id: str) -> None:
        """Forget what a bot has read of a channel that is gone."""

    async def named(
        self, guilds: Sequence[str], channels: Sequence[str]
    ) -> frozenset[str]:
        """Which of these channels (at least one) are known by a name in these servers:
        theirs, also if they are archived."""


class IntakePorts(AdmissionPorts, MessagePorts, CursorPorts, Protocol):
    """What the intake needs."""


class ProcessPorts(Protocol):
    """What keeps a gateway process known and alone."""

    async def publish(self, bot: str, presence: Presence) -> None:
        """Write the bot's roster entry and vault, and what channels and roles are
        called where it is."""

    async def acquire_lease(self, bot: str) -> str:
        """Take or renew the bot's gateway lease. Empty when it is ours, else the name
        of the process that has it."""

    async def beat(self, bot: str, sign: Mapping[str, object]) -> None:
        """Tell how the bot is (`store.heartbeats`)."""

    async def release_lease(self, bot: str) -> None:
        """Give the lease back."""

    async def pump(self) -> None:
        """Send hints for what is overdue."""

    async def forgotten(self) -> Callable[[str], bool] | None:
        """Tells of a user id whether that person was forgotten since the last call;
        None: nobody was."""


class AccountPorts(Protocol):
    """Which bot answers as which Discord account."""

    async def acquire_account(self, bot: str, user_id: str) -> str:
        """Take or renew an account for a bot of this process. Empty when it is ours,
        else who has it: a bot and its process."""

    async def release_account(self, bot: str, user_id: str) -> None:
        """Give the account back, if it is this bot's."""


class IdentifyPorts(Protocol):
    """When a bot began its sessions with Discord."""

    async def identifies(self, bot: str) -> tuple[float, ...]:
        """The Unix seconds of the last day's sessions."""

    async def count_identify(self, bot: str, request: str, at: float) -> None:
        """Count a session that begins `at` Unix seconds. The same `request` again
        changes nothing."""


class GatewayPorts(
    AdmissionPorts,
    MessagePorts,
    CursorPorts,
    ProcessPorts,
    AccountPorts,
    IdentifyPorts,
    Protocol,
):
    """All of them."""
