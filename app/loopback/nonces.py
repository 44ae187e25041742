"""The nonces that Discord still remembers, for `enforce_nonce`."""

from __future__ import annotations

import time
from collections import OrderedDict


class NonceWindow:
    """Which message a bot created with a nonce in a channel, for `window` seconds
    (Discord: "the past few minutes")."""

    def __init__(self, window: float) -> None:
        self.window = window
        self._messages: OrderedDict[tuple[int, int, str], tuple[int, float]] = (
            OrderedDict()
        )

    def find(self, author_id: int, channel_id: int, nonce: str) -> int | None:
        """The id of the message, which may be deleted by now; None outside the
        window."""
        self._drop_expired()
        found = self._messages.get((author_id, channel_id, nonce))
        return None if found is None else found[0]

    def remember(
        self, author_id: int, channel_id: int, nonce: str, message_id: int
    ) -> None:
        key = (author_id, channel_id, nonce)
        # Put back at the end: expiry takes from the front, where the oldest are.
        self._messages.pop(key, None)
        self._messages[key] = (message_id, time.monotonic())

    def _drop_expired(self) -> None:
        oldest = time.monotonic() - self.window
        while self._messages and next(iter(self._messages.values()))[1] < oldest:
            self._messages.popitem(last=False)
