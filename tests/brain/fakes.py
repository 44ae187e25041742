"""Plain ports and scripted models. The ports stand for the store, which has tests of
its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from pydantic import Field, PrivateAttr

from app.brain.brain import Brain, build_brain
from app.brain.models import Speaker
from app.brain.ports import Enclosed, Opening
from app.domain.character import Character, load_character
from app.domain.model import (
    DISCORD_EPOCH_MS,
    Action,
    AuthorKind,
    ChatLine,
    Context,
    ConversationState,
    Cost,
    Event,
    InboxEntry,
    MessagePart,
    Signal,
)
from app.domain.settings import Settings
from app.domain.verdicts import Claim, Commit, Reserve

NOW_MS = 1_800_000_000_000
ME = "999"
CHANNEL = "50"


def snowflake(age_s: float, place: int = 0) -> str:
    """The id of a message written `age_s` seconds before NOW_MS."""
    return str(((NOW_MS - int(age_s * 1000) - DISCORD_EPOCH_MS) << 22) + place)


def entry(
    content: str,
    signal: Signal = Signal.DIRECT,
    age_s: float = 1.0,
    place: int = 0,
    **event: Any,
) -> InboxEntry:
    """One inbox entry of Sam's in CHANNEL; `event` overrides fields of the event."""
    addressed = event.pop("addressed", ("elena",) if signal is Signal.DIRECT else ())
    fields = {
        "message_id": snowflake(age_s, place),
        "channel_id": CHANNEL,
        "author_id": "7",
        "author_name": "Sam",
        "content": content,
        **event,
    }
    return InboxEntry(
        entry_id=f"{NOW_MS - 100}-{place}",
        event=Event(**fields),
        signal=signal,
        addressed=addressed,
    )


@dataclass
class FakePorts:
    """Gives what it was told to give and records what it was asked for."""

    inbox: Sequence[InboxEntry] = ()
    grants: frozenset[str] = frozenset()
    woken_by: Context = Context.DIRECT
    claims: Mapping[str, Claim] = field(default_factory=dict)
    commits: list[Commit] = field(default_factory=list)
    lines: list[ChatLine] = field(default_factory=list)
    budget: bool = True
    here: bool = True
    state: ConversationState = ConversationState.IDLE
    levels: Mapping[str, int] = field(default_factory=dict)
    now_ms: int = NOW_MS
    discord_now_ms: int = NOW_MS
    me: str = ME
    calls: list[tuple[str, str]] = field(default_factory=list)
    actions: list[Action] = field(default_factory=list)
    reserved: list[int] = field(default_factory=list)
    finals: list[bool] = field(default_factory=list)
    uttered: list[str] = field(default_factory=list)
    chances: list[Opening] = field(default_factory=list)
    where: Mapping[str, str] = field(default_factory=dict)
    files: Enclosed = field(default_factory=Enclosed)
    refusal: str = ""

    def entries(self) -> Sequence[InboxEntry]:
        return self.inbox

    def granted(self) -> frozenset[str]:
        return self.grants

    def states(self) -> Mapping[str, ConversationState]:
        return {CHANNEL: self.state}

    def trust(self, person: str) -> int:
        return self.levels.get(person, 0)

    def allowed(self, entry: InboxEntry) -> bool:
        return self.here

    def answer(self, entry: InboxEntry) -> FakeAnswer:
        return FakeAnswer(self, entry)

    def post(self, opening: Opening) -> FakePost:
        return FakePost(self, opening)

    def defer(self, entries: Sequence[InboxEntry], reason: str) -> None:
        self.calls.extend(
            ("defer", f"{one.event.content}: {reason}") for one in entries
        )

    def drop(self, entries: Sequence[InboxEntry], step: str, reason: str) -> None:
        self.calls.extend(("drop", f"{one.event.content}: {reason}") for one in entries)

    def recent(self) -> Sequence[str]:
        return tuple(self.uttered)

    def utter(self, line: str) -> bool:
        new = line not in self.uttered
        self.uttered.append(line)
        return new

    def chattiness(self, entry: InboxEntry, own: float) -> float:
        return own

    def openings(self) -> Sequence[Opening]:
        return tuple(self.chances)

    def chance(self) -> float:
        return 0.0

    def asked(self, name: str) -> list[str]:
        """The arguments of all calls of this name, in order."""
        return [argument for called, argument in self.calls if called == name]


@dataclass
class FakeAnswer:
    """The turn of a message."""

    ports: FakePorts
    entry: InboxEntry

    @property
    def place(self) -> Mapping[str, str]:
        return self.ports.where

    @property
    def refusal(self) -> str:
        return self.ports.refusal

    def enclosed(self, parts: Sequence[MessagePart]) -> Enclosed:
        self._called("enclosed")
        return self.ports.files

    def claim(self) -> Claim:
        self._called("claim")
        return self.ports.claims.get(self.entry.event.content, Claim.GRANTED)

    def context(self) -> Sequence[ChatLine]:
        self._called("context")
        return tuple(self.ports.lines)

    def reserve(self, cost: Cost, seconds: float | None = None) -> Reserve:
        self.ports.reserved.append(cost.tokens)
        return Reserve.OK if self.ports.budget else Reserve.BUDGET

    def reserve_words(self, words: str) -> tuple[Reserve, bool]:
        return self.reserve(Cost()), self.ports.utter(words)

    @contextmanager
    def typing(self) -> Iterator[None]:
        self._called("typing")
        yield
        self._called("typing ends")

    def commit(self, action: Action, *, final: bool = False) -> Commit:
        self._called("commit")
        ports = self.ports
        ports.finals.append(final)
        verdict = ports.commits.pop(0) if ports.commits else Commit.COMMITTED
        if verdict in {Commit.COMMITTED, Commit.DRY_RUN}:
            ports.actions.append(action)
        return verdict

    def decline(self, reason: str, cost: Cost | None = None) -> None:
        if cost is not None:
            self.ports.calls.append(("book", str(cost.tokens)))
        self.ports.calls.append(("decline", reason))

    def release(self, reason: str) -> None:
        self.ports.calls.append(("release", reason))

    def note(
        self,
        step: str,
        verdict: str,
        reason: str,
        numbers: Mapping[str, float | str],
    ) -> None:
        self.ports.calls.append(("note", f"{step} {verdict}"))

    def _called(self, name: str) -> None:
        self.ports.calls.append((name, self.entry.event.content))


@dataclass
class FakePost:
    """The turn of a post that answers nobody."""

    ports: FakePorts
    opening: Opening

    @property
    def refusal(self) -> str:
        return self.ports.refusal

    def claim(self) -> Claim:
        self.ports.calls.append(("claim_post", self.opening.channel))
        return self.ports.claims.get(self.opening.channel, Claim.GRANTED)

    def context(self) -> Sequence[ChatLine]:
        return ()

    def reserve(self, cost: Cost, seconds: float | None = None) -> Reserve:
        self.ports.reserved.append(cost.tokens)
        return Reserve.OK if self.ports.budget else Reserve.BUDGET

    def commit(self, action: Action, *, final: bool = False) -> Commit:
        self.ports.calls.append(("commit_post", self.opening.channel))
        self.ports.actions.append(action)
        return Commit.COMMITTED

    def decline(self, reason: str, cost: Cost | None = None) -> None:
        self.ports.calls.append(("release_post", reason))


class Scripted(BaseChatModel):
    """Answers with its script, one item a call; an exception in it is raised. Remembers
    the prompts."""

    script: list[Any]
    usage: bool = True
    counted: dict[str, int] = Field(
        default={"input_tokens": 1_000, "output_tokens": 20, "total_tokens": 1_020}
    )
    _prompts: list[list[BaseMessage]] = PrivateAttr(default_factory=list)

    @property
    def _llm_type(self) -> str:
        return "scripted"

    @property
    def prompts(self) -> list[list[BaseMessage]]:
        return self._prompts

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: Any = None,
        run_manager: Any = None,
        **_: Any,
    ) -> ChatResult:
        self._prompts.append(messages)
        item = self.script.pop(0)
        if isinstance(item, BaseException):
            raise item
        usage = self.counted if self.usage else None
        return ChatResult(
            generations=[
                ChatGeneration(message=AIMessage(content=item, usage_metadata=usage))
            ]
        )


def speaker(*script: Any, **options: Any) -> Speaker:
    """A speaker of one scripted model that never really waits."""
    return Speaker([Scripted(script=list(script))], wait=lambda _: None, **options)


def prompts(brain: Brain) -> list[list[BaseMessage]]:
    """What the brain's first model was asked."""
    assert brain.speaker is not None
    model = brain.speaker.models[0]
    assert isinstance(model, Scripted)
    return model.prompts


@lru_cache(maxsize=1)
def elena() -> Character:
    """The shipped character that most tests speak through, read once."""
    return load_character("elena")


def brain(
    speaker: Speaker | None = None, character: Character | None = None, **options: Any
) -> Brain:
    """Elena's brain; without a speaker the offline voice answers."""
    settings = Settings(_env_file=None)  # type: ignore[call-arg]
    built = build_brain(character or elena(), {}, settings)
    return Brain(**{**built.__dict__, "speaker": speaker, **options})


def line(
    content: str,
    author: str = "7",
    name: str = "Sam",
    kind: AuthorKind = AuthorKind.HUMAN,
    age_s: float = 60,
) -> ChatLine:
    """One line of the channel's history."""
    return ChatLine(
        message_id=snowflake(age_s),
        author_id=author,
        author_name=name,
        author_kind=kind,
        content=content,
    )
