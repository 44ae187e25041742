"""`the-stream replay`: recorded chat, played by people on a loopback Discord to the
whole real system.

Some of the recorded people are played by our bots: their own lines are left out, and
where others name them the bot's name stands instead. Silences above five minutes are
shortened to that.

`speed` is log time over real time. What belongs to the room's time is divided by it
(`ROOM_TIME`), so that the room is as lively as it was; leases, timeouts and the
contention window belong to the machine and stay as they are. Snowflakes carry log time,
so that the bids see the recorded pauses. The decay of a conversation state is not
scaled.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Mapping, Sequence
from itertools import cycle
from pathlib import Path

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeRemainingColumn,
)

from app.demo.demo import show_figures, watching_everywhere
from app.demo.report import Json
from app.demo.stage import add_bots, on_stage, run_to_end
from app.domain.character import Character, load_characters
from app.domain.errors import ConfigurationError
from app.domain.settings import Settings
from app.lab.chat_export import is_export, read_export
from app.lab.chatlog import Cue, make_timetable, read_log, rewrite_names, stand_ins
from app.loopback import Account, Channel, LoopbackDiscord, Post

ROOM_TIME = (
    "cooldown",
    "quiet_time",
    "election_max_age",
    "deliver_by",
    "backfill_age",
    "discord_check_interval_minutes",
)
"""Settings that are seconds (or minutes) of the room's time: divided by the speed."""
PER_TIME = (
    "person_hourly",
    "daily_posts",
    "daily_tokens",
    "daily_posts_all",
    "daily_tokens_all",
)
"""Settings that count per hour or day of the room's time: multiplied by the speed."""
SHORTEST = {
    "deliver_by": 5.0,
    "backfill_age": 30.0,
    "election_max_age": 5.0,
    "discord_check_interval_minutes": 0.1,
}
"""Real time that the machine itself needs; a scaled setting does not go below it."""
RATE_LIMIT = (5, 5.0)
"""Discord's posts and seconds for each bot and channel: the room's time too."""
QUIET_LIMIT = 120.0
COUNTED = ("cycles", "tasks", "model_calls", "redis_commands")
MORE_NAMES = (
    "Marcus",
    "Sophia",
    "Gabriel",
    "Nora",
    "Felix",
    "Ivy",
    "Hugo",
    "Clara",
    "Oscar",
    "Stella",
    "Ruben",
    "Zoe",
)


def run(
    *,
    files: Sequence[Path],
    bots: int = 3,
    speed: float = 60.0,
    limit: int | None = None,
    json_file: Path | None = None,
) -> int:
    """Replay the files, print and write the report; the exit code: 1 when a promise was
    broken."""
    if speed <= 0:
        raise ConfigurationError("--speed must be above 0")
    console = Console(stderr=True, highlight=False)
    exports = [file for file in files if is_export(file)]
    lines = read_log(file for file in files if file not in exports)
    for file in exports:
        lines += read_export(file)
    lines.sort(key=lambda line: line.at)
    roles = stand_ins(lines, bots)
    if len(roles) < bots:
        raise ConfigurationError(
            f"--bots {bots}: only {len(roles)} people speak in these files"
        )
    played = set(roles)
    cues = make_timetable([line for line in lines if line.author not in played][:limit])
    with tempfile.TemporaryDirectory(prefix="the-stream-replay-") as folder:
        replay = Replay(cues, roles, speed)
        figures = run_to_end(replay.perform_replay(Path(folder), console))
    show_figures(console, figures, json_file)
    return 1 if figures["pile_ons"] or figures["duplicates"] or figures["errors"] else 0


class Replay:
    """One replay: a server whose clock runs `speed` times as fast, the people of the
    log, and the bots."""

    def __init__(self, cues: Sequence[Cue], roles: Sequence[str], speed: float) -> None:
        self.cues = cues
        self.speed = speed
        begun = time.time()
        self.server = LoopbackDiscord(
            rate_limit=(RATE_LIMIT[0], RATE_LIMIT[1] / speed),
            clock=lambda: begun + (time.time() - begun) * speed,
            # Discord's own work is no part of what is measured.
            compress=False,
        )
        names = dict.fromkeys(cue.line.channel.lstrip("#") for cue in cues)
        self.channels: dict[str, Channel] = {
            name: self.server.add_channel(name) for name in names
        }
        self.characters = watching_everywhere(make_ensemble(len(roles)))
        self.bots = add_bots(self.server, self.characters)
        self.roles = dict(
            zip(roles, (one.display_name for one in self.characters), strict=True)
        )
        self.people: dict[str, Account] = {}

    async def perform_replay(self, folder: Path, console: Console) -> Json:
        """Start the system, play every cue, wait until all is quiet; the report."""
        await self.server.start()
        try:
            settings = {
                **scaled_settings(Settings(_env_file=None), self.speed),
                "speak_channels": ("*",),
            }
            async with on_stage(
                self.server,
                bots=self.bots,
                characters=self.characters,
                folder=folder,
                settings=settings,
            ) as stage:
                first, before = len(self.server.posts), await stage.read_counters()
                await self._play_cues(console)
                still_busy = not await stage.wait_for_quiet(
                    QUIET_LIMIT, _cooldown_of(settings) + 0.5
                )
                counted = _count_difference(before, await stage.read_counters())
                figures = await stage.collect_figures(
                    self.server.posts[first:], {}, self.speed
                )
        finally:
            await self.server.stop()
        if still_busy:
            figures["errors"] = [
                *figures["errors"],
                f"not quiet {QUIET_LIMIT:.0f} s after the end",
            ]
        return {**counted, "speed": self.speed, "roles": self.roles, **figures}

    async def _play_cues(self, console: Console) -> None:
        columns = (
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
        )
        start = time.monotonic()
        with Progress(*columns, console=console, transient=True) as progress:
            task = progress.add_task("replaying", total=len(self.cues))
            for cue in self.cues:
                await asyncio.sleep(
                    max(0.0, start + cue.after / self.speed - time.monotonic())
                )
                self._post_cue(cue)
                progress.advance(task)

    def _post_cue(self, cue: Cue) -> Post:
        line = cue.line
        account = self.people.get(line.author)
        if account is None:
            add = self.server.add_bot if line.by_bot else self.server.add_user
            account = self.people[line.author] = add(line.author)
        text = rewrite_names(line, self.roles)
        for bot in self.bots.values():
            text = text.replace(f"@{bot.name}", bot.mention)
        return self.server.post(account, self.channels[line.channel.lstrip("#")], text)


def scaled_settings(settings: Settings, speed: float) -> dict[str, float]:
    """The settings of the room's time at this speed, by name."""
    times = {
        name: max(getattr(settings, name) / speed, SHORTEST.get(name, 0.0))
        for name in ROOM_TIME
    }
    slower = {name: getattr(settings, name) / speed for name in ROOM_TIME}
    counts = {name: int(getattr(settings, name) * max(1.0, speed)) for name in PER_TIME}
    return (times if speed > 1 else slower) | counts


def make_ensemble(count: int, folder: Path | None = None) -> list[Character]:
    """That many characters: those of the folder, or the shipped ones, then copies of
    them under other names."""
    shipped = list(load_characters(folder).values())
    names = [*MORE_NAMES, *(f"Player{number}" for number in range(count))][
        : max(0, count - len(shipped))
    ]
    renamed = (
        {"name": name.lower(), "display_name": name, "aliases": ()} for name in names
    )
    return [
        *shipped,
        *(
            one.model_copy(update=new)
            for one, new in zip(cycle(shipped), renamed, strict=False)
        ),
    ][:count]


def _cooldown_of(settings: Mapping[str, object]) -> float:
    return float(str(settings["cooldown"]))


def _count_difference(
    before: Mapping[str, int], after: Mapping[str, int]
) -> dict[str, int]:
    return {name: after.get(name, 0) - before.get(name, 0) for name in COUNTED}
