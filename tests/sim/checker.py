"""The promises, checked on Discord's record and the journals alone: for the simulation
and for the chaos on real processes."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise

from app.domain.model import JournalLine
from tests.sim.evidence import FOREVER, Evidence, Said, Shown

DAY_S = 86_400
HEALED_S = 10.0
"""Seconds after Redis was emptied in which the gateways write again what they know."""
UNTOLD_S = 6.0
"""Seconds before it was emptied of whose posts no gateway has read yet."""
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
        ("commit", "goes_on"),
        ("context", "missing"),
        ("cycle", "failed"),
        ("deliver", "retry"),
        ("deliver", "delivered"),
        ("edit", "edited"),
        ("release", "kept"),
    }
)
"""Steps that say what happens and not why nothing will."""


THOUGHT_S = 12.0
"""Seconds from its first line on in which a thought goes on."""
GOES_ON = "goes on"
"""So the reason begins with which a bot takes a line for the rest of a thought."""
OVERTAKEN_MOST = 2
"""Later messages that may come first, for each time that a cycle could not carry the
earlier one through: as many as one cycle answers."""
LATER_TURNS = 2
"""Turns for later messages that may come first in a channel, for each time that a cycle
could not carry the earlier one through: one that has begun, and one for a bot that is
called and comes late."""
GIVEN_BACK = frozenset(
    {
        ("claim", "lost_lock"),
        ("reserve", "lost_floor"),
        ("reserve", "lost_lock"),
        ("commit", "lost_floor"),
        ("commit", "lost_lock"),
        ("commit", "stale"),
        ("commit", "goes_on"),
        ("context", "missing"),
        ("cycle", "failed"),
        ("release", "kept"),
    }
)


@dataclass(frozen=True, slots=True)
class Waited:
    """A message to a bot, and when it was due and answered, in Unix ms. `turn`: when it
    was due to the first of the bots that it names, who share its turn."""

    bot: str
    message: str
    who: str
    turn: int
    due: int
    answered: float


@dataclass(frozen=True, slots=True)
class Turn:
    """A direct turn of a bot in a channel: when the first bot heard its message, when it
    first asked for the floor, and when it had it and committed, in Unix ms. `failures`:
    cycles that came to nothing."""

    bot: str
    message: str
    who: str
    heard: int
    asked: int
    committed: int
    waited: bool
    """Whether it did not have the floor at once, with no earlier message of its author
    open: such a one may be overtaken by other people's first ones."""
    failures: int


@dataclass(frozen=True, slots=True)
class Broken:
    """A promise that was not kept."""

    promise: str
    what: str

    def __str__(self) -> str:
        return f"{self.promise}: {self.what}"


def _is_told(line: JournalLine) -> bool:
    """Whether a bot's gateway admitted that the message speaks to it."""
    return (line.step, line.verdict) == ("admit", "direct")


def is_excused(bot: str, lines: Iterable[JournalLine]) -> bool:
    """Whether a message's journal says why a bot will not answer it."""
    return any(
        (line.step, line.verdict) not in PASSING for line in lines if line.bot == bot
    )


class Checker:
    """Judges one run."""

    def __init__(self, evidence: Evidence) -> None:
        self._evidence = evidence
        self._by_id = {one.id: one for one in evidence.messages}
        self._posts = [one for one in evidence.messages if one.bot]
        self._questions: dict[tuple[str, str], list[tuple[float, tuple[str, ...]]]]
        self._questions = defaultdict(list)
        for message, said in evidence.said.items():
            asked = self._by_id[message].at, said.asks
            self._questions[said.who, said.channel].append(asked)
        self._answers: dict[tuple[str, str], Shown] = {}
        for post in self._posts:
            if post.reply_to:
                self._answers.setdefault((post.bot, post.reply_to), post)

    def broken(self) -> list[Broken]:
        """Every promise that was not kept, in no other order than theirs."""
        return [
            *(Broken("no fault of our own", one) for one in self._evidence.own_faults),
            *self._doubled(),
            *self._piled_on(),
            *self._lost(),
            *self._out_of_order(),
            *self._overtaken(),
            *self._kept_from_the_floor(),
            *self._answered_in_pieces(),
            *self._permitted_no_more(),
            *self._too_soon(),
            *self._begun_in_quiet_time(),
            *self._spoken_while_muted(),
            *self._over_budget(),
            *self._stale(),
            *self._answered_though_deleted(),
        ]

    def answered_at(self, bot: str, message: str) -> float | None:
        """When a bot answered a message, in Unix seconds."""
        answer = self._answers.get((bot, message))
        return None if answer is None else answer.at

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
        for message, said in self._evidence.said.items():
            shown = self._by_id[message]
            who = [
                bot for bot in self._evidence.bots if (bot, message) in self._answers
            ]
            unasked = sorted({*who, *shown.reacted} - self._addressed(message))
            # An edit may take the names away before a gateway hears of the message.
            asks = said.asks and not shown.edited
            if len(unasked) > 1 or (unasked and asks):
                yield Broken("no pile-on", f"{unasked} answered {message} unasked")

    def _lost(self) -> Iterator[Broken]:
        for message, said in self._evidence.said.items():
            shown = self._by_id[message]
            if shown.deleted is not None or shown.edited or self._forgotten(shown):
                continue
            for bot in self._owing(message, said):
                if (bot, message) in self._evidence.unheard:
                    continue
                if self._is_forgotten_by(bot, shown):
                    continue
                if not self._answered(bot, shown) and not self._excused(bot, message):
                    yield Broken("nothing direct lost", f"{bot} owes {message}")

    def _owing(self, message: str, said: Said) -> tuple[str, ...]:
        """Who is to answer: whoever is asked, and whoever took it for a further line of
        what it was asked."""
        went_on = self._addressed(message) - {*said.asks}
        return (
            *said.asks,
            *sorted(one for one in went_on if self._heard(one, message)),
        )

    def _addressed(self, message: str) -> frozenset[str]:
        """Whom a message or its thought speaks to. What somebody says soon after a
        question may be taken for its rest, whether it was meant so or not."""
        said, at = self._evidence.said[message], self._by_id[message].at
        asked = {
            bot
            for begun, bots in self._questions[said.who, said.channel]
            if at - THOUGHT_S <= begun < at
            for bot in bots
        }
        taken = {
            line.bot
            for line in self._evidence.journals[message]
            if _is_told(line) and line.reason.startswith(GOES_ON)
        }
        # The journal that would tell is gone with an emptied Redis.
        if self._forgotten(self._by_id[message]):
            taken = asked
        return said.addressed | (asked & taken)

    def _forgotten(self, shown: Shown) -> bool:
        """Whether Redis was emptied after it: what was admitted then is lost, and so is
        the journal that says so."""
        return any(shown.at < at + HEALED_S for at in self._evidence.emptied)

    def _is_forgotten_by(self, bot: str, shown: Shown) -> bool:
        """Whether Redis and then the bot's gateway lost where it had read before this
        was said: the bot comes back as one that was never here."""
        return any(
            one == bot and shown.at < back + HEALED_S
            for one, back in self._evidence.forgot
        )

    def _answered(self, bot: str, shown: Shown) -> bool:
        return bot in shown.reacted or (bot, shown.id) in self._answers

    def _excused(self, bot: str, message: str) -> bool:
        """Whether its journal says why not. A line that another took along is answered
        where that one is."""
        lines = self._evidence.journals[message]
        for line in lines:
            if (line.bot, line.verdict) == (bot, "joined"):
                other = self._by_id[line.reason.rpartition(" ")[2]]
                gone = other.deleted is not None or self._forgotten(other)
                return (
                    gone or self._answered(bot, other) or self._excused(bot, other.id)
                )
        return is_excused(bot, lines)

    def _out_of_order(self) -> Iterator[Broken]:
        for (bot, channel, who), answers in self._lanes().items():
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

    def _lanes(self) -> dict[tuple[str, str, str], list[tuple[int, Shown]]]:
        """By bot, channel and person: when each message was heard, and its answer."""
        lanes: dict[tuple[str, str, str], list[tuple[int, Shown]]] = defaultdict(list)
        for message, said in self._evidence.said.items():
            for line in self._evidence.journals[message]:
                if (line.step, line.verdict) == ("admit", "direct"):
                    answer = self._answers.get((line.bot, message))
                    # Where another bot was named first it waits for that one, and what
                    # came later need not.
                    if answer is not None and said.asks[:1] == (line.bot,):
                        lane = line.bot, said.channel, said.who
                        lanes[lane].append((line.at_ms, answer))
        return lanes

    def _overtaken(self) -> Iterator[Broken]:
        """Whoever has one message waiting is answered before whoever speaks later."""
        for waits in self._queues().values():
            for mine in waits:
                later = [
                    one
                    for one in waits
                    if one.who != mine.who
                    and one.turn > mine.turn
                    and one.due > mine.due
                    and int(one.message) > int(mine.message)
                    and one.answered < mine.answered
                ]
                allowed = OVERTAKEN_MOST * (1 + self._failures(mine))
                # A line that is not the whole of a thought waits for the rest.
                waits_on = self._evidence.said[mine.message].begun
                if len(later) > allowed and not waits_on and not self._has_more(mine):
                    yield Broken(
                        "fairness",
                        f"{mine.bot} answered {len(later)} later ones before {mine.message}",
                    )

    def _kept_from_the_floor(self) -> Iterator[Broken]:
        """A bot that was spoken to and stands in a channel's queue has the floor before
        other bots have it for later messages: but for the turn that has begun, and as
        long as it does not come when it is called."""
        if self._evidence.limits.floor_lease == FOREVER:
            return
        for waits in self._floors().values():
            for mine in (one for one in waits if one.waited):
                later = [
                    one
                    for one in waits
                    if one.bot != mine.bot
                    and one.who != mine.who
                    and one.asked > mine.asked
                    # The queue's order is that in which messages were heard.
                    and one.heard > mine.heard
                    and int(one.message) > int(mine.message)
                    and one.committed < mine.committed
                    and not self._is_away(mine, one.committed / 1000)
                ]
                if len(later) > LATER_TURNS * (1 + mine.failures):
                    waited = (mine.committed - mine.asked) / 1000
                    yield Broken(
                        "the floor's queue",
                        f"{mine.bot} waited {waited:.0f} s with {mine.message}, "
                        f"{len(later)} later turns came first",
                    )

    def _is_away(self, mine: Turn, at: float) -> bool:
        """Whether a bot that waits may be passed over at this time: a worker is stopped
        for longer than a lease of its wait. With its hints there the bot does not come
        when it is called, nor in the turn that has begun when the worker goes on."""
        first, last = mine.asked / 1000, mine.committed / 1000
        lease = self._evidence.limits.floor_lease
        return any(
            min(until, last) - max(begun, first) > lease and begun < at < until + lease
            for begun, until in self._evidence.stopped
        )

    def _floors(self) -> dict[str, list[Turn]]:
        """By channel: the direct turns of whoever was named first or alone."""
        floors: dict[str, list[Turn]] = defaultdict(list)
        for message, said in self._evidence.said.items():
            bot = said.asks[0] if said.asks else ""
            asked, committed = 0, 0
            for line in self._evidence.journals[message]:
                if line.bot == bot and line.step == "claim" and not asked:
                    asked = line.at_ms
                if line.bot == bot and line.verdict == "committed":
                    committed = line.at_ms
            if committed and not self._forgotten(self._by_id[message]):
                heard = self._first_heard(message) or asked
                mine = Waited(bot, message, said.who, heard, heard, committed)
                waited = asked > 0 and not self._has_more(mine)
                one = Turn(
                    bot=bot,
                    message=message,
                    who=said.who,
                    heard=heard,
                    asked=asked or committed,
                    committed=committed,
                    waited=waited,
                    failures=self._failures(mine),
                )
                floors[said.channel].append(one)
        return floors

    def _first_heard(self, message: str) -> int:
        """When the first of our bots heard that it is spoken to, in ms; 0: none did."""
        lines = self._evidence.journals[message]
        return min((line.at_ms for line in lines if _is_told(line)), default=0)

    def _permitted_no_more(self) -> Iterator[Broken]:
        """Each permission to speak in a channel ends those before it: their numbers
        rise, and so nobody commits with an earlier one."""
        commits: dict[str, list[tuple[int, float, str]]] = defaultdict(list)
        for message, said in self._evidence.said.items():
            for line in self._evidence.journals[message]:
                token = line.numbers.get("token")
                if line.step == "commit" and line.verdict == "committed" and token:
                    commits[said.channel].append((line.at_ms, float(token), message))
        for channel in commits.values():
            for before, after in pairwise(sorted(channel)):
                if after[1] < before[1]:
                    yield Broken("permission", f"{after[2]} after {before[2]}")

    def _answered_in_pieces(self) -> Iterator[Broken]:
        """Lines of one thought have one answer: whoever answers a line knows of those
        that went on with it."""
        thoughts: dict[str, list[str]] = defaultdict(list)
        for message, said in self._evidence.said.items():
            if said.begun:
                thoughts[said.begun].append(message)
        for begun, lines in thoughts.items():
            for bot in self._evidence.said[begun].calls:
                for line, after in pairwise(
                    one for one in lines if (bot, one) in self._answers
                ):
                    known = self._knew(bot, line, after)
                    if known and not self._asks_anew(bot, line, after):
                        yield Broken(
                            "one answer to a thought",
                            f"{bot} answered {line} and then {after}, which went on",
                        )

    def _asks_anew(self, bot: str, line: str, after: str) -> bool:
        """Whether the author asked a bot something else between two lines: the later one
        may go on with that."""
        first, last = int(line), int(after)
        mine = self._evidence.said[line]
        return any(
            first < int(message) < last
            and (said.who, said.channel) == (mine.who, mine.channel)
            and said.begun != mine.begun
            and bot in said.asks
            for message, said in self._evidence.said.items()
        )

    def _knew(self, bot: str, line: str, after: str) -> bool:
        """Whether a bot had heard that a line goes on when it committed an answer to it
        alone, and no other draft had been too old before."""
        lines = self._evidence.journals[line]
        mine = [one for one in lines if one.bot == bot and one.step == "commit"]
        if any(one.verdict in {"stale", "goes_on"} for one in mine):
            return False
        sent = [one.at_ms for one in mine if one.verdict == "committed"]
        return any(
            one.bot == bot
            and _is_told(one)
            and one.reason.startswith(GOES_ON)
            and one.at_ms < sent[0]
            for one in self._evidence.journals[after]
            if sent
        )

    def _queues(self) -> dict[tuple[str, str], list[Waited]]:
        """By bot and channel: who waited for it alone, or as the first that was
        named."""
        queues: dict[tuple[str, str], list[Waited]] = defaultdict(list)
        for message, said in self._evidence.said.items():
            bot = said.asks[0] if said.asks else ""
            answer, due = self._answers.get((bot, message)), self._due(bot, message)
            if answer is not None and due and not self._forgotten(self._by_id[message]):
                channel = self._by_id[message].channel
                turn = min(due, *(self._due(one, message) or due for one in said.asks))
                one = Waited(bot, message, said.who, turn, due, answer.at * 1000)
                queues[bot, channel].append(one)
        return queues

    def _heard(self, bot: str, message: str) -> int:
        """When a bot's gateway admitted that it is spoken to, in ms; 0: it did not."""
        return next(
            (
                line.at_ms
                for line in self._evidence.journals[message]
                if line.bot == bot and _is_told(line)
            ),
            0,
        )

    def _due(self, bot: str, message: str) -> int:
        """When a bot could begin with what it heard, in ms; 0: it did not hear it. A
        line that may go on waits a moment for its rest."""
        return next(
            (
                line.at_ms + int(line.numbers.get("waits_ms", 0))
                for line in self._evidence.journals[message]
                if line.bot == bot and _is_told(line)
            ),
            0,
        )

    def _has_more(self, mine: Waited) -> bool:
        """Whether a message of the same person in the channel, written or heard earlier,
        was open: others' first messages may come before a second."""
        channel = self._by_id[mine.message].channel
        for message, said in self._evidence.said.items():
            if said.who != mine.who or message == mine.message:
                continue
            heard = 0 < self._first_heard(message) < mine.turn
            if not heard and int(message) > int(mine.message):
                continue
            if self._by_id[message].channel != channel:
                continue
            for bot in said.asks:
                answer = self._answers.get((bot, message))
                if answer is None or answer.at * 1000 > mine.turn:
                    return True
        return False

    def _failures(self, mine: Waited) -> int:
        """How often a cycle had this message in hand and could not carry it through."""
        return sum(
            line.bot == mine.bot and (line.step, line.verdict) in GIVEN_BACK
            for line in self._evidence.journals[mine.message]
        )

    def _begun_in_quiet_time(self) -> Iterator[Broken]:
        quiet = self._evidence.limits.quiet_time * 1000
        posted: dict[str, list[float]] = defaultdict(list)
        for post in self._posts:
            posted[post.channel].append(post.at * 1000)
        for message in self._evidence.said:
            shown = self._by_id[message]
            for line in self._evidence.journals[message]:
                if (line.step, line.verdict) != ("elect", "granted"):
                    continue
                if self._forgotten(shown):
                    continue
                for at in posted[shown.channel]:
                    begun = 0 < line.at_ms - at < quiet
                    if begun and not self._emptied_between(at, line.at_ms):
                        yield Broken(
                            "quiet time",
                            f"{line.bot} began {message} {line.at_ms - at:.0f} ms "
                            "after a post",
                        )

    def _emptied_between(self, first_ms: float, then_ms: float) -> bool:
        """Whether Redis lost meanwhile what it knew of a post, or was about to learn."""
        return any(
            first_ms < (at + HEALED_S) * 1000 and at * 1000 < then_ms
            for at in self._evidence.emptied
        )

    def _too_soon(self) -> Iterator[Broken]:
        cooldown = self._evidence.limits.cooldown * 1000
        for bot in self._evidence.bots:
            commits = sorted(
                (line.at_ms, message)
                for message in self._evidence.said
                if bot not in self._addressed(message)
                for line in self._evidence.journals[message]
                if line.bot == bot and line.verdict == "committed"
            )
            for (before, _), (after, message) in pairwise(commits):
                if after - before < cooldown:
                    yield Broken(
                        "cooldown", f"{bot} {after - before} ms later: {message}"
                    )

    def _spoken_while_muted(self) -> Iterator[Broken]:
        for silence in self._evidence.silences:
            for post in self._posts:
                if silence.holds(post):
                    yield Broken(
                        "mute", f"{post.bot} posted {post.id}, {silence.scope} is muted"
                    )

    def _over_budget(self) -> Iterator[Broken]:
        limits = self._evidence.limits
        roots = Counter(self._root(post) for post in self._posts)
        for root, posts in roots.items():
            # What a message caused is forgotten with it.
            if not root or self._forgotten(self._by_id[root]):
                continue
            if posts > limits.root_posts:
                yield Broken(
                    "budgets", f"{root} caused {posts} posts, not {limits.root_posts}"
                )
        counted = (one for one in self._posts if not self._untold(one))
        days = Counter((one.bot, int(one.at // DAY_S)) for one in counted)
        for (bot, _), posts in days.items():
            if posts > limits.daily_posts:
                yield Broken("budgets", f"{bot} posted {posts} times in a day")

    def _untold(self, post: Shown) -> bool:
        """Whether a post came so shortly before Redis was emptied that it is not counted
        any more, or its gateway died with the count before it had written it again."""
        for emptied in self._evidence.emptied:
            if emptied - UNTOLD_S < post.at < emptied + HEALED_S:
                return True
            known = any(
                bot == post.bot and at >= emptied for bot, at in self._evidence.restored
            )
            if post.at < emptied and not known:
                return True
        return False

    def _root(self, post: Shown) -> str:
        seen = post
        while seen.bot and seen.reply_to in self._by_id:
            seen = self._by_id[seen.reply_to]
        return "" if seen.bot else seen.id

    def _stale(self) -> Iterator[Broken]:
        latest = self._evidence.limits.stale_after
        for (bot, message), answer in self._answers.items():
            said = self._evidence.said.get(message)
            if said is None or bot in self._addressed(message):
                continue
            late = answer.at - self._by_id[message].at
            if late > latest:
                yield Broken("freshness", f"{bot} answered {message} {late:.0f} s late")

    def _answered_though_deleted(self) -> Iterator[Broken]:
        """Discord shows no more what such an answer answers: the journal tells it."""
        for message in self._evidence.said:
            lines = self._evidence.journals[message]
            gone = [line.at_ms for line in lines if line.verdict == "deleted"]
            for line in lines:
                sent = (line.step, line.verdict) == ("commit", "committed")
                if gone and sent and line.at_ms > min(gone):
                    yield Broken("deletion", f"{line.bot} answered {message} after it")
