"""What people make of a bot's unasked posts is heard: once, about the right post, and
of no answer that somebody asked for."""

from __future__ import annotations

import asyncio

import pytest
from cryptography.fernet import Fernet

from app.domain.character import load_character
from app.domain.model import Event
from app.domain.settings import Settings
from app.gateway.intake import Intake
from app.gateway.receptions import POSTS, Receptions, Signed
from app.gateway.store_ports import StorePorts
from app.rules.reception import LINES, PERSON_SHARE, SILENCE, Sign
from app.store import keys, receptions, wishes
from app.store.door import Store
from tests.gateway.conftest import Town
from tests.gateway.recording import RecordingPorts, until
from tests.gateway.test_intake import BOTS, Start, event, offered, ports, start

__all__ = ["ports", "start"]

ANN, BEN = "21", "22"
pytestmark = pytest.mark.asyncio


def said_by(bot: str, content: str = "It is the tide.", **fields: object) -> Event:
    """A post of one of ours."""
    return event(
        content, author_id=BOTS[bot], author_name=bot, author_kind="ours", **fields
    )


async def unasked_post(intake: Intake) -> Event:
    """Elena answers a line that spoke to nobody."""
    line = event("the water is warm today")
    await offered(intake, line)
    post = said_by("elena", reply_to=line.message_id)
    intake.overhear(post)
    return post


async def signs(intake: Intake, ports: RecordingPorts) -> list[tuple[str, str, Sign]]:
    """What was passed on so far: bot, person, sign."""
    await offered(intake, event("bye", is_dm=True))
    return [(bot, one.person, one.sign) for bot, one in ports.receptions]


async def test_a_reaction_to_an_unasked_post_is_a_sign(
    start: Start, ports: RecordingPorts
) -> None:
    """Liked or disliked, once for each person, and then it is not ignored."""
    intake = start()
    post = await unasked_post(intake)
    for person, emoji in ((ANN, "👍"), (ANN, "👍"), (BEN, "👎"), (BEN, "🦑")):
        for bot in BOTS:
            intake.reacted(bot, person, post.message_id, emoji)
    assert await signs(intake, ports) == [
        ("elena", ANN, Sign.LIKED),
        ("elena", SILENCE, Sign.NOTICED),
        ("elena", BEN, Sign.DISLIKED),
    ]
    assert {one.channel for _, one in ports.receptions} == {"5"}


@pytest.mark.parametrize("asked", ["elena, is it warm?", "@elena how warm is it"])
async def test_an_answer_that_was_asked_for_is_not_learned_from(
    start: Start, ports: RecordingPorts, asked: str
) -> None:
    """With or without a reference to the question, and in all its parts."""
    intake = start()
    question = event(asked)
    await offered(intake, question)
    answer = said_by("elena", reply_to=question.message_id)
    rest = said_by("elena", "And it rises.")
    bare = said_by("elena", "Yes.")
    for post in (answer, rest, bare):
        intake.overhear(post)
        intake.reacted("elena", ANN, post.message_id, "👎")
    assert await signs(intake, ports) == []


async def test_a_post_that_answers_something_unheard_is_not_learned_from(
    start: Start, ports: RecordingPorts
) -> None:
    """Nobody knows whether somebody had asked."""
    intake = start()
    post = said_by("elena", reply_to="12345")
    intake.overhear(post)
    intake.reacted("elena", ANN, post.message_id, "👎")
    assert await signs(intake, ports) == []


async def test_not_you_tells_a_bot_off(start: Start, ports: RecordingPorts) -> None:
    """Directly after the post, without a name."""
    intake = start()
    await unasked_post(intake)
    await offered(intake, event("not you", author_id=BEN))
    assert await signs(intake, ports) == [("elena", BEN, Sign.TOLD_OFF)]


async def test_later_lines_tell_off_whom_they_call(
    start: Start, ports: RecordingPorts
) -> None:
    """With a line between them, a name or a reply is needed."""
    intake = start()
    post = await unasked_post(intake)
    await offered(intake, event("brb", author_id=BEN))
    await offered(intake, event("shut up", author_id=BEN))
    await offered(intake, event("shut up", author_id=ANN, reply_to=post.message_id))
    assert await signs(intake, ports) == [("elena", ANN, Sign.TOLD_OFF)]


async def test_an_answer_to_the_post_welcomes_it(
    start: Start, ports: RecordingPorts
) -> None:
    """A reply or a call; each person once."""
    intake = start()
    post = await unasked_post(intake)
    await offered(intake, event("oh nice, since when?", reply_to=post.message_id))
    await offered(intake, event("elena, tell me more"))
    assert await signs(intake, ports) == [
        ("elena", ANN, Sign.WELCOMED),
        ("elena", SILENCE, Sign.NOTICED),
    ]


async def test_six_lines_of_two_people_about_something_else_ignore_a_post(
    start: Start, ports: RecordingPorts
) -> None:
    """Once, and not where one person talks on alone."""
    intake = start()
    await unasked_post(intake)
    for place in range(LINES):
        await offered(intake, event(f"ben: the car, part {place}", author_id="23"))
    assert await signs(intake, ports) == []
    for _ in range(3):
        await offered(intake, event("max: and the keys?", author_id=BEN))
    assert await signs(intake, ports) == [("elena", SILENCE, Sign.IGNORED)]


async def test_a_copy_that_comes_twice_is_one_line(
    start: Start, ports: RecordingPorts
) -> None:
    """A resumed connection repeats what it brought."""
    intake = start()
    await unasked_post(intake)
    for place in range(LINES - 1):
        line = event("ben: the car", author_id=("23", BEN)[place % 2])
        await offered(intake, line)
        intake.offer("elena", line)
    assert await signs(intake, ports) == []


async def test_after_ten_minutes_nothing_said_is_about_the_post(
    start: Start, ports: RecordingPorts
) -> None:
    """Nor is it ignored."""
    intake = start()
    post = await unasked_post(intake)
    late = str(int(post.message_id) + (601_000 << 22))
    await offered(intake, event("not you").model_copy(update={"message_id": late}))
    assert await signs(intake, ports) == []


async def test_the_operator_may_turn_it_off(
    start: Start, ports: RecordingPorts
) -> None:
    """`STREAM_LEARNS_FROM_PEOPLE=false`: nothing is passed on."""
    intake = start(learns_from_people=False)
    post = await unasked_post(intake)
    intake.reacted("elena", ANN, post.message_id, "👍")
    assert await signs(intake, ports) == []


async def test_what_is_remembered_is_bounded_and_forgets_people() -> None:
    """Posts go when newer ones come; a forgotten person's reaction may come again."""
    known = Receptions()
    posts = [said_by("elena", channel_id=str(place)) for place in range(POSTS + 1)]
    for post in posts:
        known.posted("elena", post, None)
    first, last = posts[0].message_id, posts[-1].message_id
    assert known.reacted("elena", ANN, first, "👍") == []
    liked = known.reacted("elena", ANN, last, "👍")[0]
    assert liked == Signed(str(POSTS), ANN, Sign.LIKED, last)
    known.forget(lambda person: person == ANN)
    assert known.reacted("elena", ANN, last, "👍") == [liked]


async def test_a_reaction_in_discord_reaches_the_ports(town: Town) -> None:
    """The whole way: a real connection, an unasked post of the bot's, a thumb down."""
    await town.start("elena")
    line = await town.say("the water is warm today")
    await until(lambda: town.ports.of("elena"))
    post = await town.say("It is the tide.", town.bots["elena"], reply_to=line)
    await asyncio.to_thread(town.discord.react, town.ann, post, "👎")
    await until(lambda: len(town.ports.receptions) >= 2)
    assert [one.sign for _, one in town.ports.receptions] == [
        Sign.DISLIKED,
        Sign.NOTICED,
    ]


async def test_signs_move_the_facts_of_that_channel_alone(
    store: Store, redis_url: str
) -> None:
    """What Redis keeps comes back with the pump; threads are their channel's; who opted
    out leaves no sign."""
    key = Fernet.generate_key().decode()
    settings = Settings(_env_file=None, redis_url=redis_url, vault_keys=(key,))  # type: ignore[arg-type]
    known = StorePorts({"elena": load_character("elena")}, {"elena": "x"}, settings)
    try:
        for place in range(40):
            liked = Signed("5", ANN, Sign.LIKED, "1")
            await known.received("elena", liked, f"r{place}")
        store.run(wishes.opt_out(wishes.digest(BEN)))
        await known.forgotten()
        await known.received("elena", Signed("5", BEN, Sign.LIKED, "1"), "r")
        await known.pump()
        here, there = event("hm"), event("hm", channel_id="6")
        thread = event("hm", channel_id="7", parent_id="5")
        standing = [
            (await known.facts("elena", one)).reception for one in (here, thread, there)
        ]
    finally:
        await known.close()
    assert standing[0] == standing[1] == pytest.approx(PERSON_SHARE * 0.87, abs=0.01)
    assert standing[2] == 0
    assert set(store.run(receptions.everywhere("elena"))["5"]) == {ANN}
    assert store.client.pttl(keys.reception("elena")) > 0
