"""Scripts by name. The contract of a script is a Python signature: what it takes, by
name and type.

From the contract come the call, so that mypy sees a missing or a swapped argument, and
the first lines of the Lua, which bind each argument to a local of the same name:

    Key           a name in KEYS; the server asks whether the login may write it
    str           text
    int, float    a number
    bool          a boolean
    X | None      nil for None (and for an empty text)
    Sequence[str] a table; Limits, Sequence[Limits] and
                  Sequence[Mapping[str, object]] too
    *name: str    all further arguments, as a list; `*name: Key`: all further keys

The Lua of `floor.claim` is `lua/floor/claim.lua`. A line `--#include clock` in it puts
`lua/lib/clock.lua` before it, once. A name of `app.domain.terms` is its number.
"""

from __future__ import annotations

import functools
import inspect
import json
import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Any, NamedTuple, ParamSpec, get_type_hints

from app.domain import terms
from app.store.calls import Argument, Call, Reply
from app.store.keys import Key
from app.store.limits import Limits

P = ParamSpec("P")
Encode = Callable[[Any], Argument]

FOLDER = resources.files("app.store") / "lua"
TERMS = {name: value for name, value in vars(terms).items() if isinstance(value, int)}


class _Kind(NamedTuple):
    """How an argument of one type is sent, and how Lua reads it from `{}`."""

    encode: Encode
    lua: str


def _as_it_is(value: Argument) -> Argument:
    return value


def _or_empty(value: Argument | None) -> Argument:
    return "" if value is None else value


def _limits_json(limits: Sequence[Limits]) -> str:
    return f"[{','.join(one.json() for one in limits)}]"


_NUMBER = "tonumber({})"
_KINDS: Mapping[Any, _Kind] = {
    str: _Kind(_as_it_is, "{}"),
    int: _Kind(_as_it_is, _NUMBER),
    float: _Kind(_as_it_is, _NUMBER),
    # redis-py refuses booleans as arguments.
    bool: _Kind(int, "{} == '1'"),
    str | None: _Kind(_or_empty, "{0} ~= '' and {0} or nil"),
    int | None: _Kind(_or_empty, _NUMBER),
    float | None: _Kind(_or_empty, _NUMBER),
    Sequence[str]: _Kind(json.dumps, "cjson.decode({})"),
    Sequence[Mapping[str, object]]: _Kind(json.dumps, "cjson.decode({})"),
    Limits: _Kind(Limits.json, "cjson.decode({})"),
    Sequence[Limits]: _Kind(_limits_json, "cjson.decode({})"),
}


@dataclass(frozen=True, slots=True)
class Contract:
    """What one script takes."""

    script: str
    keys: tuple[str, ...]
    args: tuple[tuple[str, _Kind], ...]
    rest: str = ""
    """The name of all further arguments, or keys."""
    rest_is_keys: bool = False

    @classmethod
    def of(cls, script: str, signature: Callable[..., None]) -> Contract:
        """Read from a signature whose parameters have names only, and a last `*rest`."""
        hints = get_type_hints(signature)
        keys, args, rest = [], [], ""
        for name, parameter in inspect.signature(signature).parameters.items():
            if parameter.kind is parameter.VAR_POSITIONAL:
                rest = name
            # Two texts could change places by position, and no checker would see it.
            elif parameter.kind is not parameter.KEYWORD_ONLY:
                raise TypeError(f"{script}: {name} must be given by name")
            elif hints[name] is Key:
                keys.append(name)
            else:
                args.append((name, _KINDS[hints[name]]))
        return cls(script, tuple(keys), tuple(args), rest, hints.get(rest) is Key)

    @property
    def names(self) -> frozenset[str]:
        """Of all arguments but `rest`."""
        return frozenset((*self.keys, *(name for name, _ in self.args)))

    def preamble(self) -> str:
        """The Lua that binds each argument to a local."""
        lines = [f"local {name} = KEYS[{n}]" for n, name in enumerate(self.keys, 1)]
        lines += [
            f"local {name} = {kind.lua.format(f'ARGV[{n}]')}"
            for n, (name, kind) in enumerate(self.args, 1)
        ]
        if self.rest:
            array, own = (
                ("KEYS", self.keys) if self.rest_is_keys else ("ARGV", self.args)
            )
            lines.append(f"local {self.rest} = {{}}")
            lines.append(
                f"for i = {len(own) + 1}, #{array} do"
                f" {self.rest}[#{self.rest} + 1] = {array}[i] end"
            )
        return "\n".join(lines)


CONTRACTS: dict[str, Contract] = {}


def script(name: str) -> Callable[[Callable[P, None]], Callable[P, Call[Reply]]]:
    """Make of a signature the function that builds calls of the script `name`."""

    def made(signature: Callable[P, None]) -> Callable[P, Call[Reply]]:
        contract = CONTRACTS[name] = Contract.of(name, signature)
        names = contract.names

        @functools.wraps(signature)
        def call(*rest: P.args, **given: P.kwargs) -> Call[Reply]:
            if given.keys() != names:
                wrong = ", ".join(sorted(given.keys() ^ names))
                raise TypeError(f"{name}: missing or unknown: {wrong}")
            keys: list[Any] = [given[one] for one in contract.keys]
            args: list[Any] = [kind.encode(given[one]) for one, kind in contract.args]
            (keys if contract.rest_is_keys else args).extend(rest)
            return Call(name, tuple(keys), tuple(args), _unparsed)

        return call

    return made


def _unparsed(reply: Reply) -> Reply:
    return reply


@functools.cache
def source(name: str) -> str:
    """The whole Lua of a script: the terms that it names, what it includes, its
    arguments, itself."""
    noun, _, verb = name.partition(".")
    included: dict[str, str] = {}
    body = _text(f"{noun}/{verb}", included)
    own = f"{CONTRACTS[name].preamble()}\n{body}"
    shared = "\n".join(included.values())
    text = f"{_only_used(shared, own)}\n{own}"
    words = set(re.findall(r"\b[A-Z][A-Z_]+\b", text))
    named = [f"local {term} = {TERMS[term]}" for term in sorted(TERMS.keys() & words)]
    return "\n".join((*named, text))


_WORD = re.compile(r"keys\.\w+|\w+")
_DECLARED = re.compile(r"local function (\w+)|  (\w+) = ")
"""The beginning of a function, or of a name in the table of keys."""


def _only_used(shared: str, own: str) -> str:
    """What a script includes, without the functions and the keys that it does not use:
    the server would make them in each call."""
    parts = _parts(shared)
    while True:
        words = Counter(_WORD.findall("\n".join((*parts, own))))
        kept = [part for part in parts if _is_used(part, words)]
        if len(kept) == len(parts):
            return "\n".join(kept)
        parts = kept


def _is_used(part: str, words: Mapping[str, int]) -> bool:
    """Whether a part is named anywhere but in itself."""
    declared = _DECLARED.match(part)
    if declared is None:
        return True
    function, key = declared.groups()
    name = function or f"keys.{key}"
    return words[name] > _WORD.findall(part).count(name)


def _parts(shared: str) -> list[str]:
    """Whole functions, and lines that belong to none; without remarks."""
    parts: list[str] = []
    inside = False
    for line in shared.splitlines():
        if line.lstrip().startswith("--"):
            continue
        if inside:
            parts[-1] += f"\n{line}"
        else:
            parts.append(line)
        if line.startswith("local function "):
            inside = not line.endswith(" end")
        elif line == "end":
            inside = False
    return parts


def _text(path: str, included: dict[str, str]) -> str:
    """The text of a file, without its `--#include` lines; what they name is put into
    `included`, each file after those that it includes itself."""
    lines = []
    for line in (FOLDER / f"{path}.lua").read_text(encoding="utf-8").splitlines():
        if not line.startswith("--#include "):
            lines.append(line)
            continue
        for name in line.split()[1:]:
            if name not in included:
                # Assigned after the recursion: what a file includes stands before it.
                included[name] = _text(f"lib/{name}", included)
    return "\n".join(lines)
