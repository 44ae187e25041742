"""A turn on the real store: what its end books."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest

from app.brain.ports import Opening
from app.domain.lane import Lane
from app.domain.model import Context, ConversationState, Cost
from app.domain.settings import Settings
from app.domain.verdicts import Reserve
from app.rules import decay
from app.runtime.clock import epoch_day
from app.store import floors, holds, keys, states
from app.store.calls import command
from app.store.door import Store
from app.store.floors import Holder
from app.store.lanes import Begun
from app.store.limits import Limits
from app.store.posts import PostTarget
from app.worker import holding
from app.worker.answering import StoredAnswerTurn
from app.worker.ports import Ports
from app.worker.posting import PostTurn
from tests.brain.fakes import ME, NOW_MS, entry

HELD = Cost(tokens=100, micro_usd=50)


@pytest.fixture
def turn(store: Store) -> StoredAnswerTurn:
    """A turn that holds money for a call of a model."""
    settings = Settings(_env_file=None)  # type: ignore[call-arg]
    limits = Limits.of(settings)
    brain = SimpleNamespace(speaker=None)
    served: Any = SimpleNamespace(token="x", user_id=ME, limits=limits, brain=brain)
    asked = entry("elena, good morning")
    begun = Begun(True, "1", Context.DIRECT, NOW_MS, (asked,))
    holder = Holder(Lane("elena", asked.event.channel_id), "me")
    rest: Any = None
    cycle = Ports(store, rest, settings, served, holder, begun, {}, lambda *_: None)
    made = cycle.answer(asked)
    held = holds.reserve_own(
        "elena", limits=limits, cost=HELD, hold=made.hold, request="r"
    )
    assert store.run(held)[0] is Reserve.OK
    made.expected = HELD
    return made


def booked(store: Store) -> Cost:
    """What the bot's day has cost."""
    key = keys.budget("elena", epoch_day())
    tokens, micro_usd = store.client.hmget(key, ["tokens", "micro_usd"])
    return Cost(int(tokens), int(micro_usd))


def test_a_silence_costs_what_the_model_took(
    store: Store, turn: StoredAnswerTurn
) -> None:
    """A model that chose silence is booked by its usage, not by the estimate."""
    assert booked(store) == HELD
    turn.decline("the model chose silence", Cost(tokens=5_000, micro_usd=900))
    assert booked(store) == Cost(tokens=5_000, micro_usd=900)


def test_a_turn_that_fails_costs_all_that_was_held(
    store: Store, turn: StoredAnswerTurn
) -> None:
    """Nobody knows what a call took that failed on its way. Its hold ends once."""
    turn.release("internal error")
    turn.decline("again", Cost(tokens=1, micro_usd=1))
    assert booked(store) == HELD
    assert not store.client.exists(keys.hold(turn.hold))


def test_a_post_that_is_not_written_costs_what_the_model_took(
    store: Store, turn: StoredAnswerTurn
) -> None:
    """A draft of an opening that comes to nothing is booked by its usage, its hold ends,
    and the floor is free."""
    cycle = turn.cycle
    post = PostTarget(cycle.holder, "p:1", channel="55", guild="7", quiet_ms=0)
    opened = PostTurn(cycle, Opening("p:1", "55"), granted=post)
    held = holds.reserve_own(
        "elena", limits=cycle.served.limits, cost=HELD, hold=opened.hold, request="r2"
    )
    assert store.run(held)[0] is Reserve.OK
    before = booked(store)
    opened.decline("nothing to say", Cost(tokens=7, micro_usd=3))
    after = booked(store)
    assert (after.tokens, after.micro_usd) == (
        before.tokens - HELD.tokens + 7,
        before.micro_usd - HELD.micro_usd + 3,
    )
    assert not store.client.exists(keys.hold(opened.hold))
    assert opened.granted is None


def test_words_that_cost_nothing_wait_for_a_post_that_is_held(
    turn: StoredAnswerTurn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last post of a day is held for a call that runs: it may end in silence."""
    told = iter([(Reserve.WAIT, "posts"), (Reserve.WAIT, "posts"), (Reserve.OK, "")])
    asked = command("TIME", parse=lambda _: next(told))
    monkeypatch.setattr(floors, "reserve", lambda *_, **__: asked)
    monkeypatch.setattr(holding, "AGAIN_S", 0.0)
    turn.token, turn.expected = "1", None
    assert turn.reserve_words("Good morning.") == (Reserve.OK, True)
    assert turn.expected == Cost()


def test_a_further_call_waits_as_long_as_it_is_told(
    turn: StoredAnswerTurn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The time of a draft goes on while it waits for room."""
    asked = command("TIME", parse=lambda _: (Reserve.WAIT, "money"))
    monkeypatch.setattr(floors, "reserve", lambda *_, **__: asked)
    turn.token = "1"
    assert turn.reserve(HELD, seconds=0.0) is Reserve.WAIT
    assert turn.expected == HELD, "nothing more is held"


def test_a_turn_reads_the_state_of_its_own_channel_alone(
    store: Store, turn: StoredAnswerTurn
) -> None:
    """A bot that speaks in hundreds of channels pays for one of them a turn."""
    cycle, here = turn.cycle, turn.entry.event.channel_id
    assert isinstance(cycle, Ports)
    for channel in (here, "99"):
        engaged = decay.to_json(decay.spoke(NOW_MS))
        store.run(states.remember("elena", channel, engaged))
    assert cycle.states() == {here: ConversationState.ENGAGED}


def test_a_post_that_ends_while_its_floor_is_renewed_is_no_fault() -> None:
    """The lock's thread renews what the cycle's thread may end at any moment."""
    renewed: list[str] = []

    class Ending:
        """Over as soon as somebody has looked at it."""

        token = "1"
        cycle = SimpleNamespace(renew_floor=lambda channel, *_: renewed.append(channel))
        posts = iter([SimpleNamespace(channel="55", entry_id="p")])

        @property
        def granted(self) -> Any:
            return next(self.posts, None)

    ending: Any = Ending()
    PostTurn.renew(ending)
    PostTurn.renew(ending)
    assert renewed == ["55"]
