"""The login of Redis that the page and the commands inside Discord have: enough for
all that they offer, and no more (docker/users.acl)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.domain.safe_yaml import load_yaml
from app.domain.settings import Settings
from app.gateway.asking import Question, Verb
from app.operator.inside import InsideDesk
from app.store import heartbeats, keys, mutes
from app.store.heartbeats import Heartbeat, ProcessRole
from app.web.actions import Actions
from app.web.room import StreamView
from tests.e2e.recorded import Granted, Recorder, unused
from tests.web.conftest import GUILD, LOUNGE, OCEAN, Stream

FILE = Path(__file__).parents[2] / "docker" / "users.acl"
LINE = next(
    line for line in FILE.read_text().splitlines() if line.startswith("user page ")
)


@pytest.fixture
def login(stream: Stream) -> Iterator[str]:
    """The shipped user on the test's server; its address."""
    client = stream.store.client
    words = [word for word in LINE.split()[2:] if not word.startswith(">")]
    client.execute_command("ACL", "SETUSER", "page", "reset", ">secret", *words)
    client.execute_command("ACL", "LOG", "RESET")
    parameters = client.connection_pool.connection_kwargs
    yield f"redis://page:secret@{parameters['host']}:{parameters['port']}/0"
    client.execute_command("ACL", "DELUSER", "page")


def scene(stream: Stream) -> tuple[str, str]:
    """Something of every kind that the page shows; a message, and a post that answers
    it."""
    message = stream.say("Do whales sleep?", "Tom", ago=30)
    stream.contest(message)
    post = stream.answer(message, "With half a brain at a time.")
    stream.wait_in_private("hello")
    store, client = stream.store, stream.store.client
    store.run(mutes.mute(f"bot:dotty@channel:{OCEAN}", "operator", 60_000))
    for name, value in ((keys.dead("elena"), {f"e{message}": "403 50013"}),
                        (keys.answer(message), {"elena": f"delivered:{post}"}),
                        (keys.cause(post), {"answers": message}),
                        (keys.model_trouble("elena", "x:y"), {"fault": "401"})):  # fmt: skip
        client.hset(name, mapping=value)
        client.pexpire(name, 60_000)
    # What is written next shortens a journal that is full.
    line = str(client.lindex(keys.journal(message), -1))
    client.rpush(keys.journal(message), *[line] * 500)
    told = Heartbeat(
        ProcessRole.WORKER, "direct@here", {"queues": ["direct", "cycles"]}
    )
    store.run(heartbeats.tell(told))
    return message, post


def use_everything(settings: Settings, message: str, post: str) -> None:
    """Each button and question of the page, and each command inside Discord."""
    room, actions = StreamView(settings), Actions(settings)
    room.look(anew=True)
    for asked in (message, post):
        assert actions.explain({"message": asked}, direct=True)["sentence"]
    assert actions.search({"q": "whales"}, direct=False)["found"]
    actions.find_unanswered({}, direct=True)
    for by in ("bot", "person", "channel"):
        actions.find_costs({"by": by}, direct=True)
    for scope in ("all", "bot:elena", f"channel:{LOUNGE}"):
        actions.mute({"scope": scope, "for": "1h"})
        room.look(anew=True)
        actions.unmute({"scope": scope})
    actions.retry({"entry": f"e{message}"})
    room.close()
    desk = InsideDesk(settings)
    for verb in (Verb.STATUS, Verb.COSTS, Verb.WHY, Verb.MUTE, Verb.UNMUTE):
        told = desk.answer(
            Question(
                verb=verb,
                guild=GUILD,
                channel=LOUNGE,
                by="601",
                channels=frozenset({LOUNGE, OCEAN}),
                visible=frozenset({LOUNGE, OCEAN}),
            )
        )
        assert "may not read" not in told


def test_the_login_does_all_and_no_more(stream: Stream, login: str) -> None:
    """The server refuses nothing of it, and whatever was granted was used."""
    message, post = scene(stream)
    # A script that another test has loaded would not be loaded again.
    stream.store.client.script_flush()
    recorder = Recorder(stream.url)
    use_everything(
        stream.settings().model_copy(update={"redis_url": login}), message, post
    )
    denied = [
        (entry["reason"], entry["object"]) for entry in stream.store.client.acl_log()
    ]
    used = recorder.used()["page"]
    assert denied == []
    # A script's keys must be readable and writable, whatever it does with them.
    assert set(unused(Granted.of(LINE), used)) <= {"%R~refusal:*"}


def test_the_container_of_the_page_has_this_login_alone() -> None:
    """Its secrets are its own address and password, its port is published on this
    machine alone, and each secret of the compose file is made by passwords.sh."""
    composed = load_yaml((FILE.parent / "compose.yaml").read_text())
    service = composed["services"]["page"]
    names = [
        one["source"] if isinstance(one, dict) else one for one in service["secrets"]
    ]
    assert names == ["page_url", "page_password"]
    assert all(port.startswith("127.0.0.1:") for port in service["ports"])
    given = set(service["environment"])
    variables = {f"STREAM_{name.upper()}" for name in Settings.model_fields}
    assert {name.removesuffix("_FILE") for name in given} <= variables
    script = (FILE.parent / "passwords.sh").read_text()
    for one in composed["secrets"].values():
        name = Path(one["file"]).name
        users = re.search(r"for user in ([a-z ]+);", script)
        assert users is not None
        made = {f"{user}.url" for user in users[1].split()}
        assert name in made or f"secrets/{name}" in script, name
