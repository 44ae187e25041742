"""What Discord refuses a bot in a channel is remembered, for a while, until something
disproves it."""

from __future__ import annotations

from collections.abc import Callable

from app.domain.settings import Settings
from app.store import keys, refusals
from app.store.door import Store
from app.store.refusals import Barred

REASON = "403 50013: Missing Permissions"


def test_a_refusal_is_news_once(store: Store) -> None:
    """The first one is to be told; while it is remembered the next is not, and another
    kind, bot or channel is."""
    settings = Settings()
    assert store.run(refusals.note("elena", "55", Barred.SEND, REASON, settings))
    assert not store.run(refusals.note("elena", "55", Barred.SEND, REASON, settings))
    assert store.run(refusals.note("elena", "55", Barred.REFER, "160002", settings))
    assert store.run(refusals.note("aria", "55", Barred.SEND, REASON, settings))
    assert store.run(refusals.note("elena", "56", Barred.SEND, REASON, settings))


def test_only_a_bar_on_sending_stops_a_bot(store: Store) -> None:
    """Who may not refer, react or say one line may send; the reason of a bar on sending
    is Discord's own."""
    for barred in set(Barred) - {Barred.SEND}:
        store.run(refusals.note("elena", "55", barred, "other", Settings()))
    assert store.run(refusals.may_send("elena", "55")) == ""
    store.run(refusals.note("elena", "55", Barred.SEND, REASON, Settings()))
    assert store.run(refusals.may_send("elena", "55")) == REASON
    assert set(store.run(refusals.remembered("elena", "55"))) == set(Barred)


def test_it_is_forgotten_in_time_and_on_request(
    store: Store, wait_until: Callable[..., None]
) -> None:
    """A refusal ends with its time, each kind by itself, or when somebody says so."""
    store.run(
        refusals.note("elena", "55", Barred.SEND, REASON, Settings(refusal_memory=0.05))
    )
    store.run(refusals.note("elena", "55", Barred.REFER, "160002", Settings()))
    wait_until(
        lambda: store.run(refusals.may_send("elena", "55")) == "",
        what="the end of its time",
    )
    assert set(store.run(refusals.remembered("elena", "55"))) == {Barred.REFER}
    assert store.client.pttl(keys.refusals("elena", "55")) > 0
    assert store.run(refusals.forget("elena", "55"))
    assert not store.run(refusals.forget("elena", "55"))
    assert store.run(refusals.remembered("elena", "55")) == {}


def test_another_programs_key_bars_nobody(store: Store) -> None:
    """A key of the wrong type is left as it is and says nothing."""
    key = keys.refusals("elena", "55")
    store.client.set(key, "not mine", px=60_000)
    assert not store.run(refusals.note("elena", "55", Barred.SEND, REASON, Settings()))
    assert store.run(refusals.may_send("elena", "55")) == ""
    assert store.client.get(key) == "not mine"
