"""Ids become names; what has no name becomes a word, never a number."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.content.names import ids_in, make_legible, named_parts
from app.domain.model import MessagePart, PartKind

NAMES = {"1": "Kim", "2": "general", "3": "Helpers", "4": "", "5": "  Zoe \n the cat "}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("hi <@1>", "hi @Kim"),
        ("hi <@!1>, see <#2>", "hi @Kim, see #general"),
        ("<@&3> please", "@Helpers please"),
        ("<@4> and <@9>", "@somebody and @somebody"),
        ("<@&9> in <#9>", "@a role in #a channel"),
        ("<@5>", "@Zoe the cat"),
        ("nice <:blob:112233445566778899> <a:dance:1>", "nice :blob: :dance:"),
        ("try </why now:12>", "try /why now"),
        ("at <t:0:F>", "at 1970-01-01 00:00 UTC"),
        ("at <t:9999999999999>", "at a time"),
        ("<id:customize>", "#customize"),
        (
            "see https://discord.com/channels/5/2/77 now",
            "see (a message in #general) now",
        ),
        ("https://ptb.discord.com/channels/@me/9/77", "(a message in a channel)"),
        ("https://discordapp.com/channels/5/2", "#general"),
        ("https://discord.com/channels/5", "https://discord.com/channels/5"),
        ("a < b and <3 and <@> and <x>", "a < b and <3 and <@> and <x>"),
    ],
)
def test_a_text_as_a_person_sees_it(text: str, shown: str) -> None:
    """Each of Discord's forms of mention."""
    assert make_legible(text, NAMES) == shown


def test_the_ids_of_a_text() -> None:
    """People, roles and channels, each once, in order; no emoji and no command."""
    assert ids_in("<@2> <@!1> <#7> <@&3> <@2> <:x:9> </y:8>") == ("2", "1", "7", "3")
    assert ids_in("https://discord.com/channels/5/6/7 <#2>") == ("2", "6")


def test_parts_are_named_too() -> None:
    """A poll mentions people as a text does; however long the names are, the part stays
    within its bounds."""
    poll = MessagePart(
        kind=PartKind.POLL, text="Who? (<@1>, <:blob:112233445566778899>)"
    )
    assert named_parts((poll,), NAMES)[0].text == "Who? (@Kim, :blob:)"
    full = MessagePart(kind=PartKind.FORWARD, text="<@1>" * 250)
    assert (
        named_parts((full,), {"1": "K" * 100})[0].text
        == (("@" + "K" * 100) * 250)[:1_000]
    )


@given(st.text())
def test_no_text_is_too_odd(text: str) -> None:
    """Any text passes, and what mentions nothing stays as it is."""
    assert make_legible(text, {}) == text or "<" in text
