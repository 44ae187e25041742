"""The numbers of the rules: named ones, what a rule assumes where it is told nothing,
and how much is remembered.

`python -m tests.rules.numbers` writes `numbers.txt` anew. They were measured, so a
change shows here beside its measure.
"""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator, Mapping
from enum import Enum, EnumType
from pathlib import Path
from types import ModuleType
from typing import Any

import app.rules

PAGE = Path(__file__).with_name("numbers.txt")


def numbers() -> Iterator[str]:
    """A line for each, in the order of their names."""
    for module in pkgutil.iter_modules(app.rules.__path__):
        found = importlib.import_module(f"app.rules.{module.name}")
        for name, value in sorted(_named(found)):
            if _is_of_numbers(value):
                yield f"{module.name}.{name} = {_as_text(value)}"


def _named(module: ModuleType) -> Iterator[tuple[str, Any]]:
    """What a module names itself, and the defaults of its classes and functions."""
    text = inspect.getsource(module)
    for name, value in vars(module).items():
        own = getattr(value, "__module__", "") == module.__name__
        if own and isinstance(value, EnumType):
            continue
        if own and inspect.isclass(value):
            yield from _defaults(value)
        elif own and callable(value):
            yield from _assumed(value)
        elif re.search(rf"^[A-Z_, ]*\b{name}\b[^=\n]*= ", text, re.MULTILINE):
            yield name, value


def _defaults(kind: type[Any]) -> Iterator[tuple[str, Any]]:
    """Of the fields, and of the methods."""
    if dataclasses.is_dataclass(kind):
        for field in dataclasses.fields(kind):
            value = field.default
            if field.default_factory is not dataclasses.MISSING:
                value = field.default_factory()
            yield f"{kind.__name__}.{field.name}", value
    else:
        yield from _parameters(kind, kind.__name__)
    for method in vars(kind).values():
        if inspect.isfunction(method) and not method.__name__.startswith("__"):
            yield from _assumed(method)


def _assumed(function: Any) -> Iterator[tuple[str, Any]]:
    """What a function is told by default, and how many of its answers are kept."""
    if hasattr(function, "cache_parameters"):
        yield f"{function.__name__}() kept", function.cache_parameters()["maxsize"]
    yield from _parameters(function, f"{function.__qualname__}()")


def _parameters(told: Any, name: str) -> Iterator[tuple[str, Any]]:
    for parameter in inspect.signature(told).parameters.values():
        yield f"{name}.{parameter.name}", parameter.default


def _is_of_numbers(value: Any) -> bool:
    """A number, or what holds some and nothing that is not told by name."""
    if isinstance(value, Mapping):
        return bool(value) and all(map(_is_of_numbers, value.values()))
    if isinstance(value, tuple):
        return bool(value) and all(map(_is_of_numbers, value))
    return isinstance(value, (int, float)) and not isinstance(value, Enum)


def _as_text(value: Any) -> str:
    if isinstance(value, Mapping):
        inside = (f"{_as_text(name)}: {_as_text(one)}" for name, one in value.items())
        return f"{{{', '.join(inside)}}}"
    if isinstance(value, tuple):
        return f"({', '.join(map(_as_text, value))})"
    return str(value.value if isinstance(value, Enum) else value)


if __name__ == "__main__":
    PAGE.write_text("\n".join((*numbers(), "")), encoding="utf-8")
