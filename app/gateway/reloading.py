"""Changed character files, read again while a gateway runs, at an operator's word."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple, Protocol

import structlog

from app.domain.character import Character, load_character
from app.domain.errors import CharacterError, ConfigurationError
from app.gateway.measuring import Measuring

log = structlog.get_logger(__name__)


class CharacterPorts(Protocol):
    """What it needs of the process's ports."""

    characters: Mapping[str, Character]

    async def reload_requests(self) -> Mapping[str, str]:
        """What was asked lately, by bot."""

    def take_character(self, character: Character) -> None:
        """Go by this character from now on."""


class ReloadOutcome(NamedTuple):
    """What came of a request; `error` is one line, empty: the file is in order."""

    request: str
    error: str
    changed: bool


class Reloading:
    """Reads the files. One that is broken leaves the old character, and touches no
    other bot."""

    def __init__(
        self,
        ports: CharacterPorts,
        folder: Path | None,
        measuring: Measuring | None = None,
    ) -> None:
        self.outcomes: dict[str, ReloadOutcome] = {}
        """The last one of each bot."""
        self._ports = ports
        self._folder = folder
        self._measuring = measuring

    async def look(self) -> list[str]:
        """Do what was asked since the last look; the bots that it was asked of."""
        asked = await self._ports.reload_requests()
        fresh = [
            bot
            for bot, request in asked.items()
            if bot not in self.outcomes or self.outcomes[bot].request != request
        ]
        for bot in fresh:
            self.outcomes[bot] = await self._reload(bot, asked[bot])
        if self._measuring is not None and any(
            self.outcomes[bot].changed for bot in fresh
        ):
            self._measuring.renew(self._ports.characters)
        return fresh

    async def _reload(self, bot: str, request: str) -> ReloadOutcome:
        try:
            # It takes some 100 ms to parse one.
            read = await asyncio.to_thread(load_character, bot, self._folder)
            _check_names(read, self._ports.characters)
        except (ConfigurationError, OSError) as error:
            log.error(
                "a changed character file is broken, the old one holds",
                bot=bot,
                error=str(error),
            )
            return ReloadOutcome(request, str(error), changed=False)
        changed = read != self._ports.characters.get(bot)
        if changed:
            self._ports.take_character(read)
        log.info("a character file was read again", bot=bot, changed=changed)
        return ReloadOutcome(request, "", changed)


def _check_names(character: Character, others: Mapping[str, Character]) -> None:
    """Refuse a name that another bot of the process has."""
    own = {name.casefold() for name in character.names}
    for bot, other in others.items():
        shared = sorted(own & {name.casefold() for name in other.names})
        if shared and bot != character.name:
            raise CharacterError(
                f"{character.name}.yaml: aliases: {shared[0]!r} also names {bot}"
            )
