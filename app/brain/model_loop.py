"""The event loop on which models are called: a call that is given up ends there, and as
many run at once as there are threads that wait for one."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from concurrent.futures import Future, ThreadPoolExecutor
from contextvars import Context
from functools import cache
from typing import Any, TypeVar

T = TypeVar("T")

MOST_BLOCKING = 1_000
"""Calls at once of models whose library cannot await: each of them needs a thread. A
worker has fewer threads that ask."""


@cache
def _loop() -> asyncio.AbstractEventLoop:
    """Started with the first call, one per process."""
    loop = asyncio.new_event_loop()
    # The loop's own pool would hold a handful: a bound that no setting names.
    loop.set_default_executor(
        ThreadPoolExecutor(MOST_BLOCKING, thread_name_prefix="model")
    )
    threading.Thread(target=loop.run_forever, name="models", daemon=True).start()
    return loop


_starting = threading.Lock()


def begin(call: Coroutine[Any, Any, T]) -> Future[T]:
    """Run a call of a model. Its future may be waited for by any thread; cancelled, it
    closes the call's connection."""
    with _starting:
        loop = _loop()
    # In a context of its own: the caller's says that LangGraph's node is asking.
    return Context().run(asyncio.run_coroutine_threadsafe, call, loop)
