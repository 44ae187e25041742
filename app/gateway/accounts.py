"""Which Discord account each bot of a process answers as, and that nobody else does."""

from __future__ import annotations

import asyncio
import time

import structlog

from app.domain.errors import AccountTaken, StoreUnavailable
from app.domain.settings import token_variable
from app.gateway.ports import AccountPorts

log = structlog.get_logger(__name__)


class Accounts:
    """One bot for one account, in all processes. A token that two characters were given
    is seen by its account alone: no process knows another's tokens."""

    def __init__(self, ports: AccountPorts, lease: float) -> None:
        """`lease`: seconds after which a dead process's account is free."""
        self._ports = ports
        self._lease = lease
        self._known: dict[str, str] = {}

    async def take(self, bot: str, user_id: str) -> None:
        """Before a session: return when nobody else answers as this account. A dead
        process's lease is waited for.

        AccountTaken: somebody does.
        """
        until = time.monotonic() + 1.1 * self._lease
        while (taken := await self._find_rival(bot, user_id)) is not None:
            if time.monotonic() > until:
                raise taken
            await asyncio.sleep(self._lease / 20)
        # Only now: until then there is nothing to keep.
        self._known[bot] = user_id

    def change(self, bot: str, user_id: str) -> None:
        """A session is another account's than the one that was taken."""
        if self._known.get(bot) != user_id:
            log.warning("the bot's token is another account's now", bot=bot)
            self._known[bot] = user_id

    async def keep(self, bot: str) -> AccountTaken | None:
        """Renew the bot's lease of its account; an error if somebody else has it."""
        known = self._known.get(bot)
        return None if known is None else await self._find_rival(bot, known)

    async def release(self, bot: str) -> None:
        """Give the account back."""
        if bot in self._known:
            await self._ports.release_account(bot, self._known.pop(bot))

    async def _find_rival(self, bot: str, user_id: str) -> AccountTaken | None:
        try:
            holder = await self._ports.acquire_account(bot, user_id)
        except StoreUnavailable:
            # Sessions begin without Redis, too; a rival is found when it is back.
            return None
        if not holder:
            return None
        return AccountTaken(
            f"{bot}: its token is of the Discord account {user_id}, as which another bot already answers: {holder}. "
            f"Give {token_variable(bot)} the token of an application of its own (docs/discord.md)."
        )
