"""What the page may ask and do: all of it by the functions of `app.operator`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict

from app.domain.errors import ConfigurationError, UnknownMessage
from app.domain.model import snowflake_ms
from app.domain.settings import Settings
from app.operator import discord_times, ops, spending, talk
from app.operator.why import answer, finding
from app.operator.why.answer import Explanation
from app.operator.why.finding import Wanted
from app.operator.why.rows import rows_of
from app.store.door import Store

Json = dict[str, object]

FOUND = 20
WHO = "operator, on the page"
LONGEST_TEXT = 200


class Actions:
    """Of one stream. All of them block. Raise StreamError."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def explain(self, asked: Mapping[str, str], direct: bool) -> Json:
        """All that `why` knows of one message, by its id or link."""
        with ops.open_store(self._settings) as store:
            said = finding.named(store, asked.get("message", ""))
            found = answer.explain(store, self._settings, said)
            return self._explained_as_json(store, found, direct)

    def search(self, asked: Mapping[str, str], direct: bool) -> Json:
        """By link, by id, or by a piece of the text: the newest first."""
        wanted = asked.get("q", "").strip()[:LONGEST_TEXT]
        if not wanted:
            raise ConfigurationError("Type a link, an id, or a piece of the text.")
        # Nothing is searched for one id, and an unknown one is an error, not "nothing".
        if wanted.isdecimal() or "/channels/" in wanted:
            return {"found": [self.explain({"message": wanted}, direct)]}
        with ops.open_store(self._settings) as store:
            found: list[Json] = []
            for said in finding.search(store, Wanted(text=wanted)):
                lines = talk.read_lines(store, said.message)
                # Left out without a word: to say that something is hidden would tell of
                # it.
                if not direct and talk.is_private(store, said, lines):
                    continue
                one = answer.explain(store, self._settings, said)
                found.append(self._explained_as_json(store, one, direct=True))
                if len(found) == FOUND:
                    break
            return {"found": found}

    def find_unanswered(self, asked: Mapping[str, str], direct: bool) -> Json:
        """What nobody answered lately, with the reason."""
        lasts_ms = ops.duration_ms(asked.get("since", "1h"), "since")
        with ops.open_store(self._settings) as store:
            wanted = Wanted(since_ms=discord_times.read_now_ms(store) - lasts_ms)
            found = answer.unanswered(store, self._settings, wanted)
            shown = [
                self._explained_as_json(store, one, direct=True)
                for one in found
                if direct or not talk.is_private(store, one.said, one.lines)
            ]
            return {"found": shown}

    def find_costs(self, asked: Mapping[str, str], direct: bool) -> Json:
        """Who spent what, by bot, person or channel."""
        try:
            by = spending.By(asked.get("by", "bot"))
            days = int(asked.get("days", "1"))
        except ValueError:
            raise ConfigurationError(
                "by: bot, person or channel; days: 1 to 3"
            ) from None
        if not 1 <= days <= spending.KEPT_DAYS:
            raise ConfigurationError(f"days: 1 to {spending.KEPT_DAYS}")
        found = spending.find_costs(self._settings, by, days)
        return {"costs": [one._asdict() for one in found]}

    def mute(self, form: Json) -> Json:
        """Silence a scope: `scope`, `for` (as in 2h; empty: until it is ended)."""
        lasts = _text(form, "for") or None
        ended = ops.mute(_text(form, "scope"), self._settings, lasts, WHO)
        return {"acknowledged": ended}

    def unmute(self, form: Json) -> Json:
        """End a mute."""
        return {"ended": ops.unmute(_text(form, "scope"), self._settings)}

    def retry(self, form: Json) -> Json:
        """Send a dead letter again."""
        entry = _text(form, "entry")
        if not ops.retry(entry, self._settings):
            raise ConfigurationError("This is no dead letter any more.")
        return {}

    def _explained_as_json(
        self, store: Store, found: Explanation, direct: bool
    ) -> Json:
        """Raises UnknownMessage for a private one that must not be shown."""
        if not direct and talk.is_private(store, found.said, found.lines):
            raise UnknownMessage(
                "It was said in private: STREAM_PAGE_DIRECT shows such talks."
            )
        return {
            **asdict(found.said),
            "at_ms": snowflake_ms(found.said.message),
            "sentence": found.story.sentence,
            "differences": list(found.story.differences),
            "asides": {
                found.names.get(bot, bot): words for bot, words in found.asides.items()
            },
            "rows": [asdict(row) for row in rows_of(found.lines)],
            "names": dict(found.names),
            "lines": [line.model_dump() for line in found.lines],
        }


def _text(form: Json, name: str) -> str:
    value = form.get(name, "")
    if not isinstance(value, str):
        raise ConfigurationError(f"{name}: is no text")
    return value.strip()
