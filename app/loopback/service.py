"""What can happen on the loopback Discord. Each action changes the state, tells the
gateway and writes the record."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

from app.loopback import errors, kinds, payloads
from app.loopback.access import Access
from app.loopback.channel_service import ChannelService
from app.loopback.emoji import is_emoji
from app.loopback.errors import Json
from app.loopback.gateway import Hub
from app.loopback.guild_service import GuildService
from app.loopback.journal import Journal
from app.loopback.mentions import AllowedMentions, Mentions, find_mentions
from app.loopback.nonces import NonceWindow
from app.loopback.records import Deletion, Edit, Post, Reaction, Typing
from app.loopback.refusals import Refusals
from app.loopback.sessions import Intent, Session, SharedEvent
from app.loopback.state import (
    Account,
    Channel,
    Guild,
    Message,
    MessageType,
    Permission,
    World,
)

_VARIATION_SELECTOR = "\ufe0f"


@dataclass(frozen=True, slots=True)
class NewMessage:
    """A message before it has an id. `type` other than 0 makes it a system message; a
    reply becomes type 19."""

    author: Account
    channel: Channel
    content: str
    reply_to: int | None = None
    nonce: str | None = None
    enforce_nonce: bool = False
    allowed: AllowedMentions = field(default_factory=AllowedMentions)
    webhook: bool = False
    type: int = MessageType.DEFAULT
    flags: int = 0
    webhook_name: str | None = None
    webhook_avatar: str | None = None
    application_id: int | None = None
    extra: Json = field(default_factory=dict)
    dropped: frozenset[str] = frozenset()
    embeds: list[object] = field(default_factory=list)
    attachments: list[Json] = field(default_factory=list)


class Service:
    """The actions, for the REST routes and for the Python API alike. Refusals are
    raised as ApiError."""

    def __init__(
        self, world: World, hub: Hub, journal: Journal, nonces: NonceWindow
    ) -> None:
        self.world = world
        self.access = Access(world)
        self.guilds = GuildService(world, hub)
        self.channels = ChannelService(self.guilds)
        self.hub = hub
        self.journal = journal
        self.nonces = nonces
        self.refusals = Refusals()

    def post(self, draft: NewMessage) -> Message:
        """Create a message, or return the earlier one that carries the same enforced
        nonce."""
        if draft.nonce is not None and draft.enforce_nonce:
            earlier = self.nonces.find(draft.author.id, draft.channel.id, draft.nonce)
            if earlier is not None:
                return self.message(draft.channel, earlier)
        message = self._build_message(draft)
        self._enter_thread(draft)
        mentions = self._mentions_of(message, draft.allowed)
        payloads.mention_fields(message, mentions)
        self.world.store(message)
        if draft.nonce is not None:
            self.nonces.remember(
                draft.author.id, draft.channel.id, draft.nonce, message.id
            )
        self.hub.publish(
            self._message_event("MESSAGE_CREATE", message, draft.nonce), message.channel
        )
        self.journal.add(_post_record(message, mentions))
        return message

    def open_thread(
        self, owner: Account, parent: Channel, name: str, message: Message | None = None
    ) -> Channel:
        """Open a public thread, with the system message that tells of it: in the thread
        that hangs on a message its first message points there (21); in the parent
        channel of any other thread one points to the thread (18)."""
        thread = self.channels.open_thread(owner, parent, name, message)
        quiet = AllowedMentions(
            all_users=False, all_roles=False, everyone=False, replied_user=False
        )
        if message is None:
            extra = kinds.thread_created(thread)
            kind = MessageType.THREAD_CREATED
            self.post(
                NewMessage(owner, parent, name, allowed=quiet, type=kind, extra=extra)
            )
            return thread
        message.flags |= kinds.MessageFlag.HAS_THREAD
        self.announce_change(message)
        kind = MessageType.THREAD_STARTER
        self.post(
            NewMessage(owner, thread, "", reply_to=message.id, allowed=quiet, type=kind)
        )
        # The first message is not counted, as at Discord.
        thread.message_count = 0
        return thread

    def edit(self, message: Message, content: str) -> None:
        """Give a message another text; its mentions are found again, but nobody is
        pinged by an edit."""
        message.content = content
        message.edited_at = datetime.now(UTC).isoformat(timespec="milliseconds")
        payloads.mention_fields(message, self._mentions_of(message, AllowedMentions()))
        self.world.forget_encoded(message)
        self.hub.publish(
            self._message_event("MESSAGE_UPDATE", message, None), message.channel
        )
        self.journal.add(
            Edit(
                message_id=message.id,
                channel_id=message.channel.id,
                content=content,
                at=time.monotonic(),
                wall=time.time(),
            )
        )

    def delete(self, message: Message) -> None:
        self.world.remove(message)
        shape = self._with_location(message.channel, {"id": str(message.id)})
        self._publish_event(
            "MESSAGE_DELETE",
            in_guild=Intent.GUILD_MESSAGES,
            direct=Intent.DIRECT_MESSAGES,
            shape=shape,
            channel=message.channel,
        )
        self.journal.add(
            Deletion(message.id, message.channel.id, time.monotonic(), time.time())
        )

    def preview_links(self, message: Message, embeds: list[object]) -> None:
        """Discord adds previews to a message: an update without a time of editing."""
        message.embeds = embeds
        self.announce_change(message)

    def announce_change(self, message: Message) -> None:
        """MESSAGE_UPDATE of a message that somebody other than its author changed."""
        self.world.forget_encoded(message)
        self.hub.publish(
            self._message_event("MESSAGE_UPDATE", message, None), message.channel
        )

    def delete_bulk(self, channel: Channel, messages: list[Message]) -> None:
        """Delete messages of one channel with one event."""
        for message in messages:
            self.world.remove(message)
        shape = self._with_location(
            channel, {"ids": [str(message.id) for message in messages]}
        )
        self._publish_event(
            "MESSAGE_DELETE_BULK",
            in_guild=Intent.GUILD_MESSAGES,
            direct=Intent.DIRECT_MESSAGES,
            shape=shape,
            channel=channel,
        )
        for message in messages:
            self.journal.add(
                Deletion(message.id, channel.id, time.monotonic(), time.time())
            )

    def react(self, account: Account, message: Message, emoji: str) -> None:
        """Add a reaction; the same one again by the same account changes nothing."""
        emoji = known_spelling(message, emoji)
        if not is_emoji(emoji):
            raise errors.unknown_emoji()
        if account.is_bot:
            self.refusals.check_reaction(account, message, emoji)
        users = message.reactions.setdefault(emoji, {})
        if account.id in users:
            return
        users[account.id] = None
        extra: Json = {
            "message_author_id": str(message.webhook_id or message.author.id),
            "burst": False,
        }
        if message.channel.guild_id is not None:
            guild = self.world.guilds[message.channel.guild_id]
            extra["member"] = payloads.member(account, guild)
        self._reaction_changed(
            "MESSAGE_REACTION_ADD",
            account=account,
            message=message,
            emoji=emoji,
            extra=extra,
        )

    def unreact(self, account: Account, message: Message, emoji: str) -> None:
        """Take a reaction back; one that is not there changes nothing."""
        emoji = known_spelling(message, emoji)
        users = message.reactions.get(emoji, {})
        if account.id not in users:
            return
        del users[account.id]
        if not users:
            del message.reactions[emoji]
        self._reaction_changed(
            "MESSAGE_REACTION_REMOVE",
            account=account,
            message=message,
            emoji=emoji,
            extra={"burst": False},
        )

    def type_in(self, account: Account, channel: Channel) -> Typing:
        """Show that the account types in the channel."""
        shape = self._with_location(
            channel, {"user_id": str(account.id), "timestamp": int(time.time())}
        )
        if channel.guild_id is not None:
            shape["member"] = payloads.member(
                account, self.world.guilds[channel.guild_id]
            )
        self._publish_event(
            "TYPING_START",
            in_guild=Intent.GUILD_TYPING,
            direct=Intent.DIRECT_TYPING,
            shape=shape,
            channel=channel,
        )
        record = Typing(
            channel_id=channel.id,
            user_id=account.id,
            user_name=account.name,
            is_bot=account.is_bot,
            at=time.monotonic(),
            wall=time.time(),
        )
        self.journal.add(record)
        return record

    def channel(self, viewer: Account, channel_id: int) -> Channel:
        """A channel that the viewer may use: 10003 when there is none, 50001 when it is
        hidden."""
        channel = self.world.channels.get(channel_id)
        if channel is None:
            raise errors.unknown_channel()
        if not self.world.can_see(viewer.id, channel):
            raise errors.missing_access()
        return channel

    def message(self, channel: Channel, message_id: int) -> Message:
        """A message of this channel: 10008 when there is none (any more)."""
        message = self.world.messages.get(message_id)
        if message is None or message.channel is not channel:
            raise errors.unknown_message()
        return message

    def open_post(
        self, forum: Channel, title: str, tags: Sequence[int], draft: NewMessage
    ) -> Message:
        """Open a forum post with its first message, which has the post's id; the
        draft's channel is not looked at."""
        thread = self.channels.open_post(draft.author, forum, title, tags)
        return self.post(replace(draft, channel=thread))

    def _enter_thread(self, draft: NewMessage) -> None:
        """Who writes in a thread joins it; an archived one comes back."""
        thread = draft.channel
        if not thread.is_thread:
            return
        if thread.archived:
            self.channels.set_state(thread, archived=False)
        if not draft.webhook and draft.author.id not in thread.member_ids:
            self.channels.join(thread, draft.author)

    def _new_id(self, channel: Channel) -> int:
        """A fresh id; the first message of a forum post has the post's own."""
        if channel.is_thread and channel.last_message_id is None:
            parent = self.world.channels.get(channel.parent_id or 0)
            if parent is not None and parent.is_forum:
                return channel.id
        return self.world.snowflakes.next()

    def _build_message(self, draft: NewMessage) -> Message:
        replied = draft.reply_to is not None and draft.type == MessageType.DEFAULT
        author, webhook_id = draft.author, None
        if draft.webhook:
            webhook_id = self.world.webhook_id(draft.channel, draft.author)
            # The name of a webhook's message is the poster's choice, no matter who the
            # webhook belongs to.
            author = replace(author, name=draft.webhook_name or author.name)
        return Message(
            id=self._new_id(draft.channel),
            channel=draft.channel,
            author=author,
            content=draft.content,
            type=int(MessageType.REPLY if replied else draft.type),
            nonce=draft.nonce,
            reply_to=draft.reply_to,
            webhook_id=webhook_id,
            application_id=draft.application_id,
            webhook_avatar=draft.webhook_avatar,
            extra=dict(draft.extra),
            dropped=draft.dropped,
            embeds=draft.embeds,
            attachments=draft.attachments,
            flags=draft.flags,
        )

    def _mentions_of(self, message: Message, allowed: AllowedMentions) -> Mentions:
        guild = self.world.guild_of(message.channel)
        target = (
            None
            if message.reply_to is None
            else self.world.messages.get(message.reply_to)
        )
        replied = (
            target.author.id
            # A webhook's message has no account that a reply could ping.
            if target is not None and target.webhook_id is None
            else None
        )
        found = find_mentions(
            message.content,
            allowed,
            known_users=self.world.accounts,
            # The role with the server's id is @everyone, which is mentioned by its
            # word.
            known_roles=() if guild is None else guild.roles.keys() - {guild.id},
            replied_user=replied,
        )
        if guild is None:
            return Mentions(found.users)
        return (
            self._permitted_mentions(message, guild, found)
            if found.roles or found.everyone
            else found
        )

    def _permitted_mentions(
        self, message: Message, guild: Guild, found: Mentions
    ) -> Mentions:
        """Without MENTION_EVERYONE only those roles are mentioned that all may mention.
        A webhook has the right."""
        if message.webhook_id is not None:
            return found
        if (
            self.world.permissions(message.author, message.channel)
            & Permission.MENTION_EVERYONE
        ):
            return found
        roles = tuple(i for i in found.roles if guild.roles[i].mentionable)
        return Mentions(found.users, roles)

    def _message_event(
        self, name: str, message: Message, nonce: str | None
    ) -> SharedEvent:
        shape = payloads.message_event(self.world, message)
        author = message.author if message.webhook_id is None else None
        in_guild = message.channel.guild_id is not None

        def shape_for(session: Session) -> str:
            if session.bot is author:
                # A bot reads its own words without any intent, and it alone is told the
                # nonce.
                return "own"
            if session.intents & Intent.MESSAGE_CONTENT or not in_guild:
                return "full"
            return payloads.hidden_parts(self.world, message, session.bot.id)

        def build(kind: str) -> Json:
            if kind == "own" and nonce is not None:
                return {**shape, "nonce": nonce}
            return payloads.without_hidden(shape, kind)

        intent = Intent.GUILD_MESSAGES if in_guild else Intent.DIRECT_MESSAGES
        return SharedEvent(name, intent, build, shape_for)

    def _reaction_changed(
        self,
        name: str,
        account: Account,
        message: Message,
        emoji: str,
        extra: Mapping[str, object],
    ) -> None:
        self.world.forget_encoded(message)
        shape = self._with_location(
            message.channel,
            {
                "user_id": str(account.id),
                "message_id": str(message.id),
                "emoji": payloads.emoji(emoji),
                "type": 0,
                **extra,
            },
        )
        self._publish_event(
            name,
            in_guild=Intent.GUILD_REACTIONS,
            direct=Intent.DIRECT_REACTIONS,
            shape=shape,
            channel=message.channel,
        )
        removed = name == "MESSAGE_REACTION_REMOVE"
        self.journal.add(
            Reaction(
                message_id=message.id,
                channel_id=message.channel.id,
                user_id=account.id,
                user_name=account.name,
                is_bot=account.is_bot,
                emoji=emoji,
                at=time.monotonic(),
                wall=time.time(),
                removed=removed,
            )
        )

    def _publish_event(
        self, name: str, in_guild: Intent, direct: Intent, shape: Json, channel: Channel
    ) -> None:
        intent = direct if channel.guild_id is None else in_guild
        self.hub.publish(SharedEvent.plain(name, intent, shape), channel)

    @staticmethod
    def _with_location(channel: Channel, shape: Json) -> Json:
        shape["channel_id"] = str(channel.id)
        if channel.guild_id is not None:
            shape["guild_id"] = str(channel.guild_id)
        return shape


def known_spelling(message: Message, emoji: str) -> str:
    """The same emoji as the message already carries it, with or without its variation
    selector."""
    bare = emoji.rstrip(_VARIATION_SELECTOR)
    return next(
        (
            known
            for known in message.reactions
            if known.rstrip(_VARIATION_SELECTOR) == bare
        ),
        emoji,
    )


def _post_record(message: Message, mentions: Mentions) -> Post:
    return Post(
        message_id=message.id,
        channel_id=message.channel.id,
        author_id=message.webhook_id or message.author.id,
        author_name=message.author.name,
        is_bot=message.author.is_bot,
        content=message.content,
        reply_to=None
        # That one points to where its thread hangs, and answers nobody.
        if message.type == MessageType.THREAD_STARTER
        else message.reply_to,
        nonce=message.nonce,
        at=time.monotonic(),
        wall=time.time(),
        pinged=mentions.all_pinged(),
        guild_id=message.channel.guild_id,
        webhook=message.webhook_id is not None,
        message_type=int(str(message.extra.get("type", message.type))),
    )
