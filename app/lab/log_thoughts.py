"""Thoughts of several lines in recorded chat, joined as gateways join them
(`app.rules.thoughts`)."""

from __future__ import annotations

from collections import OrderedDict, deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from app.domain.character import Character
from app.lab.chatlog import LogLine
from app.rules.thoughts import Line, Patience, Thoughts, called_words, openness, wait_ms

CHANNELS = 500
"""Channels whose thoughts are remembered."""


@dataclass(slots=True)
class _Waiting:
    """A line that may be gone on with until `due` (Unix seconds)."""

    line: LogLine
    whole: str
    due: float
    awaited: bool = False


class _Joining:
    """A look ahead of as many seconds as a thought is waited for."""

    def __init__(self, cast: Mapping[str, Character], patience: Patience) -> None:
        self._patience = patience
        self._called = called_words(name for one in cast.values() for name in one.names)
        self._names = {bot: called_words(one.names) for bot, one in cast.items()}
        self._thoughts: OrderedDict[str, Thoughts] = OrderedDict()
        self._waiting: deque[_Waiting] = deque()
        self._by_id: dict[str, _Waiting] = {}

    def hear(self, line: LogLine) -> Iterator[LogLine]:
        """Take in the next line; those that nothing can change any more."""
        yield from self._settled(line.at)
        words = called_words((line.text,))
        said = Line(
            message_id=line.id,
            author=line.author,
            text=line.text,
            at_ms=int(line.at * 1000),
            calls=tuple(bot for bot, own in self._names.items() if own & words),
            reply_to=line.reply_to,
            open=openness(line.text, self._called),
        )
        earlier = self._thoughts_of(line.channel).hear(said).earlier
        before = self._by_id.get(earlier[-1].message_id) if earlier else None
        whole = line.text
        # Later than its author was waited for, each is judged by itself.
        if before is not None and not line.by_bot and line.at <= before.due:
            before.awaited = True
            whole = f"{before.whole}\n{line.text}"
        wait = wait_ms((*earlier, said), self._patience) / 1000
        waits = _Waiting(line, whole, line.at + wait)
        self._waiting.append(waits)
        self._by_id[line.id] = waits

    def rest(self) -> Iterator[LogLine]:
        """What is left at the end."""
        yield from self._settled(float("inf"))

    def _settled(self, now: float) -> Iterator[LogLine]:
        # One after the other: a line that still waits holds up those behind it, so that
        # a room hears all of them in their order.
        while self._waiting and self._waiting[0].due < now:
            one = self._waiting.popleft()
            self._by_id.pop(one.line.id, None)
            yield replace(one.line, whole=one.whole, awaited=one.awaited)

    def _thoughts_of(self, channel: str) -> Thoughts:
        found = self._thoughts.setdefault(channel, Thoughts(self._patience))
        self._thoughts.move_to_end(channel)
        if len(self._thoughts) > CHANNELS:
            self._thoughts.popitem(last=False)
        return found


def join_thoughts(
    lines: Iterable[LogLine], cast: Mapping[str, Character], patience: Patience
) -> Iterator[LogLine]:
    """The same lines in the same order. Whose author goes on within the time that is
    waited is `awaited`; the last of them has the words of all as its `whole`."""
    joining = _Joining(cast, patience)
    for line in lines:
        yield from joining.hear(line)
    yield from joining.rest()
