"""Nights: a week of diaries and dreams through the real tasks, each once; and what
polls post of their own accord."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr

from app.brain import facts
from app.brain.memory import learn
from app.domain.character import load_characters
from app.domain.model import RosterEntry
from app.domain.settings import load_settings
from app.lab.week import SAID, said_by_date, week_page
from app.store import keys, nights, roster, signing, trusts, vault
from app.store.door import Store
from app.store.nights import Night
from app.store.signing import Signer, signer
from app.store.vault import Vault
from app.worker import worker as worker_module
from app.worker.worker import Worker
from tasks import nightly
from tests.e2e.system import System, add_bots, eager_character, system, write_characters

BOTS = tuple(SAID)
WEEKS = BOTS if os.environ.get("STREAM_PROVE") == "1" else BOTS[:1]
"""Whose weeks are lived."""


def write_diary(*args: str) -> str:
    """The task's body."""
    return str(nightly.write_diary.run(*args))


def write_dream(*args: str) -> str:
    """The task's body."""
    return str(nightly.write_dream.run(*args))


@pytest.fixture
def worker(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Worker]:
    """A worker of this process, as the tasks find it; its hints are noted, not sent."""
    monkeypatch.setenv("STREAM_REDIS_URL", redis_url)
    monkeypatch.setenv("STREAM_VAULT_KEYS", Fernet.generate_key().decode())
    load_settings.cache_clear()
    running = Worker(load_settings())
    sent: list[tuple[str, ...]] = []

    def send(*hint: str) -> bool:
        sent.append(hint)
        return True

    monkeypatch.setattr(running.hints, "send", send)
    monkeypatch.setattr(running, "sent", sent, raising=False)
    monkeypatch.setattr(worker_module, "_worker", running)
    for place, (name, character) in enumerate(load_characters().items()):
        user_id = str(990 + place)
        plain = ("{}", f'{{"user_id": "{user_id}"}}', character.model_dump_json())
        sealed = Vault(running.settings.vault_keys).seal(
            name, {"token": "x" * 60}, plain
        )
        running.store.run(vault.publish(name, sealed, *plain))
        running.store.run(
            roster.enlist(RosterEntry(bot=name, user_id=user_id, names=character.names))
        )
    yield running
    running.close()


def live(worker: Worker, bot: str) -> Iterator[str]:
    """The simulated week of one bot, day by day, as its cycles and deliveries leave it.
    Yields each date when it is over."""
    character = load_characters()[bot]
    for date, day in said_by_date(character):
        for one in day:
            line = signer(worker.settings).sign(signing.spoken(bot), one.journal_line())
            worker.store.client.rpush(keys.journal_of_bot(bot, date), line)
            worker.store.client.expire(keys.journal_of_bot(bot, date), 60)
            worker.chores.memory.put(
                (bot, "said"), f"{one.message_id}.0", one.memory_line()
            )
            for fact in facts.read_facts(one.heard, one.message_id, character.names):
                learn(worker.chores.memory, bot, one.person, fact, one.memory_line())
        yield date


def at_once(task: Callable[..., str], bot: str, date: str) -> list[str]:
    """What two threads that run a task together are told."""
    with ThreadPoolExecutor(2) as pool:
        return list(pool.map(lambda _: task(bot, date), range(2)))


def test_a_week_is_written_once_however_often_it_is_asked_for(
    worker: Worker, store: Store
) -> None:
    """Seven dates, each task several times and at once: one diary and one dream for
    each, as docs/diaries.md has. Of one bot here, of all three in `make prove`."""
    for bot in WEEKS:
        for date in live(worker, bot):
            for task in (write_diary, write_dream):
                outcomes = at_once(task, bot, date)
                outcomes.append(task(bot, date))
                assert "written" in outcomes
                assert set(outcomes) <= {"written", "busy"}
    shown = week_page()
    for bot in WEEKS:
        for night in Night:
            written = store.run(nights.read(bot, night))
            assert sorted(written) == [f"2026-11-{day:02}" for day in range(2, 9)]
            for text in written.values():
                assert json.loads(text)["text"] in shown
    diaries = [
        json.loads(text)["text"]
        for bot in WEEKS
        for text in store.run(nights.read(bot, Night.DIARY)).values()
    ]
    assert len(set(diaries)) == len(diaries), "no two entries are alike"
    assert not any(
        "talk to you for a minute" in text or "get lonely" in text for text in diaries
    ), "what was private stays so"


def test_a_night_asks_for_every_bot_and_makes_up_for_a_missed_one(
    worker: Worker,
) -> None:
    """Beat's tick becomes one task for each bot and date, so that workers share them;
    an empty day is left empty."""
    assert write_diary() == str(2 * len(BOTS))
    today = datetime.now(UTC).date()
    dates = {(today - timedelta(days=back)).isoformat() for back in (1, 2)}
    asked = {("write_diary", bot, date) for bot in BOTS for date in dates}
    assert set(worker.sent) == asked  # type: ignore[attr-defined]
    assert [write_diary(bot, date) for bot in BOTS for date in dates] == [
        "released"
    ] * 6
    assert write_dream("elena", min(dates)) == "released"


def test_a_dream_waits_for_its_diary(worker: Worker, store: Store) -> None:
    """Without a diary of the day nothing is dreamt; when the diary is there, it is."""
    date = next(live(worker, "elena"))
    assert write_dream("elena", date) == "released"
    assert write_diary("elena", date) == "written"
    assert write_dream("elena", date) == "written"
    assert json.loads(store.run(nights.read("elena", Night.DREAM))[date])["people"] == [
        "501",
        "502",
    ]


def test_a_bot_whose_vault_is_gone_blocks_nobody(worker: Worker, store: Store) -> None:
    """Its task gives the claim back and ends; it is written when the gateway is
    back."""
    date = next(live(worker, "elena"))
    store.client.rename(keys.vault("elena", "profile"), "elsewhere")
    assert write_diary("elena", date) == "released"
    store.client.rename("elsewhere", keys.vault("elena", "profile"))
    assert write_diary("elena", date) == "written"


def posts(running: System, channel: int) -> list[str]:
    """What bots posted in a channel."""
    return [
        post.content
        for post in running.discord.posts_by_bots()
        if post.channel_id == channel
    ]


def polls(running: System, more: int) -> None:
    """Wait until so many more cycles have run."""
    before = running.stats().get("cycles", 0)
    running.wait(
        lambda: running.stats().get("cycles", 0) >= before + more, 60.0, "further polls"
    )


@pytest.mark.slow
def test_polls_open_one_conversation_and_post_the_night_once(tmp_path: Path) -> None:
    """Three eager bots and an empty room: one of them opens, once, until a person
    speaks. A diary is posted once, in its own channel, however many polls see it;
    nothing where bots may not speak."""
    with system(
        tmp_path, cooldown=0, quiet_time=0, discord_check_interval_minutes=0.03
    ) as running:
        # All three may be read; a diary's channel is no room to talk in.
        lobby, diaries, closed = (
            running.discord.add_channel(name) for name in ("lobby", "diaries", "closed")
        )
        running.env["STREAM_SPEAK_CHANNELS"] = f"{lobby.id},{diaries.id}"
        names = ("ada", "bob", "cyd")
        files = [
            eager_character(name)
            | {
                "pacing": {"chattiness": 0.0, "proactive": True, "drive": 1.0},
                "watchlist": [str(lobby.id), str(closed.id)],
                "diary": str(diaries.id),
                "lines": [
                    {"text": f"A line of {name}, number {number}.", "topic": "talk"}
                    for number in range(9)
                ],
            }
            for name in names
        ]
        running.env["STREAM_CHARACTERS_DIR"] = str(
            write_characters(tmp_path / "characters", files)
        )
        add_bots(running, *names)
        yesterday = (datetime.now(UTC) - timedelta(days=1)).date().isoformat()
        running.store.run(nights.claim("ada", Night.DIARY, yesterday, "me"))
        running.store.run(
            nights.write(
                "ada",
                Night.DIARY,
                yesterday,
                "me",
                json.dumps(
                    {
                        "text": "A quiet day.",
                        "people": [],
                        "guild": str(diaries.guild_id),
                    }
                ),
                signer=Signer([SecretStr(running.env["STREAM_VAULT_KEYS"])]),
            )
        )
        running.workers()
        running.gateway(*names)
        running.wait_ready(*names)
        running.beat()
        running.wait(
            lambda: posts(running, lobby.id) and posts(running, diaries.id),
            60.0,
            "an opening and a diary",
        )
        polls(running, 12)
        assert len(posts(running, lobby.id)) == 1, posts(running, lobby.id)
        assert posts(running, diaries.id) == ["A quiet day."]
        assert posts(running, closed.id) == []
        root = next(key for key in running.store.client.scan_iter("cause:root:p:*"))
        assert running.store.client.hget(root, "limit") == "2"


@pytest.mark.slow
def test_what_a_person_tells_is_known_when_the_conversation_has_ended(
    tmp_path: Path,
) -> None:
    """Gateway, workers and beat: an answer is remembered and earns trust; the poll has
    the ended conversation learned from."""
    with system(tmp_path, discord_check_interval_minutes=0.03) as running:
        running.env["STREAM_CHARACTERS_DIR"] = str(
            write_characters(tmp_path / "characters", [eager_character("ada")])
        )
        add_bots(running, "ada")
        channel, person = (
            running.discord.add_channel("general"),
            running.discord.add_user("Kim"),
        )
        running.workers()
        running.gateway("ada")
        running.beat()
        running.wait_ready("ada")
        running.discord.post(
            person, channel, "ada, I work as a diver. And I live in Bergen!"
        )
        client = running.store.client
        running.wait(
            lambda: client.zcard(keys.CONVERSATIONS_DUE), what="a remembered answer"
        )
        assert client.hlen(keys.memory("ada", "said")) == 2
        assert set(running.store.run(trusts.everyone("ada"))) == {str(person.id)}
        client.zadd(keys.CONVERSATIONS_DUE, {f"ada:{channel.id}": 1})
        facts_of = keys.memory("ada", f"person:{person.id}")
        running.wait(lambda: client.hlen(facts_of) == 2, 30.0, "two facts")
        assert sorted(
            json.loads(text)["v"]["text"] for text in client.hvals(facts_of)
        ) == [
            "lives in Bergen",
            "works as a diver",
        ]
