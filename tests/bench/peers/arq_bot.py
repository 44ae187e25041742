"""A bot that hands each mention to an arq worker, as one would. Runs in arq's own
virtual environment."""

from __future__ import annotations

import discord
from arq import ArqRedis, create_pool
from arq.connections import RedisSettings

from tests.bench.peers.client import REDIS, Client, run


class ArqBot(Client):
    """Answers what mentions it, by a job."""

    pool: ArqRedis

    async def setup_hook(self) -> None:
        """Connect to Redis."""
        self.pool = await create_pool(RedisSettings.from_dsn(REDIS))

    async def on_message(self, message: discord.Message) -> None:
        """Enqueue the job; the worker replies."""
        if self.user in message.mentions and not message.author.bot:
            await self.pool.enqueue_job(
                "reply", str(message.channel.id), str(message.id), message.content
            )


if __name__ == "__main__":
    run(ArqBot)
