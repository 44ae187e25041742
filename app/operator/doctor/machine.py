"""This machine: Python, packages, the disk, and the files and variables that hold
settings and secrets."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

from app.operator.doctor.findings import Finding, fault, fine, warning
from app.operator.variables import SECRET, dotenv_names, find_slips

OLDEST_PYTHON = (3, 11)
LITTLE = 1024**3
"""Bytes of a disk that will not last long."""
TOO_LITTLE = 200 * 1024**2
"""Bytes with which Redis may soon be unable to write."""
OTHERS_MAY_READ = 0o077
SECRET_SETTINGS = frozenset(
    {"STREAM_VAULT_KEYS", "STREAM_FLOWER_PASSWORD", "STREAM_REDIS_URL"}
)


def look_at_python(version: tuple[int, ...] = sys.version_info[:3]) -> Finding:
    """Whether this Python is new enough."""
    detail = ".".join(str(part) for part in version[:3])
    if tuple(version[:2]) < OLDEST_PYTHON:
        return fault("python", f"Python {detail} is too old", "install 3.11 or newer")
    return fine("python", f"Python {detail}")


def look_at_packages(
    wanted: Iterable[str] | None = None,
    version_of: Callable[[str], str] = metadata.version,
) -> Iterator[Finding]:
    """Whether what this program needs is installed. `wanted`: requirements; None: the
    program's own."""
    remedy = "`make check` installs what requirements.lock names"
    wrong = 0
    for text in _required() if wanted is None else wanted:
        needed = Requirement(text)
        # What an extra or another platform needs is not missed here.
        if needed.marker is not None and not needed.marker.evaluate({"extra": ""}):
            continue
        try:
            found = version_of(needed.name)
        except metadata.PackageNotFoundError:
            wrong += 1
            yield fault("packages", f"{needed.name} is not installed", remedy)
            continue
        if not needed.specifier.contains(found, prereleases=True):
            wrong += 1
            what = f"{needed.name} is {found}; needed is {needed.specifier}"
            yield fault("packages", what, remedy)
    if not wrong:
        yield fine("packages", "all that is needed is installed")


def _required() -> list[str]:
    try:
        return metadata.requires("the-stream") or []
    except metadata.PackageNotFoundError:
        return []


def look_at_disk(folder: Path) -> Finding:
    """How much room the data folder's disk has."""
    place = folder.expanduser().absolute()
    # Before the first start there is no data folder: a parent has the same disk.
    while not place.exists():
        place = place.parent
    free = shutil.disk_usage(place).free
    detail = f"{free / 1024**3:.1f} GiB free for {folder}"
    remedy = "make room: Redis refuses every write on a full disk"
    if free < TOO_LITTLE:
        return fault("disk", detail, remedy)
    return warning("disk", detail, remedy) if free < LITTLE else fine("disk", detail)


def look_at_variables(
    environ: Mapping[str, str], bots: Iterable[str], file: Path = Path(".env")
) -> Iterator[Finding]:
    """Names that nothing reads, and secrets that others may read."""
    for name, meant in find_slips(
        {**environ, **dict.fromkeys(dotenv_names(file))}, bots
    ).items():
        remedy = f"was {meant} meant?" if meant else "`the-stream settings` lists all"
        yield fault("settings", f"{name} is no setting: nothing reads it", remedy)
    yield from _look_at_dotenv(file)


def _look_at_dotenv(file: Path) -> Iterator[Finding]:
    names = dotenv_names(file)
    tokens = [name for name in names if SECRET.match(name)]
    secrets = [*tokens, *(name for name in names if name in SECRET_SETTINGS)]
    # A file without secrets may be read by anybody.
    mode = file.stat().st_mode if secrets else 0
    if mode & OTHERS_MAY_READ:
        what = f"others on this machine may read {', '.join(secrets)} in {file}"
        yield fault("secrets", what, f"chmod 600 {file}")
    if tokens:
        what = f"{', '.join(tokens)} in {file}: no token or key is read from there"
        yield warning("secrets", what, f"`set -a; . {file}; set +a` before the start")
