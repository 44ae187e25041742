"""The whole real system, started as an operator would (`the-stream up`), pointed at a
loopback Discord."""

from __future__ import annotations

import asyncio
import json
import math
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import IO

import yaml

import app
from app.domain.character import Character
from app.domain.errors import StreamError
from app.domain.settings import token_variable
from app.host.valkey import die_with_parent, running_url
from app.loopback import LoopbackDiscord

START_TIMEOUT = 120.0
STOP_TIMEOUT = 15.0
LAST_WORDS = 300
FOREIGN = ("STREAM_", "LANGSMITH_", "LANGCHAIN_")
"""Variables that the children must not inherit: an operator's real tokens and servers
have no place here."""


class StreamSystem:
    """Runs `the-stream up` in a folder of its own, with an embedded Valkey. Call
    `start` from the main thread.

    `tokens` maps bot names to the loopback's tokens; `settings` are STREAM_ settings by
    name without the prefix, in lower case. `errors` collects what the children log as
    an error until `stop`. `patience`: how many times as long as usual the start may take.
    `checkout`: a folder with other code than ours, and its `.venv`.
    """

    def __init__(
        self,
        folder: Path,
        server: LoopbackDiscord,
        tokens: Mapping[str, str],
        settings: Mapping[str, object],
        characters: Sequence[Character],
        patience: float = 1.0,
        checkout: Path | None = None,
    ) -> None:
        self.folder = folder
        self.errors: list[str] = []
        self._tokens = tokens
        self._patience = patience
        self._code = checkout or Path(app.__file__).parents[1]
        self._python = sys.executable
        if checkout is not None:
            self._python = str(checkout / ".venv" / "bin" / "python")
        self._stopping = False
        self._ready: set[str] = set()
        self._process: subprocess.Popen[str] | None = None
        self._settings = {
            "data_dir": folder / "data",
            "characters_dir": write_characters(folder / "characters", characters),
            "discord_api_url": server.api_url,
            "discord_gateway_url": server.gateway_url,
            "guild_ready_timeout": 0.2,
            "flower_port": 0,
            "page_port": 0,
            "log_json": True,
            "vault_refresh": 600,
            **settings,
        }

    @property
    def log_file(self) -> Path:
        """Everything that the children printed."""
        return self.folder / "up.log"

    @property
    def redis_url(self) -> str | None:
        """The address of the embedded Valkey, once it answers."""
        return running_url(self.folder / "data")

    @property
    def has_ended(self) -> bool:
        """Whether the system has ended by itself."""
        return self._process is not None and self._process.poll() is not None

    def start(self) -> None:
        """Start the processes; they end with this one, however it ends."""
        self._process = subprocess.Popen(
            [self._python, "-m", "app.cli.main", "up", *self._tokens],
            env=self._child_environment(),
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            # Ctrl-C reaches this process alone, which then stops the system in order.
            start_new_session=True,
            # It calls prctl and getppid only, and takes no lock.
            preexec_fn=die_with_parent(),  # noqa: PLW1509
        )
        assert self._process.stdout is not None  # noqa: S101 -- for the type checker: it is a pipe
        threading.Thread(
            target=self._read_output,
            args=(self._process.stdout,),
            name="output of up",
            daemon=True,
        ).start()

    async def wait_until_serving(self) -> str:
        """Wait until Valkey and both workers serve; the address of Valkey. StreamError
        when the system ends instead."""
        await self.wait_until(
            lambda: {"direct", "cycles"} <= self._ready,
            START_TIMEOUT,
            "the workers to start",
        )
        url = self.redis_url
        if url is None:
            raise StreamError(
                f"The embedded Valkey does not answer: see {self.log_file}"
            )
        return url

    async def wait_until(
        self, predicate: Callable[[], object], seconds: float, what: str
    ) -> None:
        """Wait until the predicate holds. StreamError, with the children's last words,
        when it does not."""
        seconds *= self._patience
        deadline = asyncio.get_running_loop().time() + seconds
        while not predicate():
            if self.has_ended or asyncio.get_running_loop().time() > deadline:
                why = (
                    "The system ended"
                    if self.has_ended
                    else f"Waited {seconds:.0f} s for {what} in vain"
                )
                raise StreamError(f"{why}: {self._last_words()}")
            await asyncio.sleep(0.05)

    async def run_until_end(self) -> None:
        """Never returns. StreamError when the system ends by itself."""
        await self.wait_until(lambda: False, math.inf, "")

    def stop(self) -> None:
        """End everything in good order."""
        # First: what children log while they are ended is no error of the run.
        self._stopping = True
        process, self._process = self._process, None
        if process is None:
            return
        process.terminate()
        try:
            process.wait(STOP_TIMEOUT)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def _child_environment(self) -> dict[str, str]:
        inherited = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(FOREIGN)
        }
        # The folder is not the checkout's: an operator's `.env` file must not be read.
        inherited["PYTHONPATH"] = os.pathsep.join(
            [
                str(self._code),
                *filter(None, [inherited.get("PYTHONPATH")]),
            ]
        )
        own = {
            f"STREAM_{name.upper()}": _as_text(value)
            for name, value in self._settings.items()
        }
        return (
            inherited
            | own
            | {token_variable(bot): token for bot, token in self._tokens.items()}
        )

    def _read_output(self, output: IO[str]) -> None:
        with output, self.log_file.open("w", encoding="utf-8") as log:
            for line in output:
                log.write(line)
                log.flush()
                self._judge_line(line)

    def _judge_line(self, line: str) -> None:
        child, _, said = line.partition("│")
        # Celery's line `<worker> ready.` comes once a worker takes tasks.
        if "ready." in said and child.strip() in {"direct", "cycles"}:
            self._ready.add(child.strip())
        if not self._stopping and is_error(said):
            self.errors.append(line.strip())

    def _last_words(self) -> str:
        lines = (
            self.log_file.read_text(encoding="utf-8").splitlines()
            if self.log_file.exists()
            else []
        )
        words = (
            line.strip()[:LAST_WORDS]
            for line in reversed([*lines, *self.errors])
            if line.strip()
        )
        return next(words, "it said nothing")


def is_error(said: str) -> bool:
    """Whether a child's line tells of an error: logged as one, a bare traceback, or the
    end of a child."""
    said = said.strip()
    try:
        record = json.loads(said)
    except ValueError:
        return (
            said.startswith("Traceback (most recent call last)")
            or "it starts again in" in said
        )
    return isinstance(record, dict) and record.get("level") in {"error", "critical"}


def write_characters(folder: Path, characters: Sequence[Character]) -> Path:
    """Write character files; the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for character in characters:
        data = character.model_dump(mode="json", exclude_defaults=True)
        (folder / f"{character.name}.yaml").write_text(
            yaml.safe_dump(data, allow_unicode=True), encoding="utf-8"
        )
    return folder


def _as_text(value: object) -> str:
    if isinstance(value, tuple | list):
        return ",".join(map(str, value))
    return str(value)
