"""`the-stream demo`: three characters and four people in a loopback Discord, with the
whole real system behind them."""

from __future__ import annotations

import asyncio
import json
import os
import re
import secrets
import signal
import tempfile
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, suppress
from pathlib import Path

from pydantic import ValidationError
from rich.console import Console
from rich.panel import Panel
from rich.table import Table

from app.demo.box import Box
from app.demo.opening import CHANNELS, OPENING, PEOPLE, SPOKEN, ScriptedLine
from app.demo.report import Json
from app.demo.scene import Scene, SceneTalk
from app.demo.stage import Stage, add_bots, on_stage, run_to_end
from app.domain.character import (
    Character,
    ModelConfig,
    first_reason,
    load_characters,
    read_character,
)
from app.domain.errors import ConfigurationError, PortInUse
from app.domain.settings import Settings
from app.host.valkey import free_port, is_bindable
from app.loopback import Channel, LoopbackDiscord, Post
from app.web.access import SESSION_S, Doorkeeper
from app.web.actions import Actions
from app.web.feed import Feed
from app.web.room import StreamView
from app.web.server import Site, build_application, start_server

HOST = "127.0.0.1"
PACING = {"cooldown": 8, "quiet_time": 3, "newcomer_days": 0}
"""Livelier than in earnest: somebody watches. Its people have just been made."""
CHATTINESS = 0.65
PATIENCE = 4.0
"""A machine that has other things to do starts it late, and not in vain."""


MODEL_KEY = re.compile(r"STREAM_(KEY_[A-Z0-9_]+)\Z")
SCRIPTED = (
    "The characters' lines are scripted: without a model they choose from their files."
)


def run(
    *,
    headless: bool = False,
    seconds: float = 45.0,
    json_file: Path | None = None,
    port: int = 8808,
    token: bool = True,
    files: Sequence[Path] = (),
    model: str | None = None,
) -> int:
    """Run the demo until Ctrl-C, or headless for at most `seconds`; the exit code.
    `token`: the page asks for one. `files`: one's own characters; `model`: what all of
    them speak with."""
    console = Console(stderr=True, highlight=False)
    characters = choose_characters(files, model)
    with tempfile.TemporaryDirectory(prefix="the-stream-demo-") as folder:
        demo = Demo(console, Path(folder), characters)
        if not headless:
            return asyncio.run(demo.with_page(port, token))
        figures = run_to_end(demo.headless(seconds))
    show_figures(console, figures, json_file)
    return 0 if is_healthy(figures) else 1


def choose_characters(files: Sequence[Path], model: str | None) -> list[Character]:
    """Those of the files, or the shipped ones; with this model, if one is given."""
    found = [read_character(file) for file in files] or [*load_characters().values()]
    if model is None:
        return found
    try:
        chosen = ModelConfig(model=model)
    except ValidationError as error:
        raise ConfigurationError(f"--model: {first_reason(error)}") from None
    return [one.model_copy(update={"model": chosen}) for one in found]


class Demo:
    """One demo in a folder of its own."""

    def __init__(
        self,
        console: Console,
        folder: Path,
        characters: Iterable[Character] | None = None,
    ) -> None:
        self.console = console
        self.folder = folder
        self.server = LoopbackDiscord()
        guild = self.server.add_guild("The Harbour")
        self.characters = [
            more_talkative(one)
            for one in watching_everywhere(characters or load_characters().values())
        ]
        self.bots = add_bots(self.server, self.characters)
        self.people = {name: self.server.add_user(name) for name in PEOPLE}
        self.channels = {
            name: self.server.add_channel(name, guild) for name in CHANNELS
        }
        self.flower = {
            "flower_port": free_port(),
            "flower_password": secrets.token_urlsafe(9),
        }

    @property
    def scene(self) -> Scene:
        """What the page shows."""
        topics = {self.channels[name].id: topic for name, topic in CHANNELS.items()}
        return Scene(
            server=self.server,
            people=tuple(self.people.values()),
            bots=self.bots,
            channels=tuple(self.channels.values()),
            topics=topics,
        )

    async def headless(self, seconds: float) -> Json:
        """Play the opening, wait until all is quiet or `seconds` are over; the
        figures."""
        await self.server.start(HOST)
        try:
            async with self._open_stage({}) as stage:
                # The warm-up has posted already; the figures tell of the opening alone.
                first = len(self.server.posts)
                with suppress(TimeoutError):
                    async with asyncio.timeout(seconds):
                        await self._play_opening()
                        await stage.wait_for_quiet(seconds, float(PACING["cooldown"]))
                figures = await self._collect_figures(stage, self.server.posts[first:])
        finally:
            await self.server.stop()
        return figures

    async def with_page(self, port: int, token: bool) -> int:
        """Serve the page, to those who have its link if `token`, and keep everything
        running until Ctrl-C. The address is told once the bots listen."""
        if port and not is_bindable(port):
            raise PortInUse(
                f"Port {port} is in use: choose another with --port, or 0 for a free one"
            )
        await self.server.start(HOST)
        stopped = stop_signal()
        self.console.print(
            "Starting the system: Valkey, gateway, two workers, beat, Flower. "
            "The page's address comes in some ten seconds, when the bots listen.",
            soft_wrap=True,
        )
        try:
            return await first_of(stopped.wait(), self._perform_demo(port, token))
        finally:
            await self.server.stop()

    async def _perform_demo(self, port: int, token: bool) -> None:
        scene = self.scene
        room = StreamView(self._page_settings(), SceneTalk(scene))
        feed = Feed(room.look)
        box = Box(scene, feed)
        password = secrets.token_urlsafe(16) if token else None
        doorkeeper = Doorkeeper(password, link_s=SESSION_S)
        site = Site(
            settings=self._page_settings(),
            doorkeeper=doorkeeper,
            feed=feed,
            actions=Actions(self._page_settings()),
            extra={"title": "The Harbour", "demo": self._cast(scene)},
            routes=box.routes(),
        )
        runner, served = await start_server(build_application(site), HOST, port)
        address = f"http://{HOST}:{served}/"
        if token:
            address += f"login?key={doorkeeper.make_link_key()}"
        # Something moves while nothing is to be seen yet.
        waits = self.console.status("Valkey, gateway and workers start")
        waits.start()
        more = self.flower | model_keys(os.environ)
        try:
            async with self._open_stage(more, waits.update) as stage:
                waits.stop()
                box.listening.set()
                self._print_introduction(stage, address)
                await self._play_opening()
                await stage.system.run_until_end()
        finally:
            waits.stop()
            await feed.stop()
            await runner.cleanup()
            room.close()

    def _page_settings(self) -> Settings:
        """Of the environment nothing: an operator's real Redis has no place here."""
        return Settings.model_construct(
            data_dir=self.folder / "data",
            characters_dir=self.folder / "characters",
            page_direct=True,
        )

    def _cast(self, scene: Scene) -> Json:
        """Who may be spoken as, and where: what the page's box must know."""
        models = {one.model.model for one in self.characters if one.model is not None}
        note = f"Lines come from {', '.join(sorted(models))}." if models else SCRIPTED
        return {
            "people": [{"id": str(one.id), "name": one.name} for one in scene.people],
            "direct": {
                str(channel.id): str(person.id)
                for person, _, channel in scene.direct_channels
            },
            "note": note,
        }

    def _open_stage(
        self, more: Json, tell: Callable[[str], object] = lambda _: None
    ) -> AbstractAsyncContextManager[Stage]:
        speak = tuple(str(self.channels[name].id) for name in SPOKEN)
        settings = {**PACING, "speak_channels": speak, **more}
        return on_stage(
            self.server,
            bots=self.bots,
            characters=self.characters,
            folder=self.folder,
            settings=settings,
            patience=PATIENCE,
            tell=tell,
        )

    async def _play_opening(self) -> None:
        for line in OPENING:
            if self._is_playable(line):
                await asyncio.sleep(line.wait)
                self._say_line(line)

    def _is_playable(self, line: ScriptedLine) -> bool:
        """Whether all whom it speaks to are here: one's own characters may have other
        names."""
        called = {account.name for account in self.bots.values()}
        return set(re.findall(r"@(\w+)", f"{line.where} {line.text}")) <= called

    def _say_line(self, line: ScriptedLine) -> None:
        person = self.people[line.who]
        accounts = {f"@{account.name}": account for account in self.bots.values()}
        text = line.text
        for name, account in accounts.items():
            text = text.replace(name, account.mention)
        if line.where in accounts:
            self.server.dm(person, accounts[line.where], text)
            return
        channel = self.channels[line.where]
        self.server.post(
            person, channel, text, self._newest_post(channel, line.reply_to)
        )

    def _newest_post(self, channel: Channel, bot: str | None) -> Post | None:
        said = [
            post
            for post in self.server.messages_in(channel)
            if post.author_name == bot and post.is_bot
        ]
        return said[-1] if said else None

    def _print_introduction(self, stage: Stage, page: str) -> None:
        flower = f"http://{HOST}:{self.flower['flower_port']}/"
        password = (
            self.flower["flower_password"]
            # Output that goes to a file or a pipe may be kept, and read by others.
            if self.console.is_terminal
            else "shown on a terminal only"
        )
        self.console.print(
            Panel(
                "Four people talk; speak as any of them. Then try:\n"
                "  · ask something nobody is named in, and watch the three bid: one answers\n"
                "  · @Elena @Aria in one message: both answer, one after the other\n"
                "  · reply to a character, react, write a direct message\n"
                "  · “Dotty, what would you drink?” needs no @\n"
                "  · #reading-room: nobody speaks there unasked\n\n"
                f"Flower: {flower}  user stream, password {password}\n"
                f"Logs:   {stage.system.log_file}\n[dim]Ctrl-C stops everything.[/dim]",
                title="The Stream",
                border_style="blue",
                expand=False,
            )
        )
        # Outside: a frame would break a long address in two.
        self.console.print(
            f"[bold]Open[/bold]  [link={page}]{page}[/link]", soft_wrap=True
        )

    async def _collect_figures(self, stage: Stage, posts: Sequence[Post]) -> Json:
        dms = {
            channel.id: next(
                bot for bot, account in self.bots.items() if account is one
            )
            for _, one, channel in self.scene.direct_channels
        }
        return await stage.collect_figures(posts, dms)


def watching_everywhere(characters: Iterable[Character]) -> list[Character]:
    """The characters, each watching every channel, so that they compete for every open
    question."""
    return [one.model_copy(update={"watchlist": ("*",)}) for one in characters]


def model_keys(environment: Mapping[str, str]) -> Json:
    """The models' keys, as settings of the system; only with a model are they used."""
    found = ((MODEL_KEY.match(name), value) for name, value in environment.items())
    return {match[1].lower(): value for match, value in found if match}


def more_talkative(character: Character) -> Character:
    """The character, a little more talkative than in earnest."""
    return character.model_copy(
        update={
            "pacing": character.pacing.model_copy(update={"chattiness": CHATTINESS})
        }
    )


def is_healthy(figures: Json) -> bool:
    """Whether a demo went as promised: something was answered, nothing twice, nothing
    lost, no error."""
    return bool(figures["answered"]) and not any(
        figures[wrong]
        for wrong in ("pile_ons", "duplicates", "addressed_unexplained", "errors")
    )


def show_figures(console: Console, figures: Json, json_file: Path | None) -> None:
    """Write the figures to the file, if there is one, and print them as a table; lists
    as their length."""
    if json_file is not None:
        json_file.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    table = Table(show_header=False, box=None)
    for name, value in figures.items():
        if name == "per_message":
            continue
        shown = len(value) if isinstance(value, list) else value
        table.add_row(
            name.replace("_", " "),
            json.dumps(shown) if isinstance(shown, dict) else str(shown),
        )
    console.print(table)


def stop_signal() -> asyncio.Event:
    """An event that SIGINT and SIGTERM set."""
    stopped = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    return stopped


async def first_of(stop: Awaitable[object], work: Awaitable[object]) -> int:
    """Run until the first ends; the work's error is raised, a stop is 0. The work is
    always ended in good order."""
    waiting, working = asyncio.ensure_future(stop), asyncio.ensure_future(work)
    await asyncio.wait({waiting, working}, return_when=asyncio.FIRST_COMPLETED)
    waiting.cancel()
    working.cancel()
    with suppress(asyncio.CancelledError):
        await working
    return 0
