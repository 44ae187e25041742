"""Removes a model's reasoning, and the remains of its template, from what it says.
Applying it twice changes nothing."""

from __future__ import annotations

import re

_NAMES = (
    r"(?:\w{1,16}[:_.-])?(?:think(?:ing)?|thoughts?|thought_process|reason(?:ing)?|reflect(?:ion|ions|ing)?|analysis|ponder(?:ing)?"
    r"|scratch_?pad|(?:inner_?|internal_?)?monologue|internal|rationale|deliberat(?:e|ion)|plan(?:ning)?|draft|cot"
    r"|chain[_-]of[_-]thought|antthinking|unused94|tool_?calls?|tool_?use|tool_?response|function_?calls?|function=\w+)"
)
"""Tags around reasoning, or around a call of a tool that nobody offered; a prefix as in
`seed:think`."""
_OPEN = (
    rf"[<＜](?:{_NAMES})(?:\s[^<>]{{0,80}})?[>＞]|\[(?:THINK|THINKING|REASONING|TOOL_CALLS)\]|◁think▷"
    r"|<\|(?:start_|begin_of_|begin_)?(?:think(?:ing)?|thought|reasoning|action)\|>|<\|inner_prefix\|>"
)
_CLOSE = (
    rf"[<＜]\s{{0,3}}[/／]\s{{0,3}}(?:{_NAMES}|function|unused95)\s{{0,3}}[>＞]|<unused95>"
    r"|\[[/](?:THINK|THINKING|REASONING|TOOL_CALLS)\]|◁/think▷"
    r"|<\|(?:/|end_of_|end_)(?:think(?:ing)?|thought|reasoning|action)\|>|<\|inner_suffix\|>"
)
_TAG = re.compile(rf"(?P<close>{_CLOSE})|(?P<open>{_OPEN})", re.IGNORECASE)
_ESCAPED = re.compile(rf"&lt;(/?\s?{_NAMES})\s?&gt;", re.IGNORECASE)
_HIDDEN = re.compile(
    "(?<=[!-~])[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufe00-\ufe0f\ufeff]+(?=[!-~])"
)
"""What could stand unseen inside a tag and vanish before the words are sent."""

_CHANNEL = re.compile(
    r"<\|channel\|>(?P<name>[^<]{0,80})(?:<\|constrain\|>[^<]{0,40})?<\|message\|>(?P<body>.*?)"
    r"(?:<\|(?:end|return|call)\|>|(?=<\|(?:channel|start)\|>)|\Z)",
    re.DOTALL,
)
_BEGUN = re.compile(r"\A\s*(?=(?:analysis|commentary|final)\b[^<]{0,40}<\|message\|>)")
"""A channel whose first token stood in the prompt."""
_OPEN_CHANNEL = re.compile(r"<\|channel>.*?(?:<channel\|>|\Z)", re.DOTALL)
"""Gemma's channels hold only reasoning."""
_PLAIN_CHANNEL = re.compile(
    r"\A\s*(?:assistant)?(?:analysis|commentary)(?=[^\sa-z<])(?:.*assistantfinal(?:json)?|.*)",
    re.DOTALL,
)
"""A harmony answer whose special tokens were dropped on the way."""
_FINAL = re.compile(r"\A.*assistantfinal(?:json)?", re.DOTALL)

_ANSWER = re.compile(
    r"<(answer|final_answer|final|response|output)>(.*?)(?:</\1>|\Z)",
    re.DOTALL | re.IGNORECASE,
)
_ECHOED = re.compile(r"\A\s*(?:<s>)?\s*\[INST\].*?\[/INST\]", re.DOTALL)
_HEADER = re.compile(
    r"<\|(?:im_start|start|start_header_id|start_of_role)\|>\s*(?:assistant|model)?\s*"
    r"(?:<\|(?:end_header_id|end_of_role|message)\|>)?|<start_of_turn>\s*model\b|<｜Assistant｜>"
)
_TOKEN = re.compile(
    r"<[|｜][^<>|｜\n]{1,40}[|｜]>|</?s>|\[/?INST\]|<</?SYS>>|<(?:end_of_turn|start_of_turn|eos|bos|pad)>",
    re.IGNORECASE,
)

_SENTENCE_END = re.compile(r"[.!?…]+[\"'”’»)\]*_~]*(?=\s|\Z)|[。！？]+[”’」』）]*|\n")


def stripped(raw: str) -> str:
    """`raw` without reasoning, channels and special tokens: what the model meant to be
    read; "" if it only reasoned."""
    text = _ESCAPED.sub(r"<\1>", _HIDDEN.sub("", raw))
    text = _outside(_last_channel(text))
    answers = _ANSWER.findall(text)
    if answers:
        text = answers[-1][1]
    return _first_turn(_ECHOED.sub("", text)).strip()


def full_sentences(text: str) -> str:
    """`text`, which was cut off, up to the end of its last full sentence or line; "" if
    there is none."""
    ends = [match.end() for match in _SENTENCE_END.finditer(text)]
    return text[: ends[-1]].strip() if ends else ""


def _last_channel(text: str) -> str:
    """The last final channel of a harmony answer; without one, what stands in no
    channel."""
    text = _PLAIN_CHANNEL.sub("", _OPEN_CHANNEL.sub("", text))
    text = _BEGUN.sub("<|channel|>", _FINAL.sub("", text))
    channels = list(_CHANNEL.finditer(text))
    finals = [
        match["body"]
        for match in channels
        if match["name"].strip().casefold().startswith("final")
    ]
    return finals[-1] if finals else _CHANNEL.sub("", text).partition("<|channel|>")[0]


def _outside(text: str) -> str:
    """The text outside all tags. A closing tag without an opening one ends reasoning
    that began with the text: nested tags and an opening tag in the prompt look the
    same. After an unclosed tag everything is reasoning."""
    kept: list[str] = []
    begin, thinking = 0, False
    for tag in _TAG.finditer(text):
        if tag["close"] and not thinking:
            kept = []
        elif not thinking:
            kept.append(text[begin : tag.start()])
        thinking = tag["close"] is None
        begin = tag.end()
    if not thinking:
        kept.append(text[begin:])
    return "".join(kept)


def _first_turn(text: str) -> str:
    """The first turn that holds words: after it some models go on in the person's
    place."""
    turns = (turn.strip() for turn in _TOKEN.split(_HEADER.sub("", text)))
    return next((turn for turn in turns if turn), "")
