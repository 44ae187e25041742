"""What the graph needs from the world. `app.worker.ports` supplies the real ones; tests
supply plain ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

from app.domain.model import (
    Action,
    ChatLine,
    Context,
    ConversationState,
    Cost,
    InboxEntry,
    MessagePart,
)
from app.domain.verdicts import Claim, Commit, Reserve


@dataclass(frozen=True, slots=True)
class Opening:
    """A chance to post unasked: a channel quiet for `quiet_s` seconds, or a diary or
    dream (`text`) that waits for its post.

    `post_id` is the same however often the same thing is offered, so that it is posted
    once.
    """

    post_id: str
    channel: str
    quiet_s: float = 0.0
    text: str = ""
    reason: str = "quiet channel and drive"
    guild: str = ""
    """The server of which a diary or dream tells: it is posted nowhere else."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture that a model is shown. `data` is base64."""

    media_type: str
    data: str


@dataclass(frozen=True, slots=True)
class Enclosed:
    """What was opened of a message's files: texts by file name, pictures, and what
    could not be opened with the reason."""

    texts: tuple[tuple[str, str], ...] = ()
    pictures: tuple[Picture, ...] = ()
    problems: tuple[str, ...] = ()


class PostPorts(Protocol):
    """What a post that answers nobody needs. Only a poll asks for it."""

    def openings(self) -> Sequence[Opening]:
        """Texts that wait for their post, then quiet channels, the quietest first; none
        where the bot may not."""

    def claim_post(self, opening: Opening) -> Claim:
        """Ask for the channel's floor."""

    def lines_of(self, opening: Opening) -> Sequence[ChatLine]:
        """Recent lines of the channel, oldest first."""

    def reserve_post(self, opening: Opening, cost: Cost) -> Reserve:
        """Before each model call: hold what it may cost of every budget."""

    def commit_post(self, opening: Opening, action: Action) -> Commit:
        """The one atomic step from the draft to the outbox."""

    def release_post(self, opening: Opening, action: Action) -> None:
        """Give the floor back without a post, for the action's reason, and book what
        the silence cost."""


class CyclePorts(PostPorts, Protocol):
    """One cycle's view of the world: one bot, one lane, one lock held. Every call is
    synchronous."""

    @property
    def now_ms(self) -> int:
        """Redis TIME when the cycle began, in Unix milliseconds."""

    @property
    def me(self) -> str:
        """The bot's own Discord user id."""

    @property
    def woken_by(self) -> Context:
        """What woke this cycle. Only the poll considers ambient messages."""

    def entries(self) -> Sequence[InboxEntry]:
        """The lane's inbox entries, oldest first: of its channel (direct lane) or all
        not direct (autonomous lane)."""

    def granted(self) -> frozenset[str]:
        """Message ids that elections granted to this bot."""

    def states(self) -> Mapping[str, ConversationState]:
        """Conversation state by channel id, already decayed to now."""

    def trust(self, person: str) -> int:
        """Trust level, 0 to 5, of a Discord user id."""

    def allowed(self, entry: InboxEntry) -> bool:
        """Whether the bot may speak unasked in the entry's channel."""

    def claim(self, entry: InboxEntry) -> Claim:
        """Ask for the floor of the entry's channel, for this message. GRANTED is
        renewed until commit or loss."""

    def context(self, entry: InboxEntry) -> Sequence[ChatLine]:
        """Recent lines of the channel from Discord, oldest first. Moves the mark that
        STALE is judged by."""

    @property
    def place(self) -> Mapping[str, str]:
        """Where the message was said whose context was read last: `channel`, `topic`,
        `thread`, as far as is known."""

    def enclosed(self, entry: InboxEntry, parts: Sequence[MessagePart]) -> Enclosed:
        """The texts and pictures among these parts that this bot can read and see."""

    def reserve(self, entry: InboxEntry, cost: Cost) -> Reserve:
        """Before every model call: mark the message as paid for and hold what it may
        cost of every budget."""

    def typing(self, entry: InboxEntry) -> AbstractContextManager[None]:
        """Show the typing indicator until the block ends."""

    def commit(
        self, entry: InboxEntry, action: Action, *, final: bool = False
    ) -> Commit:
        """The one atomic step from decision to outbox. Removes the entry and journals
        when COMMITTED.

        `final`: do not judge staleness again (a direct message's second draft is sent
        in any case).
        """

    def book(self, entry: InboxEntry, cost: Cost) -> None:
        """Book what a silence cost in place of what is held; a commit books its own."""

    def decline(self, entry: InboxEntry, reason: str) -> None:
        """Answer with silence for good: removes the entry, records the decline, gives
        the floor back, journals."""

    def release(self, entry: InboxEntry, reason: str) -> None:
        """Give the floor back without an answer and leave the entry for a later cycle;
        journals."""

    def recent(self) -> Sequence[str]:
        """What the bot's offline voice said within about a day, in any process, oldest
        first."""

    def utter(self, line: str) -> bool:
        """Before the offline voice says a line; False: it said it within a day."""

    def left(self, entries: Sequence[InboxEntry], reason: str) -> None:
        """Note, once each, that triggers were seen and not answered in this cycle. They
        stay in the inbox."""

    def drop(self, entries: Sequence[InboxEntry], step: str, reason: str) -> None:
        """Remove entries that need no answer. Journals one line for each that bid, was
        granted or is direct.

        Called without the floor. Dropping a granted entry hands its election over, as
        nothing was paid for.
        """

    def note(
        self,
        entry: InboxEntry,
        step: str,
        verdict: str,
        reason: str,
        numbers: Mapping[str, float | str],
    ) -> None:
        """Write one journal line about an entry."""

    def chance(self) -> float:
        """A number in [0, 1), the cycle's only source of chance."""
