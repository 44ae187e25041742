"""The trigger path and the safety poll race for the same messages."""

from __future__ import annotations

import os
from pathlib import Path

from app.store import keys
from tests.e2e.system import System, add_bots, eager_character, system, write_characters

ROUNDS = 200 if os.environ.get("STREAM_PROVE") == "1" else 25
BOTS = ("ada", "bob", "cyd")


def polled(running: System) -> None:
    """Wait until polls alone, in a silent room, have started a cycle of each bot: the
    poll takes part."""
    before = running.stats().get("cycles", 0)
    running.wait(
        lambda: running.stats().get("cycles", 0) >= before + len(BOTS), 30.0, "a poll"
    )


def test_trigger_and_poll_never_answer_twice(tmp_path: Path) -> None:
    """A poll every half second and an election for each message: each message gets
    exactly one answer."""
    characters = write_characters(
        tmp_path / "characters", [eager_character(name) for name in BOTS]
    )
    with system(
        tmp_path,
        characters_dir=characters,
        cooldown=0,
        quiet_time=0,
        daily_posts=10_000,
        discord_check_interval_minutes=0.008,
    ) as running:
        add_bots(running, *BOTS)
        running.workers()
        running.beat()
        running.gateway(*BOTS)
        running.wait_ready(*BOTS)
        polled(
            running
        )  # beat takes longer to load than an idle machine takes for all the rounds
        rooms = [running.discord.add_channel(f"room-{number}") for number in range(8)]
        posts = []
        for number in range(ROUNDS):
            person = running.discord.add_user(f"person-{number}")
            posts.append(
                running.discord.post(
                    person,
                    rooms[number % len(rooms)],
                    f"Does anybody remember number {number}?",
                )
            )
            if number % len(rooms) == len(rooms) - 1:
                running.wait(
                    lambda: all(running.discord.replies_to(post) for post in posts),
                    60.0,
                    "an answer to each",
                )
        running.wait(
            lambda: all(running.discord.replies_to(post) for post in posts),
            60.0,
            "an answer to each",
        )
        running.wait(
            lambda: not running.store.client.zcard(keys.DELIVERIES_DUE), 30.0, "rest"
        )
        polled(running)  # one more chance for a poll to answer what was answered
        counts = [len(running.discord.replies_to(post)) for post in posts]
        print(
            f"rounds {ROUNDS}, answered twice {sum(count > 1 for count in counts)}, cycles {running.stats()['cycles']}"
        )
        assert counts == [1] * ROUNDS
