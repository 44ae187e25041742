"""What all peers share: discord.py clients of one process, pointed at the loopback
Discord. Nothing of The Stream is in them.

Arguments: API GATEWAY [REDIS]. TOKENS holds the bots' tokens, separated by commas.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Callable

import discord
import yarl
from discord.gateway import DiscordWebSocket
from discord.http import Route

API, GATEWAY = sys.argv[1:3]
REDIS = sys.argv[3] if len(sys.argv) > 3 else ""


class Client(discord.Client):
    """A bot that hears messages."""

    def __init__(self) -> None:
        intents = discord.Intents(guilds=True, messages=True, message_content=True)
        super().__init__(intents=intents, guild_ready_timeout=0.05)


def run(make: Callable[[], discord.Client]) -> None:
    """Run one client for each token until the process is told to stop."""
    Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY = API, yarl.URL(GATEWAY)
    asyncio.run(_run_all(make))


async def _run_all(make: Callable[[], discord.Client]) -> None:
    tokens = os.environ["TOKENS"].split(",")
    await asyncio.gather(*(make().start(token) for token in tokens))
