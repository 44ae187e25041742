"""`the-stream reload` as an operator meets it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from app.domain.errors import CharacterError, StreamError, UnknownBot
from app.operator.reloading import reload
from app.store import heartbeats, keys
from app.store.heartbeats import Heartbeat, ProcessRole
from tests.cli.commands import run
from tests.operator.conftest import Stream


@contextmanager
def gateway(stream: Stream, error: str, changed: bool) -> Iterator[None]:
    """Answers the first request as elena's gateway would."""
    ended = threading.Event()

    def answer() -> None:
        while not ended.wait(0.01):
            request = stream.store.client.get(keys.reload("elena"))
            if not request:
                continue
            outcome = {"request": request, "error": error, "changed": changed}
            sign = Heartbeat(ProcessRole.GATEWAY, "elena", {"reload": outcome})
            stream.store.run(heartbeats.tell(sign))

    thread = threading.Thread(target=answer)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()


def test_the_gateways_answer_is_told(stream: Stream) -> None:
    """Whether anything changed, or its one line: its file may be another one."""
    for changed in (True, False):
        with gateway(stream, "", changed):
            assert reload("elena", stream.settings()) is changed
    line = "elena.yaml: persona: wrong"
    with gateway(stream, line, False), pytest.raises(CharacterError, match=line):
        reload("elena", stream.settings())


def test_a_broken_file_is_told_before_anybody_is_asked(stream: Stream) -> None:
    """One line and exit code 2; a bot that is named beside it is not kept waiting."""
    stream.edit(persona="")
    told = run(
        "reload",
        "elena",
        "nobody",
        STREAM_CHARACTERS_DIR=str(stream.folder),
        STREAM_REDIS_URL=stream.values["redis_url"],
    )
    assert told.returncode == 2
    assert told.stderr.splitlines() == [
        "the-stream: elena.yaml: persona: must not be blank",
        "the-stream: No bot is named 'nobody'; known: elena",
    ]
    assert not stream.store.client.exists(keys.reload("elena"))


def test_where_nobody_can_answer_it_says_so(stream: Stream) -> None:
    """No gateway, one that hangs, a bot that is not there."""
    with pytest.raises(StreamError, match="has not answered within 0 s"):
        reload("elena", stream.settings(), patience=0.0)
    stream.store.run(heartbeats.end(ProcessRole.GATEWAY, "elena"))
    with pytest.raises(StreamError, match="elena: no gateway runs it"):
        reload("elena", stream.settings())
    with pytest.raises(UnknownBot, match="known: elena"):
        reload("nobody", stream.settings())
