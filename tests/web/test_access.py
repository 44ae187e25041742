"""Who may open the page: passwords, sessions, links. Without a server."""

from __future__ import annotations

import time

import pytest

from app.domain.errors import ConfigurationError
from app.domain.settings import load_settings
from app.web.access import (
    LINK_S,
    SESSION_S,
    TRIES,
    TRY_EVERY_S,
    AccessRole,
    Doorkeeper,
    Throttle,
)


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = time.time()

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    """Now, until it is moved."""
    return Clock()


@pytest.fixture
def doorkeeper(clock: Clock) -> Doorkeeper:
    """With both passwords."""
    return Doorkeeper("for-everything", "for-looking", clock)


def test_each_password_opens_what_is_its_own(doorkeeper: Doorkeeper) -> None:
    """And nothing else opens anything, whatever its alphabet."""
    assert doorkeeper.role_of("for-everything") is AccessRole.FULL
    assert doorkeeper.role_of("for-looking") is AccessRole.READER
    for wrong in ("", "for-everythin", "für-alles", "\ud800", "for-everything\0"):
        assert doorkeeper.role_of(wrong) is None


def test_a_session_is_known_to_a_server_that_starts_again(
    doorkeeper: Doorkeeper, clock: Clock
) -> None:
    """Nothing is kept; another password ends every session of the one before."""
    cookie = doorkeeper.open_session(AccessRole.READER)
    again = Doorkeeper("for-everything", "for-looking", clock)
    found = again.find_session(cookie)
    assert found is not None
    assert found.role is AccessRole.READER
    assert Doorkeeper("for-everything", "changed", clock).find_session(cookie) is None
    assert Doorkeeper("for-everything", None, clock).find_session(cookie) is None


@pytest.mark.parametrize(
    "change",
    [
        lambda cookie: "full" + cookie[len("reader") :],
        lambda cookie: cookie.replace(".1", ".9", 1),
        lambda cookie: cookie[:-1] + ("0" if cookie[-1] != "0" else "1"),
        lambda cookie: cookie.rpartition(".")[0],
        lambda cookie: cookie + "ü",
        lambda cookie: "",
        lambda cookie: "...",
        lambda cookie: "full.x.y.z",
    ],
)
def test_a_cookie_that_was_changed_is_nobody_s(
    doorkeeper: Doorkeeper, change: object
) -> None:
    """A reader cannot make itself more, nor anybody a session longer."""
    assert callable(change)
    changed = change(doorkeeper.open_session(AccessRole.READER))
    assert doorkeeper.find_session(changed) is None


def test_a_session_ends_by_time_and_by_its_owner(
    doorkeeper: Doorkeeper, clock: Clock
) -> None:
    """Half a day, or at once."""
    cookie, other = (doorkeeper.open_session(AccessRole.FULL) for _ in range(2))
    session = doorkeeper.find_session(cookie)
    assert session is not None
    doorkeeper.close_session(session)
    assert doorkeeper.find_session(cookie) is None
    assert doorkeeper.find_session(other) is not None
    clock.now += SESSION_S + 1
    assert doorkeeper.find_session(other) is None


def test_each_session_has_its_own_form_token(doorkeeper: Doorkeeper) -> None:
    """What one page sends cannot be replayed in another's session."""
    tokens = set()
    for _ in range(2):
        session = doorkeeper.find_session(doorkeeper.open_session(AccessRole.FULL))
        assert session is not None
        tokens.add(session.form_token)
    assert len(tokens) == 2


def test_a_link_opens_the_page_once(doorkeeper: Doorkeeper, clock: Clock) -> None:
    """Within ten minutes, made by whoever knows the full password."""
    link = Doorkeeper("for-everything", None, clock).make_link_key()
    clock.now += LINK_S - 1
    assert doorkeeper.use_link_key(link)
    assert not doorkeeper.use_link_key(link)
    late = doorkeeper.make_link_key()
    clock.now += LINK_S + 1
    assert not doorkeeper.use_link_key(late)
    for wrong in ("", "link", "link..", Doorkeeper("other").make_link_key()):
        assert not doorkeeper.use_link_key(wrong)


def test_a_used_link_is_not_opened_by_the_next_server(
    doorkeeper: Doorkeeper, clock: Clock
) -> None:
    """A server that starts anew does not know which links were used, so it takes none
    that is much older than itself."""
    link = doorkeeper.make_link_key()
    clock.now += 120
    assert not Doorkeeper("for-everything", None, clock).use_link_key(link)


def test_a_session_is_no_link_and_a_link_no_session(doorkeeper: Doorkeeper) -> None:
    """Both are signed with one key, for different purposes."""
    assert not doorkeeper.use_link_key(doorkeeper.open_session(AccessRole.FULL))
    assert doorkeeper.find_session(doorkeeper.make_link_key()) is None


def test_wrong_passwords_are_tried_slowly(clock: Clock) -> None:
    """Some at once, then one in ten seconds; waiting gives all back."""
    throttle = Throttle(clock)
    for _ in range(TRIES):
        assert throttle.wait_s == 0
        throttle.count_try()
    assert 0 < throttle.wait_s <= TRY_EVERY_S
    clock.now += TRY_EVERY_S + 0.1
    assert throttle.wait_s == 0
    throttle.count_try()
    assert throttle.wait_s > 0
    clock.now += 3600
    for _ in range(TRIES):
        throttle.count_try()
    assert throttle.wait_s > 0
    throttle.excuse_try()
    assert throttle.wait_s == 0


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ({"PASSWORD": "short"}, "STREAM_PAGE_PASSWORD: is shorter than 8"),
        ({"READER_PASSWORD": "        "}, "STREAM_PAGE_READER_PASSWORD: is shorter"),
        ({"PASSWORD": "the-same-1", "READER_PASSWORD": "the-same-1"}, "settings: .* the same"),
        ({"ADDRESS": "0.0.0.0"}, "settings: .* set STREAM_PAGE_PASSWORD"),
        ({"PORT": "70000"}, "STREAM_PAGE_PORT: "),
    ],
)  # fmt: skip
def test_a_wrong_setting_stops_the_start_with_one_line(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, str], line: str
) -> None:
    """It names the setting, and never the password."""
    for name, value in given.items():
        monkeypatch.setenv(f"STREAM_PAGE_{name}", value)
    with pytest.raises(ConfigurationError, match=line) as refused:
        load_settings()
    assert "\n" not in str(refused.value)
    assert "the-same-1" not in str(refused.value)
