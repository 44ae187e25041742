"""Reads cases: what is posted in a server, and what must be seen. README.md describes
the format."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

OWN = Path(__file__).parent
SHARED = Path(__file__).parents[2].parent / "shared" / "cases"

TEXT = 0
SPEECHLESS = frozenset({4, 15, 16})
"""Discord's numbers of categories, forums and media channels: nothing is said in them
themselves."""

CHECKS = frozenset(
    {"message", "answered", "answered_by", "silent", "reacted", "words_after"}
    | {"prompt_has", "prompt_lacks", "unthought", "only_one"}
)


@dataclass(frozen=True, slots=True)
class ChannelPlan:
    """A channel of a case; `deny` maps a bot's name, or `everyone`, to names of
    permissions. `category`: an earlier channel of the case."""

    name: str
    type: int = TEXT
    speak: bool = False
    topic: str | None = None
    category: str | None = None
    deny: Mapping[str, list[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Case:
    """One case. `wait` is the longest time in seconds for what must come, and half of
    it for what must not."""

    name: str
    file: str
    steps: tuple[Mapping[str, Any], ...]
    checks: tuple[Mapping[str, Any], ...]
    channels: tuple[ChannelPlan, ...]
    wait: float

    @property
    def id(self) -> str:
        """File and name, as pytest shows them."""
        return f"{self.file}: {self.name}"

    @property
    def home(self) -> ChannelPlan:
        """Where things are said that name no channel: the first channel that holds
        messages."""
        return next(
            (one for one in self.channels if one.type not in SPEECHLESS),
            self.channels[0],
        )


def read_cases(folder: Path) -> Iterator[Case]:
    """All cases of a folder, in order. ValueError for a check that nobody would
    make."""
    for path in sorted(folder.glob("*.json")):
        whole = json.loads(path.read_text(encoding="utf-8"))
        for raw in whole if isinstance(whole, list) else [whole]:
            yield _case(path.stem, raw)


def _case(file: str, raw: Mapping[str, Any]) -> Case:
    channels = tuple(
        _channel(number, one) for number, one in enumerate(raw.get("channels", ()))
    )
    case = Case(
        name=raw["case"],
        file=file,
        steps=tuple(raw["steps"]),
        checks=tuple(raw["check"]),
        channels=channels or (ChannelPlan("general"),),
        wait=float(raw.get("wait", 4.0)),
    )
    for check in case.checks:
        if not CHECKS.issuperset(check) or len(check) < 2:
            raise ValueError(f"{case.id}: no such check: {check}")
    return case


def _channel(number: int, raw: Mapping[str, Any]) -> ChannelPlan:
    return ChannelPlan(
        name=raw.get("name", f"channel-{number}"),
        type=raw.get("type", TEXT),
        speak=raw.get("speak", False),
        topic=raw.get("topic"),
        category=raw.get("category"),
        deny=raw.get("deny", {}),
    )
