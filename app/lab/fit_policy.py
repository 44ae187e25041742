"""Fits `app/rules/policy.yaml` to recorded chat and measures it: `python -m
app.lab.fit_policy FILE...`.

Cross-validation leaves whole channels and days out. Examples are all annotated messages
for the twelve most active people of a file; only the five that stand for bots are
scored. What differs in a channel where few lines name anybody is fitted afterwards, to
the moments of such channels alone, also of rooms of another kind (`--others`), which
are left out in turn and scored apart. What is set by hand (signals, trust, fatigue) is
kept.
"""

from __future__ import annotations

import argparse
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Console

from app.lab.additive import Design, Floats, Table, fit, log_odds
from app.lab.fitted import (
    Curve,
    FittedTerm,
    ScoreRow,
    draw_plot,
    write_docs,
    write_policy,
)
from app.lab.judge import BOTS, Log, read_log
from app.rules.features import FEATURES, features
from app.rules.policy import FEW_NAMES, Policy, parse_unfitted, policy_text
from app.rules.room import Room

Flags = NDArray[np.bool_]

FOLDS = 5
PEOPLE = 12
"""People per file whose choices are learned from, beside the five that are scored."""
OTHERS_KEPT = 3
"""Of the silent examples of people that are not scored, one of so many is kept, and
weighs as many."""
GRID = np.arange(-2.8, 0.01, 0.05)
"""Thresholds tried, in bits."""
NEIGHBOURS = 2
"""Grid points on each side that a threshold is judged with."""

LINES = (2, 3, 4, 6, 9, 14, 22, 40, 100, 201)
FEW_LINES = (2, 4, 8, 20, 60, 201)
SECONDS = (1, 31, 61, 121, 241, 601, 1801, 7201)
COUNT = (1, 2, 3, 5, 9, 15)
SHARE = (0.05, 0.1, 0.2, 0.35, 0.5, 0.7, 0.85)
WORDS = (0.5, 3, 5, 8, 13, 20)
AXES: dict[str, dict[str, tuple[float, ...]]] = {
    "names": {"tie": tuple(range(1, 10)), "others_named": (1, 2)},
    "thread": {
        "told_gap": LINES,
        "told_secs": SECONDS,
        "told_count": COUNT,
        "told_later": (1, 2, 3, 5, 201),
        "author_since": (1, 2, 3, 4, 6, 101),
        "heard_gap": LINES,
        "heard_count": COUNT,
        "back_gap": LINES,
        "back_count": COUNT,
        "to_author": COUNT,
        "to_author_share": (0.1, 0.3, 0.6, 1, 2),
        "bot_target": (1, 2, 3),
        "bot_asked": (1, 2),
        "partners": (1, 2, 3),
    },
    "presence": {
        "bot_gap": LINES,
        "bot_secs": SECONDS,
        "bot_pace": (0.15, 0.3, 0.5, 0.9, 1.6, 3, 8, 30),
        "bot_lines_near": (1, 2, 3, 4, 6, 8, 11),
        "bot_lines": (1, 3, 8, 15, 30, 60),
        "bot_share": (0.01, 0.03, 0.05, 0.08, 0.12, 0.18, 0.28),
        "bot_rate": (0.3, 1, 2.5, 5, 8, 12, 17),
        "speakers_since": (2, 3, 4, 6, 9, 13, 18),
    },
    "role": {
        "bot_asks": SHARE,
        "bot_names": SHARE,
        "bot_volunteers": (0.015, 0.03, 0.06, 0.1, 0.16, 0.25),
        "bot_helps": (0.02, 0.1, 0.3, 0.7, 1.2, 2),
        "bot_helped_gap": LINES,
        "bot_replies": (0.4, 0.55, 0.7, 0.8, 0.88),
        "bot_waiting": (1, 2, 3, 4),
    },
    "text": {
        "kind": tuple(range(1, 7)),
        "marks": (1, 2),
        "length": (2, 4, 6, 9, 13, 19, 28, 45),
        "content": (1, 2, 4, 6, 9, 14),
        "you": (1,),
        "joins": (1,),
    },
    "topic": {"words": WORDS, "words_recent": WORDS},
    "room": {
        "author_lines": (1, 2, 4, 8, 16, 40),
        "author_gap": LINES,
        "author_secs": SECONDS,
        "author_burst": (1.1, 1.2, 1.35, 1.6),
        "author_names": SHARE,
        "run": (1, 2, 3),
        "minute": (1, 3, 6, 10, 15, 22, 30),
        "crowd": (3, 5, 7, 9, 11, 13),
        "pause": (1, 31, 61, 181),
    },
}
CROSSES: tuple[tuple[str, str], ...] = (
    *(
        ("tie", other)
        for other in (
            "told_gap",
            "bot_gap",
            "marks",
            "kind",
            "length",
            "bot_lines_near",
            "bot_helps",
            "bot_volunteers",
            "bot_pace",
            "speakers_since",
            "words_recent",
            "to_author",
            "author_since",
            "minute",
        )
    ),
    ("bot_gap", "told_gap"),
    ("bot_gap", "bot_volunteers"),
    ("bot_gap", "marks"),
    ("bot_gap", "length"),
    ("bot_gap", "words_recent"),
    ("bot_pace", "words"),
    ("marks", "told_gap"),
    ("marks", "bot_volunteers"),
    ("author_since", "told_gap"),
    ("back_gap", "told_gap"),
)
UNORDERED = frozenset({"tie", "kind", "bot_target"})
GROUP_OF = {feature: group for group, axes in AXES.items() for feature in axes}
EDGES = {feature: edges for axes in AXES.values() for feature, edges in axes.items()}


@dataclass(frozen=True)
class Examples:
    """Rows of (message, person). `scored` rows come in fives: one trigger for the five
    bots of its file. `main`: of the kind of room that all weights are learned from."""

    table: Floats
    labels: Floats
    weights: Floats
    scored: Flags
    group: NDArray[np.int64]
    main: Flags

    @property
    def few_names(self) -> Flags:
        """Those of moments when few lines of the channel named anybody."""
        return np.asarray(self.table[:, FEATURES.index("room_names")] < FEW_NAMES)


def gather_examples(logs: Sequence[Log]) -> Examples:
    """All examples of the logs, in order."""
    groups = sorted({channel_day(log) for log in logs})
    order = np.random.default_rng(0).permutation(len(groups))
    rows: list[tuple[float, ...]] = []
    marks: list[tuple[float, float, bool, int]] = []
    for log in logs:
        fold = int(order[groups.index(channel_day(log))]) % FOLDS
        for row, label, scored in _example_rows(log):
            kept = scored or label or len(marks) % OTHERS_KEPT == 0
            weight = 1.0 if scored or label else float(OTHERS_KEPT)
            # A row that is left out still moves the count, so that which ones are kept
            # depends on nothing else.
            marks.append((float(label), weight if kept else 0.0, scored, fold))
            rows.append(row if kept else ())
    kept_rows = [place for place, row in enumerate(rows) if row]
    columns = list(zip(*(marks[place] for place in kept_rows), strict=True))
    return Examples(
        table=np.array([rows[place] for place in kept_rows]),
        labels=np.array(columns[0]),
        weights=np.array(columns[1]),
        scored=np.array(columns[2], dtype=np.bool_),
        group=np.array(columns[3], dtype=np.int64),
        main=np.ones(len(kept_rows), dtype=np.bool_),
    )


def join_examples(main: Examples, others: Examples) -> Examples:
    """Both, `main` first, in folds of their own: what is scored is scored by weights
    that learned from the whole other kind."""
    return Examples(
        table=np.concatenate([main.table, others.table]),
        labels=np.concatenate([main.labels, others.labels]),
        weights=np.concatenate([main.weights, others.weights]),
        scored=np.concatenate([main.scored, others.scored]),
        group=np.concatenate([main.group, others.group + FOLDS]),
        main=np.concatenate([main.main, np.zeros_like(others.main)]),
    )


def channel_day(log: Log) -> str:
    """What must not be split over folds: a channel's day, or a channel whose files are
    numbered."""
    return re.sub(r"-\d$", "", Path(log.name).stem)


def _example_rows(log: Log) -> list[tuple[tuple[float, ...], bool, bool]]:
    people = [
        author
        for author, _ in Counter(
            one.utterance.author for one in log.said if one.human
        ).most_common(PEOPLE)
    ]
    labels, triggers = log.find_labels(people), log.find_triggers()
    room = Room({bot: (bot,) for bot in log.bots})
    found = []
    for one in log.said:
        if one.annotated and one.human:
            trigger = one.utterance.message_id in triggers
            for place, person in enumerate(people):
                scored = trigger and place < BOTS
                # Of people who have not spoken yet there is nothing to learn from.
                if person != one.utterance.author and (
                    scored or room.person(person).lines
                ):
                    table = features(room, one.utterance, person)
                    answered = person in labels.get(one.utterance.message_id, ())
                    found.append((tuple(table.values()), answered, scored))
        room.observe(one.utterance)
    return found


def design_terms(without: str = "") -> tuple[Design, tuple[tuple[str, ...], ...]]:
    """The terms, and their features; `without` leaves a group out, with every pair that
    it takes part in."""
    terms = [(feature,) for feature, group in GROUP_OF.items() if group != without]
    pairs = [
        pair
        for pair in CROSSES
        if all(GROUP_OF[feature] != without for feature in pair)
    ]
    chosen: list[tuple[str, ...]] = [*terms, *pairs]
    return Design(tuple(_table_for(features_) for features_ in chosen)), tuple(chosen)


def _table_for(chosen: tuple[str, ...]) -> Table:
    edges = [
        tuple(
            float(edge)
            for edge in (
                FEW_LINES
                if len(chosen) == 2 and EDGES[feature] == LINES
                else EDGES[feature]
            )
        )
        for feature in chosen
    ]
    return Table(
        tuple(FEATURES.index(feature) for feature in chosen),
        tuple(edges),
        tuple(feature not in UNORDERED for feature in chosen),
    )


@dataclass(frozen=True)
class FittedWeights:
    """In nats. `all_rooms`: of all terms; `nameless`: what is added to those of one
    feature where few lines name anybody."""

    all_rooms: Floats
    nameless: Floats


class Fitting:
    """Fits to examples, in two steps. In one, the few rooms without names would move the
    weights of all others."""

    def __init__(self, examples: Examples, without: str = "") -> None:
        self.examples = examples
        self.design, self.terms = design_terms(without)
        self.singles = Design(
            tuple(table for table in self.design.tables if len(table.columns) == 1)
        )
        self._cells = self.design.cells(examples.table)
        self._single_cells = self.singles.cells(examples.table)

    def fit(self, seen: Flags, start: Floats | None = None) -> FittedWeights:
        """The weights that fit these examples best; `start` for those of all rooms."""
        examples = self.examples
        main, few = seen & examples.main, seen & examples.few_names
        all_rooms = fit(
            self.design,
            cells=self._cells[main],
            labels=examples.labels[main],
            importance=examples.weights[main],
            start=start,
        )
        nameless = fit(
            self.singles,
            cells=self._single_cells[few],
            labels=examples.labels[few],
            importance=examples.weights[few],
            known=log_odds(all_rooms, self._cells[few]),
        )
        return FittedWeights(all_rooms, nameless)

    def bits(self, weights: FittedWeights, rows: Flags) -> Floats:
        """Scores of examples."""
        added = log_odds(weights.nameless, self._single_cells[rows])
        known = log_odds(weights.all_rooms, self._cells[rows])
        nats = known + np.where(self.examples.few_names[rows], added, 0.0)
        return np.asarray(nats / np.log(2.0), dtype=np.float64)

    def fitted_terms(self, weights: FittedWeights) -> list[FittedTerm]:
        """The terms as the policy has them."""
        sums = weights.all_rooms / np.log(2.0)
        apart = weights.nameless / np.log(2.0)
        found = []
        places = zip(self.terms, self.design.tables, self.design.offsets(), strict=True)
        for place, (names, table, begin) in enumerate(places):
            own = slice(begin, begin + table.size)
            nameless: Floats = np.zeros(0)
            # The terms of one feature come first in both designs.
            if len(names) == 1:
                # A policy has one intercept, so the first term takes the difference.
                level = apart[0] if place == 0 else 0.0
                nameless = sums[own] + apart[own] + level
            found.append(
                FittedTerm(
                    group=GROUP_OF[names[-1]],
                    features=names,
                    edges=table.edges,
                    weights=sums[own].tolist(),
                    nameless=nameless.tolist(),
                )
            )
        return found


@dataclass(frozen=True)
class Validated:
    """Out-of-fold scores in bits, by trigger and bot; labels, who is named, and the
    fold of each trigger."""

    bits: Floats
    labels: Flags
    named: Flags
    fold: NDArray[np.int64]

    def part(self, begin: int, end: int | None = None) -> Validated:
        """The triggers from `begin` to `end`."""
        some = slice(begin, end)
        return Validated(
            self.bits[some], self.labels[some], self.named[some], self.fold[some]
        )

    def choose(self, threshold: float) -> Flags:
        """What the decision function of the policy does with these scores and this
        threshold."""
        called = self.named & (self.bits >= threshold)
        others = np.where(self.named, -np.inf, self.bits)
        best = np.zeros_like(called)
        best[np.arange(len(best)), others.argmax(axis=1)] = (
            others.max(axis=1) >= threshold
        )
        return np.asarray(called | (best & ~any_chosen(called)[:, None]))

    def f1(self, chosen: Flags, among: Flags | None = None) -> tuple[float, float]:
        """F1 of who and of anybody."""
        picked, label = (
            (chosen, self.labels)
            if among is None
            else (chosen[among], self.labels[among])
        )
        return _f1_score(picked, label), _f1_score(
            any_chosen(picked), any_chosen(label)
        )

    def threshold(self, among: Flags | None = None) -> float:
        """The one that makes the two F1 together greatest, with its neighbours: the
        curve is flat, and a lucky point on it should not decide."""
        both = [sum(self.f1(self.choose(bits), among)) for bits in GRID]
        padded = np.pad(both, NEIGHBOURS, mode="edge")
        width = 2 * NEIGHBOURS + 1
        smooth = np.convolve(padded, np.full(width, 1.0 / width), "valid")
        return float(GRID[smooth.argmax()])

    def honest_row(self) -> ScoreRow:
        """The scores with a threshold that never saw the fold it is used on."""
        chosen = np.zeros_like(self.labels)
        for fold in range(FOLDS):
            held_out = self.fold == fold
            chosen[held_out] = self.choose(self.threshold(~held_out))[held_out]
        return self.row(chosen)

    def row(self, chosen: Flags) -> ScoreRow:
        """Precision and recall of both, and F1."""
        who, anybody = self.f1(chosen)
        return ScoreRow(
            *_precision_recall(chosen, self.labels),
            who,
            *_precision_recall(any_chosen(chosen), any_chosen(self.labels)),
            anybody,
        )


def any_chosen(chosen: Flags) -> Flags:
    """By trigger: whether any bot is chosen."""
    return np.asarray(chosen.any(axis=1), dtype=np.bool_)


def _precision_recall(chosen: Flags, label: Flags) -> tuple[float, float]:
    hits = float((chosen & label).sum())
    return hits / max(float(chosen.sum()), 1.0), hits / max(float(label.sum()), 1.0)


def _f1_score(chosen: Flags, label: Flags) -> float:
    return (
        2.0
        * float((chosen & label).sum())
        / max(float(chosen.sum() + label.sum()), 1.0)
    )


def cross_validate(examples: Examples, without: str = "") -> Validated:
    """Refit for each fold and score what was left out."""
    fitting = Fitting(examples, without)
    out = np.zeros(len(examples.labels))
    start: Floats | None = None
    for fold in np.unique(examples.group):
        seen, held_out = (
            examples.group != fold,
            (examples.group == fold) & examples.scored,
        )
        # From the fold before: most examples are the same, and the optimum is one.
        weights = fitting.fit(seen, start)
        start = weights.all_rooms
        out[held_out] = fitting.bits(weights, held_out)
    five = examples.scored
    named = examples.table[:, FEATURES.index("named")]
    return Validated(
        out[five].reshape(-1, BOTS),
        examples.labels[five].reshape(-1, BOTS) > 0,
        named[five].reshape(-1, BOTS) > 0,
        examples.group[five].reshape(-1, BOTS)[:, 0],
    )


def threshold_curve(validated: Validated, threshold: float) -> Curve:
    """Precision and recall while the threshold rises."""
    points = [
        validated.row(validated.choose(bits)) for bits in np.arange(-6.0, 2.51, 0.25)
    ]
    return Curve(points, validated.row(validated.choose(threshold)))


def shipped_text(examples: Examples, threshold: float, by_hand: Policy) -> str:
    """The text of `policy.yaml`, fitted to all examples."""
    fitting = Fitting(examples)
    weights = fitting.fit(np.ones_like(examples.main))
    intercept = float(weights.all_rooms[0] / np.log(2.0))
    terms = fitting.fitted_terms(weights)
    return write_policy(by_hand, intercept, threshold, terms)


def main(
    arguments: Sequence[str] | None = None, say: Callable[[str], None] | None = None
) -> None:
    """Fit, validate, and write the policy, the plot and the tables."""
    say = say or Console().print
    parser = argparse.ArgumentParser(
        description="Fit the policy of who answers to recorded chat."
    )
    parser.add_argument("files", nargs="+", type=Path)
    parser.add_argument("--policy", type=Path, default=Path("app/rules/policy.yaml"))
    parser.add_argument(
        "--docs",
        type=Path,
        help="folder whose policy.md and img/ get the tables and the plot",
    )
    parser.add_argument(
        "--others",
        nargs="+",
        type=Path,
        default=[],
        help="logs of another kind of room, scored apart",
    )
    chosen = parser.parse_args(arguments)
    # Read before the long work: the features may have changed since the last fit.
    by_hand = parse_unfitted(policy_text())
    examples = main_kind = _read_examples(chosen.files, say)
    if chosen.others:
        examples = join_examples(main_kind, _read_examples(chosen.others, say))
    triggers = int(main_kind.scored.sum()) // BOTS
    full = cross_validate(examples)
    threshold = full.part(0, triggers).threshold()
    rows = {"policy": score_rows(full, triggers)}
    say(
        f"cross-validated: {_row_text(*rows['policy'])}; threshold {threshold:.2f} bits"
    )
    chosen.policy.write_text(
        shipped_text(examples, threshold, by_hand), encoding="utf-8"
    )
    if chosen.docs is not None:
        for group in AXES:
            without = score_rows(cross_validate(examples, group), triggers)
            rows[f"without {group}"] = without
            say(f"without {group}: {_row_text(*without)}")
        curve = threshold_curve(full.part(0, triggers), threshold)
        write_docs(chosen.docs, rows, draw_plot(curve))


def score_rows(validated: Validated, triggers: int) -> tuple[ScoreRow, ScoreRow | None]:
    """Scores of the first so many triggers, and of all others with the threshold that
    is best for the first."""
    main_kind, others = validated.part(0, triggers), validated.part(triggers)
    if len(others.bits) == 0:
        return main_kind.honest_row(), None
    chosen = others.choose(main_kind.threshold())
    return main_kind.honest_row(), others.row(chosen)


def _row_text(row: ScoreRow, others: ScoreRow | None) -> str:
    if others is None:
        return row.text()
    return f"{row.text()}; other rooms, each left out: {others.text()}"


def _read_examples(files: Sequence[Path], say: Callable[[str], None]) -> Examples:
    logs = [log for log in map(read_log, sorted(files)) if log is not None]
    examples = gather_examples(logs)
    triggers = int(examples.scored.sum()) // BOTS
    say(f"{len(logs)} files, {len(examples.labels):,} examples, {triggers:,} triggers")
    return examples


if __name__ == "__main__":
    main()
