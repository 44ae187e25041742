"""What happens in a simulation, made from its seed: plain data, so that parts can be
left out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import islice
from random import Random

VERSION = 7
"""A seed means another simulation in another version."""

BOTS = ("aria", "dotty", "elena")
PEOPLE = ("Ada", "Ben", "Cleo", "Dan", "Eve", "Fay", "Gus", "Ida")
CHANNELS = ("lounge", "garden", "attic")
THREADS = {"attic": "lounge"}
"""Those that are threads, and in which channel."""
PRIVATE = "private"
"""In place of a channel: the direct messages of the person and the bot asked."""

SHARE_CROWDS = 0.02
"""Of what is said: everybody asks at once."""
SHARE_BUSY = 0.03
"""Of what is said: a channel is busy for a while."""
BUSY_S = 40.0
BUSY_ROUNDS = 3
"""How long, and how often everybody asks meanwhile."""
SHARE_AGAIN = 0.15
"""Of what is said: whoever asked last asks once more."""
SHARE_THOUGHTS = 0.1
"""Of what is said: one thought in several lines."""
BEGIN = 30.0
"""Seconds until people begin to speak: who starts for the first time reads nothing
back."""

CHATTER = (
    "what a day, the stars were bright over the hills last night",
    "anybody seen a good film lately?",
    "I baked bread this morning and it came out great",
    "my telescope arrived, first light tonight!",
    "the train was late again",
    "does anyone know a good book about gardens?",
    "music helps me think",
)
OPENINGS = ("hi", "so I was wondering,", "about yesterday and", "hey, quick question:")
MIDDLES = ("well,", "I read a lot lately and", "it was raining, so")
QUESTIONS = (
    "how are you today?",
    "what do you think about the moon?",
    "can you recommend a book?",
    "what did you do yesterday?",
    "do you like rain?",
)


@dataclass(frozen=True, slots=True)
class Act:
    """Something a person or an operator does, `at` seconds after the beginning. `kind`:
    say, type, edit, delete, mute, unmute. `number` of a say names its message for the
    others; `scope`: as Discord's names have it."""

    at: float
    kind: str
    number: int = 0
    who: str = ""
    channel: str = ""
    text: str = ""
    asks: tuple[str, ...] = ()
    """Our bots that it speaks to."""
    scope: str = ""
    begun: int = 0
    """The number of the first line of its thought; 0: it is a thought by itself."""
    calls: tuple[str, ...] = ()
    """Whom that first line speaks to, where this one speaks to nobody by itself."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that goes wrong at the next call of a `place` after `at` seconds:
    store (a cycle, a delivery or an admission), commit (the one step from decision to
    outbox), chore (any call of the store), broker,
    post, read, event, receipt (the event of a bot's own post), session, model, process
    or server."""

    at: float
    place: str
    kind: str
    amount: float = 0.0


@dataclass(frozen=True, slots=True)
class Scenario:
    """One simulation."""

    seed: int
    hours: float
    acts: tuple[Act, ...]
    faults: tuple[Fault, ...]
    cooldown: float = 60.0
    root_posts: int = 6
    daily_posts: int = 500
    model: bool = False
    """Whether a language model speaks, or the offline voice."""
    proactive: bool = False
    """Whether bots open conversations where it is quiet."""
    thought_wait: float = 0.0
    """Seconds for which the rest of a thought is waited for; 0: each line is one."""
    nonce_window: float = 120.0
    """Seconds for which Discord knows a nonce."""
    settles: float = 600.0
    """Seconds after the last fault in which all must have been answered."""

    def only(self, acts: tuple[Act, ...], faults: tuple[Fault, ...]) -> Scenario:
        """The same with fewer acts and faults."""
        return replace(self, acts=acts, faults=faults)


_STORE = (
    "refused",
    "answer lost",
    "answer lost",
    "sent twice",
    "crash before",
    "crash after",
    "pause",
    "pause",
    "pause after",
)
FAULTS: dict[str, tuple[str, ...]] = {
    "store": _STORE,
    "chore": _STORE,
    "commit": ("pause", "pause", "pause", "pause after", "crash before", "crash after"),
    "broker": ("lost", "doubled", "late"),
    "post": (
        "500 before",
        "500 after",
        "answer lost",
        "limited",
        "slow",
        "crash before",
        "crash after",
        "pause after",
    ),
    "read": ("500 before", "slow"),
    "event": ("withheld", "doubled", "late"),
    "receipt": ("withheld", "doubled", "late"),
    "session": ("resumed", "new"),
    "model": ("fails", "slow", "wordless"),
    "process": ("crash", "pause", "wrong clock"),
    "server": ("emptied",),
}
_WEIGHTS = {
    "store": 9,
    "chore": 2,
    "commit": 3,
    "broker": 4,
    "post": 6,
    "read": 1,
    "event": 3,
    "receipt": 2,
    "session": 4,
    "model": 2,
    "process": 1,
}
SHARE_BAD_MOMENTS = 0.1
"""Of the faults: with them Discord has a bad moment, where people speak."""
LATE_RECEIPTS = 3
REFUSED_POSTS = 4
"""In half of them: how many events of bots' own posts come late, and how many POSTs
fail."""
SHARE_EMPTIED = 0.25
"""Of the seeds: in them Redis is emptied, once."""
CLOCKS = (-172_800.0, -1_200.0, -90.0, 90.0, 1_200.0, 172_800.0)
"""Seconds by which a process's clock is wrong."""


def scenario(seed: int, hours: float, messages: int = 60, faults: int = 30) -> Scenario:
    """The scenario of a seed; `messages` and `faults` an hour."""
    rng = Random(f"{seed} scenario")
    span = hours * 3600
    acts = _acts(rng, span, int(messages * hours))
    wrong = list(islice(_faults(rng, span, acts), int(faults * hours)))
    if rng.random() < SHARE_EMPTIED:
        wrong.append(Fault(rng.uniform(span / 3, span), "server", "emptied"))
    return Scenario(
        seed=seed,
        hours=hours,
        acts=tuple(sorted(acts, key=lambda act: act.at)),
        faults=tuple(sorted(wrong, key=lambda fault: fault.at)),
        cooldown=rng.choice((0.0, 60.0, 120.0)),
        root_posts=rng.choice((2, 6)),
        daily_posts=rng.choice((12, 500)),
        nonce_window=rng.choice((15.0, 120.0)),
        model=rng.random() < 0.5,
        proactive=rng.random() < 0.5,
        thought_wait=rng.choice((0.0, 2.5)),
    )


def _faults(rng: Random, span: float, acts: list[Act]) -> Iterator[Fault]:
    while True:
        at = rng.uniform(BEGIN, span)
        yield _fault(rng, at, rng.choices(list(_WEIGHTS), list(_WEIGHTS.values()))[0])
        if acts and rng.random() < SHARE_BAD_MOMENTS:
            # A busy channel has more of them, as it has more posts.
            yield from _bad_moment(rng, rng.choice(acts).at + rng.uniform(0, 5))


def _bad_moment(rng: Random, at: float) -> Iterator[Fault]:
    """Anything goes wrong; or what bots have posted comes back late, and what they post
    next fails."""
    refuses = rng.random() < 0.5
    places = ("event", "store") if refuses else ("receipt", "post", "post", "event")
    for place in places:
        yield _fault(rng, at + rng.uniform(0, 2), place)
    for _ in range(LATE_RECEIPTS if refuses else 0):
        late = rng.choice((0.5, 2.0, 7.0))
        yield Fault(at + rng.uniform(0, 2), "receipt", "late", late)
    for _ in range(REFUSED_POSTS if refuses else 0):
        yield Fault(at + rng.uniform(2, 5), "post", "500 before")


def _fault(rng: Random, at: float, place: str) -> Fault:
    kind = rng.choice(FAULTS[place])
    amount = rng.choice((0.5, 2.0, 7.0, 20.0, 70.0, 150.0))
    if kind == "wrong clock":
        amount = rng.choice(CLOCKS)
    return Fault(at, place, kind, amount)


def _acts(rng: Random, span: float, messages: int) -> list[Act]:
    acts: list[Act] = []
    at, number = BEGIN, 0
    while number < messages:
        # People speak in bursts: most messages come soon after another.
        pause = rng.expovariate(1 / 4) if rng.random() < 0.6 else rng.expovariate(1)
        at += pause if rng.random() < 0.6 else pause * span / messages / 2
        if at > span:
            break
        for said in _next(rng, acts, at, number + 1):
            number = max(number, said.number)
            acts.append(said)
            if said.kind == "say":
                acts += _second_thoughts(rng, said)
    return acts


def _next(rng: Random, acts: list[Act], at: float, number: int) -> list[Act]:
    """What is said next: mostly one message."""
    chance = rng.random()
    if chance < SHARE_CROWDS:
        return _crowd(rng, at, number)
    if chance < SHARE_CROWDS + SHARE_BUSY:
        return _busy(rng, at, number)
    again = chance < SHARE_CROWDS + SHARE_BUSY + SHARE_AGAIN
    last = _last_question(acts) if again else None
    if last is not None:
        return [_again(rng, last, number)]
    if chance > 1 - SHARE_THOUGHTS:
        return _thought(rng, at, number)
    return [_said(rng, at, number)]


def _thought(rng: Random, at: float, number: int) -> list[Act]:
    """Somebody calls a bot, goes on in lines that call nobody, and types between
    them."""
    first = _said(rng, at, number)
    asks = first.asks or (rng.choice(BOTS),)
    opening = rng.choice(OPENINGS)
    if first.channel != PRIVATE:
        opening = " and ".join(f"<@{bot}>" for bot in asks) + f" {opening}"
    acts = [replace(first, text=opening, asks=asks, begun=number, calls=asks)]
    for more in range(rng.randint(1, 3)):
        pause = rng.choice((0.05, 1.0, 2.0, 6.0)) + rng.uniform(0, 1)
        if pause > 2:
            acts.append(replace(acts[0], at=at + pause / 2, kind="type"))
        at += pause
        text = rng.choice((*MIDDLES, *QUESTIONS))
        # In private every line speaks to the bot by itself.
        own = asks if first.channel == PRIVATE else ()
        line = number + more + 1
        acts.append(replace(acts[0], at=at, number=line, text=text, asks=own))
    return acts


def _crowd(rng: Random, at: float, number: int) -> list[Act]:
    """Everybody speaks within seconds, to the same bot or each to some bot, so that
    they wait for the floor; some to a second one too."""
    whom, lasts = rng.choice(((rng.choice(BOTS),), BOTS)), rng.choice((1.0, 8.0))
    return _everybody(rng, at, number, whom, lasts)


def _busy(rng: Random, at: float, number: int) -> list[Act]:
    """Everybody asks some bot again and again, faster than a model answers: all bots
    wait for the floor, and each time that one has had it they wait behind others."""
    return _everybody(rng, at, number, BOTS, BUSY_S, BUSY_ROUNDS)


def _everybody(
    rng: Random,
    at: float,
    number: int,
    whom: tuple[str, ...],
    lasts: float,
    rounds: int = 1,
) -> list[Act]:
    channel = rng.choice(CHANNELS)
    people = rng.sample(PEOPLE, len(PEOPLE)) * rounds
    times = sorted(at + rng.uniform(0, lasts) for _ in people)
    return [
        _asked(
            rng=rng,
            at=begun,
            number=number + place,
            who=who,
            channel=channel,
            asks=_one_or_two(rng, rng.choice(whom)),
        )
        for place, (begun, who) in enumerate(zip(times, people, strict=True))
    ]


def _one_or_two(rng: Random, bot: str) -> tuple[str, ...]:
    others = [one for one in BOTS if one != bot]
    return (bot, rng.choice(others)) if rng.random() < 0.2 else (bot,)


def _second_thoughts(rng: Random, said: Act) -> list[Act]:
    """Some messages are edited or deleted soon, and some places muted."""
    chance, later = rng.random(), said.at + rng.uniform(0.05, 20)
    if chance < 0.04:
        return [Act(later, "delete", number=said.number)]
    if chance < 0.08:
        return [Act(later, "edit", number=said.number, text=rng.choice(CHATTER))]
    if chance < 0.14 and said.channel != PRIVATE:
        return _muted(rng, said.at, said.channel)
    return []


def _last_question(acts: list[Act]) -> Act | None:
    said = [act for act in acts if act.kind == "say"]
    return said[-1] if said and said[-1].asks else None


def _again(rng: Random, last: Act, number: int) -> Act:
    """The same person asks the same bots once more, soon."""
    called, _, _ = last.text.rpartition(f"({last.number})")
    at = last.at + rng.uniform(0.05, 3)
    text = f"{called}({number})"
    return replace(last, at=at, number=number, text=text, begun=0, calls=())


def _said(rng: Random, at: float, number: int) -> Act:
    channel, who, chance = rng.choice(CHANNELS), rng.choice(PEOPLE), rng.random()
    asks: tuple[str, ...] = ()
    if rng.random() < 0.12:
        asks, channel = (rng.choice(BOTS),), PRIVATE
    elif chance < 0.45:
        asks = tuple(rng.sample(BOTS, 2 if chance < 0.1 else 1))
    return _asked(rng=rng, at=at, number=number, who=who, channel=channel, asks=asks)


def _asked(
    rng: Random, at: float, number: int, who: str, channel: str, asks: tuple[str, ...]
) -> Act:
    """A question to these bots; to none: something that is said to nobody."""
    text = f"{rng.choice(QUESTIONS if asks else CHATTER)} ({number})"
    if asks and channel != PRIVATE:
        text = " and ".join(f"<@{bot}>" for bot in asks) + f" {text}"
    return Act(
        at=at,
        kind="say",
        number=number,
        who=who,
        channel=channel,
        text=text,
        asks=asks,
    )


def _muted(rng: Random, at: float, channel: str) -> list[Act]:
    begin = at + rng.uniform(0, 6)
    bot = rng.choice(BOTS)
    scope = rng.choice((f"channel:{channel}", "all", "all", f"bot:{bot}"))
    return [
        Act(begin, "mute", scope=scope),
        Act(begin + rng.uniform(5, 40), "unmute", scope=scope),
    ]
