"""A copy of the data folder brings a stream back."""

from __future__ import annotations

import os
import shutil
import signal
from pathlib import Path

import pytest

from tests.e2e.system import System, add_bots, eager_character, system, write_characters


def end_processes(running: System) -> None:
    """As a power cut would: nothing is told to anybody."""
    for process in running.processes.values():
        os.kill(process.pid, signal.SIGKILL)
        process.wait(10)
    running.processes.clear()


def begin(running: System, name: str) -> None:
    """One gateway, one worker."""
    running.gateway("ada", name=f"gateway-{name}")
    running.worker("direct,delivery,cycles,chores", f"worker-{name}")


@pytest.mark.slow
def test_a_restored_copy_answers_nothing_twice(tmp_path: Path) -> None:
    """What was answered before the copy was made stays answered, and whoever writes
    after the restore is answered once."""
    characters = write_characters(tmp_path / "characters", [eager_character("ada")])
    with system(
        tmp_path, characters_dir=characters, cooldown=0, quiet_time=0
    ) as running:
        add_bots(running, "ada")
        channel = running.discord.add_channel("general")
        kim = running.discord.add_user("Kim")
        begin(running, "first")
        running.wait_ready("ada")
        before = running.discord.post(kim, channel, "ada, are you there?")
        running.wait(lambda: running.discord.replies_to(before), 20.0, "an answer")
        end_processes(running)
        running.valkey.stop()
        data = running.valkey.folder
        shutil.copytree(data, tmp_path / "copy")
        # The disk is lost.
        shutil.rmtree(data)
        shutil.copytree(tmp_path / "copy", data)
        running.valkey.start()
        begin(running, "second")
        after = running.discord.post(kim, channel, "ada, and now?")
        running.wait(lambda: running.discord.replies_to(after), 30.0, "an answer")
        assert len(running.discord.replies_to(before)) == 1
        assert len(running.discord.replies_to(after)) == 1
