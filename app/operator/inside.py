"""Answers to what is asked inside Discord. A server's administrators are no operators:
they are told of their own server alone, and mute as its moderators do."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from app.domain.errors import (
    ConfigurationError,
    StoreForbidden,
    StoreUnavailable,
    StreamError,
    UnknownMessage,
)
from app.domain.model import RosterEntry
from app.domain.settings import Settings
from app.gateway.asking import Question, Verb
from app.operator import ops
from app.operator.spending import By, find_costs
from app.operator.status import BotStatus, read_status
from app.operator.why import finding
from app.operator.why.answer import Explanation, explain, words_of
from app.operator.why.finding import FoundMessage, Wanted
from app.store import mutes, roster
from app.store.door import Store

NOTHING = "Nothing that you may see is known of that message."
FORBIDDEN = (
    "This login of Redis may not read that: the operator sets "
    "STREAM_COMMANDS_REDIS_URL (docs/discord.md)."
)
AWAY = "Redis cannot be reached or refuses for now: ask again later."


class InsideDesk:
    """Fulfils `app.gateway.asking.Desk`. Each answer is one look at Redis."""

    def __init__(self, settings: Settings) -> None:
        url = settings.commands_redis_url
        self._settings = (
            settings
            if url is None
            else settings.model_copy(update={"redis_url": url.get_secret_value()})
        )

    def answer(self, asked: Question) -> str:
        """What to tell the asker. An error of ours is told without what only an
        operator may know."""
        tell = {
            Verb.STATUS: self._status,
            Verb.COSTS: self._costs,
            Verb.MUTE: self._mute,
            Verb.UNMUTE: self._unmute,
            Verb.WHY: self._why,
        }[asked.verb]
        try:
            return tell(asked)
        except StoreForbidden:
            return FORBIDDEN
        except StoreUnavailable:
            return AWAY
        except UnknownMessage:
            return NOTHING
        except ConfigurationError as error:
            return str(error)
        except StreamError as error:
            return f"That did not work ({type(error).__name__})."

    def _status(self, asked: Question) -> str:
        found = read_status(self._settings)
        with ops.open_store(self._settings) as store:
            here = _bots_of(store, asked)
        troubled = {one.bot for one in found.model_troubles}
        lines = [
            _state(bot, bot.bot in troubled) for bot in found.bots if bot.bot in here
        ]
        if found.dry_run:
            lines.append("Dry run: nothing is posted.")
        listed = [
            _mute_line(one, found.at)
            for one in found.mutes
            if _concerns(one["scope"], asked, here)
        ]
        return "\n".join([*lines, *listed]) or "No character reads a channel here."

    def _costs(self, asked: Question) -> str:
        rows = [
            one
            # Costs tell of a channel that somebody speaks there: hidden ones are left
            # out.
            for one in find_costs(self._settings, By.CHANNEL)
            if one.id in asked.visible
        ]
        if not rows:
            return "Nothing was spent today in a channel that you can read."
        lines = [
            f"<#{one.id}>: ${one.usd:.4f}, {one.tokens:,} tokens" for one in rows[:20]
        ]
        dollars = sum(one.usd for one in rows)
        return "\n".join(
            ["Today (UTC), by channel:", *lines, f"together: ${dollars:.4f}"]
        )

    def _mute(self, asked: Question) -> str:
        for_ms = ops.duration_ms(asked.for_, "for") if asked.for_ else None
        with ops.open_store(self._settings) as store:
            scope = _scope(store, asked)
            # In their own name: an operator's mute has another key, which they cannot
            # end.
            store.run(mutes.stop(scope, f"administrator {asked.by}", for_ms))
            ops.remember_mute(store, scope)
            quiet = ops.wait_for_acknowledgement(store, self._settings.discord_timeout)
        until = f"for {asked.for_}" if asked.for_ else "until somebody unmutes"
        done = f"Muted: {_named(scope)}, {until}."
        return done if quiet else f"{done} One message was still on its way."

    def _unmute(self, asked: Question) -> str:
        with ops.open_store(self._settings) as store:
            scope = _scope(store, asked)
            free = store.run(mutes.lift(scope))
        if free:
            return f"Unmuted: {_named(scope)}."
        return f"The operator's mute stays: {_named(scope)}."

    def _why(self, asked: Question) -> str:
        with ops.open_store(self._settings) as store:
            said = _said(store, asked)
            if said is None:
                return NOTHING
            return _reply_text(explain(store, self._settings, said))


def _bots_of(store: Store, asked: Question) -> list[str]:
    """The bots that read a channel of the server."""
    return [one.bot for one in store.run(roster.roster()) if _is_here(one, asked)]


def _is_here(entry: RosterEntry, asked: Question) -> bool:
    return bool(set(entry.channels) & asked.channels)


def _scope(store: Store, asked: Question) -> str:
    """What a mute holds for: of one's own server alone. Raises ConfigurationError."""
    if not asked.bot:
        return (
            f"guild:{asked.guild}" if asked.everywhere else f"channel:{asked.channel}"
        )
    here = _bots_of(store, asked)
    # Others' bots are not named: a guesser learns of their own server alone.
    if asked.bot not in here:
        raise ConfigurationError(
            f"No character of this server is named so; here are: {', '.join(here)}."
        )
    if asked.everywhere:
        raise ConfigurationError(
            "One character is muted in one channel: leave out `where`."
        )
    return f"bot:{asked.bot}@channel:{asked.channel}"


def _named(scope: str) -> str:
    """A scope as Discord shows it."""
    if scope.startswith("guild:"):
        return "this server"
    if "channel:" not in scope:
        return scope
    bot, _, channel = scope.rpartition("channel:")
    who = bot.removeprefix("bot:").removesuffix("@")
    return f"{who} in <#{channel}>" if who else f"<#{channel}> with its threads"


def _concerns(scope: str, asked: Question, here: Sequence[str]) -> bool:
    """Whether a mute holds in this server, for what the asker may know of."""
    kind, _, rest = scope.rpartition(":")
    if kind == "guild":
        return rest == asked.guild
    if kind == "bot":
        return rest in here
    return scope == "all" or rest in asked.visible


def _mute_line(mute: Mapping[str, Any], now: float) -> str:
    scope, until = mute["scope"], mute["until"]
    left = "" if until is None else f", {max(1, round((until - now) / 60))} min more"
    role, _, person = mute["who"].partition(" ")
    by = f"<@{person}>" if person.isdecimal() else role
    return f"muted: {_named(scope)} by {by}{left}"


def _state(bot: BotStatus, fails: bool) -> str:
    mark, done = (
        ("✓", "connected") if bot.connected else ("✗", "not connected to Discord")
    )
    model = ", its language model gives no usable answer" if fails else ""
    return f"{mark} {bot.bot}: {done}{model}"


def _said(store: Store, asked: Question) -> FoundMessage | None:
    """The message that is asked about; None: it is none of this server's, or was said
    where the asker may not read."""
    if asked.message:
        said = finding.named(store, asked.message)
    else:
        said = finding.first(store, Wanted(channel=asked.channel))
    # A message of another server is told of as if there were none.
    if said.guild not in {"", asked.guild}:
        return None
    # The gateway has seen the message that was asked for where the asker may read. Of
    # one that a post answers, only what is kept of it tells where it was said.
    seen = bool(asked.message) and not said.post_of
    if said.channel:
        return said if said.channel in asked.visible else None
    return said if seen else None


def _reply_text(answer: Explanation) -> str:
    """The sentence, who bid what, and each bot that was not told of."""
    lines: Iterator[str] = (
        f"{answer.names.get(bot, bot)} {words_of(answer, bot)}."
        for bot in answer.asides
    )
    return "\n".join([answer.story.sentence, *answer.story.differences, *lines])
