"""Redis is emptied under a running system: by FLUSHALL, by a restart without its data,
by an eviction."""

from __future__ import annotations

import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from app.loopback import Post
from app.runtime.clock import epoch_day
from app.store import keys, mutes
from tests.e2e.system import System
from tests.e2e.test_outages import BOTS, all_answered, at_work, say

HEALED = 8.0
"""Seconds after which everything is there again, on a loaded machine; an idle one takes
two."""


def flush(running: System) -> None:
    """Somebody's FLUSHALL, the broker's database included."""
    running.store.client.flushall()


def restart_without_data(running: System) -> None:
    """The server dies and comes back with an empty folder."""
    running.valkey.kill()
    for data in running.valkey.folder.glob("appendonlydir"):
        shutil.rmtree(data)
    running.valkey.start()


def known(running: System) -> bool:
    """Whether both bots are on the roster, with a vault and a lease."""
    client = running.store.client
    needed = [
        key
        for bot in BOTS
        for key in (keys.vault(bot, "secrets"), keys.gateway_lease(bot))
    ]
    return set(map(str, cast("list[str]", client.hkeys(keys.ROSTER)))) >= set(
        BOTS
    ) and client.exists(*needed) == len(needed)


def reached(cursor: Any, before: Any) -> bool:
    """Whether a bot has read as far as it had; an echo may have come since."""
    return all(
        int(cursor.get(channel, "0")) >= int(message)
        for channel, message in before.items()
    )


@pytest.mark.parametrize("empty", [flush, restart_without_data])
def test_an_emptied_redis_heals(
    tmp_path: Path, empty: Callable[[System], None]
) -> None:
    """Within seconds roster, vaults, leases and cursors are there again, and what is
    said then is answered once; mutes and what was spent today are not forgotten, and
    the log tells it."""
    with at_work(tmp_path) as running:
        said: list[tuple[str, Post]] = []
        say(running, said, 4)
        all_answered(running, said)
        quiet = running.discord.add_channel("quiet")
        resting = running.discord.add_channel("resting")
        running.store.run(mutes.mute(f"channel:{quiet.id}", "the operator"))
        running.store.run(
            mutes.mute(f"channel:{resting.id}", "the operator", 3_600_000)
        )
        client, day = running.store.client, epoch_day()
        spent = client.hgetall(keys.budget("ada", day))
        cursors = {bot: client.hgetall(keys.cursor(bot)) for bot in BOTS}
        assert spent
        assert all(cursors.values())
        time.sleep(7)  # mutes and budgets are looked at each five seconds
        empty(running)
        running.wait(lambda: known(running), HEALED, "roster, vaults and leases")
        lasting, passing = (
            keys.mute_by_operator(f"channel:{one.id}") for one in (quiet, resting)
        )
        running.wait(lambda: client.exists(lasting, passing) == 2, HEALED, "the mutes")
        assert client.pttl(lasting) == -1
        assert 3_500_000 < client.pttl(passing) < 3_600_000
        running.wait(
            lambda: all(
                reached(client.hgetall(keys.cursor(bot)), cursors[bot]) for bot in BOTS
            ),
            HEALED,
            "the cursors",
        )
        assert int(client.hgetall(keys.budget("ada", day))["posts"]) == int(
            spent["posts"]
        )
        log = running.log("gateway", 100_000)
        assert "Redis was emptied" in log
        assert "say nothing unasked" in log
        say(running, said, 4)
        all_answered(running, said)
        silenced = running.discord.post(
            running.discord.add_user("late"), quiet, "ada, are you there?"
        )
        running.wait(
            lambda: any(
                line.verdict == "muted" for line in running.journal(silenced.message_id)
            )
        )
        assert not running.discord.replies_to(silenced)


def test_evicted_keys_come_back(tmp_path: Path) -> None:
    """The roster alone is gone, then both vaults: they are written again, and what is
    said is answered. A vault is missed by a worker that has none in its own memory, so
    new ones are started."""
    with at_work(tmp_path) as running:
        said: list[tuple[str, Post]] = []
        running.store.client.delete(keys.ROSTER)
        say(running, said, 2)
        all_answered(running, said)
        running.wait(lambda: known(running), HEALED, "the roster")
        for name in ("direct", "cycles"):
            running.kill(name)
        running.store.client.delete(*(keys.vault(bot, "secrets") for bot in BOTS))
        running.workers()
        say(running, said, 2)
        running.wait(lambda: known(running), 30.0, "the vaults")
        all_answered(running, said)
