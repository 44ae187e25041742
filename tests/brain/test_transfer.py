"""What a model's server may send, and when a call has reached it: over real sockets with
each provider's own client."""

from __future__ import annotations

import asyncio
import gzip
import json
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager, suppress
from types import SimpleNamespace
from typing import Any

import pytest
from langchain_core.messages import HumanMessage

from app.brain import transfer
from app.brain.faults import Fault
from app.brain.models import SLOW_REST_S, Speaker, speaker
from app.brain.transfer import (
    BRACKET_WEIGHT,
    LINE_WEIGHT,
    MOST_BEFORE,
    MOST_PARSED,
    MOST_REFUSED,
    MOST_STREAMED,
    PIECE_WEIGHT,
    READ_WEIGHT,
    AnswerTooLargeError,
    Transfer,
    is_watched,
    watch,
)
from app.domain.character import ModelConfig
from app.domain.errors import ModelUnavailable
from tests.brain.fakes import NOW_MS, Scripted
from tests.brain.provider_server import ProviderServer, Sent, refused
from tests.brain.test_providers import ASK

PROVIDERS = ("openai", "anthropic", "ollama")
Asked = tuple[ProviderServer, Speaker]


def made(provider: str, url: str, timeout: float = 20.0) -> Speaker:
    """A speaker with one model, which does not wait between tries."""
    config = ModelConfig(model=f"{provider}:first", base_url=url)
    found = speaker(config, {provider: "sk-secret"}, timeout)
    assert found is not None
    found.wait = lambda _: None
    return found


@pytest.fixture(scope="module")
def server() -> Iterator[ProviderServer]:
    """Each test says what it answers."""
    with ProviderServer(lambda _: Sent()) as one:
        yield one


@pytest.fixture(scope="module", params=PROVIDERS)
def asked(server: ProviderServer, request: pytest.FixtureRequest) -> Asked:
    """A server and a speaker of each provider."""
    return server, made(request.param, server.url)


def trouble(asked: Asked, sent: Sent) -> ModelUnavailable:
    """What is said of this answer."""
    server, one = asked
    server.requests.clear()
    server.answer = lambda _: sent
    one.breaker.succeeded()
    one._resting.clear()
    with pytest.raises(ModelUnavailable) as caught:
        one.ask(ASK, NOW_MS)
    return caught.value


def packed(text: bytes) -> Sent:
    return Sent(body=gzip.compress(text), headers={"content-encoding": "gzip"})


@pytest.mark.parametrize(
    "sent",
    [
        Sent(body=b" " * 600_000),
        Sent(body=b'{"choices": [' + b"{}," * 25_000),
        Sent(body=b"[" * 100_000),
        packed(b" " * 20_000_000),
    ],
    ids=["long", "objects", "brackets", "bomb"],
)
def test_a_body_has_an_end(asked: Asked, sent: Sent) -> None:
    """However it is packed: no more is read, nothing of it is parsed, nobody asks for it
    again, and it is booked as an answer that cannot be read."""
    found = trouble(asked, sent)
    server, one = asked
    assert str(found) == f"{one.name(0)}: {Fault.LARGE}"
    assert found.tokens == one.estimate(ASK).tokens
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "body",
    ["[" * 9_000 + "]" * 9_000, f'{{"usage": {"1" * 5_000}}}', "5", b'{"a": "\xff'],
    ids=["too deep", "too long a number", "no object", "no UTF-8"],
)
def test_an_odd_body_is_unreadable(asked: Asked, body: Any) -> None:
    """Whatever a client raises over it: it is asked for again, and each try is booked."""
    found = trouble(asked, Sent(body=body))
    assert str(found).endswith(f": {Fault.UNREADABLE}")
    assert found.tokens == 2 * asked[1].estimate(ASK).tokens


ERRORS: list[tuple[Any, str, int]] = [
    ({"error": {"message": "Something broke"}}, Fault.REPORTED, 1),
    ({"error": "the runner has stopped"}, Fault.REPORTED, 1),
    ({"type": "error", "error": {"type": "api_error"}}, Fault.REPORTED, 1),
    ({"choices": None, "error": {"message": "Something broke"}}, Fault.REPORTED, 1),
    ({"type": "error", "error": {"type": "overloaded_error"}}, Fault.OVERLOADED, 0),
    ({"error": {"message": "x", "code": 429}}, Fault.RATE, 0),
    ({"error": {"type": "invalid_request_error"}}, Fault.REQUEST, 0),
    ({"object": "error", "message": "x", "code": 400}, Fault.REQUEST, 0),
    ({"error": {"message": "x", "code": 502}}, Fault.OVERLOADED, 2),
    ({"error": None, "detail": "x"}, Fault.UNREADABLE, 2),
]
"""A body that came with status 200, what it is, and how many estimates are booked."""


@pytest.mark.parametrize(("body", "fault", "booked"), ERRORS)
def test_an_error_with_status_200_is_one(
    asked: Asked, body: Any, fault: str, booked: int
) -> None:
    """Also to a client that takes it for an answer. One of no known kind is not asked
    again: nobody knows whether the model worked, and it would be booked twice."""
    found = trouble(asked, Sent(body=body))
    assert str(found).endswith(f": {fault}")
    assert found.tokens == booked * asked[1].estimate(ASK).tokens


@pytest.mark.parametrize("body", [b'{"id":', b""], ids=["cut off", "nothing"])
def test_each_try_that_was_sent_is_booked(asked: Asked, body: bytes) -> None:
    """A connection that is lost within the answer: the ladder asks once more, and no
    client by itself."""
    server, one = asked
    found = trouble(asked, Sent(body=body, headers={"content-length": "1000"}))
    assert str(found).endswith(f": {Fault.LOST}")
    assert len(server.requests) == 2
    assert found.tokens == 2 * one.estimate(ASK).tokens


def test_a_refusal_of_any_length_is_read(asked: Asked) -> None:
    """Its status, its header and its beginning say what it is."""
    pauses: list[float] = []
    asked[1].wait = pauses.append
    sent = refused(429, "Slow down " + "x" * 600_000, Retry_After="3")
    assert str(trouble(asked, sent)).endswith(Fault.RATE)
    assert pauses == [3.0]


def test_no_redirect_is_followed(asked: Asked) -> None:
    """The prompt goes to the address of the character file and to no other; nothing is
    booked."""
    for status in (302, 307, 308):
        found = trouble(asked, Sent(status, headers={"location": "/v1/there"}))
        assert str(found).endswith(Fault.REDIRECTED)
        assert found.tokens == 0
        assert len(asked[0].requests) == 1


def test_what_nobody_asked_for_is_not_unpacked(asked: Asked) -> None:
    """A packing that no request accepts has no bound of ours."""
    sent = Sent(body=b"x", headers={"content-encoding": "deflate"})
    assert str(trouble(asked, sent)).endswith(Fault.UNREADABLE)


def test_a_packed_answer_is_read(server: ProviderServer) -> None:
    """Proxies pack what is short, too."""
    said = {"message": {"role": "assistant", "content": "Three."}, "done": True}
    server.answer = lambda _: packed(json.dumps(said).encode())
    assert made("ollama", server.url).ask(ASK, NOW_MS).content == "Three."


@contextmanager
def pouring(head: bytes, piece: bytes, goes_on: bool = True) -> Iterator[str]:
    """The address of a server that answers each request with a head, and then with this
    piece until its client hangs up. At the end each client has. Without a piece it waits
    for that; one that does not go on hangs up itself."""
    callers: list[threading.Thread] = []

    def serve(connection: socket.socket) -> None:
        with connection, suppress(ConnectionError):
            connection.settimeout(20)
            asked = b""
            # What is not read is answered with a reset.
            while not asked.endswith(b"}"):
                asked += connection.recv(65_536)
            connection.sendall(head)
            while goes_on and (piece or connection.recv(65_536)):
                connection.sendall(piece)

    door = socket.create_server(("127.0.0.1", 0))

    def accept() -> None:
        with suppress(OSError):
            while True:
                caller, _ = door.accept()
                callers.append(threading.Thread(target=serve, args=(caller,)))
                callers[-1].start()

    with door:
        threading.Thread(target=accept, daemon=True).start()
        yield f"http://127.0.0.1:{door.getsockname()[1]}/v1"
        door.shutdown(socket.SHUT_RDWR)
    for caller in callers:
        caller.join(20)
        assert not caller.is_alive()


CHUNKED = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n"


@pytest.mark.parametrize(
    ("head", "piece"),
    [
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 100),
        (b"", b"HTTP/1.1 102 Processing\r\nx: " + b"y" * 9_000 + b"\r\n\r\n"),
        (CHUNKED, b"1\r\n \r\n" * 1_000),
    ],
    ids=["continue", "processing", "chunks"],
)
@pytest.mark.parametrize("provider", PROVIDERS)
def test_what_says_nothing_for_ever_is_left(
    provider: str, head: bytes, piece: bytes
) -> None:
    """A processor would be busy with it until the time is over."""
    with pouring(head, piece) as url:
        # Thousands of pieces are read, also on a machine that has much else to do.
        one = made(provider, url, 100.0)
        with pytest.raises(ModelUnavailable, match=f": {Fault.LARGE}$") as caught:
            one.ask(ASK, NOW_MS)
    assert caught.value.tokens == one.estimate(ASK).tokens


HEAD_429 = b"HTTP/1.1 429 Slow\r\nretry-after: 3\r\ncontent-length: 99\r\n\r\n{"


@pytest.mark.parametrize("stalls", [True, False], ids=["stalls", "is cut off"])
def test_a_refusal_is_one_before_its_body_has_come(
    asked: Asked, monkeypatch: pytest.MonkeyPatch, stalls: bool
) -> None:
    """Its status has come: nothing is booked for it, and nobody waits for the rest."""
    monkeypatch.setattr(transfer, "REFUSED_S", 0.05)
    provider = asked[1].name(0).partition(":")[0]
    with pouring(HEAD_429, b"", stalls) as url:
        one = made(provider, url)
        pauses: list[float] = []
        one.wait = pauses.append
        with pytest.raises(ModelUnavailable, match=f": {Fault.RATE}$") as caught:
            one.ask(ASK, NOW_MS)
    assert caught.value.tokens == 0
    assert pauses == [3.0]


@pytest.mark.asyncio
async def test_many_calls_of_one_connection_are_heard_apart() -> None:
    """A connection is used again: each call has a measure of its own, and what comes
    with the body has another."""
    for _ in range(3):
        call = Transfer(watched=True)
        await call.note("http11.receive_response_headers.started", {})
        call.hear(MOST_BEFORE)
        await call.note("http11.receive_response_headers.complete", {})
        call.hear(MOST_BEFORE)
    await call.note("http11.receive_response_headers.started", {})
    for _ in range(MOST_BEFORE // READ_WEIGHT):
        call.hear(1)
    with pytest.raises(AnswerTooLargeError):
        call.hear(1)


@contextmanager
def unfinished_tls() -> Iterator[str]:
    """The address of a host that takes connections and says nothing. At the end the first
    of them was closed by its client."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        yield f"https://127.0.0.1:{silent.getsockname()[1]}"
        connection, _ = silent.accept()
    with connection:
        connection.settimeout(10)
        while connection.recv(4_096):
            pass


@pytest.mark.parametrize("provider", PROVIDERS)
def test_a_host_that_never_completes_tls_is_no_slow_model(provider: str) -> None:
    """No request was sent, so nothing is booked."""
    with unfinished_tls() as url, pytest.raises(ModelUnavailable) as caught:
        made(provider, url, 0.2).ask(ASK, NOW_MS)
    assert str(caught.value) == f"{provider}:first: {Fault.UNREACHABLE}"
    assert caught.value.tokens == 0
    assert caught.value.micro_usd == 0


def test_who_could_not_be_reached_in_all_its_time_rests() -> None:
    """As a slow model does: nobody waits for it twice while another one answers."""
    with unfinished_tls() as url:
        one = made("openai", url, 0.5)
        second = Scripted(script=["Second.", "Second."])
        one = Speaker([*one.models, second], timeout=0.5, wait=lambda _: None)
        assert one.ask(ASK, NOW_MS).content == "Second."
        begin = time.monotonic()
        assert one.ask(ASK, NOW_MS).content == "Second."
        assert one._resting[0][0] - begin > SLOW_REST_S / 2


def test_what_fails_before_a_call_is_not_booked() -> None:
    """Nor is a server blamed for it: it has not answered."""
    one = made("openai", "http://127.0.0.1:1")
    with pytest.raises(ModelUnavailable, match=f": {Fault.FAILED}$") as caught:
        # Half of a pair, which no request can hold.
        one.ask([HumanMessage("\ud800")], NOW_MS)
    assert caught.value.tokens == 0


@pytest.mark.parametrize(("method", "sent"), [(b"CONNECT", False), (b"POST", True)])
@pytest.mark.asyncio
async def test_a_tunnel_through_a_proxy_is_no_call(method: bytes, sent: bool) -> None:
    """Who asks a proxy to connect has sent nothing to the model."""
    call = Transfer(watched=True)
    step = {"request": SimpleNamespace(method=method)}
    await call.note("http11.send_request_headers.started", step)
    assert call.sent is sent


@pytest.mark.asyncio
async def test_who_gave_up_sends_nothing_more() -> None:
    """Whoever looked whether something was sent, and booked nothing, can rely on it."""
    call = Transfer(watched=True)
    call.give_up()
    assert call.unsent
    step = {"request": SimpleNamespace(method=b"POST")}
    with pytest.raises(asyncio.CancelledError):
        await call.note("http2.send_request_headers.started", step)


def test_a_client_that_is_not_watched_may_have_sent() -> None:
    """Nothing is known of its calls, so they are booked."""
    one = Scripted(script=[])
    watch(one)
    assert not is_watched(one)
    assert not Transfer(is_watched(one)).unsent


class Endless:
    """A body without an end. `taken`: pieces that were read."""

    def __init__(self, piece: bytes, head: bytes) -> None:
        self.piece = piece
        self.head = head
        self.taken = 0

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self.head
        while True:
            self.taken += 1
            yield self.piece


async def received(
    piece: bytes, streamed: bool, packed: bool = False, status: int = 200
) -> Any:
    """An answer that httpx hands to its hooks, after ours. `pieces`: its body before."""
    asked = b'{"stream":true}' if streamed else b'{"prompt":"\\"stream\\":true"}'
    pieces = Endless(piece, HEAD if packed else b"")
    found = SimpleNamespace(
        status_code=status,
        headers={"content-encoding": "gzip"} if packed else {},
        request=SimpleNamespace(content=asked),
        stream=pieces,
        pieces=pieces,
    )
    await transfer._receive(found)
    return found


LINES = b'{"message":{"content":"a"}}\n' * 100
LETTERS = b"x" * 1_000
EMPTY = b"\x00\x00\x00\xff\xff" * 1_000
"""Blocks of a packed body that hold nothing."""
HEAD = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03"


@pytest.mark.parametrize(
    ("piece", "streamed", "most"),
    [
        (LINES, False, MOST_PARSED),
        (LINES, True, MOST_STREAMED),
        (LETTERS, False, MOST_PARSED),
        (LETTERS, True, MOST_PARSED),
        (b" ", False, MOST_STREAMED),
        (b" ", True, MOST_STREAMED),
        (b"\n" * 9, True, MOST_STREAMED),
    ],
    ids=[
        "lines",
        "streamed lines",
        "letters",
        "one streamed line",
        "tiny pieces",
        "streamed tiny pieces",
        "empty lines",
    ],
)
@pytest.mark.asyncio
async def test_what_never_ends_is_left(piece: bytes, streamed: bool, most: int) -> None:
    """A whole answer, one line of a streamed one, and all its lines together: each has
    its measure, and nothing is read beyond it."""
    body = await received(piece, streamed)
    with pytest.raises(AnswerTooLargeError):
        _ = [part async for part in body.stream]
    lines = piece.count(b"\n") if streamed else 0
    weight = max(
        len(piece) + BRACKET_WEIGHT * piece.count(b"{") + LINE_WEIGHT * lines,
        PIECE_WEIGHT,
    )
    assert most < body.pieces.taken * weight + PIECE_WEIGHT <= most + 2 * weight


@pytest.mark.asyncio
async def test_nothing_packed_for_ever_is_left() -> None:
    """Memory is safe from it; the connection is not held."""
    body = await received(EMPTY, False, packed=True)
    with pytest.raises(AnswerTooLargeError):
        assert not [part async for part in body.stream if part]
    assert body.pieces.taken < 2 * MOST_STREAMED / len(EMPTY)


@pytest.mark.asyncio
async def test_a_refusal_without_end_is_cut() -> None:
    """Its beginning is enough."""
    body = await received(LETTERS, False, status=500)
    read = [part async for part in body.stream]
    assert MOST_REFUSED - len(LETTERS) < sum(map(len, read)) <= MOST_REFUSED


@pytest.mark.asyncio
async def test_a_refusal_in_tiny_pieces_is_cut() -> None:
    """Each of them takes time."""
    body = await received(b" ", False, status=500)
    read = [part async for part in body.stream]
    assert len(read) == MOST_REFUSED // PIECE_WEIGHT
