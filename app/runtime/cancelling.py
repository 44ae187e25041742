"""Ending asyncio tasks for certain."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from typing import Any


async def end(tasks: Iterable[asyncio.Task[Any]], again: float) -> None:
    """Cancel every `again` seconds until all have ended: in Python 3.11
    `asyncio.wait_for`, which libraries use, can lose a cancellation that comes as it
    returns, and the task would go on for ever. Errors of the tasks are dropped."""
    every = set(tasks)
    left = every
    while left:
        for task in left:
            task.cancel()
        _, left = await asyncio.wait(left, timeout=again)
    await asyncio.gather(*every, return_exceptions=True)
