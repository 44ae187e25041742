"""Every Redis key, in one place: its shape, its owner and when it expires.
`docs/keys.md` is generated from `CATALOGUE`."""

from __future__ import annotations

from typing import NamedTuple, NewType

from app.domain.lane import Lane

Key = NewType("Key", str)
"""The name of a key. Only the functions of this module make one."""

WAKES_DUE = Key("wakes:due")
ELECTIONS_DUE = Key("elections:due")
DELIVERIES_DUE = Key("deliveries:due")
DELIVERIES_IN_FLIGHT = Key("deliveries:in_flight")
CONVERSATIONS_DUE = Key("conversations:due")
OPTED_OUT = Key("opted_out")
FORGOTTEN = Key("forgotten")
ROSTER = Key("roster")
GENERATION = Key("generation")
GENERATION_NEW = Key("generation:new")
DISCORD_AHEAD = Key("clock:discord_ahead")
STATS = Key("stats")


def lock_name(lane: Lane) -> str:
    """The name given to python-redis-lock, which itself puts `lock:` before it."""
    return f"daily_life:{lane}"


def lock(lane: Lane) -> Key:
    """The key that python-redis-lock writes for `lock_name`."""
    return Key(f"lock:{lock_name(lane)}")


def cooldown(bot: str) -> Key:
    return Key(f"bot:{bot}:last_autonomous_action")


def wake(lane: Lane) -> Key:
    return Key(f"wake:{lane}")


def inbox(lane: Lane) -> Key:
    return Key(
        f"mailbox:{lane.bot}:inbox"
        if lane.channel is None
        else f"mailbox:{lane.bot}:inbox:{lane.channel}"
    )


def work(bot: str) -> Key:
    return Key(f"mailbox:{bot}:work")


def outbox(bot: str, channel: str) -> Key:
    return Key(f"mailbox:{bot}:outbox:{channel}")


def dead(bot: str) -> Key:
    return Key(f"mailbox:{bot}:dead")


def state(bot: str) -> Key:
    return Key(f"mailbox:{bot}:state")


def entry(entry_id: str) -> Key:
    return Key(f"entry:{entry_id}")


def seen(message: str, kind: str = "message") -> Key:
    """`kind` is message, or reaction or edit: other events about the same message."""
    suffix = {"reaction": ".r", "edit": ".e"}.get(kind, "")
    return Key(f"seen:{message}{suffix}")


def cursor(bot: str) -> Key:
    return Key(f"cursor:{bot}")


def vault(bot: str, part: str) -> Key:
    """`part` is secrets, llm, discord or profile."""
    return Key(f"vault:{bot}:{part}")


def names(guild: str) -> Key:
    return Key(f"names:{guild}")


def election(message: str) -> Key:
    return Key(f"election:{message}")


def bids(message: str) -> Key:
    return Key(f"bids:{message}")


def event(message: str) -> Key:
    return Key(f"event:{message}")


def thought(message: str) -> Key:
    return Key(f"thought:{message}")


def answer(message: str) -> Key:
    return Key(f"answer:{message}")


def deleted(message: str) -> Key:
    return Key(f"deleted:{message}")


def floor(channel: str) -> Key:
    return Key(f"floor:{channel}")


def floor_waiting(channel: str) -> Key:
    return Key(f"floor:{channel}:waiting")


def floor_awaited(channel: str) -> Key:
    return Key(f"floor:{channel}:awaited")


def floor_elections(channel: str) -> Key:
    return Key(f"floor:{channel}:elections")


def floor_following(message: str) -> Key:
    return Key(f"floor:following:{message}")


def recent_bot_posts(channel: str) -> Key:
    return Key(f"channel:{channel}:recent_bot_posts")


def last_human(channel: str) -> Key:
    return Key(f"channel:{channel}:last_human")


def cause(message: str) -> Key:
    return Key(f"cause:{message}")


def cause_in_flight(bot: str, channel: str) -> Key:
    return Key(f"cause:{bot}:{channel}")


def cause_root(root: str) -> Key:
    return Key(f"cause:root:{root}")


def budget(scope: str, day: int) -> Key:
    """`scope` is a bot's name, `all`, `person:<id>` or `channel:<id>`; `day` counts from 1970,
    in UTC."""
    return Key(f"budget:{scope}:{day}")


def budgets_changed(day: int) -> Key:
    """The scopes of a day's budgets."""
    return Key(f"budget:changed:in:{day}")


def hold(hold_id: str) -> Key:
    """What is held for one draft."""
    return Key(f"budget:hold:{hold_id}")


def calls(scope: str) -> Key:
    """`scope` as for `budget`."""
    return Key(f"budget:calls:{scope}")


def person_hour(bot: str, person: str) -> Key:
    return Key(f"budget:{bot}:person:{person}")


def left_bytes(channel: str) -> Key:
    return Key(f"channel:{channel}:left")


def turns(channel: str) -> Key:
    return Key(f"channel:{channel}:turns")


def shares(bot: str, day: int) -> Key:
    """`day` as for `budget`."""
    return Key(f"budget:{bot}:shares:{day}")


def delivery(bot: str, channel: str) -> Key:
    return Key(f"delivery:{bot}:{channel}")


def mute(scope: str) -> Key:
    """A moderator's mute; `scope` is channel:<id>."""
    return Key(f"mute:{scope}")


def mute_by_operator(scope: str) -> Key:
    """`scope` is all, guild:<id>, channel:<id>, bot:<name> or bot:<name>@channel:<id>.
    No gateway's login may write it."""
    return Key(f"mute:op:{scope}")


MUTES = Key("mutes")
"""Every scope that is muted, whoever did it."""


def mute_scopes(
    bot: str, channel: str, guild: str | None, parent: str | None = None
) -> str:
    """The scopes, any of which silences this bot in this channel, for a script's last
    argument: a thread is silenced with its channel (`parent`). No keys: a script that
    names a key must be allowed to write it, and no process may write a mute by the
    operator."""
    scopes = ["all", f"guild:{guild or '-'}", f"bot:{bot}"]
    for place in (channel, *([] if parent is None else [parent])):
        scopes += [f"channel:{place}", f"bot:{bot}@channel:{place}"]
    return ",".join(scopes)


def gateway_lease(bot: str) -> Key:
    return Key(f"gateway:{bot}:lease")


def account_lease(user_id: str) -> Key:
    return Key(f"gateway:account:{user_id}:lease")


def reload(bot: str) -> Key:
    return Key(f"reload:{bot}")


def heartbeat(role: str, name: str) -> Key:
    return Key(f"heartbeat:{role}:{name}")


def model_trouble(bot: str, model: str) -> Key:
    """`model` as the character file has it; it may hold colons."""
    return Key(f"trouble:{bot}:{model}")


def refusals(bot: str, channel: str) -> Key:
    return Key(f"refusal:{bot}:{channel}")


def identifies(bot: str) -> Key:
    return Key(f"identifies:{bot}")


def journal(message: str) -> Key:
    return Key(f"journal:{message}")


def journal_of_bot(bot: str, date: str) -> Key:
    return Key(f"journal:{bot}:{date}")


def memory(bot: str, part: str) -> Key:
    """`part` is said, uttered, learned, diary, dream, people, or person:<id>."""
    return Key(f"memory:{bot}:{part}")


def night_claim(bot: str, kind: str, date: str) -> Key:
    """Who writes the diary or dream of a date."""
    return Key(f"memory:{bot}:{kind}:{date}")


def trust(bot: str) -> Key:
    return Key(f"trust:{bot}")


def reception(bot: str) -> Key:
    return Key(f"reception:{bot}")


def request(request_id: str) -> Key:
    return Key(f"request:{request_id}")


class Described(NamedTuple):
    """One row of the catalogue."""

    pattern: str
    shape: str
    owner: str
    expiry: str


CATALOGUE: tuple[Described, ...] = (
    Described(
        "lock:daily_life:<lane>",
        "string: the holder's id",
        "store.lock (python-redis-lock)",
        "lock lease",
    ),
    Described(
        "bot:<bot>:last_autonomous_action",
        "string: Unix ms",
        "answer.commit, post.commit",
        "the cooldown itself",
    ),
    Described(
        "wake:<lane>",
        "hash: seq, context; hinted, hints; full, poll: from when on a whole reading or a poll is due, "
        "full_now, poll_now: it is",
        "message.admit, election.decide, lane.finish",
        "none: removed when the lane is clear",
    ),
    Described(
        "wakes:due",
        "sorted set: lane by due Unix ms",
        "message.admit, election.decide, lane.finish",
        "none: members removed by lane.finish",
    ),
    Described(
        "elections:due",
        "sorted set: message by due Unix ms",
        "message.admit, election.decide",
        "none: members removed by election.decide",
    ),
    Described(
        "deliveries:due",
        "sorted set: <bot>:<channel> by due Unix ms",
        "answer.commit, outbox.*",
        "none: members removed when the outbox is empty",
    ),
    Described(
        "deliveries:in_flight",
        "sorted set: entry by the Unix ms at which its POST has timed out",
        "deliver",
        "a day",
    ),
    Described(
        "mailbox:<bot>:inbox",
        "stream: what the bot may answer unasked",
        "message.admit, answer.commit",
        "30 days after the last write; at most 1,000 entries and 4 MB",
    ),
    Described(
        "mailbox:<bot>:inbox:<channel>",
        "stream: direct messages; never trimmed",
        "message.admit, answer.commit",
        "30 days after the last write",
    ),
    Described(
        "mailbox:<bot>:work",
        "hash: granted message to its floor token",
        "election.decide, answer.commit",
        "30 days after the last write",
    ),
    Described(
        "mailbox:<bot>:outbox:<channel>",
        "list: entry ids, oldest first",
        "answer.commit, outbox.*",
        "30 days after the last write",
    ),
    Described(
        "mailbox:<bot>:dead",
        "hash: entry id to reason",
        "deliver",
        "30 days after the last write",
    ),
    Described(
        "mailbox:<bot>:state",
        "hash: channel to conversation state",
        "answer.commit",
        "a day after the last write",
    ),
    Described(
        "entry:<id>",
        "hash: one committed action, its attempts and receipts",
        "answer.commit, outbox.*",
        "30 days; an hour once delivered",
    ),
    Described(
        "seen:<message>",
        "hash: bot to verdict, due time, inbox entry and request id",
        "message.admit",
        "an hour: twice the backfill age and more",
    ),
    Described(
        "cursor:<bot>",
        "hash: channel to the last message read",
        "message.admit, cursor.move",
        "30 days after the last write; a channel's when it is gone",
    ),
    Described(
        "vault:<bot>:secrets|llm|discord|profile",
        "string: JSON; secrets encrypted",
        "gateway",
        "24 hours",
    ),
    Described(
        "roster",
        "hash: bot to its Discord id, names and channels",
        "gateway",
        "24 hours after the last write",
    ),
    Described(
        "names:<guild>",
        "hash: id to the name of a channel, role or person with a nickname; `topic:<channel>`",
        "gateway",
        "7 days after the last write",
    ),
    Described(
        "stats",
        "hash: counters of cycles, tasks, elections and model calls",
        "worker",
        "none: a dozen numbers",
    ),
    Described(
        "event:<message>",
        "hash: the event an election is about, its signal and reason",
        "message.admit",
        "2 hours",
    ),
    Described(
        "election:<message>",
        "hash: state, channel, who was addressed, won or paid, quiet times of bidders",
        "message.admit, election.decide, budget.reserve",
        "2 hours",
    ),
    Described("bids:<message>", "hash: bot to bid", "message.admit", "2 hours"),
    Described(
        "answer:<message>",
        "hash: who answered, declined, was released by an edit, or answered with a later line",
        "answer.commit",
        "26 hours",
    ),
    Described(
        "thought:<message>",
        "string: the Unix ms until which it waits, since its author types",
        "thought.prolong",
        "10 minutes",
    ),
    Described(
        "deleted:<message>",
        "string: the Unix ms at which Discord said so",
        "message.mark_deleted",
        "26 hours",
    ),
    Described(
        "floor:<channel>",
        "hash: bot, message, token, kind, until, lease",
        "floor.claim, answer.commit, outbox.*",
        "an hour; the lease is `until`",
    ),
    Described(
        "floor:<channel>:waiting",
        "sorted set: bots that wait for the floor, by their place",
        "floor.claim",
        "a day",
    ),
    Described(
        "floor:<channel>:awaited",
        "hash: bot to the Unix ms by which it asks for the floor",
        "floor.claim",
        "a day",
    ),
    Described(
        "floor:<channel>:elections",
        "sorted set: messages whose election waits for the floor, by Unix ms",
        "election.decide",
        "a day",
    ),
    Described(
        "floor:following:<message>",
        "sorted set: bots that wait for those named before them",
        "floor.claim",
        "a day",
    ),
    Described(
        "channel:<id>:recent_bot_posts",
        "sorted set: bot:entry by Unix ms from which it is seen",
        "answer.commit",
        "a day",
    ),
    Described(
        "channel:<id>:last_human",
        "hash: author to their newest message, and who replied to whom",
        "message.admit",
        "a day",
    ),
    Described(
        "cause:<message>",
        "hash: root, hops, which message it answers",
        "deliver",
        "2 days",
    ),
    Described(
        "cause:<bot>:<channel>",
        "hash: cause of the entry being delivered",
        "deliver",
        "2 days",
    ),
    Described(
        "cause:root:<root>",
        "hash: posts, tokens, micro_usd, foreign hops spent; person",
        "answer.commit",
        "2 days after the last use",
    ),
    Described(
        "budget:<bot>:<day>, budget:all:<day>",
        "hash: posts, tokens, micro_usd, those held included; spent",
        "budget.reserve, answer.commit",
        "3 days",
    ),
    Described(
        "budget:person:<id>:<day>, budget:channel:<id>:<day>",
        "hash: posts, tokens, micro_usd",
        "budget.reserve, answer.commit",
        "3 days",
    ),
    Described(
        "budget:changed:in:<day>",
        "sorted set: scope of a budget or of a bot's shares by the Unix ms of its last change",
        "budget.reserve, answer.commit",
        "3 days",
    ),
    Described(
        "budget:hold:<id>",
        "hash: what is held for a draft, of whose budgets, and whether it waits for more",
        "budget.reserve, answer.commit, budget.settle",
        "a day, if it is not settled: then it stays spent",
    ),
    Described(
        "budget:calls:<scope>",
        "hash: hold to when its call ends, and the micro_usd that it may take beyond",
        "budget.reserve, answer.commit, budget.settle",
        "an hour after the last write",
    ),
    Described(
        "budget:<bot>:person:<id>",
        "string: direct messages this hour",
        "message.admit",
        "an hour",
    ),
    Described(
        "budget:<bot>:shares:<day>",
        "hash: person to answers, `told:<person>`: heard of a limit",
        "message.admit, answer.commit",
        "2 days after the last write",
    ),
    Described(
        "channel:<id>:turns",
        "hash: person to the turn of the last direct message, `#now`: the turn that is served",
        "message.admit, floor.claim",
        "an hour",
    ),
    Described(
        "channel:<id>:left",
        "sorted set: message by the running sum of the bytes that its channel's messages left",
        "message.admit, journal.append",
        "7 days after the last write; above STREAM_CHANNEL_BYTES the oldest go",
    ),
    Described(
        "delivery:<bot>:<channel>",
        "string: the deliverer's id",
        "deliver",
        "delivery lease",
    ),
    Described(
        "refusal:<bot>:<channel>",
        "hash: what Discord refuses (send, refer, react, line) to until when (Unix ms) and why",
        "deliver",
        "STREAM_REFUSAL_MEMORY after the last refusal",
    ),
    Described(
        "mute:<scope>",
        "string: which moderator muted",
        "moderation",
        "none: until a moderator says go on; or as long as STREAM_STOP_LASTS or `/stream mute` says",
    ),
    Described(
        "mute:op:<scope>", "string: who muted", "mute", "the time asked for, or none"
    ),
    Described(
        "mutes",
        "sorted set: scopes that are muted; no score",
        "mute, moderation",
        "none: removed by mute.list when the mute has ended",
    ),
    Described(
        "generation",
        "string: which database this is; one that was emptied has none",
        "gateway",
        "none: its absence is the sign",
    ),
    Described(
        "generation:new",
        "string: the generation began a moment ago, and what nobody asked for waits",
        "gateway",
        "five turns of the gateway's pump, a minute at most",
    ),
    Described(
        "clock:discord_ahead",
        "string: by how many ms Discord's clock is ahead of Redis's",
        "gateway",
        "a day after the last write",
    ),
    Described(
        "gateway:<bot>:lease", "string: the gateway's id", "gateway", "gateway lease"
    ),
    Described(
        "gateway:account:<id>:lease",
        "string: the bot that answers as this Discord account, and its gateway's id",
        "gateway",
        "gateway lease",
    ),
    Described(
        "reload:<bot>",
        "string: a request's id",
        "the-stream reload",
        "a minute",
    ),
    Described(
        "heartbeat:gateway|worker|beat:<name>",
        "string: JSON, what a process tells of itself",
        "gateway, worker",
        "15 seconds after the last write",
    ),
    Described(
        "trouble:<bot>:<model>",
        "string: JSON, why a model gives no answer",
        "worker",
        "a day, or when it answers",
    ),
    Described(
        "identifies:<bot>",
        "sorted set: the day's sessions with Discord, by Unix ms",
        "gateway",
        "a day after the last session",
    ),
    Described("journal:<message>", "list: JSON lines", "every decision", "7 days"),
    Described(
        "journal:<bot>:<date>",
        "list: JSON lines of what the bot said",
        "answer.commit",
        "7 days",
    ),
    Described(
        "memory:<bot>:said",
        "hash: <message>.0 heard or .1 answered, to JSON with a float16 vector",
        "remember",
        "30 days, each line by itself, when the next is kept; at most 500 lines and 1 MB",
    ),
    Described(
        "memory:<bot>:size",
        "string: Unix ms of the oldest of these lines, and the bytes of all",
        "memory.put",
        "30 days after the last write",
    ),
    Described(
        "memory:<bot>:person:<id>",
        "hash: <message>.<n> to JSON: one fact that the person told",
        "learn",
        "180 days, each fact by itself, when the next is kept; at most 30 facts and 64 KB",
    ),
    Described(
        "memory:<bot>:people",
        "hash: person to the Unix ms of the last fact and the bytes of all",
        "memory.put",
        "180 days after the last write; at most 2,000 people and 16 MB of facts",
    ),
    Described(
        "memory:<bot>:uttered",
        "sorted set: line by Unix ms",
        "the offline voice",
        "a day after the last write",
    ),
    Described(
        "memory:<bot>:learned",
        "hash: channel to the last line that was learned from",
        "learning",
        "30 days after the last write",
    ),
    Described(
        "memory:<bot>:diary, memory:<bot>:dream",
        "hash: date to JSON",
        "write_diary, write_dream",
        "90 days after the last write; at most 60 dates",
    ),
    Described(
        "memory:<bot>:diary:<date>, memory:<bot>:dream:<date>",
        "string: who writes it",
        "write_diary, write_dream",
        "10 minutes",
    ),
    Described(
        "conversations:due",
        "sorted set: <bot>:<channel> by the Unix ms at which it has ended",
        "answering and learning",
        "a day after the last write",
    ),
    Described(
        "opted_out",
        "set: SHA-256 of the ids of people who want no part in this",
        "memory forget",
        "none: a person's wish",
    ),
    Described(
        "forgotten",
        "sorted set: SHA-256 of a forgotten person's id by the Unix ms up to which what they said is old",
        "memory forget",
        "30 days after the last write",
    ),
    Described(
        "trust:<bot>",
        "hash: person to points, day and time",
        "interactions and reactions",
        "180 days after the last write; at most 2,000 people",
    ),
    Described(
        "reception:<bot>",
        "hash: <channel>:<person> to what that person makes of the bot's unasked posts there, and when",
        "reactions, replies and silence",
        "180 days after the last write; at most 2,000 shares",
    ),
    Described(
        "request:<id>", "string: earlier verdict", "every mutating script", "10 minutes"
    ),
)
