"""Real processes send one trace for each message to a collector over a socket."""

from __future__ import annotations

from pathlib import Path

from app.runtime.traces import SCHEMA
from tests.e2e.collector import Collector
from tests.e2e.model_server import ModelServer
from tests.e2e.system import add_bots, eager_character, system, write_characters

WAY = {"admit message", "elect", "invoke_agent ada", "chat small", "deliver"}


def test_a_message_is_one_trace_from_gateway_to_post(tmp_path: Path) -> None:
    """An open question: gateway and worker, which share nothing but Redis, send the
    spans of one trace, each below the one that it belongs to, named as the conventions
    want it, and none of them holds a word or a name of what was said."""
    with ModelServer(text=lambda _: "Plenty of marmalade.") as model, Collector() as it:
        ada = eager_character("ada") | {
            "model": {"model": "openai:small", "base_url": model.url}
        }
        characters = write_characters(tmp_path / "characters", [ada])
        with system(tmp_path, characters_dir=characters, traces_url=it.url) as running:
            running.env["OTEL_BSP_SCHEDULE_DELAY"] = "50"
            add_bots(running, "ada")
            channel = running.discord.add_channel("general")
            person = running.discord.add_user("Kimberly")
            running.workers()
            running.gateway("ada")
            running.wait_ready("ada")
            asked = running.discord.post(person, channel, "who likes rhubarb?")
            running.wait(
                lambda: set(it.of_message(asked.message_id)) >= WAY,
                what="the whole trace",
            )
        spans = it.of_message(asked.message_id)
    root, turn = spans["admit message"], spans["invoke_agent ada"]
    assert root.parent_id == ""
    parents = {name: one.parent_id for name, one in spans.items()}
    assert parents["chat small"] == turn.span_id
    assert parents["elect"] == parents["invoke_agent ada"] == root.span_id
    # Whoever committed it delivers it, or, where that worker was killed, the pump's.
    assert parents["deliver"] in {root.span_id, turn.span_id}
    services = {one.service for one in spans.values()}
    assert services >= {"the-stream-gateway", "the-stream-cycles"}
    assert {one.schema for one in spans.values()} == {SCHEMA}
    assert root.values["stream.verdicts"] == ["ada: complete"]
    assert spans["elect"].values["gen_ai.agent.name"] == "ada"
    assert turn.values["gen_ai.operation.name"] == "invoke_agent"
    assert turn.values["stream.outcome"] == "committed"
    said = spans["chat small"].values
    assert said["gen_ai.provider.name"] == "openai"
    assert said["gen_ai.request.model"] == "small"
    assert (said["gen_ai.usage.input_tokens"], said["gen_ai.usage.output_tokens"]) != (
        0,
        0,
    )
    assert spans["deliver"].values["stream.delivered"] is True
    assert not any(one.failed for one in spans.values())
    for word in (b"rhubarb", b"marmalade", b"Kimberly", str(person.id).encode()):
        assert not any(word in body for body in it.bodies)
