"""What every test may use: the real data, where a machine has them, and a cache of its own."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="session", autouse=True)
def cache_of_this_session(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Decoded images go to a folder of this test session, never to the user's cache."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DISPARATE_CACHE", str(folder))
        yield folder


@pytest.fixture(scope="session")
def real_data() -> Callable[[str], Path]:
    """Give the root of the real data by ``real_data("UTKFace")``; skips where that layout is absent."""

    def find(layout: str) -> Path:
        named = os.environ.get("DISPARATE_DATA")
        if not named:
            pytest.skip("DISPARATE_DATA is not set: no real data on this machine")
        if not (Path(named) / layout).exists():
            pytest.skip(f"{layout} is absent from DISPARATE_DATA")
        return Path(named)

    return find
