"""Cases that do not pass yet, with what they wait for; each must fail, so that it is taken out when it passes."""

from __future__ import annotations

AWAITED = {
    "addressing: a nickname given while the bot runs": "a bot's new nickname reaches the roster at once",
    "addressing: a nickname that was taken away": "a bot's new nickname reaches the roster at once",
    "03-winner-may-not-send: the best bidder may not send here; open question": "who may not send leaves it to others",
}
"""Reasons by case."""
