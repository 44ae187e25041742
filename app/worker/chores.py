"""What a worker does beside the cycles: remember answers, learn from conversations that
have ended, write at night."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import structlog
from langchain_core.messages import BaseMessage
from langgraph.store.base import SearchItem

from app.brain import diary, dream, facts
from app.brain.billing import DraftAccount
from app.brain.diary import Day
from app.brain.embeddings import shared_encoder
from app.brain.facts import Fact
from app.brain.memory import learn, remember, usable
from app.broker.hints import DIARY, DREAM, LEARN, HintSender
from app.delivery.rest import DiscordRest
from app.domain.errors import ModelUnavailable, StoreUnavailable, StreamError
from app.domain.model import AuthorKind, Cost, snowflake_ms
from app.domain.settings import Settings
from app.domain.verdicts import Reserve
from app.rules import trust
from app.rules.privacy import Place, RecordKind, Use
from app.store import clocks, holds, journal, memories, nights, roster, stats, trusts
from app.store.calls import Call
from app.store.door import Store
from app.store.nights import Night, NightClaim
from app.store.signing import signer
from app.worker.holding import request, when_free
from app.worker.memory_store import RedisMemory
from app.worker.ports import Ports
from app.worker.privacy import (
    forgotten,
    unwilling,
    without_old,
)
from app.worker.served import Bots, Served

log = structlog.get_logger(__name__)

ENDS_MS = 300_000
"""A conversation has ended when the bot added nothing for so long."""
NIGHTS_BACK = 2
"""Dates that each night asks for: a night that was missed is made up for in the
next."""
EARLIER = 7
"""Diary entries that a new one does not repeat."""
_TASKS = {Night.DIARY: DIARY, Night.DREAM: DREAM}


class Chores:
    """Shared by the threads of a worker."""

    def __init__(
        self,
        store: Store,
        bots: Bots,
        settings: Settings,
        hints: HintSender,
        rest: DiscordRest,
    ) -> None:
        self.memory = RedisMemory(store, shared_encoder())
        self._store = store
        self._bots = bots
        self._settings = settings
        self._hints = hints
        self._rest = rest

    def remember(
        self,
        world: Ports,
        marks: Mapping[str, int] | None,
        silent: frozenset[str] | None,
    ) -> None:
        """Keep what a cycle answered. Called when its posts are on their way: nobody
        waits for this. `marks` and `silent`: what `ask_wishes` was told after the last
        commit, as a speaker may have been forgotten while the cycle ran."""
        if marks is None or silent is None:
            return
        for answered in world.moments:
            event = answered.entry.event
            try:
                moment = without_old(answered, marks)
                if moment is None:
                    continue
                # Anybody may speak through a proxy: the trust would belong to no person.
                known = event.author_kind is AuthorKind.HUMAN and not event.proxied
                calls: list[Call[Any]] = [
                    *world.taken(),
                    memories.touch_conversation(world.bot, event.channel_id, ENDS_MS),
                ]
                if known and event.author_id not in silent:
                    earned = trust.ANSWERED, request()
                    calls.append(trusts.add(world.bot, event.author_id, *earned))
                served = world.served
                remember(
                    self.memory.beside(calls),
                    bot=world.bot,
                    me=world.me,
                    name=served.character.display_name,
                    moment=moment,
                    unwilling=silent,
                    deep=served.brain.speaker is not None,
                )
            # The answer is on its way: what is not remembered must not fail the task.
            except StoreUnavailable as error:
                log.warning(
                    "not remembered",
                    bot=world.bot,
                    message=event.message_id,
                    reason=str(error),
                )

    def finished(self) -> int:
        """Hand out the conversations that have ended. Returns their number."""
        ended = self._store.run(memories.pop_ended_conversations())
        for bot, channel in ended:
            # It is off the list already: unsent, it would never be learned from.
            if not self._hints.send(LEARN, bot, channel):
                self._store.run(memories.touch_conversation(bot, channel, ENDS_MS))
        return len(ended)

    def learn(self, bot: str, channel: str) -> int:
        """Draw facts from what was said in a channel since the last time. Returns how
        many were new.

        The mark moves first: a worker that dies here costs the facts of one
        conversation, never a second model call.
        """
        served = self._bots.get(bot)
        mark = _order(self._store.run(memories.learned(bot, channel)))
        items = self._said_after(bot, channel, mark)
        if not items:
            return 0
        self._store.run(memories.learn_up_to(bot, channel, items[-1].key))
        # `.0` was heard; `.1` is the bot's own answer, which teaches nothing.
        heard = {
            str(item.value["id"]): item.value
            for item in items
            if item.key.endswith(".0")
        }
        silent = self._unwilling({str(line["author"]) for line in heard.values()})
        lines = {
            message: line
            for message, line in heard.items()
            if line["author"] not in silent
        }
        # Bots teach no facts: among bots alone nothing is worth a model call.
        if all(line["bot"] for line in lines.values()):
            return 0
        found = (
            self._drawn(served, channel, list(lines.values()))
            if served.brain.speaker is not None
            else None
        )
        if found is None:
            found = facts.told_in(list(lines.values()), served.character.names)
        # Once more: a model takes its time, and in it a person may have said no.
        tellers = {author for author, _ in found}
        silent, marks = self._unwilling(tellers), forgotten(self._store, tellers)
        return sum(
            learn(
                self.memory,
                bot=bot,
                author=author,
                fact=fact,
                line=lines[fact.message_id],
            )
            for author, fact in found
            if author not in silent
            and snowflake_ms(fact.message_id) > marks.get(author, 0)
        )

    def _said_after(
        self, bot: str, channel: str, mark: tuple[int, str]
    ) -> list[SearchItem]:
        """What was said in the channel after the mark, in order."""
        items = self.memory.search(
            (bot, "said"), filter={"channel": channel}, limit=memories.SAID_MOST
        )
        return sorted(
            (item for item in items if _order(item.key) > mark),
            key=lambda item: _order(item.key),
        )

    def nightly(self, night: Night) -> int:
        """Ask for the last dates of every bot, one task each. Returns their number."""
        today = datetime.now(UTC).date()
        dates = [
            (today - timedelta(days=back)).isoformat()
            for back in range(NIGHTS_BACK, 0, -1)
        ]
        bots = [entry.bot for entry in self._store.run(roster.roster())]
        for bot in bots:
            for date in dates:
                self._hints.send(_TASKS[night], bot, date)
        return len(bots) * len(dates)

    def write(self, night: Night, bot: str, date: str) -> str:
        """Write one bot's diary or dream of a date (ISO), once. Returns written, busy,
        lost or released (nothing to tell)."""
        owner = request()
        claimed = self._store.run(nights.claim(bot, night, date, owner))
        if claimed is not NightClaim.CLAIMED:
            return claimed
        # By Discord's clock, which also dates who was forgotten.
        began_ms = self._store.run(stats.server_time()) * 1000 + self._store.run(
            clocks.discord_ahead()
        )
        try:
            text = self._written(night, self._bots.get(bot), date)
        # Nothing can be given back while Redis is away: the claim ends with its lease.
        except StoreUnavailable:
            raise
        except StreamError as error:
            log.warning(
                "not written", bot=bot, night=night, date=date, reason=str(error)
            )
            text = ""
        if text and any(
            mark >= began_ms
            for mark in forgotten(self._store, json.loads(text)["people"]).values()
        ):
            # Somebody of whom it tells was forgotten while it was written.
            text = ""
        # Without a text the script only gives the claim back, for a later tick.
        return self._store.run(
            nights.write(
                bot,
                night=night,
                date=date,
                owner=owner,
                text=text,
                signer=signer(self._settings),
            )
        )

    def _written(self, night: Night, served: Served, date: str) -> str:
        """The entry as JSON, or "" where the day holds nothing to tell."""
        character, encoder = served.character, served.brain.encoder
        ours = signer(self._settings)
        entries = self._store.run(nights.read(character.name, Night.DIARY, ours))
        day = self._day(served, date)
        # What was said on one server is not told on another.
        day = self._placed(served, day, self._home(served, night) or day.busiest)
        if not day.exchanges or (night is Night.DREAM and date not in entries):
            return ""
        if night is Night.DIARY:
            earlier = [
                json.loads(entries[old])["text"] for old in sorted(entries)[-EARLIER:]
            ]
            prompt = diary.prompt(character, day, night)
            text = self._ask_text(served, prompt) or diary.compose(
                character, encoder, day, earlier
            )
            who: Collection[str] = day.people
        else:
            before = self._placed(served, self._day(served, _before(date)), day.guild)
            written = json.loads(entries[date])
            # The diary may tell of another server than the one where the dream is told.
            page = written["text"] if written.get("guild") == day.guild else ""
            prompt = diary.prompt(character, day, night, page)
            text = self._ask_text(served, prompt) or dream.compose(
                character, encoder, day, before
            )
            who = sorted({*day.people, *before.people})
        return memories.encoded({"text": text, "people": list(who), "guild": day.guild})

    def _home(self, served: Served, night: Night) -> str:
        """The server on which the diary or dream is told; empty where it is told
        nowhere, or nobody can say."""
        character = served.character
        channel = character.diary if night is Night.DIARY else character.dream
        if channel is None or not channel.isdigit():
            return ""
        place = self._rest.place(character.name, served.token, channel)
        return place.guild or "" if place is not None else ""

    def _placed(self, served: Served, day: Day, guild: str) -> Day:
        """The day with the server of which it may tell, and with what was learned
        there."""
        bot, here = served.character.name, Place("", guild)
        silent = self._unwilling(day.people)
        learned = [
            (str(item.value["name"]), str(item.value["text"]))
            for who in day.people
            if who not in silent
            for item in self.memory.search(
                (bot, "person", who), limit=memories.FACTS_MOST
            )
            if item.value["date"] == day.date
            and usable(RecordKind.FACT, item.value, here, Use.DIARY, about=who)
        ]
        return replace(day, guild=guild, facts=tuple(learned))

    def _day(self, served: Served, date: str) -> Day:
        bot = served.character.name
        said = self._store.run(journal.lines_of_bot(bot, date, signer(self._settings)))
        if not said:
            return Day(date)
        kept = self.memory.search((bot, "said"), limit=memories.SAID_MOST)
        heard: dict[str, Mapping[str, Any]] = {
            item.value["id"]: item.value for item in kept if item.key.endswith(".0")
        }
        silent = self._unwilling({str(line["author"]) for line in heard.values()})
        return diary.day_of(
            date,
            said,
            {key: line for key, line in heard.items() if line["author"] not in silent},
        )

    def _ask_text(self, served: Served, messages: Sequence[BaseMessage]) -> str:
        content = self._ask(served, messages)
        return diary.usable(served.character, content, messages) if content else ""

    def _drawn(
        self, served: Served, channel: str, lines: list[Mapping[str, Any]]
    ) -> list[tuple[str, Fact]] | None:
        """Facts by the bot's model; None where it does not answer or nothing may be
        spent."""
        here = Place(channel, str(lines[-1]["guild"]))
        names = {
            str(line["author"]): str(line["name"]) for line in lines if not line["bot"]
        }
        known = [
            (name, self._known(served.character.name, who, here))
            for who, name in names.items()
        ]
        content = self._ask(
            served, facts.ask(served.character.display_name, lines, known)
        )
        return facts.drawn(content, lines) if content else None

    def _known(self, bot: str, who: str, here: Place) -> list[str]:
        """What the bot knows of a person, as far as it may be used in a place."""
        items = self.memory.search((bot, "person", who), limit=memories.FACTS_MOST)
        return [
            str(item.value["text"])
            for item in items
            if usable(
                RecordKind.FACT, item.value, here, Use.LEARNING, about=who, reader=who
            )
        ]

    def _ask(self, served: Served, messages: Sequence[BaseMessage]) -> str:
        """One model call within the day's budgets; "" where there is no model, no money
        or no answer."""
        speaker, bot = served.brain.speaker, served.character.name
        if speaker is None:
            return ""
        hold, estimate = request(), speaker.estimate(messages)
        refused = self._hold(served, estimate, hold, self._settings.model_timeout)
        if refused:
            log.info("no model call", bot=bot, reason=refused)
            return ""
        account = DraftAccount(
            estimate, lambda more, wait_s: not self._hold(served, more, hold, wait_s)
        )
        self._store.run(stats.count("model_calls"))
        try:
            return speaker.ask(
                messages, int(datetime.now(UTC).timestamp() * 1000), account
            ).content
        except ModelUnavailable as error:
            log.warning("no answer", bot=bot, reason=str(error))
            return ""
        # Also after an error: what is held and never settled stays spent.
        finally:
            self._store.run(holds.settle(hold, served.limits, account.spent, request()))

    def _hold(self, served: Served, cost: Cost, hold: str, wait_s: float) -> str:
        """Hold what a call may cost, within so many seconds. Why not, or nothing."""
        bot, limits = served.character.name, served.limits
        verdict, reason = when_free(
            lambda: self._store.run(
                holds.reserve_own(
                    bot, limits=limits, cost=cost, hold=hold, request=request()
                )
            ),
            wait_s,
        )
        return "" if verdict is Reserve.OK else reason

    def _unwilling(self, who: Collection[str]) -> frozenset[str]:
        return unwilling(self._store, self._settings, who)


def _order(key: str) -> tuple[int, str]:
    """Items in the order of their snowflakes."""
    return len(key), key


def _before(date: str) -> str:
    return (datetime.fromisoformat(date) - timedelta(days=1)).date().isoformat()
