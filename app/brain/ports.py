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


class SpeakingTurn(Protocol):
    """Speaking once in one channel: claim its floor, read, reserve money, then commit or
    decline. Every call is synchronous."""

    @property
    def refusal(self) -> str:
        """Why nothing that the bot says could be sent in the channel, as its context
        told; empty: nothing is known against it."""

    def claim(self) -> Claim:
        """Ask for the channel's floor. GRANTED is renewed until commit or loss."""

    def context(self) -> Sequence[ChatLine]:
        """Recent lines of the channel from Discord, oldest first. Moves the mark that
        STALE is judged by."""

    def reserve(self, cost: Cost, seconds: float | None = None) -> Reserve:
        """Reserve what a model call may cost in every budget, before the call. After the
        first one the floor is no longer handed over.

        Where room is only held for calls of others it waits for these, at most so long
        or as long as a call may take.
        """

    def commit(self, action: Action, *, final: bool = False) -> Commit:
        """The one atomic step from decision to outbox.

        `final`: do not judge staleness again (a direct message's second draft is sent
        in any case).
        """

    def decline(self, reason: str, cost: Cost | None = None) -> None:
        """Decide on silence: release the floor and book `cost` in place of the
        reservation. None books the whole reservation."""


class AnswerTurn(SpeakingTurn, Protocol):
    """The turn of a message. A commit or a decline removes its entry from the inbox."""

    @property
    def place(self) -> Mapping[str, str]:
        """Where the message was written: `channel`, `topic` and `thread`, as far as
        known. Empty until its context was read."""

    def enclosed(self, parts: Sequence[MessagePart]) -> Enclosed:
        """The texts and pictures among these parts that this bot can read and see."""

    def reserve_words(self, words: str) -> tuple[Reserve, bool]:
        """As `reserve`, for words of the offline voice, which cost nothing. False if it
        said them within a day."""

    def typing(self) -> AbstractContextManager[None]:
        """Show the typing indicator until the block ends."""

    def release(self, reason: str) -> None:
        """Release the floor without an answer and leave the entry for a later cycle."""

    def note(
        self,
        step: str,
        verdict: str,
        reason: str,
        numbers: Mapping[str, float | str],
    ) -> None:
        """Write one journal line about the message."""


class CyclePorts(Protocol):
    """One cycle's view of the world: one bot, one lane, one lock held. Every call is
    synchronous."""

    @property
    def now_ms(self) -> int:
        """Redis TIME when the cycle began, in Unix milliseconds."""

    @property
    def discord_now_ms(self) -> int:
        """The same moment by Discord's clock, which tells when messages were
        written."""

    @property
    def me(self) -> str:
        """The bot's own Discord user id."""

    @property
    def woken_by(self) -> Context:
        """What woke this cycle. Only the poll considers ambient messages."""

    def chance(self) -> float:
        """A random number in [0, 1), the cycle's only source of chance."""

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

    def chattiness(self, entry: InboxEntry, own: float) -> float:
        """The character's `own` chattiness as it holds in the entry's channel."""

    def openings(self) -> Sequence[Opening]:
        """Texts that wait to be posted, then quiet channels, the quietest first, where
        the bot may post. Only a poll asks for them."""

    def answer(self, entry: InboxEntry) -> AnswerTurn:
        """The turn of a message."""

    def post(self, opening: Opening) -> SpeakingTurn:
        """The turn of a post that answers nobody."""

    def defer(self, entries: Sequence[InboxEntry], reason: str) -> None:
        """Journal once for each trigger that this cycle saw but did not answer. They stay
        in the inbox."""

    def drop(self, entries: Sequence[InboxEntry], step: str, reason: str) -> None:
        """Remove entries that need no answer. Journals one line for each that bid, was
        granted or is direct.

        Called without the floor. Dropping a granted entry hands its election over, as
        nothing was paid for.
        """

    def recent(self) -> Sequence[str]:
        """What the bot's offline voice said within about a day, in all processes, oldest
        first."""

    def utter(self, line: str) -> bool:
        """Record a line of the offline voice before it is said. False if it was said
        within a day."""
