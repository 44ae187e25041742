"""What a model answered, read as strictly as possible and as kindly as necessary."""

from __future__ import annotations

import json
import re
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

MAX_RAW = 20_000
"""Characters of a model's output that are looked at; a longer one is garbage."""

_THOUGHT = re.compile(r"<think(?:ing)?>.*?(?:</think(?:ing)?>|\Z)", re.DOTALL | re.IGNORECASE)


class Reply(BaseModel):
    """The structured answer that every model is asked for."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    action: Literal["reply", "react", "observe"] = "reply"
    text: str = Field(default="", max_length=MAX_RAW)
    emoji: str = Field(default="", max_length=32)


def parse(content: str) -> Reply | None:
    """The first JSON object in `content` as a Reply. Plain prose without a brace is a reply too; else None."""
    if len(content) > MAX_RAW:
        return None
    # Halves of surrogate pairs, which JSON may hold, can be neither validated nor sent.
    content = _THOUGHT.sub("", content.encode("utf-8", "replace").decode("utf-8")).strip()
    if "{" not in content:
        return Reply(text=content.strip("`\n ")) if content and not content.startswith("[") else None
    decoder = json.JSONDecoder(strict=False)
    # Small models write a remark before the object; three starts are enough to find it.
    for match in list(re.finditer(r"\{", content))[:3]:
        try:
            found, _ = decoder.raw_decode(content, match.start())
            return Reply.model_validate({key: value for key, value in found.items() if value is not None})
        # ValueError: broken JSON, a shape that is not ours, or a number too long for Python to read.
        except (ValueError, RecursionError):
            continue
    return None
