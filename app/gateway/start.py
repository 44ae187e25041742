"""The start of a gateway process: its parts are built here."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import partial

import structlog
from pydantic import SecretStr

from app.delivery.address import Address
from app.domain.character import load_readable
from app.domain.settings import Settings
from app.gateway.asking import Desk
from app.gateway.discord_clock import DiscordClock
from app.gateway.health import GatewayHealth
from app.gateway.measuring import Measuring, load_subjects
from app.gateway.reloading import Reloading
from app.gateway.run import Gateway, Hosted
from app.gateway.secrets import tokens_of
from app.gateway.store_ports import StorePorts
from app.rules.addressing import common_names
from app.rules.policy import shipped_policy
from app.runtime.scraping import serve
from app.runtime.traces import begin_traces
from app.store.fitness import check_at_start

log = structlog.get_logger(__name__)


def run(bots: Sequence[str], settings: Settings, desk: Desk | None = None) -> None:
    """Run the gateways of some bots in this process until it is told to stop. `desk`
    answers commands inside Discord."""
    characters, wrong = load_readable(bots, settings.characters_dir)
    for bot, error in wrong.items():
        if not characters:
            raise error
        log.error("a bot is left out, the others go on", bot=bot, error=str(error))
    for bot, character in characters.items():
        if common := common_names(character.names):
            log.warning(
                "a common word is a weak name: add an alias", bot=bot, names=common
            )
    tokens = tokens_of(characters)
    settings.check_places()
    check_at_start(settings)
    discord_clock = DiscordClock()
    ports = StorePorts(characters, tokens, settings, discord=discord_clock)
    hosted = [Hosted(bot, SecretStr(token)) for bot, token in tokens.items()]
    # One for all bots: while Discord refuses this address, nobody of the process asks
    # it anything.
    trace = Address().trace(waits=True)
    discord_clock.watch(trace)
    load = partial(load_subjects, shared_in=settings.data_dir.expanduser())
    measured = settings.interest == "encoder"
    measuring = Measuring(characters, load) if measured else None
    asyncio.run(
        _run(
            Gateway(
                bots=hosted,
                ports=ports,
                settings=settings,
                policy=shipped_policy(),
                clock=ports.clock,
                discord_clock=ports.discord_clock,
                http_trace=trace,
                measuring=measuring,
                desk=desk,
                reloading=Reloading(ports, settings.characters_dir, measuring),
            ),
            ports,
        )
    )


async def _run(gateway: Gateway, ports: StorePorts) -> None:
    loop = asyncio.get_running_loop()
    health = GatewayHealth(loop, gateway.unheard, ports.check_store)
    scraped = serve("gateway", ports.settings, health.checks())
    begin_traces("gateway", ports.settings)
    try:
        await gateway.run()
    finally:
        if scraped is not None:
            await asyncio.to_thread(scraped.close)
        await ports.close()
