"""Perceive: which of the inbox's messages still matter, and how much."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby

from langgraph.runtime import Runtime

from app.brain import mood
from app.brain.brain import Brain
from app.brain.cycle import Candidate, Change, CycleState, Run
from app.brain.joining import join_lines, part_lines
from app.brain.ports import CyclePorts
from app.brain.text import spoken
from app.content.words import words_of_parts
from app.domain.model import AuthorKind, Context, ConversationState, InboxEntry, Signal
from app.rules import plan
from app.rules.turns import in_turn

CONSIDERED = 20
"""Messages that are embedded in one autonomous cycle."""
DIRECT_AT_ONCE = 8
"""Direct messages that one cycle considers: some may have to wait for other bots."""
NEAR_LINES = 10


def perceive(state: CycleState, runtime: Runtime[Run]) -> Change:
    """Drop what needs no answer, score the rest: direct ones in turn, others the most
    wanted first."""
    brain, ports = runtime.context.brain, runtime.context.ports
    granted = ports.granted()
    entries = _read_thoughts(brain, ports, granted)
    useless = [
        (reason, entry)
        for entry in entries
        if (reason := _useless(entry, brain, ports))
    ]
    drop_grouped(ports, "perceive", useless)
    gone = {entry.entry_id for _, entry in useless}
    alive = [entry for entry in entries if entry.entry_id not in gone]
    direct = [entry for entry in alive if entry.signal is Signal.DIRECT]
    chosen = in_turn(direct)[:DIRECT_AT_ONCE] or _considered(
        alive, brain, ports, granted
    )
    unread = _unread(chosen, entries=entries, brain=brain, ports=ports, granted=granted)
    # Direct messages keep their turn, however interesting a later one is: their words
    # are read once the floor is theirs, while Discord is asked what stands around them.
    if direct:
        return {"candidates": tuple(unread)}
    scored = read_words(unread, brain, ports)
    scored.sort(key=lambda one: (one.scores.granted, one.plan.desire), reverse=True)
    return {"candidates": tuple(scored)}


def _read_thoughts(
    brain: Brain, ports: CyclePorts, granted: frozenset[str]
) -> list[InboxEntry]:
    """What is to be read, each thought as one entry, unless the character answers each
    line."""
    if brain.character.pacing.thought_wait == 0:
        return part_lines(ports.entries())
    return join_lines(ports.entries(), granted)


def drop_grouped(
    ports: CyclePorts, step: str, reasons: Sequence[tuple[str, InboxEntry]]
) -> None:
    """Drop entries with one call for each reason."""
    for reason, group in groupby(
        sorted(reasons, key=lambda pair: pair[0]), key=lambda pair: pair[0]
    ):
        lines = [line for _, entry in group for line in (*entry.joined, entry)]
        ports.drop(lines, step, reason)


def age_ms(entry: InboxEntry, ports: CyclePorts) -> int:
    """Since the message was written; for reactions since they were noticed, as the
    message itself may be old."""
    seen = entry.entry_id.partition("-")[0]
    if entry.event.kind == "reaction" and seen.isdigit():
        # Redis made the entry's id.
        return max(0, ports.now_ms - int(seen))
    return max(0, ports.discord_now_ms - entry.event.created_ms)


def settled(entry: InboxEntry, brain: Brain, ports: CyclePorts) -> bool:
    """Whether no election can still give this message to the bot."""
    return entry.signal is Signal.AMBIENT or age_ms(entry, ports) > brain.election_ms


def _useless(entry: InboxEntry, brain: Brain, ports: CyclePorts) -> str:
    """Why the entry needs no answer, or ""."""
    event, unasked = entry.event, entry.signal is not Signal.DIRECT
    reasons = (
        ("own message", event.author_id == ports.me),
        (
            "nothing was said",
            event.kind == "message" and not event.whole.strip() and not event.parts,
        ),
        (
            "addressed to others",
            unasked
            and bool(entry.addressed)
            and brain.character.name not in entry.addressed,
        ),
        ("stale", unasked and age_ms(entry, ports) > brain.backfill_ms),
        ("may not speak unasked here", unasked and not ports.allowed(entry)),
    )
    return next((reason for reason, applies in reasons if applies), "")


def _considered(
    alive: Sequence[InboxEntry],
    brain: Brain,
    ports: CyclePorts,
    granted: frozenset[str],
) -> list[InboxEntry]:
    """The newest messages worth scoring, granted and high-signal ones before ambient
    ones."""
    poll = ports.woken_by is Context.POLL
    eligible = [
        entry
        for entry in alive
        if poll
        or entry.signal is not Signal.AMBIENT
        or entry.event.message_id in granted
    ]
    eligible.sort(
        key=lambda entry: (
            entry.event.message_id in granted,
            entry.signal is not Signal.AMBIENT,
            entry.event.created_ms,
        ),
        reverse=True,
    )
    if poll:
        # What an election may still grant to this bot must stay in the inbox.
        rest = [
            entry for entry in eligible[CONSIDERED:] if settled(entry, brain, ports)
        ]
        drop_grouped(
            ports, "perceive", [("passed over by newer ones", entry) for entry in rest]
        )
    return eligible[:CONSIDERED]


def _unread(
    chosen: Sequence[InboxEntry],
    entries: Sequence[InboxEntry],
    brain: Brain,
    ports: CyclePorts,
    granted: frozenset[str],
) -> list[Candidate]:
    """What is known of messages before anybody looks at their words."""
    states = ports.states()
    found: list[Candidate] = []
    for entry in chosen:
        event = entry.event
        scores = plan.Scores(
            signal=entry.signal,
            trust=ports.trust(event.author_id),
            state=states.get(event.channel_id, ConversationState.IDLE),
            age_s=age_ms(entry, ports) / 1000,
            fatigue=_fatigue(event.channel_id, entries),
            granted=event.message_id in granted,
        )
        decided = _decided(entry, scores, brain, ports)
        found.append(Candidate(entry, scores, "", mood.UNREAD, decided))
    return found


def read_words(
    candidates: Sequence[Candidate], brain: Brain, ports: CyclePorts
) -> list[Candidate]:
    """The same with what the words tell: interest, subject, mood, and so the plan."""
    said = [words_of(one.entry, brain) for one in candidates]
    found: list[Candidate] = []
    interests = brain.interests.score(said)
    for one, text, (interest, topic) in zip(candidates, said, interests, strict=True):
        reading = mood.read(text, brain.encoder)
        in_talk = one.scores.state is not ConversationState.IDLE
        # "and how long?" is of no subject, and goes on with the bot's own.
        goes_on = in_talk and brain.interests.follows_up(text)
        scores = replace(
            one.scores,
            interest=max(interest, brain.thresholds.foreign) if goes_on else interest,
            question=reading.question,
            brief=reading.brief,
        )
        decided = _decided(one.entry, scores, brain, ports)
        found.append(Candidate(one.entry, scores, topic, reading, decided))
    return found


def read_mood(candidate: Candidate, brain: Brain) -> Candidate:
    """The same with its mood alone: whoever was spoken to answers whatever the subject,
    and to a model the words tell it."""
    said = words_of(candidate.entry, brain)
    return replace(candidate, reading=mood.read(said, brain.encoder))


def words_of(entry: InboxEntry, brain: Brain) -> str:
    """What was said, without the name by which the bot was called."""
    said = spoken(entry.event.whole, brain.character.names)
    return said or words_of_parts(entry.event.parts)


def _decided(
    entry: InboxEntry, scores: plan.Scores, brain: Brain, ports: CyclePorts
) -> plan.Plan:
    own = brain.character.pacing.chattiness
    decided = plan.decide(scores, ports.chattiness(entry, own), brain.thresholds)
    return plan.wordless(decided) if entry.wordless else decided


def _fatigue(channel: str, entries: Sequence[InboxEntry]) -> float:
    near = [entry for entry in entries if entry.event.channel_id == channel][
        -NEAR_LINES:
    ]
    ours = sum(entry.event.author_kind is AuthorKind.OURS for entry in near)
    return ours / len(near) if near else 0.0
