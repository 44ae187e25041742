"""A headless Chromium for tests, driven over the DevTools protocol with what is
installed anyway."""

from __future__ import annotations

import asyncio
import base64
import itertools
import json
import shutil
import subprocess
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp

from tests.patience import patience

PROGRAM = shutil.which("chromium") or shutil.which("chromium-browser")
WITHOUT = "no Chromium on this machine (Debian: apt-get install chromium)"


class Tab:
    """One page. `complaints`: what it wrote to its console as an error, and requests
    that failed; `asked`: every address that it asked."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._ids = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self.complaints: list[str] = []
        self.asked: list[str] = []
        self._reading = asyncio.create_task(self._read())

    async def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """One command of the protocol."""
        number = next(self._ids)
        self._waiting[number] = asyncio.get_running_loop().create_future()
        await self._socket.send_json(
            {"id": number, "method": method, "params": parameters}
        )
        async with asyncio.timeout(patience(20)):
            return await self._waiting[number]

    async def _read(self) -> None:
        async for message in self._socket:
            said = json.loads(message.data)
            if "id" in said:
                self._waiting.pop(said["id"]).set_result(said.get("result", said))
            elif said["method"] == "Runtime.exceptionThrown":
                details = said["params"]["exceptionDetails"]
                thrown = details.get("exception", {}).get("description")
                self.complaints.append(str(thrown or details["text"]))
            elif said["method"] == "Log.entryAdded":
                entry = said["params"]["entry"]
                if entry["level"] == "error":
                    self.complaints.append(f"{entry['text']} {entry.get('url', '')}")
            elif said["method"] == "Network.requestWillBeSent":
                self.asked.append(said["params"]["request"]["url"])

    async def _evaluate(self, script: str) -> dict[str, Any]:
        return await self.call(
            "Runtime.evaluate",
            expression=script,
            awaitPromise=True,
            returnByValue=True,
        )

    async def run(self, script: str) -> Any:
        """The value of a script; a promise is awaited."""
        found = await self._evaluate(script)
        assert "exceptionDetails" not in found, found["exceptionDetails"]
        return found["result"].get("value")

    async def wait(self, script: str, seconds: float = 10.0) -> None:
        """Until the script is true, across pages."""
        # The page itself looks again and again.
        patient = (
            "new Promise((done) => { const look = () => { let found;"
            f" try {{ found = {script}; }} catch {{ found = false; }}"
            " if (found) done(true); else setTimeout(look, 20); }; look(); })"
        )
        try:
            async with asyncio.timeout(patience(seconds)):
                # Who leaves a page has no result there.
                while "result" not in await self._evaluate(patient):
                    pass
        except TimeoutError:
            shown = await self.run("document.body.innerText.slice(0, 600)")
            raise AssertionError(f"never true: {script}\n{shown}") from None

    async def open(self, address: str) -> None:
        """Go there."""
        await self.call("Page.navigate", url=address)

    async def resize(self, width: int, height: int, dark: bool = True) -> None:
        """A window of this size, in this scheme of colours."""
        await self.call(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=height,
            deviceScaleFactor=1,
            mobile=width < 600,
        )
        scheme = {
            "name": "prefers-color-scheme",
            "value": "dark" if dark else "light",
        }
        await self.call("Emulation.setEmulatedMedia", features=[scheme])

    async def press(self, key: str, code: int, text: str = "") -> None:
        """Press and release a key; `code` is its Windows code."""
        for kind in ("keyDown", "keyUp"):
            await self.call(
                "Input.dispatchKeyEvent",
                type=kind,
                key=key,
                windowsVirtualKeyCode=code,
                text=text if kind == "keyDown" else "",
            )

    async def type(self, text: str) -> None:
        """Type into what has the focus."""
        await self.call("Input.insertText", text=text)

    async def picture(self, file: Path) -> None:
        """A picture of the window."""
        found = await self.call("Page.captureScreenshot", format="png")
        await asyncio.to_thread(file.write_bytes, base64.b64decode(found["data"]))

    async def close(self) -> None:
        """Stop reading."""
        self._reading.cancel()
        await self._socket.close()


@asynccontextmanager
async def open_tab() -> AsyncIterator[Tab]:
    """A tab of a browser of its own, with an empty profile."""
    assert PROGRAM is not None, WITHOUT
    with tempfile.TemporaryDirectory(
        prefix="chromium-", ignore_cleanup_errors=True
    ) as folder:
        process = await asyncio.create_subprocess_exec(
            PROGRAM,
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--disable-background-networking",
            "--no-first-run",
            "--remote-debugging-port=0",
            f"--user-data-dir={folder}",
            "about:blank",
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            async with aiohttp.ClientSession() as session:
                address = await _address(session, Path(folder))
                socket = await session.ws_connect(address, max_msg_size=0)
                tab = Tab(socket)
                for domain in ("Page", "Runtime", "Log", "Network"):
                    await tab.call(f"{domain}.enable")
                try:
                    yield tab
                finally:
                    await tab.close()
        finally:
            process.terminate()
            await process.wait()


async def _address(session: aiohttp.ClientSession, folder: Path) -> str:
    """Of the first tab's socket, once the browser has written its port."""
    async with asyncio.timeout(patience(20)):
        port = await asyncio.to_thread(_read_port, folder / "DevToolsActivePort")
        async with session.get(f"http://127.0.0.1:{port}/json/list") as answer:
            pages = [one for one in await answer.json() if one["type"] == "page"]
    return str(pages[0]["webSocketDebuggerUrl"])


def _read_port(file: Path) -> str:
    while not file.exists() or "\n" not in file.read_text():
        time.sleep(0.02)
    return file.read_text().partition("\n")[0]
