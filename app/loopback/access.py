"""What Discord refuses whom in which channel, with its status and code."""

from __future__ import annotations

from app.loopback import errors
from app.loopback.channels import WITHOUT_MESSAGES, Channel
from app.loopback.permissions import EVERYTHING, LEFT_IN_LOCKED_THREAD, Permission
from app.loopback.state import Account, Message, World


class Access:
    """The checks of the REST routes. Each raises the ApiError that Discord answers
    with, or returns."""

    def __init__(self, world: World) -> None:
        self._world = world

    def permissions(self, account: Account, channel: Channel) -> Permission:
        """What the account may do there now. In DMs there are no permissions to lack; a
        lock leaves little."""
        if channel.guild_id is None:
            # Nobody deletes the other's messages in a direct channel.
            return EVERYTHING & ~Permission.MANAGE_MESSAGES
        granted = self._world.permissions(account, channel)
        if channel.locked and not granted & Permission.MANAGE_THREADS:
            granted &= LEFT_IN_LOCKED_THREAD
        return granted

    def demand_permissions(
        self, account: Account, channel: Channel, needed: Permission
    ) -> None:
        """403, code 50013 unless the account has all of what is needed."""
        if needed & ~self.permissions(account, channel):
            raise errors.missing_permissions()

    def check_reading(self, account: Account, channel: Channel) -> None:
        """403, code 50001 for whom the text is not; 400, code 50008 where there is
        none."""
        if not self._world.can_read(account.id, channel):
            raise errors.missing_access()
        if channel.type in WITHOUT_MESSAGES:
            raise errors.no_text_channel()

    def may_read_history(self, account: Account, channel: Channel) -> bool:
        """Without READ_MESSAGE_HISTORY history is an empty list, no refusal."""
        return bool(
            self.permissions(account, channel) & Permission.READ_MESSAGE_HISTORY
        )

    def check_sending(self, account: Account, channel: Channel) -> None:
        """May the account write there? An archived thread comes back by it, unless it
        is locked."""
        self.check_reading(account, channel)
        manages = self.permissions(account, channel) & Permission.MANAGE_THREADS
        if channel.archived and channel.locked and not manages:
            raise errors.thread_is_archived()
        in_thread = channel.is_thread
        self.demand_permissions(
            account,
            channel,
            Permission.SEND_MESSAGES_IN_THREADS
            if in_thread
            else Permission.SEND_MESSAGES,
        )

    def check_replying(self, account: Account, channel: Channel) -> None:
        """A reply shows an earlier message, so that it needs the history."""
        if not self.may_read_history(account, channel):
            raise errors.reply_without_history()

    def check_reacting(
        self, account: Account, message: Message, *, emoji_is_there: bool
    ) -> None:
        """Everybody who reads may add to a reaction that is there; a new emoji needs
        ADD_REACTIONS."""
        channel = message.channel
        self.check_active(channel)
        self.demand_permissions(account, channel, Permission.READ_MESSAGE_HISTORY)
        guild = self._world.guild_of(channel)
        silenced = guild is not None and guild.members[account.id].timed_out
        if silenced or not emoji_is_there:
            self.demand_permissions(account, channel, Permission.ADD_REACTIONS)

    @staticmethod
    def check_active(channel: Channel) -> None:
        """400, code 50083 in an archived thread, where nothing changes but by a new
        message."""
        if channel.archived:
            raise errors.thread_is_archived()
