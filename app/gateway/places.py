"""What a gateway process keeps of places and people's names between two ticks of its
pump."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Mapping

import structlog

from app.domain.settings import Settings
from app.gateway.presence import Presence
from app.store import names as names_store
from app.store import refusals
from app.store.calls import Call
from app.store.door import AsyncStore

log = structlog.get_logger(__name__)

PEOPLE = 10_000


class Nicknames:
    """Nicknames that this process has heard, and which of them the store does not know
    yet."""

    def __init__(self) -> None:
        self._known: OrderedDict[tuple[str, str], str | None] = OrderedDict()
        self._news: dict[str, dict[str, str | None]] = {}

    def nicknamed(self, guild: str, person: str, nickname: str | None) -> None:
        """Take a name. A person without one, then as now, is no news."""
        key = (guild, person)
        # Every message bears its author's nickname: a change alone is worth a write.
        if self._known.get(key) == nickname:
            return
        self._known[key] = nickname
        if len(self._known) > PEOPLE:
            self._known.popitem(last=False)
        self._news.setdefault(guild, {})[person] = nickname

    def forget(self, gone: Callable[[str], bool]) -> None:
        """Drop the names of these people, also those that the store was not told
        yet."""
        for key in [key for key in self._known if gone(key[1])]:
            del self._known[key]
        self._news = {
            guild: {person: name for person, name in names.items() if not gone(person)}
            for guild, names in self._news.items()
        }

    def news(self) -> Mapping[str, tuple[dict[str, str], tuple[str, ...]]]:
        """By server: names to keep and people whose nickname ended. Told once."""
        news, self._news = self._news, {}
        return {
            guild: (
                {person: name for person, name in names.items() if name},
                tuple(person for person, name in names.items() if not name),
            )
            for guild, names in news.items()
        }


def learn_names(presence: Presence, guild: str) -> Call[int]:
    """Writes what the channels and roles of a server are called, and the bot's own
    nickname beside the others, so that it and its neighbours have one name."""
    names, nickname = presence.names[guild], presence.nicknames.get(guild)
    own = {presence.user_id: nickname} if nickname else {}
    # A topic that was taken away must be named: learning alone would keep it.
    gone = [
        topic
        for key in names
        if (topic := f"topic:{key}") not in names and not key.startswith("topic:")
    ]
    return names_store.learn(
        guild, {**names, **own}, gone if own else [*gone, presence.user_id]
    )


class OpenPlaces:
    """What each bot of this process may do where. What Discord refused it in a place is
    past as soon as somebody lets it in, or gives it a right to write, react or reply
    there."""

    def __init__(self, store: AsyncStore) -> None:
        self._store = store
        self._known: dict[str, frozenset[tuple[str, str]]] = {}

    async def published(self, bot: str, presence: Presence) -> None:
        """Take a bot's presence as it is now. At its first one all places count as
        new: nobody knows for how long it may write there."""
        rights = {
            "write": presence.writable,
            "react": presence.reactable,
            "refer": presence.referable,
        }
        now = frozenset(
            (right, place) for right, places in rights.items() for place in places
        )
        # A right that was taken and given back since looks as if it had never gone.
        touched = {one for one in now if one[1] in presence.touched}
        new = now - self._known.get(bot, frozenset())
        opened = {place for _, place in new | touched}
        if opened:
            await self._store.run(refusals.forget(bot, *sorted(opened)))
        # Later: a publication that fails is repeated.
        self._known[bot] = now


class SpeakReport:
    """Tells an operator once of each channel in STREAM_SPEAK_CHANNELS where nobody
    could ever speak."""

    def __init__(self, settings: Settings) -> None:
        self._wanted = [
            channel for channel in settings.speak_channels if channel != "*"
        ]
        self._presences: dict[str, Presence] = {}
        self._told: set[str] = set()

    def tell(self, bot: str, presence: Presence, bots: int) -> None:
        """Take one bot's presence; speak when all `bots` of this process are known."""
        self._presences[bot] = presence
        # One bot alone may see too little: a channel is amiss when none can speak
        # there.
        if len(self._presences) < bots:
            return
        for channel in self._wanted:
            problem = self._problem(channel)
            if problem and channel not in self._told:
                self._told.add(channel)
                log.warning(
                    f"STREAM_SPEAK_CHANNELS: {channel}: {problem}", channel=channel
                )

    def _problem(self, channel: str) -> str:
        if any(channel in one.writable for one in self._presences.values()):
            return ""
        if any(
            channel in names
            for one in self._presences.values()
            for names in one.names.values()
        ):
            return "none of these bots may write there; give one the permission Send Messages"
        return "no bot of this process sees such a channel; copy the id from Discord's menu of the channel"
