"""One cycle from the inbox to the commit, on plain ports and the offline voice."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import pytest
from langchain_core.messages import BaseMessage

from app.brain.cycle import Did
from app.brain.graph import run_cycle
from app.brain.interest import InterestVectors
from app.brain.voice import OfflineVoice
from app.domain.model import ActionKind, AuthorKind, Context, ConversationState, Signal
from app.domain.verdicts import Claim, Commit
from tests.brain.fakes import ME, FakePorts, brain, entry, line, speaker

OCTOPUS = "How many hearts does an octopus have?"


def test_a_direct_message_is_answered_in_character() -> None:
    """A direct message becomes one committed reply to it, with no model and no cost."""
    asked = entry(OCTOPUS)
    ports = FakePorts(inbox=[asked])
    result = run_cycle(brain(), ports)
    (action,) = ports.actions
    assert (action.kind, action.message_id, action.tokens, action.micro_usd) == (
        ActionKind.REPLY,
        asked.event.message_id,
        0,
        0,
    )
    assert "hearts" in action.text
    assert [one.did for one in result.outcomes] == [Did.COMMITTED]
    assert ports.reserved == [0], (
        "the offline voice marks the message as taken and holds no tokens"
    )


def test_direct_messages_are_answered_oldest_first() -> None:
    """Several direct messages are answered one after another, oldest first, each after
    its own claim."""
    ports = FakePorts(
        inbox=[entry(f"question {n}?", age_s=10 - n, place=n) for n in range(2)]
    )
    result = run_cycle(brain(), ports)
    assert ports.asked("claim") == ["question 0?", "question 1?"]
    assert len(result.committed) == 2
    assert len({action.text for action in ports.actions}) == 2


def test_people_are_answered_in_turn() -> None:
    """Forty messages of one person wait: a stranger's first is the second that is
    answered."""
    flood = [
        entry(f"again {n}", place=n).model_copy(update={"turn": n + 1})
        for n in range(40)
    ]
    stranger = entry("a word?", place=50, author_id="8").model_copy(update={"turn": 1})
    ports = FakePorts(inbox=[*flood, stranger])
    run_cycle(brain(), ports)
    assert ports.asked("claim") == ["again 0", "a word?"]


def test_who_is_over_a_limit_is_told_so_without_a_model() -> None:
    """The line is fixed: it costs nothing, and no prompt is built for it."""
    writer = speaker("never")
    ports = FakePorts(inbox=[entry(OCTOPUS).model_copy(update={"notice": "day"})])
    run_cycle(brain(speaker=writer), ports)
    assert [(action.text[:22], action.tokens) for action in ports.actions] == [
        ("I have answered you a ", 0)
    ]
    assert not ports.reserved


def test_what_was_read_back_late_is_still_answered_in_order() -> None:
    """Messages that reached the inbox in another order than they were written are
    answered as they were written."""
    ports = FakePorts(
        inbox=[entry("second?", age_s=1, place=1), entry("first?", age_s=5, place=2)]
    )
    run_cycle(brain(), ports)
    assert ports.asked("claim") == ["first?", "second?"]


def test_a_busy_floor_lets_no_later_message_pass() -> None:
    """While somebody speaks, a cycle does not ask for its later messages: the floor may
    fall free between two questions."""
    ports = FakePorts(
        inbox=[entry("first?", place=1), entry("second?", place=2)],
        claims={"first?": Claim.WAIT},
    )
    result = run_cycle(brain(), ports)
    assert ports.asked("claim") == ["first?"]
    assert [one.did for one in result.outcomes] == [Did.LEFT]


def test_waiting_for_another_bot_lets_later_messages_pass() -> None:
    """A message that waits for a bot named before this one does not hold up those that
    are for this bot alone."""
    both = entry("first?", place=1, addressed=("aria", "elena"))
    ports = FakePorts(
        inbox=[both, entry("second?", place=2)], claims={"first?": Claim.WAIT}
    )
    result = run_cycle(brain(), ports)
    assert [one.did for one in result.outcomes] == [Did.LEFT, Did.COMMITTED]


def test_one_cycle_answers_two_direct_messages() -> None:
    """Who asks while a cycle answers must not wait for all that it has read."""
    ports = FakePorts(inbox=[entry(f"number {n}", place=n) for n in range(12)])
    assert len(run_cycle(brain(), ports).committed) == 2


def test_waiting_for_the_floor_keeps_the_message() -> None:
    """Of two addressed bots the second waits for the first: nothing is committed,
    dropped or declined meanwhile."""
    ports = FakePorts(
        inbox=[entry(OCTOPUS, addressed=("aria", "elena"))],
        claims={OCTOPUS: Claim.WAIT},
    )
    result = run_cycle(brain(), ports)
    assert [one.did for one in result.outcomes] == [Did.LEFT]
    assert not {"commit", "drop", "decline"} & {name for name, _ in ports.calls}


@pytest.mark.parametrize(
    ("verdict", "did"),
    [
        (Claim.ANSWERED, Did.DROPPED),
        (Claim.ADDRESSED, Did.DROPPED),
        (Claim.GONE, Did.DROPPED),
        (Claim.MUTED, Did.DROPPED),
        (Claim.NOT_ALLOWED, Did.DROPPED),
        (Claim.BUDGET, Did.DROPPED),
        (Claim.QUIET, Did.LEFT),
        (Claim.COOLED, Did.LEFT),
        (Claim.ELECTION_OPEN, Did.LEFT),
        (Claim.WAIT, Did.LEFT),
        (Claim.LOST_LOCK, Did.LOST),
    ],
)
def test_each_refusal_of_the_floor_has_one_effect(verdict: Claim, did: Did) -> None:
    """What is final leaves the inbox with its reason; what may change stays; nothing is
    said."""
    one = entry(OCTOPUS, Signal.TRUSTED)
    ports = FakePorts(
        inbox=[one],
        grants=frozenset({one.event.message_id}),
        woken_by=Context.TRIGGER,
        claims={OCTOPUS: verdict},
    )
    result = run_cycle(brain(), ports)
    assert [outcome.did for outcome in result.outcomes] == [did]
    assert ports.asked("drop") == (
        [f"{OCTOPUS}: {verdict}"] if did is Did.DROPPED else []
    )
    assert not ports.actions


def test_a_refused_candidate_gives_way_to_the_next() -> None:
    """An autonomous cycle tries the next message when the best one is in a quiet
    channel."""
    ports = FakePorts(
        woken_by=Context.POLL,
        claims={OCTOPUS: Claim.QUIET},
        inbox=[
            entry(OCTOPUS, Signal.AMBIENT),
            entry("Can an octopus open a jar?", Signal.AMBIENT, place=1),
        ],
    )
    result = run_cycle(brain(), ports)
    assert [one.did for one in result.outcomes][:2] == [Did.LEFT, Did.COMMITTED]


def test_an_autonomous_cycle_speaks_once() -> None:
    """However many messages are interesting, one poll answers one of them and drops the
    other ambient ones."""
    ports = FakePorts(
        woken_by=Context.POLL,
        inbox=[
            entry(f"{OCTOPUS} And a squid, number {n}?", Signal.AMBIENT, place=n)
            for n in range(6)
        ],
    )
    result = run_cycle(brain(), ports)
    assert len(result.committed) == 1
    assert len(ports.asked("drop")) == 5


def test_the_granted_message_comes_first() -> None:
    """A message that an election granted is answered before a more interesting one that
    nobody granted."""
    won = entry("Is the beach far from here?", Signal.TRUSTED, age_s=30)
    ports = FakePorts(
        inbox=[entry(OCTOPUS, Signal.WATCHED, place=1), won],
        woken_by=Context.TRIGGER,
        grants=frozenset({won.event.message_id}),
    )
    run_cycle(brain(), ports)
    assert ports.asked("claim") == ["Is the beach far from here?"]


def test_a_trigger_leaves_ambient_messages_to_the_poll() -> None:
    """Without a poll ambient messages are neither answered nor removed."""
    ports = FakePorts(inbox=[entry(OCTOPUS, Signal.AMBIENT)], woken_by=Context.TRIGGER)
    assert run_cycle(brain(), ports).outcomes == ()
    assert ports.calls == []


def test_the_poll_observes_by_default() -> None:
    """Small talk that touches no interest is dropped in bulk, without a claim and
    without a model call."""
    said = [
        "just deployed to prod",
        "lol",
        "my build is red again",
        "who has the car keys?",
        "brb",
    ]
    inbox = [
        entry(text, Signal.AMBIENT, place=place) for place, text in enumerate(said)
    ]
    ports = FakePorts(woken_by=Context.POLL, inbox=inbox)
    asking = brain(speaker())
    assert run_cycle(asking, ports).committed == ()
    assert ports.asked("claim") == []
    assert len(ports.asked("drop")) == len(said)


@pytest.mark.parametrize(
    ("one", "reason"),
    [
        (entry(OCTOPUS, Signal.TRUSTED, age_s=901), "stale"),
        (entry("  ", Signal.TRUSTED), "nothing was said"),
        (entry(OCTOPUS, Signal.TRUSTED, author_id=ME), "own message"),
        (entry(OCTOPUS, Signal.ACTIVE, addressed=("aria",)), "addressed to others"),
        (entry(" ", Signal.DIRECT), "nothing was said"),
    ],
)
def test_what_needs_no_answer_is_dropped_with_its_reason(
    one: object, reason: str
) -> None:
    """Stale, empty, own and foreign messages never reach the model or the floor."""
    ports = FakePorts(inbox=[one], woken_by=Context.POLL)  # type: ignore[list-item]
    run_cycle(brain(), ports)
    assert [dropped.rpartition(": ")[2] for dropped in ports.asked("drop")] == [reason]
    assert ports.asked("claim") == []


@pytest.mark.parametrize("redis_ahead_ms", [1_200_000, -1_200_000])
@pytest.mark.parametrize(("age_s", "dropped"), [(60, 0), (901, 1)])
def test_a_message_is_as_old_as_discord_says(
    redis_ahead_ms: int, age_s: int, dropped: int
) -> None:
    """Whatever Redis's clock shows."""
    one = entry(OCTOPUS, Signal.TRUSTED, age_s=age_s)
    ports = FakePorts(inbox=[one], woken_by=Context.POLL)
    ports.now_ms = ports.discord_now_ms + redis_ahead_ms
    run_cycle(brain(), ports)
    assert len(ports.asked("drop")) == dropped


def test_a_direct_message_is_never_too_old() -> None:
    """What reached the inbox as direct is answered, however late."""
    ports = FakePorts(inbox=[entry(OCTOPUS, age_s=5_000)])
    assert len(run_cycle(brain(), ports).committed) == 1


def test_a_bot_speaks_unasked_only_where_it_may() -> None:
    """Outside the allowlist an autonomous message is dropped before anything is paid; a
    direct one is answered."""
    ports = FakePorts(
        inbox=[entry(OCTOPUS, Signal.TRUSTED)], woken_by=Context.POLL, here=False
    )
    assert run_cycle(brain(), ports).committed == ()
    ports = FakePorts(inbox=[entry(OCTOPUS)], here=False)
    assert len(run_cycle(brain(), ports).committed) == 1


def test_a_burst_of_reactions_is_answered_by_a_reaction() -> None:
    """Curiosity about many reactions costs no words and no model call."""
    burst = entry("", Signal.REACTIONS, age_s=3_000, kind="reaction", reactions=5)
    ports = FakePorts(
        inbox=[burst],
        grants=frozenset({burst.event.message_id}),
        woken_by=Context.TRIGGER,
    )
    asking = brain(speaker())
    run_cycle(asking, ports)
    assert [action.kind for action in ports.actions] == [ActionKind.REACT]
    assert ports.actions[0].emoji
    assert ports.reserved == []


def test_an_election_that_is_still_open_keeps_its_message() -> None:
    """The poll does not remove a fresh high-signal message that it finds dull: an
    election may still grant it."""
    ports = FakePorts(
        woken_by=Context.POLL,
        inbox=[
            entry("just deployed", Signal.WATCHED, age_s=5),
            entry("deployed again", Signal.WATCHED, age_s=200, place=1),
        ],
    )
    run_cycle(brain(), ports)
    assert [dropped.partition(":")[0] for dropped in ports.asked("drop")] == [
        "deployed again"
    ]


def test_a_stale_direct_draft_is_written_once_more_and_then_sent() -> None:
    """The second draft is made from fresh context and committed in any case; the first
    was booked when it was refused."""
    ports = FakePorts(inbox=[entry(OCTOPUS)], commits=[Commit.STALE, Commit.COMMITTED])
    thinking = brain(
        speaker(
            '{"action":"reply","text":"Three."}',
            '{"action":"reply","text":"Three, as you say."}',
        )
    )
    run_cycle(thinking, ports)
    assert ports.asked("context") == [OCTOPUS, OCTOPUS]
    assert ports.finals == [False, True]
    assert ports.actions[0].text == "Three, as you say."
    assert ports.actions[0].tokens == 1_020


@pytest.mark.parametrize("before", [[], [Commit.STALE]])
def test_a_thought_that_goes_on_is_left_to_the_next_cycle(before: list[Commit]) -> None:
    """The next cycle answers all of its lines, whichever draft this was: nothing is
    sent, and nothing is declined."""
    ports = FakePorts(inbox=[entry(OCTOPUS)], commits=[*before, Commit.GOES_ON])
    run_cycle(brain(), ports)
    assert len(ports.asked("commit")) == len(before) + 1
    assert ports.asked("release") == ["its thought goes on in a later line"]
    assert not ports.asked("decline")
    assert not ports.actions


def test_a_stale_autonomous_draft_is_dropped() -> None:
    """Unasked, the moment is over: one draft, one decline, nothing sent."""
    one = entry(OCTOPUS, Signal.TRUSTED)
    ports = FakePorts(
        inbox=[one],
        grants=frozenset({one.event.message_id}),
        woken_by=Context.TRIGGER,
        commits=[Commit.STALE],
    )
    run_cycle(brain(), ports)
    assert ports.asked("decline") == ["stale"]
    assert len(ports.asked("commit")) == 1


@pytest.mark.parametrize("verdict", [Commit.LOST_LOCK, Commit.LOST_FLOOR])
def test_a_lost_lock_or_floor_stops_everything(verdict: Commit) -> None:
    """After a loss the cycle touches nothing more, though direct messages wait."""
    ports = FakePorts(
        inbox=[entry("one?", place=1), entry("two?", place=2)], commits=[verdict]
    )
    result = run_cycle(brain(), ports)
    assert result.stopped
    assert [name for name, _ in ports.calls if name != "note"] == [
        "claim",
        "context",
        "commit",
    ]


def test_a_message_that_somebody_else_took_records_no_decline() -> None:
    """ANSWERED at commit gives the floor back and removes the entry; a decline would be
    a second answer record."""
    ports = FakePorts(inbox=[entry(OCTOPUS)], commits=[Commit.ANSWERED])
    run_cycle(brain(), ports)
    assert ports.asked("decline") == []
    assert ports.asked("release") == ["answered"]
    assert ports.asked("drop") == [f"{OCTOPUS}: answered"]


def test_dry_run_counts_as_done() -> None:
    """In a dry run the decision is made and nothing is tried twice."""
    ports = FakePorts(inbox=[entry(OCTOPUS)], commits=[Commit.DRY_RUN])
    assert len(run_cycle(brain(), ports).committed) == 1


def test_bots_that_talk_a_lot_hold_back() -> None:
    """A channel full of our own bots' lines tires the bot; the same message among
    humans does not."""
    question = "is it safe to swim here?"
    quiet = [entry(question, Signal.GOSSIP, age_s=130)]
    chatter = [
        entry("chatter", Signal.AMBIENT, 140, place, author_kind=AuthorKind.OURS)
        for place in range(9)
    ]
    noisy = [*chatter, *quiet]
    alone, crowded = (
        FakePorts(inbox=inbox, woken_by=Context.POLL) for inbox in (quiet, noisy)
    )
    run_cycle(brain(), alone)
    run_cycle(brain(), crowded)
    assert alone.asked("claim") == [question]
    assert crowded.asked("claim") == []


def test_engagement_makes_a_bot_readier() -> None:
    """A remark that an idle bot leaves alone is answered while it is in the
    conversation."""
    remark = "I bought new swimming goggles"
    idle = FakePorts(
        inbox=[entry(remark, Signal.ACTIVE, age_s=200)], woken_by=Context.POLL
    )
    engaged = FakePorts(
        inbox=[entry(remark, Signal.ACTIVE, age_s=200)],
        woken_by=Context.POLL,
        state=ConversationState.ENGAGED,
        levels={"7": 5},
    )
    run_cycle(brain(), idle)
    run_cycle(brain(), engaged)
    assert [action.kind for action in idle.actions] != [ActionKind.REPLY]
    assert [action.kind for action in engaged.actions] == [ActionKind.REPLY]


def test_the_same_cycle_says_the_same_thing() -> None:
    """The offline voice is deterministic: equal inboxes and transcripts give equal
    texts."""
    said = []
    for _ in range(2):
        ports = FakePorts(
            inbox=[entry("what should I do on sunday?")], lines=[line("hello")]
        )
        run_cycle(brain(), ports)
        said.append(ports.actions[0].text)
    assert said[0] == said[1]


def test_words_are_read_by_who_may_answer_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Who spoke to the bot is answered whatever it said: while the floor is another's
    no words are measured, nor for a model, which reads them itself."""
    read: list[Sequence[str]] = []
    score = InterestVectors.score

    def measure(
        interests: InterestVectors, said: Sequence[str]
    ) -> list[tuple[float, str]]:
        read.append(said)
        return score(interests, said)

    monkeypatch.setattr(InterestVectors, "score", measure)
    question = "elena, how do tides work?"
    waiting = FakePorts(inbox=[entry(question)], claims={question: Claim.WAIT})
    run_cycle(brain(), waiting)
    assert not read
    ports = FakePorts(inbox=[entry(question)])
    run_cycle(brain(), ports)
    assert read[0] == ["how do tides work?"]
    assert ports.actions
    read.clear()
    ports = FakePorts(inbox=[entry(question)])
    run_cycle(brain(speaker=speaker("The moon pulls at the sea.")), ports)
    assert (not read, len(ports.actions)) == (True, 1)


def test_a_voice_that_has_said_everything_is_asked_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Once all that fits was said, what was said longest ago comes again, chosen once:
    looking for another line would cost an answer as much again."""
    asked: list[str] = []
    answer = OfflineVoice.answer

    def count(voice: OfflineVoice, messages: Sequence[BaseMessage]) -> str:
        asked.append(answer(voice, messages))
        return asked[-1]

    monkeypatch.setattr(OfflineVoice, "answer", count)
    who, uttered = brain(), list[str]()
    said, repeated = [], []
    for _ in range(80):
        asked.clear()
        ports = FakePorts(inbox=[entry("bye")], uttered=uttered)
        run_cycle(who, ports)
        said.append(ports.actions[0].text)
        repeated.append(said[-1] in said[:-1])
        assert len(asked) == 1
        # What Redis keeps: each line once, the newest last.
        uttered = list(dict.fromkeys(reversed(uttered)))[::-1]
    assert sum(repeated) > 20
    assert repeated.index(True) > 1
    assert all(one != other for one, other in pairwise(said))


def test_a_follow_up_that_was_won_is_answered() -> None:
    """ "ok and then?" is of no subject: whoever was in the conversation answers it, and
    to anybody else it stays foreign."""
    kinds = []
    before = next(line.text for line in brain().character.lines if line.topic)
    for state in (ConversationState.ENGAGED, ConversationState.IDLE):
        follow_up = entry("ok and then?", Signal.WATCHED)
        ports = FakePorts(
            inbox=[follow_up],
            woken_by=Context.TRIGGER,
            state=state,
            grants=frozenset({follow_up.event.message_id}),
            uttered=[before],
        )
        run_cycle(brain(), ports)
        kinds.append([action.kind for action in ports.actions])
    assert kinds == [[ActionKind.REPLY], []]
