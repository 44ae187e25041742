"""The ports of a post that answers nobody: a diary, a dream, an opening of a
conversation."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import structlog

from app.brain.ports import Opening
from app.delivery.rest import DiscordRest
from app.domain.model import Action, ChatLine, Cost
from app.domain.settings import Settings
from app.domain.verdicts import Claim, Commit, Reserve
from app.rules import decay
from app.rules.privacy import Kind, Place, Use, may_use
from app.store import floors, holds, nights, posts, roster, states, stats
from app.store.door import Store
from app.store.floors import Holder
from app.store.nights import Night
from app.store.posts import Post
from app.worker.holding import request, when_free
from app.worker.naming import called
from app.worker.privacy import heard
from app.worker.served import Served

log = structlog.get_logger(__name__)

QUIET_S = 1_800.0
"""Seconds of quiet before a conversation is opened; `rules.plan.proactive` asks for as
many."""
CHANNELS_MOST = 100


@dataclass(slots=True)
class HeldPost:
    """The floor that a poll holds for its post."""

    post: Post
    token: str
    hold: str = field(default_factory=request)
    """Under which the store holds what the post may cost."""
    asked: bool = False


@dataclass
class Posting:
    """`app.brain.ports.PostPorts` on the store and Discord's REST."""

    store: Store
    rest: DiscordRest
    settings: Settings
    served: Served
    holder: Holder
    now_ms: int
    request: str
    """A prefix for request ids that no other cycle has."""
    roster_ids: Mapping[str, str]
    held: HeldPost | None = None

    @property
    def bot(self) -> str:
        """Whose cycle it is."""
        return self.holder.lane.bot

    def openings(self) -> list[Opening]:
        """What waits to be posted, then quiet channels."""
        return [*self._nights(), *self._quiet()]

    def _nights(self) -> list[Opening]:
        """Last night's diary and dream, where the character file names a channel for
        them."""
        date = (
            (datetime.fromtimestamp(self.now_ms / 1000, UTC) - timedelta(days=1))
            .date()
            .isoformat()
        )
        waiting = []
        for night, channel in (
            (Night.DIARY, self.served.character.diary),
            (Night.DREAM, self.served.character.dream),
        ):
            if channel is None or not self._may(channel):
                continue
            post_id = posts.entry_id(self.bot, night, date)
            if self.store.run(posts.posted(post_id)):
                continue
            written = self.store.run(nights.read_one(self.bot, night, date))
            if written:
                entry = json.loads(written)
                waiting.append(
                    Opening(
                        post_id,
                        channel,
                        text=entry["text"],
                        reason=f"the night's {night}",
                        guild=entry.get("guild", ""),
                    )
                )
        return waiting

    def _quiet(self) -> list[Opening]:
        if not self.served.character.pacing.proactive:
            return []
        channels = self._watched()
        quiet = self.store.run(posts.quiet(self.bot, channels)) if channels else ()
        found = [
            Opening(posts.entry_id(self.bot, self.request, channel), channel, ms / 1000)
            for channel, ms in zip(channels, quiet, strict=True)
            if ms >= QUIET_S * 1000
        ]
        return sorted(found, key=lambda one: one.quiet_s, reverse=True)

    def _watched(self) -> list[str]:
        """Channels that the bot can read, may speak in, and was given: by its
        watchlist, or one by one in the settings."""
        entry = next(
            (one for one in self.store.run(roster.roster()) if one.bot == self.bot),
            None,
        )
        character = self.served.character
        watchlist = character.watchlist
        return [
            channel
            for channel in (entry.channels if entry is not None else ())
            if self._may(channel)
            and channel not in {character.diary, character.dream}
            and (
                "*" in watchlist
                or channel in watchlist
                or channel in self.settings.speak_channels
            )
        ][:CHANNELS_MOST]

    def _may(self, channel: str) -> bool:
        if not channel.isdigit():
            log.warning("a channel for posts must be given by its id", bot=self.bot)
            return False
        return self.settings.may_speak(channel)

    def claim(self, opening: Opening) -> Claim:
        """Ask for the channel's floor. Nothing is posted in a channel whose server is
        unknown: it might be muted."""
        place = self.rest.place(self.bot, self.served.token, opening.channel)
        if place is None or place.guild is None:
            return Claim.NOT_ALLOWED
        told, here = Place("", opening.guild), Place(opening.channel, place.guild)
        if opening.text and not may_use(Kind.LINE, told, here, Use.DIARY, about=""):
            log.warning(
                "not posted: it tells of another server",
                bot=self.bot,
                channel=opening.channel,
            )
            return Claim.NOT_ALLOWED
        quiet = self.served.quiet_time(self.settings) if opening.text else QUIET_S
        post = Post(
            holder=self.holder,
            entry_id=opening.post_id,
            channel=opening.channel,
            guild=place.guild,
            quiet_ms=int(quiet * 1000),
            opening=not opening.text,
            parent=place.parent,
        )
        claimed = self.store.run(posts.claim(post, self.served.limits, self.settings))
        if claimed.verdict is Claim.GRANTED:
            self.held = HeldPost(post, claimed.token)
        return claimed.verdict

    def renew(self) -> bool:
        """Keep the floor while the model writes; True where none is held."""
        held = self.held
        if held is None:
            return True
        lease = int(self.settings.floor_lease * 1000)
        return self.store.run(
            floors.renew(
                held.post.channel,
                bot=self.bot,
                message=held.post.entry_id,
                token=held.token,
                lease_ms=lease,
            )
        )

    def lines(self, opening: Opening) -> Sequence[ChatLine]:
        """Recent lines of the channel."""
        lines, _ = self.rest.context(
            self.bot,
            token=self.served.token,
            channel=opening.channel,
            limit=self.settings.context_messages,
            ours=self.roster_ids,
        )
        guild = self.held.post.guild if self.held is not None else None
        return called(self.store, guild, heard(self.store, self.settings, lines))

    def reserve(self, cost: Cost) -> Reserve:
        """Hold of every budget what a model call may cost."""
        held = self.held
        if held is None:
            return Reserve.LOST_FLOOR
        verdict, _ = when_free(
            lambda: self.store.run(
                posts.reserve(
                    held.post,
                    token=held.token,
                    limits=self.served.limits,
                    cost=cost,
                    hold=held.hold,
                    request=request(),
                )
            ),
            self.settings.model_timeout,
        )
        if verdict is Reserve.OK and not held.asked:
            held.asked = True
            self.store.run(stats.count("model_calls"))
        return verdict

    def commit(self, action: Action) -> Commit:
        """From the draft to the outbox."""
        held, self.held = self.held, None
        if held is None:
            return Commit.LOST_FLOOR
        verdict, _ = self.store.run(
            posts.commit(
                held.post,
                action=action,
                token=held.token,
                hold=held.hold,
                cooldown=self.served.cooldown(self.settings),
                limits=self.served.limits,
                settings=self.settings,
                request=f"{self.request}.c",
            )
        )
        if verdict in {Commit.COMMITTED, Commit.DRY_RUN}:
            engaged = decay.to_json(decay.spoke(self.now_ms))
            self.store.run(states.remember(self.bot, held.post.channel, engaged))
        return verdict

    def release(self, action: Action) -> str:
        """Give the floor back; the silence may have cost something. Returns who may
        speak now."""
        held, self.held = self.held, None
        if held is None:
            return ""
        cost = Cost(action.tokens, action.micro_usd)
        self.store.run(
            holds.settle(held.hold, self.served.limits, cost, f"{self.request}.s")
        )
        return self.store.run(
            posts.give_back(held.post, held.token, action.reason, f"{self.request}.g")
        )
