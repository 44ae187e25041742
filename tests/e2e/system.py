"""The whole stream as its operators run it: real processes, a real Valkey, and the
loopback Discord in place of Discord."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from cryptography.fernet import Fernet

from app.domain.model import JournalLine
from app.host.valkey import EmbeddedValkey, die_with_parent
from app.loopback import LoopbackDiscord, LoopbackThread
from app.store import journal, keys, stats
from app.store.door import Store
from tests.e2e import warm
from tests.patience import patience, pause

READY_WITHIN = 60.0


def eager_character(name: str, **pacing: Any) -> dict[str, Any]:
    """A character that answers whatever it is given: chattiness 1."""
    return {
        "name": name,
        "display_name": name.title(),
        "persona": f"{name} answers everything.",
        "interests": [
            {
                "name": "talk",
                "words": ["talk"],
                "examples": ["Let us talk about something."],
            }
        ],
        "lines": [
            {"text": text}
            for text in (
                "Oh, tell me more about that.",
                "I had not thought of it that way.",
                "That is a good one.",
                "Hm, and then what happened?",
                "I would do the same.",
                "Well, that makes two of us.",
            )
        ],
        "watchlist": ["*"],
        "pacing": {"chattiness": 1.0, **pacing},
    }


def write_characters(folder: Path, characters: Sequence[dict[str, Any]]) -> Path:
    """Character files in a folder of their own."""
    folder.mkdir(parents=True, exist_ok=True)
    for character in characters:
        (folder / f"{character['name']}.yaml").write_text(
            yaml.safe_dump(character), encoding="utf-8"
        )
    return folder


def cold(
    command: Sequence[str],
    env: Mapping[str, str],
    log: Path,
    folder: Path | None = None,
) -> subprocess.Popen[bytes]:
    """Start `python -m <command>` as a shell would, in `folder` if one is given; its
    output is appended to `log`."""
    with log.open("ab") as output:
        return subprocess.Popen(
            [sys.executable, "-m", *command],
            env=env,
            cwd=folder,
            stdout=output,
            stderr=output,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
            preexec_fn=die_with_parent(),  # noqa: PLW1509 -- it calls prctl and getppid only, and takes no lock
        )


@dataclass
class System:
    """Processes, their environment and what they left behind."""

    folder: Path
    discord: LoopbackThread
    valkey: EmbeddedValkey
    store: Store
    env: dict[str, str]
    processes: dict[str, Any] = field(default_factory=dict)
    workers_started: set[str] = field(default_factory=set)
    launch: Callable[..., Any] = warm.launch
    """How processes are started: forked from a warm interpreter, or `cold`, as
    operators do, with seconds of imports."""

    def start(self, name: str, *command: str, env: dict[str, str] | None = None) -> Any:
        """Start one process of this virtual environment; its output goes to
        `<name>.log`."""
        process = self.launch(
            command, self.env | (env or {}), self.folder / f"{name}.log"
        )
        self.processes[name] = process
        return process

    def gateway(
        self, *bots: str, name: str = "gateway", env: dict[str, str] | None = None
    ) -> Any:
        """Start one gateway process."""
        return self.start(name, "app.cli.main", "gateway", *bots, env=env)

    def worker(
        self,
        queues: str,
        name: str,
        threads: int = 8,
        env: dict[str, str] | None = None,
    ) -> Any:
        """Start one Celery worker."""
        self.workers_started.add(name)
        return self.start(
            name,
            "celery",
            "-A",
            "tasks",
            "worker",
            "-Q",
            queues,
            "-c",
            str(threads),
            "-n",
            f"{name}@%h",
            "--pool",
            "threads",
            "--without-gossip",
            "--without-mingle",
            "-l",
            "WARNING",
            env=env,
        )

    def workers(self, threads: int = 8) -> None:
        """Start the usual two workers."""
        self.worker("direct,delivery", "direct", threads)
        self.worker("cycles,chores", "cycles", threads)

    def beat(self) -> Any:
        """Start beat."""
        return self.start(
            "beat",
            "celery",
            "-A",
            "tasks",
            "beat",
            "-s",
            str(self.folder / "beat"),
            "-l",
            "WARNING",
        )

    def wait_ready(self, *bots: str) -> None:
        """Wait until every gateway has published its bot and a worker answers."""
        self.wait(
            lambda: (
                set(bots)
                <= {str(name) for name in self.store.client.hkeys(keys.ROSTER)}
            ),
            READY_WITHIN,
            f"gateways of {bots}",
        )

    def wait_workers(self) -> None:
        """Wait until every worker that was started has loaded."""
        self.wait(
            lambda: all(" ready. " in self.log(name) for name in self.workers_started),
            READY_WITHIN,
            "workers",
        )

    def wait(
        self,
        predicate: Callable[[], Any],
        seconds: float = 20.0,
        what: str = "the condition",
    ) -> None:
        """Return as soon as the predicate holds; fail with the logs' ends when time is
        up."""
        began = time.monotonic()
        deadline = began + patience(seconds)
        while not predicate():
            for name, process in self.processes.items():
                assert process.poll() in {None, -signal.SIGKILL}, (
                    f"{name} ended with {process.poll()}:\n{self.log(name)}"
                )
            assert time.monotonic() < deadline, (
                f"{what} did not hold within {seconds} s\n{self.logs()}"
            )
            pause(began, 0.02)

    def rest(self, seconds: float = 20.0) -> None:
        """Wait until nothing is due at one and the same moment: a second answer may
        still be on its way to the outbox, or in it, and would be counted too early."""
        due = (keys.WAKES_DUE, keys.ELECTIONS_DUE, keys.DELIVERIES_DUE)
        self.wait(lambda: not self.store.client.exists(*due), seconds, "rest")

    def kill(self, name: str, how: int = signal.SIGKILL) -> None:
        """Send a signal to one process; kill -9 also waits for its end."""
        process = self.processes[name]
        os.killpg(process.pid, how)
        if how == signal.SIGKILL:
            process.wait()

    def log(self, name: str, most: int = 3_000) -> str:
        """The end of one process's log."""
        return (self.folder / f"{name}.log").read_text(errors="replace")[-most:]

    def logs(self) -> str:
        """The ends of all logs."""
        return "\n".join(f"--- {name}\n{self.log(name)}" for name in self.processes)

    def journal(self, message: int) -> tuple[JournalLine, ...]:
        """What was decided about a message."""
        return self.store.run(journal.read(str(message)))

    def stats(self) -> dict[str, int]:
        """Counters of work."""
        return self.store.run(stats.counts())

    def stop(self) -> None:
        """End every process."""
        for process in self.processes.values():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
        deadline = time.monotonic() + 5
        for process in self.processes.values():
            try:
                process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()


@contextlib.contextmanager
def system(
    folder: Path, server: LoopbackDiscord | None = None, **settings: object
) -> Iterator[System]:
    """A Valkey, a loopback Discord and the environment of the processes; `settings` are
    STREAM_ settings in lower case."""
    folder.mkdir(parents=True, exist_ok=True)
    with (
        LoopbackThread(server or LoopbackDiscord(rate_limit=None)) as discord,
        EmbeddedValkey(
            folder / "valkey", str(settings.get("appendfsync", "everysec"))
        ) as valkey,
    ):
        store = Store(valkey.url)
        # It has run before: a new one would say nothing unasked for some seconds.
        store.client.set(keys.GENERATION, "system")
        env = (
            {
                name: value
                for name, value in os.environ.items()
                if not name.startswith("STREAM_")
            }
            | {
                "STREAM_REDIS_URL": valkey.url,
                "STREAM_VAULT_KEYS": Fernet.generate_key().decode(),
                "STREAM_DISCORD_API_URL": discord.api_url,
                "STREAM_DISCORD_GATEWAY_URL": discord.gateway_url,
                "STREAM_GUILD_READY_TIMEOUT": "0.1",
                "STREAM_IDENTIFY_PAUSE": "0.05",
                "STREAM_SPEAK_CHANNELS": "*",
                # Its people are a second old, and one of them says all that a test
                # says.
                "STREAM_NEWCOMER_DAYS": "0",
                "STREAM_PERSON_SHARE": "1",
                # They talk about nothing in particular, and each gateway would load
                # an encoder.
                "STREAM_INTEREST": "words",
                # They say much that is no whole thought, and one of them says it all.
                "STREAM_THOUGHT_WAIT": "0",
                "STREAM_DATA_DIR": str(folder / "data"),
                "PYTHONPATH": str(Path(__file__).parents[2]),
            }
            | {f"STREAM_{name.upper()}": str(value) for name, value in settings.items()}
        )
        running = System(folder, discord, valkey, store, env)
        try:
            yield running
        finally:
            running.stop()
            store.close()


def add_bots(running: System, *names: str) -> dict[str, Any]:
    """Make bots in the loopback Discord and put their tokens into the environment."""
    accounts = {}
    for name in names:
        accounts[name] = account = running.discord.add_bot(name)
        running.env[f"STREAM_TOKEN_{name.upper()}"] = str(account.token)
    return accounts
