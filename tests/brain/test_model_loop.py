"""Calls of models that take long, on a server that never answers."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from langchain.chat_models import init_chat_model
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import HumanMessage

from app.brain import model_loop
from app.brain.billing import Bill, DraftAccount, Price
from app.brain.faults import Fault, Trouble
from app.brain.inquiry import Inquiry
from app.brain.quirks import Quirks

AT_ONCE = 120
ASKED = [HumanMessage("hello")]


class Silent:
    """Takes connections and says nothing. `open`: those that are not closed."""

    def __init__(self) -> None:
        self.open = 0
        self.loop = asyncio.new_event_loop()
        self.server: asyncio.Server | None = None

    async def begin(self) -> str:
        """Listen. Returns the address."""
        self.server = await asyncio.start_server(
            self._hear, "127.0.0.1", 0, backlog=AT_ONCE
        )
        return f"http://127.0.0.1:{self.server.sockets[0].getsockname()[1]}/v1"

    async def _hear(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self.open += 1
        while await reader.read(4096):
            pass
        self.open -= 1
        writer.close()


@pytest.fixture
def silent() -> Iterator[tuple[Silent, BaseChatModel]]:
    """The server and a model behind it."""
    server = Silent()
    thread = threading.Thread(target=server.loop.run_forever, daemon=True)
    thread.start()
    url = asyncio.run_coroutine_threadsafe(server.begin(), server.loop).result(10)
    yield (
        server,
        init_chat_model("openai:m", base_url=url, api_key="none", max_retries=0),
    )
    assert server.server is not None
    server.loop.call_soon_threadsafe(server.server.close)
    server.loop.call_soon_threadsafe(server.loop.stop)
    thread.join(10)
    server.loop.close()


def test_no_call_waits_for_a_place_and_a_given_up_one_ends(
    silent: tuple[Silent, BaseChatModel], wait_until: Any
) -> None:
    """More calls than any pool of ours or of the client's is made for are with the server
    at once; given up, each closes its connection."""
    server, model = silent
    calls = [model_loop.begin(model.ainvoke(ASKED)) for _ in range(AT_ONCE)]
    wait_until(lambda: server.open == AT_ONCE, 60, "every call at the server")
    for call in calls:
        call.cancel()
    wait_until(lambda: server.open == 0, 60, "the end of every call")


def test_a_question_without_an_answer_closes_its_call(
    silent: tuple[Silent, BaseChatModel], wait_until: Any
) -> None:
    """When the time of a question is over its call does not go on, whatever the client's
    own time-out; it is paid for as if it had been answered."""
    server, model = silent
    account = DraftAccount()
    price = Price(1.0, 1.0)
    bill = Bill(account, 1_000, 100)
    question = Inquiry(model, "m", "elena", ASKED, bill, price, time.monotonic() + 0.5)
    found = question.ask()
    assert isinstance(found, Trouble)
    assert found.fault is Fault.SLOW
    assert bill.spent.tokens == bill.estimate(price, Quirks()).tokens
    wait_until(lambda: server.open == 0, what="the end of the call")
