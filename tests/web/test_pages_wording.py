"""The shop's own words: shown with a preview, checked before they are kept, and never lost to somebody else's save."""

from __future__ import annotations

import pytest

from dispatch.customers.phrases import CONFIRMED
from dispatch.foundation.clock import ManualClock
from dispatch.foundation.db import Database
from dispatch.foundation.settings import Settings
from dispatch.messaging.phrase_rules import Language
from dispatch.messaging.phrasebook import own_words
from dispatch.orders.branches import get_branch
from dispatch.web.tables import Access
from tests.web.test_pages_kit import Desk, desk, make_desk

__all__ = ["desk"]

PAGE = "/settings/wording"
OURS = CONFIRMED.words[Language.EN]
MINE = "Hi[ {name}]! {shop} here, {promised} it is: {link}"


def kept(desk: Desk) -> dict[tuple[str, Language], str]:
    with desk.db.snapshot() as session:
        return {at: row.text for at, row in own_words(session, get_branch(session, "main").id).items()}


def test_an_operator_reads_the_words_and_can_not_change_them(
    settings: Settings, db: Database, clock: ManualClock
) -> None:
    desk = make_desk(settings, db, clock, role=Access.OPS)
    text = desk.get(PAGE).text
    assert "The order is taken" in text
    assert "<textarea" not in text
    assert desk.post(f"{PAGE}/confirmed", {"text": MINE, "was": OURS}, page=PAGE).status_code == 403


def test_a_shop_says_it_in_its_own_words_and_goes_back_to_ours(desk: Desk) -> None:
    assert desk.post(f"{PAGE}/confirmed", {"text": MINE, "was": OURS}, page=PAGE).status_code == 303
    assert kept(desk) == {("confirmed", Language.EN): MINE}
    assert "your words" in desk.get(PAGE).text
    assert "your words" not in desk.get(f"{PAGE}?language=hi").text
    assert desk.post(f"{PAGE}/confirmed", {"ours": "1", "was": MINE}, page=PAGE).status_code == 303
    assert kept(desk) == {}


def test_words_that_would_do_harm_are_refused_and_what_was_typed_stays(desk: Desk) -> None:
    answer = desk.post(f"{PAGE}/confirmed", {"text": "Hello {nmae}", "was": OURS}, page=PAGE)
    assert answer.status_code == 422
    assert "no {nmae} in this text" in answer.text
    assert "Hello {nmae}</textarea>" in answer.text
    assert kept(desk) == {}


def test_of_two_who_change_the_same_words_the_second_is_told(desk: Desk) -> None:
    desk.post(f"{PAGE}/confirmed", {"text": MINE, "was": OURS}, page=PAGE)
    answer = desk.post(f"{PAGE}/confirmed", {"text": f"{MINE}!", "was": OURS}, page=PAGE)
    assert answer.status_code == 409
    assert "Somebody changed these words" in answer.text
    assert kept(desk) == {("confirmed", Language.EN): MINE}


def test_the_preview_counts_the_parts_of_a_text(desk: Desk) -> None:
    typed = {"key": "confirmed", "language": "hi", "text": "नमस्ते {name}, {promised} तक: {link}"}
    text = desk.post(f"{PAGE}/preview", typed, page=PAGE).text
    assert "नमस्ते Alexandra" in text
    assert "2 parts of a text" in text
    assert "error" not in text


@pytest.mark.parametrize("path", [f"{PAGE}?language=xx", f"{PAGE}?branch=nowhere"])
def test_what_is_not_there_is_not_found(desk: Desk, path: str) -> None:
    assert desk.get(path).status_code == 404
