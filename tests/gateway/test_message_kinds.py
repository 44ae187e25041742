"""Each kind of message that people send reaches a bot as docs/messages.md says, over
sockets and through discord.py."""

from __future__ import annotations

import pytest

from app.domain.model import PartKind
from app.lab.message_kinds import KINDS, MessageKind, shown_to_model
from app.loopback import kinds
from tests.gateway.conftest import Town
from tests.gateway.recording import until

pytestmark = pytest.mark.asyncio


@pytest.mark.parametrize("kind", KINDS, ids=[kind.name for kind in KINDS])
async def test_a_kind_is_heard(town: Town, kind: MessageKind) -> None:
    """Text and parts are those of the table, and nothing of it is lost on the way to a
    prompt."""
    await town.start("elena")
    await town.say(kind.text, extra=dict(kind.fields))
    await until(lambda: town.ports.of("elena"))
    event = town.ports.of("elena")[0].event
    assert (event.content, event.parts) == (kind.text, kind.parts)
    assert shown_to_model(kind)


async def test_every_kind_of_part_has_an_example() -> None:
    """A part that no kind holds would be on no page and in no test."""
    assert {part.kind for kind in KINDS for part in kind.parts} == set(PartKind)


ODD = {
    "a type that lies": kinds.picture("virus.exe"),
    "a huge picture": kinds.picture("a.png", size=25_000_000),
    "an empty file": kinds.text_file("empty.txt", size=0),
    "an address elsewhere": kinds.picture(
        "a.png", url="http://169.254.169.254/latest/meta-data"
    ),
    "a preview from elsewhere": kinds.embeds(
        kinds.link_embed("javascript:alert(1)", "<script>", "@everyone")
    ),
    "a poll of markup": kinds.poll(
        "**<@1>** `x`?", [f"||{number}|| @everyone" for number in range(10)]
    ),
    "a long name": kinds.picture("a" * 260 + ".png"),
}


@pytest.mark.parametrize("fields", ODD.values(), ids=ODD.keys())
async def test_odd_parts_are_described(town: Town, fields: dict[str, object]) -> None:
    """Whatever is attached, the message is heard, with one short description of one
    line."""
    await town.start("elena")
    await town.say("", extra=fields)
    await until(lambda: town.ports.of("elena"))
    [part] = town.ports.of("elena")[0].event.parts
    assert part.described.startswith(f"[{part.kind}")
    assert len(part.described) < 700
    assert "\n" not in part.described


async def test_a_forward_of_a_forward(town: Town) -> None:
    """A snapshot that itself holds a snapshot is described by what Discord shows of
    it."""
    await town.start("elena")
    outer = next(kind for kind in KINDS if kind.name == "forward")
    fields = {
        **outer.fields,
        "message_snapshots": [
            {
                "message": {
                    "type": 0,
                    "content": "",
                    "mentions": [],
                    "mention_roles": [],
                    "attachments": [kinds.attachment("b.png", "image/png")],
                    "embeds": [],
                    "timestamp": "2026-01-01T00:00:00+00:00",
                    "edited_timestamp": None,
                    "flags": 16384,
                    "components": [],
                    "message_snapshots": outer.fields["message_snapshots"],
                }
            }
        ],
    }
    await town.say("", extra=fields)
    await until(lambda: town.ports.of("elena"))
    forward, picture = town.ports.of("elena")[0].event.parts
    assert (forward.kind, forward.text) == (PartKind.FORWARD, "")
    assert (picture.kind, picture.text) == (PartKind.PICTURE, "b.png")
