"""What an operator asks of a running stream: why, mute, dead letters, the vault."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path

import structlog
from pydantic import SecretStr

from app.domain.addresses import parse_address
from app.domain.character import names_of_files
from app.domain.errors import (
    ConfigurationError,
    StoreForbidden,
    StoreRefusing,
    StoreUnavailable,
    UnknownBot,
    VaultKeyWrong,
    VaultMissing,
)
from app.domain.settings import Settings
from app.host.valkey import running_url
from app.store import keys, memories, mutes, outbox, refusals, roster, vault
from app.store.door import Store
from app.store.fitness import check_servers
from app.store.resigning import sign_anew
from app.store.signing import Signer
from app.store.vault import Vault

log = structlog.get_logger(__name__)

LINK = re.compile(r"(?:/|^)(\d{5,20})/?$")
CHANNEL = re.compile(r"^channel:\d{1,20}\Z")
SCOPE = re.compile(
    r"^(all|(?:guild|channel):\d{1,20}|bot:[a-z][a-z0-9_-]{0,31}(@channel:\d{1,20})?)\Z"
)
DURATION = re.compile(r"^(\d{1,12})([smhd])\Z")
UNITS_MS = {"s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
LONGEST_MS = 3_650 * UNITS_MS["d"]
PATIENCE = 1.0
"""Seconds. Somebody waits, and has waited for a server that is away already."""


@contextmanager
def open_store(settings: Settings) -> Iterator[Store]:
    """A store on STREAM_REDIS_URL, or on the embedded Valkey that `up` runs on this
    machine."""
    url = settings.redis_url or running_url(settings.data_dir)
    if url is None:
        raise ConfigurationError(
            f"STREAM_REDIS_URL: is not set, and no `the-stream up` runs on {settings.data_dir} "
            "(STREAM_DATA_DIR). Start one, or set one of the two."
        )
    store = Store(url, settings.redis_timeout, settings.redis_credentials)
    try:
        yield store
    except StoreUnavailable as error:
        _blame_setting(settings)
        if type(error) is not StoreUnavailable:
            raise
        location = parse_address(url).location
        raise StoreUnavailable(f"{error}; it is sought at {location}") from error
    finally:
        store.close()


def _blame_setting(settings: Settings) -> None:
    """Raise ConfigurationError if a setting is why Redis did not serve: its line says
    how to mend it, as at the start of a gateway."""
    patience = min(settings.redis_timeout, PATIENCE)
    with suppress(StoreUnavailable):
        check_servers(settings.model_copy(update={"redis_timeout": patience}))


def message_of(text: str) -> str:
    """The message id in an id or in a Discord message link."""
    found = LINK.search(text.strip())
    if found is None:
        raise ConfigurationError(
            "Give a message id, or a link as Discord's `Copy Message Link` writes it."
        )
    return found[1]


def duration_ms(text: str, option: str = "--for") -> int:
    """`90s`, `30m`, `2h` or `7d` in milliseconds, at least one second. `option`: what is
    named where it is none."""
    found = DURATION.match(text)
    if found is None:
        raise ConfigurationError(
            f"{option}: a duration is a number and s, m, h or d, as in 2h."
        )
    found_ms = int(found[1]) * UNITS_MS[found[2]]
    if not found_ms:
        raise ConfigurationError(
            f"{option}: a duration is at least a second, as in 2h."
        )
    if found_ms > LONGEST_MS:
        raise ConfigurationError(f"{option}: a duration ends within ten years.")
    return found_ms


def mute(
    scope: str, settings: Settings, for_: str | None = None, who: str = "operator"
) -> bool:
    """Silence a scope and wait until the POSTs already on their way have ended. True:
    acknowledged, nothing more will come."""
    _check(scope)
    for_ms = duration_ms(for_) if for_ else None
    with open_store(settings) as store:
        if scope.startswith("bot:"):
            bot = scope.removeprefix("bot:").partition("@")[0]
            check_bot(store, bot, settings)
        try:
            store.run(mutes.mute(scope, who, for_ms))
        except StoreRefusing as error:
            # Each step towards a post writes first, so none can be made.
            full = "MISCONF" in str(error)
            rest = "Until there is room no bot can post either; then mute again."
            rest = rest if full else "Mute again when Redis takes writes."
            raise StoreRefusing(f"Not muted: {error}. {rest}") from None
        remember_mute(store, scope)
        return wait_for_acknowledgement(store, settings.discord_timeout)


def remember_mute(store: Store, scope: str) -> None:
    """After a mute: all gateways keep it for the day on which Redis is emptied."""
    try:
        store.run(mutes.remember(scope))
    except StoreForbidden:
        # The mute holds all the same.
        log.warning(mutes.FORGETTABLE, scope=scope)


def check_bot(
    store: Store, bot: str, settings: Settings, kept: Iterable[str] = ()
) -> None:
    """Raise UnknownBot for a slip in a bot's name: it would silence, or show, nobody.
    `kept`: further bots that are known."""
    known = {*kept, *(entry.bot for entry in store.run(roster.roster()))}
    # Character files may be on another machine: then the roster alone must do.
    with suppress(ConfigurationError):
        known.update(names_of_files(settings.characters_dir))
    if bot not in known:
        near = get_close_matches(bot, known, 1)
        meant = (
            f"{near[0]} was meant?" if near else f"known: {', '.join(sorted(known))}"
        )
        raise UnknownBot(f"No bot is named {bot}; {meant}")


def scope_in(scope: str, place: str | None) -> str:
    """A scope, and a bot's in one channel alone; ConfigurationError for what makes no
    sense."""
    if place is None:
        return scope
    if not scope.startswith("bot:") or not CHANNEL.match(place):
        raise ConfigurationError(
            "--in takes channel:ID, and only a bot is muted in a channel: bot:NAME."
        )
    return f"{scope}@{place}"


def wait_for_acknowledgement(store: Store, timeout: float) -> bool:
    """Wait until no POST that began before now is on its way. Others may begin
    meanwhile, of bots that are not muted."""
    deadline = time.monotonic() + timeout
    last = store.run(mutes.last_in_flight())
    if last is None:
        return True
    while (
        left := store.run(mutes.count_in_flight(last))
    ) and time.monotonic() < deadline:
        time.sleep(0.02)
    return left == 0


def list_mutes(settings: Settings) -> list[mutes.Muted]:
    """The mutes that hold, the operator's first."""
    with open_store(settings) as store:
        found = [
            store.run(mutes.read(key))
            for key in sorted(memories.scan(store, keys.mute("*")), reverse=True)
        ]
        return [one for one in found if one is not None]


def unmute(scope: str, settings: Settings) -> bool:
    """End a mute; False: there was none."""
    _check(scope)
    with open_store(settings) as store:
        return store.run(mutes.unmute(scope))


def list_waiting(settings: Settings) -> list[tuple[str, str, str]]:
    """(bot, entry id, channel) of every post on its way."""
    with open_store(settings) as store:
        return [
            (entry.bot, entry_id, channel)
            for entry in store.run(roster.roster())
            for channel, _ in store.run(outbox.list_due(entry.bot))
            for entry_id in store.run(outbox.waiting(entry.bot, channel))
        ]


def dead_letters(settings: Settings) -> list[tuple[str, str, str]]:
    """(bot, entry id, reason) of every dead letter."""
    with open_store(settings) as store:
        return [
            (entry.bot, entry_id, reason)
            for entry in store.run(roster.roster())
            for entry_id, reason in store.run(outbox.dead(entry.bot)).items()
        ]


def retry(entry_id: str, settings: Settings) -> bool:
    """Send a dead letter again; the pump finds it within about a second. False: it is
    no dead letter.

    The operator has mended what Discord refused: the bot may think about that channel
    again.
    """
    with open_store(settings) as store:
        entry = store.run(outbox.read(entry_id))
        if entry is None or not store.run(outbox.retry(entry)):
            return False
        store.run(refusals.forget(entry.bot, entry.channel_id))
        return True


@dataclass(frozen=True)
class Sealed:
    """What may be told of one bot's vault: names and lengths, never a secret or a part
    of one."""

    bot: str
    secrets: dict[str, int]
    """Name to length."""
    model: str
    user_id: str
    expires_in_s: int
    problem: str = ""


def vault_show(settings: Settings) -> list[Sealed]:
    """The vaults of all bots on the roster, masked."""
    with open_store(settings) as store:
        safe = Vault(vault_keys(settings))
        return [
            _sealed(store, safe, entry.bot, entry.user_id)
            for entry in store.run(roster.roster())
        ]


def vault_rotate(settings: Settings) -> list[str]:
    """Seal every bot's secrets with the first key of STREAM_VAULT_KEYS; the bots done.
    A vault that no key opens is VaultKeyWrong, and nothing is changed. One whose
    gateway publishes meanwhile is that gateway's affair."""
    with open_store(settings) as store:
        safe = Vault(vault_keys(settings))
        bots = [entry.bot for entry in store.run(roster.roster())]
        sealed = {bot: store.run(vault.read(bot))["secrets"] for bot in bots}
        # All are opened first: one that no key opens stops it before any is changed.
        anew = {bot: safe.renew(bot, text) for bot, text in sealed.items()}
        resealed = [
            bot for bot in bots if store.run(vault.reseal(bot, sealed[bot], anew[bot]))
        ]
        sign_anew(store, Signer(vault_keys(settings)))
        return resealed


def _sealed(store: Store, safe: Vault, bot: str, user_id: str) -> Sealed:
    ttl_ms = store.run(vault.expires_in(bot))
    try:
        parts = store.run(vault.read(bot))
        secrets = {
            name: len(value)
            for name, value in safe.open(
                bot, parts["secrets"], vault.plain_of(parts)
            ).items()
        }
    except (VaultMissing, VaultKeyWrong) as error:
        return Sealed(
            bot=bot,
            secrets={},
            model="",
            user_id=user_id,
            expires_in_s=max(0, ttl_ms // 1000),
            problem=str(error),
        )
    model = str(json.loads(parts["llm"]).get("model", ""))
    return Sealed(
        bot=bot,
        secrets=secrets,
        model=model,
        user_id=user_id,
        expires_in_s=ttl_ms // 1000,
    )


def kept_vault_key(settings: Settings) -> Path:
    """Where `up` keeps the key that it makes."""
    return settings.data_dir.expanduser() / "vault.key"


def vault_keys(settings: Settings) -> tuple[SecretStr, ...]:
    """Those of the settings, or the one that `up` made on this machine."""
    kept = kept_vault_key(settings)
    if settings.vault_keys or settings.redis_url or not kept.exists():
        return settings.vault_keys
    return (SecretStr(kept.read_text(encoding="utf-8").strip()),)


def _check(scope: str) -> None:
    if not SCOPE.match(scope):
        kind = "channel" if scope.isdecimal() else "bot"
        near = f"{kind}:{scope}"
        meant = f" {near} was meant?" if SCOPE.match(near) else ""
        raise ConfigurationError(
            f"A scope is all, bot:NAME, channel:ID, guild:ID or bot:NAME@channel:ID.{meant}"
        )
