"""The vault: what a worker needs to serve any bot. Secrets are encrypted; the keys live
in the environment only."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from pydantic import SecretStr

from app.domain.errors import ConfigurationError, VaultKeyWrong, VaultMissing
from app.store import keys
from app.store.calls import Call, Reply, command
from app.store.keys import Key
from app.store.scripts import script

PARTS = ("secrets", "llm", "discord", "profile")


class Vault:
    """Encrypts and decrypts with a list of Fernet keys, newest first (rotation: add in
    front, publish, drop the old)."""

    def __init__(self, fernet_keys: Sequence[SecretStr]) -> None:
        if not fernet_keys:
            raise ConfigurationError(
                "STREAM_VAULT_KEYS: is not set; `the-stream vault key` makes one."
            )
        self._fernet = MultiFernet(
            [Fernet(key.get_secret_value()) for key in fernet_keys]
        )

    def seal(self, bot: str, secrets: Mapping[str, str], plain: Sequence[str]) -> str:
        """Encrypt a bot's secrets. The bot's name goes in, so that one bot's vault
        cannot be passed off as another's, and a digest of the `plain` parts beside it:
        they say to which address the model key is sent."""
        content = {"bot": bot, "secrets": dict(secrets), "plain": _secret_digest(plain)}
        return self._fernet.encrypt(json.dumps(content).encode()).decode()

    def open(self, bot: str, sealed: str, plain: Sequence[str]) -> dict[str, str]:
        """Decrypt; VaultKeyWrong names the bot and what to do, also where the plain
        parts are not those that were sealed."""
        content = self._sealed_content(bot, sealed)
        if content.get("plain") != _secret_digest(plain):
            raise VaultKeyWrong(
                f"{bot}: part of its vault was not written by its gateway; restart the gateway, and ask who else may write."
            )
        return {str(name): str(value) for name, value in content["secrets"].items()}

    def renew(self, bot: str, sealed: str) -> str:
        """The same content under the newest key; VaultKeyWrong as `open`."""
        return self._fernet.encrypt(
            json.dumps(self._sealed_content(bot, sealed)).encode()
        ).decode()

    def _sealed_content(self, bot: str, sealed: str) -> dict[str, Any]:
        wrong = f"{bot}: no key in STREAM_VAULT_KEYS opens its vault; set the key that its gateway uses."
        try:
            content = json.loads(self._fernet.decrypt(sealed.encode()))
        except InvalidToken:
            raise VaultKeyWrong(wrong) from None
        # The key opens every bot's vault: a copy under another name must not pass.
        if content.get("bot") != bot:
            raise VaultKeyWrong(wrong)
        return dict(content)


def _secret_digest(plain: Sequence[str]) -> str:
    return hashlib.sha256(json.dumps(list(plain)).encode()).hexdigest()


def plain_of(parts: Mapping[str, str]) -> tuple[str, ...]:
    """The parts that are not encrypted, in the order in which `seal` and `open` want
    them."""
    return tuple(parts[name] for name in PARTS[1:])


@script("vault.publish")
def _publish(*parts: str) -> None: ...


def publish(bot: str, sealed: str, llm: str, discord: str, profile: str) -> Call[int]:
    """Write all four parts at once, for a day. All are text: `sealed` from
    `Vault.seal`, the others JSON."""
    contents = dict(zip(PARTS, (sealed, llm, discord, profile), strict=True))
    named = [
        text
        for part, content in contents.items()
        for text in (keys.vault(bot, part), content)
    ]
    return _publish(*named).parsed(int)


def read(bot: str) -> Call[dict[str, str]]:
    """All four parts by name, secrets still sealed; VaultMissing when any is gone."""

    def parse(reply: Reply) -> dict[str, str]:
        if not all(reply):
            raise VaultMissing(
                f"{bot}: its vault is gone; start its gateway (`the-stream gateway {bot}`)."
            )
        return dict(zip(PARTS, reply, strict=True))

    return command("MGET", *(keys.vault(bot, part) for part in PARTS), parse=parse)


def peek(bot: str) -> Call[dict[str, str] | None]:
    """As `read`; None when any is gone."""
    return read(bot).parsed(
        lambda reply: dict(zip(PARTS, reply, strict=True)) if all(reply) else None
    )


def expires_in(bot: str) -> Call[int]:
    """Milliseconds until the vault expires; negative when there is none."""
    return command("PTTL", keys.vault(bot, "secrets"), parse=int)


@script("vault.reseal")
def _reseal(*, secrets: Key, before: str, after: str) -> None: ...


def reseal(bot: str, before: str, after: str) -> Call[bool]:
    """Replace the sealed secrets; False: the gateway has published newer ones
    meanwhile."""
    call = _reseal(secrets=keys.vault(bot, "secrets"), before=before, after=after)
    return call.parsed(bool)
