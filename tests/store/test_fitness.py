"""A server that no waiting will make fit is refused at the start with one line: TLS,
Sentinels, Cluster, an old version, a database too few."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from app.broker.hints import PUMP, HintSender
from app.domain.addresses import parse_address
from app.domain.errors import ConfigurationError, StoreUnavailable
from app.domain.settings import Settings
from app.host.valkey import free_port
from app.store import stats
from app.store.door import AsyncStore, Store
from app.store.fitness import check_at_start, check_servers
from tests.store import sentinels, servers
from tests.store.certificates import Authority, Pair, relay
from tests.store.servers import PASSWORD, TEST_USER, Server
from tests.store.test_outages import program


@pytest.fixture(scope="module", params=servers.PROGRAMS)
def server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Server]:
    """A server of each kind, with a socket."""
    folder = tmp_path_factory.mktemp("server")
    running = Server(
        program(request.param), folder / "data", "--unixsocket", str(folder / "socket")
    )
    yield running
    running.stop()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    """Whom the operator trusts."""
    return Authority(tmp_path_factory.mktemp("tls") / "ours")


@pytest.fixture(scope="module")
def ours(authority: Authority) -> Pair:
    """The server's certificate, as it should be."""
    return authority.sign("127.0.0.1")


def settings_for(port: int, scheme: str = "rediss", **more: Any) -> Settings:
    """Settings for a server on this machine."""
    url = f"{scheme}://{TEST_USER}:{PASSWORD}@127.0.0.1:{port}/0"
    given: dict[str, Any] = {"redis_url": url, "redis_timeout": 2.0} | more
    return Settings(**given)


def works(settings: Settings) -> None:
    """Both doors open, and a hint is taken."""
    check_servers(settings)
    url, credentials = str(settings.redis_url), settings.redis_credentials

    async def by_asyncio() -> dict[str, int]:
        store = AsyncStore(url, 2.0, credentials)
        try:
            return await store.run(stats.counts())
        finally:
            await store.close()

    with contextlib.closing(Store(url, 2.0, credentials)) as store:
        assert store.run(stats.counts()) == asyncio.run(by_asyncio())
    sender = HintSender(settings)
    assert sender.send(PUMP)
    sender.close()


def refusal(settings: Settings) -> str:
    """The one line of a refused start."""
    with pytest.raises(ConfigurationError) as told:
        check_servers(settings)
    assert "\n" not in str(told.value)
    assert PASSWORD not in str(told.value)
    return str(told.value)


def test_tls_with_the_right_authority_works(
    server: Server, authority: Authority, ours: Pair
) -> None:
    """Store, asyncio's store and broker: over TLS, checked by STREAM_REDIS_CA."""
    with relay(server.port, ours) as port:
        works(settings_for(port, redis_ca=authority.file))


def test_tls_shows_our_certificate(
    server: Server, authority: Authority, ours: Pair, tmp_path: Path
) -> None:
    """A server that asks for a certificate gets STREAM_REDIS_CERT; without it, or with
    one that it does not know, the start is refused."""
    mine = authority.sign("stream")
    foreign = Authority(tmp_path / "foreign").sign("stream")
    with relay(server.port, ours, clients=authority) as port:
        works(
            settings_for(
                port,
                redis_ca=authority.file,
                redis_cert=mine.certificate,
                redis_key=mine.key,
            )
        )
        unknown: dict[str, Any] = {
            "redis_cert": foreign.certificate,
            "redis_key": foreign.key,
        }
        for shown in ({}, unknown):
            line = refusal(settings_for(port, redis_ca=authority.file, **shown))
            assert "STREAM_REDIS_CERT" in line


def test_tls_that_does_not_fit_is_refused(
    server: Server, authority: Authority, tmp_path: Path, ours: Pair
) -> None:
    """Signed by another, for another host, out of date, and by nobody that the system
    knows: `STREAM_REDIS_URL` cannot be trusted. While the stream runs it is an
    outage."""
    other = Authority(tmp_path / "other")
    pairs = {
        "another authority": other.sign("127.0.0.1"),
        "another host": authority.sign("redis.example"),
        "out of date": authority.sign("127.0.0.1", days=-1),
    }
    for pair in pairs.values():
        with relay(server.port, pair) as port:
            settings = settings_for(port, redis_ca=authority.file)
            assert "STREAM_REDIS_URL: cannot be trusted" in refusal(settings)
            store = Store(str(settings.redis_url), 2.0, settings.redis_credentials)
            with pytest.raises(StoreUnavailable, match="STREAM_REDIS_CA"):
                store.run(stats.counts())
            store.close()
    with relay(server.port, authority.sign("127.0.0.1")) as port:
        assert "cannot be trusted" in refusal(settings_for(port))


def test_a_port_that_speaks_otherwise(server: Server, authority: Authority) -> None:
    """TLS to what answers something else is refused. A plain Redis answers nothing to
    TLS, nor a TLS port to a plain word: outages, which look like a frozen server."""
    with pretending(b"220 ready\r\n") as port:
        line = refusal(settings_for(port, redis_ca=authority.file))
    assert "STREAM_REDIS_URL: is no TLS server" in line
    with pytest.raises(StoreUnavailable):
        check_servers(settings_for(server.port, redis_timeout=0.2))
    with (
        relay(server.port, authority.sign("127.0.0.1")) as port,
        pytest.raises(StoreUnavailable),
    ):
        check_servers(settings_for(port, "redis", redis_timeout=0.2))


def test_files_that_are_none_are_named(server: Server, tmp_path: Path) -> None:
    """A missing CA, one that is no certificate, and a key that is another's."""
    (tmp_path / "text").write_text("no certificate")
    for file in (tmp_path / "missing", tmp_path / "text"):
        line = refusal(settings_for(server.port, redis_ca=file))
        assert line.startswith("STREAM_REDIS_CA: ")
    one, two = (Authority(tmp_path / name).sign("stream") for name in ("one", "two"))
    line = refusal(
        settings_for(server.port, redis_cert=one.certificate, redis_key=two.key)
    )
    assert line.startswith("STREAM_REDIS_CERT: ")


def test_a_socket_works(server: Server) -> None:
    """`unix://`, with user and password."""
    path = server.admin.config_get("unixsocket")["unixsocket"]
    works(Settings(redis_url=f"unix://{TEST_USER}:{PASSWORD}@{path}?db=3"))


def test_a_server_that_is_away_is_an_outage(tmp_path: Path) -> None:
    """Nobody listens: no setting is wrong, and the line says whose server it is."""
    for url in (
        f"redis://127.0.0.1:{free_port()}/0",
        f"sentinel://127.0.0.1:{free_port()}/stream",
        f"unix://{tmp_path}/missing",
    ):
        with pytest.raises(StoreUnavailable, match=r"^STREAM_REDIS_URL: "):
            check_servers(Settings(redis_url=url, redis_plain=True, redis_timeout=0.5))


@pytest.mark.parametrize("database", [0, 1])
@pytest.mark.parametrize("name", servers.PROGRAMS)
def test_cluster_mode_is_refused(tmp_path: Path, name: str, database: int) -> None:
    """A server in cluster mode, whatever database is asked for."""
    options = ("--cluster-enabled", "yes", "--cluster-port", str(free_port()))
    with running(Server(program(name), tmp_path / "cluster", *options)) as server:
        url = f"redis://127.0.0.1:{server.port}/{database}"
        assert "cluster mode" in refusal(Settings(redis_url=url))


def test_a_database_too_few_is_named(tmp_path: Path) -> None:
    """Celery's broker needs the database after the store's."""
    one = Server(program("valkey"), tmp_path / "one", "--databases", "1")
    with running(one) as server:
        line = refusal(settings_for(server.port, "redis"))
    assert "no database 1" in line
    assert "STREAM_BROKER_URL" in line


@contextlib.contextmanager
def running(server: Server) -> Iterator[Server]:
    """A server that ends with the block."""
    try:
        yield server
    finally:
        server.stop()


@pytest.mark.parametrize("name", servers.PROGRAMS)
def test_sentinels_are_checked(tmp_path: Path, name: str) -> None:
    """The right service works. One that they do not know, a password that is wrong or
    missing, a Sentinel that is taken for a server and a server for a Sentinel are each
    told in a line; one Sentinel of three may be away."""
    with sentinels.group(program(name), tmp_path) as group:

        def settings(url: str, password: str | None) -> Settings:
            return Settings(
                redis_url=url,
                redis_plain=True,
                redis_timeout=2.0,
                redis_sentinel_password=SecretStr(password) if password else None,
            )

        right = sentinels.SENTINEL_PASSWORD
        works(settings(group.url, right))
        line = refusal(settings(group.url_of("another"), right))
        assert "know no service another. They watch: stream." in line
        for wrong in (None, "wrong-password"):
            line = refusal(settings(group.url, wrong))
            assert line.startswith("STREAM_REDIS_SENTINEL_PASSWORD: ")
        first = group.sentinels[0]
        plain = f"redis://:{right}@127.0.0.1:{first.port}"
        for database in (0, 1):
            assert "is a Sentinel" in refusal(settings(f"{plain}/{database}", None))
        server = group.servers[0]
        url = f"sentinel://127.0.0.1:{server.port}/stream"
        assert "names no Sentinel" in refusal(settings(url, None))
        first.process.kill()
        first.process.wait()
        works(settings(group.url, right))


def test_sentinels_over_tls(tmp_path: Path, authority: Authority, ours: Pair) -> None:
    """`sentinel+tls://`: the Sentinels and the server that they name speak TLS; another
    authority is refused."""
    redis_server = program("redis")
    options = ("--tls-port", "0", *tls_options(authority, ours))
    server = Server(redis_server, tmp_path / "server", *options)
    port = free_port()
    server.admin.config_set("tls-port", port)
    file = tmp_path / "sentinel.conf"
    listening = free_port()
    file.write_text(
        f"port 0\ntls-port {listening}\ntls-replication yes\n"
        + "".join(
            f"{name.removeprefix('--')} {value}\n"
            for name, value in pairs(tls_options(authority, ours))
        )
        + f"sentinel monitor stream 127.0.0.1 {port} 1\n"
    )
    process = sentinels.start(redis_server, file)
    with running(server):
        login = f"{TEST_USER}:{PASSWORD}"
        url = f"sentinel+tls://{login}@127.0.0.1:{listening}/stream/0"
        settings = Settings(redis_url=url, redis_ca=authority.file, redis_timeout=2.0)
        server.wait(lambda: answers(settings))
        works(settings)
        other = Authority(tmp_path / "other")
        wrong = Settings(redis_url=url, redis_ca=other.file, redis_timeout=2.0)
        assert "cannot be trusted" in refusal(wrong)
        process.kill()
        process.wait()


def tls_options(authority: Authority, pair: Pair) -> tuple[str, ...]:
    """A server's options."""
    return (
        "--tls-cert-file",
        str(pair.certificate),
        "--tls-key-file",
        str(pair.key),
        "--tls-ca-cert-file",
        str(authority.file),
        "--tls-auth-clients",
        "no",
    )


def pairs(options: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Names and values in turn."""
    return zip(options[::2], options[1::2], strict=True)


def answers(settings: Settings) -> bool:
    """Whether the Sentinel serves."""
    try:
        check_servers(settings)
    except StoreUnavailable:
        return False
    return True


OLD = {
    "Redis 5": b"-ERR unknown command `HELLO`, with args beginning with: \r\n",
    "Redis 6.0": b"*4\r\n$6\r\nserver\r\n$5\r\nredis\r\n$7\r\nversion\r\n$6\r\n6.0.16\r\n",
}


@pytest.mark.parametrize("version", OLD)
def test_an_old_server_is_refused(version: str) -> None:
    """What has no HELLO, and what is older than 6.2."""
    with pretending(OLD[version]) as port:
        line = refusal(Settings(redis_url=f"redis://127.0.0.1:{port}/0"))
    assert "lacks commands: Redis 6.2" in line


@contextlib.contextmanager
def pretending(hello: bytes) -> Iterator[int]:
    """The port of a server that answers HELLO, and what is no Redis command, as
    given."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        serving = threading.Thread(target=pretend, args=(listening, hello), daemon=True)
        serving.start()
        yield listening.getsockname()[1]
        listening.shutdown(socket.SHUT_RDWR)


def pretend(listening: socket.socket, hello: bytes) -> None:
    """Answer each command of one connection after the other."""
    with contextlib.suppress(OSError):
        while True:
            connection, _ = listening.accept()
            with connection:
                while asked := connection.recv(4_096):
                    known = b"*" in asked and b"HELLO" not in asked
                    answer = b"-ERR unknown command\r\n" if known else hello
                    connection.sendall(answer * max(1, asked.count(b"*")))


def test_an_address_is_parsed_once() -> None:
    """The broker's address is the store's, one database on."""
    settings = Settings(redis_url="sentinel://h/s/4", redis_plain=True)
    assert settings.broker_address == parse_address("sentinel://h/s/5")


def test_a_server_that_two_databases_name_is_asked_once(
    redis_url: str, store: Store
) -> None:
    """Each process asks at its start: what the server is once, for both of its
    databases, and once what it throws away."""
    store.client.config_resetstat()
    check_at_start(Settings(redis_url=redis_url))
    asked = store.client.info("commandstats")
    assert isinstance(asked, dict)
    assert asked["cmdstat_hello"]["calls"] == 2
    # Redis counts one that runs once it is done: this one is not among them.
    assert asked["cmdstat_info"]["calls"] == 1
