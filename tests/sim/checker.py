"""The promises, checked on Discord's record and the journals alone."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from tests.sim.clock import START
from tests.sim.record import CHANNEL_IDS, Message
from tests.sim.scenario import BOTS
from tests.sim.simulation import Outcome, Silence

PASSING = frozenset(
    {
        ("admit", "direct"),
        ("admit", "duplicate"),
        ("plan", "reply"),
        ("plan", "react"),
        ("plan", "left"),
        ("claim", "wait"),
        ("claim", "quiet"),
        ("claim", "lost_lock"),
        ("reserve", "lost_floor"),
        ("reserve", "lost_lock"),
        ("commit", "committed"),
        ("commit", "lost_floor"),
        ("commit", "lost_lock"),
        ("commit", "stale"),
        ("context", "missing"),
        ("cycle", "failed"),
        ("deliver", "retry"),
        ("edit", "edited"),
        ("release", "kept"),
    }
)
"""Steps that say what happens and not why nothing will."""


@dataclass(frozen=True, slots=True)
class Broken:
    """A promise that was not kept."""

    promise: str
    what: str

    def __str__(self) -> str:
        return f"{self.promise}: {self.what}"


class Checker:
    """Judges one outcome."""

    def __init__(self, outcome: Outcome) -> None:
        self._outcome = outcome
        self._by_id = {one.id: one for one in outcome.messages}
        self._posts = [one for one in outcome.messages if one.bot]
        self._answers: dict[tuple[str, str], Message] = {}
        for post in self._posts:
            if post.reply_to:
                self._answers.setdefault((post.bot, post.reply_to), post)

    def broken(self) -> list[Broken]:
        """Every promise that was not kept, in no other order than theirs."""
        return [
            *self._doubled(),
            *self._piled_on(),
            *self._lost(),
            *self._out_of_order(),
            *self._too_soon(),
            *self._spoken_while_muted(),
            *self._over_budget(),
        ]

    def _doubled(self) -> Iterator[Broken]:
        nonces = Counter((one.bot, one.nonce) for one in self._posts)
        for (bot, nonce), times in nonces.items():
            if times > 1:
                yield Broken("no duplicate", f"{bot} posted {nonce} {times} times")
        answers = Counter((one.bot, one.reply_to) for one in self._posts)
        for (bot, message), times in answers.items():
            if message and times > 1:
                yield Broken("no duplicate", f"{bot} answered {message} {times} times")

    def _piled_on(self) -> Iterator[Broken]:
        for message, act in self._outcome.said.items():
            who = [bot for bot in BOTS if (bot, message) in self._answers]
            who += [bot for bot, _ in self._by_id[message].reactions]
            unasked = sorted(set(who) - set(act.asks))
            # An edit may take the names away before a gateway hears of the message.
            asks = act.asks and self._by_id[message].edited_at is None
            if len(unasked) > 1 or (unasked and asks):
                yield Broken("no pile-on", f"{unasked} answered {message} unasked")

    def _lost(self) -> Iterator[Broken]:
        for message, act in self._outcome.said.items():
            said = self._by_id[message]
            if said.deleted_at is not None or said.edited_at is not None:
                continue
            for bot in act.asks:
                if (bot, message) in self._outcome.unheard:
                    continue
                if not self._answered(bot, said) and not self._excused(bot, message):
                    yield Broken("nothing direct lost", f"{bot} owes {message}")

    def _answered(self, bot: str, said: Message) -> bool:
        reacted = any(who == bot for who, _ in said.reactions)
        return reacted or (bot, said.id) in self._answers

    def _excused(self, bot: str, message: str) -> bool:
        return any(
            (line.step, line.verdict) not in PASSING
            for line in self._outcome.journals[message]
            if line.bot == bot
        )

    def _out_of_order(self) -> Iterator[Broken]:
        lanes: dict[tuple[str, str, str], list[tuple[int, Message]]] = defaultdict(list)
        for message, act in self._outcome.said.items():
            for line in self._outcome.journals[message]:
                if (line.step, line.verdict) == ("admit", "direct"):
                    answer = self._answers.get((line.bot, message))
                    # Where another bot was named first it waits for that one, and what
                    # came later need not.
                    if answer is not None and act.asks[:1] == (line.bot,):
                        lane = line.bot, act.channel, act.who
                        lanes[lane].append((line.at_ms, answer))
        for (bot, channel, who), answers in lanes.items():
            heard = [answer for _, answer in sorted(answers, key=lambda one: one[0])]
            for before, after in pairwise(heard):
                # What was missed is heard late. Each person's messages are answered in
                # the order in which they were written, where they wait together.
                written = int(before.reply_to) < int(after.reply_to)
                if written and after.at < before.at:
                    yield Broken(
                        "order",
                        f"{bot} answered {who}'s {after.reply_to} in {channel} before "
                        f"{before.reply_to}, which it heard first",
                    )

    def _too_soon(self) -> Iterator[Broken]:
        cooldown = self._outcome.scenario.cooldown * 1000
        for bot in BOTS:
            commits = sorted(
                (line.at_ms, message)
                for message, act in self._outcome.said.items()
                if bot not in act.asks
                for line in self._outcome.journals[message]
                if line.bot == bot and line.verdict == "committed"
            )
            for (before, _), (after, message) in pairwise(commits):
                if after - before < cooldown:
                    yield Broken(
                        "cooldown", f"{bot} {after - before} ms later: {message}"
                    )

    def _spoken_while_muted(self) -> Iterator[Broken]:
        for silence in self._outcome.silences:
            for post in self._posts:
                if silence.from_s < post.at < silence.until_s and _holds(silence, post):
                    yield Broken(
                        "mute", f"{post.bot} posted {post.id}, {silence.scope} is muted"
                    )

    def _over_budget(self) -> Iterator[Broken]:
        roots = Counter(self._root(post) for post in self._posts)
        most = self._outcome.scenario.root_posts
        for root, posts in roots.items():
            if root and posts > most:
                yield Broken("budgets", f"{root} caused {posts} posts, not {most}")
        days = Counter(
            (one.bot, int((START + one.at) // 86_400)) for one in self._posts
        )
        for (bot, _), posts in days.items():
            if posts > self._outcome.scenario.daily_posts:
                yield Broken("budgets", f"{bot} posted {posts} times in a day")

    def _root(self, post: Message) -> str:
        seen = post
        while seen.bot and seen.reply_to in self._by_id:
            seen = self._by_id[seen.reply_to]
        return "" if seen.bot else seen.id


def _holds(silence: Silence, post: Message) -> bool:
    kind, _, name = silence.scope.partition(":")
    return (
        kind == "all"
        or (kind == "bot" and name == post.bot)
        or (kind == "channel" and CHANNEL_IDS[name] == post.channel)
    )
