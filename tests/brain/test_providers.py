"""Providers as they are: what each kind of answer or refusal leads to, over real
sockets with LangChain's own client.

`first` is the preferred model, `second` its fallback, which answers "Second.". The rows
stand in docs/models.md.
"""

from __future__ import annotations

import json
import socket
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import structlog
from langchain_core.messages import HumanMessage, SystemMessage

from app.brain import reply
from app.brain.billing import DraftAccount
from app.brain.graph import run_cycle
from app.brain.models import Completion, Speaker, speaker
from app.brain.quirks import forget
from app.domain.character import PROVIDERS, ModelConfig, load_character
from app.domain.errors import CharacterError, ConfigurationError, ModelUnavailable
from app.domain.safe_yaml import load_yaml
from tests.brain.fakes import NOW_MS, FakePorts, brain, entry
from tests.brain.provider_server import (
    Json,
    ProviderServer,
    Sent,
    refused,
    said,
    streamed,
    told,
)
from tests.store.certificates import Authority, relay
from tests.written_yaml import dump_yaml

PAGE = Path(__file__).parents[2] / "docs" / "models.md"
ASK = [
    SystemMessage("You are a marine biologist. " * 20),
    HumanMessage("How many hearts does an octopus have?"),
]
HTML = "<!DOCTYPE html><html><body>nginx</body></html>"
CALL = {
    "id": "1",
    "type": "function",
    "function": {"name": "search", "arguments": "{}"},
}


@pytest.fixture(autouse=True)
def _nothing_learned() -> Iterator[None]:
    forget()
    yield
    forget()


def made(
    server: ProviderServer, *fallbacks: str, timeout: float = 20.0, **options: Any
) -> Speaker:
    """The speaker that a worker would build, without waiting between tries."""
    config = ModelConfig(
        model="openai:first", fallbacks=fallbacks, base_url=server.url, **options
    )
    found = speaker(config, {}, timeout, "elena")
    assert found is not None
    found.wait = lambda _: None
    return found


def words(answer: Completion) -> str:
    found = reply.parse(answer.content)
    assert found is not None
    return found.text


def always(sent: Sent) -> Callable[[Json], Sent]:
    """The first model always sends this, the second answers."""
    return lambda body: sent if body["model"] == "first" else said("Second.")


@dataclass(frozen=True)
class Row:
    """One row of the table: what the first model sends, and what comes of it with and
    without a fallback."""

    sent: Sent
    alone: str
    """The words, or the reason in the journal."""
    asked: int = 1
    """Requests to the first model where a fallback stands behind it."""
    helped: str = "Second."


ROWS = {
    "reasoning before, beside or after the answer": Row(
        told("Hm.\n</think>\nFirst."), "First.", helped="First."
    ),
    "content as a list of blocks": Row(
        told(
            [
                {"type": "thinking", "thinking": "Hm."},
                {"type": "reasoning", "text": "Hm."},
                {"type": "tool_use", "text": "Hm."},
                {"type": "text", "text": '{"action": "reply", '},
                {"type": "text", "text": '"text": "First."}'},
            ]
        ),
        "First.",
        helped="First.",
    ),
    "plain words instead of JSON": Row(told("First."), "First.", helped="First."),
    "cut off at the limit within a sentence": Row(
        told('{"action": "reply", "text": "First. And sec', "length"),
        "First.",
        helped="First.",
    ),
    "cut off at the limit within plain words": Row(
        told("First. And sec", "length"), "First.", helped="First."
    ),
    "cut off where its window is full": Row(
        told("First. And sec", "model_context_window_exceeded"),
        "First.",
        helped="First.",
    ),
    "the limit used up by reasoning": Row(
        told("", "length", reasoning_content="Hm."),
        "openai:first: cut off at the limit before it said anything",
        2,
    ),
    "empty": Row(told(""), "openai:first: empty answer"),
    "only reasoning": Row(
        told(None, reasoning_content="Hm."), "openai:first: empty answer"
    ),
    "only a thinking block": Row(
        told([{"type": "thinking", "thinking": "Hm."}]), "openai:first: empty answer"
    ),
    "only tool calls": Row(
        told(None, "tool_calls", tool_calls=[CALL]), "openai:first: only tool calls"
    ),
    "stopped by a content filter": Row(
        told("I thi", "content_filter"), "openai:first: answer filtered"
    ),
    "refused by a content filter": Row(
        refused(400, "The response was filtered.", "content_filter", "prompt"),
        "openai:first: answer filtered",
    ),
    "a refusal": Row(told(None, refusal="No."), "openai:first: the model refused"),
    "a stock refusal": Row(
        told("I'm sorry, but I can't help with that."),
        "openai:first: the model refused",
    ),
    "401, 403": Row(
        refused(401, "Incorrect API key provided: sk-secret"),
        "openai:first: key refused",
    ),
    "404": Row(
        refused(404, "The model `first` does not exist", "model_not_found"),
        "openai:first: unknown model",
    ),
    "402, or 429 without credit": Row(
        refused(429, "You exceeded your quota", "insufficient_quota"),
        "openai:first: no credit left",
    ),
    "429": Row(refused(429, "Slow down"), "openai:first: rate limited", 2),
    "429 with a Retry-After beyond the time": Row(
        refused(429, "Slow", Retry_After="900"), "openai:first: rate limited"
    ),
    "408, 409": Row(refused(408, "Timed out"), "openai:first: overloaded", 2),
    "500, 502, 503, 529": Row(
        Sent(529, {"type": "error", "error": {"type": "overloaded_error"}}),
        "openai:first: overloaded",
        2,
    ),
    "HTML of a proxy with 502": Row(
        Sent(502, HTML, "text/html"), "openai:first: overloaded", 2
    ),
    "HTML with 200, 403 or 404": Row(
        Sent(404, HTML, "text/html"), "openai:first: not an API: HTML"
    ),
    "an error with status 200": Row(
        Sent(200, {"error": {"message": "x", "code": 429}}),
        "openai:first: rate limited",
        2,
    ),
    "an error with status 200 and without a code": Row(
        Sent(200, {"error": {"message": "x"}}), "openai:first: answered with an error"
    ),
    "no choices, broken JSON": Row(
        Sent(200, {"choices": None}), "openai:first: unreadable answer", 2
    ),
    "a body that cannot be unpacked": Row(
        Sent(200, "no gzip", headers={"content-encoding": "gzip"}),
        "openai:first: unreadable answer",
        2,
    ),
    "a body beyond all measure": Row(
        Sent(200, '{"choices": [' + "{}," * 100_000), "openai:first: answer too large"
    ),
    "a redirect": Row(
        Sent(307, headers={"location": "/v1/chat/completions"}),
        "openai:first: redirected to another address",
    ),
    "a prompt too long": Row(
        refused(
            400,
            "'max_tokens' is too large: this model's maximum context length is 512 tokens",
        ),
        "openai:first: prompt too long",
    ),
}


def test_the_page_has_these_rows() -> None:
    """docs/models.md lists exactly the kinds that are tested here."""
    table = (
        PAGE.read_text(encoding="utf-8")
        .split("## Answers and refusals")[1]
        .split("\n## ")[0]
    )
    listed = [
        line.split("|")[1].strip()
        for line in table.splitlines()
        if line.startswith("| ")
    ]
    assert listed == ["what comes", "---", *ROWS]


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS.keys())
def test_what_comes_of_it(row: Row) -> None:
    """The words or the reason without a fallback; with one, its words, and no needless
    second call of the first."""
    with ProviderServer(always(row.sent)) as server:
        alone = made(server)
        try:
            found = words(alone.ask(ASK, NOW_MS))
        except ModelUnavailable as error:
            found = str(error)
        assert found == row.alone
        server.requests.clear()
        forget()
        assert words(made(server, "openai:second").ask(ASK, NOW_MS)) == row.helped
        assert len(server.sent("first")) == row.asked


@pytest.mark.parametrize("first", ["openai:first", "anthropic:first", "ollama:first"])
def test_html_with_200_is_no_api(first: str) -> None:
    """A base address without /v1 often ends at a web page."""
    for status in (200, 403):
        with ProviderServer(always(Sent(status, HTML, "text/html"))) as server:
            config = ModelConfig(model=first, base_url=server.url)
            kind = first.partition(":")[0]
            found = speaker(config, {kind: "sk-secret"}, 5.0)
            assert found is not None
            found.wait = lambda _: pytest.fail("asked again")
            with pytest.raises(ModelUnavailable, match="not an API: HTML"):
                found.ask(ASK, NOW_MS)


@pytest.mark.parametrize("first", ["openai:first", "ollama:first"])
def test_a_certificate_is_told_apart(first: str, tmp_path: Path) -> None:
    """A server whose certificate nobody vouches for gets no key and is no server that is
    down; it is not asked a second time."""
    pair = Authority(tmp_path / "nobody").sign("127.0.0.1")
    with (
        ProviderServer(always(said("First."))) as plain,
        relay(plain.port, pair) as port,
    ):
        config = ModelConfig(model=first, base_url=f"https://127.0.0.1:{port}/v1")
        found = speaker(config, {"openai": "sk-secret"}, 5.0)
        assert found is not None
        found.wait = lambda _: pytest.fail("asked again")
        with pytest.raises(ModelUnavailable) as caught:
            found.ask(ASK, NOW_MS)
        assert str(caught.value) == f"{first}: certificate refused"
        assert caught.value.tokens == 0
        assert not plain.requests


def test_a_server_that_is_down_is_told_apart() -> None:
    """A refused connection is no slow model."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        config = ModelConfig(
            model="openai:first",
            base_url=f"http://127.0.0.1:{free.getsockname()[1]}/v1",
        )
        found = speaker(config, {}, 5.0)
        assert found is not None
        found.wait = lambda _: None
        with pytest.raises(
            ModelUnavailable, match=r"^openai:first: unreachable$"
        ) as caught:
            found.ask(ASK, NOW_MS)
    assert caught.value.tokens == 0, "nothing was sent"


@pytest.mark.parametrize(
    "usage",
    [
        None,
        {"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0},
        {"total_tokens": 110},
        {},
        {"prompt_tokens": None, "completion_tokens": None, "total_tokens": None},
        {"prompt_tokens": -50, "completion_tokens": -5},
        {"prompt_tokens": 10**12, "completion_tokens": 10**12},
        {"prompt_tokens": "a", "completion_tokens": "b", "total_tokens": "c"},
        {"prompt_tokens": 1, "completion_tokens": 0},
    ],
)
def test_usage_that_cannot_be_true_counts_as_the_estimate(usage: Any) -> None:
    """Zero, null, missing, negative, absurd: each is booked as if nothing had been
    reported, so that every cap holds."""
    content = json.dumps({"action": "reply", "text": "Three of them, in fact."})
    with ProviderServer(always(told(content, usage=usage))) as server:
        one = made(server, usd_per_million_in=1.0, usd_per_million_out=1.0)
        answer = one.ask(ASK, NOW_MS)
        assert (
            0.5 * (one.estimate(ASK).tokens - 400)
            < answer.tokens
            <= one.estimate(ASK).tokens
        )
        assert answer.micro_usd >= answer.tokens


def test_usage_that_can_be_true_is_taken() -> None:
    """A provider's own count is better than an estimate."""
    with ProviderServer(always(said("First."))) as server:
        assert made(server).ask(ASK, NOW_MS).tokens == 110


ODD: dict[str, tuple[Json, str]] = {
    "more than the limit": (
        {"prompt_tokens": 100, "completion_tokens": 150_000},
        "it counts 150000 tokens written where 400 were allowed",
    ),
    "more than any answer": (
        {"prompt_tokens": 100, "completion_tokens": 10**12},
        f"it counts {10**12} tokens written: the estimate is booked",
    ),
    "more than was sent": (
        {"prompt_tokens": 90_000, "completion_tokens": 10},
        "it counts 90000 tokens read of about {asked}: the estimate is booked",
    ),
}
"""Counts that an operator is told of, and in which words."""


@pytest.mark.parametrize("odd", ODD)
def test_odd_usage_is_told(odd: str) -> None:
    """What may be charged for is booked as it was told, what cannot be true as the
    estimate. The journal says so each time, the log once an hour."""
    usage, reason = ODD[odd]
    answer = told(json.dumps({"action": "reply", "text": "Three."}), usage=usage)
    with (
        ProviderServer(always(answer)) as server,
        structlog.testing.capture_logs() as logs,
    ):
        one = made(server)
        for _ in range(2):
            ports = FakePorts(inbox=[entry("How many hearts has an octopus?")])
            run_cycle(brain(one), ports)
            assert "model doubted" in ports.asked("note")
        (action,) = ports.actions
        asked = one.ask(ASK, NOW_MS)
    (line,) = (one for one in logs if one["event"] == "odd usage")
    assert (line["bot"], line["model"]) == ("elena", "openai:first")
    expected = f"openai:first: {reason}"
    before, _, after = expected.partition("{asked}")
    assert line["reason"].startswith(before)
    assert line["reason"].endswith(after)
    booked_as_told = odd == "more than the limit"
    assert (asked.tokens == 150_100) is booked_as_told
    assert (action.tokens == 150_100) is booked_as_told
    assert booked_as_told or asked.tokens <= one.estimate(ASK).tokens


@pytest.mark.parametrize("wrote", [10, 400, 800])
def test_usual_usage_is_not_told(wrote: int) -> None:
    """Some count a little beyond the limit."""
    answer = told("Three.", usage={"prompt_tokens": 100, "completion_tokens": wrote})
    with ProviderServer(always(answer)) as server:
        account = DraftAccount()
        made(server).ask(ASK, NOW_MS, account)
    assert account.spent.tokens == 100 + wrote
    assert not account.doubts


def test_an_answer_without_a_limit_is_not_beyond_it() -> None:
    """Where the endpoint takes no limit, none was set, and more is held."""
    usage = {"prompt_tokens": 100, "completion_tokens": 3_000}
    with ProviderServer(unless_limited(told("Three.", usage=usage))) as server:
        account, one = DraftAccount(), made(server)
        before = one.estimate(ASK).tokens
        one.ask(ASK, NOW_MS, account)
    assert account.spent.tokens == 3_100
    assert not account.doubts
    assert account.held.tokens == one.estimate(ASK).tokens == before + 1_600


def test_a_hanging_model_leaves_time_for_its_fallback() -> None:
    """The time is a budget for all: who never answers gets a part of it, and is booked
    at what it may have cost."""
    with ProviderServer(always(Sent(hangs=True))) as server:
        begin = time.monotonic()
        one = made(server, "openai:second", timeout=4.0)
        answer = one.ask(ASK, NOW_MS)
        assert words(answer) == "Second."
        assert time.monotonic() - begin < 4.0
        assert answer.tokens >= one.estimate(ASK).tokens, (
            "the call that was left may be charged for"
        )
        assert words(one.ask(ASK, NOW_MS)) == "Second."
        assert len(server.sent("first")) == 1, "nobody waits for it twice in a row"


def test_two_hanging_models_leave_time_for_the_third() -> None:
    """The same for each fallback that has another one behind it."""
    with ProviderServer(
        lambda body: said("Third.") if body["model"] == "third" else Sent(hangs=True)
    ) as server:
        assert (
            words(
                made(server, "openai:second", "openai:third", timeout=3.0).ask(
                    ASK, NOW_MS
                )
            )
            == "Third."
        )


def test_a_limit_used_up_by_thoughts_is_raised_once() -> None:
    """The larger limit is bounded, remembered for the model, and held in the budget."""
    with ProviderServer(
        lambda body: (
            said("First.")
            if body["max_completion_tokens"] > 400
            else told("", "length")
        )
    ) as server:
        one = made(server)
        before = one.estimate(ASK).tokens
        assert words(one.ask(ASK, NOW_MS)) == "First."
        assert words(one.ask(ASK, NOW_MS)) == "First."
        assert [body["max_completion_tokens"] for body in server.requests] == [
            400,
            3_200,
            3_200,
        ]
        assert one.estimate(ASK).tokens == before + 2_800


def unless_limited(answer: Sent) -> Callable[[Json], Sent]:
    """A model that takes no limit of its answer."""
    limits = {"max_tokens", "max_completion_tokens"}
    refusal = refused(400, "Unsupported", param="max_tokens")
    return lambda body: refusal if limits & body.keys() else answer


Refuse = Callable[[Json], Sent]


def unless(good: Callable[[Json], bool], bad: Sent) -> Refuse:
    """A model that answers what it likes and refuses the rest."""
    return lambda body: said("First.") if good(body) else bad


def _two_refusals(body: Json) -> Sent:
    if "temperature" in body:
        return refused(400, "temperature is not supported", param="temperature")
    return (
        said("First.")
        if "max_tokens" in body
        else refused(400, "Unknown: max_completion_tokens")
    )


PARAMETERS: dict[str, tuple[Refuse, int]] = {
    "temperature": (
        unless(
            lambda body: "temperature" not in body,
            refused(
                400,
                "Unsupported value: 'temperature' does not support 0.8 with this model.",
                "unsupported_value",
                "temperature",
            ),
        ),
        2,
    ),
    "temperature in the text alone": (
        unless(
            lambda body: "temperature" not in body,
            refused(400, "invalid temperature: only 1 is allowed for this model"),
        ),
        2,
    ),
    "max_completion_tokens": (
        unless(
            lambda body: "max_tokens" in body and "max_completion_tokens" not in body,
            Sent(
                422,
                {
                    "detail": [
                        {
                            "type": "extra_forbidden",
                            "loc": ["body", "max_completion_tokens"],
                            "msg": "Extra inputs are not permitted",
                        }
                    ]
                },
            ),
        ),
        2,
    ),
    "any limit": (
        unless(
            lambda body: (
                "max_tokens" not in body and "max_completion_tokens" not in body
            ),
            refused(
                400,
                "Unsupported parameter: 'max_tokens'.",
                param="max_completion_tokens",
            ),
        ),
        3,
    ),
    "no streaming": (
        lambda body: (
            streamed("First.")
            if body.get("stream")
            else refused(
                400,
                "This model only support stream mode, please enable the stream parameter to access the model.",
            )
        ),
        2,
    ),
    "temperature, then the limit": (_two_refusals, 3),
}


@pytest.mark.parametrize("name", PARAMETERS)
def test_a_refused_parameter_is_left_out_and_remembered(name: str) -> None:
    """One refusal teaches it for as long as the process runs, also to another bot; the
    log names code and parameter."""
    answer, calls = PARAMETERS[name]
    with ProviderServer(answer) as server, structlog.testing.capture_logs() as logs:
        assert words(made(server).ask(ASK, NOW_MS)) == "First."
        assert len(server.requests) == calls
        assert words(made(server).ask(ASK, NOW_MS)) == "First."
        assert len(server.requests) == calls + 1, "it is remembered"
    told_of = [line for line in logs if "parameter" in line]
    assert len(told_of) == calls - 1
    assert all(
        line["parameter"] and line["status"] in {400, 422} and line["bot"] == "elena"
        for line in told_of
    )
    assert "octopus" not in str(logs)


def test_what_the_prompt_says_is_no_refused_parameter() -> None:
    """Some servers repeat the input in their refusal: a person who writes `temperature`
    changes nothing."""
    echo = {
        "detail": [
            {
                "type": "string_type",
                "loc": ["body", "messages", 0],
                "msg": "x",
                "input": "temperature max_tokens",
            }
        ]
    }
    with (
        ProviderServer(always(Sent(422, echo))) as server,
        pytest.raises(ModelUnavailable, match="request refused"),
    ):
        made(server).ask(ASK, NOW_MS)
    assert len(server.requests) == 1


def test_null_is_not_sent() -> None:
    """`temperature: null` and `max_tokens: null` are valid, and leave the parameter
    out."""
    with ProviderServer(always(said("First."))) as server:
        one = made(server, temperature=None, max_tokens=None)
        assert words(one.ask(ASK, NOW_MS)) == "First."
        assert one.estimate(ASK).tokens > 1_000, (
            "an answer without a limit holds budget too"
        )
    assert (
        not {"temperature", "max_tokens", "max_completion_tokens"}
        & server.requests[0].keys()
    )


def test_retry_after_is_obeyed_within_the_time() -> None:
    """A short pause is kept to and then asked again; a long one leaves the provider
    alone for the next questions too."""
    pauses: list[float] = []
    calls = iter([refused(429, "Slow", Retry_After="2"), said("First.")])
    with ProviderServer(lambda _: next(calls)) as server:
        one = made(server)
        one.wait = pauses.append
        assert words(one.ask(ASK, NOW_MS)) == "First."
        assert pauses == [2.0]
    with ProviderServer(always(refused(429, "Slow", Retry_After="900"))) as server:
        one = made(server, "openai:second")
        assert [words(one.ask(ASK, NOW_MS)) for _ in range(3)] == ["Second."] * 3
        assert len(server.sent("first")) == 1


def test_trouble_is_told_once_with_bot_provider_and_remedy() -> None:
    """A refused key is loud, but not at every message; the log holds neither the key
    nor the prompt."""
    with ProviderServer(
        always(refused(401, "Incorrect API key provided: sk-secret"))
    ) as server:
        one = made(server, "openai:second")
        with structlog.testing.capture_logs() as logs:
            for _ in range(5):
                one.ask(ASK, NOW_MS)
    (line,) = logs
    assert (line["bot"], line["model"], line["kind"], line["status"]) == (
        "elena",
        "openai:first",
        "key refused",
        401,
    )
    assert "STREAM_KEY" in line["remedy"]
    assert "sk-secret" not in str(logs)


def test_the_open_circuit_says_why() -> None:
    """Also while nothing is asked, the journal carries provider and kind."""
    with ProviderServer(always(refused(401, "no"))) as server:
        one = made(server)
        for _ in range(4):
            with pytest.raises(ModelUnavailable):
                one.ask(ASK, NOW_MS)
        with pytest.raises(
            ModelUnavailable, match=r"circuit open \(openai:first: key refused\)"
        ):
            one.ask(ASK, NOW_MS)
        assert len(server.requests) == 4


def test_the_journal_carries_provider_and_kind() -> None:
    """A person gets a line in character; who reads the journal gets the reason, and the
    tokens are booked."""
    with ProviderServer(always(told("", "content_filter"))) as server:
        ports = FakePorts(inbox=[entry("How many hearts does an octopus have?")])
        run_cycle(brain(made(server)), ports)
    (action,) = ports.actions
    assert action.text
    assert "openai:first: answer filtered" in action.reason
    assert action.tokens == 110


def test_a_missing_package_or_key_leaves_the_fallback() -> None:
    """The first provider's package is not installed, or its key is not there: the
    fallback answers, and the log says so."""
    with (
        ProviderServer(always(said("Second."))) as server,
        structlog.testing.capture_logs() as logs,
    ):
        for first, keys in (
            ("xai:grok", {"xai": "k", "openai": "k"}),
            ("anthropic:claude", {"openai": "k"}),
        ):
            config = ModelConfig(
                model=first, fallbacks=("openai:second",), base_url=None
            )
            one = speaker(config, keys, 5.0, "elena")
            assert one is not None
            assert list(one.names) == ["openai:second"]
        assert [line["model"] for line in logs] == ["xai:grok", "anthropic:claude"]
        assert not server.requests
    with pytest.raises(ConfigurationError, match="xai"):
        speaker(
            ModelConfig(model="xai:grok", fallbacks=("xai:mini",)), {"xai": "k"}, 5.0
        )


def test_a_misspelt_provider_is_an_error_at_the_start(tmp_path: Path) -> None:
    """It names what was written and what is nearest, for the model and for its
    fallbacks."""
    shipped = Path(__file__).parents[2] / "app" / "characters" / "elena.yaml"
    plain = load_yaml(shipped.read_text(encoding="utf-8"))
    for model in (
        {"model": "opnai:gpt"},
        {"model": "openai:gpt", "fallbacks": ["opnai:gpt"]},
    ):
        (tmp_path / "elena.yaml").write_text(
            dump_yaml(plain | {"model": model}), encoding="utf-8"
        )
        with pytest.raises(CharacterError, match=r"'opnai'.*'openai'") as caught:
            load_character("elena", tmp_path)
        assert "elena.yaml" in str(caught.value)


def test_every_provider_of_langchain_is_known() -> None:
    """The list in app/domain/character.py is kept by hand, since a gateway loads no
    model library."""
    from langchain.chat_models.base import _BUILTIN_PROVIDERS

    assert set(_BUILTIN_PROVIDERS) <= set(PROVIDERS)
