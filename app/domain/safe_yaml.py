"""Safe YAML, read by libyaml where PyYAML was built with it: ten times as fast. Each
process reads some 130 KB of the package's own at its start."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import yaml
from yaml.constructor import SafeConstructor

_LOADER = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader


def load_yaml(text: str) -> Any:
    """What the text says. Raises yaml.YAMLError, also for what is nested too deeply."""
    return yaml.load(text, _LOADER)  # noqa: S506 - a safe loader


def load_strictly(text: str) -> Any:
    """What a stranger's text says. Aliases are refused, for a few lines of them expand
    to gigabytes, and so are duplicate keys, which would be lost silently.

    Raises yaml.YAMLError with the line, RecursionError for what is nested too deeply,
    and ValueError for a value that there is not, such as a 30th of February.
    """
    # Libyaml is stricter in a corner or two, and says less of what is wrong.
    try:
        if _has_no_alias(text):
            return yaml.load(text, _FastLoader)  # noqa: S506 - a safe loader
    except (yaml.YAMLError, ValueError):
        pass
    return yaml.load(text, _PlainLoader)  # noqa: S506 - a safe loader


def _has_no_alias(text: str) -> bool:
    # An alias begins with a star: most texts need no reading to tell.
    if "*" not in text:
        return True
    events = yaml.parse(text, _LOADER)
    return not any(isinstance(event, yaml.AliasEvent) for event in events)


class _UniqueKeys(SafeConstructor):
    """No key of a mapping appears twice."""

    def construct_mapping(
        self, node: yaml.MappingNode, deep: bool = False
    ) -> dict[Hashable, Any]:
        seen: set[str] = set()
        for key, _ in node.value:
            if isinstance(key, yaml.ScalarNode):
                if key.value in seen:
                    raise yaml.MarkedYAMLError(
                        problem=f"{key.value!r} appears twice",
                        problem_mark=key.start_mark,
                    )
                seen.add(key.value)
        return super().construct_mapping(node, deep)


class _FastLoader(_UniqueKeys, _LOADER):  # type: ignore[misc, valid-type]
    """Reads what is known to have no alias."""


class _PlainLoader(_UniqueKeys, yaml.SafeLoader):
    """Reads whatever PyYAML alone reads, but for aliases."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark  # type: ignore[no-untyped-call]
            raise yaml.MarkedYAMLError(
                problem="aliases are not allowed", problem_mark=mark
            )
        return super().compose_node(parent, index)
