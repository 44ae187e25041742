"""Signatures: what a worker believes of an inbox, an outbox, a bot's journal or a diary
was written by a process that has a vault key.

A login of Redis alone can write anything into a mailbox. Without a signature it could
put words into a bot's mouth, or into a person's; a diary quotes both. The signature is the last field of the
signed JSON object, so that a reader without the key still reads the rest.
"""

from __future__ import annotations

import functools
import hashlib
import hmac
from collections.abc import Sequence

from pydantic import SecretStr

from app.domain.settings import Settings

BYTES = 16
_MARK = ',"signed":"'
_LENGTH = len(_MARK) + 2 * BYTES + len('"}')

OUTBOX = "outbox"
HEARD = "heard"


def asked(bot: str) -> str:
    """The purpose of an event that speaks to this bot. An event that was merely heard
    never passes as one."""
    return f"asked:{bot}"


def spoken(bot: str) -> str:
    """The purpose of a line in a bot's journal of what it said."""
    return f"spoken:{bot}"


def night(bot: str, kind: str, date: str) -> str:
    """The purpose of a bot's diary or dream of one date."""
    return f"{kind}:{bot}:{date}"


class Signer:
    """Signs with the first key, believes all of them: rotation is by list, as with the
    vault."""

    def __init__(
        self, vault_keys: Sequence[SecretStr], accept_unsigned: bool = False
    ) -> None:
        self._keys = tuple(_signing_key(key) for key in vault_keys)
        self._accept_unsigned = accept_unsigned or not self._keys

    def sign(self, purpose: str, text: str) -> str:
        """A JSON object's text, signed for one purpose; as it is where there is no
        key."""
        if not self._keys:
            return text
        # The signature goes in front of the closing brace: it stays one JSON object.
        return f'{text[:-1]}{_MARK}{_text_mac(self._keys[0], purpose, text)}"}}'

    def believes(self, text: str, *purposes: str) -> bool:
        """Whether the text was signed for one of the purposes."""
        body, mark, rest = (
            text[:-_LENGTH],
            text[-_LENGTH : -_LENGTH + len(_MARK)],
            text[-_LENGTH + len(_MARK) :],
        )
        # compare_digest raises at text beyond ASCII.
        if mark != _MARK or not rest.isascii():
            return self._accept_unsigned
        if not self._keys:
            return True
        wanted = (
            _text_mac(key, purpose, body + "}")
            for key in self._keys
            for purpose in purposes
        )
        return any(hmac.compare_digest(rest, mac + '"}') for mac in wanted)

    def renew(self, signed: str, changed: str, *purposes: str) -> str:
        """Sign what we changed in a signed text, for the purpose that the text had; a
        forged one stays forged."""
        for purpose in purposes:
            if (
                self._keys
                and signed[-_LENGTH:].startswith(_MARK)
                and self.believes(signed, purpose)
            ):
                return self.sign(purpose, changed[:-_LENGTH] + "}")
        return changed


def _signing_key(key: SecretStr) -> bytes:
    """A key for signatures alone; it does not lead back to the vault's."""
    return hashlib.blake2s(key.get_secret_value().encode(), person=b"sign").digest()


def _text_mac(key: bytes, purpose: str, text: str) -> str:
    # With surrogates: half an emoji may stand in a text that Discord sent.
    # And a zero byte between: no letter can move from the purpose to the text.
    content = f"{purpose}\0{text}".encode("utf-8", "surrogatepass")
    return hashlib.blake2s(content, key=key, digest_size=BYTES).hexdigest()


UNCHECKED = Signer(())
"""Signs nothing and believes everything: for those who have no key and only look or
tidy up."""


@functools.lru_cache(maxsize=16)
def _cached_signer(vault_keys: tuple[SecretStr, ...], accept_unsigned: bool) -> Signer:
    return Signer(vault_keys, accept_unsigned)


def signer(settings: Settings) -> Signer:
    """The signer of a process. Gateways and workers do not start without a key."""
    return _cached_signer(settings.vault_keys, settings.accept_unsigned)
