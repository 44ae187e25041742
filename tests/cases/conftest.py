"""The place where the cases of one file of tests are played."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.cases.place import Place, place


@pytest.fixture(scope="module")
def harbour(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Place]:
    """One server for the file's `CASES`, each with channels of its own."""
    with place(tmp_path_factory.mktemp("cases"), request.module.CASES) as made:
        yield made
