"""What a draft may cost is held before each try, at the dearest price, and what it took
is known whatever came of it."""

from __future__ import annotations

import pytest

from app.brain import inquiry
from app.brain.billing import DraftAccount, Price
from app.brain.models import Speaker, speaker
from app.domain.character import ModelConfig, character_from_json, load_character
from app.domain.errors import ModelUnavailable
from app.domain.model import Cost
from tests.brain.fakes import NOW_MS
from tests.brain.provider_server import ProviderServer, Sent, said
from tests.brain.test_providers import ASK

DEAR = {"model": "openai:second", "usd_per_million_in": 10, "usd_per_million_out": 50}


def made(url: str, *fallbacks: object) -> Speaker:
    """A cheap model at an address, with its fallbacks."""
    found = speaker(
        ModelConfig.model_validate(
            {
                "model": "openai:first",
                "base_url": url,
                "usd_per_million_in": 1,
                "usd_per_million_out": 2,
                "fallbacks": fallbacks,
            }
        ),
        {},
        20.0,
    )
    assert found is not None
    found.wait = lambda _: None
    return found


def test_the_dearest_of_the_list_is_held() -> None:
    """A fallback may be far dearer than the first model: its own price counts, in the
    estimate and in the bill."""
    with ProviderServer(
        lambda body: (
            said("Hi.") if body["model"] == "second" else Sent(401, {"error": {}})
        )
    ) as server:
        alone, helped = made(server.url), made(server.url, DEAR)
        assert alone.estimate(ASK).micro_usd * 10 <= helped.estimate(ASK).micro_usd
        assert helped.ask(ASK, NOW_MS).micro_usd == 100 * 10 + 10 * 50
        assert (
            made(server.url, "openai:second").ask(ASK, NOW_MS).micro_usd
            == 100 * 1 + 10 * 2
        ), "without a price: the first one's"


def test_a_price_of_its_own_survives_the_vault() -> None:
    """Both ways to write a fallback, in a file and in the profile that a worker
    reads."""
    model = ModelConfig.model_validate(
        {
            "model": "openai:first",
            "fallbacks": ["openai:plain", DEAR, {"model": "openai:free"}],
        }
    )
    character = load_character("elena").model_copy(update={"model": model})
    again = character_from_json(character.model_dump_json()).model
    assert again == model
    assert [model.price_of(one) for one in model.fallbacks] == [
        (0.0, 0.0),
        (10.0, 50.0),
        (0.0, 0.0),
    ]


def test_each_further_try_asks_for_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a failed try may have cost is spent; the next one is held anew, or not
    made."""
    monkeypatch.setattr(inquiry, "BACKOFF_S", 0.0)
    with ProviderServer(lambda _: Sent(500, {"error": {}})) as server:
        one, asked = made(server.url), []
        estimate = one.estimate(ASK)

        def more(cost: Cost, _: float) -> bool:
            asked.append(cost)
            return False

        account = DraftAccount(estimate, more)
        with pytest.raises(ModelUnavailable, match="no budget for another try"):
            one.ask(ASK, NOW_MS, account)
        assert (len(server.requests), asked, account.spent) == (1, [estimate], estimate)


def test_who_waits_for_room_leaves_time_for_the_call() -> None:
    """A further call that has waited for others' ends must not find its time over."""
    waits: list[float] = []

    def more(_: Cost, seconds: float) -> bool:
        waits.append(seconds)
        return True

    with ProviderServer(lambda _: said("Hi.")) as server:
        one = made(server.url)
        assert one.ask(ASK, NOW_MS, DraftAccount(more=more)).content
        assert 0 < waits[0] <= one.timeout / 2


@pytest.mark.parametrize(
    ("status", "costs"),
    [
        (400, False),
        (401, False),
        (429, False),
        (500, True),
        (501, False),
        (502, True),
        (503, False),
        (504, True),
        (524, True),
        (529, False),
    ],
)
def test_a_status_costs_what_it_may_have_cost(
    monkeypatch: pytest.MonkeyPatch, status: int, costs: bool
) -> None:
    """A refusal costs nothing; where the model may have worked for an answer that never
    came, each try is booked."""
    monkeypatch.setattr(inquiry, "BACKOFF_S", 0.0)
    with ProviderServer(lambda _: Sent(status, {"error": {}})) as server:
        one = made(server.url)
        with pytest.raises(ModelUnavailable) as caught:
            one.ask(ASK, NOW_MS)
        estimate = one.estimate(ASK).tokens
        assert caught.value.tokens == (len(server.requests) * estimate if costs else 0)


def test_a_try_without_room_is_no_fault_of_the_provider() -> None:
    """A spent budget does not open the circuit."""
    with ProviderServer(lambda _: said("Hi.")) as server:
        one = made(server.url)
        for _ in range(6):
            with pytest.raises(ModelUnavailable, match="no budget"):
                one.ask(ASK, NOW_MS, DraftAccount(more=lambda *_: False))
        assert one.ask(ASK, NOW_MS).content


def test_money_is_never_rounded_down() -> None:
    """A thousand calls of a tenth of a micro-dollar are not free."""
    assert Price(0.0001, 0.0).of(10, 0) == Cost(10, 1)
