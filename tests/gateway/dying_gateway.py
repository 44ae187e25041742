"""A gateway process that dies as soon as it has identified. Its clock goes on where the
process before it left off.

Arguments: Redis's address, Discord's REST and gateway addresses, the clock's file.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from pydantic import SecretStr

from app.gateway.run import Gateway, Hosted
from app.store import identifies
from app.store.door import AsyncStore
from tests.gateway.recording import POLICY, RecordingPorts, settings


class CountingPorts(RecordingPorts):
    """Counts sessions in Redis, and lets the process die soon after."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self._store = AsyncStore(url)

    async def identifies(self, bot: str) -> tuple[float, ...]:
        return await self._store.run(identifies.times(bot))

    async def count_identify(self, bot: str, request: str, at: float) -> None:
        await self._store.run(identifies.note(bot, request, int(at * 1000)))
        asyncio.get_running_loop().call_later(0.05, os._exit, 1)


class FileClock:
    """Unix seconds in a file, which pass only while somebody sleeps."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def time(self) -> float:
        return float(self._file.read_text())

    async def sleep(self, seconds: float) -> None:
        self._file.write_text(str(self.time() + seconds))


def main(redis: str, api: str, gateway: str, clock_file: str) -> None:
    clock = FileClock(Path(clock_file))
    config = settings(
        discord_api_url=api, discord_gateway_url=gateway, identify_pause=5.0
    )
    hosted = [Hosted("elena", SecretStr("MTIz.the.token"))]
    asyncio.run(
        Gateway(
            hosted, CountingPorts(redis), config, POLICY, clock.time, clock.sleep
        ).run()
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
