"""Counts the people who react, to notice a burst once per bot and message."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field

MESSAGES = 2_000


@dataclass(slots=True)
class Crowd:
    """Who reacted to one message, and which bots were told of the burst."""

    people: set[str] = field(default_factory=set)
    notified: set[str] = field(default_factory=set)


class Bursts:
    """The reactions that this process has seen, bounded in messages. `threshold`: more
    people than this are a burst."""

    def __init__(self, threshold: int) -> None:
        self._threshold = threshold
        self._crowds: OrderedDict[str, Crowd] = OrderedDict()

    def forget(self, gone: Callable[[str], bool]) -> None:
        """Drop these people from every crowd."""
        for crowd in self._crowds.values():
            crowd.people = {person for person in crowd.people if not gone(person)}

    def add(self, bot: str, message_id: str, person: str) -> int | None:
        """Count one person once, however many bots see it. The size of the crowd when
        this bot learns of a burst."""
        crowd = self._crowds.get(message_id)
        if crowd is None:
            crowd = self._crowds[message_id] = Crowd()
            if len(self._crowds) > MESSAGES:
                self._crowds.popitem(last=False)
        # Enough to tell of a burst: a popular message must not hold thousands of ids.
        if len(crowd.people) <= 10 * self._threshold:
            crowd.people.add(person)
        if len(crowd.people) <= self._threshold or bot in crowd.notified:
            return None
        crowd.notified.add(bot)
        return len(crowd.people)
