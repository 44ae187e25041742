"""`the-stream page`: the control room as a process of its own."""

from __future__ import annotations

import asyncio
import signal

import structlog

from app.domain.settings import Settings
from app.web.actions import Actions
from app.web.feed import Feed
from app.web.links import make_doorkeeper
from app.web.room import StreamView
from app.web.server import Site, build_application, start_server

log = structlog.get_logger(__name__)


def run(settings: Settings) -> None:
    """Serve until SIGINT or SIGTERM. Raises PortInUse."""
    asyncio.run(_serve(settings))


async def _serve(settings: Settings) -> None:
    room = StreamView(settings)
    feed = Feed(room.look)
    site = Site(
        settings=settings,
        doorkeeper=make_doorkeeper(settings),
        feed=feed,
        actions=Actions(settings),
        extra={"title": "The Stream", "demo": None},
    )
    application = build_application(site)
    runner, port = await start_server(
        application, settings.page_address, settings.page_port
    )
    log.info("the page is served", address=settings.page_address, port=port)
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    await stopped.wait()
    # Streams end first: the runner waits for its requests.
    await feed.stop()
    await runner.cleanup()
    room.close()
