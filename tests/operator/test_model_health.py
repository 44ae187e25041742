"""A dead model is loud: in status, in doctor and in why, by name and with its
remedy."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from langchain_core.messages import HumanMessage

from app.brain.models import Speaker, speaker
from app.domain.character import Character, load_character
from app.domain.errors import ConfigurationError, ModelUnavailable
from app.domain.model import JournalLine
from app.operator.doctor.examination import examine_stream
from app.operator.doctor.findings import Level
from app.operator.status import read_status
from app.operator.why.story import tell
from app.worker.model_health import ModelHealth
from tests.brain.provider_server import Sent, refused, said
from tests.cli.commands import run
from tests.operator.conftest import Stream

KEYS = {"openai": "sk-" + "x" * 20}


def built(stream: Stream, health: ModelHealth) -> tuple[Character, Speaker | None]:
    """As a worker makes a bot's models."""
    character = load_character("elena", stream.folder)
    try:
        made = speaker(character.model, KEYS, 5.0, "elena")
    except ConfigurationError:
        made = None
    health.built(character, made, KEYS)
    if made is not None:
        made.wait = lambda seconds: None
        made.on_call = lambda model, trouble: health.note_call("elena", model, trouble)
    return character, made


def ask(made: Speaker | None) -> None:
    """One question, whatever comes of it."""
    assert made is not None
    try:
        made.ask([HumanMessage("hello")], 0)
    except ModelUnavailable:
        return


def down(stream: Stream) -> None:
    """The server of the model is not there."""
    stream.edit(model={"model": "openai:m", "base_url": "http://127.0.0.1:9/v1"})


def answering(sent: Sent) -> Callable[[Stream], None]:
    """The server of the model answers so."""

    def plant(stream: Stream) -> None:
        stream.model.answer = lambda _: sent

    return plant


@pytest.mark.parametrize(
    ("plant", "fault", "remedy"),
    [
        (answering(refused(401, "no", "invalid_api_key")), "key refused (401", "STREAM_KEY_"),
        (answering(refused(404, "no", "model_not_found")), "unknown model (404", "`model`"),
        (down, "unreachable", "`base_url`"),
        (lambda stream: stream.edit(model={"model": "openai:m"}), "", ""),
        (lambda stream: stream.edit(model={"model": "groq:m"}), "no key", "STREAM_KEY_GROQ"),
    ],
    ids=["401", "404", "down", "well", "no key"],
)  # fmt: skip
def test_a_dead_model_is_named_with_its_remedy(
    stream: Stream, plant: Callable[[Stream], None], fault: str, remedy: str
) -> None:
    """From the first failed call on, and without any call where a key lacks."""
    plant(stream)
    health = ModelHealth(stream.store)
    _, made = built(stream, health)
    if made is not None and fault:
        ask(made)
    found = read_status(stream.settings()).model_troubles
    if not fault:
        assert found == ()
        return
    (trouble,) = found
    assert trouble.bot == "elena"
    assert trouble.fault.startswith(fault)
    assert remedy in trouble.remedy
    findings = list(examine_stream(stream.settings(), [], False))
    told = [one for one in findings if "a worker had no answer" in one.what]
    assert [(one.level, one.remedy) for one in told] == [(Level.FAULT, trouble.remedy)]
    shown = run("bots", STREAM_REDIS_URL=stream.values["redis_url"]).stdout
    assert f"✗ model {trouble.model}: {fault}" in shown
    assert "sk-xxx" not in str(findings) + shown


def test_a_package_that_lacks_is_told_without_a_call(stream: Stream) -> None:
    """The key is there, and no client can be made of it."""
    stream.edit(model={"model": "groq:m"})
    character = load_character("elena", stream.folder)
    ModelHealth(stream.store).built(character, None, {"groq": "x" * 20})
    (trouble,) = read_status(stream.settings()).model_troubles
    assert (trouble.fault, trouble.model) == ("cannot be made", "groq:m")
    assert "pip install the-stream[groq]" in trouble.remedy


def test_a_model_that_answers_again_is_in_trouble_no_more(stream: Stream) -> None:
    """Also where another worker saw the trouble."""
    answering(refused(401, "no", "invalid_api_key"))(stream)
    _, made = built(stream, ModelHealth(stream.store))
    ask(made)
    assert read_status(stream.settings()).model_troubles
    answering(said("hello"))(stream)
    _, other = built(stream, ModelHealth(stream.store))
    ask(other)
    assert read_status(stream.settings()).model_troubles == ()


def test_why_tells_that_the_model_failed() -> None:
    """Beside what was said in its place, with the remedy."""

    def answered(reason: str) -> str:
        lines = [
            JournalLine(
                at_ms=1, bot="aria", step="commit", verdict="committed", reason=reason
            ),
            JournalLine(at_ms=2, bot="aria", step="deliver", verdict="delivered"),
        ]
        return tell(lines, {"aria": "Aria"}).sentence

    assert answered("addressed directly; openai:m: key refused") == (
        "Aria answered. The model of Aria failed: openai:m: key refused; "
        "check STREAM_KEY_<PROVIDER>, and restart the gateway."
    )
    assert "openai:n: unreachable" in answered(
        "x; openai:m: too slow; openai:n: unreachable"
    )
    assert "key refused" in answered("x; circuit open (openai:m: key refused)")
    assert "doctor` says why" in answered("x; no usable model, offline voice")
    assert answered("addressed directly; offline voice") == "Aria answered."
