"""Settings as operators write them."""

from __future__ import annotations

from pathlib import Path

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


def test_what_counts_first(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """What the code gives, then the environment, then `.env`, unless that is not to be
    read."""
    monkeypatch.chdir(tmp_path)
    lines = ["cooldown=1", "quiet_time=1", "speak_channels=1,2", "log_json=true"]
    Path(".env").write_text("".join(f"STREAM_{line}\n" for line in lines), "utf-8")
    monkeypatch.setenv("STREAM_COOLDOWN", "2")
    monkeypatch.setenv("STREAM_QUIET_TIME", "2")
    found = Settings(cooldown=3)
    assert (found.cooldown, found.quiet_time) == (3, 2)
    assert (found.speak_channels, found.log_json) == (("1", "2"), True)
    unread = Settings(_env_file=None)  # type: ignore[call-arg]
    assert (unread.cooldown, unread.log_json) == (2, False)
