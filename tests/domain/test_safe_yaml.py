"""What libyaml reads is what PyYAML alone reads."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest
import yaml

import app
from app.domain import safe_yaml
from app.domain.safe_yaml import load_strictly, load_yaml

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
    assert load_yaml(text) == load_strictly(text) == yaml.safe_load(text)


def test_no_shipped_file_is_read_twice(monkeypatch: pytest.MonkeyPatch) -> None:
    """Libyaml alone reads each of them."""
    monkeypatch.setattr(safe_yaml, "_PlainLoader", None)
    assert all(load_strictly(file.read_text("utf-8")) for file in SHIPPED)


@pytest.mark.parametrize(
    ("text", "problem", "line"),
    [
        ("a: &x [1]\nb: *x", "aliases are not allowed", 1),
        ("a: 1\nb: {c: 1,\n  c: 2}", "'c' appears twice", 2),
        ("a: 1\nb: [", "expected the node content, but found '<stream end>'", 1),
    ],
)
def test_a_strangers_mistake_is_named(text: str, problem: str, line: int) -> None:
    """With its line, in PyYAML's own words."""
    with pytest.raises(yaml.MarkedYAMLError) as caught:
        load_strictly(text)
    assert caught.value.problem == problem
    assert caught.value.problem_mark is not None
    assert caught.value.problem_mark.line == line


def test_what_libyaml_alone_refuses_is_read(monkeypatch: pytest.MonkeyPatch) -> None:
    """PyYAML reads a file that is nested more deeply."""
    deep = "[" * 12 + "]" * 12
    assert load_strictly(deep) == yaml.safe_load(deep)

    def refuse(*_: object) -> None:
        raise yaml.scanner.ScannerError(problem="exceeded maximum nesting depth")

    monkeypatch.setattr(safe_yaml, "_has_no_alias", refuse)
    assert load_strictly(deep) == yaml.safe_load(deep)


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
