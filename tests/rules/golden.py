"""The golden vectors: features of recorded utterances, and bids, as they were when the
policy was fitted.

`python -m tests.rules.golden` writes them anew. Features may change only together with
a refit of `policy.yaml`: its weights were fitted on these numbers. Bids change with
each refit.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.domain.model import Bid, Signal
from app.domain.safe_yaml import load_yaml
from app.rules.bids import bid
from app.rules.features import FEATURES, Features, features
from app.rules.policy import shipped_policy
from app.rules.profile import NEUTRAL, Profile
from app.rules.room import Room, Utterance
from tests.rules.busy_room import busy_checksums

HERE = Path(__file__).parent
CHAT = HERE / "golden_chat.yaml"
FEATURES_FILE = HERE / "golden_features.json"
BIDS_FILE = HERE / "golden_bids.json"
BUSY_FILE = HERE / "golden_busy_room.json"
START_MS = 1_700_000_000_000
WORDS = ("vega", "lyra", "deneb", "altair", "rigel", "capella", "spica")
PROFILES = (NEUTRAL, Profile(0.2), Profile(0.9), Profile(1.0))
RECEPTIONS = (0.0, 0.0, 0.35, -0.8, 1.0)
MOST_BIDS = 21


@dataclass(frozen=True)
class Recorded:
    """What one bot saw of one utterance."""

    utterance: Utterance
    bot: str
    table: Features

    @property
    def name(self) -> str:
        """How the vector is called: line and bot."""
        return f"{self.utterance.message_id} {self.bot}"


def recorded_utterances() -> list[Recorded]:
    """Every recorded utterance of the chat, as each bot sees it before the room has."""
    chat = load_yaml(CHAT.read_text(encoding="utf-8"))
    room = Room(chat["bots"])
    found = []
    for utterance, is_recorded in _utterances(chat):
        if is_recorded:
            found += [
                Recorded(utterance, bot, features(room, utterance, bot))
                for bot in chat["bots"]
            ]
        room.observe(utterance)
    return found


def _utterances(chat: dict[str, Any]) -> Iterator[tuple[Utterance, bool]]:
    names = {bot: own[0] for bot, own in chat["bots"].items()} | chat["people"]
    at_ms, number = START_MS, 0
    for line in chat["lines"]:
        for text, author in _spread(line):
            at_ms += 1000 * line.get("after", 5)
            utterance = Utterance(
                message_id=str(number),
                author=author,
                text=text,
                at_ms=at_ms,
                names=(names[author],),
                reply_to=str(line["reply"]) if "reply" in line else None,
                mentions=tuple(line.get("mention", ())),
            )
            yield utterance, line.get("record", False)
            number += 1


def _spread(line: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Text and author of a line; of a filler, of each line that it stands for."""
    if "filler" not in line:
        yield line["text"], line["by"]
        return
    for n in range(line["filler"]):
        word = WORDS[n % len(WORDS)]
        yield line["text"].format(n=n, word=word), line["by"][n % len(line["by"])]


def recorded_bids(utterances: list[Recorded]) -> dict[str, Bid]:
    """Bids over every third vector, with a signal, a trust level, a profile and a
    reception in turn."""
    signals, policy = list(Signal), shipped_policy()
    bids = {}
    for place, one in enumerate(utterances[::3][:MOST_BIDS]):
        signal, trust = signals[place % len(signals)], place % 6
        profile = PROFILES[place % len(PROFILES)]
        # The bot utterances with the vector, or all bids would be the first bot's.
        seen = utterances[3 * place + place % 3]
        reception = RECEPTIONS[place % len(RECEPTIONS)]
        name = f"{seen.name} {signal} {trust} {profile.chattiness} {reception}"
        bids[name] = bid(
            seen.table,
            signal=signal,
            trust=trust,
            policy=policy,
            profile=profile,
            reading=one.utterance.reading,
            reception=reception,
        )
    return bids


def features_page(utterances: list[Recorded]) -> dict[str, Any]:
    """What golden_features.json holds: the names, and each vector in their order."""
    return {
        "names": list(FEATURES),
        "vectors": {
            one.name: [one.table[name] for name in FEATURES] for one in utterances
        },
    }


def bids_page(bids: dict[str, Bid]) -> dict[str, Any]:
    """What golden_bids.json holds: score, will, and each part that is not zero."""
    return {
        name: {
            "score": one.score,
            "wants": one.above_threshold,
            "parts": {part: bits for part, bits in one.parts.items() if bits},
        }
        for name, one in bids.items()
    }


def _write(path: Path, page: dict[str, Any]) -> None:
    # A line a vector, so that a diff shows which ones changed.
    text = json.dumps(page, indent=1).replace("\n   ", " ").replace("\n  ]", " ]")
    path.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    UTTERANCES = recorded_utterances()
    _write(FEATURES_FILE, features_page(UTTERANCES))
    _write(BIDS_FILE, bids_page(recorded_bids(UTTERANCES)))
    BUSY_FILE.write_text(
        json.dumps(busy_checksums(), indent=1) + "\n", encoding="utf-8"
    )
