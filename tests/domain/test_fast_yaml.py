"""What libyaml reads is what PyYAML alone reads."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest
import yaml

import app
from app.domain.fast_yaml import load_yaml

SHIPPED = sorted(Path(app.__file__).parent.rglob("*.yaml"))
KINDS = """\
whole: [1, 0x1F, 1_000, 017, -3]
broken: [1.5, 1e3, .inf, 6.02e+23]
day: 2026-11-27
truth: [yes, no, on, true, ~, null, "yes"]
text: {plain: it's, single: 'it''s', double: "caf\\u00e9 \\U0001F600", nothing: }
folded: >-
  two
  lines
kept: |
  as
    it stands
colour: #333
"""


def test_files_are_there() -> None:
    """The package's own files are found; the next test would prove nothing without."""
    assert {"policy.yaml", "lexis.yaml", "elena.yaml"} <= {
        file.name for file in SHIPPED
    }


@pytest.mark.parametrize("file", SHIPPED, ids=lambda file: file.name)
def test_a_shipped_file_reads_alike(file: Path) -> None:
    """Each file of the package."""
    text = file.read_text("utf-8")
    assert load_yaml(text) == yaml.safe_load(text)


def test_each_kind_of_value_reads_alike() -> None:
    """Numbers, days, truths and texts, in all of their spellings."""
    assert load_yaml(KINDS) == yaml.safe_load(KINDS)
    assert load_yaml(KINDS)["day"] == datetime.date(2026, 11, 27)


@pytest.mark.parametrize(
    "text", ["a: [", "a: b: c", "\ta: 1", "a: \x00", "!!python/object:os.x {}", "- *a"]
)
def test_what_is_wrong_is_an_error(text: str) -> None:
    """No mistake passes, and nothing but data is made."""
    with pytest.raises(yaml.YAMLError):
        load_yaml(text)


def test_what_is_nested_too_deeply_is_an_error() -> None:
    """It neither passes nor ends the process."""
    with pytest.raises(yaml.YAMLError):
        load_yaml("[" * 100_000)
