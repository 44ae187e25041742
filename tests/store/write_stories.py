"""Write the stories of `tests/store/chapters.py` anew."""

from __future__ import annotations

import tempfile
from pathlib import Path

from app.host.valkey import EmbeddedValkey
from app.store.door import Store
from tests.store.chapters import told

FOLDER = Path(__file__).with_name("stories")


def main() -> None:
    """On a server of its own."""
    with (
        tempfile.TemporaryDirectory() as folder,
        EmbeddedValkey(Path(folder), appendfsync="no") as server,
    ):
        store = Store(server.url)
        for name, text in told(store):
            (FOLDER / f"{name}.txt").write_text(text, encoding="utf-8")
        store.close()


if __name__ == "__main__":
    main()
