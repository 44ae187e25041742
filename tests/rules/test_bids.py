"""Who answers: the room, the features, the bid and the decision."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.errors import ConfigurationError
from app.domain.model import Bid, Signal
from app.rules.bids import (
    _thread,
    bid,
    decide,
    evidence,
    settled,
    tie_break,
    who_answers,
)
from app.rules.features import FAR, FEATURES, LONGEST, Tie, features
from app.rules.policy import Policy, fingerprint, parse_policy, shipped_policy
from app.rules.profile import Thread
from app.rules.reading import TEXT_CAP, LineKind, read
from app.rules.room import (
    CONTACTS,
    PEOPLE,
    PROFILE,
    VOCABULARY,
    Room,
    Utterance,
)
from app.rules.survey import RECENT
from tests.costs import LINEAR, growth

BOTS = {"1": ("Elena",), "2": ("Marcus", "Marc"), "3": ("Aria",)}
PEOPLE_HERE = ["1", "2", "3", "7", "8", "9"]
NAMES = {
    **{bot: names[0] for bot, names in BOTS.items()},
    "7": "Ann",
    "8": "Bob",
    "9": "Cleo_",
}
START = 1_700_000_000_000


def talk(
    *lines: tuple[str, str], room: Room | None = None
) -> tuple[Room, list[Utterance]]:
    """A room after these (author, text) lines, ten seconds apart, and the utterances."""
    room = room or Room(BOTS)
    utterances = [
        Utterance(
            str(100 + place), author, text, START + 10_000 * place, (NAMES[author],)
        )
        for place, (author, text) in enumerate(lines)
    ]
    for utterance in utterances:
        room.observe(utterance)
    return room, utterances


def utterance(
    text: str, author: str = "7", number: int = 500, reply_to: str | None = None
) -> Utterance:
    """A message after the ones of `talk`."""
    return Utterance(
        str(number), author, text, START + 10_000 * number, (NAMES[author],), reply_to
    )


texts = st.one_of(
    st.text(max_size=80),
    st.sampled_from(
        [
            "Elena: how?",
            "thanks Marcus",
            "anyone here?",
            "ok",
            "",
            "?",
            "Cleo: no",
            "@Aria hm",
            "Z\u0351\u0346\u0347algo " * 30,
            "a" * 5_000,
            ":" * 700,
            "\u202e\u0000\ud800",
            "!help",
            "and then Elena said hi",
            "nobody: hello",
        ]
    ),
)
utterances = st.lists(
    st.builds(
        lambda author, text, gap, names: (author, text, gap, names),
        st.sampled_from(PEOPLE_HERE),
        texts,
        st.integers(-100_000, 10**9),
        st.booleans(),
    ),
    max_size=25,
)


def build(rows: Sequence[tuple[str, str, int, bool]]) -> list[Utterance]:
    """Turns from generated rows; time may stand still, jump or run backwards."""
    at_ms, found = START, []
    for place, (author, text, gap, named) in enumerate(rows):
        at_ms += gap
        found.append(
            Utterance(
                str(place), author, text, at_ms, (NAMES[author],) if named else ()
            )
        )
    return found


@pytest.mark.parametrize(
    ("said", "text", "tie"),
    [
        ([], "Elena: how do I do it?", Tie.OPENED),
        ([], "elena, how?", Tie.OPENED),
        ([], "@Elena how?", Tie.OPENED),
        ([], "Elena how?", Tie.OPENED),
        ([], "I asked Elena about it", Tie.NAMED),
        ([("8", "hi")], "Bob: ask Elena", Tie.NAMED_BESIDE),
        ([("8", "hi")], "Bob: how?", Tie.OTHER),
        ([], "Zed: how?", Tie.STRANGER),
        ([], "how?", Tie.FREE),
        ([("7", "how?"), ("1", "Ann: so")], "and then?", Tie.ANSWERED),
        (
            [("7", "how?"), ("1", "Ann: so"), ("7", "Elena: and?")],
            "and then?",
            Tie.CONTINUED,
        ),
        ([("7", "how?"), ("2", "Ann: so")], "and then?", Tie.ELSEWHERE_ANSWERED),
        (
            [("7", "how?"), ("2", "Ann: so"), ("7", "Marc: and?")],
            "and then?",
            Tie.ELSEWHERE_CONTINUED,
        ),
    ],
)
def test_tie(said: list[tuple[str, str]], text: str, tie: Tie) -> None:
    """A message is tied to a bot by name first, then by the thread, then not at all."""
    room, _ = talk(*said)
    assert features(room, utterance(text, number=len(said)), "1")["tie"] == tie


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("how do I do it", LineKind.QUESTION),
        ("it works?", LineKind.QUESTION),
        ("does anyone know this?", LineKind.ASKING_ALL),
        ("thanks a lot", LineKind.THANKS),
        ("ok", LineKind.ACK),
        ("hi there", LineKind.GREETING),
        ("!help", LineKind.COMMAND),
        ("it is a penguin", LineKind.STATEMENT),
        ("", LineKind.STATEMENT),
    ],
)
def test_kind(text: str, kind: LineKind) -> None:
    """The kind of a line is read off its words."""
    assert read(text).kind is kind


def test_names_with_trailing_marks() -> None:
    """`Cleo_` is called by `cleo`, but a name that is a common word calls nobody in
    passing."""
    room, _ = talk(("9", "hi"))
    assert room.read(utterance("Cleo: how?")).opened == ("9",)
    room.know("4", ("Help",))
    assert room.read(utterance("I need help here")).named == ()
    assert room.read(utterance("help: are you there?")).opened == ("4",)


def test_a_reply_addresses_the_author_of_the_replied_message() -> None:
    """A platform's own reply counts as naming, for as long as the message is
    remembered."""
    room, utterances = talk(("1", "so"), ("8", "hm"))
    assert (
        features(room, utterance("why", reply_to=utterances[0].message_id), "1")["tie"]
        == Tie.OPENED
    )
    assert features(room, utterance("why", reply_to="0"), "1")["tie"] == Tie.FREE


def test_a_named_bot_bids_highest() -> None:
    """With equal pasts, the bot that is named bids more than one that is not; one in
    the thread more than a stranger."""
    policy = shipped_policy()
    room, _ = talk(
        ("7", "how do I tune this?"), ("1", "Ann: which string?"), ("2", "hm")
    )
    tables = {
        bot: features(room, utterance("the lowest one, is it E?", number=4), bot)
        for bot in BOTS
    }
    scores = {
        bot: bid(table, Signal.WATCHED, 1, policy).score
        for bot, table in tables.items()
    }
    assert scores["1"] > scores["2"]
    assert scores["1"] > scores["3"]
    called = features(room, utterance("Aria: is it E?", number=4), "3")
    assert bid(called, Signal.WATCHED, 1, policy).score > scores["3"]


def test_live_weights() -> None:
    """Trust raises a bid, fatigue lowers it, gossip counts less than a person, and an
    ambient message is never bid for."""
    policy = shipped_policy()
    room, _ = talk(("7", "hi"))
    table = dict(features(room, utterance("Elena: how?"), "1"))
    scores = {signal: bid(table, signal, 1, policy).score for signal in Signal}
    assert scores[Signal.TRUSTED] > scores[Signal.WATCHED] > scores[Signal.GOSSIP]
    assert (
        bid(table, Signal.WATCHED, 5, policy).score
        > bid(table, Signal.WATCHED, 0, policy).score
    )
    assert not bid(table, Signal.AMBIENT, 5, policy).above_threshold
    assert (
        bid({**table, "bot_lines_near": 20.0}, Signal.WATCHED, 1, policy).parts[
            "fatigue"
        ]
        < 0
    )


def test_parts_explain_the_score() -> None:
    """The parts of a bid sum to its score."""
    room, _ = talk(("7", "hi"), ("1", "Ann: hello"))
    one = bid(
        features(room, utterance("how are you?"), "1"),
        Signal.WATCHED,
        3,
        shipped_policy(),
    )
    assert sum(one.parts.values()) == pytest.approx(one.score)
    assert one.above_threshold == (one.score >= 0)


def offers(**scores: float) -> dict[str, Bid]:
    return {
        bot: Bid(score=score, above_threshold=score >= 0)
        for bot, score in scores.items()
    }


@pytest.mark.parametrize(
    ("scores", "named", "chosen"),
    [
        ({"a": 1.0, "b": 2.0}, (), {"b"}),
        ({"a": -1.0, "b": -2.0}, (), set()),
        ({"a": 1.0, "b": 2.0}, ("a",), {"a"}),
        ({"a": 1.0, "b": 2.0, "c": 3.0}, ("a", "b"), {"a", "b"}),
        (
            {"a": -1.0, "b": 2.0},
            ("a",),
            {"b"},
        ),  # the named one would not; the floor is free
        ({}, (), set()),
    ],
)
def test_decide(
    scores: dict[str, float], named: tuple[str, ...], chosen: set[str]
) -> None:
    """Named bots above the threshold answer, all of them; failing that at most one, the
    best."""
    assert decide("1", offers(**scores), named) == chosen


def test_equal_bids_are_ordered_by_the_hash() -> None:
    """Equal scores give one winner, the same whatever the order, and not always the
    same bot."""
    winners = set()
    for message in map(str, range(40)):
        chosen = decide(message, offers(a=1.0, b=1.0, c=1.0), ())
        assert chosen == decide(message, offers(c=1.0, b=1.0, a=1.0), ())
        winners |= chosen
        assert len(chosen) == 1
    assert winners == {"a", "b", "c"}


def test_tie_break_is_stable() -> None:
    """The number is the same in every process and version: a changed hash would split a
    mixed fleet."""
    assert tie_break("elena", "1") == "5f33d4f7d36661a28074c1e8ac06790d5af130ac"
    assert len(tie_break("\ud800", "\x00")) == 40


@given(utterances)
def test_bids_are_finite_and_bounded(rows: list[tuple[str, str, int, bool]]) -> None:
    """Any text and any clock give finite features, the same names of features, and a
    finite bid."""
    room = Room(BOTS)
    policy = shipped_policy()
    for one in build(rows):
        table = features(room, one, "1")
        assert tuple(table) == FEATURES
        assert all(
            math.isfinite(value) and 0 <= value <= max(FAR, LONGEST)
            for value in table.values()
        ), table
        assert math.isfinite(bid(table, Signal.GOSSIP, 0, policy).score)
        room.observe(one)


@given(utterances, utterances)
def test_no_reading_ahead(
    rows: list[tuple[str, str, int, bool]], later: list[tuple[str, str, int, bool]]
) -> None:
    """What comes later never changes an earlier decision, and the same past gives the
    same one."""

    def decisions(said: list[Utterance], count: int) -> list[set[str]]:
        room, policy, found = Room(BOTS), shipped_policy(), []
        for one in said:
            found.append(who_answers(room, one, BOTS, policy))
            room.observe(one)
        return found[:count]

    assert decisions(build(rows), len(rows)) == decisions(
        build(rows + later), len(rows)
    )


@given(utterances)
def test_looking_changes_nothing(rows: list[tuple[str, str, int, bool]]) -> None:
    """Features are pure: a room that was asked about every message ends like one that
    was not."""
    asked, silent = Room(BOTS), Room(BOTS)
    for one in build(rows):
        for bot in BOTS:
            features(asked, one, bot)
        asked.observe(one)
        silent.observe(one)
    assert asked.people == silent.people
    assert asked.recent == silent.recent


def test_memory_is_bounded() -> None:
    """Thousands of people, names and words leave a room of the same size, and the
    roster is never forgotten."""
    room = Room(BOTS)
    for place in range(4_000):
        text = f"guest{place - 1}: " + " ".join(
            f"w{place}x{word}" for word in range(60)
        )
        room.observe(
            Utterance(
                str(place),
                f"p{place}",
                text,
                START + place,
                (f"guest{place}", f"g{place}"),
            )
        )
        room.observe(
            Utterance(
                f"e{place}", "1", f"guest{place}, sure", START + place, ("Elena",)
            )
        )
    assert len(room.people) <= PEOPLE
    assert len(room.recent) <= RECENT
    assert len(room._owners) <= 5 * PEOPLE
    assert len(room._seen_in) <= VOCABULARY + 60
    assert all(
        len(person.profile) <= PROFILE
        and len(person.addressed_by) <= CONTACTS
        and len(person.named_by) <= CONTACTS
        and len(person.waiting) <= CONTACTS
        for person in room.people.values()
    )
    assert room.read(Utterance("x", "q", "Aria: still here?", START)).opened == ("3",)


def test_huge_texts_cost_no_more_than_long_ones() -> None:
    """Reading is linear at most, and capped: a text of a million marks costs no more
    than eight of an eighth."""
    room = Room(BOTS)
    for mark in (" ", ":", "a", "\u0301", "@", "Elena: ", "?" * 3):

        def hear(length: int, mark: str = mark) -> None:
            one = Utterance("1", "7", mark * (length // len(mark)), START, ("Ann",))
            features(room, one, "1")
            room.observe(one)

        assert growth(hear, 125_000, 1_000_000) < LINEAR
    assert len(read("x " * TEXT_CAP).tokens) <= TEXT_CAP


def test_a_hundred_bots_are_cheap() -> None:
    """Eight times as many bots bid for a message in about eight times the time (5 ms
    for a hundred is the aim)."""
    everybody = {str(number): (f"bot{number}",) for number in range(100)}
    room = Room(everybody)
    for place in range(200):
        text = f"bot{place * 7 % 100}: how about the red one, or the other thing?"
        room.observe(
            Utterance(
                str(place),
                str(place % 130),
                text,
                START + 5_000 * place,
                (f"bot{place % 130}",),
            )
        )
    one = Utterance(
        "x",
        "129",
        "does anyone know where the red one went?",
        START + 10**6,
        ("bot129",),
    )

    def answer(count: int) -> object:
        return who_answers(room, one, list(everybody)[:count], shipped_policy())

    assert growth(answer, 12, 100) < LINEAR


SIGNALS = ", ".join(f"{signal}: 0" for signal in Signal)
SMALL = """
fingerprint: {fingerprint}
intercept: 0
threshold: 0
signals: {{{signals}}}
trust: 0.25
trust_level: 1
fatigue: 0.5
fatigue_lines: 12
reception: 2
terms:
  - group: text
    axes: [{{feature: {feature}, edges: {edges}}}]
    weights: {weights}
"""


@pytest.mark.parametrize(
    ("feature", "edges", "weights", "complaint"),
    [
        ("marks", "[1, 2]", "[0, 1, 2]", None),
        ("mood", "[1, 2]", "[0, 1, 2]", "no feature is called"),
        ("marks", "[2, 1]", "[0, 1, 2]", "must rise"),
        ("marks", "[1, 2]", "[0, 1]", "needs 3 weights, has 2"),
        ("marks", "[1, 2]", "[0, 1, 2]\n    nameless: [3, 4, 5]", None),
        ("marks", "[1, 2]", "[0, 1, 2]\n    nameless: [3]", "3 weights, has 1"),
        ("marks", "[1, 2]", "[0, 1, .nan]", "finite"),
        ("marks", "[1, 2]", "[0, 1, 1000]", "less than or equal"),
        ("marks", "[1, 2", "[]", "no YAML"),
    ],
)
def test_a_wrong_policy_says_what_is_wrong(
    feature: str, edges: str, weights: str, complaint: str | None
) -> None:
    """A policy file is checked whole before it is used; the error names the place."""
    text = SMALL.format(
        feature=feature,
        edges=edges,
        weights=weights,
        signals=SIGNALS,
        fingerprint=fingerprint([[("marks", (1, 2))]]),
    )
    if complaint is None:
        assert parse_policy(text).terms[0].name == feature
    else:
        with pytest.raises(ConfigurationError, match=complaint) as refused:
            parse_policy(text)
        assert "\n" not in str(refused.value)


def test_a_policy_that_lacks_a_signal_says_which() -> None:
    """In plain words: what concerns the whole file names no place in it."""
    text = SMALL.format(
        feature="marks",
        edges="[1, 2]",
        weights="[0, 1, 2]",
        signals=SIGNALS.replace(f"{Signal.GOSSIP}: 0, ", ""),
        fingerprint=fingerprint([[("marks", (1, 2))]]),
    )
    with pytest.raises(ConfigurationError) as refused:
        parse_policy(text)
    assert str(refused.value) == "policy.yaml: signals lack gossip"


def test_no_score_is_below_the_least_weight() -> None:
    """However much speaks against it, a bid stays within the bits that a policy may
    give."""
    least = min(
        bound.ge
        for bound in Policy.model_fields["threshold"].metadata
        if hasattr(bound, "ge")
    )
    assert settled(-1e9) == least
    assert settled(least + 1) == least + 1


def test_where_few_lines_name_anybody_tables_of_one_feature_are_others() -> None:
    """From a share of a quarter on the ordinary weights count; tables of two features
    are the same everywhere."""
    policy = shipped_policy()
    term = next(one for one in policy.terms if one.name == "tie")
    assert term.nameless != term.weights
    found = {}
    for share, weights in ((0.25, term.weights), (0.24, term.nameless)):
        room, _ = talk(("7", "hello all"))
        room.names_share = share
        table = features(room, utterance("so"), "1")
        found[share] = evidence(table, policy)
        assert found[share]["tie"] == weights[int(table["tie"])]
    for name, *_ in policy.pairs:
        assert found[0.24][name] == found[0.25][name], name


@pytest.mark.parametrize("tie", Tie)
def test_whose_exchange_a_message_goes_on_with(tie: Tie) -> None:
    """A colleague's before two people's; the bot's own whoever else is there."""
    own = tie in {Tie.ANSWERED, Tie.CONTINUED}
    others = tie in {Tie.ELSEWHERE_ANSWERED, Tie.ELSEWHERE_CONTINUED}
    for colleagues, people in product((False, True), repeat=2):
        expected = Thread.NOBODYS
        if own:
            expected = Thread.OWN
        elif others and colleagues:
            expected = Thread.COLLEAGUES
        elif others and people:
            expected = Thread.PEOPLES
        assert _thread({"tie": float(tie)}, colleagues, people) is expected


@pytest.mark.parametrize(
    ("signal", "short", "wants"),
    [
        (Signal.WATCHED, 0.0, True),
        (Signal.WATCHED, 0.00001, False),
        (Signal.AMBIENT, -9.0, False),
    ],
)
def test_a_bot_wants_to_answer_from_its_threshold_on(
    signal: Signal, short: float, wants: bool
) -> None:
    """At the threshold it does; what is ambient it never bids for."""
    table = features(Room(BOTS), utterance("how?"), "1")
    plain = shipped_policy()
    score = bid(table, signal, 1, plain).score
    moved = plain.model_copy(update={"threshold": plain.threshold + score + short})
    assert bid(table, signal, 1, moved).above_threshold is wants
