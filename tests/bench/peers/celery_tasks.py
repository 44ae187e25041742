"""The Celery worker of the peer: `celery -A tests.bench.peers.celery_tasks worker`. BROKER, API and TOKENS
are in its environment."""

from __future__ import annotations

import os

import httpx
from celery import Celery

app = Celery("peer", broker=os.environ["BROKER"])
app.conf.task_ignore_result = True
_token = os.environ["TOKENS"]
_http = httpx.Client(headers={"Authorization": f"Bot {_token}"})


@app.task(name="reply")
def reply(channel: str, message: str, text: str) -> None:
    """Post the same text as a reply."""
    body = {"content": text, "message_reference": {"message_id": message}}
    url = f"{os.environ['API']}/channels/{channel}/messages"
    _http.post(url, json=body).raise_for_status()
