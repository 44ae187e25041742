"""Application commands of bots, and people's uses of them."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import cast

from app.loopback import channel_payloads, errors, payloads, user_payloads
from app.loopback.errors import Json
from app.loopback.snowflake import iso_time
from app.loopback.state import Account, Channel, Guild, Message, Permission, World

ANSWER_WITHIN = 3.0
"""Seconds in which an application must answer; then the interaction is unknown."""
CHAT_INPUT, MESSAGE = 1, 3
"""Types of a command: typed after a slash, or chosen in the menu of a message."""
EPHEMERAL = 1 << 6
LOADING = 1 << 7
_SUBCOMMAND = 1
_APPLICATION_COMMAND = 2


@dataclass(slots=True)
class Interaction:
    """One use of a command, as it stands now. Its answer is for the person alone and is
    no message of the channel."""

    id: int
    token: str
    application: Account
    person: Account
    channel: Channel
    command: str
    begun: float
    """Seconds of time.monotonic()."""
    acknowledged: bool = False
    ephemeral: bool = False
    content: str | None = None
    """None until there is an answer."""
    answers: list[str] = field(default_factory=list)
    """Every content that it has had."""

    def answer(self, content: str) -> None:
        """Give it a content, in place of the one before."""
        self.content = content
        self.answers.append(content)


class Interactions:
    """What is registered, by application and guild, and every use."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._commands: dict[tuple[int, int], list[Json]] = {}
        self.by_token: dict[str, Interaction] = {}

    def register(self, bot: Account, guild: Guild, wanted: list[Json]) -> list[Json]:
        """Put these commands in place of the guild's former ones of the application."""
        made = [self._described(bot, guild, one) for one in wanted]
        self._commands[bot.id, guild.id] = made
        return made

    def registered(self, bot: Account, guild: Guild) -> list[Json]:
        """The commands of an application in a guild."""
        return self._commands.get((bot.id, guild.id), [])

    def forget(self, bot: Account, guild: Guild) -> None:
        """The application has left the guild."""
        self._commands.pop((bot.id, guild.id), None)

    def begin(
        self, person: Account, bot: Account, channel: Channel, name: str
    ) -> Interaction:
        """A person uses a command: it has a token from now on."""
        made = self._world.snowflakes.next()
        use = Interaction(
            id=made,
            token=f"interaction-{made}",
            application=bot,
            person=person,
            channel=channel,
            command=name,
            begun=time.monotonic(),
        )
        self.by_token[use.token] = use
        return use

    def command(
        self, use: Interaction, guild: Guild, name: str, kind: int, granted: bool
    ) -> Json:
        """The registered command. Raises 10063 where there is none, and 50013 where the
        person may not use it: `granted` says that the server lets everybody."""
        for one in self.registered(use.application, guild):
            if (one["name"], one["type"]) == (name, kind):
                needed = Permission(int(str(one["default_member_permissions"] or 0)))
                may = self._world.permissions(use.person, use.channel)
                if not granted and needed & ~may:
                    raise errors.missing_permissions()
                return one
        raise errors.unknown_command()

    def payload(self, use: Interaction, guild: Guild, data: Json) -> Json:
        """INTERACTION_CREATE."""
        world = self._world
        may = world.permissions(use.person, use.channel)
        own = world.permissions(use.application, use.channel)
        member = user_payloads.member(use.person, guild)
        return {
            "id": str(use.id),
            "application_id": str(use.application.id),
            "type": _APPLICATION_COMMAND,
            "data": {**data, "guild_id": str(guild.id)},
            "guild_id": str(guild.id),
            "guild": {"id": str(guild.id), "locale": "en-US", "features": []},
            "channel_id": str(use.channel.id),
            "channel": {
                **channel_payloads.channel(world, use.channel),
                "permissions": str(int(may)),
            },
            "member": {**member, "permissions": str(int(may))},
            "token": use.token,
            "version": 1,
            "app_permissions": str(int(own)),
            "locale": "en-US",
            "guild_locale": "en-US",
            "entitlements": [],
            "authorizing_integration_owners": {"0": str(guild.id)},
            "context": 0,
            "attachment_size_limit": 10 * 1024 * 1024,
        }

    def message(self, use: Interaction) -> Json:
        """The answer as a message."""
        flags = EPHEMERAL * use.ephemeral | LOADING * (use.content is None)
        return {
            "id": str(use.id + 1),
            "channel_id": str(use.channel.id),
            "application_id": str(use.application.id),
            "webhook_id": str(use.application.id),
            "type": 20,
            "content": use.content or "",
            "author": user_payloads.user(use.application),
            "timestamp": iso_time(use.id),
            "edited_timestamp": None,
            "tts": False,
            "pinned": False,
            "flags": flags,
            "mention_everyone": False,
            "mentions": [],
            "mention_roles": [],
            "attachments": [],
            "embeds": [],
            "components": [],
        }

    def _described(self, bot: Account, guild: Guild, wanted: Json) -> Json:
        made, needed = (
            self._world.snowflakes.next(),
            wanted.get("default_member_permissions"),
        )
        return {
            "id": str(made),
            "application_id": str(bot.id),
            "guild_id": str(guild.id),
            "version": str(made),
            "type": wanted.get("type") or CHAT_INPUT,
            "name": wanted["name"],
            "description": wanted.get("description") or "",
            "options": wanted.get("options") or [],
            "default_member_permissions": None if needed is None else str(needed),
            "dm_permission": False,
            "contexts": None,
            "integration_types": [0],
            "nsfw": False,
        }


def chat_data(command: Json, path: list[str], values: Mapping[str, str]) -> Json:
    """The data of a slash command; `path` names its subcommand, if it has any. Raises
    KeyError for an option that is not registered."""
    options = cast("list[Json]", command["options"])
    for name in path:
        found = next(one for one in options if one["name"] == name)
        options = cast("list[Json]", found.get("options") or [])
    types = {str(one["name"]): one["type"] for one in options}
    given: list[Json] = [
        {"name": name, "type": types[name], "value": value}
        for name, value in values.items()
    ]
    for name in reversed(path):
        given = [{"name": name, "type": _SUBCOMMAND, "options": given}]
    return {
        "id": command["id"],
        "name": command["name"],
        "type": CHAT_INPUT,
        "options": given,
    }


def menu_data(world: World, command: Json, target: Message) -> Json:
    """The data of a command in the menu of a message."""
    shape = payloads.message(world, target)
    return {
        "id": command["id"],
        "name": command["name"],
        "type": MESSAGE,
        "target_id": str(target.id),
        "resolved": {"messages": {str(target.id): shape}},
    }
