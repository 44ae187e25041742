"""One file with settings of servers and channels: what holds where, what a mistake is
told as, and that a change is read while the process runs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from app.domain import places
from app.domain.errors import ConfigurationError
from app.domain.places import PlacesFile, Rules, read_places
from app.domain.settings import Settings
from app.operator.whereabouts import find_rules
from app.store.limits import Limits

TEXT = """\
servers:
  11:
    quiet_time: 30
    speak: true
    watchers: [elena]
channels:
  "22":
    quiet_time: 90
    chattiness: 1.5
    threads: false
    daily_usd: 0.5
  33:
    speak: false
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """The file of these tests."""
    made = tmp_path / "places.yaml"
    made.write_text(TEXT, "utf-8")
    return made


@pytest.fixture
def settings(file: Path) -> Settings:
    """Bots may speak in channel 44 alone, but for what the file says."""
    return Settings(places=file, speak_channels=("44",), quiet_time=20)


def test_the_nearest_place_has_its_say(settings: Settings) -> None:
    """The channel, else the channel of a thread, else the server, else nothing."""
    assert settings.rules_at("22", None, "11") == Rules.model_construct(
        quiet_time=90.0,
        speak=True,
        watchers=("elena",),
        chattiness=1.5,
        threads=False,
        daily_usd=0.5,
    )
    assert settings.rules_at("1", "22", "12").quiet_time == 90
    assert settings.rules_at("1", None, "11").quiet_time == 30
    assert settings.rules_at("1", None, "12") == Rules()


def test_a_place_says_who_may_speak(settings: Settings) -> None:
    """It stands above STREAM_SPEAK_CHANNELS; a thread may be told apart from its
    channel."""
    assert settings.may_speak("44")
    assert not settings.may_speak("45", None, "12")
    assert settings.may_speak("46", None, "11")
    assert not settings.may_speak("33", None, "11")
    assert not settings.may_speak("47", "22", "11")
    assert settings.may_speak("22", None, "11")


def test_where_a_channel_is_is_remembered(settings: Settings) -> None:
    """Whoever knows the channel alone is answered as whoever said where it is."""
    assert settings.rules_at("50").quiet_time is None
    settings.rules_at("50", None, "11")
    assert settings.rules_at("50").quiet_time == 30


@pytest.mark.parametrize(
    ("own", "factor", "bent"),
    [(0.5, 0.5, 0.25), (0.5, 4.0, 0.99), (1.0, 2.0, 1.0), (1.0, 0.5, 0.5), (0.5, None, 0.5)],
)  # fmt: skip
def test_a_factor_bends_chattiness(
    own: float, factor: float | None, bent: float
) -> None:
    """It makes nobody answer everything who does not of their own accord."""
    assert Rules(chattiness=factor).chattiness_of(own) == bent


def test_a_channel_has_its_own_caps(settings: Settings) -> None:
    """In money, in tokens, or as everywhere."""
    everywhere = Limits.of(settings)
    here = everywhere.within(settings.rules_at("22"))
    assert (here.channel_micro_usd, here.channel_tokens) == (500_000, 1_000_000)
    assert everywhere.within(Rules(daily_tokens=7)).channel_tokens == 7
    assert everywhere.within(Rules()) is everywhere


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("servers:\n  1:\n    quiet_time: -1\n", "line 3: quiet_time: Input should be"),
        ("servers:\n  1:\n    quite_time: 1\n", "line 3: quite_time: Extra inputs"),
        ("rooms:\n  1: {}\n", "line 1: rooms: only servers and channels"),
        ("channels:\n  general:\n    speak: true\n", "line 2: general: give the id"),
        ("channels:\n  1: {speak: true}\n  1: {}\n", "line 3: 1 stands twice"),
        ("channels:\n  1:\n    speak: {\n", "is no YAML"),
        ("? [1]\n: {}\n", "line 1: names and values are expected"),
        (
            "channels:\n  1: {cooldown: 2026-13-45}\n",
            "line 1: channels: cannot be read",
        ),
        ("[" * 20_000, "is nested too deeply"),
        ("channels: [1]\n", "line 1: names and values are expected"),
        ("channels:\n  1:\n    chattiness: .nan\n", "line 3: chattiness"),
        ("channels:\n  1:\n    watchers: [Not A Bot]\n", "line 3: watchers"),
        ("channels:\n  1:\n    quiet_time: 90000\n", "line 3: quiet_time"),
        ("channels:\n  1:\n    cooldown: 1.0e+300\n", "line 3: cooldown"),
    ],
)
def test_a_mistake_is_told_with_its_line(file: Path, text: str, told: str) -> None:
    """One line that names the setting, the file, and where in it."""
    file.write_text(text, "utf-8")
    with pytest.raises(ConfigurationError) as caught:
        read_places(file)
    assert str(caught.value).startswith("STREAM_PLACES: places.yaml ")
    assert told in str(caught.value)


def test_a_missing_file_stops_the_start(tmp_path: Path) -> None:
    """So does one that is far too long; an empty one says nothing."""
    file = tmp_path / "places.yaml"
    with pytest.raises(ConfigurationError, match="cannot be read"):
        Settings(places=file).check_places()
    file.write_text("#" * (places.MAX_FILE + 1), "utf-8")
    with pytest.raises(ConfigurationError, match="is longer than"):
        read_places(file)
    file.write_text("", "utf-8")
    assert read_places(file).lines == ()


def test_a_change_is_read_and_a_mistake_changes_nothing(
    file: Path, monkeypatch: pytest.MonkeyPatch, wait_until: Callable[..., None]
) -> None:
    """Without a restart; the last file that was in order holds, also where it goes."""
    monkeypatch.setattr(places, "LOOK_EVERY", 0.0)
    read = PlacesFile(file)
    assert read.at("22").quiet_time == 90
    file.write_text(TEXT.replace("90", "91.5"), "utf-8")
    assert read.at("22").quiet_time == 91.5
    file.write_text("channels:\n  22: {quiet_time: soon}\n", "utf-8")
    assert read.at("22").quiet_time == 91.5
    file.unlink()
    assert read.at("22").quiet_time == 91.5


def test_each_value_is_told_with_its_source(settings: Settings) -> None:
    """A line of the file, a setting, or the character files."""
    found = {one.name: one for one in find_rules(settings, "22", None, "11")}
    assert found["quiet_time"][1:] == (90.0, "channel 22, line 8")
    assert found["speak"][1:] == (True, "server 11, line 4")
    assert found["cooldown"][1:] == (60.0, "STREAM_COOLDOWN")
    found = {one.name: one for one in find_rules(settings, "44", None, None)}
    assert found["speak"][1:] == (True, "STREAM_SPEAK_CHANNELS")
    assert found["watchers"][2] == "character files"
