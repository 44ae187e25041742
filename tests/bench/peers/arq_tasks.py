"""The arq worker of the peer: `arq tests.bench.peers.arq_tasks.WorkerSettings`. BROKER, API and TOKENS are
in its environment."""

from __future__ import annotations

import os
from typing import Any

import aiohttp
from arq.connections import RedisSettings


async def startup(context: dict[str, Any]) -> None:
    """One session for all jobs."""
    login = {"Authorization": f"Bot {os.environ['TOKENS']}"}
    context["http"] = aiohttp.ClientSession(headers=login)


async def shutdown(context: dict[str, Any]) -> None:
    """Close it."""
    await context["http"].close()


async def reply(context: dict[str, Any], channel: str, message: str, text: str) -> None:
    """Post the same text as a reply."""
    body = {"content": text, "message_reference": {"message_id": message}}
    url = f"{os.environ['API']}/channels/{channel}/messages"
    async with context["http"].post(url, json=body) as answer:
        answer.raise_for_status()


class WorkerSettings:
    """What `arq` reads."""

    functions = (reply,)
    on_startup = startup
    on_shutdown = shutdown
    redis_settings = RedisSettings.from_dsn(os.environ["BROKER"])
    keep_result = 0
