"""What people, applications and Discord itself do beyond plain messages, and raw
events."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from app.loopback import errors, interactions, kinds, payloads
from app.loopback.errors import Json
from app.loopback.guild_people import ChannelRef, GuildPeople
from app.loopback.interactions import Interaction
from app.loopback.records import Post
from app.loopback.service import NewMessage
from app.loopback.state import Account, Guild, Message

MessageRef = Post | int


class WireActs(GuildPeople):
    """A part of `People`."""

    def say_webhook(
        self,
        channel: ChannelRef,
        name: str,
        text: str,
        application_id: int | None = None,
        *,
        avatar: str | None = None,
        extra: Mapping[str, object] | None = None,
    ) -> Post:
        """Post by a webhook of the channel under any name; `application_id` is the
        application that owns it."""

        def step() -> Post:
            where = self._channel_of(channel)
            owner = self._core.world.webhook_owner(where, application_id)
            fields = dict(extra or {})
            draft = NewMessage(
                author=owner,
                channel=where,
                content=text,
                webhook=True,
                webhook_name=name,
                webhook_avatar=avatar,
                application_id=application_id,
                extra=fields,
            )
            return self._post_draft(draft)

        return self._core.caller.call(step)

    def forward(
        self, author: Account, channel: ChannelRef, original: MessageRef
    ) -> Post:
        """Forward a message: its content comes as a snapshot, without its author."""

        def step() -> Post:
            source = self._message_of(original)
            extra = kinds.forward(source, payloads.message(self._core.world, source))
            return self._post_draft(
                NewMessage(
                    author=author,
                    channel=self._channel_of(channel),
                    content="",
                    extra=extra,
                )
            )

        return self._core.caller.call(step)

    def run_command(
        self,
        person: Account,
        application: Account,
        channel: ChannelRef,
        name: str,
        answer: str,
        *,
        menu: bool = False,
    ) -> Post:
        """A person's chat command (type 20) or, with `menu`, context menu command (type
        23), answered in public."""

        def step() -> Post:
            extra = kinds.command_answer(
                payloads.user(person),
                application=application,
                name=name,
                kind=kinds.CONTEXT_MENU_COMMAND if menu else kinds.CHAT_COMMAND,
                interaction_id=self._core.world.snowflakes.next(),
            )
            draft = NewMessage(
                author=application,
                channel=self._channel_of(channel),
                content=answer,
                extra=extra,
            )
            return self._post_draft(draft)

        return self._core.caller.call(step)

    def commands(self, bot: Account, guild: Guild) -> list[Json]:
        """The commands that a bot has registered in a guild."""
        return self._core.caller.call(
            lambda: self._core.interactions.registered(bot, guild)
        )

    def use_command(
        self,
        person: Account,
        bot: Account,
        channel: ChannelRef,
        command: str,
        options: Mapping[str, str] | None = None,
        *,
        granted: bool = False,
    ) -> Interaction:
        """A person types a registered command, with its subcommand after a blank. The
        bot hears INTERACTION_CREATE and answers the interaction, which is returned at
        once. `granted`: the server lets everybody use it."""
        name, *path = command.split()

        def step() -> Interaction:
            use, guild = self._begin_use(person, bot, channel, name)
            core = self._core.interactions
            found = core.command(use, guild, name, interactions.CHAT_INPUT, granted)
            data = interactions.chat_data(found, path, options or {})
            self._core.hub.emit(
                "INTERACTION_CREATE", core.payload(use, guild, data), bot
            )
            return use

        return self._core.caller.call(step)

    def use_menu(
        self,
        person: Account,
        bot: Account,
        message: MessageRef,
        command: str,
        *,
        granted: bool = False,
    ) -> Interaction:
        """The same for a command in the menu of a message."""

        def step() -> Interaction:
            target = self._message_of(message)
            use, guild = self._begin_use(person, bot, target.channel, command)
            core = self._core.interactions
            found = core.command(use, guild, command, interactions.MESSAGE, granted)
            data = interactions.menu_data(self._core.world, found, target)
            self._core.hub.emit(
                "INTERACTION_CREATE", core.payload(use, guild, data), bot
            )
            return use

        return self._core.caller.call(step)

    def _begin_use(
        self, person: Account, bot: Account, channel: ChannelRef, name: str
    ) -> tuple[Interaction, Guild]:
        where = self._channel_of(channel)
        guild = self._core.world.guild_of(where)
        if guild is None or not self._core.world.can_see(person.id, where):
            raise errors.unknown_channel()
        return self._core.interactions.begin(person, bot, where, name), guild

    def preview_links(self, message: MessageRef, *embeds: Json) -> None:
        """Add embeds to a message, as Discord does a moment after a link was posted."""
        self._core.caller.call(
            lambda: self._core.service.preview_links(
                self._message_of(message), list(embeds)
            )
        )

    def delete_bulk(self, messages: Sequence[MessageRef]) -> None:
        """Delete several messages of one channel at once."""

        def step() -> None:
            found = [self._message_of(ref) for ref in messages]
            self._core.service.delete_bulk(found[0].channel, found)

        self._core.caller.call(step)

    def emit(
        self, name: str, payload: Mapping[str, object], bot: Account | None = None
    ) -> None:
        """Send a raw event to one bot, or to all that may see the channel which it
        names."""
        self._core.caller.call(lambda: self._core.hub.emit(name, dict(payload), bot))

    def identifies(self, bot: Account) -> int:
        """How many IDENTIFYs the bot has sent, refused ones included."""
        return self._core.hub.handshakes.starts.identifies[bot.id]

    def automod(self, phrase: str) -> None:
        """Let automatic moderation block what bots write with this phrase (200000;
        titles of threads 200001)."""
        self._core.caller.call(lambda: self._core.service.refusals.block_phrase(phrase))

    def automod_off(self, phrase: str) -> None:
        """Allow the phrase again."""
        self._core.caller.call(lambda: self._core.service.refusals.allow_phrase(phrase))

    def block(self, person: Account, bot: Account) -> None:
        """The person blocks the bot: direct messages are refused with 50007, reactions
        with 90001."""
        self._core.caller.call(lambda: self._core.service.refusals.block(person, bot))

    def unblock(self, person: Account, bot: Account) -> None:
        """Take the block back."""
        self._core.caller.call(lambda: self._core.service.refusals.unblock(person, bot))

    def close_dms(self, person: Account) -> None:
        """The person takes direct messages from no bot (50007)."""
        self._core.caller.call(lambda: self._core.service.refusals.close_dms(person))

    def _post_draft(self, draft: NewMessage) -> Post:
        return self._core.journal.post(self._core.service.post(draft).id)

    def _message_of(self, ref: MessageRef) -> Message:
        raise NotImplementedError
