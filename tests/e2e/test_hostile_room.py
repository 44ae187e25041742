"""A room full of people who want the bots to leak, ping, obey or break, on real
processes; and a model that obeys them."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from app.loopback.records import Post
from app.loopback.state import Account, Channel
from app.store import keys
from tests.e2e.hostile import NAMES, PERSONA, Parrot, crafted, emoji_flood
from tests.e2e.system import System, add_bots, eager_character, system, write_characters

BOTS = ("ada", "bob", "cyd")
PROVE = os.environ.get("STREAM_PROVE") == "1"
MESSAGES = 200 if PROVE else 60
FLOOD = 1_000_000 if PROVE else 100_000
GENEROUS: dict[str, Any] = {
    "person_hourly": 100_000,
    "daily_posts": 100_000,
    "daily_posts_all": 100_000,
    "daily_tokens": 10**12,
    "daily_tokens_all": 10**12,
    "root_tokens": 10**12,
    "root_posts": 10**6,
    "daily_usd": 10**6,
    "daily_usd_all": 10**6,
}
BLANK = "\u3164\u2800"
FINAL = {"declined", "dropped", "muted", "over_person_limit", "refused", "budget"}


@dataclass
class Room:
    """Three bots, four channels, sixteen people with names made for it."""

    running: System
    bots: dict[str, Account]
    channels: list[Channel]
    people: list[Account]
    asked: list[tuple[Post, str]] = field(default_factory=list)
    """Each message that addresses a bot, and the bot."""
    settled_up_to: int = 0

    def post_all(self, texts: Sequence[str], flood: Sequence[str]) -> None:
        """Every third message is a mention, a private message or for nobody in
        particular; the flood runs between them."""
        discord, names = self.running.discord, list(self.bots)
        for number, text in enumerate(texts):
            person = self.people[number % len(self.people)]
            channel = self.channels[number % len(self.channels)]
            bot = names[number % len(names)]
            if number % 7 == 6:
                discord.post(person, channel, text)
            elif number % 5 == 4 and len(text) > 20:
                self.asked.append((discord.dm(person, self.bots[bot], text), bot))
            else:
                self.asked.append(
                    (
                        discord.post(
                            person, channel, f"<@{self.bots[bot].id}> {text}"[:4_000]
                        ),
                        bot,
                    )
                )
        for number, text in enumerate(flood):
            discord.post(self.people[number % 3], self.channels[0], text)

    def settled(self) -> bool:
        """Whether every message that addresses a bot is answered, or the journal says
        why not."""
        while self.settled_up_to < len(self.asked):
            if not self.answered(*self.asked[self.settled_up_to]) and not self.reason(
                *self.asked[self.settled_up_to]
            ):
                return False
            self.settled_up_to += 1
        return True

    def answered(self, post: Post, bot: str) -> bool:
        """Whether this bot replied or reacted."""
        discord, me = self.running.discord, self.bots[bot].id
        reacted = any(
            one.user_id == me and one.message_id == post.message_id
            for one in discord.reactions
        )
        return reacted or any(
            reply.author_id == me for reply in discord.replies_to(post.message_id)
        )

    def reason(self, post: Post, bot: str) -> str:
        """Why this bot did not answer, or ""."""
        lines = [
            line
            for line in self.running.journal(post.message_id)
            if line.bot == bot and line.verdict in FINAL
        ]
        return (
            f"{lines[-1].step} {lines[-1].verdict}: {lines[-1].reason}" if lines else ""
        )

    def at_rest(self) -> bool:
        """Whether nothing is left to elect, think or send."""
        return not any(
            self.running.store.client.zcard(key)
            for key in (keys.ELECTIONS_DUE, keys.WAKES_DUE, keys.DELIVERIES_DUE)
        )

    def policy(self) -> dict[str, Any]:
        """What no text may change."""
        client = self.running.store.client
        vaults = {
            bot: client.mget(
                keys.vault(bot, "profile"),
                keys.vault(bot, "llm"),
                keys.vault(bot, "discord"),
            )
            for bot in self.bots
        }
        return {
            "mutes": client.keys("mute:*"),
            "roster": client.hkeys(keys.ROSTER),
            "vaults": vaults,
        }


def only_words(text: str) -> str:
    """The letters and digits of a text."""
    return "".join(filter(str.isalnum, text.casefold()))


def check_posts(room: Room, secrets: Sequence[str]) -> None:
    """Nothing that a bot said pings, leaks or hides anything."""
    hidden = [only_words(PERSONA.format(name=bot)) for bot in room.bots]
    for post in room.running.discord.posts_by_bots():
        assert not post.pinged, post
        assert 0 < len(post.content) <= 2_000
        assert not [secret for secret in secrets if secret in post.content], "a secret"
        letters = only_words(post.content)
        assert not [
            place
            for place in range(len(letters) - 39)
            for text in hidden
            if letters[place : place + 40] in text
        ], post.content
        assert not {
            unicodedata.category(sign)
            for sign in post.content
            if sign not in "\n\t\u200b\u200c\u200d"
        } & {
            "Cc",
            "Cf",
            "Cs",
            "Co",
        }
        assert "](http" not in post.content
        assert not post.content.startswith(("<!DOCTYPE", "I am staying silent"))
        assert any(
            unicodedata.category(sign)[0] in "LNPS"
            for sign in post.content
            if sign not in BLANK
        )


def check_processes(room: Room, secrets: Sequence[str]) -> None:
    """Every process lives, none met an error that it did not expect, and no secret is
    in a log or a journal."""
    running = room.running
    for name, process in running.processes.items():
        assert process.poll() is None, running.log(name)
        log = (running.folder / f"{name}.log").read_text(errors="replace")
        assert "Traceback" not in log, log[-3_000:]
        assert "cycle failed" not in log
        assert not [secret for secret in secrets if secret in log], (
            f"a secret in the log of {name}"
        )
    for post, _ in room.asked:
        lines = running.journal(post.message_id)
        assert all(line.numbers.get("trust", 0) < 4 for line in lines), (
            "no text makes anybody trusted"
        )
        assert not [
            secret
            for secret in secrets
            for line in lines
            if secret in line.model_dump_json()
        ]


# A model that obeys is the worse of the two.
@pytest.mark.parametrize(
    "voice", [pytest.param("offline", marks=pytest.mark.slow), "parrot"]
)
def test_a_hostile_room_gets_nothing_but_answers(tmp_path: Path, voice: str) -> None:
    """No leak, no ping, no crash, no policy changed by text; everybody who asked is
    answered, or the journal says why not. At the end a moderator's word, and nobody
    else's, mutes."""
    server = Parrot() if voice == "parrot" else nullcontext()
    with (
        server as model,
        system(
            tmp_path,
            characters_dir=tmp_path / "characters",
            cooldown=0,
            quiet_time=0,
            **GENEROUS,
        ) as running,
    ):
        brain = (
            {"model": {"model": "openai:parrot", "base_url": model.url}}
            if isinstance(model, Parrot)
            else {}
        )
        write_characters(
            tmp_path / "characters",
            [
                eager_character(bot) | {"persona": PERSONA.format(name=bot)} | brain
                for bot in BOTS
            ],
        )
        bots = add_bots(running, *BOTS)
        channels = [
            running.discord.add_channel(f"room-{number}") for number in range(4)
        ]
        role = next(
            iter(running.discord.server._core.world.guilds.values())
        ).moderator_role_id
        people = [running.discord.add_user(name) for name in NAMES]
        secrets = [str(bot.token) for bot in bots.values()] + [
            running.env["STREAM_VAULT_KEYS"],
            running.store.client.connection_pool.connection_kwargs["password"],
        ]
        if isinstance(model, Parrot):
            model.arm(
                [str(bot.token) for bot in bots.values()],
                [people[0].id, bots["bob"].id, role],
            )
        running.workers()
        running.beat()
        running.gateway(*BOTS)
        running.wait_ready(*BOTS)
        room = Room(running, bots, channels, people)
        before = room.policy()
        room.post_all(
            crafted(
                MESSAGES,
                role=role,
                other=people[1].id,
                me=people[0].id,
                token=secrets[0],
            ),
            emoji_flood(FLOOD),
        )
        running.wait(
            room.settled,
            150.0 if PROVE else 50.0,
            "an answer or a reason for everybody who asked",
        )
        running.wait(room.at_rest, 60.0, "rest")
        check_posts(room, secrets)
        check_processes(room, secrets)
        assert room.policy() == before
        silent = [
            (post.content[:40], room.reason(post, bot))
            for post, bot in room.asked
            if not room.answered(post, bot)
        ]
        print(
            f"\n{voice}: {len(room.asked)} asked, {len(silent)} with a reason only, {len(running.discord.posts_by_bots())} posts"
        )
        print(*silent, sep="\n")
        assert len(silent) < len(room.asked) / 4, silent
        if isinstance(model, Parrot):
            for messages in model.bodies:
                assert [
                    messages[1]["content"].count(tag)
                    for tag in (
                        "<transcript>",
                        "</transcript>",
                        "<message>",
                        "</message>",
                    )
                ] == [1] * 4
        moderator = running.discord.add_user("Mod", moderator=True)
        running.discord.post(moderator, channels[1], f"<@{bots['ada'].id}> stop")
        running.wait(
            lambda: running.store.client.exists(f"mute:channel:{channels[1].id}"),
            what="a moderator's stop",
        )
