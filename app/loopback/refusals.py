"""What Discord refuses beyond permissions: blocked accounts, automatic moderation, too
many reactions."""

from __future__ import annotations

from app.loopback import errors
from app.loopback.state import Account, Message

MAX_REACTIONS = 20
"""Different emoji on one message."""


class Refusals:
    """Who blocks whom, who takes no direct messages, and which phrases the server's
    automatic moderation blocks."""

    def __init__(self) -> None:
        self._blocked: set[tuple[int, int]] = set()
        self._closed_dms: set[int] = set()
        self._phrases: list[str] = []

    def block(self, person: Account, bot: Account) -> None:
        """The bot may neither write to the person nor react to what the person
        writes."""
        self._blocked.add((person.id, bot.id))

    def unblock(self, person: Account, bot: Account) -> None:
        self._blocked.discard((person.id, bot.id))

    def close_dms(self, person: Account) -> None:
        """The person takes no direct messages from bots."""
        self._closed_dms.add(person.id)

    def block_phrase(self, phrase: str) -> None:
        self._phrases.append(phrase.casefold())

    def allow_phrase(self, phrase: str) -> None:
        self._phrases.remove(phrase.casefold())

    def check_direct(self, bot: Account, recipients: frozenset[int]) -> None:
        """50007 when one of the recipients does not want to hear of the bot."""
        for person in recipients - {bot.id}:
            if person in self._closed_dms or (person, bot.id) in self._blocked:
                raise errors.cannot_message_user()

    def check_text(self, text: str) -> None:
        """200000 when automatic moderation blocks the message."""
        if self._blocks_text(text):
            raise errors.blocked_by_automod()

    def check_title(self, title: str) -> None:
        """200001 when automatic moderation blocks the title of a thread."""
        if self._blocks_text(title):
            raise errors.title_blocked_by_automod()

    def check_reaction(self, bot: Account, message: Message, emoji: str) -> None:
        """90001 when the author blocks the bot, 30010 when the message bears as many
        emoji as it can."""
        if (message.author.id, bot.id) in self._blocked:
            raise errors.blocked_reaction()
        if emoji not in message.reactions and len(message.reactions) >= MAX_REACTIONS:
            raise errors.too_many_reactions()

    def _blocks_text(self, text: str) -> bool:
        folded = text.casefold()
        return any(phrase in folded for phrase in self._phrases)
