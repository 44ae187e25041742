"""Does Redis hold what the reference holds?"""

from __future__ import annotations

from typing import Any

from app.domain.lane import Lane
from app.store import keys
from tests.store.cycle_reference import Reference
from tests.store.world import World
from tests.wire import Command

SLACK_MS = 2_000
COUNTS = ["posts", "tokens", "micro_usd"]


def _times(
    have: list[tuple[str, float]], want: dict[str, float], now: int, world: World
) -> list[str]:
    """Which of the due times differ; of one that has come it matters only that it
    has."""
    wrong = []
    for name, at in have:
        real, expected = world.when(at), want.get(name, 0)
        if max(real, expected) > now + SLACK_MS and abs(real - expected) > SLACK_MS:
            wrong.append(
                f"{name} is due in {real - now:.0f} ms, expected in {expected - now:.0f} ms"
            )
    return wrong


def _scored(key: str) -> Command:
    return ("ZRANGE", key, 0, -1, "WITHSCORES")


def differences(world: World, ref: Reference) -> list[str]:
    """What is in one and not in the other, a line each."""
    answers, boxes, inboxes = sorted(ref.answer), sorted(ref.outbox), sorted(ref.inbox)
    asked: list[Command] = [_scored(keys.WAKES_DUE), _scored(keys.ELECTIONS_DUE)]
    asked += [("XRANGE", keys.inbox(Lane.parse(lane)), "-", "+") for lane in inboxes]
    asked += [("HKEYS", keys.work(bot)) for bot in sorted(ref.work)]
    asked += [("HKEYS", keys.answer(message)) for message in answers]
    asked.append(("KEYS", keys.deleted("*")))
    channels, messages = sorted(ref.waiting), sorted(ref.following)
    for channel in channels:
        asked.append(("ZRANGE", keys.floor_waiting(channel), 0, -1))
        asked.append(("ZRANGE", keys.floor_elections(channel), 0, -1))
    for message in messages:
        asked.append(("ZRANGE", keys.floor_following(message), 0, -1))
    for bot, channel in boxes:
        asked.append(("LRANGE", keys.outbox(bot, channel), 0, -1))
    scopes, roots, holds = sorted(ref.days), sorted(ref.roots), sorted(ref.holds)
    date = world.today()
    asked += [("HMGET", keys.budget(scope, date), *COUNTS) for scope in scopes]
    asked += [("HMGET", keys.cause_root(root), *COUNTS) for root in roots]
    asked += [("HMGET", keys.hold(hold), *COUNTS) for hold in holds]
    real = iter(world.replies(asked))
    found: list[str] = []

    def compare(what: str, have: Any, want: Any) -> None:
        if have != want:
            found.append(f"{what}: {have}, expected {want}")

    for what, want in (("lanes due", ref.due), ("elections due", ref.elections_due)):
        scored = next(real)
        have = [(name, float(at)) for name, at in zip(*[iter(scored)] * 2, strict=True)]
        compare(what, {name for name, _ in have}, set(want))
        found += _times(have, want, ref.now(), world)
    for lane in inboxes:
        compare(
            f"inbox of {lane}",
            [entry_id for entry_id, _ in next(real)],
            list(ref.inbox[lane]),
        )
    for bot in sorted(ref.work):
        compare(f"work of {bot}", set(next(real)), ref.work[bot])
    for message in answers:
        compare(f"answer of {message}", set(next(real)), set(ref.answer[message]))
    compare("deleted", set(next(real)), {keys.deleted(one) for one in ref.deleted})
    for channel in channels:
        queue, elections = ref.waiting[channel], ref.waiting_elections.get(channel, {})
        compare(
            f"queue of {channel}",
            next(real),
            sorted(queue, key=lambda bot: (queue[bot], bot)),
        )
        compare(f"elections of {channel}", set(next(real)), set(elections))
    for message in messages:
        compare(
            f"behind others in {message}", set(next(real)), set(ref.following[message])
        )
    for box in boxes:
        compare(f"outbox of {box}", next(real), ref.outbox[box])
    for what, names, kept in (
        ("budget", scopes, ref.days),
        ("root", roots, ref.roots),
        ("hold", holds, {name: ref.holds[name].amount for name in holds}),
    ):
        for name in names:
            counted, owed = [int(count or 0) for count in next(real)], kept[name]
            compare(
                f"{what} of {name}", counted, [owed.posts, owed.tokens, owed.micro_usd]
            )
    return found
