"""The likeness of a message to the bots' subjects bends their bids, and is never waited
for long."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Collection, Iterator, Mapping

import pytest

from app.domain.character import Character, load_character
from app.domain.model import AuthorKind
from app.gateway import measuring as measuring_module
from app.gateway.intake import Intake
from app.gateway.measuring import (
    WAITING,
    Load,
    Measuring,
    Reader,
    load_subjects,
)
from app.rules.interests import Interests, Likeness
from app.rules.profile import BETWEEN_BITS, HAND_OVER_BITS, Profile
from tests.gateway.recording import POLICY, RecordingPorts, Wire, settings, until
from tests.gateway.test_intake import BOTS, ROSTER, event, offered

CHARACTERS: Mapping[str, Character] = {
    bot: load_character(bot, None) for bot in sorted(BOTS)
}


class Expert:
    """Finds every message like one bot's subjects, and counts what it reads. While
    `held` is clear it reads on."""

    def __init__(self, bot: str) -> None:
        self.bot = bot
        self.read_texts: list[str] = []
        self.present: list[frozenset[str]] = []
        self.free = threading.Event()
        self.free.set()

    def read(self, text: str, present: Collection[str] = ()) -> Mapping[str, Likeness]:
        self.read_texts.append(text)
        self.present.append(frozenset(present))
        self.free.wait(10)
        return {
            bot: Likeness(0.3 if bot == self.bot else -0.25, -0.3) for bot in CHARACTERS
        }


class Broken:
    """Cannot read anything."""

    def read(self, text: str, present: Collection[str] = ()) -> Mapping[str, Likeness]:
        raise ValueError(text)


@pytest.fixture
def ports(monkeypatch: pytest.MonkeyPatch) -> RecordingPorts:
    """Plain ports whose bots have an interest each, of words that nobody says."""
    found = RecordingPorts(*ROSTER)
    monkeypatch.setattr(found, "profile", lambda *_: Profile(0.5, Interests(["xyz"])))
    return found


@pytest.fixture
def made() -> Iterator[list[Measuring]]:
    """What the test began, ended after it."""
    began: list[Measuring] = []
    yield began
    for one in began:
        one.close()


async def begin(
    ports: RecordingPorts, made: list[Measuring], load: Load, **changes: object
) -> tuple[Intake, Measuring]:
    """An intake of all three bots whose measuring has loaded."""
    measuring = Measuring(CHARACTERS, load)
    made.append(measuring)
    await until(lambda: measuring.ready)
    intake = Intake(ports, settings(**changes), POLICY, measuring)
    intake.hearing.learn(ROSTER)
    for bot, user_id in BOTS.items():
        intake.host(bot, user_id, Wire(True, lambda channel: None))
        intake.open(bot)
    return intake, measuring


def interests(ports: RecordingPorts) -> dict[str, float]:
    """The bits of interest in each bot's bid, by bot."""
    return {c.bot: c.bid.parts["interest"] for c in ports.admitted if c.bid is not None}


@pytest.mark.asyncio
async def test_the_expert_bids_most(
    ports: RecordingPorts, made: list[Measuring]
) -> None:
    """Without a listed word the expert's bid is far above the others'; the message is
    read once for all of them."""
    expert = Expert("aria")
    intake, _ = await begin(ports, made, lambda characters: expert)
    await offered(intake, event("how do I tune it?"))
    found = interests(ports)
    assert found["aria"] > 10
    assert max(found["elena"], found["dotty"]) < 2
    assert expert.read_texts == ["how do I tune it?"]
    await intake.close(0.1)


@pytest.mark.asyncio
async def test_who_breaks_in_on_two_people_bids_less(
    ports: RecordingPorts, made: list[Measuring]
) -> None:
    """The same line bears four bits less while its author and another person talk to
    each other than where its author has talked with one of the bots; the expert is sure enough
    in both."""
    changes: dict[str, tuple[float, float]] = {}
    for other, name in (("22", "Ben"), (BOTS["dotty"], "Dotty")):
        expert = Expert("aria")
        intake, _ = await begin(ports, made, lambda characters, it=expert: it)
        human = AuthorKind.HUMAN if name == "Ben" else AuthorKind.OURS
        ben = {"author_id": other, "author_name": name, "author_kind": human}
        for one in (
            event("good morning"),
            event("hello", **ben),
            event(f"{name}: is it in the car?"),
            event("Ann: it is", **ben),
        ):
            await offered(intake, one)
        ports.admitted.clear()
        await offered(intake, event("how do I tune it?"))
        (bid,) = (c.bid for c in ports.admitted if c.bot == "aria")
        assert bid is not None
        assert bid.above_threshold
        changes[name] = (
            bid.parts["subject_change"],
            bid.parts.get("between_people", 0.0),
        )
        await intake.close(0.1)
    assert changes == {"Ben": (0.0, -BETWEEN_BITS), "Dotty": (HAND_OVER_BITS, 0.0)}


@pytest.mark.asyncio
async def test_a_late_likeness_is_done_without(
    ports: RecordingPorts, made: list[Measuring]
) -> None:
    """While reading takes too long every bot bids by words alone, and what arrives
    afterwards changes no later copy of the message."""
    expert = Expert("aria")
    expert.free.clear()
    intake, _ = await begin(ports, made, lambda characters: expert)
    late = event("how do I tune it?")
    await offered(intake, late, "elena")
    expert.free.set()
    await offered(intake, late, "aria", "dotty")
    assert interests(ports) == {"elena": 0.0, "aria": 0.0, "dotty": 0.0}
    await intake.close(0.1)


def fails(characters: Mapping[str, Character]) -> Reader | None:
    """An encoder that cannot be loaded."""
    raise OSError("no such file")


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "load", [fails, lambda characters: None, lambda characters: Broken()]
)
async def test_without_the_encoder_words_decide(
    ports: RecordingPorts, made: list[Measuring], load: Load
) -> None:
    """An encoder that is missing, or fails, costs nobody a bid."""
    intake, _ = await begin(ports, made, load)
    await offered(intake, event("xyz, anyone?"))
    assert interests(ports) == {"elena": 6.0, "aria": 6.0, "dotty": 6.0}
    await intake.close(0.1)


@pytest.mark.asyncio
async def test_only_what_is_everybodys_is_read(
    ports: RecordingPorts, made: list[Measuring]
) -> None:
    """A message to one bot, a private one, another bot's and an old one are not read."""
    expert = Expert("aria")
    intake, _ = await begin(ports, made, lambda characters: expert)
    await offered(intake, event("elena, are you there?"))
    await offered(intake, event("hello", is_dm=True), "elena")
    await offered(intake, event("hello", author_kind="foreign"))
    await offered(intake, event("long ago"), late=True)
    assert expert.read_texts == []
    await intake.close(0.1)


@pytest.mark.asyncio
@pytest.mark.parametrize("silent", ["channel", "gateway"])
async def test_what_nobody_may_answer_is_not_read(
    ports: RecordingPorts, made: list[Measuring], silent: str
) -> None:
    """Where no bot may speak unasked no bid is made, and nothing is read for one."""
    expert = Expert("aria")
    wakes = silent != "gateway"
    intake, _ = await begin(ports, made, lambda _: expert, gateway_wakes=wakes)
    for bot in BOTS:
        unasked = {"unasked": silent != "channel"}
        ports.known[bot] = ports.known[bot].model_copy(update=unasked)
    await offered(intake, event("how do I tune it?"))
    assert len(ports.admitted) == 3
    assert expert.read_texts == []
    await intake.close(0.1)


@pytest.mark.asyncio
async def test_only_bots_of_the_channel_are_rivals(
    ports: RecordingPorts, made: list[Measuring]
) -> None:
    """What measures is told who is there."""
    expert = Expert("aria")
    intake, _ = await begin(ports, made, lambda characters: expert)
    away = {"channels": ("77",)}
    intake.hearing.learn(
        [one.model_copy(update=away if one.bot == "dotty" else {}) for one in ROSTER]
    )
    await offered(intake, event("how do I tune it?"))
    assert expert.present == [frozenset({"aria", "elena"})]
    await intake.close(0.1)


@pytest.mark.asyncio
async def test_few_messages_wait(ports: RecordingPorts, made: list[Measuring]) -> None:
    """Of a flood only so many wait to be read; the others are judged by their words at
    once, and all are judged."""
    expert = Expert("aria")
    expert.free.clear()
    intake, measuring = await begin(ports, made, lambda characters: expert)
    heard = [
        intake.hearing.hear(event(f"line {place}")) for place in range(WAITING * 2)
    ]
    asked = [asyncio.ensure_future(measuring.of(one, BOTS)) for one in heard]
    await until(lambda: sum(one.done() for one in asked) >= WAITING)
    expert.free.set()
    found = await asyncio.gather(*asked)
    assert sum(not measured for measured in found) >= WAITING
    await until(lambda: len(expert.read_texts) == WAITING)
    await intake.close(0.1)


@pytest.mark.asyncio
async def test_the_shipped_characters_know_their_subjects(
    ports: RecordingPorts, made: list[Measuring], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the real encoder a message without any listed word, in another language
    than the character's file, is its expert's, on however busy a machine."""
    monkeypatch.setattr(measuring_module, "PATIENCE", 10.0)
    intake, _ = await begin(ports, made, load_subjects)
    first = event("warm-up")
    await offered(intake, first)
    await offered(intake, event("Wie schwer wird eigentlich ein Blauwal?"))
    await until(lambda: len(ports.admitted) == 6)
    found = {
        c.bot: c.bid.parts["interest"]
        for c in ports.admitted
        if c.bid is not None and c.event.message_id != first.message_id
    }
    assert max(found, key=lambda bot: found[bot]) == "elena"
    assert found["elena"] > 5
    assert found["elena"] - max(found["aria"], found["dotty"]) > 3
    await intake.close(0.1)
