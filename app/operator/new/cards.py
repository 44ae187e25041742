"""Another program's character, read from its file: JSON, or a picture that carries a
card.

SillyTavern's cards are JSON, or PNG with the JSON in base64 in a tEXt chunk `chara`
(V1, V2) or `ccv3` (V3)
(https://github.com/malfoyslastname/character-card-spec-v2,
https://github.com/kwaroran/character-card-spec-v3). elizaOS has one JSON object
(https://docs.elizaos.ai).
"""

from __future__ import annotations

import base64
import binascii
import json
import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from app.domain.errors import CharacterError

PNG = b"\x89PNG\r\n\x1a\n"
KEYWORDS = ("ccv3", "chara")
"""The better first."""
MOST = 32 * 1024 * 1024
"""Bytes of the largest file that is read."""
_HEAD = 8
_CHECKSUM = 4


def read_card(file: Path) -> Mapping[str, Any]:
    """The JSON object in a file. CharacterError with one line for what holds none."""
    try:
        if file.stat().st_size > MOST:
            raise CharacterError(f"{file.name}: is larger than {MOST >> 20} MiB")
        content = file.read_bytes()
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise CharacterError(f"{file.name}: cannot be read ({reason})") from None
    if content.startswith(PNG):
        content = _carried_card(file, content)
    try:
        found = json.loads(content.decode("utf-8-sig"))
    except (ValueError, RecursionError):
        raise CharacterError(f"{file.name}: is neither JSON nor a PNG") from None
    if not isinstance(found, dict):
        raise CharacterError(f"{file.name}: holds no character")
    return found


def _carried_card(file: Path, content: bytes) -> bytes:
    """The card that a picture carries."""
    texts = dict(_text_chunks(content))
    for keyword in KEYWORDS:
        if keyword in texts:
            try:
                return base64.b64decode(texts[keyword], validate=False)
            except (binascii.Error, ValueError):
                continue
    raise CharacterError(f"{file.name}: is a picture without a character card")


def _text_chunks(content: bytes) -> Iterator[tuple[str, bytes]]:
    """Keyword and text of each tEXt chunk; what is cut off ends it."""
    place = len(PNG)
    while place + _HEAD <= len(content):
        length, kind = struct.unpack(">I4s", content[place : place + _HEAD])
        body = content[place + _HEAD : place + _HEAD + length]
        if len(body) < length or kind == b"IEND":
            return
        if kind == b"tEXt":
            keyword, _, text = body.partition(b"\x00")
            yield keyword.decode("latin-1").lower(), text
        place += _HEAD + length + _CHECKSUM
