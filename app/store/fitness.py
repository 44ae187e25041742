"""Whether a server is one that the stream can work with, asked once at the start: what
no waiting will mend is one line that names the setting.

HELLO is the one question: Redis answers it to every user, whatever the ACL says.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import redis
import structlog
from redis import exceptions

from app.domain.addresses import Credentials, RedisAddress
from app.domain.errors import ConfigurationError, StoreUnavailable
from app.domain.settings import Settings
from app.store import connecting
from app.store.outages import outages, tls_failure
from app.store.server_info import warnings_of

log = structlog.get_logger(__name__)

OLDEST = (6, 2)
"""The first Redis with ZMSCORE and SMISMEMBER. Every Valkey has them."""
CLUSTER = (
    "is a server in cluster mode, which the stream does not work on: its scripts touch "
    "keys of many slots. Use one server, or Sentinels (docs/high-availability.md)."
)
TOO_OLD = "is a server that lacks commands: Redis 6.2, or Valkey, or newer is needed."
A_SENTINEL = "is a Sentinel: write sentinel://host:26379/service."
NO_SENTINEL = "names no Sentinel: what answers there is another server."
UNTRUSTED = (
    "cannot be trusted: the server's certificate is not signed by STREAM_REDIS_CA, has "
    "ended, or names another host."
)
NO_TLS = "is no TLS server: the port speaks another protocol."
UNKNOWN = (
    "is a server that does not take our certificate: STREAM_REDIS_CERT and "
    "STREAM_REDIS_KEY must be signed by a CA that it knows."
)
_MODES = {"cluster": CLUSTER, "sentinel": A_SENTINEL}


def check_servers(settings: Settings) -> None:
    """Look at the store's server and at the broker's.

    Raises ConfigurationError where a setting is wrong, and StoreUnavailable where the
    server is away.
    """
    credentials, timeout = settings.redis_credentials, settings.redis_timeout
    # Later redis-py tells a missing file as it tells a server that is down.
    _check_files(credentials)
    checked = set()
    for name, address in _named_addresses(settings):
        # Of the same server there is another database left to ask for.
        look = _ask_hello if name in checked else check_server
        look(name, address, timeout, credentials)
        checked.add(name)


def _named_addresses(settings: Settings) -> Iterator[tuple[str, RedisAddress]]:
    """The store's and the broker's, each with the setting that holds it."""
    if settings.store_address is not None:
        yield "STREAM_REDIS_URL", settings.store_address
    if settings.broker_address is not None:
        name = "STREAM_BROKER_URL" if settings.broker_url else "STREAM_REDIS_URL"
        yield name, settings.broker_address


def check_at_start(settings: Settings) -> None:
    """As `check_servers`, for a process that will run: what a server may throw away
    stands in its log."""
    check_servers(settings)
    for line in warn_of_eviction(settings):
        log.warning(line)


def warn_of_eviction(settings: Settings) -> list[str]:
    """What a server of ours may throw away, in lines that name the setting. None where
    a login may not ask: `status` and `doctor` say it under one that may.

    Raises StoreUnavailable where a server is away.
    """
    credentials, timeout = settings.redis_credentials, settings.redis_timeout
    lines: list[str] = []
    # One setting names one server.
    for name, address in dict(_named_addresses(settings)).items():
        # A user of docker/users.acl may not, and the server would note each try.
        if urlsplit(address.url).username not in {None, "", "default"}:
            continue
        with _client(address, timeout, credentials) as client, outages():
            try:
                info: dict[str, Any] = client.info()  # type: ignore[assignment]
            except exceptions.ResponseError:
                # Forbidden, or without INFO.
                continue
        found = (f"{name}: {line}" for line in warnings_of(info))
        lines += found
    return lines


def check_server(
    setting: str, address: RedisAddress, timeout: float, credentials: Credentials
) -> None:
    """Look at one server. `setting` holds the address, and is named in the error."""
    # The Sentinels come first: only they know where the server itself is.
    if address.by_sentinel:
        _check_sentinels(setting, address, timeout, credentials)
    # Database 0 is there on every server, whatever its kind.
    greeting = _ask_hello(setting, replace(address, database=0), timeout, credentials)
    if reason := _MODES.get(str(greeting.get("mode"))):
        raise ConfigurationError(f"{setting}: {reason}")
    if _is_older(str(greeting.get("server")), str(greeting.get("version"))):
        raise ConfigurationError(f"{setting}: {TOO_OLD}")
    # A second look with the real number fails where the server has too few.
    if address.database:
        _ask_hello(setting, address, timeout, credentials)


def _ask_hello(
    setting: str, address: RedisAddress, timeout: float, credentials: Credentials
) -> dict[str, Any]:
    """What the server says of itself."""
    with _client(address, timeout, credentials) as client:
        try:
            with outages():
                return _pair_fields(client.execute_command("HELLO"))  # type: ignore[no-untyped-call]
        except (StoreUnavailable, exceptions.ResponseError) as error:
            fault = _setting_fault(setting, address, error)
            raise fault or _name_setting(setting, error) from None


@contextmanager
def _client(
    address: RedisAddress, timeout: float, credentials: Credentials
) -> Iterator[redis.Redis]:
    pool = connecting.pool(address.url, timeout, credentials)
    try:
        with closing(redis.Redis(connection_pool=pool)) as client:
            yield client
    finally:
        pool.disconnect()


def _name_setting(setting: str, error: Exception) -> Exception:
    """The same error; of two servers that may be away its line says which."""
    if isinstance(error, StoreUnavailable):
        return type(error)(f"{setting}: {error}")
    return error


def _pair_fields(answer: Any) -> dict[str, Any]:
    """HELLO's answer: names and values in turn."""
    # A mapping under RESP3, a flat list under RESP2.
    if isinstance(answer, dict):
        return answer
    return dict(zip(answer[::2], answer[1::2], strict=False))


def _is_older(server: str, version: str) -> bool:
    numbers = [int(part) for part in version.split(".")[:2] if part.isdecimal()]
    # A version without numbers tells nothing, so it refuses nobody.
    return server == "redis" and bool(numbers) and tuple(numbers) < OLDEST


def _setting_fault(
    setting: str, address: RedisAddress, error: Exception
) -> ConfigurationError | None:
    """What the setting has to do with an error; None: nothing, the server is away."""
    cause: BaseException = error
    if isinstance(error, StoreUnavailable):
        cause = error.__cause__ or error.__context__ or error
    text = str(cause)
    if found := _tls_reason(cause):
        reason = found
    elif "DB index is out of range" in text:
        reason = (
            f"the server has no database {address.database}. Celery's broker takes the "
            "one after the store's: raise `databases` there, or set STREAM_BROKER_URL."
        )
    # HELLO came with Redis 6: a server without it is older still.
    elif "unknown command" in text.lower():
        reason = TOO_OLD
    else:
        return None
    return ConfigurationError(f"{setting}: {reason}")


def _tls_reason(error: BaseException) -> str | None:
    """What TLS complains of; None: of nothing."""
    failure = tls_failure(error)
    # A handshake that was cut short tells nothing of certificates.
    if failure is None or isinstance(failure, ssl.SSLEOFError):
        return None
    if isinstance(failure, ssl.SSLCertVerificationError):
        return UNTRUSTED
    # An alert comes from the other side: it speaks TLS, and refuses us.
    alert = str(failure.reason)
    return UNKNOWN if "ALERT" in alert else NO_TLS


def _check_sentinels(
    setting: str, address: RedisAddress, timeout: float, credentials: Credentials
) -> None:
    """One Sentinel that knows the service is enough; the others may be away."""
    watched: set[str] = set()
    answered = False
    for sentinel in connecting.sentinels(address, timeout, credentials).sentinels:
        with closing(sentinel):
            services = _watched_services(setting, sentinel)
        if services is None:
            continue
        if address.service in services:
            return
        answered = True
        watched |= services
    if answered:
        known = ", ".join(sorted(watched)) or "none"
        raise ConfigurationError(
            f"{setting}: the Sentinels know no service {address.service}. "
            f"They watch: {known}."
        )
    raise StoreUnavailable(f"{setting}: no Sentinel can be reached")


def _watched_services(setting: str, sentinel: redis.Redis) -> set[str] | None:
    """What a Sentinel watches; None: it is away."""
    try:
        return set(sentinel.sentinel_masters())  # type: ignore[no-untyped-call]
    # It must come first: to redis-py it is a kind of ConnectionError.
    except exceptions.AuthenticationError:
        raise ConfigurationError(
            "STREAM_REDIS_SENTINEL_PASSWORD: the Sentinels refuse it, or need one."
        ) from None
    except (exceptions.ConnectionError, exceptions.TimeoutError, OSError) as error:
        if reason := _tls_reason(error):
            raise ConfigurationError(f"{setting}: {reason}") from None
        return None
    # Any other server knows no SENTINEL command.
    except exceptions.ResponseError:
        raise ConfigurationError(f"{setting}: {NO_SENTINEL}") from None


def _check_files(credentials: Credentials) -> None:
    """The files of TLS can be read, and are what they should be."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if credentials.ca is not None:
        with _named_setting("STREAM_REDIS_CA"):
            context.load_verify_locations(credentials.ca)
    if credentials.certificate is not None:
        with _named_setting("STREAM_REDIS_CERT"):
            context.load_cert_chain(credentials.certificate, credentials.key)


@contextmanager
def _named_setting(setting: str) -> Iterator[None]:
    try:
        yield
    except (OSError, ssl.SSLError) as error:
        raise ConfigurationError(
            f"{setting}: cannot be used ({type(error).__name__}): a PEM file is needed, "
            "and a certificate's own key."
        ) from None
