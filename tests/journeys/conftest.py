"""Shops for journeys: started as their owner would, and stopped clean."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.journeys.shop import Shop


@pytest.fixture
def open_shop(tmp_path: Path) -> Iterator[Callable[..., Shop]]:
    """Starts `dispatch up` with the given arguments in an empty directory; every shop is stopped at the end."""
    shops: list[Shop] = []

    def start(*arguments: str) -> Shop:
        shops.append(Shop(tmp_path, *arguments))
        return shops[-1]

    yield start
    for shop in shops:
        if shop.process.poll() is None:
            assert shop.stop() == 0, "".join(shop.said)
