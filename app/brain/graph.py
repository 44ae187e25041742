"""The daily life of a bot as a LangGraph: perceive -> plan -> act, or post. Wiring
only."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any, cast

from langgraph.graph import END, START, StateGraph
from langgraph.graph.state import CompiledStateGraph
from langgraph.runtime import Runtime
from langgraph.store.base import BaseStore
from langgraph.types import Command

from app.brain.act import act
from app.brain.brain import Brain
from app.brain.cycle import Change, CycleResult, CycleState, Did, Run
from app.brain.embeddings import shared_encoder
from app.brain.mood import CUE_SENTENCES
from app.brain.perceive import perceive
from app.brain.plan import plan
from app.brain.ports import CyclePorts
from app.brain.post import post
from app.likeness.space import space_of

ANSWERS_AT_ONCE = 2
"""Direct messages that one cycle answers; for more, the lane is due again. Somebody who
asks meanwhile may be next."""

Graph = CompiledStateGraph[CycleState, Run, CycleState, CycleState]
Node = Callable[[CycleState, Runtime[Run]], Change]


def _after_perceive(state: CycleState) -> str:
    return "plan" if state["candidates"] else "post"


def _after_plan(state: CycleState) -> str:
    return "act" if state["chosen"] is not None else "post"


def _after_act(state: CycleState) -> str:
    # A cycle gives one unasked answer, as a cooldown follows it.
    more = (
        bool(state["candidates"])
        and state["candidates"][0].direct
        and not state["stopped"]
    )
    answered = sum(
        outcome.did in {Did.COMMITTED, Did.DECLINED} for outcome in state["outcomes"]
    )
    return "plan" if more and answered < ANSWERS_AT_ONCE else END


def _then(node: Node, follow: Callable[[CycleState], str]) -> Any:
    """A node that also says what comes after it: an edge that asks reads the whole state
    once more, for a fifth of what LangGraph takes of a turn."""

    def run(state: CycleState, runtime: Runtime[Run]) -> Command[str]:
        change = node(state, runtime)
        # The keys of a change are those of the state.
        after = cast("CycleState", {**state, **change})
        return Command(update=change, goto=follow(after))

    return run


@functools.lru_cache(maxsize=4)
def compiled(memory: BaseStore | None = None) -> Graph:
    """The graph, compiled once per process and memory; the ports of a cycle come in as
    its run's context."""
    graph: StateGraph[CycleState, Run, CycleState, CycleState] = StateGraph(
        CycleState, context_schema=Run
    )
    graph.add_node("perceive", _then(perceive, _after_perceive))
    graph.add_node("plan", _then(plan, _after_plan))
    graph.add_node("act", _then(act, _after_act))
    graph.add_node("post", post)
    graph.add_edge(START, "perceive")
    graph.add_edge("post", END)
    return graph.compile(store=memory)


def warm(memory: BaseStore | None = None) -> None:
    """Load what every cycle needs (some three seconds of one processor), so a worker's first message
    does not wait for it."""
    compiled(memory)
    encoder = shared_encoder()
    encoder.matrix(CUE_SENTENCES)
    if encoder.understands:
        space_of(encoder)


def run_cycle(
    brain: Brain, ports: CyclePorts, memory: BaseStore | None = None
) -> CycleResult:
    """Run one cycle of one lane. Errors of the ports are raised; errors of a model or of
    memory are not."""
    start = CycleState(candidates=(), chosen=None, outcomes=(), stopped=False)
    end = compiled(memory).invoke(
        start, context=Run(brain, ports), config={"recursion_limit": 50}
    )
    return CycleResult(end["outcomes"], end["stopped"])
