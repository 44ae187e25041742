"""Language models: any that LangChain's `init_chat_model` makes, with a deadline,
retries, fallbacks and a breaker."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import structlog
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import BaseMessage

from app.brain import answers
from app.brain.answers import ReadAnswer
from app.brain.billing import Bill, DraftAccount, Price
from app.brain.faults import REMEDIES, Fault, Trouble
from app.brain.inquiry import Inquiry
from app.brain.quirks import quirks_of
from app.brain.reply import Reply
from app.brain.transfer import watch
from app.domain.addresses import LOOPBACK_HOSTS
from app.domain.character import ModelConfig
from app.domain.errors import ConfigurationError, ModelUnavailable
from app.domain.model import Cost
from app.runtime import metrics
from app.runtime.breaker import Breaker
from app.runtime.traces import model_values, span

KEYLESS = frozenset({"ollama"})
FIRST_SHARE = 0.6
"""Part of the time left that a model may take while another one stands behind it."""
LONGEST_REST_S = 300.0
"""A provider that asks for a longer pause than a question has time for is left alone,
at most so long."""
SLOW_REST_S = 30.0
"""A model that took all its time is left alone for so long while another one answers:
nobody waits for it twice."""
TOLD_S = 3_600.0
WORDLESS = frozenset(
    {Fault.EMPTY, Fault.CUT, Fault.TOOLS, Fault.REFUSED, Fault.FILTERED}
)
SILENT = frozenset({Fault.SLOW, Fault.UNREACHABLE})
"""What may take all the time of a model."""
UNBLAMED = frozenset({Fault.BUDGET, Fault.STILL})
"""What no model can help."""

log = structlog.get_logger(__name__)


def disable_tracing() -> None:
    """Keep LangSmith from sending prompts out, whatever the environment says. Call
    before the first model call."""
    for name in ("LANGSMITH_TRACING", "LANGSMITH_TRACING_V2", "LANGCHAIN_TRACING_V2"):
        os.environ[name] = "false"
    os.environ.pop("LANGCHAIN_TRACING", None)
    from langsmith import utils

    # LangSmith reads the environment once and remembers it; its type says only that
    # this is a function.
    utils.get_env_var.cache_clear()  # type: ignore[attr-defined]


def chat_model(
    name: str, config: ModelConfig, api_keys: Mapping[str, str], timeout: float
) -> BaseChatModel | None:
    """The LangChain model `provider:model`, or None where it needs a key that is not
    there.

    `api_keys` maps provider to key. Raises ConfigurationError for an unknown provider,
    one whose package is missing, or a key that would travel unencrypted.
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
            raise ConfigurationError(
                "model.base_url: must be https, or the key would travel unencrypted."
            )
    options = _options_of(provider, config, key, timeout)
    if base_url is not None:
        options["base_url"] = base_url
    try:
        model: BaseChatModel = init_chat_model(name, **options)
    except ImportError:
        raise ConfigurationError(
            f"model: {provider} needs `pip install the-stream[{provider}]`."
        ) from None
    except ValueError:
        raise ConfigurationError(
            f"model: {name[:60]!r} is nothing that LangChain's init_chat_model knows."
        ) from None
    watch(model)
    return model


def _options_of(
    provider: str, config: ModelConfig, key: str | None, timeout: float
) -> dict[str, Any]:
    """The settings of a call as the provider's client names them."""
    if provider == "ollama":
        return {
            "temperature": config.temperature,
            "num_predict": config.max_tokens,
            "client_kwargs": {"timeout": timeout},
        }
    return {
        "temperature": config.temperature,
        "max_tokens": config.max_tokens,
        "timeout": timeout,
        # Retries are counted here, not by the client.
        "max_retries": 0,
        # A local server wants no key, but the client insists on one.
        "api_key": key or "none",
    }


@dataclass(frozen=True, slots=True)
class Completion:
    """What a model said, without its reasoning, and what all tries took. `reply`: see
    `ReadAnswer`."""

    content: str
    reply: Reply | None
    tokens: int
    micro_usd: int


@dataclass
class Speaker:
    """A bot's language models, the preferred one first. Safe to share between
    threads."""

    models: Sequence[BaseChatModel]
    timeout: float = 60.0
    max_tokens: int | None = 400
    usd_in: float = 0.0
    usd_out: float = 0.0
    """US dollars per million tokens, of models without a price of their own."""
    breaker: Breaker = field(default_factory=Breaker)
    wait: Callable[[float], None] = time.sleep
    names: Sequence[str] = ()
    """As the character file has them, in the order of `models`."""
    bot: str = ""
    prices: Sequence[Price] = ()
    """In the order of `models`."""
    on_call: Callable[[str, Trouble | None], None] = lambda model, trouble: None
    """Told after each model that was asked what was wrong with it; None: it
    answered."""
    _resting: dict[int, tuple[float, Trouble]] = field(default_factory=dict)
    """By place in `models`: until which monotonic time it is left alone, and why."""
    _told: dict[tuple[str, str], float] = field(default_factory=dict)
    _last: str = ""

    def name(self, place: int) -> str:
        """What a model is called in journal and log."""
        return (
            self.names[place][:80]
            if place < len(self.names)
            else self.models[place]._llm_type
        )

    def price(self, place: int) -> Price:
        """What a model costs."""
        return (
            self.prices[place]
            if place < len(self.prices)
            else Price(self.usd_in, self.usd_out)
        )

    def estimate(self, messages: Sequence[BaseMessage]) -> Cost:
        """What one call takes at most, roughly, by the dearest of the models."""
        bill = Bill(DraftAccount(), answers.size(messages), self.max_tokens)
        calls = [
            bill.estimate(self.price(place), quirks_of(model))
            for place, model in enumerate(self.models)
        ]
        return Cost(
            max(call.tokens for call in calls), max(call.micro_usd for call in calls)
        )

    def ask(
        self,
        messages: Sequence[BaseMessage],
        now_ms: int,
        account: DraftAccount | None = None,
    ) -> Completion:
        """One answer within `timeout` seconds over all tries, each of which `account`
        must cover. Raises ModelUnavailable; its text holds no secret."""
        if not self.breaker.allows(now_ms):
            raise ModelUnavailable(
                f"circuit open ({self._last})" if self._last else "circuit open"
            )
        deadline = time.monotonic() + self.timeout
        bill = Bill(account or DraftAccount(), answers.size(messages), self.max_tokens)
        troubles: list[Trouble] = []
        for place in range(len(self.models)):
            left = deadline - time.monotonic()
            if left <= 0:
                break
            # A model that never answers must leave time for the next one.
            share = 1.0 if place == len(self.models) - 1 else FIRST_SHARE
            found = self._ask_one(
                place, messages, bill, time.monotonic() + left * share
            )
            if isinstance(found, ReadAnswer):
                self.on_call(self.name(place), None)
                self.breaker.succeeded()
                return Completion(
                    found.content, found.reply, bill.spent.tokens, bill.spent.micro_usd
                )
            self.on_call(self.name(place), found)
            troubles.append(found)
            self._tell(place, found)
        self._last = "; ".join(
            f"{self.name(place)}: {trouble.fault}"
            for place, trouble in enumerate(troubles)
        )
        # Who answers, if nothing usable, is there: a pause would not help.
        if any(trouble.fault in WORDLESS for trouble in troubles):
            self.breaker.succeeded()
        # A lack of money or of a processor says nothing of the models: the breaker stays as it is.
        elif any(trouble.fault not in UNBLAMED for trouble in troubles):
            self.breaker.failed(now_ms)
        raise ModelUnavailable(self._last, bill.spent.tokens, bill.spent.micro_usd)

    def _ask_one(
        self,
        place: int,
        messages: Sequence[BaseMessage],
        bill: Bill,
        until: float,
    ) -> ReadAnswer | Trouble:
        begin = time.monotonic()
        rests_until, why = self._resting.get(place, (0.0, None))
        if why is not None and begin < rests_until:
            return why
        name = self.name(place)
        inquiry = Inquiry(
            model=self.models[place],
            name=name,
            bot=self.bot,
            messages=messages,
            bill=bill,
            price=self.price(place),
            until=until,
            wait=self.wait,
        )
        before, known = bill.spent, len(bill.account.doubts)
        with span(
            f"chat {name.partition(':')[2] or name}",
            "",
            model_values(name, self.bot),
            client=True,
        ) as noted:
            found = inquiry.ask()
            if isinstance(found, Trouble):
                noted.fail(found.fault)
        took = bill.spent.beyond(before)
        outcome = found.fault if isinstance(found, Trouble) else "answered"
        metrics.MODEL_SECONDS.labels(self.bot, outcome).observe(
            time.monotonic() - begin
        )
        metrics.note_spending(self.bot, took.tokens, took.micro_usd)
        for doubt in bill.account.doubts[known:]:
            if self._is_news(name, "doubt"):
                log.warning("odd usage", bot=self.bot, model=name, reason=doubt)
        if isinstance(found, Trouble):
            pause = min(found.retry_after or 0.0, LONGEST_REST_S)
            silent = found.fault in SILENT and time.monotonic() >= until
            if silent and place < len(self.models) - 1:
                pause = max(pause, SLOW_REST_S)
            self._resting[place] = (time.monotonic() + pause, found)
        return found

    def _is_news(self, name: str, kind: str) -> bool:
        """Whether nothing of this kind was logged of the model within an hour."""
        key, now = (name, kind), time.monotonic()
        if now - self._told.get(key, -TOLD_S) < TOLD_S:
            return False
        self._told[key] = now
        return True

    def _tell(self, place: int, trouble: Trouble) -> None:
        """Log the trouble, each kind of a model once an hour."""
        if not self._is_news(self.name(place), trouble.fault):
            return
        log.warning(
            "model failed",
            bot=self.bot,
            model=self.name(place),
            kind=str(trouble.fault),
            error=trouble.error,
            status=trouble.status,
            code=trouble.code,
            remedy=REMEDIES[trouble.fault],
        )


def _usable_models(
    names: Iterable[str],
    config: ModelConfig,
    api_keys: Mapping[str, str],
    timeout: float,
    bot: str,
) -> dict[str, BaseChatModel]:
    """By name, those that can be made and have their key; each other one is logged.

    Raises ConfigurationError where none is left and one cannot be made.
    """
    models: dict[str, BaseChatModel] = {}
    errors: list[ConfigurationError] = []
    for name in names:
        try:
            model = chat_model(name, config, api_keys, timeout)
        except ConfigurationError as error:
            errors.append(error)
            log.error("model left out", bot=bot, model=name[:80], reason=str(error))
            continue
        if model is not None:
            models[name] = model
            continue
        needed = f"STREAM_KEY_{name.partition(':')[0].upper()}"
        log.warning(
            "model left out",
            bot=bot,
            model=name[:80],
            reason=f"no key: {needed} is not set at the gateway",
        )
    if not models and errors:
        raise errors[0]
    return models


def speaker(
    config: ModelConfig | None,
    api_keys: Mapping[str, str],
    timeout: float,
    bot: str = "",
) -> Speaker | None:
    """The models of a character file, or None if it names none or their keys are
    missing (the offline voice speaks).

    A model that cannot be made is left out. Raises ConfigurationError where none is
    left.
    """
    if config is None:
        return None
    prices = {
        config.model: Price(config.usd_per_million_in, config.usd_per_million_out)
    }
    prices |= {one.model: Price(*config.price_of(one)) for one in config.fallbacks}
    models = _usable_models(
        prices, config=config, api_keys=api_keys, timeout=timeout, bot=bot
    )
    if not models:
        log.warning(
            "no key for the model, the offline voice speaks",
            bot=bot,
            model=config.model,
        )
        return None
    return Speaker(
        list(models.values()),
        timeout,
        config.max_tokens,
        names=list(models),
        bot=bot,
        prices=[prices[name] for name in models],
    )
