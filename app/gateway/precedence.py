"""A message that speaks to a bot goes ahead of the copies of it that other connections
bring, and of judgements that can wait."""

from __future__ import annotations

import asyncio

MANY = 16
"""A message that more bots share takes precedence, and the bots that it speaks to are
admitted in a call of their own. With fewer bots, copies and judgements take less time
than the wait, or the call, would."""
LONGEST = 0.05
"""Seconds that others wait at most: several times what an admission and a hint take."""


class Precedence:
    """While a message has it, no connection of the process reads a further frame, and
    no other message is judged: else all of that would come before the reply to its
    admission, and before its hint, which another thread sends. The connections notice
    a slower network and nothing else, so no order changes."""

    def __init__(self) -> None:
        self._free = asyncio.Event()
        self._free.set()
        self._message = ""
        self.taken = False
        """Whether a message has it."""

    def take(self, message: str) -> None:
        """Let all others wait until the message's `end`; a later one takes it over."""
        self.taken = True
        self._free.clear()
        self._message = message
        loop = asyncio.get_running_loop()
        loop.call_later(LONGEST, self.end, message)

    def end(self, message: str) -> None:
        """Let the others go on, if this message still has it."""
        if self._message == message:
            self._message = ""
            self.taken = False
            self._free.set()

    async def passed(self) -> None:
        """Wait until nobody has it. Who has waited does not wait for the next one."""
        await self._free.wait()

    async def give_way(self, message: str) -> None:
        """The same, but for the message that has it."""
        if self._message != message:
            await self.passed()
