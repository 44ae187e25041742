"""What people and operators do on the loopback Discord, as plain Python calls."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TypedDict, Unpack

from app.loopback import errors
from app.loopback.faults import Faults
from app.loopback.guild_people import ChannelRef
from app.loopback.mentions import AllowedMentions
from app.loopback.records import Post, Reaction, Typing
from app.loopback.rest_messages import attachment
from app.loopback.service import NewMessage
from app.loopback.state import Account, Channel, ForumTag, Message
from app.loopback.wire_acts import MessageRef, WireActs


class PostOptions(TypedDict, total=False):
    """What else a post may carry.

    ping_reply: notify the author replied to (default True, as Discord's clients do).
    allowed_mentions: Discord's allowed mentions object; default: everything in the text
    pings. webhook: the message comes from a webhook under the author's name, or under
    `webhook_name`. application_id: the application that owns the webhook. message_type:
    other than 0 and 19 makes a system message, e.g. 7 (a member joined). attachments:
    names of attached files (a message of only attachments may have an empty text).
    nonce: as a bot would send it, enforced. extra: further fields of Discord's message
    object, e.g. of the module `kinds`; they win over all others. drop: names of fields
    that are left out (REST keeps those that its schema requires).
    """

    ping_reply: bool
    allowed_mentions: Mapping[str, object] | None
    webhook: bool
    message_type: int
    attachments: Sequence[str]
    nonce: str | None
    webhook_name: str
    application_id: int | None
    extra: Mapping[str, object]
    drop: Sequence[str]


class People(WireActs):
    """The actions and questions. Call them before the server starts or while it runs,
    from any thread.

    Unlike REST they check no permission, length or rate limit. A refused action raises
    ApiError.
    """

    @property
    def faults(self) -> Faults:
        """The switches for faults."""
        return self._core.faults

    @property
    def posts(self) -> Sequence[Post]:
        """Every message that was created, in order (live)."""
        return self._core.journal.posts

    @property
    def reactions(self) -> Sequence[Reaction]:
        """Every reaction added or removed, in order (live)."""
        return self._core.journal.reactions

    @property
    def typings(self) -> Sequence[Typing]:
        """Every time somebody began to type, in order (live)."""
        return self._core.journal.typings

    @property
    def requests(self) -> Mapping[tuple[str, str], int]:
        """How many REST requests came in, by method and route template, e.g. ("GET",
        "/users/@me") (live)."""
        return self._core.journal.requests

    @property
    def rate_limit(self) -> tuple[int, float] | None:
        """Posts and seconds of each (bot, channel) bucket; None for no limit. May be
        set at run time."""
        return self._core.limiter.rate_limit

    @rate_limit.setter
    def rate_limit(self, value: tuple[int, float] | None) -> None:
        self._core.limiter.rate_limit = value

    @property
    def nonce_window(self) -> float:
        """Seconds for which a nonce is remembered. May be set at run time."""
        return self._core.nonces.window

    @nonce_window.setter
    def nonce_window(self, value: float) -> None:
        self._core.nonces.window = value

    def post(
        self,
        author: Account,
        channel: ChannelRef,
        text: str,
        reply_to: MessageRef | None = None,
        **options: Unpack[PostOptions],
    ) -> Post:
        """Say something. A webhook's message and a system message are posted with the
        options."""
        return self._call_loop(
            lambda: self._post_as(
                author, channel=channel, text=text, reply_to=reply_to, options=options
            )
        )

    def dm(
        self, user: Account, bot: Account, text: str, reply_to: MessageRef | None = None
    ) -> Post:
        """Say something in the direct messages of two accounts; the first is the
        author."""
        return self._call_loop(
            lambda: self._post_as(
                user,
                channel=self._core.world.open_dm(user, bot),
                text=text,
                reply_to=reply_to,
                options={},
            )
        )

    def dm_channel(self, user: Account, bot: Account) -> Channel:
        """The DM channel of two accounts."""
        return self._call_loop(lambda: self._core.world.open_dm(user, bot))

    def react(self, user: Account, message: MessageRef, emoji: str) -> None:
        """React with one Unicode emoji."""
        self._call_loop(
            lambda: self._core.service.react(user, self._message_of(message), emoji)
        )

    def unreact(self, user: Account, message: MessageRef, emoji: str) -> None:
        """Take a reaction back."""
        self._call_loop(
            lambda: self._core.service.unreact(user, self._message_of(message), emoji)
        )

    def delete(self, message: MessageRef) -> None:
        """Delete a message, as its author or a moderator would."""
        self._call_loop(lambda: self._core.service.delete(self._message_of(message)))

    def edit(self, message: MessageRef, text: str, by: Account | None = None) -> None:
        """Change a message's text. With `by`, it must be the author (else ApiError
        50005)."""
        self._call_loop(lambda: self._edit_as(message, text, by))

    def typing(self, account: Account, channel: ChannelRef) -> Typing:
        """Begin to type."""
        return self._call_loop(
            lambda: self._core.service.type_in(account, self._channel_of(channel))
        )

    def open_thread(
        self,
        owner: Account,
        channel: ChannelRef,
        name: str,
        message: MessageRef | None = None,
    ) -> Channel:
        """Open a public thread in a channel, on a message if one is given (the thread
        then has its id)."""

        def step() -> Channel:
            on = None if message is None else self._message_of(message)
            return self._core.service.open_thread(
                owner, self._channel_of(channel), name, on
            )

        return self._call_loop(step)

    def open_post(
        self,
        author: Account,
        forum: ChannelRef,
        title: str,
        text: str,
        tags: Sequence[ForumTag] = (),
    ) -> Post:
        """Open a post in a forum or media channel; it is a thread with the id of its
        first message."""
        draft = NewMessage(author, self._channel_of(forum), text)
        tag_ids = [tag.id for tag in tags]
        service = self._core.service
        return self._call_loop(
            lambda: self._core.journal.post(
                service.open_post(draft.channel, title, tag_ids, draft).id
            )
        )

    def connected(self) -> list[Account]:
        """The bots whose gateway session is live, one entry for each connection."""
        return self._call_loop(self._core.hub.connected)

    def find_post(self, message_id: int) -> Post:
        """The record of one message as it stands now; KeyError if it never existed."""
        return self._core.journal.post(message_id)

    def posts_by_bots(self) -> list[Post]:
        """What bots wrote (webhooks excluded), in order."""
        return self._core.journal.posts_by_bots()

    def replies_to(self, message: MessageRef) -> list[Post]:
        """The replies to one message, in order, deleted ones included."""
        return self._core.journal.replies_to(_message_id(message))

    def messages_in(self, channel: ChannelRef) -> list[Post]:
        """What stands in a channel now, oldest first."""

        def step() -> list[Post]:
            return [
                self._core.journal.post(i)
                for i in self._channel_of(channel).message_ids
            ]

        return self._call_loop(step)

    def _post_as(
        self,
        author: Account,
        channel: ChannelRef,
        text: str,
        reply_to: MessageRef | None,
        options: PostOptions,
    ) -> Post:
        allowed = AllowedMentions.parse(options.get("allowed_mentions"))
        if not options.get("ping_reply", True):
            allowed = allowed.without_reply()
        nonce = options.get("nonce")
        draft = NewMessage(
            author=author,
            channel=self._channel_of(channel),
            content=text,
            reply_to=None if reply_to is None else self._message_of(reply_to).id,
            nonce=nonce,
            enforce_nonce=nonce is not None,
            allowed=allowed,
            webhook=options.get("webhook", False),
            webhook_name=options.get("webhook_name"),
            application_id=options.get("application_id"),
            extra=dict(options.get("extra", {})),
            dropped=frozenset(options.get("drop", ())),
            type=options.get("message_type", 0),
            attachments=[
                attachment(i + 1, name)
                for i, name in enumerate(options.get("attachments", ()))
            ],
        )
        return self._core.journal.post(self._core.service.post(draft).id)

    def _edit_as(self, ref: MessageRef, text: str, by: Account | None) -> None:
        message = self._message_of(ref)
        if by is not None and message.author is not by:
            raise errors.foreign_message()
        self._core.service.edit(message, text)

    def _message_of(self, ref: MessageRef) -> Message:
        message = self._core.world.messages.get(_message_id(ref))
        if message is None:
            raise errors.unknown_message()
        return message


def _message_id(ref: MessageRef) -> int:
    return ref.message_id if isinstance(ref, Post) else ref
