"""Models from configuration, and what happens when they fail."""

from __future__ import annotations

import os
import threading
import time
from typing import Any

import pytest
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import HumanMessage

from app.brain.brain import build_brain
from app.brain.models import Speaker, chat_model, disable_tracing, speaker
from app.domain.character import ModelConfig, load_character
from app.domain.errors import ConfigurationError, ModelUnavailable
from app.domain.settings import Settings
from app.runtime.breaker import Breaker
from tests.brain.fakes import NOW_MS, Scripted

ASK = [HumanMessage("hello")]


class Refused(Exception):
    """A provider's error with an HTTP status."""

    status_code = 401


def test_no_configuration_or_no_key_means_the_offline_voice() -> None:
    """Without a model, or without its key, there is no speaker and no error."""
    assert speaker(None, {}, 5.0) is None
    assert speaker(ModelConfig(model="openai:gpt-x"), {}, 5.0) is None


def test_a_model_that_cannot_be_made_leaves_the_offline_voice() -> None:
    """A missing package is one clear error to a checker, and no dead bot in a
    worker."""
    config = ModelConfig(model="xai:model")
    with pytest.raises(ConfigurationError, match="xai"):
        chat_model(config.model, config, {"xai": "key"}, 5.0)
    character = load_character("elena").model_copy(update={"model": config})
    assert (
        build_brain(character, {"xai": "key"}, Settings(_env_file=None)).speaker is None
    )  # type: ignore[call-arg]


def test_a_key_does_not_travel_unencrypted() -> None:
    """A plain http address is taken without a key or on loopback only."""
    config = ModelConfig(model="openai:m", base_url="http://models.example:8000/v1")
    with pytest.raises(ConfigurationError, match="https"):
        chat_model(config.model, config, {"openai": "sk-secret"}, 5.0)


def test_transient_failures_are_tried_again_then_the_fallback() -> None:
    """Two tries of the first model, then the next of the list."""
    first, second = Scripted(script=[OSError(), OSError()]), Scripted(script=["fine"])
    assert (
        Speaker([first, second], wait=lambda _: None).ask(ASK, NOW_MS).content == "fine"
    )
    assert (len(first.prompts), len(second.prompts)) == (2, 1)


def test_a_refused_key_is_not_tried_again() -> None:
    """What a second try cannot mend goes to the fallback at once."""
    first, second = Scripted(script=[Refused()]), Scripted(script=["fine"])
    assert (
        Speaker([first, second], wait=lambda _: None).ask(ASK, NOW_MS).content == "fine"
    )
    assert len(first.prompts) == 1


class Hanging(Scripted):
    """A model that answers only when it is let go."""

    release: Any = None

    def _generate(self, *arguments: Any, **options: Any) -> Any:
        self.release.wait(20)
        return super()._generate(*arguments, **options)


def test_a_hanging_model_is_left_at_the_deadline() -> None:
    """A cycle never waits longer than the model timeout, whatever the client does."""
    release = threading.Event()
    slow = Speaker([Hanging(script=["late"], release=release)], timeout=0.1)
    begin = time.monotonic()
    with pytest.raises(ModelUnavailable):
        slow.ask(ASK, NOW_MS)
    assert time.monotonic() - begin < 5
    release.set()


def test_errors_and_logs_hold_no_text_of_the_provider(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A provider's message may repeat a key or a prompt: neither the exception nor the
    log passes it on."""
    with pytest.raises(ModelUnavailable) as caught:
        Speaker(
            [Scripted(script=[ValueError("sk-secret")] * 2)], wait=lambda _: None
        ).ask(ASK, NOW_MS)
    output = capsys.readouterr()
    assert (
        "sk-secret"
        not in f"{caught.value!r} {caught.value.__cause__!r} {output.out} {output.err}"
    )


def test_the_breaker_opens_and_lets_one_trial_through() -> None:
    """After enough failures nothing is called; when the time has passed, one call
    tries, and success closes it."""
    breaker = Breaker(failures=2, open_ms=1_000)
    breaker.failed(0)
    assert breaker.allows(0)
    breaker.failed(0)
    assert not breaker.allows(999)
    assert breaker.allows(1_000)
    assert not breaker.allows(1_001), "one trial at a time"
    breaker.succeeded()
    assert breaker.allows(1_002)


def test_an_open_breaker_calls_no_model() -> None:
    """While it is open, `ask` fails at once without a call."""
    model: BaseChatModel = Scripted(script=[])
    breaker = Breaker(failures=1)
    breaker.failed(NOW_MS)
    with pytest.raises(ModelUnavailable, match="circuit"):
        Speaker([model], breaker=breaker).ask(ASK, NOW_MS)


def test_an_answer_without_usage_is_estimated() -> None:
    """A paid call never counts as free."""
    answer = Speaker(
        [Scripted(script=["word " * 30], usage=False)], usd_in=1, usd_out=1
    ).ask(ASK, NOW_MS)
    assert answer.tokens >= 50
    assert answer.micro_usd >= 50


def test_tracing_is_switched_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """LangSmith variables of the environment take no effect, even if LangSmith has read
    them before."""
    from langsmith import utils

    utils.get_env_var.cache_clear()  # type: ignore[attr-defined]
    monkeypatch.setenv("LANGSMITH_TRACING", "true")
    monkeypatch.setenv("LANGCHAIN_TRACING_V2", "true")
    assert utils.tracing_is_enabled()
    disable_tracing()
    assert not utils.tracing_is_enabled()
    for name in ("LANGSMITH_TRACING", "LANGSMITH_TRACING_V2", "LANGCHAIN_TRACING_V2"):
        assert os.environ.pop(name) == "false"


@pytest.mark.parametrize("usage", [(-1_000_000, -5), (10**30, 10**30)])
def test_a_lying_provider_neither_refunds_nor_overflows(usage: tuple[int, int]) -> None:
    """Counts that a provider reports are bounded: a negative one would fill the budget
    up, a huge one break the books."""
    told, wrote = usage
    counted = {
        "input_tokens": told,
        "output_tokens": wrote,
        "total_tokens": told + wrote,
    }
    answer = Speaker([Scripted(script=["fine"], counted=counted)], usd_in=1.0).ask(
        ASK, NOW_MS
    )
    assert 0 <= answer.tokens < 1_000_000_000
    assert 0 <= answer.micro_usd < 2**53
