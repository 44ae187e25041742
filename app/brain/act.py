"""Act: write the answer and commit it. A model may decide to be silent, but never to
speak where the rules would not."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from hashlib import sha256

from langchain_core.messages import AIMessage, BaseMessage, HumanMessage
from langgraph.runtime import Runtime
from langgraph.store.base import BaseStore

from app.brain import prompt, text
from app.brain.billing import DraftAccount
from app.brain.cycle import Candidate, Change, Chosen, CycleState, Did, Outcome, Run
from app.brain.fallback import short_line
from app.brain.faults import NO_MODEL
from app.brain.memory import Remembered, nod, recall
from app.brain.notice import notice
from app.brain.perceive import read_words
from app.brain.ports import AnswerTurn, Enclosed
from app.brain.reply import Reply
from app.brain.silence import is_ignorance, is_silence
from app.brain.voice import with_recent
from app.content.names import make_legible, named_parts
from app.domain.character import Character, OnModelFailure, plain_emoji
from app.domain.errors import ModelUnavailable
from app.domain.model import Action, ActionKind, ChatLine, Cost, InboxEntry, MessagePart
from app.domain.verdicts import Commit, Reserve
from app.runtime.traces import span

DEFAULT_EMOJI = "👀"
IGNORANT = "unasked, it would only say that it does not know"


@dataclass(slots=True)
class Draft:
    """What the bot will say (`text`) or react with (`emoji`). With neither it is silent,
    for `reason`."""

    text: str = ""
    emoji: str = ""
    reason: str = ""
    cost: Cost = field(default_factory=Cost)
    lost: bool = False
    """The floor or the lock is gone: somebody else takes over."""


def act(state: CycleState, runtime: Runtime[Run]) -> Change:
    """Draft and commit the chosen candidate. If the draft for a direct message is stale,
    it is written once more and then sent."""
    run, chosen = runtime.context, state["chosen"]
    if chosen is None:
        return {"chosen": None}
    event, bot = chosen.candidate.entry.event, run.brain.character.name
    values = {
        "gen_ai.operation.name": "invoke_agent",
        "gen_ai.agent.name": bot,
        "gen_ai.conversation.id": event.channel_id,
    }
    with span(f"invoke_agent {bot}", event.message_id, values) as noted:
        change = _answered(state, run, chosen=chosen, memory=runtime.store)
        noted.note({"stream.outcome": change["outcomes"][-1].did})
    return change


def _answered(
    state: CycleState, run: Run, chosen: Chosen, memory: BaseStore | None
) -> Change:
    draft = _draft(run, chosen, memory)
    verdict = _commit(run, chosen, draft, final=False)
    # Only once more: people who keep writing would otherwise never be answered.
    if verdict is Commit.STALE and chosen.candidate.direct:
        draft = _draft(run, chosen, memory)
        verdict = _commit(run, chosen, draft, final=True)
    if verdict is Commit.GOES_ON:
        return _put_back(state, chosen)
    outcome = _conclude(run, chosen, draft, verdict)
    lost = outcome.did is Did.LOST
    return {
        "chosen": None,
        "outcomes": (*state["outcomes"], outcome),
        "stopped": state["stopped"] or lost,
    }


def _put_back(state: CycleState, chosen: Chosen) -> Change:
    """Leave the message to a later cycle, which answers it together with the line that
    came after it."""
    reason = "its thought goes on in a later line"
    chosen.turn.release(reason)
    message = chosen.candidate.entry.event.message_id
    outcome = Outcome(message, Did.LEFT, reason)
    return {"chosen": None, "outcomes": (*state["outcomes"], outcome)}


def _commit(run: Run, chosen: Chosen, draft: Draft, final: bool) -> Commit | None:
    """The commit's verdict, or None for a silent draft, which has nothing to commit."""
    candidate = chosen.candidate
    event = candidate.entry.event
    if not draft.text and not draft.emoji:
        return None
    # A person who spoke to the bot still gets an answer if Discord refuses the first
    # one.
    character, mood = run.brain.character, candidate.reading.mood
    spare = (
        short_line(character, mood, event.message_id, refused=draft.text)
        if candidate.direct
        else ""
    )
    action = Action(
        kind=ActionKind.REPLY if draft.text else ActionKind.REACT,
        channel_id=event.channel_id,
        message_id=event.message_id,
        text=draft.text,
        emoji=draft.emoji,
        tokens=draft.cost.tokens,
        micro_usd=draft.cost.micro_usd,
        reason=f"{candidate.plan.reason}; {draft.reason}",
        fallback=spare,
    )
    return chosen.turn.commit(action, final=final)


def _conclude(
    run: Run, chosen: Chosen, draft: Draft, verdict: Commit | None
) -> Outcome:
    candidate, turn = chosen.candidate, chosen.turn
    message = candidate.entry.event.message_id
    if draft.lost:
        return Outcome(message, Did.LOST, draft.reason)
    if verdict is None:
        turn.decline(draft.reason, draft.cost)
        return Outcome(message, Did.DECLINED, draft.reason)
    if verdict in {Commit.COMMITTED, Commit.DRY_RUN}:
        return Outcome(
            message,
            Did.COMMITTED,
            draft.reason,
            ActionKind.REPLY if draft.text else ActionKind.REACT,
        )
    if verdict is Commit.LOST_LOCK or (
        verdict is Commit.LOST_FLOOR and candidate.direct
    ):
        # The entry stays for the cycle that takes over, or for the lane's next one.
        return Outcome(message, Did.LOST, verdict)
    if verdict in {Commit.ANSWERED, Commit.ADDRESSED, Commit.GONE}:
        # Another bot answers it. Only this bot's entry is removed: a decline would be
        # recorded for the message.
        turn.release(verdict)
        run.ports.drop([candidate.entry], "commit", verdict)
        return Outcome(message, Did.DROPPED, verdict)
    turn.decline(verdict)
    return Outcome(message, Did.DECLINED, verdict)


def _draft(run: Run, chosen: Chosen, memory: BaseStore | None) -> Draft:
    """One draft from fresh context. If a model writes a direct answer, the bot is shown
    typing from the beginning."""
    candidate = chosen.candidate
    if notice_text := notice(candidate.entry):
        return Draft(text=notice_text, reason="over a limit")
    writes = (
        run.brain.speaker is not None and candidate.plan.kind is not ActionKind.REACT
    )
    seen_typing = candidate.direct and writes
    with chosen.turn.typing() if seen_typing else nullcontext():
        lines = chosen.turn.context()
        # Nothing has been paid for yet.
        if chosen.turn.refusal:
            return Draft(reason=chosen.turn.refusal)
        return _written(run, chosen, lines, memory)


def _written(
    run: Run, chosen: Chosen, lines: Sequence[ChatLine], memory: BaseStore | None
) -> Draft:
    """Free for a reaction and for the offline voice."""
    candidate, turn = chosen.candidate, chosen.turn
    entry = _as_it_stands(candidate.entry, lines)
    character, speaker = run.brain.character, run.brain.speaker
    # A model also sees what the message replies to; the offline voice answers only the
    # message.
    files = (
        *entry.event.parts,
        *(_replied_parts(entry, lines) if speaker is not None else ()),
    )
    enclosed = turn.enclosed(files) if files else Enclosed()
    if candidate.plan.kind is ActionKind.REACT:
        return Draft(
            emoji=_own_emoji(run, candidate),
            reason="reaction by rule",
        )
    known = _recall_notes(run, turn, entry=entry, lines=lines, memory=memory)
    shown = prompt.Shown(
        lines=lines,
        place=turn.place,
        enclosed=enclosed,
        recent=tuple(run.ports.recent()),
        notes=known.notes(),
    )
    messages = prompt.build(character, run.ports.me, entry, shown)
    if speaker is None and not _worth_saying(run, candidate, messages):
        # Nothing has been paid for yet, so the election goes on to the runner-up.
        return Draft(reason=IGNORANT)
    if speaker is None and _may_stand_in(character):
        return _offline_answer(run, chosen, messages, known)
    cost = speaker.estimate(messages) if speaker is not None else Cost()
    reserved = turn.reserve(cost)
    if reserved is not Reserve.OK:
        return _refused(reserved)
    if speaker is None:
        return _unusable(
            run,
            candidate=candidate,
            messages=messages,
            draft=Draft(),
            reason=NO_MODEL,
        )
    return _within(cost, run, chosen, messages)


def _within(cost: Cost, run: Run, chosen: Chosen, messages: list[BaseMessage]) -> Draft:
    """What the model says for what is held, and for more where there is room."""
    turn = chosen.turn
    account = DraftAccount(
        cost, lambda more, seconds: turn.reserve(more, seconds) is Reserve.OK
    )
    draft = _ask(run, chosen.candidate, messages, account)
    for doubt in account.doubts:
        turn.note(step="model", verdict="doubted", reason=doubt, numbers={})
    return draft


def _refused(reserved: Reserve) -> Draft:
    """A spent budget ends in silence. After a lost floor or lock another cycle has the
    turn."""
    return Draft(reason=reserved, lost=reserved not in {Reserve.BUDGET, Reserve.WAIT})


def _worth_saying(
    run: Run, candidate: Candidate, messages: Sequence[BaseMessage]
) -> bool:
    """Whether the offline voice, unasked, would do more than say that it does not
    know."""
    answers_all = run.brain.character.pacing.chattiness >= 1
    return candidate.direct or answers_all or run.brain.voice.knows(messages)


def _may_stand_in(character: Character) -> bool:
    """Whether the offline voice speaks where there is no model: one was never wanted,
    or the character file says so."""
    wanted = character.on_model_failure
    return character.model is None or wanted is OnModelFailure.OFFLINE_VOICE


def _recall_notes(
    run: Run,
    turn: AnswerTurn,
    entry: InboxEntry,
    lines: Sequence[ChatLine],
    memory: BaseStore | None,
) -> Remembered:
    """What the bot remembers of the author and the channel. If memory fails, the journal
    says why."""
    known = recall(
        memory,
        run.brain.character.name,
        entry.event,
        lines,
        deep=run.brain.speaker is not None,
        now_ms=run.ports.now_ms,
    )
    if known.trouble:
        turn.note(
            step="recall",
            verdict="missing",
            reason=known.trouble,
            numbers={},
        )
    return known


def _offline_answer(
    run: Run, chosen: Chosen, messages: list[BaseMessage], known: Remembered
) -> Draft:
    """What the offline voice says, with a remark on what it remembers of the author.
    Its words cost nothing, so they are chosen before anything is reserved."""
    candidate, wanted = chosen.candidate, run.brain.character.model is not None
    said = _say(run, messages)
    repeats = _repeats(run, said)
    reserved, new = chosen.turn.reserve_words(said)
    if reserved is not Reserve.OK:
        return _refused(reserved)
    reason = f"{NO_MODEL}, offline voice" if wanted else "offline voice"
    if not new and not repeats:
        said = _say_other(run, messages, said)
    draft = Draft(said, reason=reason)
    if not candidate.direct:
        return draft
    remark = nod(known, candidate.reading.mood, candidate.entry.event.message_id)
    # A digest: what a person told must not stand in a list that all channels share.
    if remark and run.ports.utter(f"nod:{sha256(remark.encode()).hexdigest()}"):
        draft.text = f"{draft.text} {remark}"
    return draft


def _replied_parts(
    entry: InboxEntry, lines: Sequence[ChatLine]
) -> tuple[MessagePart, ...]:
    """Files of the message that is replied to: people ask about a picture by replying
    to it."""
    replied = next(
        (line for line in lines if line.message_id == entry.event.reply_to), None
    )
    return replied.parts if replied is not None else ()


def _as_it_stands(entry: InboxEntry, lines: Sequence[ChatLine]) -> InboxEntry:
    """The entry with the text and files that Discord has now, and with names for ids:
    people edit, and files move."""
    event, shown = entry.event, {line.message_id: line for line in lines}
    now = shown.get(event.message_id)
    content = (
        now.content if now is not None else make_legible(event.content, event.names)
    )
    parts = (
        now.parts
        if now is not None and now.parts
        else named_parts(event.parts, event.names)
    )
    said, came_with = _earlier_as_it_stands(entry, shown)
    update = {
        "content": "\n".join(filter(None, (*said, content))),
        "parts": (*came_with, *parts),
    }
    return entry.model_copy(update={"event": event.model_copy(update=update)})


def _earlier_as_it_stands(
    entry: InboxEntry, shown: Mapping[str, ChatLine]
) -> tuple[list[str], list[MessagePart]]:
    """Words and files of the earlier lines of a thought. A line that Discord no longer
    shows, though it shows the last one, was deleted."""
    said: list[str] = []
    came_with: list[MessagePart] = []
    for line in entry.event.earlier:
        now = shown.get(line.message_id)
        if now is not None:
            said.append(now.content)
            came_with += now.parts
        elif entry.event.message_id not in shown:
            said.append(make_legible(line.content, entry.event.names))
    return said, came_with


def _ask(
    run: Run, candidate: Candidate, messages: list[BaseMessage], account: DraftAccount
) -> Draft:
    """What the model says, made safe. If that is not usable, a direct message gets the
    offline voice, any other silence."""
    draft = Draft(reason="model")
    found: Reply | None = None
    try:
        found = _answer(run, messages, account, repair=candidate.direct)
        problem = "the model's answer was garbage"
    except ModelUnavailable as error:
        problem = str(error)
    # Also after a failure: garbage was paid for as well.
    draft.cost = account.spent
    if found is None:
        return _unusable(
            run, candidate=candidate, messages=messages, draft=draft, reason=problem
        )
    return _judge(run, candidate=candidate, messages=messages, draft=draft, found=found)


def _answer(
    run: Run, messages: list[BaseMessage], account: DraftAccount, repair: bool
) -> Reply | None:
    """What the model answered, or None for garbage. Only a direct message is worth a
    second paid call (`repair`)."""
    speaker = run.brain.speaker
    assert speaker is not None  # noqa: S101 - the caller looked
    answer = speaker.ask(messages, run.ports.now_ms, account)
    if answer.reply is None and repair:
        again = [
            *messages,
            # Garbage may be long, and as part of a prompt it is paid for again.
            AIMessage(answer.content[:2_000]),
            HumanMessage(prompt.template("repair")),
        ]
        answer = speaker.ask(again, run.ports.now_ms, account)
    return answer.reply


def _judge(
    run: Run,
    candidate: Candidate,
    messages: Sequence[BaseMessage],
    draft: Draft,
    found: Reply,
) -> Draft:
    character = run.brain.character
    # Judged is what would leave: an invisible character in the raw answer hides a
    # phrase from every pattern.
    words = text.outgoing(found.text, character.names)
    if found.action == "observe" or (
        found.action == "reply" and words and is_silence(words)
    ):
        draft.reason = "the model chose silence"
        return draft
    if found.action == "reply" and not candidate.direct and is_ignorance(words):
        draft.reason = IGNORANT
        return draft
    if found.action == "react":
        draft.emoji = plain_emoji(found.emoji) or _own_emoji(run, candidate)
        draft.reason = "the model chose a reaction"
        return draft
    event = candidate.entry.event
    problem = text.problem(
        words, str(messages[0].content), event.content, event.author_name
    )
    if problem:
        return _unusable(
            run, candidate=candidate, messages=messages, draft=draft, reason=problem
        )
    draft.text = words
    return draft


def _unusable(
    run: Run,
    candidate: Candidate,
    messages: Sequence[BaseMessage],
    draft: Draft,
    reason: str,
) -> Draft:
    draft.reason = reason
    wanted = run.brain.character.on_model_failure
    if candidate.direct and wanted is OnModelFailure.OFFLINE_VOICE:
        draft.text = _offline(run, messages, reason).text
    elif candidate.direct and wanted is OnModelFailure.REACT:
        draft.emoji = _own_emoji(run, candidate)
    return draft


def _offline(run: Run, messages: Sequence[BaseMessage], reason: str) -> Draft:
    said = _say(run, messages)
    repeats = _repeats(run, said)
    if said and not run.ports.utter(said) and not repeats:
        said = _say_other(run, messages, said)
    return Draft(text=said, reason=reason)


def _repeats(run: Run, said: str) -> bool:
    """Whether a line is said again knowingly: everything that fits was said, and this
    one longest ago. Asked before it is reserved."""
    return said in run.ports.recent()


def _say_other(run: Run, messages: Sequence[BaseMessage], said: str) -> str:
    """Another process said it since `recent` was read, or everything that fits has been
    said."""
    other = _say(run, with_recent(messages, said))
    run.ports.utter(other)
    return other


def _say(run: Run, messages: Sequence[BaseMessage]) -> str:
    return text.outgoing(run.brain.voice.answer(messages))


def _own_emoji(run: Run, candidate: Candidate) -> str:
    if candidate.direct and run.brain.speaker is not None:
        # Of its words the mood alone was read.
        candidate = read_words([candidate], run.brain, run.ports)[0]
    return choose_emoji(run.brain.character, candidate, run.ports.chance())


def choose_emoji(character: Character, candidate: Candidate, chance: float) -> str:
    """A reaction of the character's own: by topic if it is one of theirs, else by
    mood."""
    keys = [candidate.topic] if candidate.scores.interest >= 0.4 else []
    for key in (*keys, candidate.reading.mood, "any"):
        found = character.reactions.get(key)
        if found:
            return found[int(chance * len(found))]
    return DEFAULT_EMOJI
