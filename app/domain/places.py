"""Settings by server and channel: one YAML file (STREAM_PLACES), read again when it
changes."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, NamedTuple

import structlog
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from app.domain.errors import ConfigurationError
from app.domain.model import BotName
from app.domain.terms import Cooldown, QuietTime

log = structlog.get_logger(__name__)

MAX_FILE = 256 * 1024
"""Bytes of the largest file that is read."""
LOOK_EVERY = 1.0
"""Seconds between two looks whether the file has changed."""
CHANNELS = 10_000
"""Channels of which it is kept where they are."""
MOST_CHATTY = 0.99
"""How far a factor raises a chattiness: at 1 a character answers everything, and that
is for its file to say."""

Amount = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class Rules(BaseModel):
    """What holds in a place; None: what holds around it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    quiet_time: QuietTime | None = None
    """Seconds, in place of STREAM_QUIET_TIME and of a character's own."""
    cooldown: Cooldown | None = None
    """Seconds after an action here, likewise."""
    chattiness: Annotated[float, Field(ge=0, le=10, allow_inf_nan=False)] | None = None
    """A factor of each character's own."""
    watchers: tuple[BotName, ...] | None = None
    """The characters that watch this place, whatever their watchlists say."""
    speak: bool | None = None
    """Whether they may speak unasked, whatever STREAM_SPEAK_CHANNELS says."""
    threads: bool | None = None
    """Whether threads and posts count as their channel does."""
    daily_tokens: Annotated[int, Field(ge=0)] | None = None
    """In place of STREAM_CHANNEL_DAILY_TOKENS, for a channel with its threads."""
    daily_usd: Amount | None = None
    """US dollars, in place of STREAM_CHANNEL_DAILY_USD."""

    def quiet_time_of(self, own: float | None) -> float | None:
        """Seconds that a character with this quiet time keeps quiet here; None: as the
        setting says."""
        return own if self.quiet_time is None else self.quiet_time

    def chattiness_of(self, own: float) -> float:
        """A character's chattiness here."""
        bent = own * (1.0 if self.chattiness is None else self.chattiness)
        return bent if bent < 1 else max(own, MOST_CHATTY)


NONE = Rules()


class PlacedValue(NamedTuple):
    """One value of the file, and where it stands."""

    place: str
    """`server 1` or `channel 2`."""
    name: str
    value: object
    line: int


class Places(NamedTuple):
    """What the file says."""

    servers: Mapping[str, Rules]
    channels: Mapping[str, Rules]
    lines: tuple[PlacedValue, ...]

    def at(self, channel: str, parent: str | None, guild: str | None) -> Rules:
        """What holds in a channel: its own word, else its parent's, else its
        server's."""
        found: dict[str, object] = {}
        # From the widest to the nearest, whose word stands above the others'.
        for rules in (
            self.servers.get(guild or ""),
            self.channels.get(parent or ""),
            self.channels.get(channel),
        ):
            if rules is not None:
                found.update(rules.model_dump(exclude_none=True))
        # The values were checked when the file was read; this is asked for each
        # message.
        return Rules.model_construct(**found) if found else NONE  # type: ignore[arg-type]


NOWHERE = Places({}, {}, ())


def read_places(file: Path) -> Places:
    """Raises ConfigurationError of one line, with the line of the file."""
    try:
        text = file.read_bytes()[: MAX_FILE + 1]
        if len(text) > MAX_FILE:
            raise _wrong(file, 1, f"is longer than {MAX_FILE} bytes")
        # Composed, not loaded: nodes know their line, and errors name it.
        root = yaml.compose(text.decode("utf-8"), Loader=yaml.SafeLoader)
    except OSError as error:
        raise _wrong(file, 0, f"cannot be read ({error.strerror})") from None
    except RecursionError:
        raise _wrong(file, 1, "is nested too deeply") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        mark = getattr(error, "problem_mark", None)
        line = 1 if mark is None else mark.line + 1
        raise _wrong(file, line, "is no YAML") from None
    found: dict[str, dict[str, Rules]] = {"servers": {}, "channels": {}}
    lines: list[PlacedValue] = []
    for kind, place, fields in _places(file, root):
        if place in found[kind]:
            raise _wrong(file, fields.start_mark.line + 1, f"{place} stands twice")
        values = {name: (value, line) for name, value, line in _pairs(file, fields)}
        found[kind][place] = _rules(file, values, fields)
        of = f"{kind.removesuffix('s')} {place}"
        lines += [PlacedValue(of, name, *pair) for name, pair in values.items()]
    return Places(found["servers"], found["channels"], tuple(lines))


def _wrong(file: Path, line: int, what: str) -> ConfigurationError:
    where = f" line {line}" if line else ""
    return ConfigurationError(f"STREAM_PLACES: {file.name}{where}: {what}.")


def _places(file: Path, root: Any) -> Iterator[tuple[str, str, yaml.Node]]:
    """(servers or channels, id, its mapping) of each place."""
    for kind, _, line, node in _entries(file, root):
        if kind not in {"servers", "channels"}:
            raise _wrong(file, line, f"{kind}: only servers and channels are known")
        for place, _, at, fields in _entries(file, node):
            if not place.isdecimal():
                raise _wrong(file, at, f"{place}: give the id that Discord copies")
            yield kind, place, fields


def _pairs(file: Path, node: yaml.Node) -> Iterator[tuple[str, object, int]]:
    for name, value, line, _ in _entries(file, node):
        yield name, value, line


def _entries(file: Path, node: Any) -> Iterator[tuple[str, object, int, yaml.Node]]:
    """(name, value, line, node) of a mapping's entries; nothing for an empty one."""
    if node is None or node.tag == "tag:yaml.org,2002:null":
        return
    if not isinstance(node, yaml.MappingNode):
        raise _wrong(file, node.start_mark.line + 1, "names and values are expected")
    seen: set[str] = set()
    for key, value in node.value:
        line = key.start_mark.line + 1
        # YAML allows whole lists for names.
        if not isinstance(key, yaml.ScalarNode):
            raise _wrong(file, line, "names and values are expected")
        if key.value in seen:
            raise _wrong(file, line, f"{key.value} stands twice")
        seen.add(key.value)
        plain = yaml.SafeLoader("")
        try:
            made = plain.construct_document(value)
        # Values that look like a date and are none raise ValueError.
        except (yaml.YAMLError, ValueError):
            raise _wrong(file, line, f"{key.value}: cannot be read") from None
        yield key.value, made, line, value


def _rules(
    file: Path, values: Mapping[str, tuple[object, int]], fields: yaml.Node
) -> Rules:
    plain = {name: value for name, (value, _) in values.items()}
    try:
        return Rules.model_validate(plain)
    except ValidationError as error:
        first = error.errors(include_input=False, include_url=False)[0]
        name = str(first["loc"][0]) if first["loc"] else ""
        line = values[name][1] if name in values else fields.start_mark.line + 1
        raise _wrong(file, line, f"{name}: {first['msg']}") from None


class PlacesFile:
    """The file as it is now. One that breaks later leaves in force what held before."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._lock = threading.Lock()
        self._places = NOWHERE
        self._stamp: tuple[int, int] | None = None
        self._looked = -LOOK_EVERY
        self._where: OrderedDict[str, tuple[str | None, str]] = OrderedDict()

    def load(self) -> Places:
        """Read it now. Raises ConfigurationError."""
        self._places = read_places(self._file)
        return self._places

    def at(
        self, channel: str, parent: str | None = None, guild: str | None = None
    ) -> Rules:
        """What applies in a channel. Its place is remembered for callers that do not
        know."""
        places = self.current()
        if guild is not None:
            self._where[channel] = (parent, guild)
            if len(self._where) > CHANNELS:
                self._where.popitem(last=False)
        elif channel in self._where:
            parent, guild = self._where[channel]
        return places.at(channel, parent, guild)

    def current(self) -> Places:
        """What the file said when it was last in order."""
        # Looked at without the lock, which hearing must not queue for.
        if time.monotonic() - self._looked >= LOOK_EVERY:
            with self._lock:
                self._look()
        return self._places

    def _look(self) -> None:
        self._looked = time.monotonic()
        try:
            found = self._file.stat()
            stamp = (found.st_mtime_ns, found.st_size)
            if stamp == self._stamp:
                return
            # Before it is read: a file in disorder is told of once, not each second.
            self._stamp = stamp
            self._places = read_places(self._file)
            log.info("places were read", places=len(self._places.lines))
        except OSError:
            log.warning("STREAM_PLACES cannot be read; what held before holds")
        except ConfigurationError as error:
            log.error("places are not in order; what held before holds", why=str(error))


@lru_cache
def places_file(file: Path) -> PlacesFile:
    """One for a process and a file."""
    return PlacesFile(file)
