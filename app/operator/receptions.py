"""How channels received the bots' unasked posts: an operator sees it, and resets
it."""

from __future__ import annotations

from typing import NamedTuple

from app.domain.settings import Settings
from app.operator.ops import check_bot, open_store
from app.rules.policy import shipped_policy
from app.rules.reception import SILENCE, SILENCE_SHARE, standing
from app.store import keys, memories, receptions, stats
from app.store.door import Store


class Received(NamedTuple):
    """One bot in one channel. `bits` are what its bids there gain, of which `silence`
    is for being ignored; `people` have shown something."""

    bot: str
    channel: str
    bits: str
    silence: str
    people: int


def reception_table(
    settings: Settings, bot: str | None = None, channel: str | None = None
) -> list[Received]:
    """Every bot and channel of which anything is known."""
    most = shipped_policy().reception
    table: list[Received] = []
    with open_store(settings) as store:
        now_ms = int(store.run(stats.server_time()) * 1000)
        for name in _bots(store, bot, settings):
            for place, shares in store.run(receptions.everywhere(name)).items():
                if channel not in {None, place}:
                    continue
                silence = shares.get(SILENCE)
                ignored = (
                    silence.remaining_value(now_ms) * SILENCE_SHARE if silence else 0.0
                )
                table.append(
                    Received(
                        bot=name,
                        channel=place,
                        bits=f"{most * standing(shares, now_ms):+.2f}",
                        silence=f"{most * ignored:+.2f}",
                        people=len(shares.keys() - {SILENCE}),
                    )
                )
    return sorted(table)


def reset(
    settings: Settings, bot: str | None = None, channel: str | None = None
) -> int:
    """Forget it, for a bot or all, in a channel or everywhere. Returns how many shares
    went."""
    with open_store(settings) as store:
        return sum(
            store.run(receptions.reset(name, channel))
            for name in _bots(store, bot, settings)
        )


def _bots(store: Store, bot: str | None, settings: Settings) -> list[str]:
    found = memories.scan(store, keys.reception("*"))
    known = sorted(key.split(":", 1)[1] for key in found)
    if bot is None:
        return known
    check_bot(store, bot, settings, known)
    return [bot]
