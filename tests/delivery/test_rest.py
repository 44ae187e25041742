"""What a worker reads from Discord, and the typing indicator."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from typing import Any

import pytest

from app.content.lines import chat_line
from app.delivery.failures import backoff_ms
from app.delivery.rest import AnsweredMessage
from app.domain.errors import TokenRefused
from app.domain.model import MAX_CONTENT, AuthorKind
from tests.delivery.conftest import Room


def ask(
    room: Room, limit: int = 20, bot: str = "elena", **options: Any
) -> tuple[list[str], str]:
    """The texts and the problem of a context request."""
    worker = room.workers[-1] if room.workers else room.worker()
    ours = {secrets.user_id for secrets in room.secrets.values()}
    history = worker.history(
        bot, room.secrets[bot].token, str(room.channel.id), limit, ours=ours, **options
    )
    return [line.content for line in history.lines], history.problem


def test_the_context_is_the_newest_lines_oldest_first(room: Room) -> None:
    """Context is the end of the channel, in reading order; `before` moves the end."""
    posts = [
        room.discord.post(room.person, room.channel, f"text {n}") for n in range(5)
    ]
    assert ask(room, 3) == (["text 2", "text 3", "text 4"], "")
    assert ask(room, 3, before=str(posts[3].message_id)) == (
        ["text 0", "text 1", "text 2"],
        "",
    )


def test_a_line_says_who_wrote_it_and_what_it_answers(room: Room) -> None:
    """Authors are human, ours or foreign; a webhook is foreign; replies name their
    message."""
    foreign = room.discord.add_bot("stranger")
    first = room.discord.post(room.person, room.channel, "hello")
    room.discord.post(room.bots["aria"], room.channel, "hi", reply_to=first)
    room.discord.post(foreign, room.channel, "beep")
    room.discord.post(room.person, room.channel, "hook", webhook=True)
    worker = room.worker()
    ours = [secrets.user_id for secrets in room.secrets.values()]
    lines = worker.history(
        "elena", room.secrets["elena"].token, str(room.channel.id), 20, ours=ours
    ).lines
    kinds = [AuthorKind.HUMAN, AuthorKind.OURS, AuthorKind.FOREIGN, AuthorKind.FOREIGN]
    assert [line.author_kind for line in lines] == kinds
    assert [line.reply_to for line in lines] == [
        None,
        str(first.message_id),
        None,
        None,
    ]


def test_what_is_replied_to_is_read_however_old_it_is(room: Room) -> None:
    """The answered line stands before the newest ones, and once where it is one of
    them."""
    old = room.discord.post(room.person, room.channel, "the keeper is Ambrose")
    for number in range(5):
        room.discord.post(room.person, room.channel, f"text {number}")
    reply = room.discord.post(room.person, room.channel, "who?", reply_to=old)
    asked = AnsweredMessage(str(reply.message_id))
    assert ask(room, 2, asked=asked) == (
        ["the keeper is Ambrose", "text 4", "who?"],
        "",
    )
    assert ask(room, 20, asked=asked)[0].count("the keeper is Ambrose") == 1
    assert ask(room, 2) == (["text 4", "who?"], "")


def test_a_long_thread_begins_with_its_first_message(room: Room) -> None:
    """The message on which a thread was started stands before the newest lines, however
    many there are between."""
    start = room.discord.post(room.person, room.channel, "which microphone?")
    thread = room.discord.open_thread(room.person, room.channel, "mics", start)
    posts = [
        room.discord.post(room.person, thread, f"text {number}") for number in range(5)
    ]
    worker = room.worker()
    for limit, texts in (
        (2, ["text 3", "text 4"]),
        (20, [f"text {number}" for number in range(5)]),
    ):
        asked = AnsweredMessage(str(posts[-1].message_id), in_thread=True)
        lines = worker.history(
            "elena", room.secrets["elena"].token, str(thread.id), limit, asked=asked
        ).lines
        assert [line.content for line in lines] == ["which microphone?", *texts]


def test_long_lines_are_clipped_and_system_messages_left_out(room: Room) -> None:
    """A line holds at most what a message may; pins and joins are no conversation."""
    room.discord.post(room.person, room.channel, "x" * (MAX_CONTENT + 100))
    room.discord.post(room.person, room.channel, "", message_type=7)
    texts, _ = ask(room)
    assert [len(text) for text in texts] == [MAX_CONTENT]


def test_a_channel_that_cannot_be_read_has_no_lines_and_a_reason(room: Room) -> None:
    """403, 404, a refused token and an unreachable Discord are reasons, never
    exceptions."""
    room.discord.hide(room.channel, room.bots["elena"])
    assert ask(room) == ([], "403 50001: Missing Access")
    worker = room.workers[-1]
    assert (
        worker.history("elena", room.secrets["elena"].token, "12345", 5).problem
        == "404 10003: Unknown Channel"
    )
    assert (
        "refused" in worker.history("elena", "wrong", str(room.channel.id), 5).problem
    )
    away = room.worker(discord_api_url="http://127.0.0.1:9/api/v10")
    assert (
        "cannot log in" in away.history("elena", "any", str(room.channel.id), 5).problem
    )


def test_one_login_serves_all_requests(room: Room) -> None:
    """A worker logs each bot in once, also when many threads ask first at the same
    time."""
    worker = room.worker()
    token = room.secrets["elena"].token
    for work in [
        worker.rest.submit(worker.rest.client("elena", token)) for _ in range(10)
    ]:
        work.result(5)
    ask(room)
    assert room.discord.requests["GET", "/users/@me"] == 1


def test_typing_shows_at_once_and_goes_on(
    room: Room, wait_until: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The indicator is shown while the block lasts, and not after."""
    monkeypatch.setattr("app.delivery.rest.TYPING_EVERY", 0.05)
    worker = room.worker()
    with worker.rest.typing("elena", room.secrets["elena"].token, str(room.channel.id)):
        wait_until(
            lambda: len(room.discord.typings) >= 3, what="typing that is kept alive"
        )
    assert {typing.user_id for typing in room.discord.typings} == {
        room.bots["elena"].id
    }


@pytest.mark.parametrize(
    "trouble",
    [
        "refused token",
        "hidden channel",
        "unknown channel",
        "server error",
        "dead address",
    ],
)
def test_typing_never_raises(
    room: Room,
    wait_until: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    trouble: str,
) -> None:
    """The indicator is a courtesy: no refusal of Discord and no dead address is an
    error, in the block or beside it."""
    monkeypatch.setattr(
        "app.delivery.rest.TYPING_EVERY", 3600.0
    )  # an indicator that could be shown would not end
    worker = room.worker(
        **{"discord_api_url": "http://127.0.0.1:9/api/v10"}
        if trouble == "dead address"
        else {}
    )
    token = "wrong" if trouble == "refused token" else room.secrets["elena"].token
    channel = "12345" if trouble == "unknown channel" else str(room.channel.id)
    if trouble == "hidden channel":
        room.discord.hide(room.channel, room.bots["elena"])
    if trouble == "server error":
        room.discord.faults.fail_next("POST", "/typing$", 501)
    begun: list[Future[None]] = []
    submit = worker.rest.submit

    def remembered(work: Coroutine[Any, Any, None]) -> Future[None]:
        begun.append(submit(work))
        return begun[-1]

    monkeypatch.setattr(worker.rest, "submit", remembered)
    with worker.rest.typing("elena", token, channel):
        wait_until(begun[0].done, what="the end of the attempt")
    assert begun[0].result() is None
    assert list(room.discord.typings) == []


def test_a_dry_run_does_not_type(room: Room) -> None:
    """A dry run shows nothing in Discord, not even the indicator."""
    worker = room.worker(dry_run=True)
    with worker.rest.typing("elena", room.secrets["elena"].token, str(room.channel.id)):
        ask(room)
    assert list(room.discord.typings) == []


def test_a_refused_token_is_not_shown_to_discord_again_and_again(room: Room) -> None:
    """Discord bans an address after 10,000 refused requests in ten minutes: one token
    is refused once a minute at most, however many posts wait for it; another token is
    tried at once."""
    worker = room.worker()
    for _ in range(5):
        with pytest.raises(TokenRefused):
            worker.rest.submit(worker.rest.client("elena", "wrong")).result(10)
    assert room.discord.requests["GET", "/users/@me"] == 1
    assert worker.rest.submit(
        worker.rest.client("elena", room.secrets["elena"].token)
    ).result(10)


def test_a_closed_rest_starts_afresh(room: Room) -> None:
    """Closing ends the loop and the logins; it may be called twice, and a later call
    starts a new loop."""
    worker = room.worker()
    ask(room)
    worker.rest.close()
    worker.rest.close()
    room.discord.post(room.person, room.channel, "hello again")
    assert ask(room) == (["hello again"], "")


@pytest.mark.parametrize(
    ("failures", "retry_after", "least", "most"),
    [
        (1, 0.0, 125, 376),  # the first retry is quick
        (4, 0.0, 1_000, 3_001),  # doubling
        (50, 0.0, 15_000, 45_001),  # bounded
        (1, 5.0, 5_000, 5_002),  # never before Discord's own word
    ],
)
def test_backoff(failures: int, retry_after: float, least: int, most: int) -> None:
    """The wait doubles with each failure within bounds, varies, and is never shorter
    than Discord asks for."""
    waits = {backoff_ms(failures, retry_after) for _ in range(200)}
    assert least <= min(waits) <= max(waits) <= most


def test_one_message_that_cannot_be_parsed_hides_no_channel(room: Room) -> None:
    """A poll without an end makes discord.py fail; the words beside it are read all the
    same."""
    worker = room.worker()
    client = worker.rest.submit(
        worker.rest.client("elena", room.secrets["elena"].token)
    ).result(10)
    poll: dict[str, object] = {
        "question": {"text": "Tea?"},
        "answers": [],
        "expiry": None,
    }
    raw: Any = {
        "id": "9",
        "type": 0,
        "channel_id": "5",
        "content": "choose",
        "timestamp": "2026-01-01T00:00:00+00:00",
        "author": {"id": "7", "username": "mara", "discriminator": "0", "avatar": None},
        "edited_timestamp": None,
        "tts": False,
        "mention_everyone": False,
        "mentions": [],
        "mention_roles": [],
        "attachments": [],
        "embeds": [],
        "pinned": False,
        "flags": 0,
        "poll": poll,
    }
    place = client.get_partial_messageable(5)
    line = chat_line(
        client._connection.create_message(channel=place, data=raw), ours=()
    )
    assert (line.content, line.author_name, line.parts) == ("choose", "mara", ())
