"""The serial key of a cycle."""

from __future__ import annotations

from typing import NamedTuple


class Lane(NamedTuple):
    """What runs one cycle at a time: a bot's autonomous lane, or its direct lane in one
    channel."""

    bot: str
    channel: str | None = None

    def __str__(self) -> str:
        return self.bot if self.channel is None else f"{self.bot}:{self.channel}"

    @classmethod
    def parse(cls, text: str) -> Lane:
        """The lane that `str(lane)` wrote."""
        bot, _, channel = text.partition(":")
        return cls(bot, channel or None)
