"""The brain's ports on the real parts: the store, Discord's REST, the clock of Redis
and a source of chance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.brain.ports import Opening
from app.domain.model import NOBODY, Context, ConversationState, InboxEntry
from app.rules import decay
from app.store import inboxes, memories, states, trusts
from app.worker.answering import StoredAnswerTurn
from app.worker.cycle import Cycle
from app.worker.openings import openings
from app.worker.posting import PostTurn
from app.worker.privacy import unwilling


@dataclass
class Ports(Cycle):
    """One cycle's world; see `app.brain.ports.CyclePorts` for what each call
    promises."""

    behind: bool = False
    """What was granted came first: other triggers that this cycle read are owed a cycle
    of their own."""
    _states: dict[str, decay.Engagement] | None = None
    _levels: dict[str, int] | None = None

    @property
    def woken_by(self) -> Context:
        """What woke this cycle."""
        return self.begun.context

    def chance(self) -> float:
        """A number in [0, 1)."""
        return self.rng.random()

    def entries(self) -> Sequence[InboxEntry]:
        """The lane's inbox entries, oldest first, but those that nobody may answer
        yet."""
        # Where a proxy is at work, messages are held: a copy may be on its way.
        for entry in self.begun.entries:
            if entry.after_ms > self.now_ms:
                self.ask_again(entry.after_ms - self.now_ms)
        due = [entry for entry in self.begun.entries if entry.after_ms <= self.now_ms]
        authors = {entry.event.author_id for entry in due}
        silent = {NOBODY, *unwilling(self.store, self.settings, authors)}
        dropped = [entry for entry in due if entry.event.author_id in silent]
        if dropped:
            self.drop(dropped, "perceive", "its author wants no part in this")
        return [entry for entry in due if entry.event.author_id not in silent]

    def granted(self) -> frozenset[str]:
        """Message ids that elections granted to this bot."""
        return self.begun.granted

    def states(self) -> Mapping[str, ConversationState]:
        """Conversation state by channel, decayed to now."""
        return {
            channel: decay.decayed(one, self.now_ms).state
            for channel, one in self._engagements().items()
        }

    def _engagements(self) -> dict[str, decay.Engagement]:
        if self._states is None:
            stored = self.store.run(states.states(self.bot))
            self._states = {
                channel: decay.from_json(text) for channel, text in stored.items()
            }
        return self._states

    def trust(self, person: str) -> int:
        """Trust level of a Discord user id: earned, or given by the character file if
        that is more."""
        if self._levels is None:
            self._levels = self._trust_levels()
        return self._levels.get(person, 0)

    def _trust_levels(self) -> dict[str, int]:
        given = self.served.character.trusted
        people = list(
            dict.fromkeys(entry.event.author_id for entry in self.begun.entries)
        )
        points = self.store.run(trusts.some(self.bot, people)) if people else {}
        earned = {who: one.level(self.now_ms) for who, one in points.items()}
        return {who: max(given.get(who, 0), earned.get(who, 0)) for who in people}

    def chattiness(self, entry: InboxEntry, own: float) -> float:
        """As STREAM_PLACES bends it."""
        return self.rules(entry.event).chattiness_of(own)

    def openings(self) -> Sequence[Opening]:
        """Texts that wait for their post, then quiet channels."""
        return openings(self)

    def answer(self, entry: InboxEntry) -> StoredAnswerTurn:
        """The turn of a message."""
        return StoredAnswerTurn(self, entry)

    def post(self, opening: Opening) -> PostTurn:
        """The turn of a post that answers nobody."""
        return PostTurn(self, opening)

    def defer(self, entries: Sequence[InboxEntry], reason: str) -> None:
        """Note, once each, triggers that were seen and stay."""
        if not entries:
            return
        turn = self.turn
        first = (
            turn.entry.event.message_id if isinstance(turn, StoredAnswerTurn) else ""
        )
        self.behind = first in self.begun.granted
        self.store.run(inboxes.note_unanswered(self.holder, entries, reason))

    def drop(self, entries: Sequence[InboxEntry], step: str, reason: str) -> None:
        """Remove entries that need no answer."""
        granted = self.begun.granted
        plain = [one for one in entries if one.event.message_id not in granted]
        if plain:
            self.store.run(inboxes.remove(self.holder, plain, step, reason))
        for entry in entries:
            message = entry.event.message_id
            if message in granted:
                # A rule observes before anything was paid: the next best bidder gets
                # its chance at once.
                token = self.begun.floors[message]
                self.give_back(entry, token, keep=False, reason=reason)

    def recent(self) -> Sequence[str]:
        """What the bot's offline voice said within about a day, in any process."""
        return self.store.run(memories.uttered(self.bot))

    def utter(self, line: str) -> bool:
        """Before the offline voice says a line; False: it said it within a day."""
        return self.store.run(memories.reserve_line(self.bot, line))
