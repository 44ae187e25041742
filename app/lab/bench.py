"""The nervous system's own share of an answer: POST of a message to POST of the reply,
beside a bare echo bot.

`python -m app.lab.bench`: the whole real system with the offline voice, and a 20-line
discord.py bot, take turns on one loopback Discord. For unaddressed messages the time
that the election waited for bids is taken off, and shown.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.progress import track
from rich.table import Table

from app.demo import report
from app.demo.demo import watching_everywhere
from app.demo.stage import Stage, add_bots, on_stage, run_to_end
from app.domain.character import load_characters
from app.host.valkey import die_with_parent
from app.loopback import Account, Channel, LoopbackDiscord, Post

SETTINGS = {
    "speak_channels": ("*",),
    "cooldown": 0,
    "quiet_time": 0,
    "person_hourly": 1_000_000,
    "daily_posts": 1_000_000,
    "daily_posts_all": 1_000_000,
    "person_share": 1,
    "newcomer_days": 0,
}
PATIENCE = 5.0
"""Seconds to wait for an answer to an addressed message."""
OPEN_PATIENCE = 1.5
"""Seconds to wait for an answer to an unaddressed one: that nobody wants to answer is
no failure."""
QUESTIONS = (
    "Does anybody know how many hearts an octopus has?",
    "What is a good drink without alcohol?",
    "How do you write a good chorus?",
    "Is it true that sharks are older than trees?",
    "Which microphone is good for recording at home?",
    "Why can I not sleep tonight?",
)


def main(
    messages: Annotated[int, typer.Option(min=1, help="how many of each kind")] = 200,
    json_file: Annotated[
        Path | None,
        typer.Option("--json", help="write the figures here", dir_okay=False),
    ] = None,
) -> None:
    """Measure, print the table, write the figures."""
    console = Console()
    with tempfile.TemporaryDirectory(prefix="the-stream-bench-") as folder:
        waits = run_to_end(measure_waits(Path(folder), messages, console))
    print_table(console, waits)
    if json_file is not None:
        figures = {
            kind: {"n": len(some), **report.spread_of(some)}
            for kind, some in waits.items()
        }
        json_file.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")


async def measure_waits(
    folder: Path, messages: int, console: Console
) -> dict[str, list[float]]:
    """Real milliseconds from POST to the reply's POST: `echo`, `addressed`,
    `unaddressed`, and the `window` waited."""
    # Uncompressed: Discord's own work is no part of what is measured.
    server = LoopbackDiscord(rate_limit=None, compress=False)
    characters = watching_everywhere(load_characters().values())
    bots, echo, person = (
        add_bots(server, characters),
        server.add_bot("Echo"),
        server.add_user("Mara"),
    )
    channel, side = server.add_channel("bench"), server.add_channel("side")
    await server.start()
    try:
        async with on_stage(
            server, bots=bots, characters=characters, folder=folder, settings=SETTINGS
        ) as stage:
            with _echo_bot(server, echo):
                await server.wait_for(lambda: echo in server.connected(), PATIENCE * 2)
                rounds = partial(
                    track, range(messages), console=console, transient=True
                )
                waits = await _time_addressed(
                    stage,
                    asked=(echo, *bots.values()),
                    person=person,
                    channel=side,
                    rounds=rounds(description="addressed"),
                )
                return waits | await _time_unaddressed(
                    stage, person, channel, rounds(description="unaddressed")
                )
    finally:
        await server.stop()


async def _time_addressed(
    stage: Stage,
    asked: Sequence[Account],
    person: Account,
    channel: Channel,
    rounds: Iterable[int],
) -> dict[str, list[float]]:
    """Each round mentions the echo bot and one of ours, so that both meet the same
    machine."""
    waits: dict[str, list[float]] = {"echo": [], "addressed": []}
    echo, *ours = asked
    for place in rounds:
        for kind, bot in (("echo", echo), ("addressed", ours[place % len(ours)])):
            post = stage.server.post(
                person, channel, f"{bot.mention} what do you say to number {place}?"
            )
            wait = await _wait_for_reply(stage, post, PATIENCE)
            if wait is not None:
                waits[kind].append(wait)
    return waits


async def _time_unaddressed(
    stage: Stage,
    person: Account,
    channel: Channel,
    rounds: Iterable[int],
) -> dict[str, list[float]]:
    waits: dict[str, list[float]] = {"unaddressed": [], "window": []}
    for place in rounds:
        post = stage.server.post(person, channel, QUESTIONS[place % len(QUESTIONS)])
        wait = await _wait_for_reply(stage, post, OPEN_PATIENCE)
        windows = [
            float(line.numbers.get("window_ms", 0))
            for line in await stage.journal_of(str(post.message_id))
            if line.step == "elect" and line.verdict == "granted"
        ]
        # An answer without a granted election has no window to be taken off.
        if wait is not None and windows:
            waits["unaddressed"].append(wait - windows[0])
            waits["window"].append(windows[0])
    return waits


async def _wait_for_reply(stage: Stage, post: Post, patience: float) -> float | None:
    """Milliseconds until the first reply; None when there is none."""
    try:
        replies = await stage.server.wait_for(
            lambda: stage.server.replies_to(post), patience
        )
    except TimeoutError:
        return None
    return (replies[0].at - post.at) * 1000


@contextmanager
def _echo_bot(server: LoopbackDiscord, account: Account) -> Iterator[None]:
    process = subprocess.Popen(
        [sys.executable, "-m", "app.lab.echo", server.api_url, server.gateway_url],
        env=os.environ | {"ECHO_TOKEN": account.token or ""},
        # It calls prctl and getppid only, and takes no lock.
        preexec_fn=die_with_parent(),  # noqa: PLW1509
    )
    try:
        yield
    finally:
        process.terminate()
        process.wait()


def print_table(console: Console, waits: dict[str, list[float]]) -> None:
    """The table, with ratios to the echo bot's median and 99th percentile."""
    table = Table("POST to reply, ms", "n", "p50", "p99", "p50 / echo", "p99 / echo")
    base = report.spread_of(waits["echo"])
    for kind, some in waits.items():
        figures = report.spread_of(some)
        ratios = [
            _ratio_text(figures[name], base[name]) if kind != "window" else ""
            for name in ("p50", "p99")
        ]
        table.add_row(
            kind, str(len(some)), str(figures["p50"]), str(figures["p99"]), *ratios
        )
    console.print(table)


def _ratio_text(value: object, base: object) -> str:
    return (
        f"{value / base:.2f}"
        if isinstance(value, float) and isinstance(base, float) and base
        else "–"
    )


if __name__ == "__main__":
    typer.run(main)
