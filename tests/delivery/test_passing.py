"""What may pass is no dead letter, and what refuses the whole address is asked by one
request at a time."""

from __future__ import annotations

import time
from collections.abc import Callable

import pytest
from structlog.testing import capture_logs

from app.delivery import address
from app.delivery.address import Address, AddressRefused
from app.loopback import Channel
from tests.delivery.conftest import Room, Worker

Empties = Callable[..., None]
Wait = Callable[..., None]

CLOUDFLARE = "<!DOCTYPE html><html><head><title>Attention Required! | Cloudflare</title></head></html>"
POST = ("POST", "/channels/{channel_id}/messages")
PASSING = [
    (403, CLOUDFLARE),
    (404, "<html>404</html>"),
    (413, "<html>Request entity too large</html>"),
    (429, CLOUDFLARE),
    (502, "<html>Bad gateway</html>"),
    (400, "<html>400 The plain HTTP request was sent to HTTPS port</html>"),
    (403, {"message": "internal network error", "code": 40333}),
    (403, {"message": "Send messages has been temporarily disabled", "code": 40004}),
    (
        403,
        {
            "message": "This feature has been temporarily disabled server-side",
            "code": 40006,
        },
    ),
    (403, {"message": "a code of next year", "code": 987654}),
    (404, {"message": "404: Not Found", "code": 0}),
]


@pytest.mark.parametrize(("status", "body"), PASSING)
def test_what_may_pass_is_tried_again(
    room: Room, empties: Empties, status: int, body: str | dict[str, object]
) -> None:
    """A page of a proxy and a code that is not known to be final delay a post; it is no
    dead letter, and is seen once."""
    room.discord.faults.fail_next("POST", "/messages$", status, body)
    message = room.commit()
    room.worker()
    empties()
    assert (room.said(), room.dead()) == (["hello"], [])
    assert room.verdicts(message)[-1] == "delivered"


@pytest.mark.parametrize(
    ("status", "body"),
    [(404, "<html>404</html>"), (403, {"message": "later", "code": 40004})],
)
def test_what_does_not_pass_is_given_up_with_its_reason(
    room: Room, empties: Empties, status: int, body: str | dict[str, object]
) -> None:
    """What goes on for the time to give up is a dead letter that tells the last reason,
    and the queue moves on."""
    room.discord.faults.fail_next("POST", "/messages$", status, body, times=2)
    room.commit("first")
    room.commit("second")
    room.worker(delivery_give_up=0.001)
    empties()
    assert room.said() == ["second"]
    assert room.dead()[0].startswith(f"gave up after 2 failures: {status} ")


def test_a_page_is_not_quoted(room: Room) -> None:
    """The reason of an HTML answer names its status and type, not its markup."""
    room.discord.faults.fail_next("POST", "/messages$", 404, "<html>x</html>")
    message = room.commit()
    room.worker().run_once()
    assert room.reason(message) == "404 without a code, text/html"


def begin(worker: Worker, *bots: str) -> None:
    """Deliver for these bots without waiting for more than a moment."""
    for bot in bots:
        worker.run(bot, 1.0)


@pytest.mark.parametrize(
    ("status", "body"),
    [
        (403, CLOUDFLARE),
        (429, CLOUDFLARE),
        (429, {"message": "slow down", "retry_after": 4.0, "global": True}),
    ],
)
def test_a_refused_address_stops_all_channels_and_bots(
    room: Room,
    wait_until: Wait,
    monkeypatch: pytest.MonkeyPatch,
    status: int,
    body: str | dict[str, object],
) -> None:
    """One refusal of the address is met by one request; the posts of other channels and
    bots, typing and reading wait with it, one line tells it, and all go out once the
    pause is over."""
    monkeypatch.setattr(address, "FIRST_PAUSE", 4.0)
    channels: list[Channel] = [
        room.channel,
        *(room.discord.add_channel(f"room-{n}") for n in range(4)),
    ]
    worker = room.worker()
    for name, secrets in room.secrets.items():
        worker.rest.submit(worker.rest.client(name, secrets.token)).result(10)
    room.discord.faults.fail_next("POST", "/messages$", status, body)
    room.commit("first")
    with capture_logs() as lines:
        worker.run("elena", 0.5)
        wait_until(lambda: worker.rest.address.seconds_left, what="the pause")
        for channel in channels[1:]:
            room.commit("elsewhere", channel=channel)
            room.commit("another bot", bot="aria", channel=channel)
        begin(worker, "elena", "aria")
        with worker.rest.typing(
            "aria", room.secrets["aria"].token, str(room.channel.id)
        ):
            assert worker.history(
                "aria", room.secrets["aria"].token, str(room.channel.id), 5
            ).problem
        assert room.discord.requests[POST] == 1
        assert not room.discord.typings
        wait_until(
            lambda: (
                len(room.said()) == 1
                and all(len(room.said(one)) == 2 for one in channels[1:])
            ),
            20.0,
            "all posts after the pause",
        )
    refused = [line for line in lines if "refuses this address" in str(line["event"])]
    assert len(refused) == 1
    assert not [
        line
        for line in lines
        if line["event"] in {"delivery failed", "context unavailable"}
    ]
    assert room.dead() == room.dead("aria") == []


def test_a_login_waits_too(room: Room) -> None:
    """A bot that is not logged in yet asks nothing either while the address is
    refused."""
    worker = room.worker()
    worker.rest.address.note_answer(403, {"Retry-After": "30"}, CLOUDFLARE.encode())
    with pytest.raises(AddressRefused):
        worker.rest.submit(
            worker.rest.client("elena", room.secrets["elena"].token)
        ).result(10)
    assert not room.discord.requests["GET", "/users/@me"]


class Clock:
    """Seconds that a test moves."""

    now = 100.0

    def __call__(self) -> float:
        """The time."""
        return self.now


def refuse(gate: Address, retry_after: str = "") -> None:
    """Cloudflare's answer."""
    gate.note_answer(429, {"Retry-After": retry_after}, b"<html>")


def test_one_request_goes_first_after_a_pause() -> None:
    """When the pause is over one request asks for all; refused again, the pause
    doubles; accepted, all go."""
    clock = Clock()
    gate = Address(clock)
    refuse(gate)
    assert gate.seconds_left == address.FIRST_PAUSE
    clock.now += gate.seconds_left
    gate.check_entry()
    with pytest.raises(AddressRefused):
        gate.check_entry()
    refuse(gate)
    assert gate.seconds_left == 2 * address.FIRST_PAUSE
    clock.now += gate.seconds_left
    gate.check_entry()
    gate.note_answer(200, {}, b"{}")
    assert gate.seconds_left == 0
    gate.check_entry()
    gate.check_entry()


def test_a_probe_without_an_answer_holds_nobody_up() -> None:
    """A probing request that gets no answer is followed by another one soon."""
    clock = Clock()
    gate = Address(clock)
    refuse(gate)
    clock.now += gate.seconds_left
    gate.check_entry()
    clock.now += address.PROBE
    gate.check_entry()


def test_many_refusals_at_once_are_one() -> None:
    """Requests that were on their way together, all refused, do not make the pause
    longer than Discord asks for."""
    clock = Clock()
    gate = Address(clock)
    for _ in range(50):
        refuse(gate)
    assert gate.seconds_left == address.FIRST_PAUSE
    refuse(gate, "7")
    assert gate.seconds_left == 7


@pytest.mark.parametrize(
    ("retry_after", "pause"),
    [
        ("40", 40.0),
        ("0.2", 1.0),
        ("nonsense", 1.0),
        ("nan", 1.0),
        ("-5", 1.0),
        ("inf", 86_400.0),
    ],
)
def test_discords_word_is_obeyed(retry_after: str, pause: float) -> None:
    """Retry-After is waited out; what is no time is none, and nothing is waited for
    longer than a day."""
    gate = Address(Clock())
    refuse(gate, retry_after)
    assert gate.seconds_left == pause


@pytest.mark.parametrize(
    ("status", "headers", "body"),
    [
        (403, {}, b'{"code": 50013, "message": "Missing Permissions"}'),
        (429, {}, b'{"retry_after": 1.0, "global": false}'),
        (404, {}, b"<html>"),
        (502, {}, b"<html>"),
        (200, {}, b"[]"),
    ],
)
def test_other_answers_are_no_refusal_of_the_address(
    status: int, headers: dict[str, str], body: bytes
) -> None:
    """What is about one channel, one route or a server's trouble stops nobody else."""
    gate = Address(Clock())
    gate.note_answer(status, headers, body)
    assert gate.seconds_left == 0


def test_a_servers_trouble_does_not_end_a_pause() -> None:
    """A proxy's 502 says nothing of whether the address is taken again."""
    clock = Clock()
    gate = Address(clock)
    refuse(gate)
    clock.now += gate.seconds_left
    gate.check_entry()
    gate.note_answer(502, {}, b"<html>")
    with pytest.raises(AddressRefused):
        gate.check_entry()


def test_a_global_limit_in_the_headers_counts() -> None:
    """Discord also says it in a header, without the body's word."""
    gate = Address(Clock())
    gate.note_answer(429, {"X-RateLimit-Global": "true", "Retry-After": "3"}, b"{}")
    assert gate.seconds_left == 3


def test_a_waiting_client_waits_and_then_goes(room: Room) -> None:
    """Requests of a client that waits, as a gateway's, are sent when the pause is over,
    not refused."""
    gate = room.worker().rest.address
    gate.note_answer(429, {"Retry-After": "0.3"}, b"<html>")
    begun = time.monotonic()
    room.workers[-1].rest.submit(gate.wait_and_enter()).result(10)
    assert time.monotonic() - begun > 0.25
