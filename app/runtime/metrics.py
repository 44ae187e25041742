"""What a process counts, for Prometheus (docs/metrics.md).

Labels hold bots, verdicts and kinds of things alone: no channel, person or message, so
that the number of series does not grow with what people do, and nothing said shows.
"""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client import disable_created_metrics as leave_out_beginnings
from prometheus_client.gc_collector import GCCollector
from prometheus_client.platform_collector import PlatformCollector
from prometheus_client.process_collector import ProcessCollector

# Otherwise each counter has a second series, which tells when it began.
leave_out_beginnings()  # type: ignore[no-untyped-call]

REGISTRY = CollectorRegistry()
"""Of this process. Not the library's own, to which other libraries add theirs."""

SECONDS = (0.1, 0.25, 0.5, 1, 2, 3, 5, 8, 13, 20, 30, 60)
"""Bounds of the histograms: people wait seconds, models at most a minute."""

ADMISSIONS = Counter(
    "stream_admissions",
    "Events that were admitted for a bot, by what became of them",
    ["verdict"],
    registry=REGISTRY,
)
ELECTIONS = Counter(
    "stream_elections",
    "Questions who answers a message that speaks to nobody, by their outcome",
    ["verdict"],
    registry=REGISTRY,
)
PILE_ONS_PREVENTED = Counter(
    "stream_pile_ons_prevented",
    "Messages that more bots wanted to answer than the one that was chosen",
    registry=REGISTRY,
)
WAKES = Counter(
    "stream_wakes",
    "Hints for workers, by task, and whether the broker took them",
    ["task", "outcome"],
    registry=REGISTRY,
)
CYCLES = Counter(
    "stream_cycles",
    "Cycles that a worker was asked for, by their outcome",
    ["outcome"],
    registry=REGISTRY,
)
TURN_SECONDS = Histogram(
    "stream_turn_seconds",
    "From the beginning of a cycle to its decision, models included",
    ["context"],
    buckets=SECONDS,
    registry=REGISTRY,
)
MODEL_SECONDS = Histogram(
    "stream_model_seconds",
    "One question to one model, with its second try",
    ["bot", "outcome"],
    buckets=SECONDS,
    registry=REGISTRY,
)
TOKENS = Counter(
    "stream_tokens",
    "Tokens that models read and wrote, failed calls included",
    ["bot"],
    registry=REGISTRY,
)
USD = Counter(
    "stream_usd",
    "US dollars that models cost, by the prices of the character files",
    ["bot"],
    registry=REGISTRY,
)
DELIVERIES = Counter(
    "stream_deliveries",
    "Actions that left the outbox: delivered, dead, or dropped on purpose",
    ["bot", "outcome"],
    registry=REGISTRY,
)
DELIVERY_RETRIES = Counter(
    "stream_delivery_retries",
    "Failed tries to deliver that are made again",
    ["bot"],
    registry=REGISTRY,
)
DEAD_LETTERS = Counter(
    "stream_dead_letters",
    "Actions that were given up and wait for the operator",
    ["bot"],
    registry=REGISTRY,
)
ANSWER_SECONDS = Histogram(
    "stream_answer_seconds",
    "From a message, by Discord's clock, to the bot's answer in Discord",
    ["bot"],
    buckets=SECONDS,
    registry=REGISTRY,
)
OVERDUE = Gauge(
    "stream_overdue",
    "What should have happened by now and had not, at this process's last look",
    ["what"],
    registry=REGISTRY,
)
IDENTIFIES_LEFT = Gauge(
    "stream_identifies_left",
    "Sessions with Discord that a bot may still begin today",
    ["bot"],
    registry=REGISTRY,
)
BOT_CONNECTED = Gauge(
    "stream_bot_connected",
    "1: the bot hears Discord; 0: it does not",
    ["bot"],
    registry=REGISTRY,
)

# Of the process itself: memory, processor time, open files.
ProcessCollector(registry=REGISTRY)
PlatformCollector(registry=REGISTRY)
GCCollector(registry=REGISTRY)


def note_election(verdict: str, bids: int) -> None:
    """Count an election's outcome. `bids`: how many wanted to speak, if this call
    granted it; otherwise 0."""
    ELECTIONS.labels(verdict).inc()
    if bids > 1:
        PILE_ONS_PREVENTED.inc()


def note_overdue(lanes: int, elections: int, deliveries: int) -> None:
    """What a look at the due sets found."""
    OVERDUE.labels("lanes").set(lanes)
    OVERDUE.labels("elections").set(elections)
    OVERDUE.labels("deliveries").set(deliveries)


def note_spending(bot: str, tokens: int, micro_usd: int) -> None:
    """What a question to a model took, in tokens and millionths of a dollar."""
    TOKENS.labels(bot).inc(tokens)
    USD.labels(bot).inc(micro_usd / 1_000_000)
