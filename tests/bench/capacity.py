"""The capacity model: what a message, a (message x bot) and an answer cost each part,
and so how much of a processor a room of some size takes. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

PARTS = ("gateway", "redis", "worker")
FULL = 0.7
"""The share of a processor that a part may take: beyond it, what waits grows fast."""
Cost = Mapping[str, float]
"""Processor milliseconds by part."""


@dataclass(frozen=True, slots=True)
class Model:
    """Processor milliseconds by part: of a message, of each bot that hears it, and of
    an answer."""

    message: Cost
    hearing: Cost
    answer: Cost

    def load(self, bots: int, messages: float, answers: float) -> dict[str, float]:
        """Shares of a processor by part, with so many messages and answers a second in
        a room of so many bots."""
        return {
            part: (
                messages * (self.message[part] + bots * self.hearing[part])
                + answers * self.answer[part]
            )
            / 1000
            for part in PARTS
        }

    def most_messages(self, part: str, bots: int, answered: float) -> float:
        """Messages a second that fill one process of this part; `answered`: the share
        of them that gets an answer."""
        each = self.load(bots, 1, answered)[part]
        return FULL / each if each > 0 else float("inf")


def fit(small: Cost, large: Cost, sizes: tuple[int, int], asked: Cost) -> Model:
    """From the cost of a message of chatter in a small and in a large room, and that of
    one that is answered in the small one."""
    few, many = sizes
    hearing = {part: (large[part] - small[part]) / (many - few) for part in PARTS}
    # A part that does nothing for a bot more measures as a little less than nothing.
    hearing = {part: max(0.0, one) for part, one in hearing.items()}
    message = {part: max(0.0, small[part] - few * hearing[part]) for part in PARTS}
    answer = {part: max(0.0, asked[part] - small[part]) for part in PARTS}
    return Model(message, hearing, answer)


def model_of(costs: Mapping[str, float]) -> Model | None:
    """The model among a run's costs; None: it was not measured."""
    if not any(name.startswith("model.") for name in costs):
        return None
    found = {
        kind: {part: costs[f"model.{kind}.{part}"] for part in PARTS}
        for kind in ("message", "hearing", "answer")
    }
    return Model(found["message"], found["hearing"], found["answer"])


def costs_of(model: Model) -> dict[str, float]:
    """The model as costs of a run."""
    kinds = {
        "message": model.message,
        "hearing": model.hearing,
        "answer": model.answer,
    }
    return {
        f"model.{kind}.{part}": cost[part]
        for kind, cost in kinds.items()
        for part in PARTS
    }
