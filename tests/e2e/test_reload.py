"""A changed character file reaches a running gateway and its workers."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.commands import run
from tests.e2e.system import add_bots, eager_character, system, write_characters


@pytest.mark.slow
def test_a_bot_goes_by_its_new_file_without_a_restart(tmp_path: Path) -> None:
    """A new name calls her; after a broken file she is who she was; the gateway's
    other bot is never touched."""
    cast = [eager_character(name) for name in ("ada", "bob")]
    folder = write_characters(tmp_path / "characters", cast)
    with system(tmp_path, characters_dir=folder, cooldown=0, quiet_time=0) as running:
        add_bots(running, "ada", "bob")
        channel = running.discord.add_channel("general")
        kim = running.discord.add_user("Kim")
        process = running.gateway("ada", "bob")
        running.worker("direct,delivery,cycles,chores", "worker")
        running.wait_ready("ada", "bob")
        names = {one.id: one.name for one in running.discord.connected()}

        def answered_by(text: str) -> str:
            post = running.discord.post(kim, channel, text)
            running.wait(lambda: running.discord.replies_to(post), 20.0, text)
            return names[running.discord.replies_to(post)[0].author_id]

        new_line = {"text": "A line that nobody had before."}
        cast[0] |= {"aliases": ["zed"], "lines": [new_line]}
        write_characters(folder, cast)
        told = run("reload", "ada", cwd=None, **running.env)
        assert told.stdout == "ada: goes by its new file.\n", told.stderr
        assert answered_by("zed, are you there?") == "ada"
        assert answered_by("bob, are you there?") == "bob"
        (folder / "ada.yaml").write_text("name: [", "utf-8")
        told = run("reload", "ada", cwd=None, **running.env)
        assert told.returncode == 2
        assert told.stderr.startswith("the-stream: ada.yaml: line 1: ")
        assert answered_by("zed, and now?") == "ada"
        assert process.poll() is None
        said = [post.content for post in running.discord.posts]
        assert new_line["text"] in said
