"""A `Call` is a value: a script or a command with its keys, its arguments and the
parser of its reply.

The functions of this room build calls; `Store.run` (threads) and `AsyncStore.run`
(asyncio) carry them out. So each protocol is written once.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)
Reply = Any
Argument = str | int | float


@dataclass(frozen=True, slots=True)
class Call(Generic[T_co]):
    """One round trip: the script with this name (`app.store.scripts`) or, where the
    name is empty, the command in `args`."""

    script: str
    keys: tuple[str, ...]
    args: tuple[Argument, ...]
    parse: Callable[[Reply], T_co]

    def parsed(self, parse: Callable[[Reply], T]) -> Call[T]:
        """The same call, its reply read by `parse`."""
        return Call(self.script, self.keys, self.args, parse)


def command(*args: Argument, parse: Callable[[Reply], T_co]) -> Call[T_co]:
    """A plain Redis command as a call."""
    return Call("", (), args, parse)
