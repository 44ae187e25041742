"""`the-stream page`: the control room as a process of its own."""

from __future__ import annotations

import asyncio
import signal

import structlog

from app.domain.settings import Settings
from app.host.valkey import kept_secret, private_folder
from app.web.access import Doorkeeper
from app.web.actions import Actions
from app.web.feed import Feed
from app.web.room import StreamView
from app.web.server import Site, build_application, start_server

log = structlog.get_logger(__name__)

PASSWORD_FILE = "page.password"  # noqa: S105 -- a file's name


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


def make_doorkeeper(settings: Settings) -> Doorkeeper:
    """With the passwords of the settings, or the one that is kept on this machine."""
    reader = settings.page_reader_password
    return Doorkeeper(
        full_password(settings),
        None if reader is None else reader.get_secret_value(),
    )


def full_password(settings: Settings) -> str:
    """Of the settings, or made once and kept in the data folder."""
    if settings.page_password is not None:
        return settings.page_password.get_secret_value()
    return kept_secret(private_folder(settings.data_dir) / PASSWORD_FILE)


def make_link(settings: Settings) -> str:
    """An address that opens the page once, within ten minutes."""
    key = make_doorkeeper(settings).make_link_key()
    return f"{address_of(settings)}/login?key={key}"


def address_of(settings: Settings) -> str:
    """Where a browser on this machine finds the page."""
    host = settings.page_address
    here = "127.0.0.1" if host in {"0.0.0.0", "::"} else host  # noqa: S104 -- compared
    return f"http://{f'[{here}]' if ':' in here else here}:{settings.page_port}"
