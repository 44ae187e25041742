"""A bare discord.py bot that answers at once: what the bench compares with.

`python -m app.lab.echo API GATEWAY`; the token is in ECHO_TOKEN.
"""

from __future__ import annotations

import os
import sys

import discord
import yarl
from discord.gateway import DiscordWebSocket
from discord.http import Route


class Echo(discord.Client):
    """Replies to whatever mentions it."""

    async def on_message(self, message: discord.Message) -> None:
        """Reply with the same text."""
        if self.user in message.mentions and not message.author.bot:
            await message.reply(message.content)


if __name__ == "__main__":
    Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY = sys.argv[1], yarl.URL(sys.argv[2])
    intents = discord.Intents(guilds=True, messages=True, message_content=True)
    Echo(intents=intents, guild_ready_timeout=0.05).run(
        os.environ["ECHO_TOKEN"], log_handler=None
    )
