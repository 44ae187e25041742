"""A bare discord.py bot that answers at once what mentions it: the floor of an answer.

`python -m tests.bench.peers.echo API GATEWAY`; the token is in TOKENS.
"""

from __future__ import annotations

import discord

from tests.bench.peers.client import Client, run


class Echo(Client):
    """Replies to whatever mentions it."""

    async def on_message(self, message: discord.Message) -> None:
        """Reply with the same text."""
        if self.user in message.mentions and not message.author.bot:
            await message.reply(message.content)


if __name__ == "__main__":
    run(Echo)
