"""What is an order to the bots, and what only looks like one."""

from __future__ import annotations

import pytest

from app.domain.model import Event, RosterEntry
from app.rules.moderation import (
    _GO_ON,
    _STOP,
    FOR_A_TIME,
    HELD,
    MUTED,
    SPEAKS,
    Order,
    acknowledgement,
    find_order,
    is_stop_sign,
)

ROSTER = (
    RosterEntry(
        bot="elena",
        user_id="11",
        names=("Elena",),
        nicknames={"7": "Captain Coral"},
        roles=("91",),
    ),
    RosterEntry(bot="aria", user_id="12", names=("Aria",)),
)


def said(text: str) -> Event:
    return Event(
        message_id="1",
        channel_id="5",
        guild_id="7",
        author_id="22",
        author_name="Ann",
        content=text,
    )


@pytest.mark.parametrize(
    ("text", "verdict", "bots"),
    [
        ("<@11> stop", "stop", "elena"),
        ("<@11>, stop!", "stop", "elena"),
        ("<@&91> stop", "stop", "elena"),
        ("captain coral stop", "stop", "elena"),
        ("@elena STOP", "stop", "elena"),
        ("elena stop", "stop", "elena"),
        ("stop <@11>", "stop", "elena"),
        ("please stop, elena", "stop", "elena"),
        ("<@11> <@12> be quiet", "stop", "elena aria"),
        ("elena and aria: stop", "stop", "elena aria"),
        ("@everybot stop", "stop", ""),
        ("everybot, stop.", "stop", ""),
        ("all bots stop", "stop", ""),
        ("<@11> go on", "go_on", "elena"),
        ("@everybot resume", "go_on", ""),
    ],
)
def test_orders(text: str, verdict: str, bots: str) -> None:
    """A line that is nothing but bots and a command is an order to just these bots; to
    none named, to all."""
    assert find_order(said(text), ROSTER, lambda: True) == Order.model_validate(
        {"verdict": verdict, "bots": tuple(bots.split())}
    )


@pytest.mark.parametrize(
    "text",
    [
        "stop",
        "",
        "everyone stop",
        "@everyone stop",
        "<@21> stop",
        "<@11> <@21> stop",  # nobody of ours, or not only ours
        "elena stop it",
        "elena, stop, you're killing me",
        "elena, did you stop?",
        "elena stop?",
        "never stop elena no",
        "elena, aria said stop",
        "I told elena to stop",
        "elena stop\nI mean it",
        "`elena stop`",
        "> elena stop",
        "elena",
        "elena stop aria",
        "elena stop 😂",
        "elena 😂 stop",
        "<@&92> stop",
        "<@&91> <@&92> stop",  # a role of people
    ],
)
def test_no_orders(text: str) -> None:
    """Talk that merely holds the word silences nobody."""
    assert find_order(said(text), ROSTER, lambda: True) is None


def test_only_a_moderator_gives_orders() -> None:
    """From anybody else the words of an order are none; and who wrote a message is
    asked only where its words may be one."""
    assert find_order(said("elena stop"), ROSTER, lambda: False) is None

    def nobody_asks() -> bool:
        raise AssertionError

    assert find_order(said("elena, how are you?"), ROSTER, nobody_asks) is None


def test_an_acknowledgement_tells_how_long() -> None:
    """A stop that is limited in time bears a second emoji; a go on that the operator's
    mute holds is told apart."""
    assert acknowledgement("stop", limited=False, still_muted=False) == (MUTED,)
    assert acknowledgement("stop", limited=True, still_muted=False) == (
        MUTED,
        FOR_A_TIME,
    )
    assert acknowledgement("go_on", limited=True, still_muted=False) == (SPEAKS,)
    assert acknowledgement("go_on", limited=False, still_muted=True) == (HELD,)


@pytest.mark.parametrize(
    ("emoji", "expected"),
    [
        ("🛑", True),
        ("⛔", True),
        ("⛔️", True),
        ("✋", False),
        ("❌", False),
        ("", False),
    ],
)
def test_stop_signs(emoji: str, expected: bool) -> None:
    """Two signs mean stop; a raised hand may be a greeting."""
    assert is_stop_sign(emoji) is expected


@pytest.mark.parametrize("phrase", sorted(_STOP | _GO_ON))
def test_each_phrase_orders_before_and_after_a_name(phrase: str) -> None:
    """However often the name is said."""
    for text in (f"elena {phrase}", f"{phrase} elena", f"elena, elena: {phrase}!"):
        found = find_order(said(text), ROSTER, lambda: True)
        assert found is not None, text
        assert found.verdict == ("stop" if phrase in _STOP else "go_on")
        assert found.bots == ("elena",)


@pytest.mark.parametrize(("length", "order"), [(120, True), (121, False)])
def test_an_order_is_short(length: int, order: bool) -> None:
    """White space counts, too."""
    text = "elena stop".ljust(length)
    assert (find_order(said(text), ROSTER, lambda: True) is not None) is order
