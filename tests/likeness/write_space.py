"""Writes what is measured of the ordinary lines, as it is shipped:
`python -m tests.likeness.write_space`."""

from importlib import resources
from pathlib import Path

from app.likeness.encoder import Encoder, Sentences
from app.likeness.space import FILE, measured, write


def main() -> None:
    """Write the file."""
    with resources.as_file(resources.files("app.likeness")) as folder:
        write(measured(Encoder(Sentences)), Path(folder) / FILE)


if __name__ == "__main__":
    main()
