"""How long what is kept in Redis lives, in milliseconds, and which settings that binds.

The one place of these numbers. Scripts name them as they are named here
(`app.store.scripts` writes the numbers into the Lua); `Settings` takes its bounds from
here; `docs/terms.md` is made from this page.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, NamedTuple

from pydantic import Field

SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

SEEN_TTL = 1 * HOUR
CURSOR_TTL = 30 * DAY
INBOX_TTL = 30 * DAY
WORK_TTL = 30 * DAY
ELECTION_TTL = 2 * HOUR
THOUGHT_TTL = 10 * MINUTE
ANSWER_TTL = 26 * HOUR
FLOOR_TTL = 1 * HOUR
WAITING_TTL = 1 * DAY
QUIET_TTL = 1 * DAY
CAUSE_TTL = 2 * DAY
PERSON_HOUR_TTL = 1 * HOUR
TURNS_TTL = 1 * HOUR
SHARES_TTL = 2 * DAY
BUDGET_TTL = 3 * DAY
HOLD_TTL = 1 * DAY
CALLS_TTL = 1 * HOUR
OUTBOX_TTL = 30 * DAY
DELIVERED_TTL = 1 * HOUR
IN_FLIGHT_TTL = 1 * DAY
REQUEST_TTL = 10 * MINUTE
JOURNAL_TTL = 7 * DAY
LEFT_TTL = 7 * DAY
CONVERSATIONS_TTL = 1 * DAY
STATE_TTL = 1 * DAY
VAULT_TTL = 1 * DAY
NAMES_TTL = 7 * DAY
IDENTIFIES_TTL = 1 * DAY
HEARTBEAT_TTL = 15 * SECOND
MODEL_TROUBLE_TTL = 1 * DAY
RELOAD_TTL = 1 * MINUTE
SAID_TTL = 30 * DAY
PERSON_TTL = 180 * DAY
NIGHTS_TTL = 90 * DAY
NIGHT_LEASE = 10 * MINUTE
UTTERED_TTL = 1 * DAY
FORGOTTEN_TTL = 30 * DAY
CLOCK_TTL = 1 * DAY
GENERATION_TTL = 1 * MINUTE

KEPT: Mapping[str, str] = {
    "SEEN_TTL": "that a bot has heard a message",
    "CURSOR_TTL": "up to where a bot has read a channel",
    "INBOX_TTL": "what waits for a cycle",
    "WORK_TTL": "what elections granted a bot",
    "ELECTION_TTL": "an election, its bids and the event that it is about",
    "THOUGHT_TTL": "until when a message waits for the rest of its thought",
    "ANSWER_TTL": "who answered a message",
    "FLOOR_TTL": "the floor of a channel; its lease is shorter",
    "WAITING_TTL": "who waits for a floor",
    "QUIET_TTL": "the last posts of bots and people in a channel",
    "CAUSE_TTL": "what a message goes back to, and what its root has caused",
    "PERSON_HOUR_TTL": "how many messages a person sent a bot",
    "TURNS_TTL": "whose turn it is in a channel",
    "SHARES_TTL": "how many answers of a day a person had",
    "BUDGET_TTL": "what was spent on a day",
    "HOLD_TTL": "what is held for a call of a model",
    "CALLS_TTL": "which calls of models run",
    "OUTBOX_TTL": "posts that wait, and dead letters",
    "DELIVERED_TTL": "a post that was delivered or dropped",
    "IN_FLIGHT_TTL": "which POSTs may still be on their way",
    "REQUEST_TTL": "the verdict that a repeated request is given",
    "LEFT_TTL": "how many bytes a channel's messages left in the journal and in elections",
    "JOURNAL_TTL": "what was decided about a message, what a bot said on a day",
    "CONVERSATIONS_TTL": "which conversations will have ended when",
    "STATE_TTL": "the states of conversations",
    "VAULT_TTL": "vaults and the roster",
    "NAMES_TTL": "names of people, channels and roles",
    "IDENTIFIES_TTL": "sessions with Discord",
    "MODEL_TROUBLE_TTL": "that a model gives no answer",
    "RELOAD_TTL": "that a character file is to be read again",
    "HEARTBEAT_TTL": "a process's sign of life",
    "SAID_TTL": "lines of conversations, and up to where was learned",
    "PERSON_TTL": "facts about a person, points of trust, what people make of bots",
    "NIGHTS_TTL": "diaries and dreams",
    "NIGHT_LEASE": "who writes the diary or dream of a date",
    "UTTERED_TTL": "lines of the offline voice, which it does not repeat",
    "FORGOTTEN_TTL": "that a person was forgotten",
    "GENERATION_TTL": "that Redis is new or was emptied, at most",
    "CLOCK_TTL": "how far Discord's clock is from Redis's",
}
"""What each term is the life of."""


class Bound(NamedTuple):
    """What a setting may be at most, in seconds, so that a term is long enough."""

    setting: str
    most_s: float
    term: str
    why: str


BOUNDS = (
    Bound(
        "floor_lease",
        FLOOR_TTL / 2_000,
        "FLOOR_TTL",
        "a floor that claims to last longer than its key counts as free, and two bots would speak at once",
    ),
    Bound(
        "undelivered_lease",
        FLOOR_TTL / 2_000,
        "FLOOR_TTL",
        "an undelivered post keeps the floor as a lease does",
    ),
    Bound(
        "quiet_time",
        QUIET_TTL / 2_000,
        "QUIET_TTL",
        "a channel is quiet after a bot's post only as long as the post is known",
    ),
    Bound(
        "deliver_by",
        OUTBOX_TTL / 2_000,
        "OUTBOX_TTL",
        "a post is dropped for its age only while its entry is kept",
    ),
    Bound(
        "delivery_give_up",
        OUTBOX_TTL / 2_000,
        "OUTBOX_TTL",
        "a post that is tried for longer than its entry is kept becomes no dead letter",
    ),
    Bound(
        "backfill_age",
        SEEN_TTL / 2_000,
        "SEEN_TTL",
        "a message is read back within twice the backfill age, and must be known as heard for as long",
    ),
    Bound(
        "election_max_age",
        ELECTION_TTL / 2_000,
        "ELECTION_TTL",
        "an election that outlived its bids could grant nobody",
    ),
    Bound(
        "model_timeout",
        CALLS_TTL / 2_000,
        "CALLS_TTL",
        "a call that runs must be known to the others as long as it may spend",
    ),
    Bound(
        "discord_timeout",
        IN_FLIGHT_TTL / 2_000,
        "IN_FLIGHT_TTL",
        "a mute is acknowledged when what was on its way has ended",
    ),
    Bound(
        "redis_timeout",
        REQUEST_TTL / 10_000,
        "REQUEST_TTL",
        "a call is tried four times, each may wait to connect and for its answer, and the last must find the first one's verdict",
    ),
    Bound(
        "vault_refresh",
        VAULT_TTL / 2_000,
        "VAULT_TTL",
        "a vault must outlive the time until it is published again",
    ),
)

BELOW = (
    ("delivery_lease", "nonce_window", "a takeover could post twice"),
    (
        "contention_window",
        "election_max_age",
        "every election would be too old to grant",
    ),
)
"""(smaller setting, greater setting, what would be else) of settings that depend on each
other."""

OUTLIVES = (
    ("CAUSE_TTL", "ANSWER_TTL", "who answers a post must know what it goes back to"),
    ("BUDGET_TTL", "HOLD_TTL", "a hold is settled on the day on which it was booked"),
    ("SHARES_TTL", "HOLD_TTL", "a share is counted with the day's budget"),
    ("OUTBOX_TTL", "ANSWER_TTL", "what was committed is sent, not answered again"),
    ("INBOX_TTL", "SEEN_TTL", "what was heard is still to be read"),
    ("ANSWER_TTL", "QUIET_TTL", "a post must not be made again when the room is quiet"),
)
"""(longer term, shorter term, why) of terms that depend on each other."""


def most_s(setting: str) -> float:
    """The greatest value that a setting may have, in seconds."""
    return next(bound.most_s for bound in BOUNDS if bound.setting == setting)


MOST_COOLDOWN = 31_536_000.0
"""Seconds, a year. Redis refuses an expiry that its clock cannot hold, in the middle of
a commit."""
QuietTime = Annotated[float, Field(ge=0, le=most_s("quiet_time"), allow_inf_nan=False)]
"""Seconds that a character keeps, or a place wants kept, in place of the setting."""
Cooldown = Annotated[float, Field(ge=0, le=MOST_COOLDOWN, allow_inf_nan=False)]
"""Seconds, likewise."""
