"""A bot for each character, each of which answers everything that a person says."""

from __future__ import annotations

import discord

from tests.bench.peers.client import Client, run


class Naive(Client):
    """Answers every message of a person."""

    async def on_message(self, message: discord.Message) -> None:
        """Reply at once, whoever else does."""
        if not message.author.bot:
            await message.reply("That is a good one.")


if __name__ == "__main__":
    run(Naive)
