"""What a fit leaves behind: the policy as YAML, the tables of docs/policy.md, and the
precision/recall plot."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from app.domain.errors import ConfigurationError
from app.rules.policy import Policy, fingerprint

HEAD = """\
# The policy of who answers. Fitted by app/lab/fit_policy.py; docs/policy.md says how and how well.
# All weights are bits (base-2 log odds). score = intercept + one weight of each term + signal + trust + reception -
# fatigue - threshold; a bot wants to answer when its score is 0 or more.
"""
FINGERPRINT = """\
# Of the features, their numbers and the edges below: the program refuses weights that were fitted to others.
"""
HAND = """\
# Set by hand (a chat log knows nothing of them); a refit keeps them. `watched` is the zero point: in a log everybody
# watches the channel. `active` is zero because the fitted terms already know how lately the bot spoke. Nobody bids for
# an ambient message, and a direct one needs no bid.
"""
TERMS = """\
# A term is a table. Value v falls into the bin numbered by how many edges are at or below v; a table over two features
# has a row per bin of the first. 201 lines, 7201 seconds and above mean `never`. `tie` is app/rules/features.py, Tie.
# `nameless` weights count in a channel where few lines name anybody.
"""
BEGIN, END = "<!-- fitted: begin -->", "<!-- fitted: end -->"


@dataclass(frozen=True)
class FittedTerm:
    """One term: its features with their edges, and its weights in bits. `nameless` is
    empty for a term of two features."""

    group: str
    features: tuple[str, ...]
    edges: tuple[tuple[float, ...], ...]
    weights: Sequence[float]
    nameless: Sequence[float] = ()


LEFT, TOP, WIDE, HIGH = 60, 40, 400, 320


@dataclass(frozen=True)
class ScoreRow:
    """Precision, recall and F1 of who (pairs) and of anybody (triggers)."""

    who_precision: float
    who_recall: float
    who: float
    anybody_precision: float
    anybody_recall: float
    anybody: float

    def text(self) -> str:
        """One line."""
        return f"who F1 {self.who:.3f}, anybody F1 {self.anybody:.3f}"


@dataclass(frozen=True)
class Curve:
    """Points while the threshold rises, and the point that was chosen."""

    points: Sequence[ScoreRow]
    chosen: ScoreRow


def write_policy(
    by_hand: Policy, intercept: float, threshold: float, terms: Sequence[FittedTerm]
) -> str:
    """The text of `policy.yaml`."""
    fitted_on = fingerprint(
        list(zip(term.features, term.edges, strict=True)) for term in terms
    )
    lines = [
        HEAD + FINGERPRINT + f'fingerprint: "{fitted_on}"',
        "",
        f"intercept: {intercept:.2f}",
        f"threshold: {threshold:.2f}",
        "",
        HAND + "signals:",
    ]
    lines += [f"  {signal.value}: {bits:g}" for signal, bits in by_hand.signals.items()]
    lines += [
        f"reception: {by_hand.reception:g}  # bits that what a channel makes of a bot's unasked posts adds or takes at most",
        f"trust: {by_hand.trust:g}  # bits per trust level above or below the next line",
        f"trust_level: {by_hand.trust_level}",
        f"fatigue: {by_hand.fatigue:g}  # bits off per own line beyond the next line's number, among the last 20",
        f"fatigue_lines: {by_hand.fatigue_lines}",
        "",
        TERMS + "terms:",
    ]
    for term in terms:
        lines += _term_lines(term)
    return "\n".join(lines) + "\n"


def _term_lines(term: FittedTerm) -> list[str]:
    axes = [
        f"      - {{feature: {feature}, edges: [{', '.join(f'{edge:g}' for edge in cuts)}]}}"
        for feature, cuts in zip(term.features, term.edges, strict=True)
    ]
    width = len(term.edges[-1]) + 1
    lines = [f"  - group: {term.group}", "    axes:", *axes]
    for name, weights in (("weights", term.weights), ("nameless", term.nameless)):
        rows = [
            "      " + ", ".join(map(_bits, weights[place : place + width])) + ","
            for place in range(0, len(weights), width)
        ]
        lines += [f"    {name}: [", *rows, "    ]"] if rows else []
    return lines


def _bits(bits: float) -> str:
    # "-0.00" would make two refits differ by nothing.
    return "0.00" if abs(bits) < 0.005 else f"{bits:.2f}"


Rows = Mapping[str, tuple[ScoreRow, ScoreRow | None]]
"""What is scored -> its scores in the rooms of the first kind, and in the others."""


def write_docs(docs: Path, rows: Rows, plot: str) -> None:
    """Put the table between the markers of policy.md, and the plot beside it."""
    (docs / "img").mkdir(parents=True, exist_ok=True)
    (docs / "img" / "policy.svg").write_text(plot, encoding="utf-8")
    page = docs / "policy.md"
    text = page.read_text(encoding="utf-8")
    if BEGIN not in text or END not in text:
        raise ConfigurationError(f"{page} lacks the markers {BEGIN} and {END}")
    before, rest = text.split(BEGIN, 1)
    page.write_text(
        f"{before}{BEGIN}\n{_markdown_table(rows)}\n{END}{rest.split(END, 1)[1]}",
        encoding="utf-8",
    )


def _markdown_table(rows: Rows) -> str:
    lines = [
        "| cross-validated | who: precision | recall | F1 | anybody: precision | recall | F1 | other rooms: who F1 | anybody F1 |",
        "|---|---|---|---|---|---|---|---|---|",
    ]
    for name, (row, others) in rows.items():
        cells = [
            *(row.who_precision, row.who_recall, row.who),
            *(row.anybody_precision, row.anybody_recall, row.anybody),
            *((others.who, others.anybody) if others is not None else ()),
        ]
        texts = [f"{cell:.3f}" for cell in cells] + ["–"] * (8 - len(cells))
        lines.append(f"| {name} | {' | '.join(texts)} |")
    return "\n".join(lines)


def draw_plot(curve: Curve) -> str:
    """The plot as SVG: recall to the right, precision upwards."""
    who = [(row.who_recall, row.who_precision) for row in curve.points]
    anybody = [(row.anybody_recall, row.anybody_precision) for row in curve.points]
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {LEFT + WIDE + 30} {TOP + HIGH + 60}" '
        'font-family="sans-serif" font-size="13" role="img">',
        "<title>Precision and recall of the policy, cross-validated</title>",
        '<rect width="100%" height="100%" fill="#ffffff"/>',
        *_grid_lines(),
        _curve_line(who, "#1f5fa8"),
        _curve_line(anybody, "#c25a12"),
        _threshold_dot(curve.chosen.who_recall, curve.chosen.who_precision, "#1f5fa8"),
        _threshold_dot(
            curve.chosen.anybody_recall, curve.chosen.anybody_precision, "#c25a12"
        ),
        _text_element(
            LEFT + WIDE - 8,
            y=TOP + 20,
            words="who answers (message and bot)",
            anchor="end",
            colour="#1f5fa8",
        ),
        _text_element(
            LEFT + WIDE - 8,
            y=TOP + 38,
            words="anybody answers (message)",
            anchor="end",
            colour="#c25a12",
        ),
        _text_element(
            LEFT + WIDE - 8,
            y=TOP + 56,
            words="dot: the threshold shipped",
            anchor="end",
            colour="#333333",
        ),
    ]
    return "\n".join([*parts, "</svg>"]) + "\n"


def _grid_lines() -> list[str]:
    parts = []
    for tenth in range(0, 11, 2):
        x, y = _point_at(tenth / 10, tenth / 10)
        parts += [
            f'<path d="M{x} {TOP}V{TOP + HIGH}M{LEFT} {y}H{LEFT + WIDE}" stroke="#dddddd"/>',
            _text_element(x, TOP + HIGH + 18, f"{tenth / 10:g}", "middle"),
            _text_element(LEFT - 8, y + 4, f"{tenth / 10:g}", "end"),
        ]
    return [
        *parts,
        _text_element(LEFT + WIDE / 2, TOP + HIGH + 42, "recall", "middle"),
        _text_element(LEFT, TOP - 14, "precision", "middle"),
    ]


def _point_at(recall: float, precision: float) -> tuple[float, float]:
    return round(LEFT + WIDE * recall, 1), round(TOP + HIGH * (1 - precision), 1)


def _curve_line(points: Sequence[tuple[float, float]], colour: str) -> str:
    places = " ".join(f"{x},{y}" for x, y in (_point_at(*point) for point in points))
    return (
        f'<polyline points="{places}" fill="none" stroke="{colour}" stroke-width="2"/>'
    )


def _threshold_dot(recall: float, precision: float, colour: str) -> str:
    x, y = _point_at(recall, precision)
    return f'<circle cx="{x}" cy="{y}" r="5" fill="{colour}"/>'


def _text_element(
    x: float, y: float, words: str, anchor: str, colour: str = "#333333"
) -> str:
    return (
        f'<text x="{x}" y="{y}" text-anchor="{anchor}" fill="{colour}">{words}</text>'
    )
