"""What a provider's refusal means, where its status alone does not say so."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from app.brain.faults import REMEDIES, Fault, trouble_of


class Refusal(Exception):
    """As the clients of LangChain raise it. `body`: in place of OpenAI's form."""

    def __init__(
        self,
        status: int,
        message: str,
        kind: str = "",
        body: Any = None,
        retry_after: str = "",
    ) -> None:
        super().__init__(message)
        self.status_code = status
        self.body = body or {"error": {"type": kind, "message": message}}
        self.response = SimpleNamespace(headers={"retry-after": retry_after})


@pytest.mark.parametrize(
    ("status", "message", "fault"),
    [
        (400, "Your credit balance is too low to access the Anthropic API.", Fault.CREDIT),
        (403, "Your team has used all available credits or reached its limit.", Fault.CREDIT),
        (400, "Insufficient account balance", Fault.CREDIT),
        (400, "API key not valid. Please pass a valid API key.", Fault.KEY),
        (400, "Incorrect API key provided: sk***", Fault.KEY),
        (400, "acme/gpt is not a valid model ID", Fault.MODEL),
        (400, "Model Not Exist", Fault.MODEL),
        (400, "Invalid model: mistral-huge", Fault.MODEL),
        (422, "The model `qwen-x` does not exist", Fault.MODEL),
        (403, "Input was flagged by moderation", Fault.FILTERED),
        (400, "The input token count (1200000) exceeds the maximum number of tokens", Fault.LONG),
        (400, "This model's maximum prompt length is 131072 but it contains 537812", Fault.LONG),
        (400, "prompt is too long: 210000 tokens > 200000 maximum", Fault.LONG),
    ],
)  # fmt: skip
def test_words_tell_what_a_general_status_does_not(
    status: int, message: str, fault: Fault
) -> None:
    """An empty account or a wrong name is no fault of the request: the remedy that an
    operator reads is the one that helps."""
    assert trouble_of(Refusal(status, message, "invalid_request_error")).fault is fault


@pytest.mark.parametrize(
    ("status", "message", "fault"),
    [
        (400, "Unsupported parameter: 'temperature' is not supported with this model.", Fault.REQUEST),
        (403, "Country, region, or territory not supported", Fault.KEY),
        (400, "messages: roles must alternate", Fault.REQUEST),
        (400, "bad value " + "x" * 300 + " your credit balance", Fault.REQUEST),
        (401, "the model was flagged", Fault.KEY),
        (429, "credit balance", Fault.RATE),
        (500, "invalid model", Fault.OVERLOADED),
    ],
)  # fmt: skip
def test_words_of_other_things_change_nothing(
    status: int, message: str, fault: Fault
) -> None:
    """Nor do words far behind the beginning: some servers repeat the prompt there."""
    assert trouble_of(Refusal(status, message)).fault is fault


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ([{"error": {"code": 400, "message": "API key not valid.", "status": "INVALID_ARGUMENT"}}], Fault.KEY),
        ({"error": "invalid model: qwen"}, Fault.MODEL),
        ("Invalid API key", Fault.KEY),
        ({"error": ["invalid model: qwen"]}, Fault.REQUEST),
        ([], Fault.REQUEST),
    ],
)  # fmt: skip
def test_words_are_read_in_every_form(body: Any, fault: Fault) -> None:
    """Google's endpoint in OpenAI's form answers a list of one error, local servers one
    sentence, proxies plain text."""
    assert trouble_of(Refusal(400, "", body=body)).fault is fault


def test_words_with_status_200_are_read() -> None:
    """LangChain raises an error that came with status 200 bare: it is not paid for, and
    not asked again."""
    trouble = trouble_of(ValueError({"message": "Invalid API key", "type": "x"}))
    assert trouble.fault is Fault.KEY
    assert not trouble.costly


def test_an_unknown_error_with_status_200_was_read() -> None:
    """No client failed to read it: its remedy is another."""
    trouble = trouble_of(ValueError({"message": "boom", "type": "x"}))
    assert trouble.fault is Fault.REPORTED


@pytest.mark.parametrize("status", [408, 409])
def test_a_server_whose_time_ran_out_is_no_slow_model(status: int) -> None:
    """No time-out of ours would help; what was begun may be charged for."""
    trouble = trouble_of(Refusal(status, "Request timed out"))
    assert trouble.fault is Fault.OVERLOADED
    assert trouble.costly == (status == 408)
    assert "TIMEOUT" not in REMEDIES[trouble.fault]


@pytest.mark.parametrize(
    ("wanted", "seconds"),
    [
        ("2", 2.0),
        ("0", 0.0),
        ("99999999999", 99_999_999_999.0),
        ("9" * 400, float("inf")),
        ("Fri, 27 Nov 2020 00:00:00 GMT", 0.0),
        ("-5", None),
        ("nan", None),
        ("soon", None),
        ("Fri, 27 Nov 2020 00:00:00 +99999999999999", None),
        ("Fri, 27 Nov 2020 00:00:00", None),
    ],
)
def test_how_long_a_provider_wants_to_rest(wanted: str, seconds: float | None) -> None:
    """However long: only what is no time counts as nothing."""
    trouble = trouble_of(Refusal(429, "Slow", retry_after=wanted))
    assert (trouble.fault, trouble.retry_after) == (Fault.RATE, seconds)


WORDS = st.sampled_from(
    ["error", "message", "code", "type", "status", "param", "detail", "loc", "stream"]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | WORDS | st.text(max_size=20),
    lambda inner: st.lists(inner) | st.dictionaries(WORDS, inner),
    max_leaves=12,
)


@example({"detail": [{"loc": 5}]}, 422, "")
@example({"detail": [{"loc": None}]}, 400, "")
@example("", 429, "Fri, 27 Nov 2020 00:00:00 +99999999999999")
@settings(max_examples=40)
@given(
    body=JSON,
    status=st.sampled_from([200, 400, 401, 422, 429, 500]),
    retry_after=st.text(max_size=40),
)
def test_no_refusal_is_unreadable(body: Any, status: int, retry_after: str) -> None:
    """Whatever a server answers has a name and a remedy: an error while reading it would
    end the cycle, and the message with it."""
    trouble = trouble_of(Refusal(status, "", body=body, retry_after=retry_after))
    assert REMEDIES[trouble.fault]
