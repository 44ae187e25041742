"""What the rules compute is never changed afterwards, and stays small."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import pkgutil
from collections.abc import Iterator
from typing import Any

import app.rules
from app.rules.room import Contact, Person, Utterance
from tests.rules.numbers import PAGE, numbers

FOLDED = {Contact, Person}
"""What a room keeps of people, and changes with each utterance."""


def values() -> Iterator[Any]:
    """Every dataclass of the rules."""
    for module in pkgutil.iter_modules(app.rules.__path__):
        found = importlib.import_module(f"app.rules.{module.name}")
        for _, value in inspect.getmembers(found, inspect.isclass):
            if dataclasses.is_dataclass(value) and value.__module__ == found.__name__:
                yield value


def test_no_value_can_be_changed() -> None:
    """Bots share what was read of one message: what one did to it, all would see."""
    changing = {one for one in values() if not one.__dataclass_params__.frozen}
    assert changing == FOLDED


def test_values_have_no_room_to_grow() -> None:
    """Hundreds are kept for each channel, and without slots each is more than twice as
    large. An utterance remembers its reading."""
    growing = {one for one in values() if "__slots__" not in vars(one)}
    assert growing == {Utterance}


def test_no_number_changes_unseen() -> None:
    """Each was measured: a change of one is meant, and stands in `numbers.txt`."""
    assert list(numbers()) == PAGE.read_text(encoding="utf-8").splitlines()
