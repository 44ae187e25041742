"""The screenshots of the documents: the demo, which is the whole real system, in a
headless Chromium. `make pictures`, which installs Pillow to make them small."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from PIL import Image

from tests.patience import patience
from tests.web.browser import PROGRAM, WITHOUT, Tab, open_tab

ASKED = "Can anybody recommend"
"""How a message of the demo's opening begins, to which several bots bid."""
SETTLED = "document.querySelectorAll('.message').length >= 12"


async def take_all(folder: Path) -> None:
    """Write every picture."""
    async with running_demo() as address, open_tab() as tab:
        await tab.resize(1440, 900)
        await tab.open(address)
        # The opening has been played to its end, a minute after the bots listen.
        await tab.wait(SETTLED, 120)
        await choose(tab)
        await take(tab, folder / "control-room.png")
        await tab.run("document.querySelector('[data-act=unchoose]').click()")
        await tab.resize(1440, 900, dark=False)
        await take(tab, folder / "control-room-light.png")
        await tab.resize(820, 900, dark=False)
        await take(tab, folder / "control-room-tablet.png")
        await tab.resize(390, 844)
        await choose(tab)
        await take(tab, folder / "control-room-phone.png")


async def take(tab: Tab, file: Path) -> None:
    """A picture of few colours, as small as such a file can be."""
    # What has the focus shows its tools.
    await tab.run("document.activeElement.blur()")
    await tab.picture(file)
    picture = Image.open(file).convert("RGB")
    picture.quantize(128, method=Image.Quantize.MAXCOVERAGE).save(file, optimize=True)


async def choose(tab: Tab) -> None:
    """Open the decision about one message."""
    await tab.run(f"""[...document.querySelectorAll('.message')]
      .find((one) => one.innerText.includes({ASKED!r})).querySelector('.sentence').click()""")
    await tab.wait("document.querySelector('#side .steps')")
    await tab.run("document.querySelector('.message.chosen').scrollIntoView()")


@asynccontextmanager
async def running_demo() -> AsyncIterator[str]:
    """A demo of its own; the page's address."""
    program = Path(sys.executable).with_name("the-stream")
    words = [str(program), "demo", "--port", "0", "--no-token"]
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(words, stdout=log, stderr=log)  # noqa: ASYNC220
        try:
            yield await told_address(process, log.fileno())
        finally:
            process.send_signal(signal.SIGINT)
            await asyncio.to_thread(process.wait, patience(30))


async def told_address(process: subprocess.Popen[bytes], log: int) -> str:
    """The address that the demo prints, once its bots listen."""
    async with asyncio.timeout(patience(60)):
        while process.poll() is None:
            found = re.search(r"Open +(http://\S+)", os.pread(log, 100_000, 0).decode())
            if found:
                return found[1]
            await asyncio.sleep(0.1)
    raise AssertionError(os.pread(log, 100_000, 0).decode())


if __name__ == "__main__":
    if PROGRAM is None:
        sys.exit(WITHOUT)
    asyncio.run(take_all(Path(sys.argv[1])))
