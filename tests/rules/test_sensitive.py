"""Of which matter a text is that may not be kept as a fact."""

from __future__ import annotations

import pytest

from app.rules.sensitive import sensitive


@pytest.mark.parametrize(
    ("text", "matter"),
    [
        ("likes reefs and long walks", ""),
        ("goes to church", "religion"),
        ("has asthma", "health"),
        ("is on an eating disorder ward", "health"),
        ("is gay", "sexuality"),
        ("votes for the party", "politics"),
        ("has a mortgage", "money"),
        ("paid 300€", "money"),
        ("gets 40k", "money"),
        ("her password is long", "secret"),
        ("lives at 221b Baker Street", "address"),
        ("wohnt Hauptstraße 5", "address"),
        ("kim@example.org", "address"),
        # The first matter that is found is told.
        ("paid the church", "religion"),
        ("lives at 5 Park Road for 900€", "address"),
    ],
)
def test_what_is_not_remembered(text: str, matter: str) -> None:
    """A word, an address or a sum is enough."""
    assert sensitive(text) == matter
