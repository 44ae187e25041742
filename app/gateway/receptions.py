"""What people make of the unasked posts of this process's bots: reactions, answers, a
word that tells one off, and silence. Remembered for minutes, in bounds; what it comes
to is kept in Redis."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

from app.domain.model import Addressing, AuthorKind, Event
from app.gateway.hearing import ChannelMessage
from app.rules.reception import (
    LINES,
    OF_EVERYBODY,
    PEOPLE,
    SILENCE,
    WAIT_MS,
    Sign,
    sign_of_emoji,
    tells_off,
)

T = TypeVar("T")
Here = tuple[str, str]
"""A bot and a channel."""

POSTS = 2_000
PLACES = 4_000
CALLED_MS = 120_000
"""So long after somebody spoke to the bot a post that replies to nothing may be its
answer: it is left out."""
CHUNK_MS = 15_000
"""So long after a post of the bot's another one is the rest of it."""


class Signed(NamedTuple):
    """A sign about a bot's post: where, and by whom (`SILENCE`: by nobody)."""

    channel: str
    person: str
    sign: Sign
    post: str
    """Id of the post."""


@dataclass(slots=True)
class UnaskedPost:
    """One unasked post. `place`: its channel; of a thread the channel that it is of."""

    message_id: str
    bot: str
    place: str
    at_ms: int
    newest: str = ""
    """Id of the newest message that counted against it."""
    lines: int = 0
    people: set[str] = field(default_factory=set)
    """Who has written since."""
    given: set[tuple[str, Sign]] = field(default_factory=set)
    settled: bool = False
    """It is known whether it was ignored."""


class Receptions:
    """The unasked posts of some bots, bounded in number."""

    def __init__(self) -> None:
        self._posts: OrderedDict[str, UnaskedPost] = OrderedDict()
        """By message id."""
        self._latest: OrderedDict[Here, tuple[str, int, bool]] = OrderedDict()
        """By bot and channel: id and time of its latest post, and whether that was
        unasked."""
        self._called: OrderedDict[Here, int] = OrderedDict()
        """By bot and channel: when somebody last spoke to it, in Unix ms."""

    def posted(self, bot: str, event: Event, answered: Addressing | None) -> None:
        """A post of the bot's has appeared. `answered`: whom the message speaks to that
        it replies to; None where that is not known."""
        # In private all is asked for; and a resumed connection brings a post twice.
        if event.is_dm or event.message_id in self._posts:
            return
        here = (bot, event.channel_id)
        unasked = self._is_unasked(here, event, answered)
        if unasked:
            # Threads end soon: what people make of the bot there is kept for their
            # channel.
            place = event.parent_id or event.channel_id
            self._posts[event.message_id] = UnaskedPost(
                event.message_id, bot, place, event.created_ms
            )
            if len(self._posts) > POSTS:
                self._posts.popitem(last=False)
        _remember_latest(
            self._latest, here, (event.message_id, event.created_ms, unasked)
        )

    def _is_unasked(
        self, here: Here, event: Event, answered: Addressing | None
    ) -> bool:
        if event.reply_to is not None:
            # Where the message that it replies to is not known, it may have been asked
            # for.
            return answered is not None and here[0] not in answered.bots
        # Without a reference only time tells whether somebody had asked.
        _, before_ms, _ = self._latest.get(here, ("", 0, False))
        called_ms = self._called.get(here, 0)
        return (
            event.created_ms - before_ms > CHUNK_MS
            and event.created_ms - called_ms > CALLED_MS
        )

    def note_line(
        self, bot: str, user_id: str, heard: ChannelMessage, spoken_to: Addressing
    ) -> list[Signed]:
        """What one copy of a person's message says about the bot's latest post."""
        event, here = heard.event, (bot, heard.event.channel_id)
        # Anybody may take any name behind a proxy.
        if event.author_kind is not AuthorKind.HUMAN or event.is_dm or event.proxied:
            return []
        if bot in spoken_to.bots:
            _remember_latest(self._called, here, event.created_ms)
        post = self._current_post(here, event)
        if post is None:
            return []
        post.newest = event.message_id
        return list(_said_about(post, user_id, heard, spoken_to))

    def _current_post(self, here: Here, event: Event) -> UnaskedPost | None:
        """The unasked post that a message may be about."""
        post_id, _, unasked = self._latest.get(here, ("", 0, False))
        post = self._posts.get(post_id) if unasked else None
        if post is None or event.created_ms - post.at_ms > WAIT_MS:
            return None
        # A connection that resumed may bring a message twice.
        return post if event.message_id != post.newest else None

    def reacted(
        self, bot: str, person: str, message_id: str, emoji: str
    ) -> list[Signed]:
        """What a person's reaction to a post says."""
        post = self._posts.get(message_id)
        # Each bot of the process is told of the reaction: one copy counts.
        if post is None or post.bot != bot:
            return []
        sign = sign_of_emoji(emoji)
        shown = list(_given(post, person, sign)) if sign is not None else []
        return [*shown, *_noticed(post)]

    def forget(self, gone: Callable[[str], bool]) -> None:
        """Drop these people."""
        for post in self._posts.values():
            post.people = {person for person in post.people if not gone(person)}
            post.given = {one for one in post.given if not gone(one[0])}


def _said_about(
    post: UnaskedPost, user_id: str, heard: ChannelMessage, spoken_to: Addressing
) -> Iterator[Signed]:
    event = heard.event
    # `shut up` is said between people as well. It is meant for the bot where it replies
    # to it, calls it, or stands right below its post and speaks to nobody else.
    about = event.reply_to == post.message_id or post.bot in spoken_to.bots
    to_nobody = not spoken_to.bots and not spoken_to.somebody_else
    directly = post.lines == 0 and to_nobody
    if (about or directly) and tells_off(heard.reading):
        post.settled = True
        yield from _given(post, event.author_id, Sign.TOLD_OFF)
    elif about:
        yield from _given(post, event.author_id, Sign.WELCOMED)
        yield from _noticed(post)
    # By its position it goes on with the post, which is less than an answer to it.
    elif heard.target == user_id:
        yield from _noticed(post)
    else:
        yield from _passed_over(post, event.author_id)


def _given(post: UnaskedPost, person: str, sign: Sign) -> Iterator[Signed]:
    """A sign, which counts once for each person and post."""
    who = SILENCE if sign in OF_EVERYBODY else person
    if (who, sign) not in post.given:
        post.given.add((who, sign))
        yield Signed(post.place, who, sign, post.message_id)


def _noticed(post: UnaskedPost) -> Iterator[Signed]:
    if not post.settled:
        post.settled = True
        yield from _given(post, SILENCE, Sign.NOTICED)


def _passed_over(post: UnaskedPost, author: str) -> Iterator[Signed]:
    """One more line that is about something else."""
    post.lines += 1
    if post.settled:
        return
    post.people.add(author)
    if post.lines >= LINES and len(post.people) >= PEOPLE:
        post.settled = True
        yield from _given(post, SILENCE, Sign.IGNORED)


def _remember_latest(places: OrderedDict[Here, T], here: Here, value: T) -> None:
    places[here] = value
    places.move_to_end(here)
    if len(places) > PLACES:
        places.popitem(last=False)
