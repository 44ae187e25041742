"""Post: now and then a poll opens a conversation, or posts the diary or dream of the
night. Off unless a file turns it on."""

from __future__ import annotations

from random import Random

from langchain_core.messages import BaseMessage, HumanMessage, SystemMessage
from langgraph.runtime import Runtime

from app.brain import prompt, text
from app.brain.billing import DraftAccount
from app.brain.cycle import Change, CycleState, Did, Outcome, Run
from app.brain.models import Speaker
from app.brain.ports import Opening, SpeakingTurn
from app.brain.silence import is_silence
from app.domain.errors import ModelUnavailable
from app.domain.model import Action, ActionKind, Context, Cost
from app.domain.verdicts import Claim, Commit, Reserve
from app.rules import plan

TRIES = 5
"""Channels for which the floor is asked in one poll."""

_LEADS = (
    "Been thinking about {topic}.",
    "Quiet in here, so: {topic}.",
    "{topic}, for a change of subject.",
    "Something about {topic} won't leave me alone.",
)


def post(state: CycleState, runtime: Runtime[Run]) -> Change:
    """Make at most one post. One draw decides for the whole poll, so that many quiet
    channels mean no more talk."""
    run = runtime.context
    ports, pacing = run.ports, run.brain.character.pacing
    # A stopped cycle has work left or lost its lock: no time for small talk.
    if ports.woken_by is not Context.POLL or state["stopped"]:
        return {}
    chance = ports.chance()
    for opening in ports.openings()[:TRIES]:
        wish = plan.proactive(pacing.drive, chance, opening.quiet_s)
        if not opening.text and wish.kind is not ActionKind.POST:
            continue
        turn = ports.post(opening)
        if turn.claim() is Claim.GRANTED:
            return {"outcomes": (*state["outcomes"], _make(run, opening, turn))}
    return {}


def _make(run: Run, opening: Opening, turn: SpeakingTurn) -> Outcome:
    action = _draft(run, opening, turn)
    if not action.text:
        turn.decline(action.reason, Cost(action.tokens, action.micro_usd))
        return Outcome(opening.post_id, Did.DECLINED, action.reason)
    verdict = turn.commit(action)
    done = verdict in {Commit.COMMITTED, Commit.DRY_RUN}
    return Outcome(
        opening.post_id,
        Did.COMMITTED if done else Did.DROPPED,
        opening.reason if done else verdict,
        ActionKind.POST,
    )


def _draft(run: Run, opening: Opening, turn: SpeakingTurn) -> Action:
    action = Action(
        kind=ActionKind.POST, channel_id=opening.channel, reason=opening.reason
    )
    if opening.text:
        return action.model_copy(update={"text": text.outgoing(opening.text)})
    speaker = run.brain.speaker
    if speaker is None:
        return action.model_copy(update={"text": opener(run, opening.post_id)})
    messages = _messages(run, opening, turn)
    if turn.refusal:
        return action.model_copy(update={"reason": turn.refusal})
    cost = speaker.estimate(messages)
    reserved = turn.reserve(cost)
    if reserved is not Reserve.OK:
        return action.model_copy(update={"reason": reserved})
    account = DraftAccount(
        cost, lambda more, seconds: turn.reserve(more, seconds) is Reserve.OK
    )
    return _asked(
        run, speaker=speaker, messages=messages, action=action, account=account
    )


def _asked(
    run: Run,
    speaker: Speaker,
    messages: list[BaseMessage],
    action: Action,
    account: DraftAccount,
) -> Action:
    """What the model says, or silence where it says nothing usable: nobody waits for
    it."""
    character = run.brain.character
    try:
        answer = speaker.ask(messages, run.ports.now_ms, account)
    except ModelUnavailable as error:
        return action.model_copy(
            update={
                "reason": str(error),
                "tokens": error.tokens,
                "micro_usd": error.micro_usd,
            }
        )
    found = answer.reply
    said = (
        text.outgoing(found.text, character.names)
        if found is not None and found.action == "reply"
        else ""
    )
    if is_silence(said) or text.problem(said, str(messages[0].content)):
        said = ""
    return action.model_copy(
        update={
            "text": said,
            "tokens": answer.tokens,
            "micro_usd": answer.micro_usd,
            "reason": action.reason if said else "the model chose silence",
        }
    )


def _messages(run: Run, opening: Opening, turn: SpeakingTurn) -> list[BaseMessage]:
    me = run.ports.me
    said = [
        prompt.transcript_line(line, me, run.brain.character.names)
        for line in turn.context()
        if line.content or line.parts
    ]
    asked = prompt.fill(
        "open", minutes=str(int(opening.quiet_s // 60)), transcript="\n".join(said)
    )
    return [SystemMessage(prompt.system(run.brain.character)), HumanMessage(asked)]


def opener(run: Run, seed: str) -> str:
    """A line of the offline voice that nobody asked for; "" when each that fits was
    said within a day."""
    character, chance = run.brain.character, Random(seed)
    heard = "\n".join(run.ports.recent())
    lines = [
        line
        for line in character.lines
        if line.topic and "{" not in line.text and line.text not in heard
    ]
    if not lines:
        return ""
    # `recent` may be old by now: `utter` below decides who says the line.
    line = chance.choice(lines)
    lead = chance.choice(_LEADS).format(topic=line.topic)
    return (
        f"{lead[0].upper()}{lead[1:]} {line.text}" if run.ports.utter(line.text) else ""
    )
