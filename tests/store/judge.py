"""The promises, judged from what the store answered alone; it knows nothing of how."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from app.store.limits import Limits


@dataclass
class Judge:
    """Notes of one run. Each method fails when what it is told breaks a promise."""

    tokens: dict[str, tuple[int, int]] = field(default_factory=dict)
    grants: dict[str, list[str]] = field(default_factory=dict)
    payers: dict[str, str] = field(default_factory=dict)
    answered: dict[str, list[str]] = field(default_factory=dict)
    over: set[str] = field(default_factory=set)
    entries: Counter[str] = field(default_factory=Counter)
    posts: Counter[str] = field(default_factory=Counter)

    def floor_granted(self, channel: str, token: str, grant: int) -> None:
        """A new grant has a higher token than every earlier one of its channel; a
        holder that asks again keeps its own."""
        last, last_grant = self.tokens.get(channel, (0, 0))
        assert (int(token) == last) if grant == last_grant else (int(token) > last), (
            f"token {token} after {last}"
        )
        self.tokens[channel] = int(token), grant

    def elected(self, message: str, bot: str) -> None:
        """One bot is granted a message; at most one more, another, if it did not act;
        none once it is answered or declined."""
        grants = self.grants.setdefault(message, [])
        if grants and grants[-1] == bot:
            return
        assert message not in self.over, (
            f"{message} was granted to {bot} after it was answered or declined"
        )
        assert bot not in grants, f"{message} came back to {bot}"
        grants.append(bot)
        assert len(grants) <= 2, f"{message} was granted to {grants}"

    def paid(self, message: str, bot: str, is_direct: bool) -> None:
        """Nobody but the first payer ever pays for an unaddressed message, and nobody
        after it is over."""
        if is_direct:
            return
        assert message not in self.over, (
            f"{bot} paid for {message} after it was answered or declined"
        )
        first = self.payers.setdefault(message, bot)
        assert first == bot, f"{bot} paid for {message} after {first} had"

    def committed(self, message: str, bot: str, is_direct: bool, entry: str) -> None:
        """An unaddressed message is answered once; one that addresses bots, at most
        once by each."""
        answers = self.answered.setdefault(message, [])
        if is_direct:
            assert bot not in answers, f"{bot} answered {message} twice"
        else:
            assert not answers, f"{bot} answered {message} after {answers}"
            assert message not in self.over, (
                f"{bot} answered {message} after it was declined"
            )
        answers.append(bot)
        if not is_direct:
            self.over.add(message)
        self.entries[entry] += 1
        assert self.entries[entry] == 1, f"entry {entry} was committed twice"

    def declined(self, message: str, is_direct: bool) -> None:
        """A declined unaddressed message is over for everybody."""
        if not is_direct:
            self.over.add(message)

    def posted(self, bot: str, root: str, limits: Limits) -> None:
        """No day and no root has more posts than it may; `root` is empty for a
        reaction."""
        for scope, limit in (
            (bot, limits.daily_posts),
            ("all", limits.daily_posts_all),
            (root, limits.root_posts),
        ):
            if scope:
                self.posts[scope] += 1
                assert self.posts[scope] <= limit, (
                    f"{self.posts[scope]} posts of {scope}, limit {limit}"
                )
