"""The page under axe-core's rules: what keeps people with a screen reader, a keyboard or
weak eyes out. `make page-audit` fetches axe-core and runs this."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from app.store import keys
from tests.web.browser import PROGRAM, WITHOUT, Tab, open_tab
from tests.web.conftest import READER, Page, Stream

AXE = Path(__file__).parents[2] / ".venv/axe/node_modules/axe-core/axe.min.js"
pytestmark = [
    pytest.mark.asyncio,
    pytest.mark.slow,
    pytest.mark.skipif(PROGRAM is None, reason=WITHOUT),
    pytest.mark.skipif(not AXE.exists(), reason="no axe-core: make page-audit"),
]
ROOMS = ("talk", "overview", "bots", "unanswered", "failed", "mutes", "costs")
VIOLATIONS = """axe.run(document, { resultTypes: ["violations"] }).then((found) =>
  found.violations.map((one) => `${one.impact} ${one.id}: ${one.nodes.map((node) => node.target)}`))"""


@pytest_asyncio.fixture
async def page(stream: Stream) -> AsyncIterator[Page]:
    """Every room has something in it."""
    asked = stream.say("Do whales sleep?", "Tom", ago=30)
    stream.contest(asked)
    stream.answer(asked, "With half a brain at a time.")
    stream.contest(stream.say("Anybody here?", "Mara", ago=20))
    dead = stream.say("hello?", ago=10)
    stream.answer(dead, "never sent")
    stream.store.client.hset(keys.dead("elena"), f"e{dead}", "403 50013")
    stream.store.client.pexpire(keys.dead("elena"), 60_000)
    async with Page(stream.settings(page_reader_password=READER)) as made:
        yield made


async def audit(tab: Tab, where: str) -> list[str]:
    """What axe-core finds wrong, of any weight."""
    # Over the protocol: the page's own policy lets no foreign script in.
    await tab.call("Runtime.evaluate", expression=AXE.read_text())
    found: list[Any] = await tab.run(VIOLATIONS)
    return [f"{where}: {one}" for one in found]


async def test_no_room_breaks_a_rule(page: Page) -> None:
    """On a wide screen, a tablet and a phone, by day and by night: the login, every
    room, a decision in full, and the forms that mute."""
    found: list[str] = []
    async with open_tab() as tab:
        await tab.open(f"http://127.0.0.1:{page.port}/")
        await tab.wait("document.querySelector('form')")
        found += await audit(tab, "login")
        key = page.doorkeeper.make_link_key()
        await tab.open(f"http://127.0.0.1:{page.port}/login?key={key}")
        await tab.wait("document.querySelector('.verdict')")
        for width, dark in ((1280, True), (1280, False), (820, True), (390, False)):
            await tab.resize(width, 844, dark)
            found += await audit_rooms(tab, f"{width} {'dark' if dark else 'light'}")
    assert found == []


async def audit_rooms(tab: Tab, screen: str) -> list[str]:
    """Each room, with every form open."""
    found = []
    for room in ROOMS:
        where = "#/" if room == "talk" else f"#/{room}"
        await tab.run(f"location.hash = {json.dumps(where)}")
        await tab.wait("document.querySelector('main h1')")
        looking = "document.querySelector('main').innerText.includes('Looking …')"
        await tab.wait(f"!{looking}")
        await tab.run(
            "document.querySelectorAll('details').forEach((o) => o.open = true)"
        )
        found += await audit(tab, f"{screen} {room}")
    await tab.run("location.hash = '#/'")
    await tab.wait("document.querySelector('.sentence')")
    await tab.run("document.querySelector('.sentence').click()")
    await tab.wait("document.querySelector('#side .steps')")
    found += await audit(tab, f"{screen} why")
    await tab.run("document.querySelector('[data-act=unchoose]').click()")
    return found
