"""The limits that scripts check before money is spent, as one value."""

from __future__ import annotations

import functools
import json
from dataclasses import asdict, dataclass, replace

from app.domain.character import Character
from app.domain.places import Rules
from app.domain.settings import Settings

MICRO = 1_000_000
GRACE_S = 30.0
"""A call that is cut off at its time-out is settled within so many seconds."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Budgets of one bot: per root, per day, for all bots together, per person and per
    channel. Money in micro-USD."""

    root_posts: int
    root_hops: int
    root_tokens: int
    root_micro_usd: int
    daily_posts: int
    daily_tokens: int
    daily_micro_usd: int
    daily_posts_all: int
    daily_tokens_all: int
    daily_micro_usd_all: int
    person_tokens: int
    person_micro_usd: int
    channel_tokens: int
    channel_micro_usd: int
    person_hourly: int
    call_ms: int
    """In how many ms a call of a model has surely ended."""
    person_share: float
    """Of the bot's daily posts, for one person."""
    quiet_reserve: float
    """Of the bot's daily posts, for people who had fewer than `quiet_posts` answers
    today."""
    quiet_posts: int
    waiting: int
    """Direct messages that may wait for the bot in one channel; half as many again from
    people who asked little."""
    channel_bytes: int
    """Of what a channel's messages leave in the journal and in elections."""

    @classmethod
    def of(cls, settings: Settings) -> Limits:
        """The limits that hold for every bot."""
        s = settings
        return cls(
            root_posts=s.root_posts,
            root_hops=s.root_hops,
            root_tokens=s.root_tokens,
            root_micro_usd=int(s.root_usd * MICRO),
            daily_posts=s.daily_posts,
            daily_tokens=s.daily_tokens,
            daily_micro_usd=int(s.daily_usd * MICRO),
            daily_posts_all=s.daily_posts_all,
            daily_tokens_all=s.daily_tokens_all,
            daily_micro_usd_all=int(s.daily_usd_all * MICRO),
            person_tokens=s.person_daily_tokens,
            person_micro_usd=int(s.person_daily_usd * MICRO),
            channel_tokens=s.channel_daily_tokens,
            channel_micro_usd=int(s.channel_daily_usd * MICRO),
            person_hourly=s.person_hourly,
            person_share=s.person_share,
            quiet_reserve=s.quiet_reserve,
            quiet_posts=s.quiet_posts,
            waiting=s.direct_waiting,
            channel_bytes=s.channel_bytes,
            call_ms=int((s.model_timeout + GRACE_S) * 1000),
        )

    def with_pacing(
        self,
        daily_posts: int | None,
        daily_tokens: int | None,
        daily_usd: float | None,
        person_hourly: int | None,
    ) -> Limits:
        """The same with a character's own limits where it has any."""
        return replace(
            self,
            daily_posts=self.daily_posts if daily_posts is None else daily_posts,
            daily_tokens=self.daily_tokens if daily_tokens is None else daily_tokens,
            daily_micro_usd=self.daily_micro_usd
            if daily_usd is None
            else int(daily_usd * MICRO),
            person_hourly=self.person_hourly
            if person_hourly is None
            else person_hourly,
        )

    def within(self, rules: Rules) -> Limits:
        """The same with a channel's own caps where it has any."""
        if rules.daily_tokens is None and rules.daily_usd is None:
            return self
        tokens, usd = rules.daily_tokens, rules.daily_usd
        return replace(
            self,
            channel_tokens=self.channel_tokens if tokens is None else tokens,
            channel_micro_usd=self.channel_micro_usd
            if usd is None
            else int(usd * MICRO),
        )

    def json(self) -> str:
        """For a script's ARGV."""
        return _json(self)


def limits_of(character: Character, settings: Settings) -> Limits:
    """A bot's limits: its own where its file has any."""
    pacing = character.pacing
    return Limits.of(settings).with_pacing(
        pacing.daily_posts, pacing.daily_tokens, pacing.daily_usd, pacing.person_hourly
    )


@functools.lru_cache(maxsize=512)
def _json(limits: Limits) -> str:
    """Every admission sends it, and it changes only with the settings or a character
    file."""
    return json.dumps(asdict(limits))
