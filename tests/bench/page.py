"""docs/benchmarks.md from the figures of a run. Pure."""

from __future__ import annotations

from tests.bench.cells import cell, goal_text
from tests.bench.changes import read_changes, section_of
from tests.bench.figures import Results, Row

HEAD = """\
<!-- Made by `make bench`. Do not edit. -->
# Benchmarks

Each figure stands beside a floor or a peer of the *same run*, measured alternately on one machine: read the ratios, as the
milliseconds are those of this machine. A cell is the median of the rounds, with quartiles in brackets; a ratio is taken round by
round. Discord is this project's loopback Discord on the same processors, and the offline voice answers, so the figures show
the stream's own share of an answer.

```
make bench            # about a quarter of an hour, on a machine that does nothing else
FULL=1 make bench     # more rounds, longer ones
make bench BEFORE=865be5f   # an older commit beside today's code, some ten minutes
```

It needs Linux, and a package index for one peer (arq gets its own virtual environment; without an index it is left out
and the page says so). [benchmarks.json](benchmarks.json) has the same figures; [scaling](scaling.md) says what follows for larger fleets.
"""
PLOTS = {
    "rates": "Milliseconds from POST to answer over messages a second",
    "flat": "Milliseconds from POST to answer over bots in one gateway",
}
FOOT = """
## Why an answer takes more than four echoes

No one step does: the steps of an answer and the parts of a turn's processor time are above, where they were measured (`make bench
ONLY="stages turns"` measures them alone). An echo neither asks Redis nor decides. A turn goes to Redis six times before its POST, one after
another, since each answer decides the next question; it reads the channel, runs the graph, and Celery hands it from process to
process. Most of that is Python code on one thread, so 300 turns at once take 300 times a turn's processor time, however long their
model takes: more at once needs more workers.

By processor time an answer at 8 messages a second was (2026-11-27, three bots, `/proc` and py-spy; `make bench ONLY=processes` measures
the first part again):

| | share |
|---|--:|
| the worker that answers | 45% |
| the gateway | 20% |
| the worker of unasked cycles, much of it the sentence encoder | 14% |
| Redis | 12% |
| the rest of `up` | 9% |
| of the worker: the turn's own thread | 61% |
| - its own code, and what the nodes do | 19% |
| - the sentence encoder, whose weights are read from memory for each message | 14% |
| - LangGraph | 13% |
| - Redis's client | 10% |
| - likeness to the bot's subjects | 5% |
| of the worker: Discord's REST and the delivery | 22% |
| of the worker: Celery's main thread, a third of it the events that Flower shows | 11% |
| of the worker: logs, memory, heartbeats | 6% |

Tried, and without effect or not taken: one thread for the renewals of all locks (a thread for each turn costs 0.08 ms); hiredis (an
admission of a hundred bots takes half of the client's time, but a program whose Sentinels moved the primary met a connection that was
being closed: `test_an_ordered_failover...`); a shorter interval after which Python's threads change places (5 ms to 1 and 0.3: no
difference); a way to wake a worker beside Celery ([ADR 13](adr/0013-celery-is-a-hint.md)); asking Discord before the floor is granted
(colleagues may post until then).

## Why 300 model calls are not in flight at once

They wait for the interpreter, not for each other. A worker took 32.7 ms of processor time for a message with 30 of them at once and 28.8
with 300 (2026-11-27, a model behind OpenAI's client, loaded machine; on the code of some hours before 41.0, 41.9, 41.0 and 42.0 with 30,
300, 30 and 300): their number adds nothing, so no lock, queue or pool holds them up. At that price one interpreter serves some 35 turns
a second, and 300 calls of 2 s want 150 a second. More workers hold more. Where it goes with 300, by what the kernel counts for each
thread (`/proc/PID/task/*/schedstat`; `py-spy record --gil` gave Celery's thread more than three times its share):

| | share |
|---|--:|
| the turns' own threads | 51% |
| LangChain's and OpenAI's client | 18% |
| Discord's REST and the delivery | 14% |
| Celery's main thread | 12% |
| memory | 4% |

Where a gateway of a hundred bots spends its time: [ADR 33](adr/0033-one-copy-for-all-bots-of-a-process.md).

## What is compared

- **echo bot**: 20 lines of discord.py that answer a mention at once, in one process. This is the floor.
- **naive bots**: a discord.py bot for each character that answers every message. Every message gets as many answers as
  there are bots, and would cost as many model calls.
- **Celery**: a discord.py bot that hands each mention to a Celery worker by `send_task`; the worker posts. No floor, no election, no
  journal, and a message that is redelivered is answered twice.
- **arq**: the same with arq, which by default looks for jobs every half second.
- **The Stream**: `the-stream up` as an operator starts it, but without caps, cooldown and quiet time. Unanswered messages
  count as 10 s. Processor time is that of all its processes, including idle work, which matters at one message a second.

Peers are in `tests/bench/peers`.
"""


def page_of(results: Results) -> str:
    """The whole page."""
    parts = [HEAD, "", f"**{results.machine['line']}**", ""]
    parts.append(
        f"{results.machine['when']}, {results.machine['what']}, "
        f"{'long' if results.full else 'short'} form."
    )
    lines = list(results.skipped)
    if results.missing:
        lines.append(f"not measured: {', '.join(results.missing)}")
    parts += ["", *(f"- {one}" for one in lines), ""]
    drawn = {curve.plot for curve in results.curves}
    parts += [
        f"![{what}](img/bench-{name}.svg)\n"
        for name, what in PLOTS.items()
        if name in drawn
    ]
    loaded = bool(results.machine["loaded"])
    sections: dict[str, list[Row]] = {}
    for row in results.rows:
        sections.setdefault(row.section, []).append(row)
    for section, rows in sections.items():
        parts += [f"## {section}", "", *_table(rows, loaded), ""]
    if results.before is not None:
        parts += section_of(read_changes(results.before))
    return "\n".join(parts) + FOOT


def _table(rows: list[Row], loaded: bool) -> list[str]:
    notes = any(row.note for row in rows)
    lines = [
        "| | The Stream | beside | | ratio | goal |" + (" |" if notes else ""),
        "|---|--:|---|--:|--:|---|" + ("---|" if notes else ""),
    ]
    for row in rows:
        line = (
            f"| {row.name} | {cell(row.ours, row.unit)} | {row.base_name} "
            f"| {cell(row.base, row.unit)} | {cell(row.ratios, 'x')} "
            f"| {goal_text(row, loaded)} |"
        )
        lines.append(line + (f" {row.note} |" if notes else ""))
    return lines
