"""The brain's ports on the real parts: the store, Discord's REST, the clock of Redis
and a source of chance."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.brain.joining import due_entries
from app.brain.memory import recalled_parts
from app.brain.ports import Opening
from app.domain.model import (
    NOBODY,
    Context,
    ConversationState,
    Event,
    InboxEntry,
)
from app.rules import decay
from app.store import inboxes, memories, refusals, states, trusts
from app.worker.answering import StoredAnswerTurn
from app.worker.cycle import Cycle
from app.worker.memory_store import Namespace, RedisMemory
from app.worker.openings import openings
from app.worker.posting import PostTurn
from app.worker.privacy import unwilling_among


@dataclass(slots=True)
class Briefing:
    """What a cycle needs to know of those who spoke, and of the bot."""

    silent: frozenset[str]
    """Who wants no part in this."""
    earned: Mapping[str, int]
    """Levels of trust."""
    engagements: Mapping[str, decay.Engagement]
    """By channel."""


@dataclass
class Ports(Cycle):
    """One cycle's world; see `app.brain.ports.CyclePorts` for what each call
    promises."""

    memory: RedisMemory | None = None
    _briefed: Briefing | None = None

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
        # Where a proxy is at work, messages wait: a copy may be on its way.
        due = due_entries(self.begun.entries, self.now_ms)
        ready = {entry.entry_id for entry in due}
        for entry in self.begun.entries:
            if entry.entry_id not in ready:
                self.ask_again(entry.after_ms - self.now_ms)
        silent = {NOBODY, *self._briefing().silent}
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
            for channel, one in self._briefing().engagements.items()
        }

    def trust(self, person: str) -> int:
        """Trust level of a Discord user id: earned, or given by the character file if
        that is more."""
        given = self.served.character.trusted.get(person, 0)
        return max(given, self._briefing().earned.get(person, 0))

    def _briefing(self) -> Briefing:
        if self._briefed is None:
            self._briefed = self._asked()
        return self._briefed

    def _asked(self) -> Briefing:
        """One round trip for all that the cycle's entries make it ask."""
        events = [entry.event for entry in self.begun.entries]
        people = list(dict.fromkeys(event.author_id for event in events))
        channels = list(dict.fromkeys(event.channel_id for event in events))
        # Of other channels a turn asks by itself: a bot's own lane has many.
        first = channels[:1]
        parts = self._parts_to_recall(events[:1])
        silent, points, stored, said, *asked = self.run_all(
            unwilling_among(self.settings, people) if people else None,
            trusts.some(self.bot, people) if people else None,
            states.states_in(self.bot, channels) if channels else None,
            memories.uttered(self.bot),
            *(memories.fields(self.bot, ":".join(part[1:])) for part in parts),
            *(refusals.may_send(self.bot, channel) for channel in first),
        )
        self.uttered = list(said)
        for part in parts:
            self._foresee(part, asked.pop(0))
        self.barred |= zip(first, asked, strict=True)
        return Briefing(
            silent=silent or frozenset(),
            earned={who: one.level(self.now_ms) for who, one in (points or {}).items()},
            engagements={
                channel: decay.from_json(text)
                for channel, text in (stored or {}).items()
            },
        )

    def _parts_to_recall(self, events: Sequence[Event]) -> list[Namespace]:
        """The parts of memory that the answer to the first message will need. A bot's
        own lane reads none ahead: it chooses among many messages, and answers few."""
        if self.holder.lane.channel is None:
            return []
        deep = self.served.brain.speaker is not None
        return [
            part
            for event in events
            for part in recalled_parts(self.bot, event, deep=deep)
        ]

    def _foresee(self, part: Namespace, names: tuple[str, ...]) -> None:
        if self.memory is not None:
            self.memory.foresee(part, names)

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
        self.run(inboxes.note_unanswered(self.holder, entries, reason))

    def drop(self, entries: Sequence[InboxEntry], step: str, reason: str) -> None:
        """Remove entries that need no answer."""
        granted = self.begun.granted
        plain = [one for one in entries if one.event.message_id not in granted]
        if plain:
            self.run(inboxes.remove(self.holder, plain, step, reason))
        for entry in entries:
            message = entry.event.message_id
            if message in granted:
                # A rule observes before anything was paid: the next best bidder gets
                # its chance at once.
                token = self.begun.floors[message]
                self.give_back(entry, token, retry_later=False, reason=reason)

    def recent(self) -> Sequence[str]:
        """What the bot's offline voice said within about a day, in any process."""
        self._briefing()
        return self.uttered

    def utter(self, line: str) -> bool:
        """Before the offline voice says a line; False: it said it within a day."""
        self.uttered.append(line)
        return self.run(memories.reserve_line(self.bot, line))
