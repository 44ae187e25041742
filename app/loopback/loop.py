"""One thread owns the state: calls from elsewhere are carried to the server's event
loop."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

_CALL_TIMEOUT = 30.0


class LoopCaller:
    """Runs a function where the server's state may be touched.

    On the server's own thread, and while no server runs, that is right here; from any
    other thread the call is handed to the server's loop and waited for.
    """

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread_id: int | None = None

    def attach(self) -> None:
        """Make the running loop the owner."""
        self._loop = asyncio.get_running_loop()
        self._thread_id = threading.get_ident()

    def detach(self) -> None:
        self._loop = self._thread_id = None

    def call(self, function: Callable[[], T]) -> T:
        """The function's result; its exception is raised here."""
        loop = self._loop
        if loop is None or threading.get_ident() == self._thread_id:
            return function()

        async def step() -> T:
            return function()

        return asyncio.run_coroutine_threadsafe(step(), loop).result(_CALL_TIMEOUT)
