"""The turn of a post that answers nobody: a diary, a dream, the opening of a
conversation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import structlog

from app.brain.ports import Opening
from app.domain.model import Action, ChatLine, Cost
from app.domain.places import Rules
from app.domain.verdicts import Claim, Commit, Reserve
from app.rules import decay
from app.rules.privacy import Place, RecordKind, Use, may_use
from app.store import holds, posts, states, stats
from app.store.limits import Limits
from app.store.posts import PostTarget
from app.worker.cycle import REFUSED, Cycle
from app.worker.holding import request, when_free
from app.worker.naming import called
from app.worker.openings import QUIET_S
from app.worker.privacy import without_unwilling

log = structlog.get_logger(__name__)


@dataclass(slots=True)
class PostTurn:
    """See `app.brain.ports.SpeakingTurn` for what each call promises."""

    cycle: Cycle
    opening: Opening
    granted: PostTarget | None = None
    """The post for which the floor was granted."""
    token: str = ""
    hold: str = field(default_factory=request)
    """Under which the store holds what the post may cost."""
    asked: bool = False
    refusal: str = ""

    def claim(self) -> Claim:
        """Ask for the channel's floor. Nothing is posted in a channel whose server is
        unknown: it might be muted."""
        cycle, opening = self.cycle, self.opening
        place = cycle.rest.place(cycle.bot, cycle.served.token, opening.channel)
        if place is None or place.guild is None:
            return Claim.NOT_ALLOWED
        source, here = Place("", opening.guild), Place(opening.channel, place.guild)
        if opening.text and not may_use(
            RecordKind.LINE, source, here, Use.DIARY, about=""
        ):
            log.warning(
                "not posted: it tells of another server",
                bot=cycle.bot,
                channel=opening.channel,
            )
            return Claim.NOT_ALLOWED
        if not cycle.settings.may_speak(opening.channel, place.parent, place.guild):
            return Claim.NOT_ALLOWED
        post = self._post_in(place.guild, place.parent)
        claimed = cycle.run(posts.claim(post, self._limits(post), cycle.settings))
        if claimed.verdict is Claim.GRANTED:
            self.granted, self.token = post, claimed.token
            cycle.turn = self
        return claimed.verdict

    def _post_in(self, guild: str, parent: str | None) -> PostTarget:
        cycle, opening = self.cycle, self.opening
        rules = cycle.settings.rules_at(opening.channel, parent, guild)
        own = cycle.served.quiet_time(cycle.settings, rules)
        quiet_s = own if opening.text else QUIET_S
        return PostTarget(
            holder=cycle.holder,
            entry_id=opening.post_id,
            channel=opening.channel,
            guild=guild,
            quiet_ms=int(quiet_s * 1000),
            opening=not opening.text,
            parent=parent,
        )

    def renew(self) -> None:
        """Renew the floor while the model writes, where the post has one."""
        # Read once: the cycle's own thread may end the turn between two reads.
        post = self.granted
        if post is not None:
            self.cycle.renew_floor(post.channel, post.entry_id, self.token)

    def context(self) -> Sequence[ChatLine]:
        """Recent lines of the channel, oldest first."""
        cycle = self.cycle
        channel = self.opening.channel
        found, problem, barred = cycle.recent_lines(channel)
        if barred:
            cycle.bar(channel, problem)
            self.refusal = REFUSED.format(reason=problem)
        guild = self.granted.guild if self.granted is not None else None
        willing = without_unwilling(cycle.store, cycle.settings, found)
        return called(cycle.store, guild, willing)

    def reserve(self, cost: Cost, seconds: float | None = None) -> Reserve:
        """Hold of every budget what a model call may cost."""
        post, cycle = self.granted, self.cycle
        if post is None:
            return Reserve.LOST_FLOOR
        limits = self._limits(post)
        verdict, _ = when_free(
            lambda: cycle.run(
                posts.reserve(
                    post,
                    token=self.token,
                    limits=limits,
                    cost=cost,
                    hold=self.hold,
                    request=request(),
                )
            ),
            cycle.settings.model_timeout if seconds is None else seconds,
        )
        if verdict is Reserve.OK and not self.asked:
            self.asked = True
            cycle.later(stats.count("model_calls"))
        return verdict

    def commit(self, action: Action, *, final: bool = False) -> Commit:
        """From the draft to the outbox. Nobody waits for it, so none is `final`."""
        cycle, post = self.cycle, self._let_go()
        if post is None:
            return Commit.LOST_FLOOR
        verdict, _ = cycle.run(
            posts.commit(
                post,
                action=action,
                token=self.token,
                hold=self.hold,
                cooldown=cycle.served.cooldown(cycle.settings, self._rules(post)),
                limits=self._limits(post),
                settings=cycle.settings,
                request=request(),
            )
        )
        if verdict in {Commit.COMMITTED, Commit.DRY_RUN}:
            engaged = decay.to_json(decay.spoke(cycle.now_ms))
            cycle.later(states.remember(cycle.bot, post.channel, engaged))
        if verdict is Commit.COMMITTED:
            cycle.committed = True
            cycle.deliver(post.channel, post.entry_id, None)
        return verdict

    def decline(self, reason: str, cost: Cost | None = None) -> None:
        """Give the floor back; the silence may have cost something."""
        cycle, post = self.cycle, self._let_go()
        if post is None:
            return
        spent = cost if cost is not None else Cost()
        limits = self._limits(post)
        cycle.run(holds.settle(self.hold, limits, spent, request()))
        next_turn = cycle.run(posts.release(post, self.token, reason, request()))
        cycle.next_turns.append(next_turn)

    def _rules(self, post: PostTarget) -> Rules:
        return self.cycle.settings.rules_at(post.channel, post.parent, post.guild)

    def _limits(self, post: PostTarget) -> Limits:
        return self.cycle.served.limits.within(self._rules(post))

    def _let_go(self) -> PostTarget | None:
        # Before the script: a floor that the outbox entry holds cannot be renewed, and
        # the lock would count as lost.
        post, self.granted, self.cycle.turn = self.granted, None, None
        return post
