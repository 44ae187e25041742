"""Bare clients that put each message into a Redis stream of their own: the floor of
hearing."""

from __future__ import annotations

import discord
import redis.asyncio

from tests.bench.peers.client import REDIS, Client, run

store = redis.asyncio.Redis.from_url(REDIS)


class Bare(Client):
    """Keeps what it hears."""

    async def on_message(self, message: discord.Message) -> None:
        """XADD, and no more."""
        event = {
            "id": message.id,
            "channel": message.channel.id,
            "text": message.content,
        }
        name = f"inbox:{self.user.id if self.user else 0}"
        await store.xadd(name, event, maxlen=1000, approximate=True)


if __name__ == "__main__":
    run(Bare)
