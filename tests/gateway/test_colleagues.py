"""Who is on the roster, as a gateway hears of it."""

from __future__ import annotations

import time

import pytest

from app.domain.model import RosterEntry
from app.gateway.healing import ROSTER_KEEP, Colleagues


def entry(bot: str) -> RosterEntry:
    """A bot on the roster."""
    return RosterEntry(bot=bot, user_id=f"1{len(bot)}", names=(bot,))


def test_who_vanished_is_heard_of_for_a_while(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its gateway is about to write it again; after a minute it is gone."""
    now = [1_000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    colleagues = Colleagues()
    both = (entry("aria"), entry("elena"))
    assert colleagues.merged(both) == both
    now[0] += 1
    assert colleagues.merged(both[:1]) == both
    now[0] += ROSTER_KEEP + 1
    assert colleagues.merged(both[:1]) == both[:1]


def test_a_gateway_that_was_stopped_forgets_nobody(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Redis was emptied while it could not look: who is missing from the roster has
    vanished only now, so what was said to its own bots meanwhile speaks to them."""
    now = [1_000.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    colleagues = Colleagues()
    both = (entry("aria"), entry("elena"))
    colleagues.merged(both)
    now[0] += 2.5 * ROSTER_KEEP
    assert colleagues.merged(both[1:]) == both
