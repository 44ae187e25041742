"""The gateway's ports on the store: up to where each bot has read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from app.gateway.healing import Healing
from app.gateway.ports import Moves
from app.store import admission
from app.store import names as names_store
from app.store.door import AsyncStore


class StoreCursors:
    """`app.gateway.ports.CursorPorts` on the store: a part of `StorePorts`."""

    _store: AsyncStore
    _healing: Healing

    async def cursors(self, bot: str) -> Mapping[str, str]:
        """The last message read, by channel."""
        return self._healing.cursors.merged(
            bot, await self._store.run(admission.cursors(bot))
        )

    async def move_cursor(self, bot: str, channel_id: str, message_id: str) -> None:
        """Move one cursor forward; never back."""
        await self.move_cursors({(bot, channel_id): message_id})

    async def move_cursors(self, moves: Moves) -> None:
        """Move cursors forward, in one round trip."""
        await self._store.run(admission.move_cursors(moves))
        for (bot, channel), message in moves.items():
            self._healing.cursors.note(bot, channel, message)

    async def drop_cursor(self, bot: str, channel_id: str) -> None:
        """Forget what a bot has read of a channel that is gone."""
        await self._store.run(admission.drop_cursor(bot, channel_id))
        self._healing.cursors.drop(bot, channel_id)

    async def named(
        self, guilds: Sequence[str], channels: Sequence[str]
    ) -> frozenset[str]:
        """Which of these channels have a name in these servers."""
        return frozenset().union(
            *await self._store.run_all(
                [names_store.called(guild, channels) for guild in guilds]
            )
        )
