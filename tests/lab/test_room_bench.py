"""The room benchmark: what it counts, whom it can score, and what it refuses."""

from __future__ import annotations

import json
import shutil
from collections.abc import Collection, Sequence
from importlib import resources
from pathlib import Path

import pytest

from app.domain.errors import ConfigurationError
from app.lab.deciders import (
    All,
    AtRandom,
    Last,
    MakeDecider,
    Named,
    NamedElseLast,
    Ours,
    Participant,
    Patient,
    load_decider,
)
from app.lab.judge import Log, RecordedMessage, judge
from app.lab.room_bench import main
from app.lab.room_scores import (
    read_logs,
    score_chat,
    score_experts,
    score_thoughts,
    thoughts_of,
)
from app.rules.policy import shipped_policy
from app.rules.room import Utterance

BY_WORDS = ("--interest", "words")
BOTS = [Participant("vega", ("vega",)), Participant("lyra", ("lyra",))]
LABELLED: list[dict[str, object]] = [
    {"text": "How many hearts does an octopus have?", "expert": "elena"},
    {"text": "a cocktail without gin", "expert": "dotty"},
    {"text": "brb", "expert": None},
]


class Chatty:
    """A decider of another project: it asks a model about each message."""

    def __init__(self, bots: Sequence[Participant]) -> None:
        self.model_calls = 0
        self._first = bots[0].name

    def decide(self, utterance: Utterance, resting: frozenset[str]) -> Collection[str]:
        """The first bot answers everything."""
        self.model_calls += 1
        return [self._first]

    def observe(self, utterance: Utterance) -> None:
        """It remembers nothing."""


def said(
    number: int, author: str, text: str, at_s: float, to: int = -1
) -> RecordedMessage:
    """One annotated line."""
    utterance = Utterance(
        f"m{number}", author, text, 1_000_000 + int(at_s * 1000), (author,)
    )
    return RecordedMessage(
        utterance, True, True, frozenset({f"m{to}"} if to >= 0 else ())
    )


def small_log() -> Log:
    """A guest writes one thought in three lines, is answered, and asks once more by
    name."""
    return Log(
        "small",
        [
            said(0, "vega", "here", 0),
            said(1, "guest", "hello", 20),
            said(2, "guest", "how do I mount this", 24),
            said(3, "guest", "it is a disk", 33),
            said(4, "lyra", "guest: with mount", 40, to=2),
            said(5, "guest", "lyra: as root?", 61.5),
            said(6, "lyra", "yes", 70, to=5),
        ],
        ("vega", "lyra"),
    )


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A folder of data: a log of helpers who are asked by name, and labelled lines."""
    irc, expert = tmp_path / "chat" / "irc", tmp_path / "expert"
    irc.mkdir(parents=True)
    rows: list[dict[str, object]] = []
    for place in range(0, 120, 2):
        helper, at = f"helper{place // 2 % 5}", f"2020-01-01T{place // 60:02}"
        minute = place % 60
        rows += [
            {
                "id": f"m{place}",
                "author": f"guest{place}",
                "ts": f"{at}:{minute:02}:07Z",
                "content": f"{helper}: what is this?",
            },
            {
                "id": f"m{place + 1}",
                "author": helper,
                "ts": f"{at}:{minute + 1:02}:07Z",
                "content": "a penguin",
                "reply_to": f"m{place}",
            },
        ]
    _write_rows(irc / "a.jsonl", rows)
    expert.mkdir()
    shipped = Path(str(resources.files("app") / "characters"))
    shutil.copytree(shipped, expert / "characters")
    _write_rows(expert / "dev.jsonl", LABELLED)
    return tmp_path


def _write_rows(file: Path, rows: Sequence[dict[str, object]]) -> None:
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")


def test_our_decision_has_the_figures_of_the_judge(data: Path) -> None:
    """On chat logs the benchmark scores the policy as `replay --judge` does."""
    logs = read_logs(data / "chat" / "irc")
    found = score_chat(logs, Ours(shipped_policy())).tally.scores()
    report = judge([data / "chat" / "irc" / "a.jsonl"], shipped_policy())
    assert found == report.policy.scores()
    assert found["who"]["f1"] == 1.0


def test_lines_of_one_author_within_ten_seconds_are_one_thought() -> None:
    """Another's line or a longer pause ends a thought."""
    assert [len(thought) for thought in thoughts_of(small_log())] == [1, 3, 1, 1, 1]


@pytest.mark.parametrize(
    ("make", "replies"), [(All, 6.0), (Last, 3.0), (Chatty, 3.0)], ids=str
)
def test_replies_to_a_thought_are_counted(make: MakeDecider, replies: float) -> None:
    """Whoever answers each line of a thought gives three replies to it."""
    figures = score_thoughts([small_log()], make).figures()
    assert figures == {"replies a thought": replies}


class Waits(Chatty):
    """A decider that waits two seconds after a short line, and calls what comes within
    seven of its answer an afterthought."""

    def wait_ms(self, lines: Sequence[Utterance]) -> int:
        """After fewer than ten characters more is to come."""
        return 5_000 if len(lines[-1].text) < 10 else 0

    def is_afterthought(
        self, line: Utterance, lines: Sequence[Utterance], at_ms: int
    ) -> bool:
        """Within ten seconds."""
        return line.at_ms - at_ms < 10_000


def test_who_waits_is_asked_once_with_all_lines() -> None:
    """The greeting waits for the question, and what follows the answer at once is
    part of it."""
    asked: list[str] = []

    class Asked(Waits):
        def decide(
            self, utterance: Utterance, resting: frozenset[str]
        ) -> Collection[str]:
            asked.append(utterance.text)
            return super().decide(utterance, resting)

    figures = score_thoughts([small_log()], Asked).figures()
    assert figures == {"replies a thought": 1.0}
    assert asked == ["hello\nhow do I mount this"]


def test_our_rule_of_thoughts_is_part_of_our_decision() -> None:
    """A greeting alone is waited for, a question is not."""
    ours = Ours(shipped_policy())(BOTS)
    assert isinstance(ours, Patient)
    assert ours.wait_ms([said(1, "guest", "hello", 0).utterance]) > 0
    assert ours.wait_ms([said(1, "guest", "how do I mount this?", 0).utterance]) == 0


def test_a_thought_that_nobody_answers_has_no_figure() -> None:
    """Silence is neither one reply nor many."""
    assert score_thoughts([small_log()], Named).figures() == {}


def test_pile_ons_and_calls_are_counted() -> None:
    """Only messages that name no bot can be piled on; each answer is a call, and so is
    each decision by a model."""
    everybody = score_chat([small_log()], All)
    assert (everybody.unaddressed, everybody.piled) == (3, 3)
    assert everybody.figures()["calls a message"] == 2.0
    assert score_chat([small_log()], Chatty).figures()["calls a message"] == 2.0
    assert score_chat([small_log()], Named).figures()["pile-ons"] == 0.0


def test_the_last_who_spoke_to_somebody_is_asked_for_five_minutes() -> None:
    """`named, else the last` knows whom a bot answered by name."""
    decider = NamedElseLast(BOTS)
    for one in small_log().said[:5]:
        decider.observe(one.utterance)
    soon, late = (
        said(8, "guest", "and?", 300).utterance,
        said(9, "guest", "and?", 400).utterance,
    )
    assert set(decider.decide(soon, frozenset())) == {"lyra"}
    assert set(decider.decide(late, frozenset())) == set()


def test_chance_speaks_as_often_as_it_is_told() -> None:
    """The same in every run, and another choice in each room."""
    utterance = said(1, "guest", "hm", 0).utterance
    runs = []
    for _ in range(2):
        make = AtRandom(0.3)
        runs.append(
            [len(make(BOTS).decide(utterance, frozenset())) for _ in range(300)]
        )
    assert runs[0] == runs[1]
    assert sum(runs[0]) / 300 == pytest.approx(0.3, abs=0.06)


def test_experts_are_scored_for_any_decider(data: Path) -> None:
    """Ours finds the experts by their words; answering everything is false speech."""
    ours = score_experts(data / "expert", Ours(shipped_policy()))
    first = score_experts(data / "expert", Chatty)
    assert (ours["fresh right"], ours["fresh wrong"]) == (1.0, 0.0)
    assert ours["false speech"] == 0.0
    assert first["false speech"] == 1.0
    assert first["fresh wrong"] == pytest.approx(1.0)
    assert first["calls a message"] == pytest.approx(2.0)


def test_a_decider_is_named_by_module_and_function() -> None:
    """As on the command line."""
    assert load_decider(f"{__name__}:Chatty") is Chatty


@pytest.mark.parametrize("path", ["no.such.module:make", f"{__name__}:none", "", "a"])
def test_a_decider_that_is_none_is_named(path: str) -> None:
    """One line says which, and why."""
    with pytest.raises(ConfigurationError, match=f"^{path}"):
        load_decider(path)


def test_the_command_writes_the_page(data: Path, tmp_path: Path) -> None:
    """Every decider has a row in every table; data that is missing is left out."""
    page = tmp_path / "page.md"
    arguments = [str(data), "--cast", str(tmp_path), "--page", str(page), *BY_WORDS]
    assert main([*arguments, "--decider", f"{__name__}:Chatty"]) == 0
    text = page.read_text(encoding="utf-8")
    assert text.count(f"| {__name__}:Chatty |") == 2
    assert text.count("| The Stream, words alone |") == 2
    assert "LiveChat\n" not in text


def test_without_data_the_shipped_cast_is_scored_and_no_page_is_written(
    data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """And the command says so."""
    page = tmp_path / "page.md"
    none = str(tmp_path / "none")
    arguments = ["--cast", str(data / "expert"), "--page", str(page), *BY_WORDS]
    assert main([none, *arguments]) == 0
    assert not page.exists()
    assert "No data" in capsys.readouterr().err
    assert main([none, "--cast", none, *BY_WORDS]) == 2
