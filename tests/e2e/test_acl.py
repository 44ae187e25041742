"""The shipped Redis users: the real processes work under them, and none may do more."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import celery
import pytest
import redis

from app.broker.hints import DIARY, DREAM, conf
from app.domain.settings import Settings
from app.host.valkey import EmbeddedValkey, free_port
from app.loopback import Channel, Post
from app.runtime.clock import epoch_day
from app.store import admission, keys
from app.store.limits import Limits
from tests.e2e import warm
from tests.e2e.recorded import Granted, Recorder, unused
from tests.e2e.system import System, add_bots, eager_character, system, write_characters
from tests.security import reach
from tests.store import world

FILE = Path(__file__).parents[2] / "docker" / "users.acl"
PROCESSES = ("gateway", "worker", "beat", "flower")
USERS = ("gateway", "worker", "beat", "flower", "viewer", "page", "operator")
BOTS = ("ada", "bob")


def loaded(password: str) -> str:
    """The shipped file with passwords, and the default user turned on for the test's
    own eyes."""
    text = FILE.read_text()
    for user in (*USERS, "flower_redis"):
        text = text.replace(
            f"@{user.upper()}_PASSWORD@", f"{user.removesuffix('_redis')}-password"
        )
    lines = [
        line
        for line in text.splitlines()
        if line.startswith("user ") and not line.startswith("user default")
    ]
    return "\n".join([*lines, f"user default on >{password} ~* &* +@all", ""])


@dataclass
class Guarded:
    """A running stream whose processes log in as their own users."""

    running: System
    post: Post
    """Answered."""
    recorder: Recorder

    def url(self, user: str, database: int = 0) -> str:
        """The address for a user."""
        return f"redis://{user}:{user}-password@127.0.0.1:{urlsplit(self.running.valkey.url).port}/{database}"

    def client(self, user: str, database: int = 0) -> redis.Redis:
        """A connection as a user."""
        return redis.Redis.from_url(self.url(user, database))

    def command(self, user: str, *arguments: str) -> tuple[int, str]:
        """Exit code and output of `the-stream ...` under a user."""
        log = self.running.folder / f"{user}-{arguments[0]}.log"
        env = self.running.env | {"STREAM_REDIS_URL": self.url(user), "COLUMNS": "300"}
        return warm.launch(("app.cli.main", *arguments), env, log).wait(
            30
        ), log.read_text()


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    """A stream that has answered direct and unaddressed messages, polled and reacted,
    under the shipped users."""
    folder = tmp_path_factory.mktemp("acl")
    plain = EmbeddedValkey._server_configuration
    with pytest.MonkeyPatch.context() as patch:

        def with_users(self: EmbeddedValkey) -> str:
            (self.folder / "users.acl").write_text(loaded(self.password))
            return (
                plain(self).replace(f"requirepass {self.password}\n", "")
                + f'aclfile "{self.folder}/users.acl"\n'
            )

        patch.setattr(EmbeddedValkey, "_server_configuration", with_users)
        characters = write_characters(
            folder / "characters", [eager_character(name) for name in BOTS]
        )
        with system(
            folder,
            characters_dir=characters,
            cooldown=0,
            quiet_time=0,
            discord_check_interval_minutes=0.02,
            person_hourly=HOURLY,
            thought_wait=2.5,
        ) as running:
            guarded = Guarded(running, None, Recorder(running.valkey.url))  # type: ignore[arg-type]
            # A new database: its gateway begins a generation.
            running.store.client.delete(keys.GENERATION)
            add_bots(running, *BOTS)
            channel = running.discord.add_channel("general")
            as_user = lambda user: {"STREAM_REDIS_URL": guarded.url(user)}  # noqa: E731
            running.gateway(*BOTS, env=as_user("gateway"))
            running.worker("direct,delivery", "direct", env=as_user("worker"))
            running.worker("cycles,chores", "cycles", env=as_user("worker"))
            running.start(
                "beat",
                "celery",
                "-A",
                "tasks",
                "beat",
                "-s",
                str(folder / "beat"),
                env=as_user("beat"),
            )
            running.start(
                "flower",
                "celery",
                "-A",
                "tasks",
                "flower",
                "--address=127.0.0.1",
                f"--port={free_port()}",
                env=as_user("flower") | {"FLOWER_BASIC_AUTH": "stream:flower-password"},
            )
            running.wait_ready(*BOTS)
            work(guarded, channel)
            yield guarded


HOURLY = 8
"""Direct messages of one person that a bot answers in an hour."""


def work(guarded: Guarded, channel: Channel) -> None:
    """Whatever the processes do in a day: answers, polls, reactions, moderation,
    deletions, diaries."""
    running, discord = guarded.running, guarded.running.discord
    kim, moderator = discord.add_user("Kim"), discord.add_user("Mo", moderator=True)
    guarded.post = discord.post(kim, channel, "ada, are you there?")
    running.wait(lambda: discord.replies_to(guarded.post), 20.0, "a direct answer")
    talk = discord.post(
        discord.add_user("Lee"), channel, "Has anybody read a good book?"
    )
    running.wait(lambda: discord.replies_to(talk), 20.0, "an unasked answer")
    for number in range(5):
        discord.react(discord.add_user(f"fan-{number}"), talk, "👍")
    discord.edit(talk, "Has anybody read a good novel?")
    discord.react(kim, discord.replies_to(guarded.post)[0], "👍")
    pat = discord.add_user("Pat")
    begun = discord.post(pat, channel, "bob, the thing is that")
    running.wait(lambda: running.journal(begun.message_id), 20.0, "an admission")
    discord.typing(pat, channel)
    renamed = discord.post(kim, channel, "ada, are you there?")
    for text in ("is anybody there?", "bob, are you there?"):
        discord.edit(renamed, text)
    discord.delete(discord.post(kim, channel, "never mind"))
    discord.post(moderator, channel, "@everybot stop")
    discord.post(moderator, channel, "@everybot go on")
    max_, ada = (
        discord.add_user("Max"),
        next(one for one in discord.connected() if one.name == "ada"),
    )
    last = [discord.dm(max_, ada, f"and {number}?") for number in range(HOURLY + 2)][-1]
    running.wait(
        lambda: [
            line
            for line in running.journal(last.message_id)
            if line.verdict == "over_person_limit"
        ],
        20.0,
        "a limit",
    )
    nights(guarded)
    # Of our own posts a delivery writes the cause, of a stranger's a gateway alone.
    stranger = discord.post(discord.add_bot("stranger"), channel, "beep")
    running.wait(
        lambda: running.store.client.exists(keys.cause(str(stranger.message_id))),
        20.0,
        "the cause of a stranger's post",
    )
    # Gateways have a pump too: until the worker's came first once.
    for number in range(1, 21):
        abandoned(guarded, number)
        if guarded.recorder.saw("worker", "bids:"):
            break
    running.wait(lambda: "Visit me" in running.log("flower", 10**6), 30.0, "Flower")
    cycles = running.stats()["cycles"]
    running.wait(
        lambda: running.stats()["cycles"] >= cycles + 2,
        20.0,
        "cycles of the safety poll",
    )
    # The connection of an answer may be gone before anybody could ask whose it was.
    for _ in range(10):
        asked(guarded)
        if guarded.recorder.saw("worker", "_kombu.binding."):
            break
    after = discord.dm(
        kim, next(one for one in discord.connected() if one.name == "bob"), "hello"
    )
    running.wait(lambda: discord.replies_to(after), 20.0, "an answer to the last")


def abandoned(guarded: Guarded, number: int) -> None:
    """An election whose gateway died before it closed it: a pump does."""
    store, settings = guarded.running.store, Settings(_env_file=None)  # type: ignore[call-arg]
    # Its only bidder can act no more, so that nobody is called who is not there.
    spent = keys.budget("cyd", epoch_day())
    store.client.hset(spent, "spent", "1")
    store.client.pexpire(spent, 60_000)
    bid = world.candidate("cyd", world.event(str(number), "1"))
    store.run(admission.admit(bid, f"request {number}", Limits.of(settings), settings))
    guarded.running.wait(
        lambda: [
            line for line in guarded.running.journal(number) if line.verdict == "left"
        ],
        20.0,
        "the end of an election",
    )


def asked(guarded: Guarded) -> None:
    """What Flower's page and a container's health check ask of the workers."""
    for user in ("flower", "worker"):
        control = celery.Celery(f"{user}-user", set_as_current=False)
        control.conf.update(conf(Settings(redis_url=guarded.url(user))))
        inspect = control.control.inspect(timeout=5.0, limit=2)
        assert len(inspect.ping() or {}) == 2
        assert len(inspect.stats() or {}) == 2
        control.close()


def nights(guarded: Guarded) -> None:
    """The nightly tasks, sent as beat sends them."""
    sender = celery.Celery("beat-user", set_as_current=False)
    sender.conf.update(conf(Settings(redis_url=guarded.url("beat"))))
    for task in (DIARY, DREAM):
        for args in ((), ("ada", datetime.now(UTC).date().isoformat())):
            sender.send_task(task, args=args)
    sender.close()
    with guarded.client("worker", 1) as broker:
        guarded.running.wait(
            lambda: not broker.llen("chores"), 20.0, "the nightly tasks"
        )


def denied(guarded: Guarded) -> list[tuple[str, str, str]]:
    """What the server has refused so far: (user, reason, command, key or channel)."""
    return [
        (entry["username"], entry["reason"], entry["object"])
        for entry in guarded.running.store.client.acl_log()
    ]


def test_every_process_may_do_its_work(guarded: Guarded) -> None:
    """While all processes worked under their users, the server refused nothing."""
    assert denied(guarded) == []


def test_an_operator_mutes_and_unmutes(guarded: Guarded) -> None:
    """The command line's user may do what the command line offers."""
    assert guarded.command("operator", "mute", "bot:ada")[0] == 0
    assert guarded.command("operator", "unmute", "bot:ada") == (0, "Unmuted: bot:ada\n")
    assert guarded.command("operator", "vault", "rotate")[0] == 0
    assert guarded.command("operator", "memory", "forget", "123456789012345678")[0] == 0
    assert denied(guarded) == []


def test_an_operator_sees_how_everything_is(guarded: Guarded) -> None:
    """Every question of the command line is allowed to its user; gateways, workers and
    beat have told that they live."""
    before = denied(guarded)
    code, said = guarded.command("operator", "status", "--json")
    assert code == 0
    found = json.loads(said)
    assert [(one["bot"], one["connected"]) for one in found["bots"]] == [
        (bot, True) for bot in BOTS
    ]
    served = [queue for queues in found["workers"].values() for queue in queues]
    assert sorted(served) == ["chores", "cycles", "delivery", "direct"]
    assert found["beat"]
    assert found["queues"].keys() == {"chores", "cycles", "delivery", "direct"}
    for words in (("bots",), ("costs", "--by", "person"), ("why", "--last")):
        assert guarded.command("operator", *words)[0] == 0
    assert guarded.command("operator", "why", str(guarded.post.message_id))[0] == 0
    assert denied(guarded) == before


SECRETS = keys.vault("ada", "secrets")
FORBIDDEN = [
    *((user, command) for user in USERS for command in (
        ("FLUSHALL",), ("FLUSHDB",), ("CONFIG", "GET", "requirepass"), ("KEYS", "*"), ("SHUTDOWN",), ("MONITOR",), ("ACL", "LIST"),
        ("SWAPDB", "0", "1"), ("FUNCTION", "LIST"), ("SCRIPT", "FLUSH"), ("REPLICAOF", "NO", "ONE"), ("MODULE", "LIST"),
    )),
    *((user, ("SCAN", "0")) for user in USERS if user not in {"page", "operator"}),
    *((user, ("GET", SECRETS)) for user in ("gateway", "beat", "flower", "viewer", "page")),
    *((user, ("SET", SECRETS, "x")) for user in ("worker", "beat", "flower", "viewer", "page")),
    *((user, ("EVAL", f"return redis.call('GET', '{SECRETS}')", "0")) for user in ("gateway", "beat", "flower", "viewer", "page")),
    *(("page", command) for command in (
        ("HGETALL", keys.vault("ada", "secrets")), ("HGETALL", "memory:ada:person:1"), ("LRANGE", "memory:ada:diary", "0", "-1"),
        ("HSET", "memory:ada:said", "1.0", "x"), ("HSET", keys.budget("ada", 20_783), "posts", "0"), ("HSET", keys.ROSTER, "ada", "x"),
        ("HSET", keys.trust("ada"), "1", "x"), ("HGETALL", keys.trust("ada")), ("DEL", keys.gateway_lease("ada")),
        ("XADD", "mailbox:ada:inbox:1", "*", "event", "x"), ("LPUSH", "direct", "x"), ("BRPOP", "direct", "1"),
        ("PUBLISH", "/1.celery.pidbox", "x"), ("SADD", keys.OPTED_OUT, "x"), ("SET", "lock:daily_life:ada", "x"),
    )),
    *(("viewer", command) for command in (
        ("SET", keys.mute("all"), "x"), ("DEL", keys.ROSTER), ("RPUSH", keys.journal("1"), "x"), ("EXPIRE", keys.ROSTER, "1"),
        ("LPUSH", "direct", "x"), ("PUBLISH", "/1.celery.pidbox", "x"), ("HGETALL", keys.trust("ada")), ("EVAL", "return 1", "0"),
        ("XRANGE", "mailbox:ada:inbox", "-", "+"), ("LRANGE", "memory:ada:diary", "0", "-1"),
        ("LRANGE", "journal:ada:2026-11-26", "0", "-1"), ("LRANGE", "journal:p:2026-11-26", "0", "-1"),
    )),
    *(("gateway", command) for command in (
        ("BRPOP", "direct", "1"), ("RPOP", "direct"), ("SET", "lock:daily_life:ada", "x"), ("SET", "delivery:ada:1", "x"),
        ("HSET", "memory:ada:person:1", "a", "b"), ("PUBLISH", "/1.celery.pidbox", "x"),
        ("HGETALL", "memory:ada:said"), ("SET", keys.mute_by_operator("all"), "x"), ("DEL", keys.mute_by_operator("bot:ada")),
        ("HSET", keys.budget("ada", 20_783), "posts", "0"), ("DEL", keys.budget("all", 20_783)),
        ("XRANGE", "mailbox:ada:inbox", "-", "+"), ("LRANGE", "journal:ada:2026-11-26", "0", "-1"), ("LPUSH", "chores", "x"),
    )),
    *(("worker", command) for command in (
        ("SET", keys.gateway_lease("ada"), "x"), ("DEL", keys.mute_by_operator("all")), ("SET", keys.mute("channel:1"), "x"),
        ("SADD", keys.OPTED_OUT, "x"), ("HSET", keys.event("1"), "event", "x"),
    )),
    *(("beat", command) for command in (
        ("LPUSH", "direct", "x"), ("LRANGE", "chores", "0", "-1"), ("GET", "gateway:ada:lease"),
        ("BRPOP", "direct", "1"), ("HGETALL", keys.ROSTER), ("SUBSCRIBE", "/1.celeryev/*"),
    )),
    *(("flower", command) for command in (
        ("HGETALL", keys.ROSTER), ("BRPOP", "direct", "1"), ("LRANGE", "direct", "0", "-1"), ("GET", "journal:1"),
    )),
]  # fmt: skip


HINT = "a gateway's hint for a delivery that is overdue"
FLOOD = "an inbox that a flood has trimmed is filled from the election's copy"
WEIGHED = "an inbox is weighed after a large message"
ROOM = "an opening of a quiet channel"
BACK = "kombu brings back what a dead worker held"
PAGE = "Flower's page of queues"
EMPTIED = "what was lost with an emptied Redis, or evicted from it, is written again"
RARE = {
    "gateway": {
        **dict.fromkeys(("%W~mute:all", "%W~mute:guild:*", "%W~mute:bot:*"), EMPTIED),
        "%R~delivery:*": HINT, "%R~delivery??[369]": HINT, "%W~_kombu.binding.delivery": HINT, "%W~delivery": HINT,
        "+memory|usage": WEIGHED, "+xtrim": WEIGHED},
    "worker": {
        "%R~event:*": FLOOD, "%W~seen:*": FLOOD, "%R~cursor:*": ROOM, "%W~cursor:*": ROOM,
        "%W~roster": EMPTIED, "%W~trouble:*": "a model that gives no answer",
        "%R~unacked": BACK, "+watch": BACK, "+unwatch": BACK, "+unsubscribe": "the end of a consumer of events",
    },
    "beat": {},
    "flower": {
        "+script|load": "who first needs a script loads it",
        **dict.fromkeys(("%R~unacked", "%W~unacked", "%W~unacked_index", "+hget", "+hdel", "+zrem", "+watch", "+unwatch",
                         "+lpush", "%W~direct", "%W~direct??[369]", "%W~cycles", "%W~delivery", "%W~chores"), BACK),
        **dict.fromkeys(("%R~direct??[369]", "%R~cycles??[369]", "%R~delivery??[369]", "%R~chores??[369]"), PAGE),
    },
}  # fmt: skip


DAY = "2026-11-26"
STOLEN: list[tuple[str, tuple[str, ...]]] = [
    *(("gateway", command) for command in (
        ("SET", "budget:ada:person:1", "999"), ("HSET", keys.shares("ada", 20_783), "1", "999"), ("SET", keys.gateway_lease("ada"), "x"),
        ("HSET", keys.answer("1"), "ada", "declined"), ("SET", keys.mute("channel:1"), "x"), ("SET", keys.mute("bot:ada"), "x"),
        ("HSET", keys.cursor("ada"), "1", "999"), ("HSET", keys.refusals("ada", "1"), "send", "x"),
        ("XTRIM", "mailbox:ada:inbox:1", "MAXLEN", "0"),
        ("LREM", keys.outbox("ada", "1"), "0", "x"), ("HSET", keys.trust("ada"), "1", "x"), ("HSET", keys.ROSTER, "ada", "x"),
        ("HSET", keys.names("7"), "1", "x"), ("SET", keys.vault("ada", "profile"), "x"), ("HGETALL", keys.entry("e1")),
        ("HGETALL", keys.bids("1")), ("XADD", "mailbox:ada:inbox:1", "*", "event", "x"), ("DEL", keys.journal("1")),
        ("RPUSH", keys.journal("1"), "x"), ("RPUSH", keys.journal_of_bot("ada", DAY), "x"), ("DEL", keys.cause_root("1")),
    )),
    *(("worker", command) for command in (
        ("XRANGE", "mailbox:ada:inbox:1", "-", "+"), ("HGETALL", "memory:ada:said"), ("LRANGE", keys.journal("1"), "0", "-1"),
        ("HSET", "memory:ada:person:1", "1.0", "x"), ("DEL", "memory:ada:diary"), ("DEL", keys.budget("ada", 20_783)),
        ("BRPOP", "direct", "1"), ("GET", SECRETS),
    )),
    ("beat", ("LPUSH", "chores", "x")), ("beat", ("LPUSH", "delivery", "x")),
    ("flower", ("LPUSH", "direct", "x")), ("flower", ("ZREM", "unacked_index", "x")), ("flower", ("HDEL", "unacked", "x")),
    ("viewer", ("LRANGE", keys.journal("1"), "0", "-1")),
    *(("page", command) for command in (
        ("SCAN", "0"), ("XRANGE", "mailbox:ada:inbox:1", "-", "+"), ("SET", keys.mute_by_operator("all"), "x"),
        ("HGET", "memory:ada:said", "1.0"), ("RPUSH", keys.journal("1"), "x"), ("DEL", keys.entry("e1")),
        ("HSET", keys.answer("1"), "ada", "declined"), ("DEL", keys.dead("ada")),
    )),
    ("operator", ("SET", keys.mute_by_operator("all"), "x")), ("operator", ("GET", SECRETS)), ("operator", ("SCAN", "0")),
]  # fmt: skip
"""What docs/security.md says that a stolen login can do."""


@pytest.mark.parametrize(
    ("user", "command"),
    STOLEN,
    ids=lambda part: part if isinstance(part, str) else " ".join(part)[:40],
)
def test_a_stolen_login_can_do_what_is_said(
    guarded: Guarded, user: str, command: tuple[str, ...]
) -> None:
    """The page exaggerates nothing: the server would let this user do it."""
    client: Any = guarded.running.store.client
    assert client.execute_command("ACL", "DRYRUN", user, *command) in {b"OK", "OK"}


@pytest.mark.parametrize(
    ("user", "command"),
    FORBIDDEN,
    ids=lambda part: part if isinstance(part, str) else " ".join(part)[:40],
)
def test_no_user_may_do_more(
    guarded: Guarded, user: str, command: tuple[str, ...]
) -> None:
    """Each user is refused what is not its work: others' keys, the vault,
    administration."""
    with (
        guarded.client(user) as client,
        pytest.raises(redis.ResponseError, match=r"permission|ACL failure"),
    ):
        client.execute_command(*command)


def test_a_viewer_asks_why_and_changes_nothing(guarded: Guarded) -> None:
    """`the-stream why` works for the viewer; `mute` is refused in one line that says
    what to mend."""
    code, said = guarded.command("viewer", "why", str(guarded.post.message_id))
    assert code == 0
    assert "delivered" in said
    code, said = guarded.command("viewer", "mute", "all")
    assert (code, said.count("\n")) == (3, 1)
    assert "users.acl" in said


def test_the_default_user_is_off_in_the_shipped_file() -> None:
    """Nobody gets in without one of these users, and no password is in the file."""
    lines = [line for line in FILE.read_text().splitlines() if line.startswith("user ")]
    assert "user default off" in lines
    assert all(">@" in line for line in lines if not line.startswith("user default"))


def test_what_is_granted_is_used(guarded: Guarded) -> None:
    """Each command, key and channel of each process's user was used in a day's work, or
    is rare for a reason that is given. Nothing is refused while they end, either."""
    # Kombu looks for what was never acknowledged every few seconds.
    guarded.running.wait(
        lambda: guarded.recorder.saw("flower", "unacked_mutex"), 60.0, "Flower's round"
    )
    guarded.running.store.client.acl_log_reset()
    for process in guarded.running.processes.values():
        os.kill(process.pid, signal.SIGTERM)
    for process in guarded.running.processes.values():
        process.wait(30)
    assert denied(guarded) == []
    used = guarded.recorder.used()
    lines = {
        line.split()[1]: line
        for line in FILE.read_text().splitlines()
        if line.startswith("user ")
    }
    for user in PROCESSES:
        used[user].commands |= reach.commands(user)
        idle = unused(Granted.of(lines[user]), used[user])
        assert set(idle) <= set(RARE[user]), f"{user} may do what it never does"
