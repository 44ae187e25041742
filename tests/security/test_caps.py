"""A cap is a cap: real threads of a real worker on a real server, and models that
report what they like.

`make security` prints the table; `STREAM_PROVE=1` adds the rows between.
"""

from __future__ import annotations

import json
import os
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest
from cryptography.fernet import Fernet

from app.brain import inquiry
from app.domain.character import ModelConfig, load_character
from app.domain.model import Classified, Event, RosterEntry, Signal
from app.domain.settings import Settings, load_settings
from app.loopback import LoopbackDiscord, LoopbackThread
from app.runtime.breaker import Breaker
from app.runtime.clock import epoch_day
from app.store import admission, keys, roster, vault
from app.store.door import Store
from app.store.limits import Limits
from app.store.vault import Vault
from app.worker.worker import Worker
from tests.brain.provider_server import Json, ProviderServer, Sent, told

CAP = 1_000_000
LIMIT = 400
PROVE = bool(os.environ.get("STREAM_PROVE"))
PRICE = 40.0 if PROVE else 80.0
"""US dollars per million tokens, so that a call is estimated at five or ten cents: twenty
calls fill the cap, or ten."""
QUESTIONS = 40 if PROVE else 20
THREADS = (1, 4, 16) if PROVE else (1, 8)
WORDS = json.dumps({"action": "reply", "text": "Quite a few of them, I should say."})


def estimate(body: Json) -> int:
    """Tokens of a call, as the bot estimates them."""
    return (
        sum(len(message["content"].encode()) // 3 for message in body["messages"])
        + LIMIT
    )


def reporting(times: float) -> Callable[[Json], Sent]:
    """A model that reports so many times the estimate."""

    def answer(body: Json) -> Sent:
        told_in = (estimate(body) - LIMIT) * min(1.0, times)
        usage = {
            "prompt_tokens": int(told_in),
            "completion_tokens": int(estimate(body) * times - told_in),
        }
        return told(WORDS, usage=usage)

    return answer


MODELS: dict[str, Callable[[Json], Sent]] = {
    "honest": reporting(0.7),
    "10 times": reporting(10),
    "100 times": reporting(100),
    "zero": lambda _: told(
        WORDS, usage={"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}
    ),
    "failing": lambda _: Sent(502, "<html>Bad gateway</html>", "text/html"),
    "nonsense": lambda _: Sent(200, {"choices": None}),
}
DEAREST = {"honest": 0.7, "10 times": 10, "100 times": 100}
"""Times the estimate that one call takes; 1 where it is not named."""


@dataclass(frozen=True)
class Row:
    """What one run came to; money in micro-dollars."""

    booked: int
    calls: int
    answered: int
    thrown: int
    """Answers that were paid for and refused for a budget."""
    estimate: int
    """Of the dearest call."""


@pytest.fixture
def discord() -> Iterator[LoopbackThread]:
    with LoopbackThread(LoopbackDiscord(rate_limit=None)) as server:
        yield server


@pytest.fixture
def settings(
    redis_url: str, discord: LoopbackThread, monkeypatch: pytest.MonkeyPatch
) -> Settings:
    values = {
        "REDIS_URL": redis_url,
        "VAULT_KEYS": Fernet.generate_key().decode(),
        "DISCORD_API_URL": discord.api_url,
        "DAILY_USD": str(CAP / 1e6),
        "PERSON_DAILY_USD": "50",
        "CHANNEL_DAILY_USD": "50",
        "PERSON_HOURLY": "1000",
    }
    for name, value in values.items():
        monkeypatch.setenv(f"STREAM_{name}", value)
    load_settings.cache_clear()
    return load_settings()


def join(
    store: Store,
    discord: LoopbackThread,
    settings: Settings,
    base_url: str,
    **more: Any,
) -> None:
    """Elena with a paid model."""
    model = ModelConfig(
        model="openai:counted",
        base_url=base_url,
        max_tokens=LIMIT,
        usd_per_million_in=PRICE,
        usd_per_million_out=PRICE,
        **more,
    )
    character, account = (
        load_character("elena").model_copy(update={"model": model}),
        discord.add_bot("elena"),
    )
    plain = (
        model.model_dump_json(),
        f'{{"user_id": "{account.id}"}}',
        character.model_dump_json(),
    )
    sealed = Vault(settings.vault_keys).seal(
        "elena", {"token": str(account.token)}, plain
    )
    store.run(vault.publish("elena", sealed, *plain))
    store.run(
        roster.enlist(
            RosterEntry(bot="elena", user_id=str(account.id), names=character.names)
        )
    )


def ask(
    store: Store, discord: LoopbackThread, settings: Settings, person: Any
) -> Event:
    """Somebody asks in a channel of their own."""
    channel = discord.add_channel(f"c{uuid.uuid4().hex[:8]}")
    post = discord.post(person, channel, "elena, what lives in a tide pool?")
    event = Event(
        message_id=str(post.message_id),
        channel_id=str(channel.id),
        author_id=str(person.id),
        author_name="Kim",
        content="elena, what lives in a tide pool?",
    )
    candidate = admission.AdmissionRequest(
        "elena",
        event,
        Classified(signal=Signal.DIRECT, reason="named", addressed=("elena",)),
        None,
    )
    store.run(
        admission.admit(candidate, uuid.uuid4().hex, Limits.of(settings), settings)
    )
    return event


def quiet(worker: Worker, monkeypatch: pytest.MonkeyPatch) -> Worker:
    """No broker listens."""
    monkeypatch.setattr(worker.hints, "send", lambda *_: True)
    return worker


def run(
    store: Store,
    discord: LoopbackThread,
    worker: Worker,
    server: ProviderServer,
    threads: int,
) -> Row:
    """All questions at once, to so many threads."""
    person = discord.add_user("Kim")
    asked = [ask(store, discord, worker.settings, person) for _ in range(QUESTIONS)]
    with ThreadPoolExecutor(threads) as pool:
        outcomes = list(
            pool.map(
                lambda event: worker.cycle("elena", "direct", event.channel_id), asked
            )
        )
    assert set(outcomes) == {"clear"}
    lines = [
        json.loads(line)
        for event in asked
        for line in store.client.lrange(keys.journal(event.message_id), 0, -1)
    ]
    commits = [line for line in lines if line["step"] == "commit"]
    paid = [
        line
        for line in commits
        if line["verdict"] == "committed" and line["numbers"]["tokens"]
    ]
    return Row(
        booked=int(
            str(store.client.hget(keys.budget("elena", epoch_day()), "micro_usd") or 0)
        ),
        calls=len(server.requests),
        answered=len(paid),
        thrown=sum(line["verdict"] == "budget" for line in commits),
        estimate=int(max(map(estimate, server.requests)) * PRICE) + 1,
    )


@pytest.mark.parametrize("threads", THREADS)
@pytest.mark.parametrize("model", MODELS)
def test_a_cap_is_passed_by_one_call_at_most(
    store: Store,
    discord: LoopbackThread,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
    model: str,
    threads: int,
) -> None:
    """Whatever a model reports, fails at or hides, and however many threads ask it at
    once: what is booked passes the cap by one call at most, by none if no call takes
    more than its estimate, and no answer that was paid for is thrown away."""
    monkeypatch.setattr(
        Breaker, "allows", lambda *_: True
    )  # it would end the failing rows early
    monkeypatch.setattr(inquiry, "BACKOFF_S", 0.001)
    with ProviderServer(MODELS[model]) as server:
        join(store, discord, settings, server.url)
        worker = quiet(Worker(settings), monkeypatch)
        try:
            row = run(store, discord, worker, server, threads)
        finally:
            worker.close()
    times = DEAREST.get(model, 1)
    print(
        f"\n| {threads} | {model} | 1.00 | {row.booked / 1e6:.2f} | {row.calls} | {row.answered} | {row.thrown} |"
    )
    assert row.thrown == 0
    assert row.calls >= 1
    over = row.booked - CAP
    assert over <= 0 if times <= 1 else over <= times * row.estimate
    if model not in {"failing", "nonsense"}:
        assert row.answered == row.calls, "each call became an answer"
    if times > 1:
        assert row.booked >= times * row.estimate * 0.9 * min(row.calls, 2) / 2, (
            "what was reported is booked"
        )
    else:
        # Also of many calls at once none is refused beside what others only hold.
        assert row.booked + row.estimate > CAP or row.calls == QUESTIONS, (
            "the cap was used up, not shut early"
        )
    assert not store.client.hlen(keys.calls("elena")), "no call is believed to run"
