"""docker/users.acl against the code: nothing that a role's own code sends is
refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.e2e.recorded import Granted, matches
from tests.security import reach

FILE = Path(__file__).parents[2] / "docker" / "users.acl"
LINES = {
    line.split()[1]: line
    for line in FILE.read_text().splitlines()
    if line.startswith("user ")
}
ROLES = ("gateway", "worker", "page", "operator")


@pytest.mark.parametrize("role", ROLES)
def test_no_command_of_the_code_is_refused(role: str) -> None:
    """Each command that the role's calls and their scripts may send is in its line, on
    the rarest path too."""
    assert reach.commands(role) <= set(Granted.of(LINES[role]).commands)


@pytest.mark.parametrize("role", ROLES)
def test_no_key_of_a_script_is_refused(role: str) -> None:
    """Who gives a script a key by name must be allowed to read and to write it."""
    granted, keys = Granted.of(LINES[role]), reach.script_keys(role)
    assert len(keys) >= 3
    write_only = {
        key
        for key in keys
        if not any(matches(pattern, key) for pattern in granted.read)
    }
    read_only = {
        key
        for key in keys
        if not any(matches(pattern, key) for pattern in granted.written)
    }
    assert (write_only, read_only) == (set(), set())


@pytest.mark.parametrize("role", sorted(LINES.keys() - {"default"}))
def test_no_role_has_a_category(role: str) -> None:
    """Commands are granted one by one, so that a new version of the server grants
    nothing more; none administers it."""
    commands = set(Granted.of(LINES[role]).commands)
    assert not [command for command in commands if command.startswith("@")]
    assert not commands & {
        "function",
        "fcall",
        "eval",
        "config",
        "flushall",
        "flushdb",
        "keys",
        "shutdown",
        "monitor",
        "acl",
        "debug",
        "swapdb",
        "replicaof",
        "module",
        "migrate",
        "restore",
        "dump",
        "object",
        "sort",
    }
    if role not in {"page", "operator"}:
        assert not commands & {"scan", "info"}
    if role != "operator":
        assert "~*" not in LINES[role].split()
