"""A bot that lost its channel finds it out by reading, before it asks its model."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from celery import Celery

from app.broker.hints import CYCLE
from app.domain.character import ModelConfig
from app.domain.lane import Lane
from app.domain.model import Event, Signal
from app.domain.settings import Settings
from app.domain.verdicts import Elect
from app.loopback import Account, LoopbackThread, Permission
from app.operator.why.story import tell
from app.store import elections, journal, keys, refusals
from app.store.door import Store
from tests.e2e.model_server import ModelServer
from tests.tasks.test_eager import (
    admit,
    discord,
    eager,
    join,
    journal_lines,
    say,
    settings,
)

__all__ = ["discord", "eager", "settings"]

pytest_plugins = ["pytest_celery.plugin"]

Lose = Callable[[LoopbackThread, int, Account], Any]
LOST: dict[str, Lose] = {
    "403 50001": lambda discord, channel, bot: discord.hide(channel, bot),
    "404 10003": lambda discord, channel, _: discord.delete_channel(channel),
}
"""By what Discord says then."""


@pytest.fixture
def model() -> Iterator[ModelServer]:
    """A model that answers whatever it is asked."""
    with ModelServer() as server:
        yield server


@pytest.fixture
def elena(
    store: Store, discord: LoopbackThread, settings: Settings, model: ModelServer
) -> Account:
    """A bot that pays for its words."""
    config = ModelConfig(model="openai:paid", base_url=model.url)
    return join(store, discord, settings, "elena", config)


def elect_elena(
    store: Store, discord: LoopbackThread, settings: Settings
) -> tuple[Any, Event]:
    """A message that names nobody: elena wins it, aria is the runner-up."""
    join(store, discord, settings, "aria")
    post, event = say(discord, "Any whale songs worth hearing?")
    admit(store, settings, "elena", event, Signal.WATCHED, 2.0)
    admit(store, settings, "aria", event, Signal.WATCHED, 1.0)
    election = store.run(elections.decide(event.message_id, event.channel_id, settings))
    assert election.winner == "elena"
    return post, event


@pytest.mark.parametrize("code", LOST)
def test_nothing_is_paid_for_in_a_lost_channel(
    store: Store,
    discord: LoopbackThread,
    settings: Settings,
    eager: Celery,
    model: ModelServer,
    elena: Account,
    code: str,
) -> None:
    """The channel's refusal to be read ends the turn, the journal says so, and the channel
    is barred as after a refused post."""
    post, event = say(discord, "elena, what lives in a tide pool?")
    admit(store, settings, "elena", event, Signal.DIRECT)
    LOST[code](discord, post.channel_id, elena)
    args = ("elena", "direct", event.channel_id)
    assert eager.tasks[CYCLE].apply_async(args=args).get() == "clear"
    assert model.calls == 0
    last = journal_lines(store, post)[-1]
    assert (last["step"], last["verdict"]) == ("yield", "declined")
    assert code in last["reason"]
    assert code in store.run(refusals.may_send("elena", event.channel_id))
    assert store.client.xlen(keys.inbox(Lane("elena", event.channel_id))) == 0


def test_the_runner_up_answers_for_a_winner_that_lost_the_channel(
    store: Store,
    discord: LoopbackThread,
    settings: Settings,
    eager: Celery,
    model: ModelServer,
    elena: Account,
    wait_until: Any,
) -> None:
    """Nothing was paid for, so the election goes on."""
    post, _ = elect_elena(store, discord, settings)
    LOST["403 50001"](discord, post.channel_id, elena)
    eager.tasks[CYCLE].apply_async(args=("elena", "immediate_trigger")).get()
    wait_until(lambda: discord.replies_to(post), what="the runner-up's answer")
    assert [answer.author_name for answer in discord.replies_to(post)] == ["aria"]
    assert model.calls == 0


def test_a_winner_that_is_refused_when_it_posts_is_the_only_one_asked(
    store: Store,
    discord: LoopbackThread,
    settings: Settings,
    eager: Celery,
    model: ModelServer,
    elena: Account,
    wait_until: Any,
) -> None:
    """It may read the channel and no longer write: its answer was paid for, so nobody else
    is asked, and whoever wants to know why is told."""
    post, event = elect_elena(store, discord, settings)
    discord.deny(post.channel_id, elena, Permission.SEND_MESSAGES)
    eager.tasks[CYCLE].apply_async(args=("elena", "immediate_trigger")).get()
    wait_until(lambda: journal_lines(store, post)[-1]["verdict"] == "dead")
    again = store.run(elections.decide(event.message_id, event.channel_id, settings))
    assert again.verdict is Elect.CLOSED
    assert model.calls == 1
    assert not discord.replies_to(post)
    story = tell(store.run(journal.read(event.message_id)), {})
    assert "no other bot is asked" in story.sentence
