"""The report of a shadow run: one HTML file that fetches nothing, with charts drawn as
inline SVG. Whatever people wrote is escaped."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from html import escape
from typing import Any

WIDTH, HEIGHT, BAR = 720, 160, 22
STYLE = """
:root{color-scheme:light dark;--line:#8884;--bar:#5865f2;--soft:#888}
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}
table{border-collapse:collapse;width:100%}
td,th{border-bottom:1px solid var(--line);padding:.3rem .5rem;text-align:left}
td{vertical-align:top;overflow-wrap:anywhere}
td.n,th.n{text-align:right}
figure{margin:1rem 0;overflow-x:auto}
svg{max-width:100%;height:auto}
svg rect{fill:var(--bar)}
svg text{fill:currentColor;font:12px system-ui,sans-serif}
.soft{color:var(--soft)}
"""
POLICY = "default-src 'none'; style-src 'unsafe-inline'"
"""The page may load nothing and run nothing, whatever stands in it."""


def page_of(found: Mapping[str, Any]) -> str:
    """The whole file."""
    first = found["policies"][0]
    parts = [
        "<!doctype html><html lang=en><meta charset=utf-8>",
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">',
        "<meta name=viewport content='width=device-width'>",
        f"<title>What they would have answered</title><style>{STYLE}</style>",
        "<h1>What they would have answered</h1>",
        _summary(found),
        _figures(found),
        _figure("Answers a day", column_chart(first["by_day"])),
        _figure("By hour of the day (UTC)", column_chart(first["by_hour"])),
        _figure("By character", bar_chart(_named(first["by_bot"], found["bots"]))),
        _figure("By channel", bar_chart(first["by_channel"])),
    ]
    if "comparison" in found:
        parts.append(_changes(found))
    parts += [_answers(found), _premises(found)]
    return "\n".join(parts) + "\n"


def _summary(found: Mapping[str, Any]) -> str:
    heard = found["heard"]
    files = ", ".join(found["files"][:5])
    return (
        f"<p>{heard['messages']:,} messages of {heard['people']:,} people in "
        f"{heard['channels']:,} channels, {_time(heard['first'])} to "
        f"{_time(heard['last'])} UTC. <span class=soft>{escape(files)}</span></p>"
    )


FIGURES = (
    ("answers", "answers"),
    ("asked", "asked for"),
    ("unasked", "unasked"),
    ("pile_ons_prevented", "several wanted to, one did"),
    ("rested", "left, as the best had just spoken"),
    ("capped", "no room in a day's caps"),
    ("tokens", "tokens"),
)


def _figures(found: Mapping[str, Any]) -> str:
    policies = found["policies"]
    head = [""] + [one["policy"] for one in policies]
    rows = [[name, *(f"{one[key]:,}" for one in policies)] for key, name in FIGURES]
    rows.append(["US dollars", *(f"{one['usd']:.4f}" for one in policies)])
    return _table(head, rows, numbers=True)


def _changes(found: Mapping[str, Any]) -> str:
    other, bots = found["comparison"], found["bots"]
    names = [escape(one["policy"]) for one in found["policies"]]
    rows = [
        [*_said(one), _who(one["before"], bots), _who(one["bots"], bots)]
        for one in other["samples"]
    ]
    return (
        f"<h2>What {names[0]} changes against {names[1]}</h2>"
        f"<p>{other['changed']:,} messages are answered otherwise: {other['more']:,} by "
        f"somebody instead of nobody, {other['fewer']:,} by nobody any more. "
        f"The latest {len(rows)}:</p>"
    ) + _table(
        [*SAID, found["policies"][1]["policy"], found["policies"][0]["policy"]], rows
    )


def _answers(found: Mapping[str, Any]) -> str:
    samples = found["policies"][0]["samples"]
    rows = [
        [
            *_said(one),
            _who(one["bots"], found["bots"]) + ("" if one["asked"] else " (unasked)"),
        ]
        for one in samples
    ]
    return f"<h2>The latest {len(rows)} answers</h2>" + _table([*SAID, "answers"], rows)


def _premises(found: Mapping[str, Any]) -> str:
    models = ", ".join(
        f"{found['bots'][bot]}: {model or 'offline voice, without cost'}"
        for bot, model in found["models"].items()
    )
    return (
        "<h2>What this rests on</h2><p>All characters hear every channel and may speak "
        "unasked in each; cooldowns, quiet times and daily caps are those of the "
        "settings. No model was called: an answer counts as 80 tokens, a prompt as the "
        "character and the channel's last lines, at the prices of the character files "
        f"({escape(models)}).</p>"
    )


SAID = ("UTC", "channel", "who", "said")


def _said(one: Mapping[str, Any]) -> list[str]:
    return [_time(one["at"]), str(one["channel"]), str(one["author"]), str(one["text"])]


def _who(bots: Sequence[str], names: Mapping[str, str]) -> str:
    return ", ".join(names[bot] for bot in bots) or "nobody"


def _named(counts: Mapping[str, int], names: Mapping[str, str]) -> dict[str, int]:
    return {names[bot]: count for bot, count in counts.items()}


def _time(at: float) -> str:
    return datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M")


def _table(
    head: Sequence[str], rows: Iterable[Sequence[str]], numbers: bool = False
) -> str:
    mark = " class=n" if numbers else ""

    def cells(kind: str, row: Sequence[str]) -> str:
        return "".join(
            f"<{kind}{mark if place else ''}>{escape(text)}</{kind}>"
            for place, text in enumerate(row)
        )

    body = "\n".join(f"<tr>{cells('td', row)}</tr>" for row in rows)
    return f"<table><tr>{cells('th', head)}</tr>\n{body}</table>"


def _figure(title: str, chart: str) -> str:
    return f"<figure><figcaption>{escape(title)}</figcaption>{chart}</figure>"


def column_chart(counts: Mapping[str, int]) -> str:
    """Columns over their labels; of many labels only some are written."""
    most = max(counts.values(), default=0) or 1
    step = WIDTH / max(1, len(counts))
    every = max(1, len(counts) // 12)
    parts = []
    for place, (label, count) in enumerate(counts.items()):
        height = (HEIGHT - 40) * count / most
        left, top = place * step, HEIGHT - 20 - height
        parts.append(
            f'<rect x="{left:.1f}" y="{top:.1f}" width="{step * 0.8:.1f}" '
            f'height="{height:.1f}"><title>{escape(label)}: {count}</title></rect>'
        )
        if place % every == 0:
            parts.append(
                f'<text x="{left:.1f}" y="{HEIGHT - 4}">{escape(label[-5:])}</text>'
            )
    parts.append(f'<text x="0" y="12">{most}</text>')
    return _svg(WIDTH, HEIGHT, parts)


def bar_chart(counts: Mapping[str, int], shown: int = 20) -> str:
    """Bars beside their names, the longest first."""
    rows = list(counts.items())[:shown]
    most = max((count for _, count in rows), default=0) or 1
    parts = []
    for place, (label, count) in enumerate(rows):
        top, width = place * BAR, (WIDTH - 260) * count / most
        parts.append(f'<text x="0" y="{top + 15}">{escape(label[:28])}</text>')
        parts.append(f'<rect x="190" y="{top + 3}" width="{width:.1f}" height="16"/>')
        parts.append(f'<text x="{196 + width:.1f}" y="{top + 15}">{count}</text>')
    return _svg(WIDTH, max(1, len(rows)) * BAR, parts)


def _svg(width: int, height: int, parts: Sequence[str]) -> str:
    return (
        f'<svg viewBox="0 0 {width} {height}" width="{width}" height="{height}" '
        f'role="img">{"".join(parts)}</svg>'
    )
