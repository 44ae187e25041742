"""Discord's own description of its REST API (OpenAPI 3.1), as far as a request or an
answer is judged by it.

The file is no part of this project: https://github.com/discord/discord-api-spec (MIT).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import jsonschema
from referencing import Registry
from referencing.jsonschema import DRAFT202012

PATH = Path(__file__).parents[2].parent / "shared" / "discord" / "openapi.json"

_ROOT = "urn:discord"
_PARAMETER = re.compile(r"\{[^}]+\}")

formats = jsonschema.FormatChecker(formats=())


@formats.checks("date-time", raises=ValueError)
def _is_moment(value: object) -> bool:
    """A moment with an offset, as RFC 3339 has it."""
    return (
        not isinstance(value, str) or datetime.fromisoformat(value).tzinfo is not None
    )


@formats.checks("uri", raises=ValueError)
def _is_address(value: object) -> bool:
    """An address with a scheme, or the empty text that Discord has for none."""
    return not isinstance(value, str) or not value or bool(urlsplit(value).scheme)


@formats.checks("int32")
def _is_int32(value: object) -> bool:
    return not isinstance(value, int) or -(2**31) <= value < 2**31


class Operation:
    """One method of one route."""

    def __init__(
        self, description: Description, route: str, shape: Mapping[str, Any]
    ) -> None:
        self.route = route
        self._description = description
        self._shape = shape

    def parameters(self) -> Iterator[tuple[str, Mapping[str, Any]]]:
        """Name and schema of each parameter of the query."""
        for raw in self._shape.get("parameters", ()):
            one = self._description.resolve(raw)
            if one["in"] == "query":
                yield one["name"], one["schema"]

    @property
    def body(self) -> Mapping[str, Any] | None:
        """The schema of the request's JSON; None where no body is described."""
        content = self._description.resolve(self._shape.get("requestBody", {})).get(
            "content", {}
        )
        return _schema(content)

    def answer(self, status: int) -> Mapping[str, Any] | None:
        """What is described for this status (`content` may be missing); None for a
        status that is not described."""
        answers = self._shape["responses"]
        found = answers.get(str(status)) or answers.get(f"{status // 100}XX")
        return None if found is None else self._description.resolve(found)


class Description:
    """The whole file, with a validator for each schema that was asked for."""

    def __init__(self, path: Path = PATH) -> None:
        self._whole: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        resource = DRAFT202012.create_resource(self._whole)
        self._registry: Registry[Any] = Registry().with_resource(_ROOT, resource)
        self._routes = [
            (_segments(path), path, methods)
            for path, methods in self._whole["paths"].items()
        ]
        self._validators: dict[str, jsonschema.Draft202012Validator] = {}
        self.operation = lru_cache(maxsize=None)(self._operation)

    def _operation(self, method: str, path: str) -> Operation | None:
        """The operation for a path (best with its numbers made `0`); of several routes
        the most literal one."""
        wanted = path.strip("/").split("/")
        fitting = [
            (sum(part is not None for part in parts), route, methods)
            for parts, route, methods in self._routes
            if _fits(parts, wanted) and method.lower() in methods
        ]
        if not fitting:
            return None
        _, route, methods = max(fitting, key=lambda one: one[0])
        return Operation(self, f"{method} {route}", methods[method.lower()])

    def resolve(self, shape: Mapping[str, Any]) -> Mapping[str, Any]:
        """What a `$ref` stands for; anything else as it is."""
        while "$ref" in shape:
            found: Any = self._whole
            for name in shape["$ref"].removeprefix("#/").split("/"):
                found = found[name]
            shape = found
        return shape

    def validator(self, schema: Mapping[str, Any]) -> jsonschema.Draft202012Validator:
        """A validator for this schema, made once."""
        key = json.dumps(schema, sort_keys=True)
        if key not in self._validators:
            anchored = json.loads(key.replace('"#/', f'"{_ROOT}#/'))
            self._validators[key] = jsonschema.Draft202012Validator(
                anchored, registry=self._registry, format_checker=formats
            )
        return self._validators[key]


def _schema(content: Mapping[str, Any]) -> Mapping[str, Any] | None:
    found: Mapping[str, Any] | None = content.get("application/json", {}).get("schema")
    return found


def _segments(route: str) -> list[str | None]:
    """The parts of a route; None for a parameter."""
    return [
        None if _PARAMETER.fullmatch(part) else part
        for part in route.strip("/").split("/")
    ]


def _fits(parts: list[str | None], wanted: list[str]) -> bool:
    return len(parts) == len(wanted) and all(
        part in (None, given) for part, given in zip(parts, wanted, strict=True)
    )
