"""An OpenAI-compatible server on loopback whose answers take as long as a test wants:
the real client path, no key."""

from __future__ import annotations

import asyncio
import json
import random
import threading
from collections.abc import Callable
from typing import Any

from aiohttp import web


class ModelServer:
    """`with ModelServer(delay) as server:` then `server.url` is a base URL for
    `openai:` models."""

    def __init__(
        self,
        delay: Callable[[random.Random], float] = lambda rng: 0.0,
        seed: int = 0,
        text: Callable[[int], str] = "Answer number {}.".format,
        usage: object = None,
    ) -> None:
        self.delay = delay
        self.text = text
        self.usage = usage or {
            "prompt_tokens": 100,
            "completion_tokens": 10,
            "total_tokens": 110,
        }
        self.calls = 0
        self.waiting = 0
        self.prompts: list[str] = []
        self.url = ""
        self._rng = random.Random(seed)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._runner: web.AppRunner | None = None

    async def _answer(self, request: web.Request) -> web.Response:
        body: dict[str, Any] = await request.json()
        self.calls += 1
        number = self.calls
        self.prompts.append(json.dumps(body["messages"], ensure_ascii=False))
        self.waiting += 1
        try:
            await asyncio.sleep(self.delay(self._rng))
        finally:
            self.waiting -= 1
        content = json.dumps({"action": "reply", "text": self.text(number)})
        return web.json_response(
            {
                "id": f"call-{number}",
                "object": "chat.completion",
                "created": 0,
                "model": body["model"],
                "choices": [
                    {
                        "index": 0,
                        "finish_reason": "stop",
                        "message": {"role": "assistant", "content": content},
                    }
                ],
                "usage": self.usage,
            }
        )

    async def _start(self) -> None:
        app = web.Application(client_max_size=16 * 1024**2)
        app.router.add_post("/v1/chat/completions", self._answer)
        self._runner = web.AppRunner(app)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}/v1"

    def __enter__(self) -> ModelServer:
        self._thread.start()
        asyncio.run_coroutine_threadsafe(self._start(), self._loop).result(10)
        return self

    def __exit__(self, *_: object) -> None:
        if self._runner is not None:
            asyncio.run_coroutine_threadsafe(self._runner.cleanup(), self._loop).result(
                10
            )
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
