"""Looks whether what a case expects is seen."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from typing import Any

from app.loopback import Post
from app.store import keys
from tests.cases.place import texts
from tests.cases.playing import Play
from tests.patience import patience, pause

PATIENCE = 8.0
"""Least time that is waited for an answer: a loaded machine is slow, and who answers is
seen at once."""


def check(play: Play, expected: Mapping[str, Any]) -> None:
    """Fail unless everything that is expected of one message is seen."""
    for name, wanted in expected.items():
        if name != "message":
            _CHECKS[name](play, expected["message"], wanted)


def answers(play: Play, number: int) -> list[Post]:
    """What our bots wrote after a step where it happened: replies to its message, and
    lines that reply to nothing.

    A step that left no message behind: whatever they wrote anywhere.
    """
    ours = {account.id for account in play.place.bots.values()}
    scripted = {post.message_id for post in play.posts.values()}
    since = play.place.stream.discord.posts_by_bots()[play.said[number] :]
    said = [
        one for one in since if one.author_id in ours and one.message_id not in scripted
    ]
    post = play.posts.get(number)
    if post is None:
        return said
    return [
        one
        for one in said
        if one.channel_id == post.channel_id and one.reply_to in {None, post.message_id}
    ]


def reactions(play: Play, number: int) -> list[str]:
    """Our bots that reacted to a message."""
    post = play.posts[number]
    found = play.place.stream.discord.reactions
    return [
        one.user_name.lower()
        for one in found
        if one.message_id == post.message_id and one.is_bot
    ]


def authors(play: Play, number: int) -> set[str]:
    """Our bots that answered in words."""
    names = {account.id: name for name, account in play.place.bots.items()}
    return {names[post.author_id] for post in answers(play, number)}


def _wait(play: Play, predicate: Callable[[], Any], what: str) -> None:
    began = time.monotonic()
    until = began + patience(max(play.case.wait, PATIENCE))
    while not predicate():
        assert time.monotonic() < until, f"{what} did not come; {_story(play)}"
        pause(began, 0.02)


def _story(play: Play) -> str:
    lines = {
        number: play.place.stream.journal(post.message_id)
        for number, post in play.posts.items()
    }
    return "; ".join(
        f"{number}: "
        + ", ".join(
            f"{line.bot} {line.step} {line.verdict} {line.reason}" for line in journal
        )
        for number, journal in lines.items()
    )


def _answered_by(play: Play, number: int, who: str) -> None:
    _wait(play, lambda: who in authors(play, number), f"an answer by {who}")


def _answered(play: Play, number: int, wanted: bool) -> None:
    if not wanted:
        _silent(play, number, True)
        return
    _wait(play, lambda: authors(play, number) or reactions(play, number), "an answer")


def _silent(play: Play, number: int, wanted: bool) -> None:
    """Nothing is due any more, and for half of the case's time nothing came."""
    assert wanted
    client = play.place.stream.store.client
    until = time.monotonic() + play.case.wait / 2
    while time.monotonic() < until or client.exists(
        keys.WAKES_DUE, keys.ELECTIONS_DUE, keys.DELIVERIES_DUE
    ):
        found = answers(play, number)
        assert not found, f"{[post.content for post in found]}; {_story(play)}"
        assert time.monotonic() < until + PATIENCE, f"no rest; {_story(play)}"
        time.sleep(0.05)
    if number in play.posts:
        assert not reactions(play, number)


def _reacted(play: Play, number: int, wanted: bool) -> None:
    _wait(play, lambda: bool(reactions(play, number)) is wanted, "a reaction")


def _words_after(play: Play, number: int, wanted: bool | str) -> None:
    _wait(
        play,
        lambda: (
            wanted in authors(play, number)
            if isinstance(wanted, str)
            else authors(play, number)
        ),
        "words",
    )


def _only_one(play: Play, number: int, wanted: bool) -> None:
    """One bot answers, and no second one follows."""
    _answered(play, number, True)
    play.place.stream.rest()
    assert len({*authors(play, number), *reactions(play, number)}) == 1


def _prompt(play: Play, number: int) -> str:
    """Every prompt since a step; there must be one."""
    first = play.prompts[number]
    _wait(play, lambda: len(play.place.model.prompts) > first, "a prompt")
    return "\n".join(texts(prompt) for prompt in play.place.model.prompts[first:])


def _prompt_has(play: Play, number: int, patterns: list[str]) -> None:
    prompt = _prompt(play, number)
    missing = [pattern for pattern in patterns if not re.search(pattern, prompt)]
    assert not missing, f"{missing} not in\n{prompt}"


def _prompt_lacks(play: Play, number: int, patterns: list[str]) -> None:
    prompt = _prompt(play, number)
    found = [pattern for pattern in patterns if re.search(pattern, prompt)]
    assert not found, f"{found} in\n{prompt}"


def _unthought(play: Play, number: int, wanted: bool) -> None:
    """It cost no model call; to be asked after `silent`."""
    prompts = play.place.model.prompts[play.prompts[number] :]
    assert wanted
    assert not prompts, prompts


_CHECKS: dict[str, Callable[[Play, int, Any], None]] = {
    "answered_by": _answered_by,
    "answered": _answered,
    "silent": _silent,
    "reacted": _reacted,
    "words_after": _words_after,
    "only_one": _only_one,
    "unthought": _unthought,
    "prompt_has": _prompt_has,
    "prompt_lacks": _prompt_lacks,
}
