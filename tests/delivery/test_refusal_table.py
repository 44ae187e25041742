"""Every row of docs/refusals.md, over sockets."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from app.delivery import address
from app.delivery.refusals import NO_CODE, TABLE, Act, RefusalRule, RefusalVerdict, Way
from app.store import refusals
from tests.delivery.conftest import Room

LINE, SPARE, EMOJI = "hello", "Another line.", "👋"
PAGE = "<!DOCTYPE html><html><head><title>Cloudflare</title></head></html>"
ROWS = [
    (row, act)
    for row in TABLE
    for act in (Act.POST, Act.REACTION)
    if row.act in {act, Act.ANY}
]


def body(row: RefusalRule) -> dict[str, object] | str:
    """Discord's answer."""
    if row.code == NO_CODE:
        return PAGE
    told: dict[str, object] = {
        "message": row.meaning,
        "code": row.code,
        "retry_after": 0.1,
    }
    if row.about:
        told["errors"] = {
            row.about: {"_errors": [{"code": "UNKNOWN", "message": "Unknown"}]}
        }
    return told


def seen(room: Room) -> tuple[list[str], list[str]]:
    """What stands in the channel: words and reactions."""
    return room.said(), [reaction.emoji for reaction in room.discord.reactions]


@pytest.mark.parametrize(
    ("row", "act"), ROWS, ids=lambda value: str(getattr(value, "code", value))
)
def test_a_row_is_so(
    room: Room,
    empties: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    row: RefusalRule,
    act: Act,
) -> None:
    """Each row's verdict, what is remembered, and its second way: the answer that a
    person gets in the end."""
    monkeypatch.setattr(address, "FIRST_PAUSE", 0.2)
    reaction = act is Act.REACTION
    room.discord.faults.fail_next(
        "PUT" if reaction else "POST",
        "/reactions/" if reaction else "/messages$",
        row.status,
        body(row),
    )
    message = room.commit(
        "" if reaction else LINE, emoji=EMOJI if reaction else "", fallback=SPARE
    )
    room.worker()
    empties()
    first = ([], [EMOJI]) if reaction else ([LINE], [])
    by_way: dict[Way, tuple[list[str], list[str]]] = {
        Way.NONE: ([], []),
        Way.PLAIN: ([LINE], []),
        Way.WORDS: ([SPARE], []),
        Way.OTHER: ([SPARE], []),
    }
    final = row.verdict is RefusalVerdict.FINAL
    lost = final and seen_way(row, act) is Way.NONE
    if final:
        assert seen(room) == by_way[seen_way(row, act)]
    else:
        assert seen(room) == (
            ([], []) if row.verdict is RefusalVerdict.CANCELLED else first
        )
    assert bool(room.dead()) == lost
    assert room.verdicts(message)[-1] == (
        "dead"
        if lost
        else "cancelled"
        if row.verdict is RefusalVerdict.CANCELLED
        else "delivered"
    )
    remembered = room.store.run(refusals.remembered("elena", str(room.channel.id)))
    assert set(remembered) == ({row.barred} if row.barred else set())


def seen_way(row: RefusalRule, act: Act) -> Way:
    """The second way that this act can go."""
    return Way.NONE if act is Act.POST and row.way is Way.WORDS else row.way


def test_a_code_is_told_apart_by_what_was_refused() -> None:
    """No two rows speak of the same answer to the same act, unless a field of the form
    tells which."""
    for act in (Act.POST, Act.REACTION):
        known = [
            (row.status, row.code, row.about)
            for row in TABLE
            if row.act in {act, Act.ANY}
        ]
        assert len(known) == len(set(known))
