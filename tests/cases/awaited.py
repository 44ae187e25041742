"""Cases that do not pass yet, with what they wait for; each must fail, so that it is taken out when it passes."""

from __future__ import annotations

AWAITED = {
    "03-winner-may-not-send: the best bidder may not send here; open question": "who may not send does not bid, and vera has no bid",
}
"""Reasons by case."""
