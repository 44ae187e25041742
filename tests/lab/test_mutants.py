"""The mutants are real faults, and each sample can be made again."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from tests import mutants
from tests.mutants import (
    ROOT,
    Reach,
    Runner,
    all_mutants,
    choose,
    equivalents,
    mutate_lua,
    mutate_python,
    scripts_with,
    statement_lines,
)

CONFIGURATION = """\
[tool:pytest]
addopts = -p no:celery -p no:docker_tools -p no:langsmith_plugin -p no:anyio
    -p no:valkey -p no:hypothesispytest -p no:pytest_cov -p no:asyncio
pythonpath = .
markers =
    slow: x
    llm: x
"""
PYTHON = """\
def most_of(first, second):
    if first > second and first:
        return min(first, 3)
    return not second
"""
LUA = """\
-- A comment with 7 == 7.
local most = tonumber(ARGV[2])
if most <= 5 then
  redis.call('DEL', KEYS[1])
end
return most + 1
"""


def test_every_kind_of_fault_in_python() -> None:
    """One file, each fault once."""
    found = {mutant.what for mutant in mutate_python(Path("a.py"), PYTHON)}
    assert found == {
        "first > second -> first >= second",
        "first > second and first -> (first > second) or (first)",
        "if first > second and first -> if True",
        "if first > second and first -> if False",
        "min -> max",
        "3 -> 4",
        "not second -> second",
    }


def test_every_kind_of_fault_in_lua() -> None:
    """Comments and the numbers of arguments are left alone."""
    found = [(mutant.line, mutant.what) for mutant in mutate_lua(Path("a.lua"), LUA)]
    assert (3, "if most <= 5 then -> if most < 5 then") in found
    assert (3, "if most <= 5 then -> if false then") in found
    assert (4, "redis.call('DEL', KEYS[1]) -> left out") in found
    assert (6, "return most + 1 -> return most - 1") in found
    assert {line for line, _ in found} == {3, 4, 6}


def test_a_seed_gives_one_sample() -> None:
    """The same mutants for the same seed, others for another, one a line."""
    every = all_mutants("app/store/lua", ".lua")
    assert len(every) > 1_000
    first, again, other = (choose(every, 30, seed) for seed in (1, 1, 2))
    assert first == again != other
    assert len({(mutant.path, mutant.line) for mutant in first}) == 30


def test_a_small_sample_is_the_beginning_of_a_large_one() -> None:
    """So a few mutants can be tried before all of them are."""
    every = all_mutants("app/rules", ".py")
    assert choose(every, 5, 3) == choose(every, 50, 3)[:5]


def test_a_mutant_meets_the_tests_that_reach_it() -> None:
    """A line of a function is reached by the tests that ran its statement, a file of
    lib by those that called a script which includes it; the quickest come first."""
    found = Reach(
        {
            "seconds": {"slow": 9.0, "quick": 0.1, "other": 1.0},
            "lines": {"a.py": {"1": ["other"], "3": ["slow", "quick"]}},
            "scripts": {"floor.claim": ["slow", "quick"], "name.learn": ["other"]},
        }
    )
    source = "def one():\n    x = 1\n    return (\n        x + 1\n    )\n"
    assert list(statement_lines(source, 4)) == [3, 4, 5]
    assert list(statement_lines("x = 1\n", 1)) == []
    assert "floor.claim" in scripts_with(Path("app/store/lua/lib/clock.lua"), ROOT)
    claim = mutants.Mutant(Path("app/store/lua/floor/claim.lua"), 1, "", "")
    assert found.tests_of(claim, ROOT) == ["quick", "slow"]


def test_a_mutant_meets_no_more_tests_than_a_minute_holds() -> None:
    """The quickest of them; one is always tried."""
    seconds = {"a": 1.0, "b": mutants.MOST_SECONDS - 2, "c": 5.0, "d": 90.0}
    scripts = {"floor.claim": list(seconds), "name.learn": ["d"]}
    found = Reach({"seconds": seconds, "lines": {}, "scripts": scripts})
    claim = mutants.Mutant(Path("app/store/lua/floor/claim.lua"), 1, "", "")
    learn = mutants.Mutant(Path("app/store/lua/name/learn.lua"), 1, "", "")
    assert found.tests_of(claim, ROOT) == ["a", "c"]
    assert found.tests_of(learn, ROOT) == ["d"]


def test_a_mutant_of_a_script_meets_all_stories_first() -> None:
    """However slow they were on a busy machine: each compares all of Redis."""
    story = f"{mutants.STORIES}::told"
    seconds = {"a": 1.0, story: 2 * mutants.MOST_SECONDS, "b": 2.0}
    scripts = {"floor.claim": list(seconds)}
    found = Reach({"seconds": seconds, "lines": {}, "scripts": scripts})
    claim = mutants.Mutant(Path("app/store/lua/floor/claim.lua"), 1, "", "")
    assert found.tests_of(claim, ROOT) == [story, "a", "b"]


def test_what_is_reached_is_measured_again_for_changed_tests_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A changed test file replaces what was known of it; a changed source, all."""
    (tmp_path / "source").mkdir()
    (tmp_path / "tests").mkdir()
    source = tmp_path / "source" / "a.py"
    files = [tmp_path / "tests" / f"test_{name}.py" for name in "ab"]
    for file in (source, *files):
        file.write_text("1\n", encoding="utf-8")
    asked: list[Sequence[str]] = []

    def measure(_: Path, names: Sequence[str]) -> dict[str, object]:
        asked.append(names)
        tests = [f"{name}::test_{len(asked)}" for name in names]
        return {
            "seconds": dict.fromkeys(tests, 1.0),
            "lines": {},
            "scripts": {"floor.claim": tests},
        }

    monkeypatch.setattr(mutants, "_measure_reach", measure)
    claim = mutants.Mutant(Path("app/store/lua/floor/claim.lua"), 1, "", "")
    kept = tmp_path / "reach.json"

    def reached() -> list[str]:
        found = Reach.measured(tmp_path, ["tests"], "source", kept)
        return found.tests_of(claim, ROOT)

    both = ["tests/test_a.py", "tests/test_b.py"]
    assert reached() == ["tests/test_a.py::test_1", "tests/test_b.py::test_1"]
    files[0].write_text("2\n", encoding="utf-8")
    assert reached() == ["tests/test_a.py::test_2", "tests/test_b.py::test_1"]
    source.write_text("2\n", encoding="utf-8")
    assert reached() == ["tests/test_a.py::test_3", "tests/test_b.py::test_3"]
    assert asked == [both, both[:1], both]


def test_each_equivalent_mutant_is_one_and_has_a_reason() -> None:
    """No entry outlives the line that it is about."""
    every = {
        mutant.key
        for folder, ending in (("app/rules", ".py"), ("app/store/lua", ".lua"))
        for mutant in all_mutants(folder, ending)
    }
    for key, reason in equivalents().items():
        assert key in every
        assert reason


@pytest.fixture(scope="module")
def warm_runner(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runner]:
    """Runs tests in a folder of its own. Its process loads pytest once for all."""
    tree = tmp_path_factory.mktemp("mutants")
    (tree / "tests").mkdir()
    shutil.copy(Path(mutants.__file__).parent / "forking.py", tree / "tests")
    (tree / "setup.cfg").write_text(CONFIGURATION, encoding="utf-8")
    found = Runner(tree, ["pytest"])
    yield found
    found.close()


@pytest.fixture
def runner(warm_runner: Runner) -> Iterator[Runner]:
    """Runs tests of `subject.py`, whose `first` is 1. No test finds what another left."""
    before = set(warm_runner.tree.iterdir())
    (warm_runner.tree / "subject.py").write_text("first = 1\n", encoding="utf-8")
    yield warm_runner
    warm_runner.doubted.clear()
    for left in set(warm_runner.tree.iterdir()) - before:
        left.unlink()


MUTANT = mutants.Mutant(Path("subject.py"), 1, "1 -> 2", "first = 2\n")
ONCE = "import pathlib\nmark = pathlib.Path('tried')\n"
LATE = "raise TimeoutError"


def write_test(runner: Runner, body: str) -> list[str]:
    """A file with one test of the subject."""
    lines = "\n".join(f"    {line}" for line in body.splitlines())
    text = f"from subject import first\n\ndef test_it():\n{lines}\n"
    (runner.tree / "test_subject.py").write_text(text, encoding="utf-8")
    return ["test_subject.py"]


@pytest.mark.parametrize(("test", "caught"), [("first == 1", True), ("True", False)])
def test_a_mutant_is_caught_by_a_test_that_fails(
    runner: Runner, test: str, caught: bool
) -> None:
    """The file is as it was afterwards."""
    tests = write_test(runner, f"assert {test}")
    assert runner.catches(MUTANT, tests) is caught
    assert runner.run(tests).code == 0
    assert (runner.tree / "subject.py").read_text(encoding="utf-8") == "first = 1\n"


@pytest.mark.parametrize(
    ("body", "caught"),
    [
        ("assert first == 3", False),
        (f"if first == 2: {LATE}", True),
        (LATE, False),
        (f"{ONCE}if not mark.exists():\n    mark.touch()\n    {LATE}", False),
    ],
    ids=["fails anyway", "late twice", "late anyway", "late once"],
)
def test_what_fails_for_another_reason_proves_nothing(
    runner: Runner, body: str, caught: bool
) -> None:
    """A test that fails without the mutant, too, and a limit of time that ran out but
    once: the machine was busy."""
    assert runner.catches(MUTANT, write_test(runner, body)) is caught
    assert runner.doubted == ([] if caught else ["test_subject.py::test_it"])


def test_the_others_are_asked_where_one_proves_nothing(runner: Runner) -> None:
    """Those behind the first that failed."""
    write_test(runner, "assert first == 3")
    text = "from subject import first\n\ndef test_more():\n    assert first == 1\n"
    (runner.tree / "test_more.py").write_text(text, encoding="utf-8")
    tests = ["test_subject.py::test_it", "test_more.py::test_more"]
    assert runner.catches(MUTANT, tests)
    assert runner.doubted == tests[:1]
