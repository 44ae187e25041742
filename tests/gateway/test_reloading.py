"""A gateway goes by a changed character file at an operator's word, and by the old one
where the new one is broken."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest
import pytest_asyncio
from cryptography.fernet import Fernet

from app.domain.character import Character, load_character
from app.domain.safe_yaml import load_yaml
from app.domain.settings import Settings
from app.gateway.measuring import Measuring
from app.gateway.reloading import Reloading
from app.gateway.store_ports import StorePorts
from app.store import reloads
from app.store.door import Store
from tests.e2e.system import eager_character, write_characters
from tests.gateway.recording import until
from tests.written_yaml import dump_yaml

pytestmark = pytest.mark.asyncio
BOTS = ("ada", "bob")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Ada's and Bob's files."""
    return write_characters(tmp_path, [eager_character(name) for name in BOTS])


@pytest_asyncio.fixture
async def ports(redis_url: str, folder: Path) -> AsyncIterator[StorePorts]:
    """Their gateway's ports on a real Valkey."""
    characters = {name: load_character(name, folder) for name in BOTS}
    key = Fernet.generate_key().decode()
    settings = Settings(redis_url=redis_url, daily_posts=7, vault_keys=(key,))  # type: ignore[arg-type]
    found = StorePorts(characters, dict.fromkeys(BOTS, "x"), settings)
    yield found
    await found.close()


def edit(folder: Path, bot: str, **changes: object) -> None:
    """Change a file."""
    file = folder / f"{bot}.yaml"
    written = load_yaml(file.read_text("utf-8"))
    file.write_text(dump_yaml(written | changes), "utf-8")


async def test_a_changed_file_is_taken_and_once(
    ports: StorePorts, folder: Path, store: Store
) -> None:
    """Names, bids and caps follow it; a request is done once, and one for a file that
    did not change says so."""
    reloading = Reloading(ports, folder)
    assert await reloading.look() == []
    edit(folder, "ada", aliases=["zed"], pacing={"chattiness": 0.25, "daily_posts": 3})
    store.run(reloads.ask("ada", "first"))
    assert await reloading.look() == ["ada"]
    assert reloading.outcomes["ada"] == ("first", "", True)
    assert "zed" in ports.characters["ada"].names
    assert ports._profiles["ada"].chattiness == 0.25
    assert (ports._limits["ada"].daily_posts, ports._limits["bob"].daily_posts) == (
        3,
        7,
    )
    assert await reloading.look() == []
    store.run(reloads.ask("ada", "second"))
    assert await reloading.look() == ["ada"]
    assert reloading.outcomes["ada"] == ("second", "", False)


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"persona": ""}, "ada.yaml: persona: "),
        ({"aliases": ["Bob"]}, "ada.yaml: aliases: 'bob' also names bob"),
        ({"name": "bob"}, "ada.yaml: name: must be the file's own, 'ada'"),
    ],
)
async def test_a_broken_file_leaves_the_old_character(
    ports: StorePorts,
    folder: Path,
    store: Store,
    changes: dict[str, object],
    line: str,
) -> None:
    """One line says what is wrong; another bot's request, asked at the same time, is
    done."""
    before = ports.characters["ada"]
    edit(folder, "ada", **changes)
    edit(folder, "bob", aliases=["bobby"])
    for bot in BOTS:
        store.run(reloads.ask(bot, "now"))
    reloading = Reloading(ports, folder)
    assert await reloading.look() == ["ada", "bob"]
    outcome = reloading.outcomes["ada"]
    assert outcome.error.startswith(line)
    assert "\n" not in outcome.error
    assert ports.characters["ada"] is before
    assert "bobby" in ports.characters["bob"].names


async def test_a_file_that_is_gone_leaves_the_old_character(
    ports: StorePorts, folder: Path, store: Store
) -> None:
    """So does a folder that is gone."""
    (folder / "ada.yaml").unlink()
    store.run(reloads.ask("ada", "now"))
    reloading = Reloading(ports, folder)
    await reloading.look()
    assert reloading.outcomes["ada"].error.startswith("no character file for 'ada'")
    assert "ada" in ports.characters


async def test_what_a_bot_cares_about_is_measured_anew(
    ports: StorePorts, folder: Path, store: Store
) -> None:
    """The measuring thread reads the new characters, and only where something
    changed."""
    read: list[Mapping[str, Character]] = []
    measuring = Measuring(ports.characters, read.append)
    await until(lambda: measuring.ready)
    reloading = Reloading(ports, folder, measuring)
    for request, changes in (("same", {}), ("new", {"aliases": ["zed"]})):
        edit(folder, "ada", **changes)
        store.run(reloads.ask("ada", request))
        await reloading.look()
    await until(lambda: len(read) == 2)
    assert "zed" in read[1]["ada"].names
    measuring.close()
