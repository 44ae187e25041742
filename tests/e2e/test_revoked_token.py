"""A token that Discord ends while the bot runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.domain.settings import Settings
from app.operator.status import read_status
from app.web.room import StreamView
from tests.cli import commands
from tests.e2e.system import System, add_bots, eager_character, system, write_characters

REFUSED = "Discord refused this bot's token. Mend STREAM_TOKEN_ADA."


@pytest.mark.slow
def test_a_token_that_is_revoked_in_the_middle_is_named_everywhere(
    tmp_path: Path,
) -> None:
    """The gateway's log, `status`, `why` and the page name the bot and the variable to
    mend within a minute; nothing holds the token; the other bot answers as before."""
    folder = tmp_path / "characters"
    characters = write_characters(
        folder, [eager_character("ada"), eager_character("bob")]
    )
    with system(tmp_path, characters_dir=characters) as running:
        accounts = add_bots(running, "ada", "bob")
        channel = running.discord.add_channel("general")
        kim = running.discord.add_user("Kim")
        running.workers(threads=2)
        running.gateway("ada", "bob")
        running.wait_ready("ada", "bob")
        first = running.discord.post(kim, channel, "ada, are you there?")
        running.wait(lambda: running.discord.replies_to(first), 60, "an answer")
        running.discord.faults.reset_token(accounts["ada"])
        settings = Settings(redis_url=running.valkey.url, characters_dir=characters)
        running.wait(lambda: REFUSED in error_of("ada", settings), 60, "status")
        assert error_of("bob", settings) == ""
        log = running.log("gateway", 100_000)
        assert f"ada: {REFUSED}" in log
        assert str(accounts["ada"].token) not in log
        assert REFUSED in shown_on_page(settings)
        late = running.discord.post(kim, channel, "ada, are you still there?")
        heard = running.discord.post(kim, channel, "bob, and you?")
        running.wait(lambda: running.discord.replies_to(heard), 60, "bob's answer")
        told = why(running, late.message_id)
        assert "Ada" in told
        assert "STREAM_TOKEN_ADA" in told


def error_of(bot: str, settings: Settings) -> str:
    """What `status` says that ended a bot."""
    return next(one.error for one in read_status(settings).bots if one.bot == bot)


def shown_on_page(settings: Settings) -> str:
    """All that the page is told."""
    view = StreamView(settings)
    try:
        return " ".join(str(piece.body) for piece in view.look(anew=True))
    finally:
        view.close()


def why(running: System, message: int) -> str:
    """What `the-stream why` prints about a message."""
    done = commands.run("why", str(message), cwd=None, **running.env)
    return done.stdout
