"""A stream in which all is well: a loopback Discord, a real Valkey, a model's server,
and what its processes tell of themselves."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import discord
import pytest
from cryptography.fernet import Fernet

from app.domain.character import load_character
from app.domain.model import RosterEntry
from app.domain.safe_yaml import load_yaml
from app.domain.settings import Settings
from app.loopback import Account, Channel, LoopbackDiscord, LoopbackThread
from app.store import heartbeats, roster, vault
from app.store.door import Store
from app.store.heartbeats import Heartbeat, ProcessRole
from app.store.vault import Vault
from tests.brain.provider_server import ProviderServer, Sent, said
from tests.written_yaml import dump_yaml


@dataclass
class Stream:
    """What a test may spoil before it asks."""

    store: Store
    discord: LoopbackThread
    general: Channel
    elena: Account
    model: ProviderServer
    folder: Path
    key: str
    values: dict[str, Any] = field(default_factory=dict)
    """Settings that differ from those of a healthy stream."""

    def settings(self) -> Settings:
        """As the operator's commands read them."""
        healthy: dict[str, Any] = {
            "redis_url": self.values["redis_url"],
            "characters_dir": self.folder,
            "discord_api_url": self.discord.api_url,
            "discord_gateway_url": self.discord.gateway_url,
            "speak_channels": (str(self.general.id),),
            "vault_keys": self.key,
            "model_timeout": 5.0,
        }
        return Settings(**(healthy | self.values))

    def edit(self, **changes: object) -> None:
        """Change elena's character file."""
        file = self.folder / "elena.yaml"
        written = load_yaml(file.read_text("utf-8"))
        file.write_text(dump_yaml(written | changes), "utf-8")

    def publish(self, key: str | None = None) -> None:
        """As her gateway does, sealed with a key."""
        discord_part = json.dumps({"user_id": str(self.elena.id)})
        profile = load_character("elena", self.folder).model_dump_json()
        safe = Vault(Settings(vault_keys=key or self.key).vault_keys)  # type: ignore[arg-type]
        sealed = safe.seal("elena", {"token": "t" * 9}, ["{}", discord_part, profile])
        self.store.run(vault.publish("elena", sealed, "{}", discord_part, profile))

    def live(self) -> None:
        """Every process tells that it lives."""
        since = {"connected": True, "since": 1.0, "error": ""}
        self.store.run(heartbeats.tell(Heartbeat(ProcessRole.GATEWAY, "elena", since)))
        for name, queues in (
            ("direct@h", ["delivery", "direct"]),
            ("cycles@h", ["chores", "cycles"]),
        ):
            sign = Heartbeat(ProcessRole.WORKER, name, {"queues": queues})
            self.store.run(heartbeats.tell(sign))
        self.store.run(heartbeats.tell(Heartbeat(ProcessRole.BEAT, "beat", {})))


@pytest.fixture
def stream(
    store: Store, redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Stream]:
    """Elena watches #general, may speak there, has a model and all rights."""
    monkeypatch.setattr(discord.http.Route, "BASE", discord.http.Route.BASE)
    gateway = discord.gateway.DiscordWebSocket
    monkeypatch.setattr(gateway, "DEFAULT_GATEWAY", gateway.DEFAULT_GATEWAY)
    monkeypatch.chdir(tmp_path)
    shipped = Path(__file__).parents[2] / "app" / "characters" / "elena.yaml"
    folder = tmp_path / "characters"
    folder.mkdir()
    (folder / "elena.yaml").write_text(shipped.read_text("utf-8"), "utf-8")
    answer: list[Sent] = [said("ok")]
    with (
        LoopbackThread(LoopbackDiscord(rate_limit=None)) as server,
        ProviderServer(lambda _: answer[0]) as model,
    ):
        general, elena = server.add_channel("general"), server.add_bot("elena")
        monkeypatch.setenv("STREAM_TOKEN_ELENA", str(elena.token))
        monkeypatch.setenv("STREAM_KEY_OPENAI", "sk-" + "x" * 20)
        made = Stream(
            store=store,
            discord=server,
            general=general,
            elena=elena,
            model=model,
            folder=folder,
            key=Fernet.generate_key().decode(),
            values={"redis_url": redis_url},
        )
        made.edit(
            watchlist=["general"],
            model={"model": "openai:m", "base_url": model.url},
        )
        entry = RosterEntry(bot="elena", user_id=str(elena.id), names=("elena",))
        store.run(roster.enlist(entry))
        made.publish()
        made.live()
        yield made
