"""Judges requests and answers of the loopback by Discord's own description. Shapes that
were judged are not judged again."""

from __future__ import annotations

import json
import re
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from jsonschema import ValidationError

from app.loopback import Exchange
from tests.discord_api.allowances import allowed
from tests.discord_api.description import Description, Operation

_ID = re.compile(r"(?<=/)\d+(?=/|$)")
_NUMBERS_IN_JSON = re.compile(rb"\d{6,}")
_WORDS = frozenset(
    {
        "type",
        "content",
        "op",
        "code",
        "style",
        "status",
        "name",
        "locale",
        "preferred_locale",
    }
)


@dataclass(frozen=True, slots=True)
class Deviation:
    """What does not fit the description: where (JSON path), what stands there and what
    was expected."""

    route: str
    place: str
    what: str

    def __str__(self) -> str:
        return f"{self.route}: {self.place}: {self.what}"


class Judge:
    """`observe` keeps exchanges and may be called on any thread; `verdicts` judges
    them, when nothing is in a hurry."""

    def __init__(self, description: Description) -> None:
        self._description = description
        self._waiting: deque[Exchange] = deque()
        self._known: set[int] = set()
        self._judged: set[object] = set()
        self.count = 0
        self.routes: set[str] = set()

    def observe(self, exchange: Exchange) -> None:
        """Keep an exchange until the next `verdicts`."""
        self._waiting.append(exchange)

    def verdicts(self) -> list[Deviation]:
        """The deviations since the last call, each once in a run."""
        found: dict[Deviation, None] = {}
        while self._waiting:
            found.update(dict.fromkeys(self._judge(self._waiting.popleft())))
        return list(found)

    def _judge(self, exchange: Exchange) -> Iterator[Deviation]:
        self.count += 1
        path = _ID.sub("0", exchange.path)
        operation = self._description.operation(exchange.method, path)
        if operation is None:
            yield Deviation(
                f"{exchange.method} {path}", "route", "Discord has no such route"
            )
            return
        self.routes.add(operation.route)
        if self._seen(operation, exchange):
            return
        yield from self._query(operation, exchange.query)
        if exchange.status < 400:
            yield from self._request(operation, exchange)
        yield from self._answer(operation, exchange)

    def _seen(self, operation: Operation, exchange: Exchange) -> bool:
        """The same bytes before, but for the ids? Most exchanges are known by that
        alone."""
        bodies = _NUMBERS_IN_JSON.sub(b"0", exchange.request + b"\0" + exchange.answer)
        key = hash((operation.route, exchange.status, tuple(exchange.query), bodies))
        known = key in self._known
        self._known.add(key)
        return known

    def _query(
        self, operation: Operation, query: Mapping[str, str]
    ) -> Iterator[Deviation]:
        for name, schema in operation.parameters():
            if name in query:
                value = _typed(query[name], self._description.resolve(schema))
                yield from self._errors(operation.route, f"query {name}", schema, value)

    def _request(self, operation: Operation, exchange: Exchange) -> Iterator[Deviation]:
        """What a client asked, if it was carried out: a refused request may well be
        wrong."""
        schema = operation.body
        if exchange.request and schema is not None:
            yield from self._errors(
                operation.route,
                "request",
                schema,
                as_coerced(json.loads(exchange.request)),
            )

    def _answer(self, operation: Operation, exchange: Exchange) -> Iterator[Deviation]:
        where = f"answer {exchange.status}"
        described = operation.answer(exchange.status)
        if described is None:
            yield Deviation(operation.route, where, "this status is not described")
            return
        content = described.get("content", {})
        if not content:
            if exchange.answer:
                yield Deviation(operation.route, where, "expected no body")
            return
        if exchange.content_type not in content:
            yield Deviation(
                operation.route,
                where,
                f"{exchange.content_type}, expected one of {list(content)}",
            )
            return
        value = json.loads(exchange.answer)
        yield from self._errors(
            operation.route, where, content[exchange.content_type]["schema"], value
        )

    def _errors(
        self, route: str, where: str, schema: Mapping[str, Any], value: object
    ) -> Iterator[Deviation]:
        items = value if isinstance(value, list) else [value]
        fresh = [item for item in items if self._is_fresh((route, where, shape(item)))]
        if not fresh:
            return
        judged = fresh if isinstance(value, list) else value
        for error in self._description.validator(schema).iter_errors(judged):
            for leaf in _leaves(error):
                place = f"{where} {_path(leaf)}".rstrip()
                if not allowed(place, leaf):
                    yield Deviation(route, place, leaf.message[-300:])

    def _is_fresh(self, key: object) -> bool:
        fresh = key not in self._judged
        self._judged.add(key)
        return fresh


def as_coerced(value: object) -> object:
    """A request as Discord understands it: ids may be sent as numbers (discord.py
    does)."""
    match value:
        case dict():
            return {key: as_coerced(item) for key, item in value.items()}
        case list():
            return [as_coerced(item) for item in value]
        case int() if value > 2**40:
            return str(value)
    return value


def shape(value: object, name: str = "") -> object:
    """A hashable form in which values that no schema tells apart are the same: long
    numbers, prose, repeated items."""
    match value:
        case dict():
            return frozenset((key, shape(item, key)) for key, item in value.items())
        case list():
            return frozenset(shape(item, name) for item in value)
        case str():
            return _text_shape(value, name)
        case bool() | None:
            return value
        case int() | float():
            return value if abs(value) < 256 else type(value).__name__
    return repr(value)


def _text_shape(text: str, name: str) -> object:
    if text.isdecimal():
        return "digits" if len(text) > 4 else text
    if name in _WORDS:
        return min(len(text), 1), len(text) > 32
    return (
        text
        if len(text) <= 2
        else ("text", len(text) // 64, ":" in text, text[:1].isdigit())
    )


def _typed(raw: str, schema: Mapping[str, Any]) -> object:
    """A value of the query as the type that its schema wants."""
    kinds = schema.get("type", "string")
    if "integer" in kinds and raw.lstrip("-").isdecimal():
        return int(raw)
    if "boolean" in kinds and raw.lower() in {"true", "false", "0", "1"}:
        return raw.lower() in {"true", "1"}
    return raw


def _path(error: ValidationError) -> str:
    return ".".join(
        "*" if isinstance(step, int) else str(step) for step in error.absolute_path
    )


def _leaves(error: ValidationError) -> Iterator[ValidationError]:
    """Of a union, what is wrong with the alternative that fits best: the one with the
    fewest and deepest faults."""
    if not error.context:
        yield error
        return
    branches: dict[Any, list[ValidationError]] = {}
    for one in error.context:
        branches.setdefault(one.schema_path[0], []).append(one)
    for one in min(branches.values(), key=_distance):
        yield from _leaves(one)


def _distance(faults: list[ValidationError]) -> tuple[bool, int, int]:
    """How far a value is from one alternative: another kind of thing altogether, the
    number of faults, their depth."""
    another_kind = any(one.validator == "type" and not one.path for one in faults)
    return another_kind, len(faults), -max(len(one.path) for one in faults)
