"""A bot that hands each mention to a Celery worker by `send_task`, as one would."""

from __future__ import annotations

import discord

from tests.bench.peers.celery_tasks import app
from tests.bench.peers.client import Client, run


class CeleryBot(Client):
    """Answers what mentions it, by a task."""

    async def on_message(self, message: discord.Message) -> None:
        """Send the task; the worker replies."""
        if self.user in message.mentions and not message.author.bot:
            arguments = (str(message.channel.id), str(message.id), message.content)
            app.send_task("reply", arguments)


if __name__ == "__main__":
    run(CeleryBot)
