"""What people do and what is done to the processes, made from a seed: plain data. What
real processes make of it is not the same twice; what befalls them is."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from random import Random

from tests.sim.scenario import Act

VERSION = 1
"""A seed means another schedule in another version."""

BOTS = ("ada", "bob", "cyd")
PEOPLE = ("Kim", "Lee", "Mia", "Noa", "Olu", "Pia")
CHANNELS = ("lounge", "garden", "kitchen")
PRIVATE = "private"
"""In place of a channel: the direct messages of the person and the bot asked."""

CHATTER = (
    "What a day, the stars were bright last night.",
    "Has anybody read a good book?",
    "The train was late again.",
    "I baked bread this morning.",
    "Does anyone know a good film?",
)
QUESTIONS = (
    "how are you today?",
    "what do you think of rain?",
    "can you recommend a book?",
    "what did you do yesterday?",
)

KINDS = (
    "worker killed",
    "gateway killed",
    "beat killed",
    "Redis killed",
    "worker frozen",
    "gateway frozen",
    "gateway frozen and replaced",
    "Redis frozen",
    "slow network",
    "dropping network",
    "dead network",
    "disk full",
    "memory full",
    "two beats",
    "rolling restart",
    "workers 1-3-1",
    "bot moved",
    "wrong clock of a worker",
    "wrong clock of a gateway",
    "Discord fails",
    "sessions lost",
)
SHARE_ASKED = 0.55
SHARE_PRIVATE = 0.2
MESSAGES_A_SECOND = 1.2
BEGIN = 2.0


@dataclass(frozen=True, slots=True)
class Strike:
    """Something that goes wrong. `lasts`: seconds, where that is not up to the
    processes; `seed`: of what is drawn when it happens."""

    at: float
    kind: str
    lasts: float
    seed: int


@dataclass(frozen=True, slots=True)
class Schedule:
    """One run."""

    seed: int
    seconds: float
    acts: tuple[Act, ...]
    strikes: tuple[Strike, ...]

    @property
    def digest(self) -> str:
        """The same for the same schedule."""
        text = repr((self.acts, self.strikes))
        return hashlib.sha256(text.encode()).hexdigest()[:12]


def schedule(
    seed: int, seconds: float, kinds: Sequence[str] = KINDS, pause: float = 5.0
) -> Schedule:
    """The schedule of a seed: each of the kinds once, then each again in another order,
    as long as there is time; from the second time on one may begin while another
    lasts. `pause`: seconds from the end of one to the next, about."""
    rng = Random(f"{seed} chaos {VERSION}")
    acts = sorted(_acts(rng, seconds), key=lambda act: act.at)
    strikes = tuple(_strikes(rng, seconds, kinds, pause))
    return Schedule(seed, seconds, tuple(acts), strikes)


def _strikes(
    rng: Random, seconds: float, kinds: Sequence[str], pause: float
) -> Iterator[Strike]:
    at, again = BEGIN + 1.0, False
    while kinds:
        for kind in rng.sample(kinds, len(kinds)):
            lasts = rng.choice((1.0, 4.0, 7.0, 9.0))
            if at + lasts > seconds:
                return
            yield Strike(at, kind, lasts, rng.getrandbits(32))
            overlaps = again and rng.random() < 0.3
            at += lasts * rng.random() if overlaps else lasts
            at += pause * rng.uniform(0.6, 1.4)
        again = True


def _acts(rng: Random, seconds: float) -> Iterator[Act]:
    at, number = BEGIN, 0
    while True:
        # People speak in bursts.
        calm = 1.8 if rng.random() < 0.5 else 0.2
        at += rng.expovariate(MESSAGES_A_SECOND) * calm
        if at > seconds:
            return
        number += 1
        said = _said(rng, at, number)
        yield said
        yield from _second_thoughts(rng, said)


def _second_thoughts(rng: Random, said: Act) -> Iterator[Act]:
    chance, later = rng.random(), said.at + rng.uniform(0.05, 8)
    if chance < 0.03:
        yield Act(later, "delete", number=said.number)
    elif chance < 0.06:
        yield Act(later, "edit", number=said.number, text=rng.choice(CHATTER))
    elif chance < 0.075 and said.channel != PRIVATE:
        scope = rng.choice((f"channel:{said.channel}", f"bot:{rng.choice(BOTS)}"))
        yield Act(later, "mute", scope=scope)
        yield Act(later + rng.uniform(3, 10), "unmute", scope=scope)


def _said(rng: Random, at: float, number: int) -> Act:
    who, chance = rng.choice(PEOPLE), rng.random()
    asks: tuple[str, ...] = ()
    channel = rng.choice(CHANNELS)
    if chance < SHARE_PRIVATE:
        asks, channel = (rng.choice(BOTS),), PRIVATE
        text = f"{rng.choice(QUESTIONS)} ({number})"
    elif chance < SHARE_ASKED:
        asks = tuple(rng.sample(BOTS, 2 if rng.random() < 0.2 else 1))
        called = " and ".join(f"<@{bot}>" for bot in asks)
        text = f"{called} {rng.choice(QUESTIONS)} ({number})"
    else:
        text = f"{rng.choice(CHATTER)} ({number})"
    return Act(
        at=at,
        kind="say",
        number=number,
        who=who,
        channel=channel,
        text=text,
        asks=asks,
    )
