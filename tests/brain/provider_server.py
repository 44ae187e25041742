"""An OpenAI-compatible server on loopback that answers like the providers do on their
worse days."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Json = dict[str, Any]
OK_USAGE: Json = {"prompt_tokens": 100, "completion_tokens": 10, "total_tokens": 110}


@dataclass(frozen=True)
class Sent:
    """One HTTP answer. `hangs`: accept, and never answer."""

    status: int = 200
    body: Any = ""
    kind: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    hangs: bool = False

    def payload(self) -> bytes:
        if isinstance(self.body, bytes):
            return self.body
        return (
            self.body.encode()
            if isinstance(self.body, str)
            else json.dumps(self.body).encode()
        )


def told(
    content: Any, ended: str = "stop", usage: Any = OK_USAGE, **message: Any
) -> Sent:
    """A chat completion."""
    choice = {
        "index": 0,
        "finish_reason": ended,
        "message": {"role": "assistant", "content": content, **message},
    }
    return Sent(
        body={
            "id": "x",
            "object": "chat.completion",
            "created": 0,
            "model": "m",
            "choices": [choice],
            "usage": usage,
        }
    )


def said(words: str) -> Sent:
    """A well-formed answer."""
    return told(json.dumps({"action": "reply", "text": words}))


def streamed(words: str) -> Sent:
    """The same as server-sent events, in two pieces."""
    content = json.dumps({"action": "reply", "text": words})
    deltas: list[Json] = [
        {"role": "assistant", "content": content[:9]},
        {"content": content[9:]},
        {},
    ]
    chunks = [
        {
            "id": "x",
            "object": "chat.completion.chunk",
            "created": 0,
            "model": "m",
            "choices": [
                {"index": 0, "delta": delta, "finish_reason": None if delta else "stop"}
            ],
        }
        for delta in deltas
    ]
    lines = [*map(json.dumps, chunks), "[DONE]"]
    return Sent(
        body="".join(f"data: {line}\n\n" for line in lines), kind="text/event-stream"
    )


def refused(
    status: int, message: str, code: str = "", param: str = "", **headers: str
) -> Sent:
    """An error in OpenAI's form."""
    error = {
        "message": message,
        "type": "invalid_request_error",
        "param": param or None,
        "code": code or None,
    }
    return Sent(
        status,
        {"error": error},
        headers={key.replace("_", "-"): value for key, value in headers.items()},
    )


class ProviderServer:
    """`with ProviderServer(answer) as server:`; `answer` gets each request's body.
    `requests` are the bodies so far."""

    def __init__(self, answer: Callable[[Json], Sent]) -> None:
        self.answer = answer
        self.requests: list[Json] = []
        self._release = threading.Event()
        server = self

        class Handler(BaseHTTPRequestHandler):
            """Speaks for `server`."""

            def do_POST(self) -> None:
                body = json.loads(self.rfile.read(int(self.headers["content-length"])))
                server.requests.append(body)
                sent = server.answer(body)
                if sent.hangs:
                    server._release.wait(30)
                    return
                payload = sent.payload()
                self.send_response(sent.status)
                self.send_header("content-type", sent.kind)
                if "content-length" not in sent.headers:
                    self.send_header("content-length", str(len(payload)))
                for key, value in sent.headers.items():
                    self.send_header(key, value)
                self.end_headers()
                # Who has read enough hangs up.
                with suppress(ConnectionError):
                    self.wfile.write(payload)

            def log_message(self, format: str, *_: Any) -> None:
                """Nothing: what was asked is in `requests`."""

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self.port = int(self._http.server_address[1])
        self.url = f"http://127.0.0.1:{self.port}/v1"
        self._thread = threading.Thread(
            target=self._http.serve_forever, args=(0.02,), daemon=True
        )

    def sent(self, model: str) -> list[Json]:
        """The requests for one model."""
        return [body for body in self.requests if body["model"] == model]

    def __enter__(self) -> ProviderServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._release.set()
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()
