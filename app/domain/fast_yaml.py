"""Safe YAML, read by libyaml where PyYAML was built with it: ten times as fast. Each
process reads some 130 KB of the package's own at its start."""

from __future__ import annotations

from typing import Any

import yaml

_LOADER = yaml.CSafeLoader if yaml.__with_libyaml__ else yaml.SafeLoader


def load_yaml(text: str) -> Any:
    """What the text says. Raises yaml.YAMLError, also for what is nested too deeply.

    Libyaml is stricter than PyYAML alone in a corner or two, so what users write is
    read elsewhere (`app/domain/character.py`).
    """
    return yaml.load(text, _LOADER)  # noqa: S506 - a safe loader
