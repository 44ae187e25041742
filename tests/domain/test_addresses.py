"""Addresses of Redis."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import ValidationError

from app.domain.addresses import Host, parse_address
from app.domain.settings import Settings, explain_first

SECRET = "hunter2-and-more"
WRONG = {
    "http://host/0": "must begin with redis://",
    "host:6379": "must begin with redis://",
    f"redis://:{SECRET}/more@host/0": "is malformed",
    f"redis://:{SECRET}@host:port/0": "a port from 1 to 65535",
    f"redis://:{SECRET}@host:65536/0": "a port from 1 to 65535",
    f"redis://:{SECRET}@host:0/0": "a port from 1 to 65535",
    f"redis://user:{SECRET}": "a port from 1 to 65535",
    f"sentinel://:{SECRET}@one:26379,two:99999/service": "a port from 1 to 65535",
    f"sentinel://:{SECRET}@one:0/service": "a port from 1 to 65535",
    f"redis://:{SECRET}@[::1/0": "is malformed",
    f"redis://:{SECRET}\u2100@host/0": "is malformed",
    f"redis://host/0?password={SECRET}": "in front of the host",
    "redis://host/first": "database number",
    "unix://run/valkey.sock": "must name a socket",
    "unix://": "must name a socket",
    "unix:///run/valkey.sock?db=x": "database number",
    "redis://host/0?pool=5": "has an option after its ? that is none",
    f"redis://host/0?{SECRET}=1": "has an option after its ? that is none",
    "rediss://host/0?ssl_cert_reqs=never": "not such a value",
    "unix:///run/valkey.sock?socket_timeout=soon": "not such a value",
    "redis://host/0?protocol=9": "not such a value",
    "sentinel://host:26379": "service",
    "sentinel://host:26379/": "service",
    "sentinel://host:26379/a service": "service",
    "sentinel:///service": "service",
    "sentinel://host,,host2/service": "service",
    "sentinel://host:99999/service": "a port from 1 to 65535",
    "sentinel://host/service?db=1": "service",
    "sentinel://host/service/two": "database number",
    f"sentinel://:{SECRET}/x@host/service": "is malformed",
}


@pytest.mark.parametrize("url", WRONG)
def test_a_wrong_address_is_one_line_without_a_word_of_it(url: str) -> None:
    """The line names the setting and says how to mend it, never what stands in it."""
    with pytest.raises(ValidationError) as told:
        Settings(redis_url=url, redis_plain=True)
    line = explain_first(told.value)
    assert line.startswith("STREAM_REDIS_URL: ")
    assert WRONG[url] in line
    assert SECRET not in line
    assert "\n" not in line


PORTS = {
    "discord_api_url": "http://127.0.0.1:{}/api",
    "discord_gateway_url": "wss://gateway:{}/",
    "discord_cdn_url": "https://cdn:{}",
    "discord_media_url": "https://media:{}",
    "traces_url": "https://collector:{}/v1/traces",
    "flower_port": "{}",
    "page_port": "{}",
    "metrics_port": "{}",
}


@pytest.mark.parametrize("port", ["65536", "-1", "port"])
@pytest.mark.parametrize("name", PORTS)
def test_what_is_no_port_is_one_line_that_names_its_setting(
    name: str, port: str
) -> None:
    """In an address or on its own: told before anything connects or listens there."""
    with pytest.raises(ValidationError) as told:
        Settings(**{name: PORTS[name].format(port)})  # type: ignore[arg-type]
    line = explain_first(told.value)
    assert line.startswith(f"STREAM_{name.upper()}: ")
    assert "\n" not in line


def test_sentinels_are_read() -> None:
    """Several hosts, ports that may be missing, an IPv6 address, the service and its
    database; the password unquoted."""
    address = parse_address("sentinel://me:a%2Fb@one,two:5,[::1]:6/my.service/3")
    assert address.hosts == (Host("one", 26379), Host("two", 5), Host("::1", 6))
    assert (address.service, address.database) == ("my.service", 3)
    assert (address.username, address.password) == ("me", "a/b")
    assert "a%2Fb" not in repr(address)


@pytest.mark.parametrize(
    "url",
    [
        "redis://host:6379/0",
        "rediss://me:a%2Fb@host:7/2?ssl_cert_reqs=none",
        "unix://:pw@/run/valkey.sock?db=4",
        "sentinel://:pw@one:26379,[::1]:6/service/3",
        "sentinel+tls://one:26379/service/0",
    ],
)
def test_an_address_is_written_as_it_was_read(url: str) -> None:
    """What was taken apart and put together is the same address."""
    assert parse_address(url).url == url


PRIVATE = {
    "redis://127.0.0.1/0": True,
    "redis://[::1]:5/0": True,
    "redis:///0": True,
    "unix:///run/valkey.sock": True,
    "rediss://host/0": True,
    "sentinel+tls://host/service": True,
    "redis://host/0": False,
    # They may name a server anywhere.
    "sentinel://127.0.0.1/service": False,
}


@pytest.mark.parametrize("url", PRIVATE)
def test_what_others_could_read_must_be_allowed(url: str) -> None:
    """A plain connection that may leave this machine is refused, unless
    STREAM_REDIS_PLAIN says that its network is private."""
    Settings(redis_url=url, redis_plain=True)
    if PRIVATE[url]:
        Settings(redis_url=url, broker_url=url)
        return
    with pytest.raises(ValidationError, match="STREAM_REDIS_PLAIN"):
        Settings(redis_url=url)
    with pytest.raises(ValidationError, match="STREAM_REDIS_PLAIN"):
        Settings(broker_url=url)


def test_a_certificate_needs_its_key() -> None:
    """One without the other is refused."""
    with pytest.raises(ValidationError, match="set together"):
        Settings(redis_cert=Path("cert.pem"))
    with pytest.raises(ValidationError, match="set together"):
        Settings(redis_key=Path("key.pem"))
