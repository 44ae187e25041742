"""What became of a message for one bot, in a few words: the last thing that decided
it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple

from app.brain.faults import NO_MODEL, REMEDIES, Fault
from app.domain.model import JournalLine


class FateKind(StrEnum):
    """How it ended for a bot."""

    SPOKE = "spoke"
    ON_ITS_WAY = "on its way"
    SILENT = "silent"
    OUTBID = "outbid"
    """It bid, and nothing else is known of it."""
    WAITS = "waits"


class Fate(NamedTuple):
    """The end for one bot; `words` follow its name."""

    kind: FateKind
    words: str


_WORDS: Mapping[tuple[str, str], Fate] = {
    ("deliver", "delivered"): Fate(FateKind.SPOKE, "answered"),
    ("commit", "dry_run"): Fate(FateKind.SPOKE, "would have answered, in a dry run"),
    ("commit", "joined"): Fate(FateKind.SPOKE, "{reason}"),
    ("commit", "committed"): Fate(FateKind.ON_ITS_WAY, "has written its answer"),
    ("deliver", "retried"): Fate(FateKind.ON_ITS_WAY, "sends its answer again"),
    ("deliver", "second_way"): Fate(FateKind.ON_ITS_WAY, "tries another way: {reason}"),
    ("deliver", "retry"): Fate(
        FateKind.ON_ITS_WAY, "cannot send its answer yet: {reason}"
    ),
    ("deliver", "waits"): Fate(
        FateKind.ON_ITS_WAY, "cannot send its answer yet: {reason}"
    ),
    ("deliver", "dead"): Fate(FateKind.SILENT, "could not send its answer: {reason}"),
    ("deliver", "muted"): Fate(FateKind.SILENT, "was muted before its answer was sent"),
    ("deliver", "expired"): Fate(FateKind.SILENT, "was too late to send its answer"),
    ("deliver", "cancelled"): Fate(FateKind.SILENT, "took its answer back: {reason}"),
    ("deliver", "unconfirmed"): Fate(
        FateKind.ON_ITS_WAY, "may have answered: {reason}"
    ),
    ("admit", "muted"): Fate(FateKind.SILENT, "is muted ({reason})"),
    ("admit", "over_person_limit"): Fate(
        FateKind.SILENT, "had enough from one: {reason}"
    ),
    ("admit", "notice"): Fate(
        FateKind.SILENT, "says that a limit is reached: {reason}"
    ),
    ("admit", "crowded"): Fate(FateKind.SILENT, "has too many waiting: {reason}"),
    ("admit", "exhausted"): Fate(FateKind.SILENT, "ends the chain: {reason}"),
    ("admit", "refused"): Fate(FateKind.SILENT, "could not take it in: {reason}"),
    ("admit", "late"): Fate(FateKind.SILENT, "bid too late: {reason}"),
    ("admit", "direct"): Fate(FateKind.WAITS, "has not begun to answer"),
    ("admit", "bid"): Fate(FateKind.OUTBID, "bid"),
    ("admit", "opened"): Fate(FateKind.OUTBID, "bid"),
    ("admit", "complete"): Fate(FateKind.OUTBID, "bid"),
    ("elect", "granted"): Fate(FateKind.WAITS, "has the floor and has not answered"),
    ("plan", "observe"): Fate(FateKind.SILENT, "chose to keep silent: {reason}"),
    ("plan", "left"): Fate(FateKind.WAITS, "has left it for now: {reason}"),
    ("plan", "dropped"): Fate(FateKind.SILENT, "let it pass: {reason}"),
    ("claim", "dropped"): Fate(FateKind.SILENT, "let it pass: {reason}"),
    ("claim", "wait"): Fate(FateKind.WAITS, "waits until another has spoken"),
    ("claim", "quiet"): Fate(FateKind.WAITS, "waits: a bot has just spoken here"),
    ("claim", "cooled"): Fate(FateKind.WAITS, "is cooling down"),
    ("claim", "muted"): Fate(FateKind.SILENT, "is muted"),
    ("claim", "budget"): Fate(FateKind.SILENT, "has spent its budget: {reason}"),
    ("claim", "barred"): Fate(FateKind.SILENT, "is refused here by Discord: {reason}"),
    ("claim", "not_allowed"): Fate(FateKind.SILENT, "may not speak unasked here"),
    ("claim", "answered"): Fate(FateKind.SILENT, "found it answered"),
    ("claim", "addressed"): Fate(FateKind.SILENT, "left it to whom it spoke to"),
    ("reserve", "budget"): Fate(FateKind.SILENT, "has no budget for it: {reason}"),
    ("commit", "muted"): Fate(FateKind.SILENT, "was muted while it wrote"),
    ("commit", "answered"): Fate(FateKind.SILENT, "found it answered meanwhile"),
    ("commit", "addressed"): Fate(FateKind.SILENT, "left it to whom it spoke to"),
    ("commit", "stale"): Fate(FateKind.SILENT, "was too slow: the talk had moved on"),
    ("commit", "goes_on"): Fate(
        FateKind.WAITS, "answers it together with the line after it"
    ),
    ("commit", "gone"): Fate(FateKind.SILENT, "found the message deleted"),
    ("commit", "budget"): Fate(FateKind.SILENT, "has spent its budget: {reason}"),
    ("yield", "declined"): Fate(FateKind.SILENT, "declined: {reason}"),
    ("yield", "dropped"): Fate(FateKind.SILENT, "let it pass: {reason}"),
    ("yield", "handed_over"): Fate(FateKind.SILENT, "left it to the next: {reason}"),
    ("yield", "kept"): Fate(FateKind.WAITS, "tries again later: {reason}"),
    ("vault", "missing"): Fate(FateKind.SILENT, "cannot be served: {reason}"),
    ("cycle", "failed"): Fate(FateKind.WAITS, "met a fault: {reason}"),
    ("cycle", "dropped"): Fate(FateKind.SILENT, "gave up: {reason}"),
    ("edit", "cancelled"): Fate(FateKind.SILENT, "was no longer meant: {reason}"),
    ("refused", "cancelled"): Fate(FateKind.SILENT, "may not write here: {reason}"),
}
_WRITTEN_ONCE = ", and no other bot is asked: an answer is written once"
"""After a winner's answer that Discord refused (ADR 38)."""
_STREAM: Mapping[tuple[str, str], str] = {
    ("elect", "cooled"): "nobody could act at once: {reason}",
    ("elect", "left"): "nobody was chosen: {reason}",
    ("elect", "deferred"): "it waits: {reason}",
    ("elect", "joined"): "{reason}, and both are answered as one",
    ("admit", "shed"): "the channel is flooded: {reason}",
    ("forget", "deleted"): "the message was deleted",
    ("moderate", "stop"): "a moderator said stop",
    ("moderate", "go_on"): "a moderator said go on",
}
_REASONS: Mapping[str, str] = {
    "cooled": "was cooling down",
    "muted": "was muted",
    "over budget": "had spent its budget",
    "busy": "was busy with another message",
    "quiet": "was keeping quiet after a post",
    "quiet for too long": "keeps quiet for longer than the message is fresh",
}


def fate_of(lines: Sequence[JournalLine]) -> Fate | None:
    """What decided it last, of one bot's lines in their order; None: nothing that has
    a word."""
    for line in reversed(lines):
        found = _WORDS.get((line.step, line.verdict))
        if found is not None:
            words = _filled(found.words, line.reason)
            won = any(one.verdict == "granted" for one in lines)
            if won and (line.step, line.verdict) == ("deliver", "dead"):
                words += _WRITTEN_ONCE
            return Fate(found.kind, words)
    return None


def of_the_stream(lines: Sequence[JournalLine]) -> str:
    """What the stream itself decided last, in words; empty: nothing that has one."""
    for line in reversed(lines):
        words = _STREAM.get((line.step, line.verdict))
        if words is not None:
            return _filled(words, line.reason)
    return ""


def trouble_of_model(line: JournalLine) -> str:
    """What was wrong with a bot's models, and what to do; empty: this line tells of
    nothing."""
    if line.step not in {"commit", "yield"}:
        return ""
    if NO_MODEL in line.reason:
        return f"{NO_MODEL}; `the-stream doctor` says why"
    found = []
    for part in line.reason.split("; "):
        # A breaker that is open quotes what opened it in brackets.
        model, mark, fault = part.rpartition("(")[2].removesuffix(")").rpartition(": ")
        if mark and ":" in model and fault in set(Fault):
            found.append(f"{model}: {fault}; {REMEDIES[Fault(fault)]}")
    return "; ".join(found)


def passed_over(lines: Sequence[JournalLine]) -> dict[str, str]:
    """Why each bot with a better bid was passed over, by bot. An election notes it as
    `ada (cooled), bob (muted)`, and of one that was granted the floor for nothing as
    `bob held the floor and did not act`."""
    found: dict[str, str] = {}
    for line in lines:
        if line.step != "elect":
            continue
        if line.verdict == "re_elect":
            found[line.reason.partition(" ")[0]] = "was first and did not act in time"
        for text in (str(line.numbers.get("yielded", "")), line.reason):
            for one in text.split(", "):
                bot, bracket, rest = one.partition(" (")
                why = rest.removesuffix(")")
                # A reason may hold other brackets: only the election's own words count.
                if bracket and why in _REASONS:
                    found[bot] = _REASONS[why]
    return found


def _filled(words: str, reason: str) -> str:
    return words.replace("{reason}", reason or "no reason was noted")
