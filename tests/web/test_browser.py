"""The page in a real browser: it opens at once, shows decisions as they are made, mutes,
connects again, asks nobody else, and works by keyboard and on small screens."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable

import pytest
import pytest_asyncio

from app.store import keys, mutes
from tests.web.browser import PROGRAM, WITHOUT, Tab, open_tab
from tests.web.conftest import LOUNGE, PASSWORD, READER, Page, Stream

pytestmark = [
    pytest.mark.asyncio,
    pytest.mark.skipif(PROGRAM is None, reason=WITHOUT),
]

HOSTILE = "<script>hacked=1</script><img src=x onerror=hacked=1>"
LOW_CONTRAST = """(() => {
  const rgb = (text) => (text.match(/[\\d.]+/g) ?? []).map(Number);
  const light = ([r, g, b]) => [r, g, b].map((part) => part / 255)
    .map((part) => (part <= 0.03928 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4))
    .reduce((sum, part, at) => sum + part * [0.2126, 0.7152, 0.0722][at], 0);
  const behind = (node) => {
    for (let one = node; one; one = one.parentElement) {
      const found = rgb(getComputedStyle(one).backgroundColor);
      if (found.length === 3 || found[3] > 0) return found;
    }
    return [255, 255, 255];
  };
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const bad = [];
  while (walker.nextNode()) {
    const node = walker.currentNode.parentElement;
    if (!walker.currentNode.data.trim() || !node.checkVisibility() || node.closest("svg, noscript")) continue;
    const [one, other] = [light(rgb(getComputedStyle(node).color)), light(behind(node))].sort((a, b) => b - a);
    if ((one + 0.05) / (other + 0.05) < 4.5) bad.push(`${node.className}: ${walker.currentNode.data.trim().slice(0, 30)}`);
  }
  return bad;
})()"""
NAMELESS = """[...document.querySelectorAll("a, button, input, select, textarea, summary, svg[role=img]")]
  .filter((node) => node.checkVisibility())
  .filter((node) => !(node.getAttribute("aria-label") || node.textContent.trim() || node.labels?.length))
  .map((node) => node.outerHTML.slice(0, 80))"""
DOUBLE_IDS = """[...document.querySelectorAll("[id]")].map((node) => node.id).filter((id, at, all) => all.indexOf(id) !== at)"""
TOO_WIDE = "document.documentElement.scrollWidth > innerWidth"


@pytest_asyncio.fixture
async def page(stream: Stream) -> AsyncIterator[Page]:
    """A page with both logins, one message in the lounge."""
    asked = stream.say("Do whales sleep?", "Tom", ago=30)
    stream.contest(asked)
    stream.answer(asked, "With half a brain at a time.")
    stream.say(HOSTILE, HOSTILE[:90], ago=20)
    async with Page(stream.settings(page_reader_password=READER)) as made:
        yield made


@pytest_asyncio.fixture
async def tab(page: Page) -> AsyncIterator[Tab]:
    """A browser that has come in by the link, on a wide screen."""
    async with open_tab() as opened:
        await opened.resize(1440, 900)
        await enter(opened, page)
        opened.complaints.clear()
        yield opened


async def enter(tab: Tab, page: Page) -> None:
    """Come in by a link that opens the page once."""
    key = page.doorkeeper.make_link_key()
    await tab.open(f"http://127.0.0.1:{page.port}/login?key={key}")
    await tab.wait("document.querySelector('.verdict')")


async def test_decisions_live_mute_hostile_text_and_nobody_else_is_asked(
    tab: Tab, page: Page, stream: Stream, wait_until: Callable[..., None]
) -> None:
    """The quick form of what follows: one visit from the link to a mute."""
    sentence = "document.querySelector('.verdict').innerText.includes('Elena won')"
    assert await tab.run(sentence)
    message = stream.say("Anybody?", "Mara")
    stream.contest(message)
    row = f"document.getElementById('m{message}')"
    await tab.wait(f"{row}.querySelector('.chip.writes')")
    stream.answer(message, "I am here.")
    await tab.wait(f"{row}.querySelector('.chip.spoke')")
    await tab.wait("document.body.innerText.includes('I am here.')")
    await tab.run("document.querySelector('main .drop summary').click()")
    await tab.run("document.querySelector('main form.mute').requestSubmit()")
    await tab.wait("document.querySelector('main .mark.dead')?.innerText === 'muted'")
    muted = stream.store.run(mutes.read(keys.mute_by_operator(f"channel:{LOUNGE}")))
    assert muted is not None
    assert muted.who == "operator, on the page"
    shown = (
        "[...document.querySelectorAll('.message .name')].map((one) => one.innerText)"
    )
    assert HOSTILE[:90] in await tab.run(shown)
    assert await tab.run("typeof hacked") == "undefined"
    assert (
        await tab.run("document.querySelectorAll('main script, main img').length") == 0
    )
    assert tab.complaints == []
    own = f"http://127.0.0.1:{page.port}/"
    assert [address for address in tab.asked if not address.startswith(own)] == []


@pytest.mark.slow
async def test_it_opens_within_a_second(tab: Tab, page: Page) -> None:
    """From the address to the first decision, by the browser's own clock."""
    await tab.open(f"http://127.0.0.1:{page.port}/")
    await tab.wait("document.querySelector('.verdict')")
    paints = "performance.getEntriesByName('first-contentful-paint').length"
    await tab.wait(paints)
    assert await tab.run("performance.now()") < 1000 * 8, "it does not open"


@pytest.mark.slow
async def test_it_connects_again_after_the_server_was_killed(
    tab: Tab, page: Page, stream: Stream
) -> None:
    """It says so meanwhile, needs no login, and shows what happened in between."""
    await page.__aexit__(None, None, None)
    await tab.wait("document.getElementById('banner').innerText.includes('not answer')")
    missed = stream.say("You missed this.", "Mara")
    stream.contest(missed)
    await page.__aenter__()
    await tab.wait("document.getElementById('link').innerText === 'live'", 30)
    await tab.wait("document.body.innerText.includes('You missed this.')")
    assert await tab.run("document.getElementById('banner').innerText") == ""


@pytest.mark.slow
async def test_it_works_by_keyboard_alone(tab: Tab) -> None:
    """The first Tab skips the rooms; a decision opens by Enter, closes by Escape, and
    the focus comes back; what has the focus is seen."""
    await tab.press("Tab", 9)
    assert await tab.run("document.activeElement.className") == "skip"
    await tab.press("Enter", 13, "\r")
    assert await tab.run("document.activeElement.getAttribute('role')") == "log"
    await tab.press("Tab", 9)
    assert await tab.run("document.activeElement.className") == "sentence"
    outline = "getComputedStyle(document.activeElement).outlineWidth"
    assert await tab.run(outline) == "3px"
    await tab.press("Enter", 13, "\r")
    await tab.wait("document.querySelector('#side .rows')")
    await tab.wait("document.querySelector('#side .steps')")
    await tab.press("Escape", 27)
    await tab.wait("!document.querySelector('#side .rows')")
    assert await tab.run("document.activeElement.className") == "sentence"


@pytest.mark.slow
@pytest.mark.parametrize("width", [1440, 768, 390])
@pytest.mark.parametrize("dark", [True, False])
async def test_every_room_is_seen_and_named_on_every_screen(
    tab: Tab, width: int, dark: bool
) -> None:
    """Nothing is wider than the screen, no text is pale, every control has a name, no id
    stands twice; decisions are seen on a tablet and a phone as well."""
    await tab.resize(width, 844, dark)
    rooms = ["talk", "overview", "bots", "unanswered", "failed", "mutes", "costs"]
    for room in [*rooms, "search/whales"]:
        where = json.dumps("#/" if room == "talk" else f"#/{room}")
        await tab.run(f"location.hash = {where}")
        await tab.wait("document.querySelector('main h1')")
        await tab.wait(
            "!document.querySelector('main').innerText.includes('Looking …')"
        )
        for check in (LOW_CONTRAST, NAMELESS, DOUBLE_IDS):
            assert await tab.run(check) == [], (room, width, dark)
        assert not await tab.run(TOO_WIDE), (room, width)
    await tab.run("location.hash = '#/'")
    await tab.wait("document.querySelector('.chips')?.checkVisibility()")
    assert tab.complaints == []


@pytest.mark.slow
async def test_a_reader_has_no_buttons(page: Page) -> None:
    """The login by password, in the browser; nothing that changes anything is shown."""
    async with open_tab() as tab:
        await tab.open(f"http://127.0.0.1:{page.port}/")
        for password in ("wrong-password", READER):
            await tab.wait("document.getElementById('password')")
            await tab.run("document.getElementById('password').focus()")
            await tab.type(password)
            await tab.press("Enter", 13, "\r")
            if password != READER:
                await tab.wait("document.querySelector('.wrong').innerText")
        await tab.wait("document.querySelector('.verdict')")
        for room in ("", "bots", "mutes", "failed"):
            await tab.run(f"location.hash = '#/{room}'")
            await tab.wait("document.querySelector('main h1')")
            assert not await tab.run("document.querySelectorAll('main form').length")
    assert PASSWORD != READER
