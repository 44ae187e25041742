"""The doctor finds each planted fault, and nothing where all is well."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr

from app.domain.character import load_character
from app.domain.settings import Settings
from app.loopback.permissions import Permission
from app.operator.doctor import examination, machine, redis_server
from app.operator.doctor.discord_side import Seen, judge_rights
from app.operator.doctor.findings import Finding, Level
from app.operator.doctor.vaults import look_at_keys
from app.store import clocks, heartbeats, keys, mutes, roster
from app.store.calls import Call, command
from app.store.door import Store
from app.store.heartbeats import Heartbeat, ProcessRole
from tests.brain.provider_server import refused, told
from tests.cli.commands import run
from tests.operator.conftest import Stream

pytestmark = pytest.mark.usefixtures("durable")

OTHER_KEY = Fernet.generate_key().decode()


def wrong(found: list[Finding]) -> list[Finding]:
    """Those of the findings that are not fine."""
    return [one for one in found if one.level is not Level.OK]


def test_where_all_is_well_nothing_is_found(stream: Stream) -> None:
    """Every side was looked at, and each is in order."""
    found = list(examination.examine_stream(stream.settings()))
    assert wrong(found) == []
    assert {one.area for one in found} == {
        "python",
        "packages",
        "disk",
        "characters",
        "vault",
        "redis",
        "processes",
        "discord",
        "models",
    }


def test_a_key_that_up_has_made_is_told_by_its_file(tmp_path: Path) -> None:
    """A variable that nobody set is not said to be set."""
    settings = Settings(data_dir=tmp_path, _env_file=None)  # type: ignore[call-arg]
    assert "no key yet" in look_at_keys(settings).what
    (tmp_path / "vault.key").write_text(OTHER_KEY)
    assert look_at_keys(settings).what == f"its key is in {tmp_path}/vault.key"
    given = settings.model_copy(update={"vault_keys": (SecretStr(OTHER_KEY),)})
    assert look_at_keys(given).what == "STREAM_VAULT_KEYS is set"


@dataclass(frozen=True)
class Planted:
    """A fault: how it is planted, and what of its finding and remedy must be said."""

    plant: Callable[[Stream, pytest.MonkeyPatch], object]
    said: str
    remedy: str
    level: Level = Level.FAULT


def config(stream: Stream, **values: object) -> None:
    """Change the server's own configuration; `untouched` puts it back."""
    for name, value in values.items():
        stream.store.client.config_set(name.replace("_", "-"), str(value))


def only(stream: Stream, *signs: Heartbeat) -> None:
    """Of the processes these alone live."""
    client = stream.store.client
    client.delete(*client.scan_iter("heartbeat:*"))
    for one in signs:
        stream.store.run(heartbeats.tell(one))


def sign(connected: bool, error: str = "") -> Heartbeat:
    """What elena's gateway tells."""
    facts = {"connected": connected, "since": None, "error": error}
    return Heartbeat(ProcessRole.GATEWAY, "elena", facts)


def write_env(mode: int) -> None:
    """An `.env` with a token in the working directory."""
    Path(".env").write_text("STREAM_TOKEN_ELENA=s3cret\n", "utf-8")
    Path(".env").chmod(mode)


def answering(stream: Stream, sent: object) -> None:
    """The model's server answers so."""
    stream.model.answer = lambda _: sent  # type: ignore[assignment,return-value]


NO_TALK = Permission.SEND_MESSAGES
PLANTED: dict[str, Planted] = {
    "a slip in a setting's name": Planted(
        lambda _, patch: patch.setenv("STREAM_SPEAK_CHANELS", "1"),
        "STREAM_SPEAK_CHANELS is no setting",
        "was STREAM_SPEAK_CHANNELS meant?",
    ),
    "secrets that others may read": Planted(
        lambda *_: write_env(0o644), "others on this machine may read", "chmod 600"
    ),
    "a token where nothing reads it": Planted(
        lambda *_: write_env(0o600), "no token or key is read", "set -a", Level.WARNING
    ),
    "no token": Planted(
        lambda _, patch: patch.delenv("STREAM_TOKEN_ELENA"),
        "no bot has a token here",
        "docs/discord.md",
        Level.WARNING,
    ),
    "a token that was reset": Planted(
        lambda stream, _: stream.discord.faults.reset_token(stream.elena),
        "Discord refuses STREAM_TOKEN_ELENA",
        "reset it",
    ),
    "no intent": Planted(
        lambda stream, _: stream.discord.faults.disallow_intents(stream.elena, 1 << 15),
        "the Message Content Intent is off",
        "developer portal",
    ),
    "in no server": Planted(
        lambda stream, _: stream.discord.kick(stream.elena),
        "it is in no server",
        "permissions=274877975616",
    ),
    "the watchlist trap": Planted(
        lambda stream, _: stream.edit(watchlist=["ocean", "science"]),
        "elena: watches none of its channels",
        "`watchlist` of elena.yaml",
    ),
    "a slip in the watchlist": Planted(
        lambda stream, _: stream.edit(watchlist=["general", "#general", "genral"]),
        "watches genral, and sees no such channel",
        "general?",
        Level.WARNING,
    ),
    "nowhere to speak": Planted(
        lambda stream, _: stream.values.update(speak_channels=()),
        "may speak unasked nowhere it watches",
        "STREAM_SPEAK_CHANNELS=",
        Level.WARNING,
    ),
    "a right that lacks": Planted(
        lambda stream, _: stream.discord.deny(stream.general, stream.elena, NO_TALK),
        "lacks Send Messages",
        "the channel's permissions",
    ),
    "a channel that is hidden": Planted(
        lambda stream, _: stream.discord.hide(stream.general, stream.elena),
        "sees no channel",
        "View Channel",
    ),
    "a bot in time-out": Planted(
        lambda stream, _: stream.discord.time_out(stream.elena, 600),
        "lacks Send Messages",
        "permissions",
    ),
    "Discord away": Planted(
        lambda stream, _: stream.values.update(discord_api_url="http://127.0.0.1:9/v1"),
        "Discord cannot be asked",
        "network",
    ),
    "a dry run that was forgotten": Planted(
        lambda stream, _: stream.values.update(dry_run=True),
        "nothing is posted",
        "STREAM_DRY_RUN",
        Level.WARNING,
    ),
    "Redis away": Planted(
        lambda stream, _: stream.values.update(redis_url="redis://127.0.0.1:9/0"),
        "Redis cannot be reached",
        "STREAM_REDIS_URL",
    ),
    "a broker that is away": Planted(
        lambda stream, _: stream.values.update(broker_url="redis://127.0.0.1:9/0"),
        "STREAM_BROKER_URL: Redis cannot be reached",
        "STREAM_BROKER_URL",
    ),
    "an authority that is no file": Planted(
        lambda stream, _: stream.values.update(redis_ca="/missing.pem"),
        "STREAM_REDIS_CA: cannot be used",
        "STREAM_REDIS_URL",
    ),
    "Redis evicts": Planted(
        lambda stream, _: config(
            stream, maxmemory=10**9, maxmemory_policy="allkeys-lru"
        ),
        "allkeys-lru: a full Redis throws",
        "noeviction",
    ),
    "Redis is full": Planted(
        lambda stream, _: config(
            stream, maxmemory=int(stream.store.client.info()["used_memory"] * 1.05)
        ),
        " MiB used",
        "more memory",
    ),
    "Redis keeps nothing": Planted(
        lambda stream, _: config(stream, appendonly="no"),
        "lost when it ends",
        "appendonly yes",
    ),
    "another vault key": Planted(
        lambda stream, _: stream.publish(OTHER_KEY),
        "no key in STREAM_VAULT_KEYS opens",
        "STREAM_VAULT_KEYS",
    ),
    "no vault key": Planted(
        lambda stream, _: stream.values.update(vault_keys=()),
        "STREAM_VAULT_KEYS is not set",
        "vault key",
    ),
    "a vault that is gone": Planted(
        lambda stream, _: stream.store.client.delete(keys.vault("elena", "llm")),
        "its vault is gone",
        "start the gateway",
    ),
    "nothing runs": Planted(
        lambda stream, _: only(stream), "nothing runs", "the-stream up", Level.WARNING
    ),
    "no gateway": Planted(
        lambda stream, _: only(stream, Heartbeat(ProcessRole.BEAT, "beat", {})),
        "elena: no gateway runs it",
        "the-stream gateway elena",
    ),
    "a bot that is cut off": Planted(
        lambda stream, _: only(stream, sign(connected=False)),
        "not connected to Discord",
        "log",
    ),
    "a bot that has ended": Planted(
        lambda stream, _: only(stream, sign(False, "elena: mend STREAM_TOKEN_ELENA.")),
        "elena: has ended",
        "STREAM_TOKEN_ELENA",
    ),
    "a queue without a worker": Planted(
        lambda stream, _: only(
            stream, Heartbeat(ProcessRole.WORKER, "w", {"queues": ["cycles", "chores"]})
        ),
        "no worker serves the queue direct",
        "-Q direct,delivery",
    ),
    "no beat": Planted(
        lambda stream, _: only(stream, sign(connected=True)),
        "beat does not tick",
        "celery -A tasks beat",
    ),
    "everybody muted": Planted(
        lambda stream, _: stream.store.run(mutes.mute("all", "operator", 60_000)),
        "all bots are muted",
        "unmute all",
        Level.WARNING,
    ),
    "a model's key is refused": Planted(
        lambda stream, _: answering(stream, refused(401, "no", "invalid_api_key")),
        "openai:m: key refused (401, invalid_api_key)",
        "STREAM_KEY_",
    ),
    "an unknown model": Planted(
        lambda stream, _: answering(stream, refused(404, "no", "model_not_found")),
        "openai:m: unknown model",
        "character file",
    ),
    "a fallback whose server is away": Planted(
        lambda stream, _: stream.edit(
            model={
                "model": "openai:m",
                "base_url": "http://127.0.0.1:9/v1",
                "fallbacks": ["openai:n"],
            }
        ),
        "openai:n: unreachable",
        "base_url",
    ),
    "a model without its key": Planted(
        lambda stream, _: stream.edit(model={"model": "openai:m"}),
        "openai:m has no key",
        "STREAM_KEY_OPENAI",
    ),
    "a provider's package lacks": Planted(
        lambda stream, patch: (
            stream.edit(model={"model": "groq:m"}),
            patch.setenv("STREAM_KEY_GROQ", "x" * 20),
        ),
        "groq:m cannot be made",
        "pip install",
    ),
    "a broken character file": Planted(
        lambda stream, _: stream.edit(pacing={"chattiness": 7}),
        "elena.yaml: pacing.chattiness",
        "the-stream check",
    ),
}


@pytest.fixture
def untouched(store: Store) -> object:
    """The server's configuration is put back after the test."""
    client = store.client
    before = {
        name: client.config_get(name)[name]
        for name in ("maxmemory", "maxmemory-policy", "appendonly")
    }
    yield None
    for name, value in before.items():
        client.config_set(name, value)


@pytest.mark.usefixtures("untouched")
@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_fault_is_found_with_its_remedy(
    name: str, stream: Stream, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is named, as bad as it is, and somebody who reads the remedy can mend it; no
    secret is in it."""
    planted = PLANTED[name]
    if name == "a model without its key":
        monkeypatch.delenv("STREAM_KEY_OPENAI")
    planted.plant(stream, monkeypatch)
    found = wrong(list(examination.examine_stream(stream.settings())))
    fitting = [one for one in found if planted.said in one.what]
    assert fitting, found
    assert any(planted.remedy in one.remedy for one in fitting), fitting
    assert {one.level for one in fitting} == {planted.level}
    assert all(one.remedy for one in found)
    for secret in (stream.key, str(stream.elena.token), "sk-xxx", "s3cret"):
        assert secret not in str(found)


@pytest.mark.usefixtures("untouched")
def test_where_redis_refuses_writes_nobody_is_said_to_be_away(stream: Stream) -> None:
    """Signs of life end then, though all runs: the finding is what Redis lacks, with
    what to do about it."""
    only(stream)
    config(stream, maxmemory=1)
    found = wrong(list(examination.examine_stream(stream.settings())))
    told = [one for one in found if "refuses every write" in one.what]
    assert [(one.area, one.level) for one in told] == [
        ("redis", Level.FAULT),
        ("processes", Level.WARNING),
    ]
    assert "its memory is full" in told[0].what
    assert "CONFIG SET maxmemory" in told[0].remedy
    assert not [one for one in found if "runs" in one.what and one not in told]


def test_a_disk_that_is_full_explains_why_no_sign_is_seen(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a full memory, or a replica, does."""
    assert redis_server.why_writes_fail(store) == ""
    broken = store.client.info() | {"rdb_last_bgsave_status": "err"}
    monkeypatch.setattr(redis_server, "server_info", lambda: ready(broken))
    assert redis_server.why_writes_fail(store) == "it could not write its file"
    replica = broken | {"role": "slave"}
    monkeypatch.setattr(redis_server, "server_info", lambda: ready(replica))
    assert redis_server.why_writes_fail(store) == "it is a replica"


def ready(reply: object) -> Call[object]:
    """A call that answers so."""
    return command("PING", parse=lambda _: reply)


def test_a_model_that_says_nothing_in_few_tokens_is_there(stream: Stream) -> None:
    """A thinker spends them on thoughts: it answered all the same."""
    answering(stream, told(""))
    assert wrong(list(examination.examine_stream(stream.settings()))) == []


def test_python_and_packages_are_held_against_what_is_needed() -> None:
    """Too old a Python, a package that lacks or is too old, each by name; one for
    another system is left out."""
    assert machine.look_at_python((3, 10, 9)).level is Level.FAULT
    wanted = ("redis==0.1", "no-such-package>=1", 'winpty>=1; sys_platform == "win32"')
    found = list(machine.look_at_packages(wanted))
    assert [one.level for one in found] == [Level.FAULT] * 2
    assert found[0].what == f"redis is {metadata.version('redis')}; needed is ==0.1"
    assert "no-such-package is not installed" in found[1].what


def test_a_disk_that_is_nearly_full_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the folder does not exist yet."""
    room = os.statvfs(tmp_path)
    monkeypatch.setattr(machine, "LITTLE", room.f_bavail * room.f_frsize * 2)
    folder = tmp_path / "to" / "come"
    assert machine.look_at_disk(folder).level is Level.WARNING
    monkeypatch.setattr(machine, "TOO_LITTLE", machine.LITTLE)
    assert machine.look_at_disk(folder).level is Level.FAULT


@pytest.mark.parametrize(("ahead", "level"), [(-9, "warning"), (90, "fault")])
def test_clocks_that_differ_are_told(store: Store, ahead: float, level: str) -> None:
    """Seconds matter: elections and leases are counted by Redis's clock."""
    found = redis_server.look_at_redis(store, lambda: time.time() - ahead)
    assert next(found).level == level


@pytest.mark.parametrize(
    ("ahead_ms", "said"),
    [(1_200_000, "1200 s behind Discord's"), (-1_200_000, "1200 s ahead of Discord's")],
)
def test_a_redis_whose_clock_is_not_discords_is_told(
    store: Store, ahead_ms: int, said: str
) -> None:
    """It is allowed for, so it is no fault."""
    store.run(clocks.note_discord_ahead(ahead_ms))
    found = list(redis_server.look_at_redis(store))[1]
    assert found.level is Level.WARNING
    assert said in found.what


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("role", "slave", "replica"),
        ("aof_last_write_status", "err", "could not write"),
        ("rdb_last_bgsave_status", "err", "could not write"),
        ("redis_version", "6.0.16", "too old"),
    ],
)
def test_what_a_server_tells_of_its_troubles(
    store: Store, field: str, value: str, said: str
) -> None:
    """Troubles that cannot be brought about here, in the words of a real server's
    INFO."""
    info = store.client.info() | {"server_name": "redis", field: value}
    found = wrong(list(redis_server.findings_of(info)))
    assert [said in one.what for one in found] == [True]


def test_a_server_that_says_who_watches_and_speaks_is_no_trap(
    stream: Stream, tmp_path: Path
) -> None:
    """What STREAM_PLACES says of a whole server counts: whoever it names watches
    there, whatever the watchlist says, and may speak."""
    stream.edit(watchlist=["ocean"])
    stream.values["speak_channels"] = ()
    seen = Seen(str(stream.general.id), "general", "Tide", (), guild_id="7")
    elena = load_character("elena", stream.folder)
    trap = list(judge_rights(elena, [seen], stream.settings()))
    assert any("watches none of its channels" in one.what for one in trap)
    file = tmp_path / "places.yaml"
    file.write_text("servers:\n  '7': {speak: true, watchers: [elena]}\n", "utf-8")
    stream.values["places"] = file
    words = [one.what for one in judge_rights(elena, [seen], stream.settings())]
    assert "elena: may speak unasked in #general (Tide)" in words
    file.write_text("servers:\n  '7': {speak: true, watchers: [aria]}\n", "utf-8")
    stream.values["places"] = tmp_path / "other.yaml"
    file.rename(tmp_path / "other.yaml")
    words = [one.what for one in judge_rights(elena, [seen], stream.settings())]
    assert any("watches none of its channels" in one for one in words)


def test_the_command_prints_lines_or_json_and_an_exit_code(
    stream: Stream, tmp_path: Path
) -> None:
    """At 40 columns no line of words is longer; in JSON each finding has its remedy;
    faults end it with 1, and an unknown bot with 2."""
    stream.edit(watchlist=["ocean"])
    env = {
        "STREAM_CHARACTERS_DIR": str(stream.folder),
        "STREAM_REDIS_URL": stream.values["redis_url"],
        "STREAM_VAULT_KEYS": stream.key,
        "STREAM_DISCORD_API_URL": stream.discord.api_url,
        "STREAM_DISCORD_GATEWAY_URL": stream.discord.gateway_url,
    }
    done = run("doctor", "--no-models", "--json", cwd=tmp_path, **env)
    assert done.returncode == 1, done.stderr
    report = json.loads(done.stdout)
    assert report["faults"] == 1
    trap = next(one for one in report["findings"] if one["level"] == "fault")
    assert (trap["area"], bool(trap["remedy"])) == ("discord", True)
    lines = run("doctor", "--no-models", cwd=tmp_path, COLUMNS="40", **env).stdout
    assert "✗ discord: elena: watches none" in lines
    assert run("doctor", "nobody", cwd=tmp_path, **env).returncode == 2


def test_a_bot_that_only_the_roster_knows_is_looked_at(stream: Stream) -> None:
    """The gateway of another machine that has ended is missed here."""
    stream.store.client.delete(keys.heartbeat("gateway", "elena"))
    found = wrong(list(examination.examine_stream(stream.settings(), [], False)))
    assert [one.what for one in found] == ["elena: no gateway runs it"]
    stream.store.run(roster.strike("elena"))
