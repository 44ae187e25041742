"""How long what is kept in Redis lives, in milliseconds, where more than one part of
the program must agree on it."""

from __future__ import annotations

SECOND = 1_000
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

# Expiries in milliseconds. Those of protocol keys stand in the scripts that write them;
# the ones here are shared with Python.
SEEN_TTL = 1 * HOUR
"""Of `seen:`. A message may be read back within twice the backfill age: it must outlive
that."""
BIDS_TTL = 2 * HOUR
"""Of `bids:`. An election must have ended before."""
FLOOR_TTL = 1 * HOUR
"""Of `floor:`. A floor that claims to last longer makes no sense, and is nobody's
(floor.lua)."""
STATE_TTL = 1 * DAY
VAULT_TTL = 1 * DAY
SAID_TTL = 30 * DAY
PERSON_TTL = 180 * DAY
NIGHTS_TTL = 90 * DAY
UTTERED_TTL = 1 * DAY
FORGOTTEN_TTL = 30 * DAY
