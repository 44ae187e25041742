"""The recording of what happened, the questions asked of it, and the waiting for
more."""

from __future__ import annotations

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import TypeVar

from app.loopback.records import (
    Deletion,
    Edit,
    Post,
    Reaction,
    Record,
    Typing,
)

T = TypeVar("T")


class Subscription(AsyncIterator[Record]):
    """A live stream of records, for a reader on the server's own event loop.

    It holds `limit` records; past that the oldest are dropped and counted, so that a
    reader that stands still costs no more memory. Use it as a context manager or call
    `close`.
    """

    def __init__(self, journal: Journal, limit: int) -> None:
        self._journal = journal
        self._queue: asyncio.Queue[Record | None] = asyncio.Queue(limit)
        self.dropped = 0

    def __enter__(self) -> Subscription:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    async def __anext__(self) -> Record:
        record = await self._queue.get()
        if record is None:
            raise StopAsyncIteration
        return record

    def offer_record(self, record: Record | None) -> None:
        """Add a record; None ends the stream."""
        if self._queue.full():
            self._queue.get_nowait()
            self.dropped += 1
        self._queue.put_nowait(record)

    def close(self) -> None:
        """End the stream, also for a reader that waits."""
        self._journal.unsubscribe(self)
        self.offer_record(None)


class Journal:
    """Every post, reaction and typing in order, with indexes; written on the server's
    loop only. Any thread may look up posts: nothing of theirs is ever taken away, and
    they are indexed once they are there. Who waits asks often, and a question to the
    loop costs a hundred times as much."""

    def __init__(self) -> None:
        self.posts: list[Post] = []
        self.reactions: list[Reaction] = []
        self.typings: list[Typing] = []
        self.requests: Counter[tuple[str, str]] = Counter()
        self._index: dict[int, int] = {}
        self._by_bots: list[int] = []
        self._replies: defaultdict[int, list[int]] = defaultdict(list)
        self._subscriptions: set[Subscription] = set()
        self._waiters: list[asyncio.Future[None]] = []

    def add(self, record: Record) -> None:
        """Keep a record, offer it to the subscribers and wake those who wait."""
        match record:
            case Post():
                self._add_post(record)
            case Reaction():
                self.reactions.append(record)
            case Typing():
                self.typings.append(record)
            case Edit():
                self._replace_post(
                    record.message_id, content=record.content, edited=True
                )
            case Deletion():
                self._replace_post(record.message_id, deleted=True)
        for subscription in self._subscriptions:
            subscription.offer_record(record)
        self.wake_waiting()

    def post(self, message_id: int) -> Post:
        """The record of one message as it stands now; KeyError for an id that was never
        posted."""
        return self.posts[self._index[message_id]]

    def posts_by_bots(self) -> list[Post]:
        """What bots wrote (no webhooks), in order."""
        return [self.posts[i] for i in self._by_bots]

    def replies_to(self, message_id: int) -> list[Post]:
        """The replies to one message, in order, deleted ones included."""
        return [self.posts[i] for i in self._replies.get(message_id, ())]

    def wake_waiting(self) -> None:
        """Let everyone who waits look again."""
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)

    async def wait_for(self, predicate: Callable[[], T], timeout: float) -> T:  # noqa: ASYNC109 - as asyncio.wait_for
        """Wait until the predicate is truthy and return its value; it is asked again
        after each event.

        TimeoutError after `timeout` seconds.
        """
        async with asyncio.timeout(timeout):
            while not (value := predicate()):
                changed = asyncio.get_running_loop().create_future()
                self._waiters.append(changed)
                await changed
        return value

    def subscribe(self, limit: int) -> Subscription:
        subscription = Subscription(self, limit)
        self._subscriptions.add(subscription)
        return subscription

    def unsubscribe(self, subscription: Subscription) -> None:
        self._subscriptions.discard(subscription)

    def close_subscriptions(self) -> None:
        """End all live streams, so that their readers stop with the server."""
        for subscription in tuple(self._subscriptions):
            subscription.close()

    def _add_post(self, post: Post) -> None:
        position = len(self.posts)
        self.posts.append(post)
        self._index[post.message_id] = position
        if post.is_bot and not post.webhook:
            self._by_bots.append(position)
        if post.reply_to is not None:
            self._replies[post.reply_to].append(position)

    def _replace_post(self, message_id: int, **changes: str | bool) -> None:
        position = self._index[message_id]
        self.posts[position] = replace(self.posts[position], **changes)  # type: ignore[arg-type]
