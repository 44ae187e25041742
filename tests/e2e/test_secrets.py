"""No secret leaves the environment and the sealed vault, whatever goes wrong meanwhile;
and the search for one works."""

from __future__ import annotations

import itertools
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

import celery
import pytest
import redis
from aiohttp import web

from app.broker.hints import CYCLE, conf
from app.domain.settings import Settings
from app.host.valkey import free_port
from app.loopback import Post
from app.store import keys
from tests.e2e.leaks import argument_texts, flower_texts, leaks, log_texts, redis_texts
from tests.e2e.model_server import ModelServer
from tests.e2e.system import System, add_bots, eager_character, system, write_characters

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")

BOTS = ("ada", "bob")
MODEL_KEY = "model-key/that+must=stay0123456789"
FLOWER_PASSWORD = "flower-password-0123456789"


class Tattler(ModelServer):
    """A model server whose every second answer is an error that repeats the key it was
    given."""

    async def _answer(self, request: web.Request) -> web.Response:
        if self.calls % 2:
            self.calls += 1
            key = request.headers.get("Authorization", "")
            return web.json_response(
                {"error": {"message": f"Incorrect API key provided: {key}"}}, status=401
            )
        return await super()._answer(request)


@dataclass
class Searched:
    """A stream that has been busy, and what must not be found."""

    running: System
    secrets: dict[str, str]
    flower: str

    def search(self) -> list[str]:
        """Every leak, as `secret in place`."""
        broker = self.running.valkey.url.removesuffix("/0") + "/1"
        return leaks(
            self.secrets,
            itertools.chain(
                redis_texts(self.running.valkey.url),
                redis_texts(broker),
                log_texts(self.running.folder),
                argument_texts(),
                flower_texts(
                    self.flower,
                    "stream",
                    FLOWER_PASSWORD,
                    (f"direct@{socket.gethostname()}",),
                ),
            ),
        )


@pytest.fixture(scope="module")
def searched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Searched]:
    """Two bots, two workers, beat and Flower after a busy time with every kind of
    trouble."""
    folder = tmp_path_factory.mktemp("secrets")
    with Tattler() as model:
        llm = {"model": "openai:made-up", "base_url": model.url}
        characters = write_characters(
            folder / "characters",
            [eager_character(name) | {"model": llm} for name in BOTS],
        )
        with system(
            folder,
            characters_dir=characters,
            cooldown=0,
            quiet_time=0,
            log_level="DEBUG",
        ) as running:
            accounts = add_bots(running, *BOTS)
            port = free_port()
            running.env["STREAM_KEY_OPENAI"] = MODEL_KEY
            running.workers()
            running.beat()
            running.start(
                "flower",
                "celery",
                "-A",
                "tasks",
                "flower",
                "--address=127.0.0.1",
                f"--port={port}",
                env={"FLOWER_BASIC_AUTH": f"stream:{FLOWER_PASSWORD}"},
            )
            running.discord.add_channel("general")
            running.gateway(*BOTS)
            running.wait_ready(*BOTS)
            secrets = {
                f"token of {name}": str(account.token)
                for name, account in accounts.items()
            } | {
                "model key": MODEL_KEY,
                "vault key": running.env["STREAM_VAULT_KEYS"],
                "Redis password": running.valkey.password,
                "Flower password": FLOWER_PASSWORD,
            }
            trouble(running, secrets)
            running.wait(
                lambda: "Visit me" in running.log("flower", 10**6), 30.0, "Flower"
            )
            yield Searched(running, secrets, f"http://127.0.0.1:{port}")


def trouble(running: System, secrets: dict[str, str]) -> None:
    """Talk while Discord's errors repeat the token, answers get lost, a worker is
    killed and Redis restarts."""
    faults, person = running.discord.faults, running.discord.add_user("Kim")
    channel = running.discord.add_channel("trouble")
    faults.lost_answer_rate = 0.1
    told = {"message": f"bad token {secrets['token of ada']}", "code": 0}
    faults.fail_next("POST", "/messages$", 400, told | {"code": 50035})
    faults.fail_next("POST", "/messages$", 503, told)
    faults.fail_next("GET", "/messages", 500, told)
    faults.fail_next("GET", "/messages", 403, told)
    posts: list[Post] = []

    def settled() -> bool:
        return all(
            running.discord.replies_to(post) or dead(running, post.message_id)
            for post in posts
        )

    for number in range(12):
        posts.append(
            running.discord.post(
                person, channel, f"{BOTS[number % 2]}, what about {number}?"
            )
        )
        if number == 4:
            running.kill("direct")
            running.worker("direct,delivery", "direct")
        if number == 8:
            running.wait(
                settled,
                60.0,
                "every answer so far: the new worker runs, since one that starts without Redis ends",
            )
            running.valkey.kill()
            running.valkey.start()

    running.wait(settled, 60.0, "every answer or dead letter")
    assert any(dead(running, post.message_id) for post in posts)


def dead(running: System, message: int) -> bool:
    """Whether the answer to a message is a dead letter."""
    return any(line.verdict == "dead" for line in running.journal(message))


def test_no_secret_is_found_anywhere(searched: Searched) -> None:
    """Tokens, model keys, vault keys and passwords are in no Redis value of either
    database, no log (at DEBUG), none of Flower's pages and answers, and no process's
    arguments; not encoded either."""
    assert searched.search() == []


def test_the_search_sees_a_leak_in_each_place(searched: Searched) -> None:
    """A secret planted in a value of each Redis type, a key's name, a task, a log, a
    command line and Flower is found."""
    running, token = searched.running, searched.secrets["token of ada"]
    broker_url = running.valkey.url.removesuffix("/0") + "/1"
    client = running.store.client
    client.set("leak:string", f"x{token}")
    client.rpush("leak:list", "a", MODEL_KEY)
    client.hset(
        "leak:hash",
        mapping={
            "field": f"https://x/?q={searched.secrets['vault key'].replace('=', '%3D')}"
        },
    )
    client.hset("leak:field", mapping={searched.secrets["Redis password"]: "1"})
    client.sadd("leak:set", token.encode().hex())
    client.zadd("leak:zset", {MODEL_KEY: 1.0})
    client.xadd("leak:stream", {"event": FLOWER_PASSWORD})
    client.set(f"leak:{token}", "1")
    celery_app = celery.Celery("leak", set_as_current=False)
    celery_app.conf.update(conf(Settings(redis_url=running.valkey.url)))
    celery_app.send_task(CYCLE, args=[token, "poll"], queue="nobody-listens")
    celery_app.send_task(CYCLE, args=["ada", token, "1"], queue="direct")
    with (running.folder / "planted.log").open("w") as log:
        log.write(f"Authorization: Bot {token}")
    process = subprocess.Popen(
        [sys.executable, "-c", "input()", token], stdin=subprocess.PIPE
    )
    try:
        running.wait(
            lambda: any("flower /task/" in one for one in searched.search()),
            20.0,
            "the leak in Flower",
        )
        found = set(searched.search())
    finally:
        process.communicate()
        celery_app.close()
        with suppress(redis.RedisError), redis.Redis.from_url(broker_url) as broker:
            broker.delete("nobody-listens")
        client.delete(*client.keys("leak:*"))
    assert {
        "token of ada in redis 0 string leak:string", "model key in redis 0 list leak:list", "vault key in redis 0 hash leak:hash",
        "Redis password in redis 0 hash leak:field", "token of ada in redis 0 set leak:set", "model key in redis 0 zset leak:zset",
        "Flower password in redis 0 stream leak:stream", f"token of ada in redis 0 string leak:{token}",
        "token of ada in redis 1 list nobody-listens", "token of ada in log planted.log", f"token of ada in arguments of {process.pid}",
        "token of ada in flower /api/tasks",
    } <= found  # fmt: skip


def test_a_message_can_be_followed_through_all_logs(searched: Searched) -> None:
    """Each answered message's id is the `trace` of its admission, its decision and its
    delivery, in all processes' logs. (An answer whose POST was not answered is known by
    the gateway's receipt; its deliverer has nothing to say.)"""
    running = searched.running
    lines = [
        line
        for name in ("gateway", "direct", "cycles")
        for line in running.log(name, 10**7).splitlines()
    ]
    asked = [post.reply_to for post in running.discord.posts_by_bots() if post.reply_to]
    assert asked
    for message in asked:
        about = [line for line in lines if f"trace={message}" in line]
        received = any(line.reason == "receipt" for line in running.journal(message))
        for step in ("admitted", "decided", *(() if received else ("delivered",))):
            assert any(f"] {step} " in line for line in about), (step, about)


def test_what_the_vault_holds_is_sealed(searched: Searched) -> None:
    """The sealed secrets are there, and open with the vault key alone."""
    assert searched.running.store.client.get(keys.vault("ada", "secrets")).startswith(
        "gAAAA"
    )
