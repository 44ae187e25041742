"""What is remembered, on a real Valkey: bounded, once, and the same whoever asks."""

from __future__ import annotations

import threading
import time
import uuid
from collections.abc import Callable

import pytest

from app.domain import terms
from app.domain.model import DISCORD_EPOCH_MS
from app.rules import trust
from app.store import keys, memories, nights, trusts
from app.store.door import Store
from app.store.nights import Night, NightClaim, Wrote


def request() -> str:
    """A fresh request id."""
    return uuid.uuid4().hex


def snowflake(days_ago: float = 0) -> int:
    """An id of that day."""
    return int(time.time() * 1000 - days_ago * terms.DAY) - DISCORD_EPOCH_MS << 22


def threads(count: int, work: Callable[[int], object]) -> list[object]:
    """What `work` returns in so many threads that begin together."""
    barrier, results = threading.Barrier(count), list[object]([None] * count)

    def run(number: int) -> None:
        barrier.wait()
        results[number] = work(number)

    running = [threading.Thread(target=run, args=(number,)) for number in range(count)]
    for one in running:
        one.start()
    for one in running:
        one.join()
    return results


@pytest.mark.parametrize(
    ("part", "most"), [("said", memories.SAID_MOST), ("person:7", memories.FACTS_MOST)]
)
def test_a_part_never_grows_beyond_its_bound_and_the_oldest_go(
    store: Store, part: str, most: int
) -> None:
    """However much is put in, and in whatever order, the newest by snowflake stay."""
    first = snowflake()
    for number in range(most + 60):
        store.run(memories.put("elena", part, {f"{first + number}.0": "{}"}))
        assert store.client.hlen(keys.memory("elena", part)) <= most
    assert f"{first + most + 59}.0" in store.run(memories.fields("elena", part))
    assert f"{first}.0" not in store.run(memories.fields("elena", part))
    store.run(memories.put("elena", part, {f"{first - 5}.0": "{}"}))
    kept = store.run(memories.fields("elena", part))
    assert len(kept) <= most


@pytest.mark.parametrize(("part", "days"), [("said", 30), ("person:7", 180)])
def test_each_item_goes_at_its_own_age(store: Store, part: str, days: int) -> None:
    """A line of more than 30 days and a fact of more than 180 go when the next is kept,
    however busy the part is."""
    old, young = f"{snowflake(days + 1)}.0", f"{snowflake(days - 1)}.0"
    store.run(memories.put("elena", part, {young: "{}"}))
    assert (
        store.run(memories.put("elena", part, {old: "{}", f"{snowflake()}.0": "{}"}))
        == 1
    )
    held = store.run(memories.fields("elena", part))
    assert old not in held
    assert young in held


def test_a_line_that_reaches_its_age_goes(store: Store) -> None:
    """A line that was young when it was kept goes with the next one, once it is old."""
    nearly = 30 - 0.05 / 86_400
    old, young = f"{snowflake(nearly)}.0", f"{snowflake()}.0"
    assert store.run(memories.put("elena", "said", {old: "{}"})) == 0
    assert store.run(memories.put("elena", "said", {young: "{}"})) == 0
    time.sleep(0.1)
    assert store.run(memories.put("elena", "said", {f"{snowflake()}.1": "{}"})) == 1
    assert old not in store.run(memories.fields("elena", "said"))


def test_a_line_is_kept_at_one_cost(store: Store) -> None:
    """However many lines a bot has, one more looks at no other while all may stay."""
    first = snowflake()
    lines = {f"{first + number}.0": "{}" for number in range(400)}
    store.run(memories.put("elena", "said", lines))
    store.client.config_resetstat()
    store.run(memories.put("elena", "said", {f"{first + 400}.0": "{}"}))
    calls = store.client.info("commandstats")
    assert "cmdstat_hstrlen" not in calls
    assert "cmdstat_hkeys" not in calls


@pytest.mark.parametrize("found", [None, "", "no size", "1 1", "9999999999999 -5"])
def test_a_size_that_is_lost_or_wrong_is_found_anew(
    store: Store, found: str | None
) -> None:
    """What is noted of all lines may go, or be edited by hand: no bound depends on it
    alone."""
    size, old = keys.memory("elena", "size"), f"{snowflake(31)}.0"
    store.client.hset(keys.memory("elena", "said"), old, "x" * 40)
    if found is not None:
        store.client.set(size, found)
    assert store.run(memories.put("elena", "said", {f"{snowflake()}.0": "{}"})) == 1
    noted = sum(
        len(name) + len(text)
        for name, text in store.client.hgetall(keys.memory("elena", "said")).items()
    )
    assert store.client.get(size).split()[1] == str(noted)
    assert store.client.pttl(size) > 29 * terms.DAY


def test_two_processes_never_say_one_line(store: Store) -> None:
    """Of any number of threads and connections that want to say a line, one may."""
    for line in ("Hello.", "And then?"):
        assert (
            sum(
                bool(won)
                for won in threads(
                    8,
                    lambda _, line=line: store.run(
                        memories.reserve_line("elena", line)
                    ),
                )
            )
            == 1
        )
    assert store.run(memories.uttered("elena")) == ("Hello.", "And then?")
    assert store.run(memories.reserve_line("aria", "Hello.")), (
        "another bot has its own words"
    )


def test_a_line_that_is_said_again_is_the_newest(store: Store) -> None:
    """So the one that was said longest ago is another one next time."""
    for line in ("Hello.", "And then?"):
        store.run(memories.reserve_line("elena", line))
        store.client.zincrby(keys.memory("elena", "uttered"), -1_000, line)
    assert not store.run(memories.reserve_line("elena", "Hello."))
    assert store.run(memories.uttered("elena")) == ("And then?", "Hello.")


def test_a_line_may_come_back_after_a_day(store: Store) -> None:
    """What was said more than a day ago is forgotten by the next line."""
    store.run(memories.reserve_line("elena", "Hello."))
    store.client.zadd(keys.memory("elena", "uttered"), {"Hello.": 1})
    assert store.run(memories.reserve_line("elena", "Hello."))


def test_an_ended_conversation_is_handed_out_once(store: Store) -> None:
    """A conversation that goes on is not taken; one that has ended goes to one of many
    that ask."""
    store.run(memories.touch_conversation("elena", "55", 0))
    store.run(memories.touch_conversation("elena", "66", 60_000))
    taken = threads(6, lambda _: store.run(memories.pop_ended_conversations()))
    assert sorted(len(found) for found in taken if isinstance(found, tuple)) == [
        0,
        0,
        0,
        0,
        0,
        1,
    ]
    assert store.run(memories.pop_ended_conversations()) == ()


def test_points_of_a_day_are_bounded_and_a_repeated_request_adds_none(
    store: Store,
) -> None:
    """No evening of chatter makes a friend."""
    once = request()
    assert [store.run(trusts.add("elena", "7", 1, once)) for _ in range(3)] == [1, 1, 1]
    for _ in range(50):
        store.run(trusts.add("elena", "7", 1, request()))
    assert store.run(trusts.some("elena", ["7", "8"]))["7"].points == trust.DAILY
    assert "8" not in store.run(trusts.everyone("elena"))


@pytest.mark.parametrize("days", [0, 1, 13, 14, 15, 16, 40, 99, 1_000])
def test_absence_costs_the_same_in_redis_and_in_the_rules(
    store: Store, days: int
) -> None:
    """The script and the pure function agree, day for day."""
    now_ms = int(store.client.time()[0]) * 1000
    at_ms = now_ms - days * trust.DAY_MS - 1_000
    store.client.hset(
        keys.trust("elena"),
        "7",
        f'{{"points":90,"at_ms":{at_ms},"day":"2020-01-01","today":5}}',
    )
    assert (
        store.run(trusts.add("elena", "7", 1, request()))
        == trust.remaining_points(90, now_ms - at_ms) + 1
    )


def test_people_are_bounded_and_the_least_known_goes(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A crowd of strangers does not push out a friend."""
    monkeypatch.setattr(trusts, "PEOPLE_MOST", 20)
    for _ in range(3):
        store.run(trusts.add("elena", "friend", 1, request()))
    for number in range(60):
        store.run(trusts.add("elena", f"stranger {number}", 1, request()))
    known = store.run(trusts.everyone("elena"))
    assert len(known) == 20
    assert known["friend"].points == 3


def test_one_of_many_writers_writes(store: Store) -> None:
    """However many tasks ask for one date at once, one entry is written and none is
    written over."""

    def write(number: int) -> object:
        claimed = store.run(
            nights.claim("elena", Night.DIARY, "2026-11-20", f"writer {number}")
        )
        if claimed is not NightClaim.CLAIMED:
            return claimed
        return store.run(
            nights.write(
                "elena", Night.DIARY, "2026-11-20", f"writer {number}", f"text {number}"
            )
        )

    outcomes = threads(8, write)
    assert outcomes.count(Wrote.WRITTEN) >= 1
    assert len(store.run(nights.read("elena", Night.DIARY))) == 1
    before = store.run(nights.read("elena", Night.DIARY))
    assert (
        store.run(nights.claim("elena", Night.DIARY, "2026-11-20", "late"))
        is NightClaim.WRITTEN
    )
    assert (
        store.run(nights.write("elena", Night.DIARY, "2026-11-20", "late", "other"))
        is Wrote.LOST
    )
    assert store.run(nights.read("elena", Night.DIARY)) == before


def test_a_writer_that_dies_is_followed_by_another(store: Store) -> None:
    """A claim ends with its lease; the one who slept through it writes nothing."""
    assert (
        store.run(nights.claim("elena", Night.DREAM, "2026-11-20", "dead"))
        is NightClaim.CLAIMED
    )
    assert (
        store.run(nights.claim("elena", Night.DREAM, "2026-11-20", "next"))
        is NightClaim.BUSY
    )
    assert (
        store.run(nights.claim("elena", Night.DREAM, "2026-11-20", "dead"))
        is NightClaim.CLAIMED
    ), "asked again after a lost answer"
    assert (
        0
        < store.client.pttl(keys.night_claim("elena", "dream", "2026-11-20"))
        <= terms.NIGHT_LEASE
    )
    store.client.delete(keys.night_claim("elena", "dream", "2026-11-20"))
    assert (
        store.run(nights.claim("elena", Night.DREAM, "2026-11-20", "next"))
        is NightClaim.CLAIMED
    )
    assert (
        store.run(nights.write("elena", Night.DREAM, "2026-11-20", "dead", "old"))
        is Wrote.LOST
    )
    assert (
        store.run(nights.write("elena", Night.DREAM, "2026-11-20", "next", "new"))
        is Wrote.WRITTEN
    )
    assert store.run(nights.read("elena", Night.DREAM)) == {"2026-11-20": "new"}


def test_a_night_with_nothing_to_tell_gives_the_claim_back(store: Store) -> None:
    """An empty day blocks nobody."""
    store.run(nights.claim("elena", Night.DIARY, "2026-11-20", "one"))
    assert (
        store.run(nights.write("elena", Night.DIARY, "2026-11-20", "one", ""))
        is Wrote.RELEASED
    )
    assert (
        store.run(nights.claim("elena", Night.DIARY, "2026-11-20", "two"))
        is NightClaim.CLAIMED
    )


def test_only_the_newest_dates_are_kept(store: Store) -> None:
    """Sixty dates, the oldest go first."""
    dates = [f"2026-{month:02}-{day:02}" for month in (1, 2, 3) for day in range(1, 29)]
    for date in reversed(dates):
        store.run(nights.claim("elena", Night.DIARY, date, "me"))
        store.run(nights.write("elena", Night.DIARY, date, "me", "text"))
    kept = sorted(store.run(nights.read("elena", Night.DIARY)))
    assert kept == dates[-nights.DATES_MOST :]


@pytest.mark.parametrize(
    ("part", "most"),
    [("said", memories.SAID_BYTES), ("person:7", memories.FACTS_BYTES)],
)
def test_a_part_never_takes_more_bytes_than_its_budget(
    store: Store, part: str, most: int
) -> None:
    """Long items make room by their bytes: the oldest go first, the newest stay, and of
    the lines a tenth goes at a time."""
    first, size = snowflake(), most // 10
    for number in range(25):
        item = {f"{first + number}.0": "x" * (size - 40 + 3 * number)}
        store.run(memories.put("elena", part, item))
        held = store.client.hgetall(keys.memory("elena", part))
        assert sum(len(name) + len(text) for name, text in held.items()) <= most
    kept = sorted(store.run(memories.fields("elena", part)))
    assert kept == [f"{first + number}.0" for number in range(25 - len(kept), 25)]
    assert len(kept) >= 8


def test_of_too_many_people_those_heard_of_least_lately_are_forgotten(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many accounts tell a bot something: its facts stay within a number of
    people and of bytes, and whoever told something lately is remembered."""
    monkeypatch.setattr(memories, "PEOPLE_MOST", 5)
    monkeypatch.setattr(memories, "PEOPLE_BYTES", 4_000)

    def known() -> list[str]:
        names = store.client.scan_iter("memory:elena:person:*")
        return sorted(name.rpartition(":")[2] for name in names)

    def tell(person: int, size: int) -> None:
        item = {f"{snowflake()}.{person}": "x" * size}
        store.run(memories.put("elena", f"person:{person}", item))
        # Redis's clock tells milliseconds: the order must be known.
        before = store.client.time()
        while store.client.time()[1] // 1000 == before[1] // 1000:
            pass

    for person in range(11, 19):
        tell(person, 100)
    assert known() == ["14", "15", "16", "17", "18"]
    tell(14, 2_000)
    tell(19, 1_700)
    assert known() == ["14", "18", "19"]
    people = store.run(memories.fields("elena", "people"))
    assert sorted(people) == known()
    tell(20, 3_900)
    assert known() == ["20"]
