"""Who may open the page: passwords, sessions, links that open it once. Pure but for the
clock and chance.

Nothing is kept: a session is a signed text in a cookie, so a server that starts again
knows it, and a changed password ends it.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

SESSION_S = 12 * 3600
LINK_S = 600
"""Seconds for which a printed link opens the page."""
LINK_EARLIEST_S = 60
"""A link that is older than the server by more than this is refused: an earlier server
may have seen it used."""
TRIES = 5
TRY_EVERY_S = 10.0


class AccessRole(StrEnum):
    """What somebody may do here."""

    FULL = "full"
    READER = "reader"
    """Looks, and changes nothing."""


@dataclass(frozen=True)
class BrowserSession:
    """One browser that is logged in. `expires`: Unix seconds."""

    role: AccessRole
    expires: int
    nonce: str
    form_token: str
    """What each form of this session must carry."""


class Throttle:
    """How many wrong passwords may be tried: `TRIES` at once, then one each
    `TRY_EVERY_S` seconds. One for all: on loopback everybody has the same address. A
    try counts from its beginning: many at the same time are as many."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._left, self._at = float(TRIES), clock()

    @property
    def wait_s(self) -> float:
        """Seconds until the next try; 0: now."""
        self._refill()
        return max(0.0, (1.0 - self._left) * TRY_EVERY_S)

    def count_try(self) -> None:
        """A password is about to be looked at."""
        self._refill()
        self._left -= 1.0

    def excuse_try(self) -> None:
        """It was a right one."""
        self._left = min(TRIES, self._left + 1.0)

    def _refill(self) -> None:
        # Counted from the clock at each try, so that no task has to run in between.
        now = self._clock()
        self._left = min(TRIES, self._left + (now - self._at) / TRY_EVERY_S)
        self._at = now


class Doorkeeper:
    """Knows the passwords. `password` None: everybody on this machine may do all."""

    def __init__(
        self,
        password: str | None,
        reader_password: str | None = None,
        clock: Callable[[], float] = time.time,
        link_s: float = LINK_S,
    ) -> None:
        self._clock = clock
        self._link_s = link_s
        self._began = clock()
        self._keys = {
            role: _derived(role, text)
            for role, text in (
                (AccessRole.FULL, password),
                (AccessRole.READER, reader_password),
            )
            if text is not None
        }
        self._used: set[str] = set()
        """Links that were used and sessions that were closed, until they expire anyway."""
        self._guest = self._session(
            AccessRole.FULL, 1 << 40, "guest", secrets.token_bytes()
        )
        self.throttle = Throttle(clock)

    @property
    def is_open(self) -> bool:
        """Whether no password is asked for."""
        return not self._keys

    def role_of(self, password: str) -> AccessRole | None:
        """Whose password it is; None: nobody's. Takes the same time for every text."""
        found = None
        for role in self._keys:
            given = _derived(role, password)
            if hmac.compare_digest(given, self._keys[role]):
                found = role
        return found

    def open_session(self, role: AccessRole) -> str:
        """A cookie's text for somebody who has proved to be this."""
        # Chance is in it: two logins are two sessions, and one can be closed alone.
        expires = int(self._clock()) + SESSION_S
        return self._signed(role, f"{role}.{expires}.{secrets.token_urlsafe(16)}")

    def find_session(self, cookie: str) -> BrowserSession | None:
        """The session of a cookie's text; None: none of ours, expired or closed."""
        if self.is_open:
            return self._guest
        said, _, _ = cookie.rpartition(".")
        role, _, rest = said.partition(".")
        expires, _, nonce = rest.partition(".")
        # Before the rest is parsed: what is signed has the form that we gave it.
        if role not in set(AccessRole) or not self._is_signed(AccessRole(role), cookie):
            return None
        if int(expires) <= self._clock() or nonce in self._used:
            return None
        key = self._keys[AccessRole(role)]
        return self._session(AccessRole(role), int(expires), nonce, key)

    def close_session(self, session: BrowserSession) -> None:
        """From now on nobody may use it."""
        self._used.add(session.nonce)

    def make_link_key(self) -> str:
        """What a link must hold to open the page once, within `link_s` seconds."""
        said = f"link.{int(self._clock())}.{secrets.token_urlsafe(16)}"
        return self._signed(AccessRole.FULL, said)

    def use_link_key(self, text: str) -> bool:
        """Whether a link opens the page; True at most once."""
        kind, _, rest = text.partition(".")
        issued, _, _ = rest.partition(".")
        if kind != "link" or not self._is_signed(AccessRole.FULL, text):
            return False
        too_late = int(issued) + self._link_s < self._clock()
        too_early = int(issued) < self._began - LINK_EARLIEST_S
        if too_late or too_early or text in self._used:
            return False
        # No await since the look above: of two requests with one link one gets in.
        self._used.add(text)
        return True

    def _session(
        self, role: AccessRole, expires: int, nonce: str, key: bytes
    ) -> BrowserSession:
        return BrowserSession(role, expires, nonce, _mac(key, f"form.{nonce}"))

    def _signed(self, role: AccessRole, said: str) -> str:
        return f"{said}.{_mac(self._keys[role], said)}"

    def _is_signed(self, role: AccessRole, text: str) -> bool:
        said, _, mac = text.rpartition(".")
        key = self._keys.get(role)
        # compare_digest raises for text beyond ASCII, which a stranger may send.
        if key is None or not mac.isascii():
            return False
        return hmac.compare_digest(_mac(key, said), mac)


def _derived(role: AccessRole, password: str) -> bytes:
    """A key that only this password makes, slowly: a stolen cookie must not be the way
    to guess it."""
    salt = f"the-stream page {role}".encode()
    # Of any length, and never padded: scrypt takes `a` and `a\0` for the same.
    text = hashlib.sha256(password.encode("utf-8", "replace")).digest()
    # 8 MB a guess: much for a thief of a cookie, little for a login.
    return hashlib.scrypt(text, salt=salt, n=2**13, r=8, p=1, dklen=32)


def _mac(key: bytes, said: str) -> str:
    content = said.encode("utf-8", "replace")
    return hashlib.blake2s(content, key=key[:32]).hexdigest()
