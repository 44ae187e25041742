"""What a provider's refusal means, where its status alone does not say so."""

from __future__ import annotations

import pytest

from app.brain.faults import Fault, trouble_of


class Refusal(Exception):
    """As the clients of LangChain raise it."""

    def __init__(self, status: int, message: str, kind: str = "") -> None:
        super().__init__(message)
        self.status_code = status
        self.body = {"error": {"type": kind, "message": message}}


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
