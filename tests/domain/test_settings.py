"""Settings as operators write them."""

from __future__ import annotations

import pytest
from cryptography.fernet import Fernet

from app.domain.settings import Settings

LISTS = [name for name, field in Settings.model_fields.items() if field.default == ()]


@pytest.mark.parametrize("name", [*LISTS, "proxy_applications"])
def test_a_list_is_written_with_commas(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each of them, without a word in its own favour."""
    entries = [Fernet.generate_key().decode() for _ in "12"]
    entries = entries if name == "vault_keys" else ["1", "2"]
    monkeypatch.setenv(f"STREAM_{name.upper()}", f"{entries[0]}, {entries[1]},")
    found = getattr(Settings(_env_file=None), name)  # type: ignore[call-arg]
    assert [
        getattr(one, "get_secret_value", lambda one=one: one)() for one in found
    ] == entries
