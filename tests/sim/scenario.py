"""What happens in a simulation, made from its seed: plain data, so that parts can be
left out."""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random

VERSION = 3
"""A seed means another simulation in another version."""

BOTS = ("aria", "dotty", "elena")
PEOPLE = ("Ada", "Ben", "Cleo", "Dan", "Eve")
CHANNELS = ("lounge", "garden", "attic")
THREADS = {"attic": "lounge"}
"""Those that are threads, and in which channel."""
PRIVATE = "private"
"""In place of a channel: the direct messages of the person and the bot asked."""

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
    say, edit, delete, mute, unmute. `number` of a say names its message for the others;
    `scope`: as Discord's names have it."""

    at: float
    kind: str
    number: int = 0
    who: str = ""
    channel: str = ""
    text: str = ""
    asks: tuple[str, ...] = ()
    """Our bots that it speaks to."""
    scope: str = ""


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that goes wrong at the next call of a `place` after `at` seconds:
    store (a cycle, a delivery or an admission), chore (any call of the store), broker,
    post, read, event, session, model, process or server."""

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
    "session": ("resumed", "new"),
    "model": ("fails", "slow", "wordless"),
    "process": ("crash", "pause", "wrong clock"),
    "server": ("emptied",),
}
_WEIGHTS = {
    "store": 9,
    "chore": 2,
    "broker": 4,
    "post": 6,
    "read": 1,
    "event": 3,
    "session": 4,
    "model": 2,
    "process": 1,
}
SHARE_EMPTIED = 0.25
"""Of the seeds: in them Redis is emptied, once."""
CLOCKS = (-172_800.0, -1_200.0, -90.0, 90.0, 1_200.0, 172_800.0)
"""Seconds by which a process's clock is wrong."""


def scenario(seed: int, hours: float, messages: int = 60, faults: int = 30) -> Scenario:
    """The scenario of a seed; `messages` and `faults` an hour."""
    rng = Random(f"{seed} scenario")
    span = hours * 3600
    acts = _acts(rng, span, int(messages * hours))
    wrong = [_fault(rng, span) for _ in range(int(faults * hours))]
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
    )


def _fault(rng: Random, span: float) -> Fault:
    place = rng.choices(list(_WEIGHTS), list(_WEIGHTS.values()))[0]
    kind = rng.choice(FAULTS[place])
    amount = rng.choice((0.5, 2.0, 7.0, 20.0, 70.0, 150.0))
    if kind == "wrong clock":
        amount = rng.choice(CLOCKS)
    return Fault(rng.uniform(BEGIN, span), place, kind, amount)


def _acts(rng: Random, span: float, messages: int) -> list[Act]:
    acts: list[Act] = []
    at = BEGIN
    for number in range(1, messages + 1):
        # People speak in bursts: most messages come soon after another.
        pause = rng.expovariate(1 / 4) if rng.random() < 0.6 else rng.expovariate(1)
        at += pause if rng.random() < 0.6 else pause * span / messages / 2
        if at > span:
            break
        last = _last_question(acts) if rng.random() < 0.15 else None
        said = _said(rng, at, number) if last is None else _again(rng, last, number)
        acts.append(said)
        chance = rng.random()
        if chance < 0.04:
            acts.append(Act(at + rng.uniform(0.05, 20), "delete", number=number))
        elif chance < 0.08:
            text = rng.choice(CHATTER)
            acts.append(
                Act(at + rng.uniform(0.05, 20), "edit", number=number, text=text)
            )
        elif chance < 0.11 and said.channel != PRIVATE:
            acts += _muted(rng, at, said.channel)
    return acts


def _last_question(acts: list[Act]) -> Act | None:
    said = [act for act in acts if act.kind == "say"]
    return said[-1] if said and said[-1].asks else None


def _again(rng: Random, last: Act, number: int) -> Act:
    """The same person asks the same bots once more, soon."""
    called, _, _ = last.text.rpartition(f"({last.number})")
    at = last.at + rng.uniform(0.05, 3)
    return replace(last, at=at, number=number, text=f"{called}({number})")


def _said(rng: Random, at: float, number: int) -> Act:
    asks: tuple[str, ...] = ()
    text = f"{rng.choice(CHATTER)} ({number})"
    channel, chance = rng.choice(CHANNELS), rng.random()
    if rng.random() < 0.12:
        asks, channel = (rng.choice(BOTS),), PRIVATE
        text = f"{rng.choice(QUESTIONS)} ({number})"
    elif chance < 0.45:
        asks = tuple(rng.sample(BOTS, 2 if chance < 0.1 else 1))
        called = " and ".join(f"<@{bot}>" for bot in asks)
        text = f"{called} {rng.choice(QUESTIONS)} ({number})"
    return Act(
        at=at,
        kind="say",
        number=number,
        who=rng.choice(PEOPLE),
        channel=channel,
        text=text,
        asks=asks,
    )


def _muted(rng: Random, at: float, channel: str) -> list[Act]:
    begin = at + rng.uniform(0, 6)
    scope = rng.choice((f"channel:{channel}", "all", f"bot:{rng.choice(BOTS)}"))
    return [
        Act(begin, "mute", scope=scope),
        Act(begin + rng.uniform(20, 120), "unmute", scope=scope),
    ]
