"""A human's word wins over the model, at once."""

from __future__ import annotations

import os
import random
import time
from pathlib import Path

from app.operator import ops
from app.store import keys, mutes
from tests.e2e.model_server import ModelServer
from tests.e2e.system import add_bots, eager_character, system, write_characters

ROUNDS = 200 if os.environ.get("STREAM_PROVE") == "1" else 15


def test_nothing_is_posted_after_an_acknowledged_mute(tmp_path: Path) -> None:
    """Promise 7: mute arrives at a random moment while an answer is being written; once
    it is acknowledged nothing comes."""
    rng = random.Random(7)
    with ModelServer(lambda chance: chance.uniform(0.0, 0.25)) as model:
        character = eager_character("ada") | {
            "model": {"model": "openai:slow", "base_url": model.url}
        }
        characters = write_characters(tmp_path / "characters", [character])
        with system(
            tmp_path,
            characters_dir=characters,
            cooldown=0,
            quiet_time=0,
            person_hourly=10_000,
            daily_posts=10_000,
        ) as running:
            add_bots(running, "ada")
            channel = running.discord.add_channel("general")
            person = running.discord.add_user("Kim")
            running.workers()
            running.gateway("ada")
            running.wait_ready("ada")
            late = answered = 0
            # Half of the answers shall be in time, however fast the machine is.
            longest = 0.35
            for number in range(ROUNDS):
                running.discord.post(
                    person, channel, f"ada, what about number {number}?"
                )
                before = len(running.discord.posts_by_bots())
                time.sleep(rng.uniform(0.0, longest))
                running.store.run(mutes.mute(f"channel:{channel.id}", "test"))
                assert ops.wait_for_acknowledgement(running.store, 10.0)
                moment = time.monotonic()
                posts = len(running.discord.posts_by_bots())
                longest = longest / 1.2 if posts > before else min(longest * 1.2, 5.0)
                running.wait(
                    lambda: not running.store.client.zcard(keys.WAKES_DUE),
                    what="rest after the mute",
                )
                late += sum(
                    1 for post in running.discord.posts_by_bots() if post.at > moment
                )
                answered += len(running.discord.posts_by_bots()) == posts and posts > 0
                running.store.run(mutes.unmute(f"channel:{channel.id}"))
            print(
                f"rounds {ROUNDS}, posts {len(running.discord.posts_by_bots())}, after the acknowledgement {late}"
            )
            assert late == 0
            assert 0 < len(running.discord.posts_by_bots()) < ROUNDS, (
                "some were in time, some were not"
            )
