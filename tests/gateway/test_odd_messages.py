"""Messages with a part that discord.py cannot parse, on real sockets: what was said
beside it is heard."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from tests.gateway.conftest import Town
from tests.gateway.recording import until
from tests.gateway.test_frames_sockets import Wire

pytestmark = pytest.mark.asyncio

ODD: dict[str, dict[str, Any]] = {
    "a member that is null": {"member": None},
    "a member without its roles": {"member": {"roles": None, "flags": None}},
    "a member who joined at no time": {
        "member": {"roles": [], "joined_at": "soon", "flags": 0}
    },
    "embeds that are null": {"embeds": None},
    "a preview of a new shape": {"embeds": [{"type": "x", "timestamp": "soon"}]},
    "files that are null": {"attachments": None},
    "a file without an address": {"attachments": [{"id": "1", "filename": "a.png"}]},
    "mentions that are null": {"mentions": None},
    "roles that are null": {"mention_roles": None},
    "a reference of a new kind": {"message_reference": {"type": 7}},
    "a poll of a new layout": {"poll": {"question": {}, "layout_type": 7}},
    "a component of tomorrow": {"components": [{"type": 99}]},
    "a forward without its copy": {"message_snapshots": [{"message": {}}]},
}
"""Fields in place of those of a real message, by what is odd about it."""


async def test_an_odd_part_hides_no_words(town: Town) -> None:
    """Each is heard in the same session; one without an author, which nobody said, is
    skipped."""
    await town.start("elena")
    wire = Wire(town, "elena")
    await town.say("a plain line")
    await until(lambda: town.ports.texts("elena"))
    plain = next(body for name, body in wire.sent() if name == "MESSAGE_CREATE")
    odd: dict[str, dict[str, Any]] = {
        **ODD,
        "an author without a picture": {"author": {"id": "77", "username": "zoe"}},
        "no author": {"author": None},
    }
    for number, (what, fields) in enumerate(odd.items(), 1):
        changed = copy.deepcopy(plain) | {"content": what} | fields
        wire.push("MESSAGE_CREATE", changed | {"id": str(int(plain["id"]) + number)})
    await town.say("the end")
    await until(lambda: "the end" in town.ports.texts("elena"))
    heard = town.ports.texts("elena")
    assert [what for what in odd if what not in heard] == ["no author"]
    assert wire.same_session()


async def test_an_absent_field_hides_no_words(town: Town) -> None:
    """Whatever one field a message or its author lacks, it is heard; only what nobody
    said, or nowhere, is skipped."""
    await town.start("elena")
    wire = Wire(town, "elena")
    await town.say("a plain line")
    await until(lambda: town.ports.texts("elena"))
    plain = next(body for name, body in wire.sent() if name == "MESSAGE_CREATE")
    wanted: list[str] = []

    def push(what: str, message: dict[str, Any]) -> None:
        wanted.append(what)
        number = str(int(plain["id"]) + len(wanted))
        wire.push("MESSAGE_CREATE", {"content": what, "id": number} | message)

    for field in plain.keys() - {"id", "content"}:
        rest = {key: plain[key] for key in plain.keys() - {field, "id", "content"}}
        push(f"no {field}", rest)
    for field in plain["author"]:
        author = {key: plain["author"][key] for key in plain["author"].keys() - {field}}
        rest = {key: plain[key] for key in plain.keys() - {"id", "content"}}
        push(f"an author without {field}", rest | {"author": author})
    silent = {key: plain[key] for key in plain.keys() - {"content"}}
    wire.push("MESSAGE_CREATE", silent | {"id": str(int(plain["id"]) + 999)})
    await town.say("the end")
    await until(lambda: "the end" in town.ports.texts("elena"))
    heard = town.ports.texts("elena")
    assert {what for what in wanted if what not in heard} == {
        "no author",
        "no channel_id",
        "an author without id",
    }
    assert "" in heard, "a message without words is heard too"
    assert wire.same_session()
