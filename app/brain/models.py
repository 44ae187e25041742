"""Language models: any that LangChain's `init_chat_model` makes, with a deadline, retries, fallbacks and a breaker."""

from __future__ import annotations

import math
import os
import random
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as DeadlinePassed
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import structlog
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage

from app.character import ModelConfig
from app.errors import ConfigurationError, ModelUnavailable
from app.settings import LOOPBACK_HOSTS

KEYLESS = frozenset({"ollama"})
TRIES = 2
"""Calls of one model before the next one of the list is asked."""
BACKOFF_S = 0.5
CHARACTERS_PER_TOKEN = 3
"""Low on purpose, so that an estimate holds more of the budget than the call will need."""
MOST_TOKENS = 10_000_000
"""No call takes more. A provider that reports a negative or huge count must not refund or break the budget."""
_POINTLESS = frozenset({400, 401, 403, 404, 413, 422})
"""HTTP statuses that a second try cannot mend."""

log = structlog.get_logger(__name__)


def disable_tracing() -> None:
    """Keep LangSmith from sending prompts out, whatever the environment says. Call before the first model call."""
    for name in ("LANGSMITH_TRACING", "LANGSMITH_TRACING_V2", "LANGCHAIN_TRACING_V2"):
        os.environ[name] = "false"
    os.environ.pop("LANGCHAIN_TRACING", None)
    from langsmith import utils

    # LangSmith reads the environment once and remembers it; its type says only that this is a function.
    utils.get_env_var.cache_clear()  # type: ignore[attr-defined]


def chat_model(name: str, config: ModelConfig, api_keys: Mapping[str, str], timeout: float) -> BaseChatModel | None:
    """The LangChain model `provider:model`, or None where it needs a key that is not there.

    `api_keys` maps provider to key. Raises ConfigurationError for an unknown provider, one whose package is missing,
    or a key that would travel unencrypted.
    """
    from langchain.chat_models import init_chat_model

    provider, _, _ = name.partition(":")
    key = api_keys.get(provider)
    # A fallback at another provider must not be sent to the first one's address.
    base_url = config.base_url if provider == config.model.partition(":")[0] else None
    if key is None and provider not in KEYLESS and base_url is None:
        return None
    if key is not None and base_url is not None:
        address = urlsplit(base_url)
        if address.scheme == "http" and address.hostname not in LOOPBACK_HOSTS:
            raise ConfigurationError("model.base_url: must be https, or the key would travel unencrypted.")
    options: dict[str, Any] = {"temperature": config.temperature}
    if base_url is not None:
        options["base_url"] = base_url
    if provider == "ollama":
        options |= {"num_predict": config.max_tokens, "client_kwargs": {"timeout": timeout}}
    else:
        # A local server wants no key, but the client insists on one. Retries are counted here, not by the client.
        options |= {"max_tokens": config.max_tokens, "timeout": timeout, "max_retries": 0, "api_key": key or "none"}
    try:
        model: BaseChatModel = init_chat_model(name, **options)
    except ImportError:
        raise ConfigurationError(f"model: {provider} needs `pip install the-stream[{provider}]`.") from None
    except ValueError:
        raise ConfigurationError(f"model: {name[:60]!r} is nothing that LangChain's init_chat_model knows.") from None
    return model


class Breaker:
    """After `failures` in a row no call for `open_ms`, then one trial. Thread-safe; the time is passed in (Unix ms)."""

    def __init__(self, failures: int = 4, open_ms: int = 30_000) -> None:
        self._limit, self._open_ms = failures, open_ms
        self._failed = 0
        self._opened_ms: int | None = None
        self._lock = threading.Lock()

    def allows(self, now_ms: int) -> bool:
        """Whether a call may be made; when the open time has passed, to one caller only."""
        with self._lock:
            if self._opened_ms is None:
                return True
            if now_ms - self._opened_ms < self._open_ms:
                return False
            self._opened_ms = now_ms
            return True

    def succeeded(self) -> None:
        """A call came back."""
        with self._lock:
            self._failed, self._opened_ms = 0, None

    def failed(self, now_ms: int) -> None:
        """A call failed for good."""
        with self._lock:
            self._failed += 1
            if self._failed >= self._limit:
                self._opened_ms = now_ms


@dataclass(frozen=True, slots=True)
class Answer:
    """What a model wrote, and what that took."""

    content: str
    tokens: int
    micro_usd: int


@dataclass
class Speaker:
    """A bot's language models, the preferred one first. Safe to share between threads."""

    models: Sequence[BaseChatModel]
    timeout: float = 60.0
    max_tokens: int = 400
    usd_in: float = 0.0
    usd_out: float = 0.0
    """US dollars per million tokens, of the first model; fallbacks are counted at the same price."""
    breaker: Breaker = field(default_factory=Breaker)
    wait: Callable[[float], None] = time.sleep

    def estimate(self, messages: Sequence[BaseMessage]) -> int:
        """Tokens that a call will take at most, roughly."""
        return sum(len(str(message.content)) for message in messages) // CHARACTERS_PER_TOKEN + self.max_tokens

    def ask(self, messages: Sequence[BaseMessage], now_ms: int) -> Answer:
        """One answer within `timeout` seconds over all tries. Raises ModelUnavailable; its text holds no secret."""
        if not self.breaker.allows(now_ms):
            raise ModelUnavailable("circuit open")
        deadline = time.monotonic() + self.timeout
        for model in self.models:
            for attempt in range(TRIES):
                left = deadline - time.monotonic()
                if left <= 0:
                    break
                if attempt:
                    self.wait(min(left, BACKOFF_S * (1 + random.random())))
                found, again = self._try(model, messages, max(0.0, deadline - time.monotonic()))
                if found is not None:
                    self.breaker.succeeded()
                    return self._answer(found, messages)
                if not again:
                    break
        self.breaker.failed(now_ms)
        raise ModelUnavailable("the model did not answer")

    def _try(
        self, model: BaseChatModel, messages: Sequence[BaseMessage], left: float,
    ) -> tuple[BaseMessage | None, bool]:
        """The answer or None, and whether a further try may help."""
        future: Future[BaseMessage] = _callers().submit(model.invoke, list(messages))
        try:
            return future.result(timeout=left), False
        except DeadlinePassed:
            # The thread ends by the client's own timeout; its answer is no longer wanted.
            future.cancel()
            log.warning("model too slow", model=model._llm_type)
            return None, False
        except Exception as error:  # noqa: BLE001 - process boundary: providers' errors share no base class
            # Their texts may hold prompts or keys: the type and the status must do.
            status = getattr(error, "status_code", None)
            log.warning("model failed", model=model._llm_type, error=type(error).__name__, status=status)
            return None, status not in _POINTLESS

    def _answer(self, message: BaseMessage, messages: Sequence[BaseMessage]) -> Answer:
        content = message.text if isinstance(message.content, list) else str(message.content)
        usage = message.usage_metadata if isinstance(message, AIMessage) else None
        if usage is None:
            told = sum(len(str(sent.content)) for sent in messages) // CHARACTERS_PER_TOKEN
            wrote = min(len(content) // CHARACTERS_PER_TOKEN, self.max_tokens)
        else:
            told, wrote = (min(max(0, usage[name]), MOST_TOKENS) for name in ("input_tokens", "output_tokens"))
        # Dollars per million tokens are micro-dollars per token.
        return Answer(content, told + wrote, math.ceil(told * self.usd_in + wrote * self.usd_out))


_pool: ThreadPoolExecutor | None = None
_pool_lock = threading.Lock()


def _callers() -> ThreadPoolExecutor:
    """Threads that wait for models: a cycle must be able to walk away from a call that hangs."""
    global _pool  # noqa: PLW0603 - one per process
    with _pool_lock:
        if _pool is None:
            _pool = ThreadPoolExecutor(max_workers=64, thread_name_prefix="model")
        return _pool


def speaker(config: ModelConfig | None, api_keys: Mapping[str, str], timeout: float) -> Speaker | None:
    """The models of a character file, or None if it names none or their keys are missing (the offline voice speaks)."""
    if config is None:
        return None
    found = [chat_model(name, config, api_keys, timeout) for name in (config.model, *config.fallbacks)]
    models = [model for model in found if model is not None]
    if not models:
        log.warning("no key for the model, the offline voice speaks", model=config.model)
        return None
    return Speaker(models, timeout, config.max_tokens, config.usd_per_million_in, config.usd_per_million_out)
