"""What LangGraph itself takes of a turn: the graph of a cycle with nodes that do
nothing, beside the same nodes called one after another."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from langgraph.graph import END, START, StateGraph
from langgraph.types import Command

from app.brain.cycle import Change, CycleState
from tests.bench.figures import Results, Row
from tests.bench.plan import Plan

BLOCK = 50


def _nothing(state: CycleState) -> Change:
    """A node of a cycle without its work."""
    return {"stopped": state["stopped"]}


def _then(follow: str) -> Any:
    """As the nodes of a cycle name what comes after them."""

    def run(state: CycleState) -> Command[str]:
        return Command(update=_nothing(state), goto=follow)

    return run


def measure_graph(results: Results, plan: Plan) -> None:
    """A row of the processor time of the graph alone."""
    graph: StateGraph[CycleState] = StateGraph(CycleState)
    for name, follow in (("perceive", "plan"), ("plan", "act"), ("act", END)):
        graph.add_node(name, _then(follow))
    graph.add_edge(START, "perceive")
    compiled = graph.compile()
    start = CycleState(candidates=(), chosen=None, outcomes=(), stopped=False)

    def by_graph() -> None:
        compiled.invoke(start, config={"recursion_limit": 50})

    def by_hand() -> None:
        for _ in range(3):
            _nothing(start)

    by_graph()
    ours, base = [], []
    for _ in plan.few("LangGraph's own cost"):
        ours.append(_processor_ms(by_graph))
        base.append(_processor_ms(by_hand))
    results.rows.append(
        Row(
            "LangGraph's own cost of a turn, processor time",
            "three nodes that do nothing, as a graph",
            "ms",
            tuple(ours),
            tuple(base),
            "called one after another",
        )
    )


def _processor_ms(work: Callable[[], None]) -> float:
    """Milliseconds of this thread's processor time for one call."""
    begun = time.thread_time()
    for _ in range(BLOCK):
        work()
    return (time.thread_time() - begun) * 1000 / BLOCK
