"""Any worker serves any bot with what the vault holds; keys and tokens change while
messages flow; one gateway per bot."""

from __future__ import annotations

import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet

from app.domain.settings import Settings
from app.loopback import Account, Post
from app.store import keys, vault
from tests.e2e import warm
from tests.e2e.system import (
    System,
    add_bots,
    cold,
    eager_character,
    system,
    write_characters,
)

BOTS = ("ada", "bob", "cyd")
QUEUES = "direct,delivery,cycles,chores"


@contextmanager
def stream(folder: Path, *bots: str, **settings: Any) -> Iterator[System]:
    """A gateway for these bots; workers are the test's."""
    characters = write_characters(
        folder / "characters", [eager_character(name) for name in bots]
    )
    with system(
        folder,
        characters_dir=characters,
        cooldown=0,
        quiet_time=0,
        person_hourly=10_000,
        **settings,
    ) as running:
        add_bots(running, *bots)
        running.discord.add_channel("general")
        running.gateway(*bots)
        running.wait_ready(*bots)
        yield running


def ask(running: System, bot: str, number: int = 0) -> Post:
    """Somebody asks a bot something in the first channel."""
    person = running.discord.add_user(f"person-{bot}-{number}")
    channel = next(iter(running.discord.server._core.world.channels.values()))
    return running.discord.post(person, channel, f"{bot}, what about {number}?")


MANY = 5
"""Questions that go on through all restarts."""


class Talk(threading.Thread):
    """Asks a bot something five times a second until it is stopped."""

    def __init__(self, running: System, bot: str) -> None:
        super().__init__(daemon=True)
        self.running, self.bot = running, bot
        self.posts: list[Post] = []
        self.ended = threading.Event()

    def run(self) -> None:
        while not self.ended.wait(0.2):
            self.posts.append(ask(self.running, self.bot, len(self.posts)))

    def answered_once(self, seconds: float = 30.0) -> None:
        """Stop asking; each of some questions is answered once."""
        self.running.wait(lambda: len(self.posts) > MANY, seconds, "questions")
        self.ended.set()
        self.join()
        self.running.wait(
            lambda: all(map(self.running.discord.replies_to, self.posts)),
            seconds,
            "every answer",
        )
        assert [len(self.running.discord.replies_to(post)) for post in self.posts] == [
            1
        ] * len(self.posts)


@pytest.mark.parametrize(
    "launch",
    [pytest.param(cold, marks=pytest.mark.slow), warm.launch],
    ids=["cold", "warm"],
)
def test_a_worker_needs_the_redis_url_and_the_vault_keys_alone(
    tmp_path: Path, launch: Callable[..., Any]
) -> None:
    """A worker with an empty home, which is its working directory, and no variable but
    the Redis URL, the vault keys and where Discord is, serves three bots it never heard
    of."""
    home = tmp_path / "home"
    home.mkdir()
    with stream(tmp_path / "stream", *BOTS) as running:
        names = ("REDIS_URL", "VAULT_KEYS", "DISCORD_API_URL", "DISCORD_GATEWAY_URL")
        env = {f"STREAM_{name}": running.env[f"STREAM_{name}"] for name in names} | {
            "HOME": str(home)
        }
        command = ("celery", "-A", "tasks", "worker", "-Q", QUEUES, "-c", "4")
        running.processes["worker"] = launch(
            command, env, tmp_path / "worker.log", home
        )
        posts = [ask(running, bot) for bot in BOTS]
        running.wait(
            lambda: all(map(running.discord.replies_to, posts)), 60.0, "three answers"
        )
        assert [
            running.discord.replies_to(post)[0].author_name for post in posts
        ] == list(BOTS)
        assert list(home.iterdir()) == []


def test_a_wrong_vault_key_is_one_clear_line_and_loses_nothing(tmp_path: Path) -> None:
    """A worker that cannot open a vault says for which bot and what to do; another one
    that can answers the message."""
    with stream(tmp_path, "ada") as running:
        running.worker(
            QUEUES, "wrong", env={"STREAM_VAULT_KEYS": Fernet.generate_key().decode()}
        )
        post = ask(running, "ada")
        running.wait(lambda: "bot dropped" in running.log("wrong"), 20.0, "the line")
        (line,) = (
            line for line in running.log("wrong").splitlines() if "bot dropped" in line
        )
        assert "ada: no key in STREAM_VAULT_KEYS opens its vault" in line
        assert "Traceback" not in running.log("wrong")
        running.wait(
            lambda: any(
                one.step == "vault" for one in running.journal(post.message_id)
            ),
            what="a journal line",
        )
        running.worker(
            QUEUES, "right"
        )  # beside the wrong one, which goes on taking its share of the hints
        posts = [post, *(ask(running, "ada", number) for number in range(1, 4))]
        running.wait(
            lambda: all(map(running.discord.replies_to, posts)),
            120.0,
            "answers by the right worker",
        )
        assert [len(running.discord.replies_to(one)) for one in posts] == [1] * len(
            posts
        )


def test_a_token_is_rotated_while_messages_flow(tmp_path: Path) -> None:
    """Discord gets a new token for a bot, its gateway is restarted with it, the workers
    are not: no answer fails."""
    with stream(tmp_path, "ada") as running:
        running.worker(QUEUES, "worker")
        talk = Talk(running, "ada")
        talk.start()
        running.wait(
            lambda: len(running.discord.posts_by_bots()) > 3, 30.0, "some answers"
        )
        old = running.env["STREAM_TOKEN_ADA"]
        running.env["STREAM_TOKEN_ADA"] = new_token(running, old)
        restart(running, "gateway", signal.SIGTERM)
        before = len(running.discord.posts_by_bots())
        running.wait(
            lambda: len(running.discord.posts_by_bots()) > before + 5,
            30.0,
            "answers under the new token",
        )
        talk.answered_once()
        assert not running.store.client.exists(keys.dead("ada"))


def new_token(running: System, old: str) -> str:
    """Reset a bot's token, as in Discord's developer portal: the old one is refused
    from now on."""
    world = running.discord.server._core.world

    def reset() -> str:
        account: Account = world.bots_by_token.pop(old)
        token = world._new_token(account.id)
        object.__setattr__(account, "token", token)
        world.bots_by_token[token] = account
        return token

    return running.discord._call_loop(reset)


def test_the_vault_key_is_rotated_while_messages_flow(tmp_path: Path) -> None:
    """A new key is put first, processes are restarted one after another, `vault rotate`
    seals anew, the old key goes: no answer fails, and in the end the old key opens
    nothing."""
    with stream(tmp_path, "ada") as running:
        old, new = running.env["STREAM_VAULT_KEYS"], Fernet.generate_key().decode()
        running.worker(QUEUES, "worker")
        talk = Talk(running, "ada")
        talk.start()
        running.wait(running.discord.posts_by_bots, 30.0, "an answer")
        running.env["STREAM_VAULT_KEYS"] = f"{new},{old}"
        restart(running, "worker")
        # A gateway that starts seals its bots' secrets itself.
        end(running, "gateway", signal.SIGTERM)
        assert command(running, "vault", "rotate") == "Sealed again: ada\n"
        running.gateway("ada")
        running.env["STREAM_VAULT_KEYS"] = new
        restart(running, "worker")
        before = len(running.discord.posts_by_bots())
        running.wait(
            lambda: len(running.discord.posts_by_bots()) > before + 3,
            30.0,
            "answers under the new key alone",
        )
        talk.answered_once()
        running.env["STREAM_VAULT_KEYS"] = old
        assert "no key in STREAM_VAULT_KEYS opens" in command(running, "vault", "show")


def restart(running: System, name: str, how: int = signal.SIGKILL) -> None:
    """End and start again with the environment as it is now."""
    end(running, name, how)
    running.worker(QUEUES, name) if name == "worker" else running.gateway("ada")


def end(running: System, name: str, how: int) -> None:
    """Until the process is gone."""
    running.kill(name, how)
    running.processes[name].wait(20)


def command(running: System, *arguments: str) -> str:
    """What `the-stream ...` prints."""
    log = running.folder / f"{'-'.join(arguments)}-{time.monotonic_ns()}.log"
    assert (
        warm.launch(
            ("app.cli.main", *arguments), running.env | {"COLUMNS": "300"}, log
        ).wait(30)
        == 0
    ), log.read_text()
    return log.read_text()


def test_what_the_vault_shows_is_masked(tmp_path: Path) -> None:
    """`vault show` names each bot's secrets and their lengths; no part of a secret is
    in it, nor in what Redis holds."""
    with stream(tmp_path, "ada") as running:
        running.env["STREAM_KEY_OPENAI"] = "key-for-a-model-0123456789"
        restart(running, "gateway", signal.SIGTERM)
        running.wait(
            lambda: "openai" in command(running, "vault", "show"), 30.0, "the new vault"
        )
        shown = command(running, "vault", "show")
        token = running.env["STREAM_TOKEN_ADA"]
        assert f"token  ******** ({len(token)} characters)" in shown
        for secret in (
            token,
            running.env["STREAM_KEY_OPENAI"],
            running.env["STREAM_VAULT_KEYS"],
        ):
            parts = {secret[start : start + 8] for start in range(len(secret) - 7)}
            assert not [part for part in parts if part in shown]
            assert not [
                part
                for part in parts
                if part in running.store.client.get(keys.vault("ada", "secrets"))
            ]


def test_a_vault_lasts_a_day_and_is_published_again(tmp_path: Path) -> None:
    """Every part expires 24 h after it was published, and is published again each
    interval, though nothing changed."""
    day, hour = 86_400_000, 3_600_000
    assert Settings(_env_file=None).vault_refresh * 1000 == hour
    with stream(tmp_path, "ada", vault_refresh=0.2) as running:
        client, parts = (
            running.store.client,
            [keys.vault("ada", part) for part in vault.PARTS],
        )
        for _ in range(3):
            running.wait(
                lambda: all(day - hour < client.pttl(part) <= day for part in parts),
                what="a fresh vault",
            )
            for part in parts:
                client.pexpire(part, hour)


def test_a_second_gateway_refuses_and_a_dead_ones_bot_is_taken_over(
    tmp_path: Path,
) -> None:
    """A second gateway for one bot ends with exit code 4 and names the holder; a killed
    holder is followed within 30 s."""
    with stream(tmp_path, "ada", gateway_lease=2) as running:
        running.worker(QUEUES, "worker")
        holder = running.store.client.get(keys.gateway_lease("ada"))
        assert holder.startswith(
            f"{socket.gethostname()}:{running.processes['gateway'].pid}:"
        )
        log = tmp_path / "second.log"
        second = warm.launch(("app.cli.main", "gateway", "ada"), running.env, log)
        assert second.wait(20) == 4
        assert (
            log.read_text().splitlines()[-1]
            == f"the-stream: ada: {holder} already runs this bot's gateway."
        )
        assert "Traceback" not in log.read_text()
        running.kill("gateway")
        running.gateway("ada", name="third")
        post = ask(running, "ada")
        running.wait(
            lambda: running.discord.replies_to(post), 30.0, "an answer within 30 s"
        )
        assert running.store.client.get(keys.gateway_lease("ada")).split(":")[1] == str(
            running.processes["third"].pid
        )
