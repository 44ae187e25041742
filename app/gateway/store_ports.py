"""The gateway's ports on the store."""

from __future__ import annotations

import asyncio
import json
import os
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

import structlog

from app.broker.hints import CYCLE, DELIVER, HintSender
from app.domain.character import Character
from app.domain.errors import ConfigurationError
from app.domain.lane import Lane
from app.domain.model import Context, ConversationState, Event, RosterEntry
from app.domain.places import Rules
from app.domain.settings import Settings
from app.domain.verdicts import Elect
from app.gateway.clocks import Clocks
from app.gateway.discord_clock import DiscordClock
from app.gateway.healing import Healing
from app.gateway.places import Nicknames, OpenPlaces, SpeakReport, learn_names
from app.gateway.presence import Presence
from app.gateway.receptions import Signed
from app.gateway.secrets import model_keys
from app.gateway.store_cursors import StoreCursors
from app.gateway.wishes import Wishes, nobodys
from app.rules import decay
from app.rules import trust as rules
from app.rules.moderation import Order, acknowledgement
from app.rules.profile import Profile, profile_of
from app.rules.reception import standing
from app.rules.signals import Facts
from app.runtime.clock import today
from app.runtime.killpoints import reached
from app.store import (
    admission,
    elections,
    heartbeats,
    identifies,
    journal,
    keys,
    lanes,
    leases,
    mutes,
    outbox,
    receptions,
    reloads,
    roster,
    states,
    stats,
    thoughts,
    trusts,
    vault,
)
from app.store import names as names_store
from app.store.admission import Admission, AdmissionRequest
from app.store.door import AsyncStore
from app.store.elections import Election
from app.store.floors import Next
from app.store.heartbeats import Heartbeat, ProcessRole
from app.store.limits import Limits, limits_of
from app.store.signing import signer
from app.store.trusts import Points
from app.store.vault import Vault

log = structlog.get_logger(__name__)

ROSTER_FRESH_FOR = 2.0
TRUST_FRESH_FOR = 30.0
"""Seconds between looks at who is trusted: trust moves within days."""


class StorePorts(StoreCursors):
    """`app.gateway.ports.GatewayPorts` on the store. One per process; `owner` is its
    name in leases."""

    def __init__(
        self,
        characters: Mapping[str, Character],
        tokens: Mapping[str, str],
        settings: Settings,
        wall: Callable[[], float] = time.time,
        discord: DiscordClock | None = None,
    ) -> None:
        if not settings.redis_url:
            raise ConfigurationError(
                "STREAM_REDIS_URL: is not set; `the-stream up` starts an embedded Valkey."
            )
        self.settings = settings
        self.characters = characters
        # Containers may repeat host name and process id: a dead process's lease must
        # not look like this one's.
        self.owner = f"{os.uname().nodename}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
        self._tokens = tokens
        self._store = AsyncStore(
            settings.redis_url, settings.redis_timeout, settings.redis_credentials
        )
        self._hints = HintSender(settings)
        self.when_hinted = self._hints.when_sent
        self._vault = Vault(settings.vault_keys)
        self._limits: dict[str, Limits] = {
            name: limits_of(one, settings) for name, one in characters.items()
        }
        self._profiles = {name: profile_of(one) for name, one in characters.items()}
        self._states: dict[str, dict[str, decay.Engagement]] = {}
        self._trust: tuple[float, dict[str, dict[str, Points]]] = (-TRUST_FRESH_FOR, {})
        self._receptions: dict[str, receptions.Shares] = {}
        self._wishes = Wishes(self._store, settings)
        self._roster: tuple[float, Sequence[RosterEntry]] = (-ROSTER_FRESH_FOR, ())
        self._channels: dict[str, str] = {}
        self._names = Nicknames()
        self._speaking = SpeakReport(settings)
        self._open = OpenPlaces(self._store)
        self._healing = Healing(self._store, self.publish, settings.pump_interval)
        self._clocks = Clocks(self._store, wall, discord or DiscordClock())

    def clock(self) -> float:
        """Seconds since 1970 by Redis's clock: nothing must hang on this machine's."""
        return self._clocks.redis()

    def discord_clock(self) -> float:
        """Seconds since 1970 by Discord's clock: how old a missed message is must not
        hang on Redis's either."""
        return self._clocks.discord()

    async def check_store(self) -> None:
        """Returns when Redis answers; else StoreUnavailable."""
        await self._store.run(stats.server_time())

    # --- admission

    async def admit(
        self, candidates: Sequence[AdmissionRequest], request: str
    ) -> Sequence[Admission]:
        """Admit one event for several bots."""
        event = candidates[0].event
        await self._wishes.fresh()
        if self._wishes.ignored(event.author_id, event.message_id):
            # Not even a mailbox holds the words of people who opted out, or
            # what a forgotten person said before.
            event = nobodys(event)
        candidates = [
            replace(one, event=event, quiet_ms=self._quiet_ms(one.bot, event))
            for one in candidates
        ]
        await self._learn_names()  # before anybody answers a newcomer
        reached("admit_before")
        outcomes = await self._store.run(
            admission.admit_all(
                candidates,
                request,
                [self._limits[one.bot] for one in candidates],
                self.settings,
            )
        )
        reached("admit_after")
        # Noted once Redis took it: healing must not write a cursor past an event that
        # was never admitted.
        for one in candidates:
            if one.move_cursor:
                self._healing.cursors.note(one.bot, event.channel_id, event.message_id)
        return outcomes

    async def elect(self, message_id: str, channel_id: str) -> Election:
        """Close an election, if it is due."""
        reached("elect_before")
        outcome = await self._store.run(
            elections.decide(
                message_id,
                channel_id,
                self.settings,
                self.settings.rules_at(channel_id).quiet_time,
            )
        )
        reached("elect_after")
        return outcome

    def hint(self, lane: Lane, context: Context) -> None:
        """Ask a worker for a cycle, off the event loop."""
        self._hints.offer(
            CYCLE, lane.bot, context, *([lane.channel] if lane.channel else [])
        )

    def hint_first(self, lane: Lane) -> None:
        """The same, ahead of others."""
        self._hints.offer_first(CYCLE, lane.bot, Context.DIRECT, lane.channel or "")

    async def facts(self, bot: str, event: Event) -> Facts:
        """What this bot knows: nothing of it needs a round trip."""
        character = self.characters[bot]
        engaged = self._states.get(bot, {}).get(event.channel_id)
        state = (
            decay.decayed(engaged, int(self.clock() * 1000)).state
            if engaged
            else ConversationState.IDLE
        )
        watchlist, given = character.watchlist, character.trusted
        rules = self._rules(event)
        points = self._trust[1].get(bot, {}).get(event.author_id)
        earned = points.level(int(self.clock() * 1000)) if points is not None else 0
        return Facts(
            # Anybody may take any name behind a proxy.
            trust=0 if event.proxied else max(given.get(event.author_id, 0), earned),
            watched=bot in rules.watchers
            if rules.watchers is not None
            else self._watched(event, watchlist),
            state=state,
            unasked=self.may_speak(event),
            ignored=self._wishes.ignored(event.author_id, event.message_id),
            reception=self._standing(bot, event),
        )

    def may_speak(self, event: Event) -> bool:
        """Whether bots may speak unasked where this happened."""
        return self.settings.may_speak(
            event.channel_id, event.parent_id, event.guild_id
        )

    def _standing(self, bot: str, event: Event) -> float:
        """What the channel makes of the bot's unasked posts; a thread is its
        channel's."""
        places = self._receptions.get(bot)
        if not places or not self.settings.learns_from_people:
            return 0.0
        shares = places.get(event.parent_id or event.channel_id, {})
        return standing(shares, int(self.clock() * 1000))

    def _watched(self, event: Event, watchlist: Sequence[str]) -> bool:
        """Whether the channel is on a watchlist, by id or name; a thread with its
        channel."""
        places = [
            place for place in (event.channel_id, event.parent_id) if place is not None
        ]
        names = [self._channels.get(place, "") for place in places]
        return "*" in watchlist or any(
            name in watchlist for name in (*places, *names) if name
        )

    async def roster(self) -> Sequence[RosterEntry]:
        """All our bots; read again after a short while."""
        read_at, known = self._roster
        if time.monotonic() - read_at > ROSTER_FRESH_FOR:
            known = self._healing.colleagues.merged(
                await self._store.run(roster.roster())
            )
            self._roster = (time.monotonic(), known)
        return known

    async def _learn_names(self) -> None:
        """Nicknames that are news; nothing to do for nearly every message."""
        for guild, (fresh, gone) in self._names.news().items():
            await self._store.run(names_store.learn(guild, fresh, gone))

    def profile(self, bot: str, event: Event) -> Profile:
        """What of the bot's character bends its bids where this happened."""
        own, rules = self._profiles[bot], self._rules(event)
        if rules.chattiness is None:
            return own
        return replace(own, chattiness=rules.chattiness_of(own.chattiness))

    def _quiet_ms(self, bot: str, event: Event) -> int | None:
        """For how long the bot keeps quiet there after a post, where it is not for as
        long as the setting says."""
        own = self.characters[bot].pacing.quiet_time
        quiet_time = self._rules(event).quiet_time_of(own)
        return None if quiet_time is None else int(quiet_time * 1000)

    def _rules(self, event: Event) -> Rules:
        return self.settings.rules_at(event.channel_id, event.parent_id, event.guild_id)

    # --- messages

    async def receipt(
        self, bot: str, channel_id: str, message_id: str, nonce: str
    ) -> None:
        """The bot's own message has appeared: if it is the one in flight, it is
        delivered."""
        flying = await self._store.run(outbox.in_flight(bot, channel_id))
        # Its worker has recorded it already, or a later chunk is under way.
        if flying is None or flying.nonce != nonce:
            return
        ours = signer(self.settings)
        entry = await self._store.run(outbox.read(flying.entry, ours))
        if entry is None:
            return
        done, next_turn = await self._store.run(
            outbox.record_delivery(
                entry,
                chunk=flying.chunk,
                message_id=message_id,
                how="receipt",
                date=today(),
                signer=ours,
            )
        )
        if done:
            await self._next(next_turn)

    async def _next(self, who: Next) -> None:
        """Let the next one speak."""
        if who.lane is not None:
            self.hint(who.lane, Context.DIRECT)
        if not who.election:
            return
        channel = await self._store.run(elections.channel_of(who.election))
        outcome = await self.elect(who.election, channel)
        # Asked again, an election gives the same answer: only its first caller hints.
        if outcome.verdict is Elect.GRANTED and outcome.fresh:
            self.hint(Lane(outcome.winner), Context.TRIGGER)

    async def deleted(self, channel_id: str, message_id: str) -> None:
        """Nothing that waits for a deleted message is sent any more."""
        await self._store.run(admission.mark_deleted(message_id))

    async def answered(self, message_id: str) -> frozenset[str]:
        """Our bots that have answered a message."""
        return await self._store.run(admission.answered(message_id))

    async def unanswerable(self, bot: str, event: Event, reason: str) -> None:
        """The bot may not write there: bots named after it go on."""
        await self._store.run(
            admission.cancel(
                bot,
                message=event.message_id,
                channel=event.channel_id,
                step="refused",
                reason=reason,
            )
        )

    async def shed(self, latest: Event, messages: int) -> None:
        """One line for a channel and an interval, under the last of its messages."""
        reason = "more came than is taken in; what spoke to nobody was only heard"
        await self._store.run(
            journal.append(
                latest.message_id,
                bot="stream",
                step="admit",
                verdict="shed",
                reason=reason,
                numbers={"messages": messages, "channel": latest.channel_id},
            )
        )

    def nicknamed(self, guild_id: str, person: str, nickname: str | None) -> None:
        """Kept for the next tick of the pump, if it is news."""
        if not self._wishes.ignored(person):
            self._names.nicknamed(guild_id, person, nickname)

    async def prolong(self, message_id: str, for_ms: int) -> None:
        """The bot that answers it waits so much longer."""
        await self._store.run(thoughts.prolong(message_id, for_ms))

    async def edited(self, event: Event) -> None:
        """A cycle reads the new text from Discord itself; here it is only noted."""
        most = self.settings.channel_bytes
        await self._store.run(journal.edited(event, most))

    async def unaddressed(self, bot: str, event: Event) -> None:
        """What the bot has not committed yet is cancelled."""
        await self._store.run(
            admission.cancel(
                bot,
                message=event.message_id,
                channel=event.channel_id,
                step="edit",
                reason="its author no longer speaks to it",
            )
        )

    async def liked(self, bot: str, person: str, message_id: str, request: str) -> None:
        """A reaction to the bot's words earns some trust; one to words from before a
        wish to be forgotten brings nothing back."""
        await self._wishes.fresh()
        if not self._wishes.ignored(person, message_id):
            await self._store.run(trusts.add(bot, person, rules.REACTED, request))

    async def received(self, bot: str, signed: Signed, request: str) -> None:
        """A sign about an unasked post; nothing is stored of a person who opted
        out, or was forgotten since the post."""
        await self._wishes.fresh()
        if not self._wishes.ignored(signed.person, signed.post):
            await self._store.run(
                receptions.note(
                    bot,
                    channel=signed.channel,
                    person=signed.person,
                    sign=signed.sign,
                    request=request,
                )
            )

    async def moderate(self, order: Order, event: Event, by: str) -> tuple[str, ...]:
        """A moderator's STOP or GO ON for the channel, outside every model."""
        scope, reason = f"channel:{event.channel_id}", f"by {by}"
        for_ms, still_muted = int(self.settings.stop_lasts * 1000), False
        if order.verdict == "stop":
            await self._healing.stop(scope, f"moderator {by}", for_ms or None)
        elif still_muted := not await self._store.run(mutes.lift(scope)):
            reason += "; the operator's mute stays"
        await self._store.run(
            journal.append(
                event.message_id,
                bot="stream",
                step="moderate",
                verdict=order.verdict,
                reason=reason,
                numbers={"scope": scope},
            )
        )
        return acknowledgement(
            order.verdict, limited=for_ms > 0, still_muted=still_muted
        )

    # --- process

    async def publish(self, bot: str, presence: Presence) -> None:
        """Write the bot's vault, then its roster entry: who is on the roster can be
        served."""
        for names in presence.names.values():
            self._channels.update(
                {key: name for key, name in names.items() if key.isdigit()}
            )
        self._speaking.tell(bot, presence, len(self.characters))
        # Before the first message: how old it is hangs on Discord's clock.
        await self._clocks.compare()
        await self._wishes.look()
        character = self.characters[bot]
        secrets = {"token": self._tokens[bot]} | model_keys(bot)
        llm = character.model.model_dump_json() if character.model else "{}"
        plain = (
            llm,
            json.dumps({"user_id": presence.user_id}),
            character.model_dump_json(),
        )
        await self._store.run(
            vault.publish(bot, self._vault.seal(bot, secrets, plain), *plain)
        )
        await self._store.run(roster.enlist(_roster_entry(bot, character, presence)))
        for guild in presence.names:
            await self._store.run(learn_names(presence, guild))
        await self._open.published(bot, presence)
        self._healing.published(bot, presence)
        self._roster = (-ROSTER_FRESH_FOR, ())

    async def acquire_lease(self, bot: str) -> str:
        """Take or renew the bot's gateway lease; who has it, or empty when it is
        ours."""
        # With the first lease, so before the first message: its age hangs on this
        # clock.
        if not self._clocks.known:
            await self._clocks.compare()
        holder = await self._store.run(
            leases.acquire(
                keys.gateway_lease(bot),
                self.owner,
                int(self.settings.gateway_lease * 1000),
            )
        )
        return "" if holder == self.owner else holder

    async def beat(self, bot: str, sign: Mapping[str, object]) -> None:
        """Tell how the bot is, and which process runs it."""
        facts = {**sign, "process": self.owner}
        await self._store.run(
            heartbeats.tell(Heartbeat(ProcessRole.GATEWAY, bot, facts))
        )

    async def reload_requests(self) -> Mapping[str, str]:
        """Whose character files are to be read again, with the id of who asked."""
        return await self._store.run(reloads.requests(list(self.characters)))

    def take_character(self, character: Character) -> None:
        """Go by this character from now on; what others see of it comes with the next
        publication."""
        name = character.name
        self._limits[name] = limits_of(character, self.settings)
        self._profiles[name] = profile_of(character)
        self.characters = {**self.characters, name: character}

    async def release_lease(self, bot: str) -> None:
        """Give the lease back."""
        await self._store.run(leases.release(keys.gateway_lease(bot), self.owner))

    async def acquire_account(self, bot: str, user_id: str) -> str:
        """Take or renew a Discord account; who has it, or empty when it is the
        bot's."""
        own = f"{bot} ({self.owner})"
        lease_ms = int(self.settings.gateway_lease * 1000)
        holder = await self._store.run(
            leases.acquire(keys.account_lease(user_id), own, lease_ms)
        )
        return "" if holder == own else holder

    async def release_account(self, bot: str, user_id: str) -> None:
        """Give the account back."""
        own = f"{bot} ({self.owner})"
        await self._store.run(leases.release(keys.account_lease(user_id), own))

    async def identifies(self, bot: str) -> tuple[float, ...]:
        """When the bot began its sessions of the last day, in Unix seconds."""
        return await self._store.run(identifies.times(bot))

    async def count_identify(self, bot: str, request: str, at: float) -> None:
        """Count a session."""
        await self._store.run(identifies.note(bot, request, int(at * 1000)))

    async def pump(self) -> None:
        """Heal an emptied Redis, send hints for what is overdue, and refresh what facts
        are made of."""
        await self._healing.tick()
        bots = list(self.characters)
        # For all bots in one round trip: a hundred of them would be a hundred each second.
        stored = await self._store.run_all([states.states(bot) for bot in bots])
        for bot, texts in zip(bots, stored, strict=True):
            self._states[bot] = {
                channel: decay.from_json(text) for channel, text in texts.items()
            }
        if time.monotonic() - self._trust[0] > TRUST_FRESH_FOR:
            known = {
                bot: await self._store.run(trusts.everyone(bot))
                for bot in self.characters
            }
            self._trust = (time.monotonic(), known)
            for bot in self.characters:
                self._receptions[bot] = await self._store.run(
                    receptions.everywhere(bot)
                )
        await self._learn_names()
        await self._clocks.compare()
        overdue = await self._store.run(
            lanes.sweep(int(self.settings.pump_interval * 1000))
        )
        for lane, context in overdue.lanes:
            self.hint(lane, context)
        for message in overdue.elections:
            await self._next(Next(election=message))
        for bot in dict.fromkeys(bot for bot, _ in overdue.deliveries):
            self._hints.offer(DELIVER, bot)

    async def forgotten(self) -> Callable[[str], bool] | None:
        """What this process itself knows of forgotten people goes at once; the caller
        sees to the rest."""
        await self._wishes.look()
        gone = self._wishes.news()
        if gone is not None:
            self._names.forget(gone)
            self._trust, self._receptions = (-TRUST_FRESH_FOR, {}), {}
        return gone

    async def close(self) -> None:
        """Close every connection."""
        # It waits for its thread, perhaps for seconds: not on the event loop.
        await asyncio.to_thread(self._hints.close)
        await self._store.close()


def _roster_entry(bot: str, character: Character, presence: Presence) -> RosterEntry:
    username = (presence.username,) if presence.username else ()
    return RosterEntry(
        bot=bot,
        user_id=presence.user_id,
        names=tuple(dict.fromkeys((*character.names, *username))),
        nicknames=dict(presence.nicknames),
        roles=presence.roles,
        channels=presence.channels,
    )
