"""Ten tasks of an operator, with a stopwatch: each as one command on the whole real
system around a loopback Discord. `make operator-tasks` writes docs/operator-tasks.md."""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from app.demo.stage import add_bots, on_stage
from app.domain.character import load_characters
from app.loopback import LoopbackDiscord

BOTS = ("aria", "dotty")
INTRODUCTION = """# Ten tasks of an operator

Made by `make operator-tasks`: each is typed as it stands here into a shell, on the whole real system around a loopback Discord.
Seconds are those of the command from its beginning to its end, a second or so of it Python's start; {load}.
`doctor` ends with 1, as it should: Aria watches none of this server's channels.

| task | one command | seconds | exit code |
| --- | --- | --- | --- |
"""


@dataclass(frozen=True)
class Task:
    """One of the ten; `words` follow `the-stream`. `edit`: what is changed in the
    bot's character file before it, as a pattern and its replacement."""

    name: str
    words: tuple[str, ...]
    edit: tuple[str, str] | None = None


def tasks(channel: str) -> Iterator[Task]:
    """All but the start, which is timed as it happens."""
    yield Task("why was a bot silent?", ("why", "--silent", "aria"))
    yield Task("who spent what today?", ("costs", "--by", "person"))
    yield Task(
        "one bot in one channel, for two hours",
        ("mute", "bot:aria", "--in", f"channel:{channel}", "--for", "2h"),
    )
    yield Task("is all healthy?", ("doctor", "--no-models"))
    yield Task(
        "what did nobody answer within the hour?",
        ("why", "--unanswered", "--since", "1h"),
    )
    yield Task("what waits in the queues?", ("status",))
    yield Task("forget a person, by name", ("memory", "forget", "Tom"))
    yield Task(
        "less talkative (edit `chattiness`)",
        ("reload", "aria"),
        (r"chattiness: [\d.]+", "chattiness: 0.2"),
    )
    yield Task(
        "another model (edit `model`)",
        ("reload", "dotty"),
        (r"\Z", "\nmodel:\n  model: ollama:llama3\n"),
    )


async def time_all(folder: Path) -> list[str]:
    """A line of the table for each."""
    server = LoopbackDiscord()
    guild = server.add_guild("The Harbour")
    characters = [load_characters()[bot] for bot in BOTS]
    bots, tom = add_bots(server, characters), server.add_user("Tom")
    channel = server.add_channel("lounge", guild)
    await server.start("127.0.0.1")
    try:
        begun = time.monotonic()
        settings = {"speak_channels": channel.id, "newcomer_days": 0}
        async with on_stage(server, bots, characters, folder, settings) as stage:
            took = time.monotonic() - begun
            lines = [
                _line("two bots that answer", f"up {' '.join(BOTS)}", took, 0),
            ]
            for text in ("Dotty, what would you drink?", "Has anybody seen my hat?"):
                server.post(tom, channel, text)
            await stage.wait_for_quiet(30.0, 5.0)
            environment = _environment(folder, server, bots)
            for task in tasks(str(channel.id)):
                lines.append(await asyncio.to_thread(_carry_out, task, environment))
    finally:
        await server.stop()
    return lines


def _environment(
    folder: Path, server: LoopbackDiscord, bots: Mapping[str, object]
) -> dict[str, str]:
    tokens = {
        f"STREAM_TOKEN_{bot.upper()}": str(getattr(account, "token", ""))
        for bot, account in bots.items()
    }
    plain = {key: text for key, text in os.environ.items() if "STREAM_" not in key}
    return (
        plain
        | tokens
        | {
            "STREAM_DATA_DIR": str(folder / "data"),
            "STREAM_CHARACTERS_DIR": str(folder / "characters"),
            "STREAM_DISCORD_API_URL": server.api_url,
            "STREAM_DISCORD_GATEWAY_URL": server.gateway_url,
        }
    )


def _carry_out(task: Task, environment: Mapping[str, str]) -> str:
    if task.edit is not None:
        file = Path(environment["STREAM_CHARACTERS_DIR"], f"{task.words[-1]}.yaml")
        pattern, replacement = task.edit
        file.write_text(re.sub(pattern, replacement, file.read_text(), count=1))
    begun = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-m", "app.cli.main", *task.words],
        env=dict(environment),
        capture_output=True,
        text=True,
        check=False,
    )
    took = time.monotonic() - begun
    print(f"--- {task.name}\n{done.stdout}{done.stderr}", file=sys.stderr)  # noqa: T201
    return _line(task.name, " ".join(task.words), took, done.returncode)


def _line(name: str, command: str, seconds: float, code: int) -> str:
    shown = re.sub(r"channel:\d+", "channel:ID", command)
    return f"| {name} | `the-stream {shown}` | {seconds:.1f} | {code} |"


def main(page: Path) -> None:
    """Write the page."""
    load = f"{os.cpu_count()} processors, load {os.getloadavg()[0]:.0f} when it began"
    with tempfile.TemporaryDirectory(prefix="operator-tasks-") as folder:
        lines = asyncio.run(time_all(Path(folder)))
    page.write_text(INTRODUCTION.format(load=load) + "\n".join(lines) + "\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
