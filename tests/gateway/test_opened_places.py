"""A bot that is let in again speaks at once, whatever Discord refused it before."""

from __future__ import annotations

from dataclasses import replace

import pytest

from app.domain.settings import Settings
from app.gateway.presence import Presence
from app.gateway.store_ports import StorePorts
from app.store import refusals
from app.store.door import Store
from app.store.refusals import Barred

pytest_plugins = ["tests.elena"]
pytestmark = pytest.mark.asyncio
REASON = "403 50013: Missing Permissions"


def presence(*writable: str) -> Presence:
    """Elena in the channels 55 and 56, who may write in these."""
    return Presence("1", channels=("55", "56"), writable=frozenset(writable))


def with_rights(react: str = "", refer: str = "") -> Presence:
    """Elena in both, who may write in both, but react and reply only in these."""
    both = presence("55", "56")
    return replace(
        both, reactable=frozenset(react.split()), referable=frozenset(refer.split())
    )


def refuse(store: Store) -> None:
    """Discord refuses her in both."""
    for channel in ("55", "56"):
        store.run(refusals.note("elena", channel, Barred.SEND, REASON, Settings()))


def refused(store: Store) -> list[str]:
    """Where she would be refused, as far as is remembered."""
    known = ("55", "56")
    return [one for one in known if store.run(refusals.may_send("elena", one))]


async def test_a_place_that_opens_is_tried(ports: StorePorts, store: Store) -> None:
    """A right that is given back ends the memory of its refusal there; where nothing
    changed it stays, as there is something that the gateway cannot see."""
    await ports.publish("elena", presence("55", "56"))
    refuse(store)
    await ports.publish("elena", presence("56"))
    assert refused(store) == ["55", "56"]
    await ports.publish("elena", presence("55", "56"))
    assert refused(store) == ["56"]


async def test_a_right_that_was_gone_between_two_looks(
    ports: StorePorts, store: Store
) -> None:
    """A right that was taken and given back before the gateway looked again ends the
    memory as well, where the bot may write now."""
    await ports.publish("elena", presence("55", "56"))
    refuse(store)
    await ports.publish("elena", replace(presence("56"), touched=frozenset({"55"})))
    assert refused(store) == ["55", "56"]
    await ports.publish("elena", replace(presence("56"), touched=frozenset({"56"})))
    assert refused(store) == ["55"]


async def test_a_start_tries_all_places(ports: StorePorts, store: Store) -> None:
    """What was mended while no gateway ran counts from its start; where the bot may
    still not write nothing does."""
    refuse(store)
    await ports.publish("elena", presence("56"))
    assert refused(store) == ["55"]


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        (Barred.REACT, with_rights(react="55")),
        (Barred.REFER, with_rights(refer="55")),
    ],
)
async def test_a_right_to_react_or_reply_that_is_given_back(
    ports: StorePorts, store: Store, kind: Barred, given: Presence
) -> None:
    """It is used at once, too; where it is not given the refusal stays."""
    await ports.publish("elena", with_rights())
    for channel in ("55", "56"):
        store.run(refusals.note("elena", channel, kind, REASON, Settings()))
    await ports.publish("elena", with_rights())
    assert kind in store.run(refusals.remembered("elena", "55"))
    await ports.publish("elena", given)
    assert store.run(refusals.remembered("elena", "55")) == {}
    assert kind in store.run(refusals.remembered("elena", "56"))
