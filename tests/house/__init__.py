"""The house tests itself: every wall has a test that goes red when it is broken, and a test of that test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent


def own_files() -> Iterator[Path]:
    """Every Python file that runs in production."""
    yield from sorted((ROOT / "dispatch").rglob("*.py"))
    yield from (ROOT / "config.py", ROOT / "wsgi.py")
