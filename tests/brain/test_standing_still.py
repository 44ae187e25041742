"""A process that stood still while a model answered: stopped by a signal, or without a
processor. The model is not to blame."""

from __future__ import annotations

import ctypes
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from app.brain.faults import REMEDIES, Fault
from app.brain.models import Speaker, speaker
from app.domain.character import ModelConfig
from app.domain.errors import ModelUnavailable
from app.runtime.breaker import Breaker
from tests.brain.fakes import NOW_MS
from tests.brain.provider_server import said
from tests.brain.test_providers import ASK, words

TIMEOUT_S = 1.0
STILL_US = 2_300_000


def stand_still() -> None:
    """No thread of this process runs meanwhile, as after SIGSTOP: the call keeps the
    interpreter's lock."""
    ctypes.PyDLL(None).usleep(STILL_US)


@contextmanager
def serving(answers: bool) -> Iterator[int]:
    """The port of a server whose every request stops this process; it answers meanwhile,
    from a process of its own, or never."""
    payload = said("First.").payload()
    head = (
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
        f"content-length: {len(payload)}\r\n\r\n"
    )
    over = threading.Event()

    def serve() -> None:
        connection, _ = listening.accept()
        with connection:
            connection.recv(65_536)
            script = 'sleep 0.2; printf "%s" "$0"'
            text = head + payload.decode()
            answering = (
                subprocess.Popen(
                    ["/bin/sh", "-c", script, text], stdout=connection.fileno()
                )
                if answers
                else None
            )
            stand_still()
            over.wait(10)
            if answering is not None:
                answering.wait()

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        try:
            yield listening.getsockname()[1]
        finally:
            over.set()
            thread.join()


def asking(port: int) -> Speaker:
    config = ModelConfig(model="openai:first", base_url=f"http://127.0.0.1:{port}/v1")
    found = speaker(config, {}, TIMEOUT_S, "elena")
    assert found is not None
    return found


def test_an_answer_that_came_meanwhile_is_read() -> None:
    """It is paid for, and it is there."""
    with serving(answers=True) as port:
        assert words(asking(port).ask(ASK, NOW_MS)) == "First."


def test_a_model_is_not_blamed_for_it() -> None:
    """Nobody is told to take a faster model, no other one is asked to rest, and the
    circuit stays closed."""
    with serving(answers=False) as port:
        one = asking(port)
        one.breaker = Breaker(failures=1)
        with pytest.raises(ModelUnavailable) as caught:
            one.ask(ASK, NOW_MS)
        assert str(caught.value) == f"openai:first: {Fault.STILL}"
        assert caught.value.tokens == one.estimate(ASK).tokens, "it may be charged for"
        assert "machine" in REMEDIES[Fault.STILL]
        assert one.breaker.allows(NOW_MS + 1)
