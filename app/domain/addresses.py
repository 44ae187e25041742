"""Addresses of Redis, as STREAM_REDIS_URL and STREAM_BROKER_URL hold them.

    redis://user:password@host:6379/0      plain
    rediss://user:password@host:6379/0     TLS
    unix://user:password@/run/redis.sock?db=0
    sentinel://user:password@host:26379,host2:26379/service/0
    sentinel+tls://...                     TLS to the Sentinels and to the server

User and password are the server's. The database is 0 where none is named. The Sentinels'
own password is a setting of its own: it opens another door.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import NamedTuple
from urllib.parse import SplitResult, parse_qs, parse_qsl, unquote, urlencode, urlsplit

LOOPBACK_HOSTS = frozenset({"127.0.0.1", "::1", "localhost"})
SENTINEL, SENTINEL_TLS = "sentinel", "sentinel+tls"
SCHEMES = ("redis", "rediss", "unix", SENTINEL, SENTINEL_TLS)
REDIS_PORT, SENTINEL_PORT = 6379, 26379
SENTINEL_TIMEOUT = 1.0
"""Seconds. A Sentinel that is dead or frozen is passed over after this long."""
SERVICE = re.compile(r"[\w.-]+", re.ASCII)
"""What Sentinel allows in the name of a service."""
MALFORMED = (
    "is malformed; in a password write / as %2F, ? as %3F, # as %23 and @ as %40"
)
"""A password with a bare slash ends an address early, and the next parser says
a piece of the password in its error."""
NO_PORT = (
    "must name a port from 1 to 65535 after its host; "
    "in a password write / as %2F, : as %3A and @ as %40"
)
WORD, FLAG, NUMBER = r".+", r"(?i:true|false|yes|no|1|0)", r"\d{1,6}(\.\d+)?"
OPTIONS = {
    "client_name": WORD,
    "health_check_interval": r"\d{1,6}",
    "protocol": r"[23]",
    "socket_connect_timeout": NUMBER,
    "socket_keepalive": FLAG,
    "socket_timeout": NUMBER,
    "ssl_ca_certs": WORD,
    "ssl_ca_path": WORD,
    "ssl_cert_reqs": r"none|optional|required",
    "ssl_certfile": WORD,
    "ssl_check_hostname": FLAG,
    "ssl_ciphers": WORD,
    "ssl_keyfile": WORD,
}
"""What may stand after an address's `?`, beside `db`, and with which values: options of
redis-py's connections. It would find any other only when it connects, with a traceback.
"""
NO_SOCKET = "must name a socket, as in unix:///run/redis.sock?db=0"


class Host(NamedTuple):
    """Where a server listens."""

    name: str
    port: int


@dataclass(frozen=True, slots=True)
class Credentials:
    """What proves who we are, and the server is, beside the address: the files of TLS
    (PEM) and the login at Sentinels. A missing `ca` means the system's."""

    ca: Path | None = None
    certificate: Path | None = None
    key: Path | None = None
    sentinel_user: str | None = None
    sentinel_password: str | None = field(default=None, repr=False)

    def tls(self) -> dict[str, object]:
        """Redis-py's arguments for a TLS connection."""
        files = {
            "ssl_ca_certs": self.ca,
            "ssl_certfile": self.certificate,
            "ssl_keyfile": self.key,
        }
        given = {name: str(file) for name, file in files.items() if file is not None}
        return {"ssl_cert_reqs": "required", "ssl_check_hostname": True, **given}

    def at_sentinels(self, timeout: float, encrypted: bool) -> dict[str, object]:
        """Redis-py's arguments for a connection to a Sentinel itself."""
        patience = min(timeout, SENTINEL_TIMEOUT)
        tls = {"ssl": True, **self.tls()} if encrypted else {}
        return {
            "username": self.sentinel_user,
            "password": self.sentinel_password,
            "socket_timeout": patience,
            "socket_connect_timeout": patience,
            **tls,
        }


@dataclass(frozen=True, slots=True)
class RedisAddress:
    """An address in its parts. `login` is `user:password` as it stands in the address,
    quoted; `hosts` is empty for a socket, whose `path` is given then."""

    scheme: str
    login: str = field(repr=False)
    hosts: tuple[Host, ...]
    path: str
    service: str
    database: int
    options: Mapping[str, str]

    @property
    def username(self) -> str | None:
        """Unquoted; None: the default user."""
        return unquote(self.login.partition(":")[0]) or None

    @property
    def password(self) -> str | None:
        """Unquoted."""
        return unquote(self.login.partition(":")[2]) or None

    @property
    def by_sentinel(self) -> bool:
        """Whether Sentinels name the server."""
        return self.scheme in {SENTINEL, SENTINEL_TLS}

    @property
    def encrypted(self) -> bool:
        """Whether TLS protects it."""
        return self.scheme in {"rediss", SENTINEL_TLS}

    @property
    def private(self) -> bool:
        """Whether nobody on the way can read along. Of a plain Sentinel nobody knows
        to which machine it will lead."""
        if self.encrypted or self.scheme == "unix":
            return True
        return not self.by_sentinel and self.hosts[0].name in LOOPBACK_HOSTS

    def moved_by(self, databases: int) -> RedisAddress:
        """The same server, so many databases on."""
        return replace(self, database=self.database + databases)

    @property
    def netloc(self) -> str:
        """Login and hosts."""
        login = f"{self.login}@" if self.login else ""
        return login + ",".join(map(host_text, self.hosts))

    @property
    def location(self) -> str:
        """Where it leads, which may be shown: no login, and no option."""
        where = self.path or ",".join(map(host_text, self.hosts))
        service = f"/{self.service}" if self.service else ""
        return f"{self.scheme}://{where}{service}"

    @property
    def url(self) -> str:
        """As it would stand in a setting. A secret."""
        if self.scheme == "unix":
            options = urlencode({"db": self.database, **self.options})
            return f"unix://{self.netloc}{self.path}?{options}"
        service = f"/{self.service}" if self.service else ""
        options = f"?{urlencode(self.options)}" if self.options else ""
        return f"{self.scheme}://{self.netloc}{service}/{self.database}{options}"


def host_text(host: Host) -> str:
    """`name:port`; an IPv6 address in brackets."""
    name = f"[{host.name}]" if ":" in host.name else host.name
    return f"{name}:{host.port}"


def parse_address(url: str) -> RedisAddress:
    """The parts of an address. Raises ValueError, which says how to mend it and nothing
    of what stands in it."""
    try:
        parts = urlsplit(url)
    except ValueError:
        # Its text may hold the address.
        raise ValueError(MALFORMED) from None
    if parts.scheme not in SCHEMES:
        raise ValueError("must begin with redis://, rediss://, unix:// or sentinel://")
    if "password" in parse_qs(parts.query):
        raise ValueError(
            "must hold its password in front of the host: elsewhere it is not masked"
        )
    login, _, hosts = parts.netloc.rpartition("@")
    if parts.scheme == "unix" and not hosts:
        return _socket_address(parts, login)
    if parts.scheme == "unix":
        raise ValueError(NO_SOCKET)
    # A bare slash in the password has ended the host before its @.
    if "@" in parts.path + parts.query + parts.fragment:
        raise ValueError(MALFORMED)
    if parts.scheme in {SENTINEL, SENTINEL_TLS}:
        return _sentinel_address(parts, login, hosts)
    return _server_address(parts, login, hosts)


def _server_address(parts: SplitResult, login: str, hosts: str) -> RedisAddress:
    host = _parse_host(hosts, REDIS_PORT)
    # Without any host it is localhost; a login for no host is a slip.
    if host is None and (hosts or login):
        raise ValueError(MALFORMED)
    options = dict(parse_qsl(parts.query))
    named = options.pop("db", "0")
    database = parts.path.strip("/") or named
    _check_options(options)
    return RedisAddress(
        scheme=parts.scheme,
        login=login,
        hosts=(host or Host("localhost", REDIS_PORT),),
        path="",
        service="",
        database=_parse_number(database),
        options=options,
    )


def _socket_address(parts: SplitResult, login: str) -> RedisAddress:
    options = dict(parse_qsl(parts.query))
    if not parts.path.strip("/"):
        raise ValueError(NO_SOCKET)
    database = options.pop("db", "0")
    _check_options(options)
    return RedisAddress(
        scheme=parts.scheme,
        login=login,
        hosts=(),
        path=parts.path,
        service="",
        database=_parse_number(database),
        options=options,
    )


def _sentinel_address(parts: SplitResult, login: str, hosts: str) -> RedisAddress:
    found = [_parse_host(text, SENTINEL_PORT) for text in hosts.split(",")]
    named = tuple(host for host in found if host is not None)
    service, _, database = parts.path.strip("/").partition("/")
    # No options: nobody would read them where Sentinels name the server.
    if len(named) < len(found) or parts.query or not SERVICE.fullmatch(service):
        raise ValueError(
            "must name Sentinels and their service, as in "
            "sentinel://host:26379,host2:26379/service or .../service/0"
        )
    return RedisAddress(
        scheme=parts.scheme,
        login=login,
        hosts=named,
        path="",
        service=service,
        database=_parse_number(database or "0"),
        options={},
    )


def _check_options(options: Mapping[str, str]) -> None:
    for name, value in options.items():
        allowed = OPTIONS.get(name)
        # The name is not told: who forgot to write ? as %3F has a password there.
        if allowed is None or not re.fullmatch(allowed, value):
            raise ValueError(
                "has an option after its ? that is none, or not such a value; there are: "
                + ", ".join(OPTIONS)
            )


def _parse_host(text: str, port: int) -> Host | None:
    """`name`, `name:port` or `[address]:port`."""
    parts = urlsplit(f"//{text}")
    if not parts.hostname:
        return None
    named = named_port(parts)
    return Host(parts.hostname, port if named is None else named)


def named_port(parts: SplitResult) -> int | None:
    """The port that an address names, if any. Raises ValueError for what is none."""
    try:
        port = parts.port
    except ValueError:
        # Its text holds what stands there, and that may be a piece of a password.
        raise ValueError(NO_PORT) from None
    if port == 0:
        raise ValueError(NO_PORT)
    return port


def _parse_number(text: str) -> int:
    # int() would also take signs, blanks and underscores.
    if not text.isdecimal():
        raise ValueError(
            "must end in a database number, as in redis://host:6379/0 "
            "or sentinel://host:26379/service/0"
        )
    return int(text)
