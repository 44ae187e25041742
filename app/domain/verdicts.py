"""What each protocol step may answer. The strings are those that the Lua scripts
return."""

from __future__ import annotations

from enum import StrEnum


class Admit(StrEnum):
    """Outcome of admitting one event for one bot."""

    DIRECT = "direct"
    """Addressed to this bot: its direct lane is due."""
    OPENED = "opened"
    """First bid: this caller opened the election and should close it after the
    window."""
    BID = "bid"
    """A further bid."""
    COMPLETE = "complete"
    """Every bot of the channel has bid or passed: close the election now."""
    PASSED = "passed"
    """Kept in the inbox; no bid."""
    LATE = "late"
    """A bid after the election had ended: kept in the inbox only."""
    DUPLICATE = "duplicate"
    MUTED = "muted"
    OVER_PERSON_LIMIT = "over_person_limit"
    NOTICE = "notice"
    """Over the person's limit for the first time today: the direct lane is due, to say
    so."""
    CROWDED = "crowded"
    """Too many direct messages wait for this bot in the channel."""
    EXHAUSTED = "exhausted"
    """A bot's message whose causal budget is spent: kept as context only."""
    REFUSED = "refused"
    """Malformed: nothing was kept but the journal line."""


class Elect(StrEnum):
    """Outcome of closing an election."""

    GRANTED = "granted"
    NOT_DUE = "not_due"
    DEFERRED = "deferred"
    """Quiet time or a held floor: due again later."""
    COOLED = "cooled"
    """Nobody could act now; the best bidder's lane is due at the end of its
    cooldown."""
    LEFT = "left"
    """Left to the safety poll."""
    CLOSED = "closed"
    """Answered, addressed to somebody, or never opened."""


class Claim(StrEnum):
    """Outcome of asking for a channel's floor."""

    GRANTED = "granted"
    WAIT = "wait"
    """Another holds it, or an earlier addressed bot has not answered yet: the lane is
    due again later."""
    QUIET = "quiet"
    COOLED = "cooled"
    ANSWERED = "answered"
    ADDRESSED = "addressed"
    ELECTION_OPEN = "election_open"
    MUTED = "muted"
    BUDGET = "budget"
    GONE = "gone"
    """The inbox no longer holds the entry."""
    LOST_LOCK = "lost_lock"
    BARRED = "barred"
    """Discord refused the bot in this channel a short while ago."""
    NOT_ALLOWED = "not_allowed"
    """Outside the channels where bots may speak unasked."""


class Reserve(StrEnum):
    """Outcome of asking, before a model call, whether it may be made."""

    OK = "ok"
    WAIT = "wait"
    """Not while other calls run: together they might pass a cap."""
    BUDGET = "budget"
    LOST_FLOOR = "lost_floor"
    LOST_LOCK = "lost_lock"


class Commit(StrEnum):
    """Outcome of committing a decided action."""

    COMMITTED = "committed"
    DRY_RUN = "dry_run"
    LOST_LOCK = "lost_lock"
    LOST_FLOOR = "lost_floor"
    MUTED = "muted"
    ANSWERED = "answered"
    ADDRESSED = "addressed"
    GONE = "gone"
    STALE = "stale"
    GOES_ON = "goes_on"
    """A later line of the same thought waits: the next cycle answers all of it."""
    BUDGET = "budget"


class Finish(StrEnum):
    """Outcome of ending a cycle."""

    CLEAR = "clear"
    AGAIN = "again"
    """A newer trigger came, or work is left: the lane is due again."""
    LOST = "lost"
    """The lock was no longer ours; nothing was touched."""
    KEPT = "kept"
    """The commit that it was to follow was refused: the cycle goes on."""


class Attempt(StrEnum):
    """Outcome of asking whether an outbox entry may be sent now."""

    SEND = "send"
    READ_BACK = "read_back"
    """An earlier attempt may have arrived and Discord may have forgotten its nonce:
    look first."""
    MUTED = "muted"
    EXPIRED = "expired"
    CANCELLED = "cancelled"
    LOST_LEASE = "lost_lease"
    DONE = "done"
    """The chunk is already delivered."""
