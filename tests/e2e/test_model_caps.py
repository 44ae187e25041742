"""The caps of a day hold whatever a provider reports of its usage."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.e2e.model_server import ModelServer
from tests.e2e.system import add_bots, eager_character, system, write_characters

QUESTIONS = 25


@pytest.mark.parametrize(
    "usage",
    [
        # tests/brain/test_providers.py reads zeros as the estimate, too.
        pytest.param(
            {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0},
            id="zero",
            marks=pytest.mark.slow,
        ),
        pytest.param({"total_tokens": 110}, id="only a total"),
    ],
)
def test_a_cap_stops_the_calls_of_a_provider_that_counts_nothing(
    tmp_path: Path, usage: dict[str, int]
) -> None:
    """Of 25 questions within 6,000 tokens a day, a provider that reports no usage is
    asked at most 9 times."""
    with ModelServer(usage=usage) as model:
        ada = eager_character("ada") | {
            "model": {"model": "openai:counts-nothing", "base_url": model.url}
        }
        characters = write_characters(tmp_path / "characters", [ada])
        settings: dict[str, Any] = {
            "cooldown": 0,
            "quiet_time": 0,
            "person_hourly": 10_000,
            "daily_tokens": 6_000,
        }
        with system(tmp_path, characters_dir=characters, **settings) as running:
            add_bots(running, "ada")
            channel = running.discord.add_channel("general")
            person = running.discord.add_user("Kim")
            running.workers()
            running.gateway("ada")
            running.wait_ready("ada")
            posts = [
                running.discord.post(person, channel, f"ada, what is {n} and {n}?")
                for n in range(QUESTIONS)
            ]

            ends, waiting = {"delivered", "declined", "dropped"}, list(posts)

            def settled() -> bool:
                # What has ended is not read again.
                while waiting:
                    lines = running.journal(waiting[-1].message_id)
                    if not any(one.verdict in ends for one in lines):
                        return False
                    waiting.pop()
                return True

            running.wait(settled, 90.0, "an answer or a reason for each")
            lines = [one for post in posts for one in running.journal(post.message_id)]
        assert 2 <= model.calls <= 9
        assert any("budget" in (one.reason or "") for one in lines)
