"""An older commit of this repository in a folder of its own, with the packages of its own
lock file."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console

from app.domain.errors import StreamError
from tests.bench.arena import ROOT
from tests.bench.rates import install_packages, is_installed, last_line


class CannotStart(StreamError):
    """The older commit cannot be started."""

    exit_code = 2


@contextmanager
def checked_out(commit: str, folder: Path, console: Console) -> Iterator[Path]:
    """A worktree of the commit, gone afterwards; its packages are kept for the next
    run."""
    told = told_commit(commit)
    git("worktree", "add", "--quiet", "--detach", str(folder), commit)
    try:
        home = install_locked(folder / "requirements.lock", told, console)
        (folder / ".venv").symlink_to(home)
        yield folder
    finally:
        git("worktree", "remove", "--force", str(folder))


def install_locked(lock: Path, told: str, console: Console) -> Path:
    """The virtual environment of a lock file, made if missing."""
    if not lock.exists():
        raise CannotStart(f"{told} has no {lock.name}")
    digest = hashlib.sha256(lock.read_bytes()).hexdigest()
    home = Path(sys.prefix) / f"bench-{digest[:12]}"
    if is_installed(home):
        return home
    try:
        console.print(f"  installing the packages of {told}, some minutes ...")
        with console.status("  installing"):
            # A lock file names all packages: nothing is left to find out.
            install_packages(home, "--no-deps", "--require-hashes", "-r", str(lock))
    except subprocess.CalledProcessError as error:
        raise CannotStart(f"The packages of {told}: {last_line(error)}") from error
    except (OSError, subprocess.TimeoutExpired) as error:
        what = type(error).__name__
        raise CannotStart(f"The packages of {told}: {what}") from error
    return home


def told_commit(commit: str) -> str:
    """A commit's short name, day and subject."""
    return git("log", "-1", "--date=short", "--format=%h (%ad: %s)", commit, "--")


def git(*arguments: str) -> str:
    """What git says of this repository."""
    try:
        done = subprocess.run(
            ["git", *arguments],  # noqa: S607 - where git is differs by machine
            cwd=ROOT,
            check=True,
            capture_output=True,
            text=True,
        )
    except subprocess.CalledProcessError as error:
        raise CannotStart(f"git {arguments[0]}: {last_line(error)}") from error
    except OSError as error:
        raise CannotStart(f"git: {error.strerror}") from error
    return done.stdout.strip()
