"""A Redis whose clock is far from Discord's, under the whole system."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.loopback import LoopbackDiscord
from tests.e2e.system import add_bots, eager_character, system, write_characters


@pytest.mark.slow
@pytest.mark.parametrize("ahead", [1_200.0, -1_200.0])
def test_bots_speak_though_redis_is_twenty_minutes_off(
    tmp_path: Path, ahead: float
) -> None:
    """What addresses nobody is answered by one bot, what names one by that bot, and
    the difference is told."""
    characters = write_characters(tmp_path / "characters", [eager_character("ada")])
    server = LoopbackDiscord(rate_limit=None, ahead=ahead)
    with system(
        tmp_path, server, characters_dir=characters, cooldown=0, quiet_time=0
    ) as stream:
        accounts = add_bots(stream, "ada")
        channel = stream.discord.add_channel("general")
        kim = stream.discord.add_user("Kim")
        stream.workers()
        stream.gateway("ada")
        stream.wait_ready("ada")
        stream.wait_workers()
        asked = stream.discord.post(kim, channel, f"{accounts['ada'].mention} hello?")
        stream.wait(lambda: stream.discord.replies_to(asked.message_id), 30, "hers")
        said = stream.discord.post(kim, channel, "What should I read this evening?")
        stream.wait(lambda: stream.discord.replies_to(said.message_id), 30, "an answer")
        assert "Redis's clock and Discord's differ" in stream.log("gateway")
