"""Plays the steps of a case, one after the other; every step leaves behind the message
that it made, if any."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from app.loopback import Account, Post
from app.loopback.guild_people import ChannelRef
from app.operator import ops
from app.store import mutes, roster
from tests.cases.place import NICKNAMES, Place, permissions
from tests.cases.reading import Case

_PLACEHOLDER = re.compile(r"\{(?:(role|chan|name|id):)?([a-z_-]+)\}")
UNKNOWN = 10**17
AUTOMOD = {"message": "Message was blocked by automatic moderation", "code": 200000}

Json = Mapping[str, Any]


@dataclass
class Play:
    """A case while it is played. `prompts` and `said` count the prompts and our bots'
    posts before each step."""

    place: Place
    case: Case
    posts: dict[int, Post] = field(default_factory=dict)
    threads: dict[int, ChannelRef] = field(default_factory=dict)
    roles: dict[str, Any] = field(default_factory=dict)
    guests: dict[str, Account] = field(default_factory=dict)
    prompts: dict[int, int] = field(default_factory=dict)
    said: dict[int, int] = field(default_factory=dict)
    undo: list[Callable[[], object]] = field(default_factory=list)

    def run(self) -> None:
        """All steps in order. AssertionError for a step of no known kind."""
        for number, step in enumerate(self.case.steps):
            ((kind, what),) = step.items()
            play: Callable[[int, Any], None] | None = getattr(self, f"_{kind}", None)
            assert play is not None, f"no such step: {kind}"
            self.prompts[number] = len(self.place.model.prompts)
            self.said[number] = len(self.place.stream.discord.posts_by_bots())
            play(number, what)

    def end(self) -> None:
        """Take back what would be seen in the next case."""
        while self.undo:
            self.undo.pop()()

    def text(self, raw: str) -> str:
        """A text with its placeholders filled in."""
        return _PLACEHOLDER.sub(
            lambda found: self._placeholder(found[1], found[2], found[0]), raw
        )

    def _placeholder(self, kind: str | None, name: str, raw: str) -> str:
        if kind == "chan":
            return self.place.channel(self.case, name).mention
        if kind == "role":
            bots = self.place.bots
            role = (
                self.place.stream.discord.managed_role(bots[name])
                if name in bots
                else self.roles[name]
            )
            return str(role.mention)
        account = self.place.accounts.get(name)
        if account is None:
            return raw
        if kind == "id":
            return str(account.id)
        return account.mention if kind is None else account.name

    def _who(self, what: Json, default: str = "mara") -> Account:
        return self.place.accounts[what.get("by", default)]

    def _where(self, what: Json) -> ChannelRef:
        if "thread" in what:
            return self.threads[what["thread"]]
        return self.place.channel(self.case, what.get("in"))

    def _say(self, number: int, what: Json) -> None:
        discord = self.place.stream.discord
        author, channel = self._who(what), self._where(what)
        if "dm" in what:
            author = self._guest(what.get("by", "mara"))
            channel = discord.dm_channel(author, self.place.bots[what["dm"]])
        reply = self.posts[what["reply"]] if "reply" in what else None
        self.posts[number] = discord.post(
            author,
            channel,
            self.text(what.get("text", "")),
            reply,
            ping_reply=what.get("ping", True),
            extra=what.get("extra", {}),
            drop=what.get("drop", ()),
            message_type=what.get("type", 0),
        )

    def _guest(self, who: str) -> Account:
        """A person of this name whom no other case has sent direct messages of."""
        if who not in self.guests:
            known = self.place.people[who]
            self.guests[who] = self.place.stream.discord.add_user(
                known.name, username=f"{who}{len(self.posts)}"
            )
        return self.guests[who]

    def _bot_says(self, number: int, what: Json) -> None:
        channel = self._where(what)
        self.posts[number] = self.place.stream.discord.post(
            self._who(what, "elena"), channel, self.text(what["text"])
        )

    def _webhook(self, number: int, what: Json) -> None:
        application = what.get("application")
        self.posts[number] = self.place.stream.discord.say_webhook(
            self._where(what),
            what["name"],
            self.text(what["text"]),
            None if application is None else int(application),
            extra=what.get("extra"),
        )

    def _forum(self, number: int, what: Json) -> None:
        if what.get("away"):
            with self.place.gateway_away():
                self._open_post(number, what)
        else:
            self._open_post(number, what)

    def _open_post(self, number: int, what: Json) -> None:
        discord = self.place.stream.discord
        forum = self.place.channel(self.case, what.get("in"))
        post = discord.open_post(
            self._who(what), forum, what["title"], self.text(what.get("text", ""))
        )
        self.posts[number] = post
        self.threads[number] = post.channel_id

    def _thread(self, number: int, what: Json) -> None:
        on = self.posts.get(what.get("on", -1))
        name = what.get("name", "thread")
        channel: ChannelRef = self._where({}) if on is None else on.channel_id
        self.threads[number] = self.place.stream.discord.open_thread(
            self._who(what), channel, name, on
        )

    def _delete(self, number: int, what: int) -> None:
        self.place.stream.discord.delete(self.posts[what])

    def _edit(self, number: int, what: Json) -> None:
        self.place.stream.discord.edit(self.posts[what["of"]], self.text(what["text"]))
        self.posts[number] = self.posts[what["of"]]

    def _rule(self, number: int, what: Json) -> None:
        self.place.stream.discord.faults.fail_next(
            what["method"],
            what["path"],
            what["status"],
            what.get("body"),
            times=what.get("times", 1),
            headers=what.get("headers", {}),
        )

    def _automod(self, number: int, what: str | bool) -> None:
        """AutoMod blocks a phrase, or whatever is written next in the case's home."""
        discord = self.place.stream.discord
        if isinstance(what, str):
            discord.automod(what)
            self.undo.append(lambda: discord.automod_off(what))
            return
        path = rf"/channels/{self.place.channel(self.case).id}/messages$"
        discord.faults.fail_next("POST", path, 400, AUTOMOD)

    def _mute(self, number: int, what: str) -> None:
        store = self.place.stream.store
        scope = f"channel:{self.place.channel(self.case, what).id}"
        store.run(mutes.mute(scope, "case"))
        assert ops.wait_for_acknowledgement(store, 10.0)

    def _model_delay(self, number: int, what: float) -> None:
        model = self.place.model
        model.delay = lambda rng: what
        self.undo.append(lambda: setattr(model, "delay", lambda rng: 0.0))

    def _sleep(self, number: int, what: float) -> None:
        time.sleep(what)

    def _nick(self, number: int, what: Json) -> None:
        who = what["of"]
        self._call_by_nick(who, what["to"])
        self.undo.append(lambda: self._call_by_nick(who, NICKNAMES.get(who)))

    def _call_by_nick(self, who: str, nick: str | None) -> None:
        """Give somebody a nickname; that of a bot of ours is waited for until it is on
        the roster."""
        place = self.place
        place.stream.discord.set_nick(place.accounts[who], place.guild, nick)
        guild = str(place.guild.id)
        if who in place.bots:
            place.stream.wait(
                lambda: self._listed(who).get(guild) == nick,
                what=f"{nick} on the roster",
            )

    def _listed(self, bot: str) -> Mapping[str, str]:
        """A bot's nicknames on the roster, by server."""
        entries = self.place.stream.store.run(roster.roster())
        return next(entry.nicknames for entry in entries if entry.bot == bot)

    def _role(self, number: int, what: Json) -> None:
        """Make a role and give it to somebody."""
        discord = self.place.stream.discord
        role = discord.add_role(what["name"], self.place.guild, mentionable=True)
        self.roles[what["name"]] = role
        for who in what.get("to", ()):
            discord.give_role(self.place.accounts[who], role, self.place.guild)
        for permitted in what.get("overwrites", ()):
            allow, deny = (
                permissions(permitted.get("allow", ())),
                permissions(permitted.get("deny", ())),
            )
            discord.set_overwrite(self._where(permitted), role, allow=allow, deny=deny)

    def _archive(self, number: int, what: int) -> None:
        self.place.stream.discord.archive(self.threads[what])

    def _lock(self, number: int, what: int) -> None:
        self.place.stream.discord.lock(self.threads[what])

    def _deny(self, number: int, what: Json) -> None:
        discord = self.place.stream.discord
        discord.deny(
            self._where(what),
            self.place.bots[what["to"]],
            permissions(what["permissions"]),
        )

    def _permit(self, number: int, what: Json) -> None:
        discord = self.place.stream.discord
        discord.permit(
            self._where(what),
            self.place.bots[what["to"]],
            permissions(what["permissions"]),
        )

    def _time_out(self, number: int, what: Json) -> None:
        discord, account = self.place.stream.discord, self.place.accounts[what["of"]]
        discord.time_out(account, what["seconds"])
        self.undo.append(lambda: discord.time_out(account, None))

    def _take_role(self, number: int, what: Json) -> None:
        self.place.stream.discord.take_role(
            self.place.accounts[what["from"]], self.roles[what["name"]]
        )

    def _private_thread(self, number: int, what: Json) -> None:
        members = [self.place.accounts[who] for who in what["members"]]
        home = self._where(what)
        self.threads[number] = self.place.stream.discord.open_private_thread(
            self._who(what), home, what.get("name", "secret"), members
        )

    def _chatter(self, number: int, what: Json) -> None:
        """So many lines of small talk, which push older ones out of what is read before
        an answer."""
        for count in range(what["count"]):
            text = f"The weather report, part {count}."
            self.place.stream.discord.post(
                self._who(what, "tom"), self._where(what), text
            )

    def _preview(self, number: int, what: Json) -> None:
        self.place.stream.discord.preview_links(self.posts[what["of"]], *what["embeds"])
        self.posts[number] = self.posts[what["of"]]

    def _topic(self, number: int, what: Json) -> None:
        self.place.stream.discord.set_topic(self._where(what), what.get("to"))

    def _rename(self, number: int, what: Json) -> None:
        self.place.stream.discord.rename(self._where(what), what["to"])

    def _command(self, number: int, what: Json) -> None:
        """A person's chat command, answered by the foreign bot."""
        home, text = self._where(what), self.text(what["text"])
        self.posts[number] = self.place.stream.discord.run_command(
            self._who(what),
            self.place.dyno,
            home,
            what["name"],
            text,
            menu=what.get("menu", False),
        )

    def _block(self, number: int, what: Json) -> None:
        """A person of this case's direct messages blocks a bot."""
        discord, person = self.place.stream.discord, self._guest(what.get("by", "mara"))
        discord.block(person, self.place.bots[what["bot"]])

    def _op7(self, number: int, what: bool) -> None:
        self.place.stream.discord.faults.send_op7()

    def _op9(self, number: int, what: bool) -> None:
        self.place.stream.discord.faults.send_op9(resumable=what)

    def _react(self, number: int, what: Json) -> None:
        discord = self.place.stream.discord
        discord.react(self._who(what), self.posts[what["on"]], what["emoji"])

    def _unknown_guild(self, number: int, what: Json) -> None:
        """A message of a server that no bot has heard of; a mention in it is as good as
        any."""
        author = self._who(what)
        payload = _message(
            author,
            self.text(what.get("text", "{elena} hello?")),
            [self.place.bots["elena"]],
        )
        self._publish(
            "MESSAGE_CREATE",
            payload | {"guild_id": str(UNKNOWN), "channel_id": str(UNKNOWN + 1)},
        )

    def _emit(self, number: int, what: Json) -> None:
        """A raw event, in the case's home for whatever names no channel."""
        payload = dict(what["d"])
        home = self.place.channel(self.case)
        payload.setdefault("channel_id", str(home.id))
        payload.setdefault("guild_id", str(self.place.guild.id))
        self._publish(what["t"], payload)

    def _publish(self, name: str, payload: Json) -> None:
        for bot in self.place.bots.values():
            self.place.stream.discord.emit(name, payload, bot)


def _message(author: Account, text: str, mentioned: list[Account]) -> dict[str, Any]:
    """A message as the gateway sends it, made by hand."""
    return {
        "id": str(UNKNOWN + int(time.time() * 1000)),
        "type": 0,
        "content": text,
        "author": _user(author),
        "member": {
            "nick": None,
            "roles": [],
            "joined_at": "2026-01-01T00:00:00+00:00",
            "deaf": False,
            "mute": False,
        },
        "timestamp": "2026-01-01T00:00:00+00:00",
        "edited_timestamp": None,
        "tts": False,
        "pinned": False,
        "flags": 0,
        "mention_everyone": False,
        "mentions": [_user(one) for one in mentioned],
        "mention_roles": [],
        "attachments": [],
        "embeds": [],
        "components": [],
    }


def _user(account: Account) -> dict[str, Any]:
    return {
        "id": str(account.id),
        "username": account.username,
        "global_name": account.global_name,
        "discriminator": "0",
        "avatar": None,
        "bot": account.is_bot,
        "public_flags": 0,
    }
