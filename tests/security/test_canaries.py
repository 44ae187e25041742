"""What people tell is marked, told in every place and looked for in every other:
nothing stands out of place.

The model here is the worst one: it repeats every mark that it sees, and says of each
line that it holds every fact.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, NamedTuple

import pytest
import structlog
from cryptography.fernet import Fernet
from langchain_core.language_models.chat_models import BaseChatModel
from langchain_core.messages import AIMessage, BaseMessage
from langchain_core.outputs import ChatGeneration, ChatResult
from pydantic import PrivateAttr

from app.brain.graph import run_cycle
from app.brain.memory import Moment, remember
from app.brain.models import Speaker
from app.brain.ports import Opening
from app.delivery.rest import ServerPlace
from app.domain.character import load_character
from app.domain.model import AuthorKind, ChatLine, Context, Event, InboxEntry, Signal
from app.domain.settings import load_settings
from app.operator import people
from app.store import keys, nights, vault, wishes
from app.store.nights import Night
from app.store.signing import signer, spoken
from app.store.vault import Vault
from app.worker.served import Served
from app.worker.worker import Worker
from tests.brain.fakes import ME, FakePorts, snowflake

DATE = "2027-01-15"
KIM, SAM = "7100000000000000001", "7100000000000000002"
NAMES = {KIM: "Kim", SAM: "Sam"}
Found = dict[tuple[str, str], set[str]]
"""Marks by reader and place."""
MARK = re.compile(r"\bzz[a-z]+\b")


class Spot(NamedTuple):
    """A place where people tell something; `owner`: the only person of a direct
    channel."""

    name: str
    channel: str
    guild: str | None = None
    owner: str = ""
    parent: str | None = None


SPOTS = (
    Spot("A one", "50", "7"),
    Spot("A two", "51", "7"),
    Spot("A thread", "52", "7", parent="50"),
    Spot("B", "60", "8"),
    Spot("DM Kim", "70", owner=KIM),
    Spot("DM Sam", "71", owner=SAM),
)
TOLD = tuple(
    (person, spot) for spot in SPOTS for person in NAMES if spot.owner in {"", person}
)


def mark(person: str, spot: Spot) -> str:
    """A word that stands for what one person told in one place, and nowhere else in the
    world."""
    return f"zz{NAMES[person].lower()}{'abcdef'[SPOTS.index(spot)]}"


WHOSE = {mark(person, spot): (person, spot) for person, spot in TOLD}


class Parrot(BaseChatModel):
    """Repeats every mark it was shown, in the form that was asked for."""

    _seen: list[str] = PrivateAttr(default_factory=list)

    @property
    def _llm_type(self) -> str:
        return "parrot"

    @property
    def seen(self) -> list[str]:
        """The prompts."""
        return self._seen

    def _generate(
        self,
        messages: list[BaseMessage],
        stop: Any = None,
        run_manager: Any = None,
        **_: Any,
    ) -> ChatResult:
        text = "\n".join(str(message.content) for message in messages)
        self._seen.append(text)
        marks = sorted(set(MARK.findall(text)))
        if '{"facts"' in text:
            content = json.dumps(
                {
                    "facts": [
                        {"line": line, "fact": f"keeps a {one} on the roof"}
                        for line in range(4)
                        for one in marks
                    ]
                }
            )
        elif "Write" in text and "<day>" in text:
            content = f"Dear me, what a day that was, of all things: {' and '.join(marks)}, and nothing else to be told."
        else:
            content = json.dumps(
                {"action": "reply", "text": f"So you keep {' and '.join(marks)}?"}
            )
        usage = {"input_tokens": 1, "output_tokens": 1, "total_tokens": 2}
        return ChatResult(
            generations=[
                ChatGeneration(message=AIMessage(content=content, usage_metadata=usage))
            ]
        )


@dataclass
class World:
    """A worker whose bot has heard everything."""

    worker: Worker
    served: Served
    parrot: Parrot

    def shown(self) -> set[str]:
        """The marks in the prompts since the last time."""
        texts, self.parrot.seen[:] = list(self.parrot.seen), []
        return {found for text in texts for found in MARK.findall(text)}


def event(person: str, spot: Spot, number: int, content: str) -> Event:
    """A message."""
    return Event(
        message_id=snowflake(900 - number, number),
        channel_id=spot.channel,
        guild_id=spot.guild,
        author_id=person,
        author_name=NAMES[person],
        content=content,
        is_dm=spot.guild is None,
        parent_id=spot.parent,
    )


@pytest.fixture
def world(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """Everybody has told something everywhere, Elena answered each time, and two rounds
    of learning are over."""
    monkeypatch.setenv("STREAM_REDIS_URL", redis_url)
    monkeypatch.setenv("STREAM_VAULT_KEYS", Fernet.generate_key().decode())
    monkeypatch.setattr("app.brain.facts.MOST_AT_ONCE", 50)
    monkeypatch.setattr("app.brain.memory.FACTS_SHOWN", 50)
    monkeypatch.setattr("app.brain.memory.RECALL_WITHIN", 30.0)
    load_settings.cache_clear()
    worker = Worker(load_settings())
    plain = ("{}", f'{{"user_id": "{ME}"}}', load_character("elena").model_dump_json())
    sealed = Vault(worker.settings.vault_keys).seal("elena", {"token": "x" * 60}, plain)
    worker.store.run(vault.publish("elena", sealed, *plain))
    served, parrot = worker.bots.get("elena"), Parrot()
    served = replace(
        served,
        brain=replace(served.brain, speaker=Speaker([parrot], wait=lambda _: None)),
    )
    monkeypatch.setattr(worker.bots, "get", lambda _: served)
    made = World(worker, served, parrot)
    lived(made)
    yield made
    worker.close()


def lived(world: World) -> None:
    """What was told; then the learning of each channel, twice, as a copied fact would
    be copied on."""
    worker = world.worker
    for number, (person, spot) in enumerate(TOLD):
        word = mark(person, spot)
        heard = event(person, spot, number, f"I keep a {word} on the roof")
        moment = Moment(
            InboxEntry(entry_id=f"1-{number}", event=heard, signal=Signal.DIRECT),
            f"A {word}, really?",
        )
        remember(worker.chores.memory, "elena", ME, "Elena", moment)
        worker.store.client.rpush(
            keys.journal_of_bot("elena", DATE),
            signer(worker.settings).sign(
                spoken("elena"),
                json.dumps(
                    {
                        "channel": spot.channel,
                        "reply_to": heard.message_id,
                        "author": person,
                        "text": moment.text,
                        "emoji": "",
                    }
                ),
            ),
        )
    worker.store.client.expire(keys.journal_of_bot("elena", DATE), 600)
    for spot in SPOTS:
        worker.chores.learn("elena", spot.channel)
    for number, (person, spot) in enumerate(TOLD):
        again = event(person, spot, 100 + number, "And it is lovely up there")
        moment = Moment(
            InboxEntry(entry_id=f"2-{number}", event=again, signal=Signal.DIRECT),
            "Is it?",
        )
        remember(worker.chores.memory, "elena", ME, "Elena", moment)


def may_see(word: str, reader: str, spot: Spot) -> bool:
    """Said anew, not asked of the code: in its place, on its server, and by whoever
    told it in private with the bot."""
    person, told = WHOSE[word]
    if told.channel == spot.channel:
        return True
    if told.guild is None:
        return False
    return told.guild == spot.guild or (spot.guild is None and reader == person)


def leaks(shown: set[str], reader: str, spot: Spot) -> set[str]:
    """Marks out of place."""
    return {word for word in shown if not may_see(word, reader, spot)}


def test_facts_are_kept_for_who_told_them_and_where(world: World) -> None:
    """However a model mixes lines and facts: a fact stands under its teller, with the
    place where it was told."""
    for person in NAMES:
        items = world.worker.chores.memory.search(
            ("elena", "person", person), limit=100
        )
        kept = {MARK.findall(item.value["text"])[0]: item.value for item in items}
        assert set(kept) == {mark(*told) for told in TOLD if told[0] == person}
        assert all(
            WHOSE[word][1].channel == value["channel"] for word, value in kept.items()
        )


def answered(world: World, person: str, spot: Spot) -> set[str]:
    """The marks in the prompt of an answer to a person in a place, with that place's
    own transcript."""
    lines = [
        ChatLine(
            message_id=snowflake(800),
            author_id=person,
            author_name=NAMES[person],
            author_kind=AuthorKind.HUMAN,
            content="hello",
        )
    ]
    asked = InboxEntry(
        entry_id="9-0",
        event=event(person, spot, 500, "elena, what do I keep on the roof?"),
        signal=Signal.DIRECT,
        addressed=("elena",),
    )
    run_cycle(
        world.served.brain,
        FakePorts(inbox=[asked], lines=lines),
        world.worker.chores.memory,
    )
    return world.shown()


def learned(world: World, spot: Spot) -> set[str]:
    """The marks in the prompt of one more learning of a channel."""
    world.worker.chores.learn("elena", spot.channel)
    return world.shown()


def opened(world: World, spot: Spot) -> set[str]:
    """The marks in the prompt of an opening."""
    ports = FakePorts(
        woken_by=Context.POLL,
        chances=[Opening(f"p:{spot.channel}", spot.channel, quiet_s=4_000)],
    )
    run_cycle(world.served.brain, ports, world.worker.chores.memory)
    assert len(world.parrot.seen) == 1
    return world.shown()


def written(
    world: World, monkeypatch: pytest.MonkeyPatch, spot: Spot
) -> dict[Night, set[str]]:
    """The marks in prompts and texts of a night that is told in a place."""
    worker = world.worker
    told = replace(
        world.served,
        character=world.served.character.model_copy(
            update={"diary": spot.channel, "dream": spot.channel}
        ),
    )
    monkeypatch.setattr(worker.bots, "get", lambda _: told)
    monkeypatch.setattr(
        worker.rest, "place", lambda *_: ServerPlace(spot.guild, spot.parent)
    )
    found: dict[Night, set[str]] = {}
    for night in (Night.DIARY, Night.DREAM):
        worker.store.client.delete(
            keys.memory("elena", night), keys.night_claim("elena", night, DATE)
        )
        assert worker.chores.write(night, "elena", DATE) == "written"
        text = worker.store.run(nights.read("elena", night))[DATE]
        found[night] = world.shown() | set(MARK.findall(text))
        if night is Night.DREAM:
            worker.store.client.delete(keys.memory("elena", Night.DIARY))
    return found


def table(found: Found) -> str:
    """Readers by the place where a mark was told: how many marks of it were seen."""
    names = [spot.name for spot in SPOTS]
    rows = [f"{'reader':24}" + "".join(f"{name:>10}" for name in names)]
    for (reader, where), words in found.items():
        counts = [sum(WHOSE[word][1].name == name for word in words) for name in names]
        rows.append(
            f"{reader + ' in ' + where:24}"
            + "".join(f"{count or '.':>10}" for count in counts)
        )
    return "\n".join(rows)


def survey(world: World, monkeypatch: pytest.MonkeyPatch) -> tuple[Found, Found]:
    """By reader and place: the marks that were seen, and those of them that are out of
    place."""
    world.shown()
    found: Found = {}
    wrong: Found = {}

    def note(reader: str, spot: Spot, person: str, words: set[str]) -> None:
        found[reader, spot.name] = words
        if out := leaks(words, person, spot):
            wrong[reader, spot.name] = out

    for spot in SPOTS:
        for person, name in NAMES.items():
            if spot.owner in {"", person}:
                note(f"answer to {name}", spot, person, answered(world, person, spot))
        note("learning", spot, spot.owner, learned(world, spot))
        if spot.guild is not None:
            note("opening", spot, "", opened(world, spot))
            for night, words in written(world, monkeypatch, spot).items():
                note(night, spot, "", words)
    return found, wrong


def test_nothing_is_read_out_of_place(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Answers, learning, openings, diaries, dreams and `memory show`, in each place: no
    mark that does not belong there."""
    found, wrong = survey(world, monkeypatch)
    for person, name in NAMES.items():
        shown = {
            word
            for one in people.show_memories(person, world.worker.settings)
            for word in MARK.findall(one.text)
        }
        found["show", name] = shown
        assert {WHOSE[word][0] for word in shown} == {person}
    print(f"\n{table(found)}")
    assert not wrong
    # The readers do read: a table of nothing but dots would prove nothing.
    assert mark(KIM, SPOTS[0]) in found["answer to Kim", "A two"]
    assert mark(KIM, SPOTS[0]) in found["answer to Kim", "DM Kim"]
    assert mark(KIM, SPOTS[4]) in found["answer to Kim", "DM Kim"]
    assert mark(SAM, SPOTS[0]) in found["learning", "A one"]
    assert mark(SAM, SPOTS[3]) in found[Night.DIARY, "B"]


def test_the_marks_would_tell(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without the one function that decides, answers, learning and nights leak: each of
    these readers asks it."""
    for module in ("memory", "diary"):
        monkeypatch.setattr(f"app.brain.{module}.may_use", lambda *_, **__: True)
    _, wrong = survey(world, monkeypatch)
    assert {reader.split()[0] for reader, _ in wrong} == {
        "answer",
        "learning",
        "diary",
        "dream",
    }


def test_no_mark_is_in_a_log_line(
    redis_url: str, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever a worker logs while it answers, learns and writes: never what was
    said."""
    with structlog.testing.capture_logs() as logged:
        answered(world, KIM, SPOTS[0])
        lived(world)
        written(world, monkeypatch, SPOTS[0])
    assert not MARK.findall(json.dumps(logged, default=str))


def test_who_opted_out_is_in_no_transcript(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither in the lines around a message, nor in an opening, nor in what is learned
    from or written at night."""
    store = world.worker.store
    store.run(wishes.opt_out(wishes.digest(SAM)))
    world.shown()
    for spot in SPOTS[:4]:
        seen = learned(world, spot) | set().union(
            *written(world, monkeypatch, spot).values()
        )
        assert all(WHOSE[word][0] == KIM for word in seen)
