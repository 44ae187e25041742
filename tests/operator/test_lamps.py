"""The lamps of `up` follow what `status` knows: a process that runs is no sign that its
bot can speak."""

from __future__ import annotations

import pytest

from app.cli.lamps import StatusWatch, lamp_line
from app.domain.errors import StoreUnavailable
from app.domain.settings import Settings
from app.host.supervisor import Child, ChildSpec, State
from app.operator.lamps import Lamp, Light, lamps_of, lights_of_processes
from app.operator.status import Status, read_status
from app.store import heartbeats, model_troubles, mutes
from app.store.heartbeats import Heartbeat, ProcessRole
from app.store.model_troubles import ModelTrouble
from tests.operator.conftest import Stream

SIGN = {"connected": True, "since": 1.0, "error": "", "process": "h:1"}
TROUBLE = ModelTrouble("elena", "openai:m", "key refused", "set another", 1.0)


def lamp(stream: Stream) -> Lamp:
    """Elena's."""
    (found,) = lamps_of(read_status(stream.settings()), ["elena"])
    return found


def tell(stream: Stream, **changes: object) -> None:
    """What her gateway tells."""
    sign = Heartbeat(ProcessRole.GATEWAY, "elena", {**SIGN, **changes})
    stream.store.run(heartbeats.tell(sign))


def test_a_lamp_is_red_for_what_keeps_a_bot_from_speaking(stream: Stream) -> None:
    """Cut off from Discord, ended, no gateway, a model that refuses its key."""
    tell(stream)
    assert lamp(stream) == Lamp("elena", Light.WELL, "connected to Discord")
    stream.store.run(model_troubles.note(TROUBLE))
    assert lamp(stream) == Lamp("elena", Light.BAD, "model openai:m: key refused")
    stream.store.run(model_troubles.over("elena", "openai:m"))
    tell(stream, connected=False)
    assert lamp(stream) == Lamp("elena", Light.BAD, "not connected to Discord")
    tell(stream, connected=False, error="mend it")
    assert lamp(stream) == Lamp("elena", Light.BAD, "has ended: mend it")
    stream.store.run(heartbeats.end(ProcessRole.GATEWAY, "elena"))
    assert lamp(stream) == Lamp("elena", Light.BAD, "no gateway runs it")


@pytest.mark.parametrize("scope", ["all", "bot:elena"])
def test_a_lamp_is_yellow_for_what_the_operator_wanted(
    stream: Stream, scope: str
) -> None:
    """A mute of hers or of all, and a dry run; a channel's mute is no matter of hers."""
    tell(stream)
    stream.store.run(mutes.mute("channel:5", "operator", 60_000))
    assert lamp(stream).light is Light.WELL
    stream.store.run(mutes.mute(scope, "operator", 60_000))
    stream.values["dry_run"] = True
    assert lamp(stream) == Lamp("elena", Light.HELD, "muted by operator, dry run")


def test_workers_and_beat_are_lit_by_what_they_tell(stream: Stream) -> None:
    """A process that takes no tasks is not well, though it runs."""
    found = read_status(stream.settings())
    every = {"direct": True, "cycles": True, "beat": True}
    assert lights_of_processes(found) == every
    stream.store.run(heartbeats.end(ProcessRole.WORKER, "cycles@h"))
    stream.store.run(heartbeats.end(ProcessRole.BEAT, "beat"))
    found = read_status(stream.settings())
    assert lights_of_processes(found) == every | {"cycles": False, "beat": False}


def test_a_change_is_said_once(stream: Stream) -> None:
    """In a pipe there are no lamps, only lines; a start is no news, and neither is a
    Redis that is away."""
    said: list[str] = []
    away = [False]

    def read(settings: Settings) -> Status:
        if away[0]:
            raise StoreUnavailable
        return read_status(settings)

    watch = StatusWatch(
        stream.settings(), ["elena"], lambda _, line: said.append(line), read
    )
    tell(stream, connected=False)
    watch.look()
    assert said == []
    tell(stream)
    watch.look()
    watch.look()
    stream.store.run(model_troubles.note(TROUBLE))
    watch.look()
    away[0] = True
    watch.look()
    assert watch.lamps == ()
    away[0] = False
    watch.look()
    stream.store.run(model_troubles.over("elena", "openai:m"))
    watch.look()
    connected = "elena: connected to Discord"
    assert said == [connected, "elena: model openai:m: key refused", connected]


def test_the_line_shows_processes_and_bots(stream: Stream) -> None:
    """A bot's words stand beside its lamp unless all is well; a worker that runs
    without taking tasks is yellow."""
    watch = StatusWatch(stream.settings(), ["elena"], lambda *_: None)
    tell(stream, connected=False)
    stream.store.run(heartbeats.end(ProcessRole.WORKER, "cycles@h"))
    watch.look()
    children = [
        Child(ChildSpec(name, []), State.RUNNING) for name in ("gateway", "cycles")
    ]
    text = lamp_line(children, watch, 3_725)
    assert text.plain.startswith(" up 1:02:05  ● gateway  ● cycles  ✗ elena not conn")
    colours = [str(span.style) for span in text.spans]
    assert colours[:3] == ["green", "yellow", "red"]
