"""A real Prometheus fills from a running stream. `make prometheus` runs this."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from app.host.valkey import free_port
from tests.e2e.system import System, add_bots, eager_character, system, write_characters
from tests.e2e.test_metrics import three_ports

ROOT = Path(__file__).parents[2]
PROGRAM, TOOL = shutil.which("prometheus"), shutil.which("promtool")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        None in {PROGRAM, TOOL},
        reason="no Prometheus on this machine (Debian: apt-get install prometheus)",
    ),
]
QUIET = {
    "stream_dead_letters_total",
    "stream_delivery_retries_total",
    "stream_model_seconds_bucket",
    "stream_model_seconds_count",
    "stream_tokens_total",
    "stream_usd_total",
}
"""What counts only where something fails, or where a model is paid."""


@dataclass
class Prometheus:
    """A running server."""

    port: int

    def ask(self, path: str, **values: str) -> Any:
        """The data of its answer."""
        asked = urllib.parse.urlencode(values)
        address = f"http://127.0.0.1:{self.port}/api/v1/{path}?{asked}"
        with urllib.request.urlopen(address, timeout=10) as answer:
            return json.load(answer)["data"]

    def query(self, expression: str) -> list[Any]:
        """The series that an expression gives now."""
        return list(self.ask("query", query=expression)["result"])

    def is_ready(self) -> bool:
        """Whether it answers."""
        try:
            return bool(self.ask("targets"))
        except OSError:
            return False


def documented(ports: range) -> dict[str, Any]:
    """The configuration that docs/metrics.md shows, with these ports and our alerts, at
    a pace for tests."""
    text = (ROOT / "docs/metrics.md").read_text()
    shown = yaml.safe_load(re.search(r"```yaml\n(.*?)```", text, re.DOTALL)[1])  # type: ignore[index]
    shown["rule_files"] = [str(ROOT / "docker/alerts.yml")]
    targets = [f"127.0.0.1:{port}" for port in ports]
    shown["scrape_configs"][0]["static_configs"][0]["targets"] = targets
    pace = {"scrape_interval": "500ms", "scrape_timeout": "500ms"}
    return shown | {"global": pace | {"evaluation_interval": "500ms"}}


@contextmanager
def prometheus(running: System, ports: range) -> Iterator[Prometheus]:
    """A server that scrapes these ports of this machine."""
    file, port = running.folder / "prometheus.yml", free_port()
    file.write_text(yaml.safe_dump(documented(ports)))
    checked = subprocess.run(
        [str(TOOL), "check", "config", str(file)], capture_output=True, check=False
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
    with (running.folder / "prometheus.log").open("wb") as log:
        process = subprocess.Popen(
            [
                str(PROGRAM),
                f"--config.file={file}",
                f"--storage.tsdb.path={running.folder / 'tsdb'}",
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            stdout=log,
            stderr=log,
        )
        try:
            served = Prometheus(port)
            running.wait(served.is_ready, 30, "Prometheus")
            yield served
        finally:
            process.terminate()
            process.wait(20)


def panels() -> list[str]:
    """The expressions of the dashboard."""
    board = json.loads((ROOT / "docker/grafana-dashboard.json").read_text())
    return [target["expr"] for one in board["panels"] for target in one["targets"]]


def test_a_real_prometheus_fills_from_a_running_stream(tmp_path: Path) -> None:
    """With the configuration of docs/metrics.md: three targets are up, every panel of
    the dashboard that can have something has it, each alert rule is healthy and none
    fires, and promtool finds nothing to mend in a scrape."""
    first = three_ports()
    ports = range(first, first + 3)
    folder = tmp_path / "characters"
    characters = write_characters(
        folder, [eager_character("ada"), eager_character("bob")]
    )
    with system(tmp_path, characters_dir=characters, metrics_port=first) as running:
        add_bots(running, "ada", "bob")
        running.workers(threads=2)
        running.gateway("ada", "bob")
        with prometheus(running, ports) as server:
            up = 'up{job="the-stream"} == 1'
            running.wait(lambda: len(server.query(up)) == 3, 60, "three targets up")
            converse(running)
            wanted = [one for one in panels() if not is_quiet(one)]
            assert len(wanted) >= 12
            for expression in panels():
                server.query(expression)
            running.wait(
                lambda: all(server.query(one) for one in wanted), 40, "filled panels"
            )
            rules = server.ask("rules")["groups"][0]["rules"]
            assert {rule["health"] for rule in rules} == {"ok"}
            assert {rule["state"] for rule in rules} == {"inactive"}
        for port in ports:
            address = f"http://127.0.0.1:{port}/metrics"
            with urllib.request.urlopen(address, timeout=10) as answer:
                lint(answer.read())


def is_quiet(expression: str) -> bool:
    """Whether an expression asks for what may rightly not have happened."""
    return any(name in expression for name in QUIET)


def converse(running: System) -> None:
    """One message that names a bot, and one that names none."""
    channel = running.discord.add_channel("general")
    kim = running.discord.add_user("Kim")
    for text in ("ada, what do you think?", "Has anybody read a good book?"):
        post = running.discord.post(kim, channel, text)
        running.wait(lambda post=post: running.discord.replies_to(post), 30, text)  # type: ignore[misc]


def lint(scrape: bytes) -> None:
    """By promtool's own judgement of names and help texts; of what is ours."""
    done = subprocess.run(
        [str(TOOL), "check", "metrics"], input=scrape, capture_output=True, check=False
    )
    said = (done.stdout + done.stderr).decode().splitlines()
    assert [line for line in said if line.startswith("stream_")] == []
