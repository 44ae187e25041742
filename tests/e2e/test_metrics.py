"""Real processes tell Prometheus and health checks how they are."""

from __future__ import annotations

import socket
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from app.host.valkey import free_port, is_bindable
from tests.e2e.system import (
    System,
    add_bots,
    eager_character,
    system,
    write_characters,
)

ROLES = ("gateway", "direct", "cycles")


def three_ports() -> int:
    """The first of three ports in a row that nobody has."""
    while True:
        port = free_port()
        if port < 65_000 and all(is_bindable(port + place) for place in range(3)):
            return port


def fetch(port: int, path: str) -> tuple[int, str]:
    """Status and body; 0: nobody listens."""
    address = f"http://127.0.0.1:{port}{path}"
    try:
        with urllib.request.urlopen(address, timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()
    except OSError:
        return 0, ""


def figures(port: int) -> dict[str, float]:
    """What a scrape brings, by series."""
    _, page = fetch(port, "/metrics")
    pairs = [line.rsplit(" ", 1) for line in page.splitlines() if line[:1] != "#"]
    return {name: float(value) for name, value in pairs}


@pytest.mark.slow
def test_each_process_counts_its_part_and_knows_when_redis_is_gone(
    tmp_path: Path,
) -> None:
    """One message: the gateway counts its admission and its wake, a worker the cycle,
    its turn and the delivery; all three are ready, and none is once Redis is gone,
    though each is alive."""
    first = three_ports()
    ports = dict(zip(ROLES, range(first, first + 3), strict=True))
    characters = write_characters(tmp_path / "characters", [eager_character("ada")])
    with system(
        tmp_path,
        characters_dir=characters,
        metrics_port=first,
        redis_timeout=0.5,
    ) as running:
        add_bots(running, "ada")
        channel = running.discord.add_channel("general")
        person = running.discord.add_user("Kim")
        running.workers(threads=2)
        running.gateway("ada")
        running.wait(
            lambda: all(fetch(port, "/readyz")[0] == 200 for port in ports.values()),
            60,
            "all three ready",
        )
        running.discord.post(person, channel, "ada, what do you think?")
        running.wait(running.discord.posts_by_bots, what="an answer")
        told(running, ports, str(channel.id))
        running.valkey.kill()
        running.wait(
            lambda: all(fetch(port, "/readyz")[0] == 503 for port in ports.values()),
            60,
            "none ready without Redis",
        )
        assert {fetch(port, "/healthz")[0] for port in ports.values()} == {200}


def told(running: System, ports: dict[str, int], channel: str) -> None:
    """The figures of one answered message, and no id in them."""
    running.wait(
        lambda: (
            'stream_deliveries_total{bot="ada",outcome="delivered"}'
            in figures(ports["direct"])
        ),
        what="the delivery counted",
    )
    # Set with each renewal of the lease.
    running.wait(
        lambda: figures(ports["gateway"]).get('stream_bot_connected{bot="ada"}') == 1,
        what="the bot shown as connected",
    )
    gateway, direct = figures(ports["gateway"]), figures(ports["direct"])
    assert gateway['stream_admissions_total{verdict="direct"}'] == 1
    wakes = 'stream_wakes_total{outcome="sent",task="run_daily_life_cycle"}'
    assert gateway[wakes] >= 1
    assert gateway['stream_identifies_left{bot="ada"}'] > 0
    assert gateway['stream_overdue{what="lanes"}'] >= 0
    assert direct['stream_turn_seconds_count{context="direct"}'] == 1
    assert direct['stream_answer_seconds_count{bot="ada"}'] == 1
    for port in ports.values():
        assert channel not in fetch(port, "/metrics")[1]


def test_a_worker_without_its_port_ends_with_one_line(tmp_path: Path) -> None:
    """Celery would log the error and go on; ours names the setting and ends."""
    with system(tmp_path) as running, socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = other.getsockname()[1]
        base = str(taken - 2)
        worker = running.worker("cycles", "cycles", env={"STREAM_METRICS_PORT": base})
        assert worker.wait(60) == 2
        # Celery itself may warn before it.
        log = running.log("cycles")
        assert (
            log.strip()
            .splitlines()[-1]
            .startswith(
                f"the-stream: STREAM_METRICS_PORT: 127.0.0.1 port {taken} (cycles)"
            )
        )
        assert "Traceback" not in log
