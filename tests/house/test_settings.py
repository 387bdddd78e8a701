"""Every setting is in the README, and the README names no setting that does not exist."""

from __future__ import annotations

import re

import config
from tests.house import ROOT

NAME = re.compile(r"\b(?:DISPATCH|TWILIO)_[A-Z0-9]+(?:_[A-Z0-9]+)*\b")
# For the tests alone; config.py lets it pass.
FOR_TESTS = {"DISPATCH_PG_BIN"}


def undocumented(text: str) -> list[str]:
    """Settings the text does not name."""
    return sorted(set(config.KNOWN) - set(NAME.findall(text)))


def invented(text: str) -> list[str]:
    """Names in the text that are no settings."""
    return sorted({name.removesuffix("_FILE") for name in NAME.findall(text)} - set(config.KNOWN) - FOR_TESTS)


def test_every_setting_is_documented() -> None:
    assert undocumented((ROOT / "README.md").read_text(encoding="utf-8")) == []


def test_no_setting_is_invented() -> None:
    assert invented((ROOT / "README.md").read_text(encoding="utf-8")) == []


def test_both_are_seen() -> None:
    text = " ".join(f"`{name}`" for name in config.KNOWN if name != "TWILIO_API_KEY")
    assert undocumented(text) == ["TWILIO_API_KEY"]
    assert invented(f"{text} and `TWILIO_API_KEY_FILE`, DISPATCH_* and TWILIO_TOKEN") == ["TWILIO_TOKEN"]


def test_what_is_read_is_known() -> None:
    source = (ROOT / "config.py").read_text(encoding="utf-8")
    read = set(re.findall(r'env\.(?:get|number)\("([A-Z_]+)"', source))
    assert read == set(config.KNOWN)
