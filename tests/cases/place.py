"""The server of the cases: its people, its two bots of ours, a foreign one, and the
real processes behind ours."""

from __future__ import annotations

import contextlib
import json
import signal
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import yaml

from app.domain.character import load_characters
from app.loopback import Account, Channel, Guild, LoopbackDiscord
from app.loopback.channels import ChannelType
from app.loopback.guild_people import ChannelOptions
from app.loopback.permissions import Permission
from tests.cases.reading import Case, ChannelPlan
from tests.e2e.model_server import ModelServer
from tests.e2e.system import System, system

BOTS = ("elena", "vera")
NAMES = {"owner": "Olga", "mara": "Mara", "tom": "Tom", "kim": "Kim", "luna": "Luna"}
"""Display names; `sam` and `owl` have none that reads like their handle."""

DISPLAYED = NAMES | {"sam": "Sam (she/her)", "owl": "night_owl"}
NICKNAMES = {"mara": "Mara", "kim": "Kim of the North", "elena": "Captain Coral"}
SHORT = {
    "SEND": "SEND_MESSAGES",
    "VIEW": "VIEW_CHANNEL",
    "HISTORY": "READ_MESSAGE_HISTORY",
    "READ_HISTORY": "READ_MESSAGE_HISTORY",
    "SEND_IN_THREADS": "SEND_MESSAGES_IN_THREADS",
    "REACT": "ADD_REACTIONS",
}
"""Names of permissions as cases write them."""


@dataclass
class Place:
    """What every case shares. Each case has channels of its own, made before the
    gateways start."""

    stream: System
    model: ModelServer
    guild: Guild
    people: dict[str, Account]
    bots: dict[str, Account]
    dyno: Account
    channels: dict[tuple[str, str], Channel]

    @property
    def accounts(self) -> dict[str, Account]:
        """Everybody, by the name that cases use."""
        return self.people | self.bots | {"dyno": self.dyno}

    def channel(self, case: Case, name: str | None = None) -> Channel:
        """A channel of a case; its home when none is named."""
        return self.channels[case.id, name or case.home.name]

    def gateway_away(self) -> contextlib.AbstractContextManager[None]:
        """The gateway ends in good order and is started again afterwards."""
        return _away(self.stream, self.bots)


def permissions(names: Sequence[str]) -> Permission:
    """Permissions by the names that cases use."""
    granted = Permission(0)
    for name in names:
        granted |= Permission[SHORT.get(name, name)]
    return granted


@contextlib.contextmanager
def place(folder: Path, cases: Sequence[Case]) -> Iterator[Place]:
    """The whole server with everything that these cases need, its gateway and workers
    running."""
    server = LoopbackDiscord(rate_limit=None)
    owner = server.add_user("Olga", username="olga")
    guild = server.add_guild("The Harbour", owner=owner)
    people = {"owner": owner} | {
        who: _person(server, who) for who in DISPLAYED if who != "owner"
    }
    bots = {name: server.add_bot(name.title(), username=name) for name in BOTS}
    dyno = server.add_bot("Dyno", username="dyno")
    for who, nick in NICKNAMES.items():
        server.set_nick((people | bots)[who], guild, nick)
    channels: dict[tuple[str, str], Channel] = {}
    for case in cases:
        for plan in case.channels:
            category = channels[case.id, plan.category] if plan.category else None
            channels[case.id, plan.name] = _channel(server, plan, bots, category)
    speaking = [
        channels[case.id, plan.name]
        for case in cases
        for plan in case.channels
        if plan.speak
    ]
    with ModelServer() as model:
        settings = {
            "characters_dir": _characters(folder / "characters", model.url),
            "speak_channels": ",".join(str(channel.id) for channel in speaking),
            "cooldown": 0,
        }
        with system(folder, server, **settings) as stream:
            for name, account in bots.items():
                stream.env[f"STREAM_TOKEN_{name.upper()}"] = account.token or ""
            stream.workers()
            stream.beat()
            _start_gateway(stream, bots)
            stream.wait_workers()
            _warm_up(stream, owner, bots)
            yield Place(stream, model, guild, people, bots, dyno, channels)


def texts(prompt: str) -> str:
    """What a recorded prompt says, without the quoting of its transport."""
    contents = [message["content"] for message in json.loads(prompt)]
    return "\n".join(
        one if isinstance(one, str) else json.dumps(one, ensure_ascii=False)
        for one in contents
    )


def _person(server: LoopbackDiscord, who: str) -> Account:
    return server.add_user(DISPLAYED[who], username=who, moderator=who == "tom")


def _channel(
    server: LoopbackDiscord,
    plan: ChannelPlan,
    bots: Mapping[str, Account],
    category: Channel | None,
) -> Channel:
    kind = ChannelType(plan.type)
    inside: ChannelOptions = {} if category is None else {"category": category}
    channel = server.add_channel(plan.name, kind=kind, **inside)
    if plan.topic is not None:
        server.set_topic(channel, plan.topic)
    for who, names in plan.deny.items():
        target = server.everyone_role() if who == "everyone" else bots[who]
        server.deny(channel, target, permissions(names))
    return channel


def _characters(folder: Path, model_url: str) -> Path:
    """Elena as she is shipped; Vera is Aria with a model that records its prompts. Both
    consider every channel."""
    shipped = {
        one.name: one.model_dump(mode="json", exclude_defaults=True)
        for one in load_characters().values()
    }
    everywhere = {"watchlist": ["*"]}
    recording = {"model": "openai:recording", "base_url": model_url}
    elena = shipped["elena"] | everywhere
    vera = (
        shipped["aria"]
        | everywhere
        | {"name": "vera", "display_name": "Vera", "model": recording}
    )
    folder.mkdir(parents=True)
    for character in (elena, vera):
        text = yaml.safe_dump(character, allow_unicode=True)
        (folder / f"{character['name']}.yaml").write_text(text, encoding="utf-8")
    return folder


def _start_gateway(stream: System, bots: Mapping[str, Account]) -> None:
    stream.gateway(*bots)
    stream.wait(
        lambda: set(bots.values()) <= set(stream.discord.connected()), 60.0, "gateways"
    )
    stream.wait_ready(*bots)


def _warm_up(stream: System, owner: Account, bots: Mapping[str, Account]) -> None:
    """Each bot answers once, so that no case waits for what is loaded at first use."""
    greetings = [stream.discord.dm(owner, bot, "Hello!") for bot in bots.values()]
    homes = {greeting.channel_id for greeting in greetings}
    stream.wait(
        lambda: homes <= {post.channel_id for post in stream.discord.posts_by_bots()},
        60.0,
        "first answers",
    )


@contextlib.contextmanager
def _away(stream: System, bots: Mapping[str, Account]) -> Iterator[None]:
    stream.kill("gateway", signal.SIGTERM)
    stream.processes.pop("gateway").wait(20.0)
    yield
    _start_gateway(stream, bots)
