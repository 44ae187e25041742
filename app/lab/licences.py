"""What the program is made of: `python -m app.lab.licences docker/requirements.lock`
writes a bill of materials (CycloneDX 1.5, JSON) from a lock file, `--table` a table for
people. Licences are read from the packages that are installed here."""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterator, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any, NamedTuple

LOCKED = re.compile(r"^([A-Za-z0-9][\w.-]*)(?:\[[^\]]*\])?==([^\s;\\]+)")
HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")
UNKNOWN = "not installed here"
LONGEST = 60
"""Characters from which a licence field holds the licence itself."""


class Locked(NamedTuple):
    """One package of a lock file."""

    name: str
    version: str
    licence: str
    hashes: tuple[str, ...]


def read_lock(file: Path) -> Iterator[Locked]:
    """The packages that a lock file names, in its order."""
    lines: list[str] = []
    for line in [*file.read_text("utf-8").splitlines(), "end==0"]:
        if LOCKED.match(line) and lines:
            yield _package(lines)
            lines = []
        if lines or LOCKED.match(line):
            lines.append(line)


def _package(lines: Sequence[str]) -> Locked:
    found = LOCKED.match(lines[0])
    assert found is not None  # noqa: S101 -- for the type checker: `read_lock` looked
    name, version = found.groups()
    hashes = tuple(HASH.findall("\n".join(lines)))
    return Locked(name, version, licence_of(name), hashes)


def licence_of(name: str) -> str:
    """In the words of the package's own metadata."""
    try:
        about = metadata.metadata(name)
    except metadata.PackageNotFoundError:
        return UNKNOWN
    fields = ("License-Expression", "License")
    named = next((about[field] for field in fields if field in about), "")
    if named and len(named) <= LONGEST and named != "UNKNOWN":
        return named.strip()
    kinds = [
        one.rpartition(" :: ")[2]
        for one in about.get_all("Classifier") or ()
        if one.startswith("License :: ")
    ]
    return ", ".join(kinds) or "not told"


def bill_of(packages: Sequence[Locked]) -> dict[str, Any]:
    """As CycloneDX wants it."""
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "components": [
            {
                "type": "library",
                "name": one.name,
                "version": one.version,
                "purl": f"pkg:pypi/{one.name.lower()}@{one.version}",
                "licenses": [{"license": {"name": one.licence}}],
                # Of several files of a release one is installed: all are allowed.
                "properties": [
                    {"name": "sha256", "value": digest} for digest in one.hashes
                ],
            }
            for one in packages
        ],
    }


def main(arguments: Sequence[str] | None = None) -> None:
    """Print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("lock", type=Path)
    parser.add_argument("--table", action="store_true")
    options = parser.parse_args(arguments)
    packages = list(read_lock(options.lock))
    if options.table:
        rows = [f"{one.name} {one.version}: {one.licence}" for one in packages]
        text = "\n".join(rows)
    else:
        text = json.dumps(bill_of(packages), indent=1)
    sys.stdout.write(f"{text}\n")


if __name__ == "__main__":
    main()
