"""What could hold a channel up for good, or hide from its operator why it waits."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from app.delivery.rest import Secrets
from app.domain.errors import VaultKeyWrong, VaultMissing
from app.store import journal, keys, lanes
from tests.delivery.conftest import Room

Empties = Callable[..., None]
Wait = Callable[..., None]


def test_a_worker_that_cannot_open_the_vault_leaves_the_channel_to_others(
    room: Room, wait_until: Wait, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker with a wrong vault key that gets hold of a channel first does not keep
    it from the workers that can."""
    monkeypatch.setattr("app.delivery.deliver.STALLED_MS", 300)
    room.commit()
    wrong, right = room.worker(pump_interval=0.1), room.worker(pump_interval=0.1)

    def cannot(_: str) -> Secrets:
        raise VaultKeyWrong

    wrong.deliverer._secrets = cannot
    wrong.run()

    def pumped() -> bool:
        if room.store.run(lanes.sweep(100)).deliveries:
            right.run(wait=1.0)
        return room.said() == ["hello"]

    wait_until(pumped, 5.0, "the other worker's turn")


def test_a_worker_comes_back_by_itself_when_the_vault_is_mended(
    room: Room, wait_until: Wait, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The only worker, which could not open the vault, delivers without any hint once
    it can."""
    monkeypatch.setattr("app.delivery.deliver.STALLED_MS", 100)
    room.commit()
    worker = room.worker(pump_interval=0.1)
    answers = [VaultMissing(), VaultKeyWrong()]

    def secrets(bot: str) -> Secrets:
        if answers:
            raise answers.pop()
        return room.secrets[bot]

    worker.deliverer._secrets = secrets
    worker.run()
    wait_until(lambda: room.said() == ["hello"], 5.0, "the post")


@pytest.mark.parametrize("field", ["entry_id", "bot", "channel_id"])
def test_an_entry_that_names_another_place_is_a_dead_letter(
    room: Room, wait_until: Wait, field: str
) -> None:
    """An entry whose body says that it is another entry, or another channel's, is set
    aside; the next one goes out."""
    room.commit("astray")
    (entry_id,) = room.queue()
    body = json.loads(str(room.store.client.hget(keys.entry(entry_id), "body")))
    room.store.client.hset(
        keys.entry(entry_id),
        "body",
        json.dumps(body | {field: "12345" if field != "bot" else "aria"}),
    )
    room.commit("welcome")
    room.worker().run(wait=2.0)
    wait_until(lambda: room.said() == ["welcome"], 5.0, "the next post")
    assert room.dead() == ["the entry cannot be read, or none of ours signed it"]


def test_a_busy_channel_does_not_hide_a_post_from_the_read_back(
    room: Room, empties: Empties, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A post is found though more messages than a read-back reads stand between the
    trigger and it."""
    monkeypatch.setattr("app.delivery.rest.READ_BACK_LIMIT", 5)
    monkeypatch.setattr("app.delivery.courier.SKEW_MS", 300)
    soon: dict[str, Any] = {
        "delivery_lease": 0.3,
        "discord_timeout": 0.3,
        "nonce_window": 0.31,
    }
    trigger = room.discord.post(room.person, room.channel, "elena, are you there?")
    for number in range(10):
        room.discord.post(room.person, room.channel, f"chatter {number}")
    time.sleep(0.6)  # so that the chatter is older than what the clocks may differ by
    message = room.commit(trigger=trigger, **soon)
    room.discord.nonce_window = 0.0
    room.discord.faults.lose_next("POST", "/messages$")
    room.worker(**soon)
    empties()
    assert len(room.said()) == 1
    assert room.reason(message) == "read_back"


@pytest.mark.parametrize("fault", ["token", "vault"])
def test_what_waits_for_its_operator_says_so_once(room: Room, fault: str) -> None:
    """A post that waits for a token or a vault key to be mended has one line in its
    message's journal that says why."""
    message = room.commit()
    worker = room.worker()

    def secrets(_: str) -> Secrets:
        if fault == "vault":
            raise VaultKeyWrong("elena: no key opens it")
        return Secrets("wrong", str(room.bots["elena"].id))

    worker.deliverer._secrets = secrets
    for _ in range(3):
        worker.run_once()
        room.due()
    lines = [
        line for line in room.store.run(journal.read(message)) if line.step == "deliver"
    ]
    assert [line.verdict for line in lines] == ["waits"]
    assert ("token" if fault == "token" else "no key opens it") in lines[0].reason
