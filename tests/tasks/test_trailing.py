"""One cycle reads what it won and what waited for the end of its cooldown: both find
their answer, or a cycle to come."""

from __future__ import annotations

import time
from typing import Any

import pytest
from celery import Celery

from app.brain import act
from app.broker.hints import CYCLE
from app.domain.lane import Lane
from app.domain.model import Context, Signal
from app.domain.settings import Settings
from app.domain.verdicts import Elect
from app.loopback import LoopbackThread
from app.store import elections, keys, lanes
from app.store.door import Store
from app.worker.cycle import Cycle
from app.worker.served import Served
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

# Alone in a run, this file brings the fixtures of the other's itself.
pytest_plugins = ["pytest_celery.plugin"]


COOLDOWN_MS = 700
"""Long enough for a busy machine to decide within it."""


def both(
    store: Store, discord: LoopbackThread, settings: Settings, won: str, *rivals: str
) -> tuple[Any, Any]:
    """A message that met elena's cooldown, and one that she has won since; the rivals
    bid less for it."""
    for bot in ("elena", *rivals):
        join(store, discord, settings, bot)
    store.client.set(keys.cooldown("elena"), "1", px=COOLDOWN_MS)
    waiting, event = say(discord, "Any whale songs worth hearing?")
    admit(store, settings, "elena", event, Signal.WATCHED)
    assert (
        store.run(
            elections.decide(event.message_id, event.channel_id, settings)
        ).verdict
        is Elect.COOLED
    )
    while store.client.exists(keys.cooldown("elena")):
        time.sleep(0.02)
    granted, event = say(discord, won)
    admit(store, settings, "elena", event, Signal.WATCHED, 2.0)
    for bot in rivals:
        admit(store, settings, bot, event, Signal.WATCHED, 1.0)
    assert (
        store.run(elections.decide(event.message_id, event.channel_id, settings)).winner
        == "elena"
    )
    return waiting, granted


def cycle(eager: Celery) -> None:
    """elena's autonomous cycle."""
    eager.tasks[CYCLE].apply_async(args=("elena", "immediate_trigger")).get()


def verdicts(store: Store, post: Any) -> set[str]:
    """What the journal says of a message."""
    return {line["verdict"] for line in journal_lines(store, post)}


def owed(store: Store, waiting: Any) -> bool:
    """It was answered, or its bot's lane is due."""
    return (
        "committed" in verdicts(store, waiting)
        or store.client.zscore(keys.WAKES_DUE, "elena") is not None
    )


@pytest.mark.parametrize("silent", [False, True])
def test_what_was_won_swallows_nothing_that_waits(
    store: Store,
    discord: LoopbackThread,
    settings: Settings,
    eager: Celery,
    monkeypatch: pytest.MonkeyPatch,
    silent: bool,
) -> None:
    """Answered or met with silence, what was won leaves a cycle to come for what was
    read beside it."""
    waiting, granted = both(
        store, discord, settings, "Do octopuses dream, does anybody know?"
    )
    written = act._written

    def quiet(run: Any, chosen: Any, *more: Any) -> Any:
        if chosen.candidate.entry.event.message_id == str(granted.message_id):
            return act.Draft(reason="the model chose silence")
        return written(run, chosen, *more)

    if silent:
        monkeypatch.setattr(act, "_written", quiet)
    cycle(eager)
    assert ("committed" in verdicts(store, granted)) is not silent
    assert owed(store, waiting)


def test_a_grant_that_must_wait_for_quiet_is_not_put_off_by_a_cooldown(
    store: Store,
    discord: LoopbackThread,
    settings: Settings,
    eager: Celery,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The character keeps quiet for longer than the setting says: it answers nothing
    else meanwhile, with the floor in hand."""
    waiting, granted = both(
        store, discord, settings, "Do octopuses dream, does anybody know?"
    )
    monkeypatch.setattr(Served, "quiet_time", lambda *_: 60.0)
    posts = keys.recent_bot_posts(str(granted.channel_id))
    store.client.zadd(posts, {"aria:abc": time.time() * 1000 - 30_000})
    store.client.pexpire(posts, 60_000)
    cycle(eager)
    assert "committed" not in verdicts(store, waiting)
    assert owed(store, waiting)


def test_a_grant_that_the_rules_drop_leaves_the_cycle_to_what_waits(
    store: Store,
    discord: LoopbackThread,
    settings: Settings,
    eager: Celery,
    wait_until: Any,
) -> None:
    """elena finds what she won foreign to her and answers what waited; aria answers the
    other."""
    waiting, granted = both(
        store, discord, settings, "I need a better microphone", "aria"
    )
    cycle(eager)
    wait_until(
        lambda: discord.replies_to(waiting) and discord.replies_to(granted),
        what="both answers",
    )
    assert [
        [answer.author_name for answer in discord.replies_to(post)]
        for post in (waiting, granted)
    ] == [["elena"], ["aria"]]
    assert not store.client.hlen(keys.work("elena"))


def test_what_has_become_stale_under_a_held_floor_is_dropped(
    store: Store,
    discord: LoopbackThread,
    settings: Settings,
    eager: Celery,
    monkeypatch: pytest.MonkeyPatch,
    wait_until: Any,
) -> None:
    """An unaddressed message that waited for the floor until it was older than the
    backfill age is answered by nobody, and its journal says why."""
    join(store, discord, settings, "elena")
    waiting, event = say(discord, "Any whale songs worth hearing?")
    admit(store, settings, "elena", event, Signal.WATCHED)
    store.client.set(keys.cooldown("elena"), "1", px=COOLDOWN_MS)
    store.run(elections.decide(event.message_id, event.channel_id, settings))
    floor = keys.floor(event.channel_id)
    until = int(time.time() * 1000) + 60_000
    held = {"bot": "aria", "message": "7", "token": 1, "kind": "direct", "until": until}
    store.client.hset(floor, mapping=held)
    store.client.pexpire(floor, 60_000)
    wait_until(lambda: not store.client.exists(keys.cooldown("elena")), what="an end")
    store.run(lanes.wake(Lane("elena"), Context.POLL))
    cycle(eager)
    assert "wait" in verdicts(store, waiting)
    store.client.delete(floor)
    age_ms = int(settings.backfill_age * 1000)
    later = property(lambda cycle: cycle.begun.now_ms + age_ms)
    monkeypatch.setattr(Cycle, "discord_now_ms", later)
    store.run(lanes.wake(Lane("elena"), Context.POLL))
    cycle(eager)
    assert [
        (line["step"], line["reason"])
        for line in journal_lines(store, waiting)
        if line["verdict"] == "dropped"
    ] == [("perceive", "stale")]
    assert not discord.replies_to(waiting)
    assert not store.client.xlen(keys.inbox(Lane("elena")))
