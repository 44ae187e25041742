"""A TCP proxy before Redis that delays, cuts and swallows."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Iterator
from random import Random

CHUNK = 65_536


class Proxy:
    """Passes connections on. What is set from any thread holds for the next bytes.

    delay: greatest seconds that bytes wait, each way. cut_rate: share of the passages
    of bytes after which both ends of the connection are cut, before or after they are
    passed on. swallow: take bytes and pass on nothing; what is swallowed never
    arrives, so such a connection is cut when it ends.
    """

    def __init__(self, host: str, port: int, seed: int) -> None:
        self._target = host, port
        self._rng = Random(seed)
        self.delay = 0.0
        self.cut_rate = 0.0
        self.swallow = False
        self.port = 0
        self._loop = asyncio.new_event_loop()
        self._ended: asyncio.Event | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def heal(self) -> None:
        """Pass everything on again."""
        self.delay, self.cut_rate, self.swallow = 0.0, 0.0, False

    @contextlib.contextmanager
    def running(self) -> Iterator[Proxy]:
        """Listen on a free port of loopback."""
        listening = threading.Event()
        thread = threading.Thread(
            target=self._run, args=(listening,), name="proxy", daemon=True
        )
        thread.start()
        listening.wait(10)
        try:
            yield self
        finally:
            assert self._ended is not None
            self._loop.call_soon_threadsafe(self._ended.set)
            thread.join(10)

    def _run(self, listening: threading.Event) -> None:
        with contextlib.closing(self._loop):
            self._loop.run_until_complete(self._serve(listening))

    async def _serve(self, listening: threading.Event) -> None:
        self._ended = asyncio.Event()
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        listening.set()
        await self._ended.wait()
        server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _accept(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        task = self._loop.create_task(self._connected(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _connected(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        try:
            there, back = await asyncio.open_connection(*self._target)
        except OSError:
            writer.close()
            return
        ways = [
            asyncio.ensure_future(self._pass_on(reader, back)),
            asyncio.ensure_future(self._pass_on(there, writer)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            for end in (writer, back):
                # Cut, not ended in order: what is still on its way is lost.
                end.transport.abort()
            await asyncio.gather(*ways, return_exceptions=True)

    async def _pass_on(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        swallowed = False
        while data := await reader.read(CHUNK):
            if self.delay:
                await asyncio.sleep(self._rng.uniform(0.0, self.delay))
            if self.swallow:
                swallowed = True
                continue
            cut = swallowed or self._rng.random() < self.cut_rate
            if cut and self._rng.random() < 0.5:
                return
            writer.write(data)
            await writer.drain()
            if cut:
                return
