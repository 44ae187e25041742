"""Metrics and health: what a scrape over a real socket brings, and that dashboard and
alerts ask for what there is."""

from __future__ import annotations

import json
import re
import shutil
import statistics
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from prometheus_client.metrics import MetricWrapperBase

from app.domain.errors import PortInUse
from app.domain.model import Classified, Event, Signal
from app.domain.safe_yaml import load_yaml
from app.domain.settings import Settings
from app.runtime import metrics
from app.runtime.scraping import Health, Scraped, serve
from app.store import admission
from app.store.admission import AdmissionRequest
from app.store.door import Store
from app.store.limits import Limits

DOCKER = Path(__file__).parents[2] / "docker"
ENDINGS = ("", "_total", "_bucket", "_sum", "_count")
BOUNDED = {"bot", "verdict", "outcome", "task", "context", "what"}
"""Labels whose values are few, whoever writes how much."""


def fetch(port: int, path: str) -> tuple[int, str]:
    """Status and body."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}") as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


@pytest.fixture
def wrong() -> dict[str, str]:
    """What the checks of `scraped` say."""
    return {"alive": "", "ready": ""}


@pytest.fixture
def scraped(wrong: dict[str, str]) -> Iterator[Scraped]:
    """A served port."""
    health = Health(alive=lambda: wrong["alive"], ready=lambda: wrong["ready"])
    served = Scraped("127.0.0.1", 0, health)
    yield served
    served.close()


def test_a_scrape_brings_what_was_counted(scraped: Scraped) -> None:
    """In Prometheus' text format, with the process's own figures and nothing twice."""
    metrics.note_election("granted", bids=2)
    metrics.note_election("deferred", bids=0)
    metrics.note_spending("elena", tokens=30, micro_usd=1_500_000)
    status, page = fetch(scraped.port, "/metrics")
    assert status == 200
    lines = dict(line.rsplit(" ", 1) for line in page.splitlines() if line[0] != "#")
    assert float(lines['stream_elections_total{verdict="granted"}']) >= 1
    assert float(lines["stream_pile_ons_prevented_total"]) >= 1
    assert float(lines['stream_usd_total{bot="elena"}']) >= 1.5
    assert float(lines["process_resident_memory_bytes"]) > 0
    assert not [name for name in lines if "_created" in name]


def test_one_bid_is_no_pile_on() -> None:
    """Only where more than one wanted to speak was something prevented."""
    before = metrics.REGISTRY.get_sample_value("stream_pile_ons_prevented_total")
    metrics.note_election("granted", bids=1)
    after = metrics.REGISTRY.get_sample_value("stream_pile_ons_prevented_total")
    assert after == before


def test_health_says_what_is_wrong(scraped: Scraped, wrong: dict[str, str]) -> None:
    """200 while nothing is, else 503 and the reason; each path for itself, and no
    other."""
    wrong["ready"] = "Redis does not answer"
    assert fetch(scraped.port, "/healthz") == (200, "ok\n")
    assert fetch(scraped.port, "/readyz") == (503, "Redis does not answer\n")
    wrong["ready"] = ""
    assert fetch(scraped.port, "/readyz") == (200, "ok\n")
    assert fetch(scraped.port, "/secrets")[0] == 404


def test_a_check_that_fails_is_a_no() -> None:
    """An error in it is named by its kind alone."""

    def ready() -> str:
        raise LookupError("a password")

    served = Scraped("127.0.0.1", 0, Health(alive=lambda: "", ready=ready))
    assert fetch(served.port, "/readyz") == (503, "LookupError\n")
    served.close()


def test_nothing_listens_unless_it_is_asked_for() -> None:
    """By default no port is opened, and the address is this machine's own."""
    settings = Settings()
    health = Health(alive=lambda: "", ready=lambda: "")
    assert serve("gateway", settings, health) is None
    assert settings.metrics_address == "127.0.0.1"


@pytest.mark.parametrize("role", ["gateway", "direct", "cycles"])
def test_a_taken_port_is_one_line(role: str, scraped: Scraped) -> None:
    """It names the setting, the port, the role, and a way out."""
    places = ("gateway", "direct", "cycles")
    settings = Settings(metrics_port=scraped.port - places.index(role))
    with pytest.raises(PortInUse) as refused:
        serve(role, settings, Health(alive=lambda: "", ready=lambda: ""))
    told = str(refused.value)
    assert told.startswith(f"STREAM_METRICS_PORT: 127.0.0.1 port {scraped.port}")
    assert role in told
    assert "\n" not in told


def test_no_label_grows_with_what_people_do() -> None:
    """No series for a channel, a person or a message, and names as Prometheus wants
    them."""
    ours = [one for one in vars(metrics).values() if isinstance(one, MetricWrapperBase)]
    assert len(ours) >= 16
    for one in ours:
        assert set(one._labelnames) <= BOUNDED, one
        assert one._name.startswith("stream_")
        assert one._documentation


def known_names() -> set[str]:
    """All names that a scrape may hold."""
    families = list(metrics.REGISTRY.collect())
    return {f"{family.name}{ending}" for family in families for ending in ENDINGS}


def asked_names(expressions: list[str]) -> set[str]:
    """The metrics that PromQL expressions name."""
    return set(re.findall(r"\b(?:stream|process|python)_\w+", " ".join(expressions)))


def test_the_dashboard_asks_for_what_there_is() -> None:
    """Each panel's metrics exist, and each of ours has a panel."""
    board = json.loads((DOCKER / "grafana-dashboard.json").read_text())
    asked = asked_names(
        [target["expr"] for panel in board["panels"] for target in panel["targets"]]
    )
    assert asked <= known_names()
    ours = {
        family.name
        for family in metrics.REGISTRY.collect()
        if family.name.startswith("stream_")
    }
    unseen = {
        name for name in ours if not {name + ending for ending in ENDINGS} & asked
    }
    assert not unseen


def test_the_alerts_ask_for_what_there_is() -> None:
    """Each rule's metrics exist, and each says in one line what to do."""
    rules = load_yaml((DOCKER / "alerts.yml").read_text())["groups"][0]["rules"]
    asked = asked_names([rule["expr"] for rule in rules])
    assert len(asked) >= 7
    assert asked <= known_names()
    assert all("\n" not in rule["annotations"]["summary"] for rule in rules)


def test_prometheus_takes_the_alerts() -> None:
    """By promtool's own judgement."""
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed (Debian: prometheus)")
    command = [promtool, "check", "rules", str(DOCKER / "alerts.yml")]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_each_alert_fires_when_it_should_and_not_before() -> None:
    """On series that are made up, through promtool: `alert_cases.yml` beside this file
    plays each rule, and a day in order, in which none fires."""
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed (Debian: prometheus)")
    cases = Path(__file__).with_name("alert_cases.yml")
    rules = load_yaml((DOCKER / "alerts.yml").read_text())["groups"][0]["rules"]
    played = load_yaml(cases.read_text())["tests"]
    expected = {
        one["alertname"]
        for test in played
        for one in test["alert_rule_test"]
        if one["exp_alerts"]
    }
    assert expected == {rule["alert"] for rule in rules}
    command = [promtool, "test", "rules", str(cases)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_counting_is_cheap(store: Store) -> None:
    """What an admission and its election count takes less than a tenth of the
    admission."""
    settings = Settings()
    limits = Limits.of(settings)

    def count(_: int) -> None:
        metrics.ADMISSIONS.labels("passed").inc()
        metrics.note_election("deferred", bids=0)

    def admit(number: int) -> None:
        event = Event(
            message_id=str((1_400_000_000 << 22) + number),
            channel_id="55",
            guild_id="7",
            author_id="901",
            author_name="x",
            content="How do tides work?",
        )
        candidate = AdmissionRequest(
            "elena", event, Classified(signal=Signal.AMBIENT, reason="")
        )
        store.run(admission.admit(candidate, f"r{number}", limits, settings))

    assert median(count) < median(admit) / 10


def median(work: Callable[[int], None]) -> float:
    """Seconds of one call."""
    took = []
    for number in range(200):
        begun = time.perf_counter()
        work(number)
        took.append(time.perf_counter() - begun)
    return statistics.median(took)
