"""Who wants no part in this reaches no model: not as transcript, not as what is
answered, not behind a proxy."""

from __future__ import annotations

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from app.brain.embeddings import LangChainEncoder, Words
from app.brain.memory import Moment, remember
from app.brain.ports import Opening
from app.delivery.rest import History
from app.domain.lane import Lane
from app.domain.model import ChatLine, Context, InboxEntry
from app.domain.settings import Settings
from app.store import wishes
from app.store.door import Store
from app.store.floors import Holder
from app.store.lanes import Begun
from app.worker.memory_store import RedisMemory
from app.worker.ports import Ports
from tests.brain.fakes import ME, NOW_MS, entry, line

OUT, ASIDE, KIM = "8100000000000000001", "8100000000000000002", "8100000000000000003"
LINES = (
    line("this is none of your business", OUT, "Mo", age_s=50),
    line("nor mine", ASIDE, "Lee", age_s=40),
    line("good morning", KIM, "Kim", age_s=30),
)


@pytest.fixture
def settings() -> Settings:
    """The operator set one person aside."""
    return Settings(_env_file=None, ignored_people=[ASIDE])  # type: ignore[call-arg]


@pytest.fixture
def opted_out(store: Store) -> Iterator[Store]:
    """Another one opted out."""
    store.run(wishes.opt_out(wishes.digest(OUT)))
    yield store
    store.client.delete("opted_out")


def parts(*lines: ChatLine) -> tuple[Any, Any]:
    """Discord's REST with this history, and a bot."""
    rest = SimpleNamespace(
        begin_context=lambda *_, **__: History(lines),
        finish_context=lambda found: found,
    )
    return rest, SimpleNamespace(token="x", user_id=ME)


def world(store: Store, settings: Settings, *entries: InboxEntry) -> Ports:
    """A cycle's real ports."""
    rest, served = parts(*LINES)
    begun = Begun(True, "1", Context.DIRECT, NOW_MS, entries)
    holder = Holder(Lane("elena"), "me")
    return Ports(store, rest, settings, served, holder, begun, {}, lambda *_: None)


def test_their_lines_are_in_no_transcript(opted_out: Store, settings: Settings) -> None:
    """Around an answer and before an opening; everybody else's lines are."""
    asked = entry("elena, good morning", author_id=KIM)
    cycle = world(opted_out, settings, asked)
    around = cycle.answer(asked).context()
    before = cycle.post(Opening("p:1", "50")).context()
    assert [line.author_id for line in around] == [KIM]
    assert [line.author_id for line in before] == [KIM]


def test_what_they_said_before_their_wish_is_answered_no_more(
    opted_out: Store, settings: Settings
) -> None:
    """Their messages leave the inbox unread."""
    theirs = [
        entry("elena, hello", author_id=person, place=place)
        for place, person in enumerate((OUT, ASIDE))
    ]
    ours = entry("elena, hello", author_id=KIM, place=3)
    assert list(world(opted_out, settings, *theirs, ours).entries()) == [ours]


def test_nobody_is_remembered_behind_a_proxy(store: Store) -> None:
    """Anybody may stand behind one: neither its lines nor what was answered to it are
    kept as somebody's."""
    memory = RedisMemory(store, LangChainEncoder(Words))
    copied = line("I live in Rome", "555", "Fox", age_s=50).model_copy(
        update={"proxied": True}
    )
    said = Moment(
        entry("elena, I live in Paris", author_id="555", proxied=True),
        "Do you?",
        (copied, *LINES[2:]),
    )
    remember(memory, "elena", ME, "Elena", said)
    assert [item.value["text"] for item in memory.search(("elena", "said"))] == [
        "good morning"
    ]
