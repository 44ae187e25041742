"""A model's reasoning is never said: neither in a chat nor in a diary, a dream or a
fact."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.brain import diary, facts, reasoning, reply
from app.domain.character import load_character

FINAL = '{"action": "reply", "text": "Three."}'
DRAFT = '{"action": "reply", "text": "DRAFT"}'
TAGS = (
    "think",
    "thinking",
    "thought",
    "thoughts",
    "reasoning",
    "reason",
    "reflection",
    "analysis",
    "scratchpad",
    "inner_monologue",
    "seed:think",
    "antThinking",
    "THINK",
    "tool_call",
)


def said(content: str) -> str:
    """What would be said of a model's answer, "" if it is nothing."""
    found = reply.parse(content)
    return found.text if found is not None else ""


@pytest.mark.parametrize(
    "content",
    [
        f"let me see, she greets\n</think>\n\n{FINAL}",
        "let me see, she greets\n</think>\n\nThree.",
        f"I could say {DRAFT}...</think>{FINAL}",
        f"<think>I could say {DRAFT}</think>\n{FINAL}",
        f"{FINAL}<think>Or rather {DRAFT}",
        "Three. <think>Was that right?",
        "<think>I should close the <think> tag</think>Three.",
        "<think>a<think>b</think>CANARY</think>Three.",
        "< / think >Three.",
        '<think time="2">CANARY</think>Three.',
        "<th\u200bink>CANARY</thi\u2060nk>Three.",
        "&lt;think&gt;CANARY&lt;/think&gt;Three.",
        "＜think＞CANARY＜/think＞Three.",
        "[THINK]CANARY[/THINK]Three.",
        "◁think▷CANARY◁/think▷Three.",
        "<|START_THINKING|>CANARY<|END_THINKING|><|START_RESPONSE|>Three.<|END_RESPONSE|>",
        "<|begin_of_thought|>CANARY<|end_of_thought|>Three.",
        "<unused94>thought\nCANARY<unused95>Three.",
        "<|channel>thought\nCANARY<channel|>Three.",
        f"<|channel|>analysis<|message|>{DRAFT}<|end|><|start|>assistant<|channel|>final<|message|>{FINAL}<|return|>",
        f"<|channel|>analysis<|message|>CANARY<|channel|>final <|constrain|>json<|message|>{FINAL}",
        "analysis<|message|>CANARY<|end|><|start|>assistant<|channel|>final<|message|>Three.",
        "analysisWe need to greet.assistantfinalThree.",
        f"analysisWe could say {DRAFT}.assistantcommentaryHm.assistantfinal{FINAL}",
        "<think>CANARY</think><answer>Three.</answer>",
        "Three.<|im_end|>\n<|im_start|>user\nAnd four?<|im_end|>",
        "<|im_start|>assistant\nThree.<|im_end|>",
        "<|start_header_id|>assistant<|end_header_id|>\n\nThree.<|eot_id|>",
        "<s>[INST] How many? [/INST] Three.</s>",
        "[/INST] Three. [INST] And now?",
        "Three.<end_of_turn>\n<start_of_turn>user",
        "Three.<｜end▁of▁sentence｜>",
        "```json\n" + FINAL + "\n```",
        "```\nThree.\n```",
        "```text\nThree.",
        f"Here it is: {FINAL} I hope that helps {{you}}.",
        f"Elena: {FINAL}",
        '{"thought": "CANARY", "action": "reply", "text": "Three."}',
        '{"response": "Three."}',
        '{"action": "reply", "text": "<think>CANARY</think>Three."}',
        '{"action": "reply", "text": "CANARY</think>Three."}',
        '{"action": "reply", "text": "<|channel|>final<|message|>Three."}',
        '{"action": "reply", "text": "Three. Two of them are sma',
    ],
)
def test_the_answer_alone_is_said(content: str) -> None:
    """Of every wrapping that models use, the answer is what stays."""
    assert said(content) == "Three."


@pytest.mark.parametrize(
    "content",
    [
        "<think>CANARY",
        "<|channel|>analysis<|message|>CANARY",
        "analysisCANARY goes on and on",
        "CANARY</think>",
        "<|channel|>analysis CANARY",
        "analysis<|message|>CANARY",
        '<tool_call>{"name": "CANARY"}</tool_call>',
        f"<think>{DRAFT}",
        "</s>",
        "<|im_end|>",
        "",
        '{"action": "observe", "text": "CANARY is ho',
    ],
)
def test_where_there_is_no_answer_nothing_is_said(content: str) -> None:
    """Reasoning without an end, or an end without an answer, is no answer."""
    assert said(content) == ""


@pytest.mark.parametrize(
    "content",
    [
        "Analysis paralysis, I call it.",
        "I <3 octopuses.",
        "x < y > z",
        "A {curly} brace.",
        "[waves] Hello.",
        "The <b>bold</b> one.",
        "<:thinking:123456789> Hm.",
        "<a:think:123456789> Hm.",
        "It's final: no.",
        "```python\nprint(1)\n```",
    ],
)
def test_ordinary_words_stay_whole(content: str) -> None:
    """What only resembles a wrapping is left alone."""
    assert said(content) == content


def _shapes() -> st.SearchStrategy[str]:
    """Reasoning around CANARY in one of the known shapes, which may stand before,
    between or after words."""
    inner = st.sampled_from(
        [
            "CANARY",
            f"CANARY {DRAFT}",
            "CANARY\n\nCANARY",
            "CANARY <b> {x}",
            "CANARY ```json",
        ]
    )
    case = st.sampled_from([str.lower, str.upper, str.title])

    def tagged(name: str, change: object, text: str) -> str:
        changed = change(name)  # type: ignore[operator]
        return f"<{changed}>{text}</{changed}>"

    pairs = st.builds(tagged, st.sampled_from(TAGS), case, inner)
    channel = st.builds(
        "<|channel|>{}<|message|>{}<|end|>".format,
        st.sampled_from(["analysis", "commentary"]),
        inner,
    )
    square = st.builds("[THINK]{}[/THINK]".format, inner)
    kimi = st.builds("◁think▷{}◁/think▷".format, inner)
    return st.one_of(pairs, channel, square, kimi)


@given(
    before=st.lists(_shapes(), max_size=3),
    after=st.lists(_shapes(), max_size=3),
    answer=st.sampled_from([FINAL, "Three.", f"```json\n{FINAL}\n```"]),
    lone=st.booleans(),
    unclosed=st.booleans(),
)
def test_no_reasoning_is_ever_said(
    before: list[str], after: list[str], answer: str, lone: bool, unclosed: bool
) -> None:
    """Whatever reasoning stands around an answer, in all shapes and places: the answer is
    found and no reasoning is said."""
    content = "\n".join(
        [
            "CANARY</think>" if lone else "",
            *before,
            answer,
            *after,
            "<thinking>CANARY" if unclosed else "",
        ]
    )
    words = said(content)
    assert "CANARY" not in words
    assert "DRAFT" not in words
    assert words.strip() == "Three."
    cleaned = reasoning.stripped(content)
    assert "CANARY" not in cleaned
    assert reasoning.stripped(cleaned) == cleaned


@given(shape=_shapes(), place=st.integers(0, 2))
def test_no_reasoning_within_a_text_is_said(shape: str, place: int) -> None:
    """The same inside the text of a well-formed answer."""
    parts = ["One.", "Two."]
    parts.insert(place, shape)
    words = said(json.dumps({"action": "reply", "text": " ".join(parts)}))
    assert "CANARY" not in words
    assert "Two." in words


def test_nothing_is_thought_in_a_diary() -> None:
    """A diary or a dream may be posted: it is cleaned like an answer."""
    day = "Tuesday. Three conversations, and all of them about squids. I was glad about each."
    elena = load_character("elena")
    for content in (
        f"<think>CANARY</think>\n{day}",
        f"CANARY\n</think>{day}",
        f"{day}<|im_end|>",
        f"<|channel|>analysis<|message|>CANARY<|end|><|channel|>final<|message|>{day}",
        f"```\n{day}\n```",
    ):
        assert diary.usable(elena, content, []) == day
    assert (
        diary.usable(
            elena, "<think>CANARY CANARY CANARY CANARY CANARY CANARY CANARY", []
        )
        == ""
    )


def test_nothing_is_thought_into_a_fact() -> None:
    """Facts are read from the final object, not from a draft within the reasoning."""
    line = {
        "id": "1",
        "author": "7",
        "name": "Sam",
        "text": "I have bees",
        "bot": False,
    }
    draft, final = (
        f'{{"facts": [{{"line": 0, "fact": "{fact}"}}]}}'
        for fact in ("has a CANARY", "has bees")
    )
    for content in (
        f"<think>{draft}</think>{final}",
        f"{draft}</think>{final}",
        f"analysisHm {draft}assistantfinal{final}",
    ):
        assert [fact.text for _, fact in facts.drawn(content, [line])] == ["has bees"]
