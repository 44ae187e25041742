"""A bot that is taken out of a server in the middle of its work, and let in again."""

from __future__ import annotations

from pathlib import Path

import pytest

from app.store import keys, refusals
from tests.e2e.system import System, add_bots, eager_character, system, write_characters


def answers(stream: System, message: int) -> list[str]:
    """Who answered a message."""
    return [
        post.author_name for post in stream.discord.replies_to(message) if post.is_bot
    ]


@pytest.mark.slow
def test_a_banned_bot_holds_nobody_up(tmp_path: Path) -> None:
    """It has the floor, a post on its way and a question that waits: the post is a dead
    letter, the journal says why the question has no answer, who waits for the floor
    speaks, and a message to it and another is answered by the other. Let in again it
    answers at once."""
    characters = write_characters(
        tmp_path / "characters", [eager_character(name) for name in ("ada", "ben")]
    )
    with system(
        tmp_path, characters_dir=characters, cooldown=0, quiet_time=0
    ) as stream:
        bots = add_bots(stream, "ada", "ben")
        discord = stream.discord
        channel, person = discord.add_channel("general"), discord.add_user("Mara")
        stream.workers()
        stream.gateway("ada", "ben")
        stream.wait_ready("ada", "ben")
        place = str(channel.id)
        discord.faults.hold_posts.set()
        first = discord.post(person, channel, "ada, how are you?")
        stream.wait(lambda: discord.faults.hold_posts.waiting, what="the post")
        waits = discord.post(person, channel, "ben, how are you?")
        asked = discord.post(discord.add_user("Tom"), channel, "ada, what is new?")
        inbox = f"mailbox:ada:inbox:{place}"
        stream.wait(lambda: stream.store.client.xlen(inbox) == 1, what="the question")
        discord.kick(bots["ada"])
        stream.wait(lambda: not stream.store.client.hexists(keys.cursor("ada"), place))
        discord.faults.hold_posts.clear()
        stream.wait(lambda: answers(stream, waits.message_id) == ["ben"], what="ben's")
        stream.rest(60)
        [*_, dead] = stream.journal(first.message_id)
        assert (dead.step, dead.verdict) == ("deliver", "dead")
        told = [line.verdict for line in stream.journal(asked.message_id)]
        assert told[-2:] == ["cancelled", "dropped"]
        known = stream.store.client
        stream.wait(lambda: place not in known.hget(keys.ROSTER, "ada"), what="roster")
        # Published later: by then the gateway has read the roster, too.
        discord.set_nick(bots["ben"], None, "Benny")
        stream.wait(lambda: "Benny" in known.hget(keys.ROSTER, "ben"), what="roster")
        both = discord.post(person, channel, "ada and ben, are you there?")
        stream.wait(lambda: answers(stream, both.message_id), 40, what="ben's answer")
        stream.rest()
        assert answers(stream, both.message_id) == ["ben"]
        claims = [one for one in stream.journal(both.message_id) if one.step == "claim"]
        assert claims == [], "ben waited for ada"
        [home] = discord._core.world.guilds.values()
        discord.join(bots["ada"], home)
        stream.wait(lambda: not stream.store.run(refusals.may_send("ada", place)))
        back = discord.post(person, channel, "ada, welcome back!")
        stream.wait(lambda: answers(stream, back.message_id) == ["ada"], what="ada's")
