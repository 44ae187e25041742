"""Every error the program raises on purpose. A class's docstring is its default
message; one line says what to do."""

from __future__ import annotations


class StreamError(Exception):
    """Something went wrong in the stream."""

    exit_code = 1

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or (self.__doc__ or type(self).__name__).strip())


class ConfigurationError(StreamError):
    """A setting is wrong."""

    exit_code = 2


class CharacterError(ConfigurationError):
    """A character file is missing or malformed."""


class UnknownBot(ConfigurationError):
    """No character file has this name."""


class TokenRefused(ConfigurationError):
    """Discord refused a bot's token."""


class AccountTaken(ConfigurationError):
    """Another bot already answers as this Discord account."""


class PortInUse(ConfigurationError):
    """The port is in use by another program."""


class StoreUnavailable(StreamError):
    """Redis cannot be reached."""

    exit_code = 3


class StoreRefusing(StoreUnavailable):
    """Redis answers, and refuses for now what it is asked (docs/outages.md)."""


class StoreMoved(StoreRefusing):
    """The server is no longer the primary: the name of STREAM_REDIS_URL may lead to
    another now."""


class StoreForbidden(StoreUnavailable):
    """Redis does not allow this to the user of STREAM_REDIS_URL (docker/users.acl)."""


class VaultMissing(StreamError):
    """The vault holds nothing for this bot: its gateway has not run for a day."""


class VaultKeyWrong(StreamError):
    """No key in STREAM_VAULT_KEYS opens this bot's vault."""


class LeaseTaken(StreamError):
    """Another gateway already runs this bot."""

    exit_code = 4


class IdentifiesSpent(StreamError):
    """A bot began too many sessions with Discord today."""

    exit_code = 5


class UnknownMessage(StreamError):
    """No bot saw the message, or it is older than the journal."""


class ModelUnavailable(StreamError):
    """The language model did not answer in a usable way."""

    def __init__(
        self, message: str | None = None, tokens: int = 0, micro_usd: int = 0
    ) -> None:
        super().__init__(message)
        self.tokens, self.micro_usd = tokens, micro_usd
        """What the tries took all the same."""


class DeliveryRefused(StreamError):
    """A post must not be sent now: muted, cancelled or out of time."""
