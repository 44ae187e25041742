"""The task bodies, run eagerly by pytest-celery's app: what a message becomes, without
a worker process."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from celery import Celery
from cryptography.fernet import Fernet
from discord import GatewayNotFound

from app.broker.hints import CYCLE, DELIVER, POLL, PUMP, conf, route
from app.domain.character import ModelConfig, load_character
from app.domain.errors import VaultKeyWrong
from app.domain.lane import Lane
from app.domain.model import Bid, Classified, Context, Event, RosterEntry, Signal
from app.domain.settings import Settings, load_settings
from app.domain.verdicts import Admit, Elect
from app.loopback import Account, LoopbackDiscord, LoopbackThread
from app.store import admission, elections, keys, lanes, roster, vault
from app.store.door import Store
from app.store.limits import Limits
from app.store.vault import Vault
from app.worker import served
from app.worker import worker as worker_module
from app.worker.answering import StoredAnswerTurn
from app.worker.worker import Worker
from tasks import chores, cycles, delivery

pytest_plugins = ["pytest_celery.plugin"]


@pytest.fixture
def discord() -> Iterator[LoopbackThread]:
    with LoopbackThread(LoopbackDiscord(rate_limit=None)) as server:
        yield server


@pytest.fixture
def settings(
    redis_url: str, discord: LoopbackThread, monkeypatch: pytest.MonkeyPatch
) -> Settings:
    for name, value in {
        "REDIS_URL": redis_url,
        "VAULT_KEYS": Fernet.generate_key().decode(),
        "DISCORD_API_URL": discord.api_url,
        "SPEAK_CHANNELS": "*",
        "CONTENTION_WINDOW": "0",
    }.items():
        monkeypatch.setenv(f"STREAM_{name}", value)
    load_settings.cache_clear()
    return load_settings()


@pytest.fixture
def eager(
    celery_app: Celery, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Celery]:
    """pytest-celery's app with our tasks; a hint runs at once, as if a worker had
    picked it up."""
    for task in (
        cycles.run_daily_life_cycle,
        delivery.deliver_outbox,
        chores.safety_poll,
        chores.pump,
    ):
        celery_app.task(name=task.name)(task.run)
    running = Worker(settings)

    def send(name: str, *args: str) -> bool:
        celery_app.tasks[name].apply_async(args=args)
        return True

    monkeypatch.setattr(running.hints, "send", send)
    monkeypatch.setattr(worker_module, "_worker", running)
    yield celery_app
    running.close()


def join(
    store: Store,
    discord: LoopbackThread,
    settings: Settings,
    bot: str,
    model: ModelConfig | None = None,
) -> Account:
    """A bot of the roster that workers can serve."""
    character, account = load_character(bot), discord.add_bot(bot)
    character = character.model_copy(update={"model": model})
    plain = ("{}", f'{{"user_id": "{account.id}"}}', character.model_dump_json())
    sealed = Vault(settings.vault_keys).seal(bot, {"token": str(account.token)}, plain)
    store.run(vault.publish(bot, sealed, *plain))
    store.run(
        roster.enlist(
            RosterEntry(bot=bot, user_id=str(account.id), names=character.names)
        )
    )
    return account


def say(discord: LoopbackThread, text: str) -> tuple[Any, Event]:
    """A person writes."""
    channel, person = discord.add_channel("reef"), discord.add_user("Kim")
    post = discord.post(person, channel, text)
    return post, Event(
        message_id=str(post.message_id),
        channel_id=str(channel.id),
        author_id=str(person.id),
        author_name="Kim",
        content=text,
    )


def admit(
    store: Store,
    settings: Settings,
    bot: str,
    event: Event,
    signal: Signal,
    score: float = 1.0,
) -> Admit:
    """The bot's gateway admits it."""
    addressed = (bot,) if signal is Signal.DIRECT else ()
    candidate = admission.AdmissionRequest(
        bot,
        event,
        Classified(signal=signal, reason="test", addressed=addressed),
        None if addressed else Bid(score=score, above_threshold=True),
    )
    return store.run(
        admission.admit(candidate, uuid.uuid4().hex, Limits.of(settings), settings)
    ).verdict


def arrive(
    store: Store, discord: LoopbackThread, settings: Settings, signal: Signal, text: str
) -> tuple[Any, Admit]:
    """A person writes, and elena's gateway admits it."""
    join(store, discord, settings, "elena")
    post, event = say(discord, text)
    return post, admit(store, settings, "elena", event, signal)


def test_a_direct_message_is_answered_by_one_task(
    store: Store,
    discord: LoopbackThread,
    settings: Settings,
    eager: Celery,
    wait_until: Any,
) -> None:
    """run_daily_life_cycle answers and posts; a second delivery of it, or a task to
    deliver, changes nothing."""
    post, verdict = arrive(
        store, discord, settings, Signal.DIRECT, "elena, what lives in a tide pool?"
    )
    assert verdict is Admit.DIRECT
    args = ("elena", "direct", str(post.channel_id))
    assert eager.tasks[CYCLE].apply_async(args=args).get() == "clear"
    assert eager.tasks[CYCLE].apply_async(args=args).get() == "not_due"
    wait_until(lambda: discord.replies_to(post), what="an answer")
    eager.tasks[DELIVER].apply_async(args=("elena",)).get()
    assert [answer.author_name for answer in discord.replies_to(post)] == ["elena"]


def test_the_pump_finds_what_no_hint_announced(
    store: Store,
    discord: LoopbackThread,
    settings: Settings,
    eager: Celery,
    wait_until: Any,
) -> None:
    """An election that nobody closes and a lane that nobody hints are found by the
    pump."""
    post, _ = arrive(
        store,
        discord,
        settings,
        Signal.WATCHED,
        "Do octopuses dream, does anybody know?",
    )
    wait_until(
        lambda: (
            eager.tasks[PUMP].apply_async().get() is not None
            and discord.replies_to(post)
        ),
        what="an answer",
    )
    assert len(discord.replies_to(post)) == 1


def test_the_safety_poll_wakes_every_registered_bot(
    store: Store, discord: LoopbackThread, settings: Settings, eager: Celery
) -> None:
    """The poll makes each bot's own lane due within its interval, and sends nothing by
    itself."""
    arrive(store, discord, settings, Signal.AMBIENT, "nice weather")
    assert eager.tasks[POLL].apply_async().get() == 1
    assert store.client.zscore(keys.WAKES_DUE, str(Lane("elena"))) is not None


def test_a_bot_without_a_vault_is_dropped_with_a_reason(
    store: Store, discord: LoopbackThread, settings: Settings, eager: Celery
) -> None:
    """The lane stays due and the journal says what is missing; nothing is lost."""
    post, _ = arrive(store, discord, settings, Signal.DIRECT, "elena, hello?")
    store.client.delete(keys.vault("elena", "secrets"))
    assert (
        eager.tasks[CYCLE]
        .apply_async(args=("elena", "direct", str(post.channel_id)))
        .get()
        == "again"
    )
    assert "vault" in str(
        store.client.lrange(keys.journal(str(post.message_id)), 0, -1)
    )
    assert store.client.zscore(keys.WAKES_DUE, f"elena:{post.channel_id}") is not None


def test_a_worker_that_cannot_open_a_vault_keeps_out_of_the_others_way(
    store: Store, discord: LoopbackThread, settings: Settings, eager: Celery
) -> None:
    """The lane is due at once and its lock free for a worker with the right key; for a
    while this one takes no hint for the bot, or it would take every second one."""
    post, _ = arrive(store, discord, settings, Signal.DIRECT, "elena, hello?")
    store.client.set(
        keys.vault("elena", "secrets"),
        Fernet(Fernet.generate_key()).encrypt(b"{}").decode(),
        keepttl=True,
    )
    lane, args = (
        Lane("elena", str(post.channel_id)),
        ("elena", "direct", str(post.channel_id)),
    )
    assert eager.tasks[CYCLE].apply_async(args=args).get() == "again"
    assert eager.tasks[CYCLE].apply_async(args=args).get() == "unable"
    assert (
        store.client.zscore(keys.WAKES_DUE, str(lane))
        <= store.client.time()[0] * 1000 + 1000
    )
    assert not store.client.exists(keys.lock(lane))
    assert [line["step"] for line in journal_lines(store, post)].count("vault") == 1


def test_election_is_granted_once(
    store: Store, discord: LoopbackThread, settings: Settings, eager: Celery
) -> None:
    """Whoever asks second is told the same winner and sends no second hint."""
    post, _ = arrive(
        store, discord, settings, Signal.WATCHED, "Any whale songs worth hearing?"
    )
    first = store.run(
        elections.decide(str(post.message_id), str(post.channel_id), settings)
    )
    second = store.run(
        elections.decide(str(post.message_id), str(post.channel_id), settings)
    )
    assert (first.verdict, second.verdict) == (Elect.GRANTED, Elect.GRANTED)
    assert (first.winner, first.fresh, second.winner, second.fresh) == (
        "elena",
        True,
        "elena",
        False,
    )


def test_a_grant_that_a_rule_drops_leaves_no_floor_behind(
    store: Store,
    discord: LoopbackThread,
    settings: Settings,
    eager: Celery,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A winner that drops its message before it claimed anything (a picture without
    words, a channel it may not speak in) gives back the floor that the grant took:
    nobody waits a lease for it."""
    post, _ = arrive(
        store, discord, settings, Signal.WATCHED, "Any whale songs worth hearing?"
    )
    assert (
        store.run(
            elections.decide(str(post.message_id), str(post.channel_id), settings)
        ).verdict
        is Elect.GRANTED
    )
    assert store.client.hget(keys.floor(str(post.channel_id)), "bot") == "elena"
    monkeypatch.setattr(Settings, "may_speak", lambda *_: False)
    eager.tasks[CYCLE].apply_async(args=("elena", "immediate_trigger")).get()
    assert "handed_over" in {line["verdict"] for line in journal_lines(store, post)}
    assert store.client.hget(keys.floor(str(post.channel_id)), "bot") is None


def test_a_winner_that_observes_hands_over_at_once(
    store: Store, discord: LoopbackThread, settings: Settings, eager: Celery
) -> None:
    """The best bidder finds the topic foreign, before it paid: the next one answers
    now, not when the floor's lease ends."""
    join(store, discord, settings, "elena")
    join(store, discord, settings, "aria")
    post, event = say(discord, "I need a better microphone")
    admit(store, settings, "elena", event, Signal.WATCHED, 2.0)
    admit(store, settings, "aria", event, Signal.WATCHED, 1.0)
    assert (
        store.run(elections.decide(event.message_id, event.channel_id, settings)).winner
        == "elena"
    )
    eager.tasks[CYCLE].apply_async(args=("elena", "immediate_trigger")).get()
    eager.tasks[DELIVER].apply_async(args=("aria",)).get()
    assert [answer.author_name for answer in discord.replies_to(post)] == ["aria"]


def test_arguments_are_names_and_ids_alone(settings: Settings) -> None:
    """Queues by name; JSON only; a direct cycle has its own queue."""
    assert conf(settings)["accept_content"] == ["json"]
    assert route(CYCLE, ("elena", "direct", "1")) == {"queue": "direct"}
    assert route(CYCLE, ("elena", "poll")) == {"queue": "cycles"}
    assert route(DELIVER, ("elena",)) == {"queue": "delivery"}


def test_a_cycle_that_fails_is_told_and_tried_again(
    store: Store,
    discord: LoopbackThread,
    settings: Settings,
    eager: Celery,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What fails before anything is claimed is journaled for the person who asked, and
    comes again a little later."""
    post, _ = arrive(store, discord, settings, Signal.DIRECT, "elena, hello?")
    args = ("elena", "direct", str(post.channel_id))
    with monkeypatch.context() as patch:
        patch.setattr(worker_module, "run_cycle", lambda *_: 1 // 0)
        assert eager.tasks[CYCLE].apply_async(args=args).get() == "again"
    assert "ZeroDivisionError" in str(
        store.client.lrange(keys.journal(str(post.message_id)), 0, -1)
    )
    assert store.client.xlen(keys.inbox(Lane("elena", str(post.channel_id)))) == 1
    store.run(lanes.wake(Lane("elena", str(post.channel_id)), Context.DIRECT))
    assert eager.tasks[CYCLE].apply_async(args=args).get() == "clear"


def test_a_cycle_that_always_fails_gives_up(
    store: Store,
    discord: LoopbackThread,
    settings: Settings,
    eager: Celery,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A message that no cycle survives does not hold up its lane for ever: it is
    dropped, and the journal says why."""
    post, _ = arrive(store, discord, settings, Signal.DIRECT, "elena, hello?")
    monkeypatch.setattr(worker_module, "run_cycle", lambda *_: 1 // 0)
    monkeypatch.setattr(worker_module, "GIVE_UP_MS", 0)
    eager.tasks[CYCLE].apply_async(args=("elena", "direct", str(post.channel_id))).get()
    last = journal_lines(store, post)[-1]
    assert (last["verdict"], last["reason"]) == (
        "dropped",
        "internal error: ZeroDivisionError",
    )
    assert store.client.xlen(keys.inbox(Lane("elena", str(post.channel_id)))) == 0


@pytest.mark.parametrize(
    "error",
    [
        OSError("dead"),
        ConnectionResetError(),
        TimeoutError(),
        GatewayNotFound(),
        KeyError("ours"),
    ],
)
def test_trouble_with_the_floor_in_hand_is_no_answer(
    store: Store,
    discord: LoopbackThread,
    settings: Settings,
    eager: Celery,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
) -> None:
    """A connection that dies while a bot has the floor, or a first fault of ours, gives
    the floor back and keeps the message: the next cycle answers it."""
    post, _ = arrive(store, discord, settings, Signal.DIRECT, "elena, hello?")
    lane = Lane("elena", str(post.channel_id))

    def broken(*_: object) -> None:
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(StoredAnswerTurn, "context", broken)
        assert (
            eager.tasks[CYCLE].apply_async(args=("elena", "direct", lane.channel)).get()
            == "again"
        )
    assert (
        journal_lines(store, post)[-1]["step"],
        journal_lines(store, post)[-1]["verdict"],
    ) == (
        "yield",
        "kept",
    )
    assert not store.client.hget(keys.floor(str(post.channel_id)), "bot")
    store.run(lanes.wake(lane, Context.DIRECT))
    assert (
        eager.tasks[CYCLE].apply_async(args=("elena", "direct", lane.channel)).get()
        == "clear"
    )
    assert store.client.hget(keys.answer(str(post.message_id)), "elena") not in {
        None,
        "declined",
    }


def test_a_fault_that_repeats_is_given_up_and_passing_trouble_is_not(
    store: Store,
    discord: LoopbackThread,
    settings: Settings,
    eager: Celery,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """After the stated time a message is declined for a fault of ours; for a dead
    connection it is kept for as long as it may be answered."""
    monkeypatch.setattr(worker_module, "GIVE_UP_MS", 0)
    for error, verdict in ((OSError("dead"), "kept"), (KeyError("ours"), "declined")):
        post, _ = arrive(store, discord, settings, Signal.DIRECT, "elena, hello?")

        def broken(*_: object, error: Exception = error) -> None:
            raise error

        monkeypatch.setattr(StoredAnswerTurn, "context", broken)
        eager.tasks[CYCLE].apply_async(
            args=("elena", "direct", str(post.channel_id))
        ).get()
        assert verdict in [line["verdict"] for line in journal_lines(store, post)]


def journal_lines(store: Store, post: Any) -> list[dict[str, Any]]:
    """What the journal says about a message."""
    return [
        json.loads(line)
        for line in store.client.lrange(keys.journal(str(post.message_id)), 0, -1)
    ]


def test_a_profile_that_cannot_be_read_is_told(
    store: Store, discord: LoopbackThread, settings: Settings, eager: Celery
) -> None:
    """A vault that this worker does not understand costs a journal line and a retry,
    not a task that fails each second."""
    post, _ = arrive(store, discord, settings, Signal.DIRECT, "elena, hello?")
    plain = ("{}", '{"user_id": "1"}', '{"name": "elena"}')
    sealed = Vault(settings.vault_keys).seal("elena", {"token": "x" * 60}, plain)
    store.run(vault.publish("elena", sealed, *plain))
    assert (
        eager.tasks[CYCLE]
        .apply_async(args=("elena", "direct", str(post.channel_id)))
        .get()
        == "again"
    )
    assert "profile" in journal_lines(store, post)[-1]["reason"]


@pytest.mark.parametrize("part", vault.PARTS[1:])
def test_a_forged_part_of_a_vault_is_refused(
    store: Store, discord: LoopbackThread, settings: Settings, eager: Celery, part: str
) -> None:
    """Whoever may write a vault and knows no vault key, as a stolen gateway login,
    cannot have the model key sent elsewhere: the bot is dropped, and the journal says
    what is wrong."""
    post, _ = arrive(store, discord, settings, Signal.DIRECT, "elena, hello?")
    forged = load_character("elena").model_dump() | {
        "model": {"model": "openai:x", "base_url": "https://thief.example/v1"}
    }
    store.client.set(
        keys.vault("elena", part), json.dumps(forged, default=list), keepttl=True
    )
    assert (
        eager.tasks[CYCLE]
        .apply_async(args=("elena", "direct", str(post.channel_id)))
        .get()
        == "again"
    )
    assert "was not written by its gateway" in journal_lines(store, post)[-1]["reason"]
    with pytest.raises(VaultKeyWrong):
        served.Bots(store, settings).get("elena")


def test_a_vault_published_again_keeps_the_brain(
    store: Store,
    discord: LoopbackThread,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The hourly publication encrypts anew; the brain and its model's connection
    stay."""
    arrive(store, discord, settings, Signal.AMBIENT, "nice weather")
    monkeypatch.setattr(served, "FRESH_FOR", 0.0)
    bots = served.Bots(store, settings)
    before = bots.get("elena")
    parts = store.run(vault.read("elena"))
    plain, safe = vault.plain_of(parts), Vault(settings.vault_keys)
    opened = safe.open("elena", parts["secrets"], plain)
    store.client.set(
        keys.vault("elena", "secrets"), safe.seal("elena", opened, plain), keepttl=True
    )
    assert bots.get("elena").brain is before.brain
    sealed = safe.seal("elena", opened | {"token": "new-token"}, plain)
    store.client.set(keys.vault("elena", "secrets"), sealed, keepttl=True)
    assert bots.get("elena").token == "new-token"


def test_flower_is_told_of_every_task_but_the_pump(eager: Celery) -> None:
    """It runs each second, for milliseconds."""
    assert not chores.pump.send_events
    others = (cycles.run_daily_life_cycle, delivery.deliver_outbox, chores.safety_poll)
    assert all(task.send_events for task in others)
