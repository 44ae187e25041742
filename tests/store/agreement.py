"""Does Redis hold what the reference holds?"""

from __future__ import annotations

from typing import Any

from app import keys
from app.keys import Lane
from app.store.door import Store
from tests.store.cycle_reference import Reference


def differences(store: Store, ref: Reference) -> list[str]:
    """What is in one and not in the other, a line each."""
    answers, boxes, inboxes = sorted(ref.answer), sorted(ref.outbox), sorted(ref.inbox)
    pipe = store.client.pipeline(transaction=False)
    pipe.zrange(keys.WAKES_DUE, 0, -1)
    pipe.zrange(keys.ELECTIONS_DUE, 0, -1)
    for lane in inboxes:
        pipe.xrange(keys.inbox(Lane.parse(lane)))
    for bot in sorted(ref.work):
        pipe.hkeys(keys.work(bot))
    for message in answers:
        pipe.hkeys(keys.answer(message))
    for bot, channel in boxes:
        pipe.lrange(keys.outbox(bot, channel), 0, -1)
    real = iter(pipe.execute())
    found: list[str] = []

    def compare(what: str, have: Any, want: Any) -> None:
        if have != want:
            found.append(f"{what}: {have}, expected {want}")

    compare("lanes due", set(next(real)), set(ref.due))
    compare("elections due", set(next(real)), set(ref.elections_due))
    for lane in inboxes:
        compare(f"inbox of {lane}", [entry_id for entry_id, _ in next(real)], list(ref.inbox[lane]))
    for bot in sorted(ref.work):
        compare(f"work of {bot}", set(next(real)), ref.work[bot])
    for message in answers:
        compare(f"answer of {message}", set(next(real)), set(ref.answer[message]))
    for box in boxes:
        compare(f"outbox of {box}", next(real), ref.outbox[box])
    return found
