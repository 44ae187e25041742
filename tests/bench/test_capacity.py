"""The capacity model's arithmetic, and the page on scaling. Nothing here measures."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.bench.capacity import FULL, Model, costs_of, fit, model_of
from tests.bench.figures import Results, Row
from tests.bench.machine import Quiet
from tests.bench.scaling import CHECKS, SECTION, scaling_page

MODEL = Model(
    message={"gateway": 1.0, "redis": 0.5, "worker": 0.0},
    hearing={"gateway": 0.2, "redis": 0.1, "worker": 0.0},
    answer={"gateway": 1.0, "redis": 2.0, "worker": 20.0},
)


def test_the_fit_finds_the_costs_that_made_the_measurements() -> None:
    """A message, each bot that hears it, an answer: from three measurements."""

    def cost(bots: int, answered: int) -> dict[str, float]:
        return {part: one * 1000 for part, one in MODEL.load(bots, 1, answered).items()}

    found = fit(cost(3, 0), cost(100, 0), (3, 100), cost(3, 1))
    for kind in ("message", "hearing", "answer"):
        assert getattr(found, kind) == pytest.approx(getattr(MODEL, kind))


def test_noise_makes_no_cost_negative() -> None:
    """A part that does nothing for a bot more may measure as less than nothing."""
    less, more = ({"gateway": 1.0, "redis": 1.0, "worker": one} for one in (0.1, 0.2))
    found = fit(more, less, (3, 100), less)
    assert min(*found.hearing.values(), *found.answer.values()) == 0
    assert found.message["worker"] == 0.2


def test_the_most_messages_fill_a_process() -> None:
    """Load and capacity are each other's reverse; what costs nothing is never full."""
    most = MODEL.most_messages("gateway", 30, 0.5)
    assert MODEL.load(30, most, most / 2)["gateway"] == pytest.approx(FULL)
    assert MODEL.most_messages("worker", 30, 0.0) == float("inf")


def test_the_model_is_among_the_costs_of_a_run() -> None:
    """So that the page can be written from the JSON."""
    assert model_of(costs_of(MODEL)) == MODEL
    assert model_of({"bytes a message: passes": 1.0}) is None


def test_the_page_on_scaling_has_its_tables() -> None:
    """Costs, capacity, the check at three sizes, memory; and it says a loaded machine."""
    loaded = Quiet(processors=2, load=9.0, others=0.5, stolen=0.0)
    machine = {**loaded.json(), "when": "today", "what": "a machine"}
    checked = Row(SECTION, "worker", "", (0.5,), (0.4,), "as computed")
    rows = [replace(checked, name=load.name) for load in CHECKS]
    costs = costs_of(MODEL) | {
        "bytes a message: passes": 215.0,
        "bytes a message: nothing": -176.0,
    }
    page = scaling_page(Results(False, machine, rows, costs=costs))
    assert "LOADED MACHINE" in page
    assert "| an answer | 1 | 2 | 20 |" in page
    assert "| 100 | 50% |" in page
    assert [page.count(load.name) for load in CHECKS] == [1, 1, 1]
    assert "| 0.4 | 0.5  | 1.25 x |" in page
    assert "| passes | 215 |" in page
    assert "| nothing | within noise, below 20 |" in page
    bare = scaling_page(Results(False, machine))
    assert "not measured" in bare
    assert "## How to grow" in bare
