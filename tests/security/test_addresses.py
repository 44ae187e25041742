"""Redis over a network, and secrets from files."""

from __future__ import annotations

import re
import shutil
import socket
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import redis
from pydantic import ValidationError

from app.domain.errors import ConfigurationError
from app.domain.safe_yaml import load_yaml
from app.domain.settings import Settings, explain_first, read_secret_files
from app.host.valkey import binary, free_port

DOCKER = Path(__file__).parents[2] / "docker"


@pytest.mark.parametrize("name", ["redis_url", "broker_url"])
def test_plain_redis_to_another_host_is_refused_in_one_line(name: str) -> None:
    """The line names the setting that allows it, and no part of the address."""
    address = {name: "redis://me:hunter2@far.example:6379/0"}
    with pytest.raises(ValidationError) as refused:
        Settings.model_validate(address)
    said = explain_first(refused.value)
    assert "STREAM_REDIS_PLAIN" in said
    assert "\n" not in said
    assert "hunter2" not in said
    assert Settings.model_validate(address | {"redis_plain": True})


@pytest.mark.parametrize(
    "url",
    [
        "redis://127.0.0.1:6379/0",
        "redis://localhost/0",
        "redis://[::1]:6379/0",
        "rediss://far.example/0",
        "unix:///run/valkey.sock",
    ],
)
def test_what_nobody_can_listen_to_is_taken(url: str) -> None:
    """Loopback, TLS and sockets need no leave."""
    assert Settings(redis_url=url).redis_url == url


def test_a_secret_may_be_a_file(tmp_path: Path) -> None:
    """STREAM_X_FILE becomes STREAM_X; both at once, and a file that is not there, are
    one clear line."""
    secret = tmp_path / "secret"
    secret.write_text("hunter2\n")
    environ = {"STREAM_TOKEN_ADA_FILE": str(secret), "OTHER_FILE": "x"}
    read_secret_files(environ)
    assert environ == {"STREAM_TOKEN_ADA": "hunter2", "OTHER_FILE": "x"}
    for wrong in (
        {"STREAM_A_FILE": str(secret), "STREAM_A": "x"},
        {"STREAM_A_FILE": str(tmp_path / "none")},
    ):
        with pytest.raises(ConfigurationError, match="STREAM_A_FILE") as refused:
            read_secret_files(wrong)
        assert "hunter2" not in str(refused.value)


def test_compose_gives_each_role_its_own_login() -> None:
    """No password for all, no dump, each role's own address, and vault keys for
    gateways, workers and the command line alone, which only runs when it is called."""
    compose = load_yaml((DOCKER / "compose.yaml").read_text())
    services = compose["services"]
    assert "requirepass" not in str(compose)
    command = services["redis"]["command"]
    assert command[command.index("--save") + 1] == ""
    assert "--aclfile" in command
    logins = {
        name: service["secrets"][0]["source"]
        for name, service in services.items()
        if name != "redis"
    }
    assert logins == {
        "gateway": "gateway_url",
        "worker-direct": "worker_url",
        "worker-cycles": "worker_url",
        "beat": "beat_url",
        "flower": "flower_url",
        "page": "page_url",
        "operator": "operator_url",
    }
    assert {
        name for name, service in services.items() if "vault_keys" in service["secrets"]
    } == {
        "gateway",
        "worker-direct",
        "worker-cycles",
        "operator",
    }
    assert services["operator"]["profiles"] == ["operator"]
    published = [port for one in services.values() for port in one.get("ports", ())]
    assert all(port.startswith("127.0.0.1:") for port in published)


def test_the_server_takes_the_file_that_passwords_sh_makes(
    tmp_path: Path, wait_until: Callable[..., None]
) -> None:
    """The real server starts with it, each address logs in as its own user, nobody
    without one, and a second run keeps all."""
    folder = tmp_path / "docker"
    shutil.copytree(DOCKER, folder, ignore=shutil.ignore_patterns("secrets"))
    for _ in range(2):
        subprocess.run([folder / "passwords.sh"], check=True)
    secrets = folder / "secrets"
    assert secrets.stat().st_mode & 0o077 == 0
    assert "@" not in (secrets / "users.acl").read_text().replace("-@all", "")
    Settings(vault_keys=(secrets / "vault.keys").read_text())  # type: ignore[arg-type]
    port = free_port()
    command = [
        str(binary()),
        "--port",
        str(port),
        "--bind",
        "127.0.0.1",
        "--aclfile",
        str(secrets / "users.acl"),
        "--save",
        "",
        "--dir",
        str(tmp_path),
    ]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as server:
        try:
            wait_until(lambda: port_in_use(port) or server.poll() is not None)
            try_logins(secrets, port)
        finally:
            server.terminate()


def pinned(folder: Path, docker: str) -> subprocess.CompletedProcess[str]:
    """What pin.sh does where `docker` is this script."""
    programs = folder.parent / "bin"
    programs.mkdir(exist_ok=True)
    (programs / "docker").write_text(f"#!/bin/sh\n{docker}\n")
    (programs / "docker").chmod(0o755)
    return subprocess.run(
        [folder / "pin.sh"],
        env={"PATH": f"{programs}:/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )


def test_shipped_images_have_digests() -> None:
    """Every base image of compose.yaml and the Dockerfile, and the same in both."""
    compose = (DOCKER / "compose.yaml").read_text()
    dockerfile = (DOCKER / "Dockerfile").read_text()
    shipped = re.findall(r"\$\{(\w+_IMAGE):-([^}]+)\}", compose)
    assert {name for name, _ in shipped} == {"VALKEY_IMAGE", "PYTHON_IMAGE"}
    for _, image in shipped:
        assert re.fullmatch(r"[\w./-]+:[\w.-]+@sha256:[0-9a-f]{64}", image), image
    python = dict(shipped)["PYTHON_IMAGE"]
    assert f"ARG PYTHON_IMAGE={python}\n" in dockerfile
    assert set(re.findall(r"^FROM (\S+)", dockerfile, re.M)) == {"${PYTHON_IMAGE}"}


def test_images_are_pinned_to_what_the_registry_tells(tmp_path: Path) -> None:
    """pin.sh writes both images with their digests and leaves the rest of .env alone,
    however often; a registry that tells none changes nothing."""
    folder = tmp_path / "docker"
    shutil.copytree(DOCKER, folder, ignore=shutil.ignore_patterns("secrets"))
    (folder / ".env").write_text("OTHER=1\nVALKEY_IMAGE=old\n")
    digest = "sha256:" + "ab" * 32
    for _ in range(2):
        assert pinned(folder, f"echo {digest}").returncode == 0
    lines = (folder / ".env").read_text().splitlines()
    assert lines == [
        "OTHER=1",
        f"VALKEY_IMAGE=valkey/valkey:9-alpine@{digest}",
        f"PYTHON_IMAGE=python:3.12-slim@{digest}",
    ]
    for trouble in ("exit 1", "echo nothing"):
        assert pinned(folder, trouble).returncode != 0
        assert (folder / ".env").read_text().splitlines() == lines
        assert not (folder / ".env.new").exists()


def port_in_use(port: int) -> bool:
    """Whether somebody listens there."""
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def try_logins(secrets: Path, port: int) -> None:
    """As each user, and as nobody."""
    for user in ("gateway", "worker", "beat", "flower", "viewer", "page", "operator"):
        address = (
            (secrets / f"{user}.url")
            .read_text()
            .replace("@redis:6379", f"@127.0.0.1:{port}")
        )
        with (
            redis.Redis.from_url(address) as client,
            pytest.raises(redis.exceptions.NoPermissionError, match=f"User {user} "),
        ):
            client.execute_command("FLUSHALL")
    with (
        redis.Redis(port=port) as stranger,
        pytest.raises(redis.exceptions.AuthenticationError),
    ):
        stranger.get("x")
