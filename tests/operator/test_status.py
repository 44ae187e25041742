"""`status`, `bots` and `costs` on a real Valkey."""

from __future__ import annotations

import json
import time

import pytest
import redis

from app.cli.watching import lasting_text
from app.operator.spending import By, find_costs
from app.operator.status import read_status
from app.runtime.clock import epoch_day
from app.store import brakes, clocks, heartbeats, keys, memories, mutes
from app.store.door import Store
from app.store.heartbeats import Heartbeat, ProcessRole
from tests.cli.commands import run
from tests.operator.conftest import Stream
from tests.security.test_terminal import CLIPBOARD, obeyed

KIM = "1171234567890123456"


def spend(store: Store, scope: str, days_ago: int = 0, **counts: int) -> None:
    """As the scripts that book it."""
    key = keys.budget(scope, epoch_day() - days_ago)
    store.client.hset(key, mapping=counts)
    store.client.expire(key, 3_600)


def test_one_look_tells_everything(stream: Stream) -> None:
    """Connections, caps, what waits, mutes with who and until when, the oldest
    unanswered message, tasks of the broker."""
    store = stream.store
    spend(store, "elena", posts=7, tokens=1_200, micro_usd=250_000)
    spend(store, "all", posts=9)
    stream.edit(pacing={"daily_posts": 20})
    store.run(mutes.mute("bot:elena@channel:5", "operator", 7_200_000))
    store.run(clocks.note_discord_ahead(-1_200_000))
    store.client.set(keys.cooldown("elena"), "1", px=12_000)
    store.client.xadd("mailbox:elena:inbox:5", {"x": "1"}, id="1-1")
    store.client.expire("mailbox:elena:inbox:5", 60)
    store.client.hset(keys.dead("elena"), "e1", "gone")
    store.client.expire(keys.dead("elena"), 60)
    with redis.Redis.from_url(stream.values["redis_url"][:-1] + "1") as broker:
        broker.rpush("chores", "task", "task")
        found = read_status(stream.settings())
        broker.delete("chores")
    elena = found.bots[0]
    assert (elena.bot, elena.connected, elena.since) == ("elena", True, 1.0)
    assert 0 < elena.cooldown_s <= 12
    assert elena.dead_letters == 1
    assert [(one.spent, one.cap) for one in elena.used] == [
        (7, 20),
        (1_200, 1_000_000),
        (0.25, 5.0),
    ]
    assert found.all_bots[0].spent == 9
    assert found.workers["direct@h"] == ("delivery", "direct")
    assert found.beat
    assert found.queues == {"direct": 0, "cycles": 0, "delivery": 0, "chores": 2}
    assert [one["scope"] for one in found.mutes] == ["bot:elena@channel:5"]
    assert 7_100 < found.mutes[0]["until"] - found.at <= 7_200
    assert found.oldest_unanswered_s is not None
    assert found.oldest_unanswered_s > 10**9
    assert found.redis["used_memory"] > 0
    assert found.discord_ahead_s == -1_200
    said = run("status", STREAM_REDIS_URL=stream.values["redis_url"]).stdout
    assert "Redis's clock is 20 min ahead of Discord's" in said


def test_a_bot_that_is_not_there_is_told(stream: Stream) -> None:
    """Ended with its reason, cut off, without a gateway: also one that Discord never
    let in, which is on no roster."""
    sign = {"connected": False, "since": None, "error": "mend it", "process": "h:1"}
    stream.store.run(heartbeats.tell(Heartbeat(ProcessRole.GATEWAY, "aria", sign)))
    stream.store.run(heartbeats.end(ProcessRole.GATEWAY, "elena"))
    aria, elena = sorted(read_status(stream.settings()).bots, key=lambda one: one.bot)
    assert (aria.connected, aria.error, aria.gateway) == (False, "mend it", "h:1")
    assert (elena.connected, elena.gateway) == (False, "")
    said = run("bots", STREAM_REDIS_URL=stream.values["redis_url"]).stdout
    assert "✗ aria: has ended: mend it" in said
    assert "✗ elena: no gateway runs it" in said


def test_silence_after_an_emptying_is_told(stream: Stream) -> None:
    """Until a gateway has written the brakes, and for how much longer after that; then
    nothing is said of it."""
    store, url = stream.store, stream.values["redis_url"]
    assert read_status(stream.settings()).unasked_after_s == 0
    assert "emptied" not in run("status", STREAM_REDIS_URL=url).stdout
    store.client.delete(keys.GENERATION)
    assert read_status(stream.settings()).unasked_after_s is None
    assert "(a gateway has written them)" in one_line(url)
    store.run(brakes.begin("mine", 60_000))
    left = read_status(stream.settings()).unasked_after_s
    assert left is not None
    assert 30 < left <= 60
    assert "nothing unasked is said until mutes and budgets are back" in one_line(url)


def one_line(url: str) -> str:
    """What `status` says, however wide the terminal."""
    return " ".join(run("status", STREAM_REDIS_URL=url).stdout.split())


def test_costs_are_told_by_whom_you_like(stream: Stream) -> None:
    """The dearest first, people and channels by name, over as many days as asked; a
    budget that was edited into nonsense counts as nothing."""
    store, settings = stream.store, stream.settings()
    spend(store, "elena", posts=1, micro_usd=10_000)
    spend(store, "elena", days_ago=1, posts=2, micro_usd=20_000)
    spend(store, f"person:{KIM}", tokens=5, micro_usd=3)
    spend(store, "person:99", micro_usd=7_000_000)
    spend(store, "channel:55", posts=4)
    store.client.hset(keys.budget("elena", epoch_day()), "tokens", "a lot")
    store.client.hset(
        keys.names("7"), mapping={KIM: f"Kim{CLIPBOARD}", "55": "general"}
    )
    store.client.expire(keys.names("7"), 60)
    assert [one[2:] for one in find_costs(settings, By.BOT)] == [(1, 0, 0.01)]
    assert [one[2:] for one in find_costs(settings, By.BOT, 2)] == [(3, 0, 0.03)]
    people = find_costs(settings, By.PERSON)
    assert [(one.id, one.usd) for one in people] == [("99", 7.0), (KIM, 0.000003)]
    assert [one.name for one in find_costs(settings, By.CHANNEL)] == ["general"]
    done = run("costs", "--by", "person", STREAM_REDIS_URL=stream.values["redis_url"])
    assert done.stdout.splitlines()[0] == "99: $7.0000, 0 tokens, 0 posts"
    assert "together: $7.0000, 5 tokens, 0 posts" in done.stdout
    assert not obeyed(done.stdout)


def test_costs_name_whoever_is_remembered(stream: Stream) -> None:
    """Gateways tell of nicknames alone: who has none was a bare id. The newest name
    counts, and what was edited into nonsense is nobody's."""
    store, settings = stream.store, stream.settings()
    for person in ("901", "902"):
        spend(store, f"person:{person}", tokens=5)
    spend(store, "channel:77", posts=1)
    # Of lines that are too old none is kept.
    newest = int(time.time() * 1000 - 1_420_070_400_000) << 22
    for number, name in ((newest, f"Tom{CLIPBOARD}"), (newest - 1, "Thomas")):
        value = {"author": "901", "name": name, "text": "hi"}
        item = json.dumps({"v": value, "at": 1})
        store.run(memories.put("elena", "said", {f"{number}.0": item}))
    store.run(memories.put("elena", "said", {f"{newest + 1}.0": "nonsense"}))
    people = {one.id: one.name for one in find_costs(settings, By.PERSON)}
    assert people == {"901": f"Tom{CLIPBOARD}", "902": "902"}
    assert [one.name for one in find_costs(settings, By.CHANNEL)] == [
        "a private channel"
    ]
    done = run("costs", "--by", "person", STREAM_REDIS_URL=stream.values["redis_url"])
    assert "(901): $0.0000, 5 tokens" in done.stdout
    assert not obeyed(done.stdout)


@pytest.mark.parametrize("words", [("status",), ("bots",), ("costs",)])
def test_each_command_fits_a_narrow_terminal_and_a_program(
    stream: Stream, words: tuple[str, ...]
) -> None:
    """No line is wider than 40 columns; as JSON it can be parsed."""
    spend(stream.store, "elena", posts=1, tokens=10)
    url = stream.values["redis_url"]
    narrow = run(*words, STREAM_REDIS_URL=url, COLUMNS="40")
    assert narrow.returncode == 0, narrow.stderr
    assert max(map(len, narrow.stdout.splitlines())) <= 40
    assert json.loads(run(*words, "--json", STREAM_REDIS_URL=url).stdout)


@pytest.mark.parametrize(
    ("words", "code", "line"),
    [
        (("costs", "--by", "moon"), 2, "--by takes bot, person or channel"),
        (("costs", "--days", "0"), 2, "Invalid value for '--days'"),
        (("status",), 3, "Redis cannot be reached"),
        (("status",), 3, "sought at redis://127.0.0.1:9\n"),
    ],
)
def test_what_cannot_be_told_is_one_line(
    words: tuple[str, ...], code: int, line: str
) -> None:
    """Nonsense and a Redis that is away."""
    done = run(*words, STREAM_REDIS_URL="redis://somebody:hidden@127.0.0.1:9/0")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (code, "", 1)
    assert line in done.stderr
    assert "hidden" not in done.stderr


def test_a_setting_that_is_wrong_is_named() -> None:
    """Not only at a start: a file of TLS that is missing is no server that is away."""
    url = "rediss://127.0.0.1:9/0"
    done = run("status", STREAM_REDIS_URL=url, STREAM_REDIS_CA="/missing.pem")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert "STREAM_REDIS_CA: cannot be used" in done.stderr


@pytest.mark.parametrize(
    ("seconds", "told"),
    [
        (0, "0 s"),
        (59.4, "59 s"),
        (300, "5 min"),
        (12_000, "3 h 20 min"),
        (187_200, "2 d 4 h"),
    ],
)
def test_a_time_is_told_in_words(seconds: float, told: str) -> None:
    """As somebody at two in the morning reads it."""
    assert lasting_text(seconds) == told
