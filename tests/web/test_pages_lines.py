"""The lines of an order that is taken: changed, added, taken out on its page."""

from __future__ import annotations

import pytest

from dispatch.orders.rules import Sourcing
from dispatch.orders.service import ProcurementNews, find_order
from dispatch.promise import service as promise
from tests.web.test_pages_kit import Desk, desk

__all__ = ["desk"]


def line_ids(desk: Desk) -> list[str]:
    with desk.db.snapshot() as session:
        return [str(line.id) for line in find_order(session, desk.ref).lines]


def stands(desk: Desk) -> list[tuple[str | None, str, int, str]]:
    with desk.db.snapshot() as session:
        lines = find_order(session, desk.ref).lines
        return [(line.sku, line.title, line.quantity, line.sourcing.value) for line in lines]


def form(*rows: tuple[str, str, str], **more: str) -> dict[str, object]:
    lines, items, quantities = (list(column) for column in zip(*rows, strict=True))
    return {
        "line": lines,
        "item": items,
        "quantity": quantities,
        "save": "1",
        **more,
        "substitution": [more.get("substitution", "ask")] * len(rows),
    }


def send(desk: Desk, *rows: tuple[str, str, str], **more: str) -> tuple[int, str]:
    page = f"/orders/{desk.ref}"
    answer = desk.post(f"{page}/lines", form(*rows, **more), page=page)
    return answer.status_code, answer.text if answer.status_code != 303 else desk.get(page).text


def test_a_thing_is_added_and_kept_on_the_shelf(desk: Desk) -> None:
    (old,) = line_ids(desk)
    status, text = send(desk, (old, "Physics 2", "1"), ("", "atlas", "2"))
    assert status == 303
    assert f"{desk.ref} is saved." in text
    assert stands(desk) == [("physics-2", "Physics 2", 1, "to_procure"), ("atlas", "Atlas", 2, "in_stock")]
    assert line_ids(desk)[0] == old


def test_a_quantity_is_changed_and_an_empty_title_takes_a_line_out(desk: Desk) -> None:
    (old,) = line_ids(desk)
    send(desk, (old, "Physics 2", "3"), ("", "Blue paper", "1"))
    assert [row[:3] for row in stands(desk)] == [("physics-2", "Physics 2", 3), (None, "Blue paper", 1)]
    first, second = line_ids(desk)
    send(desk, (first, "", "3"), (second, "Blue paper", "1"))
    assert [row[1] for row in stands(desk)] == ["Blue paper"]


def test_the_same_again_changes_nothing(desk: Desk) -> None:
    (old,) = line_ids(desk)
    status, text = send(desk, (old, "Physics 2", "1"), ("", "", "1"))
    assert status == 303
    assert "Nothing was different" in text
    assert 'name="version" value="1"' in text


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        (("", "1"), "Nothing is left: cancel the order instead"),
        (("Physics 2", "0"), "Give a whole number from 1 to 10000."),
        (("Physics 2", "lots"), "Give a whole number."),
    ],
)
def test_a_complaint_stands_beside_its_field(desk: Desk, row: tuple[str, str], complaint: str) -> None:
    before = stands(desk)
    status, text = send(desk, (line_ids(desk)[0], *row), ("", "", "1"))
    assert status == 422
    assert complaint in text
    assert '<details id="change-lines" open>' in text
    assert stands(desk) == before


def test_a_line_that_is_gone_is_said_to_be_gone(desk: Desk) -> None:
    status, text = send(desk, ("99999", "Physics 2", "1"))
    assert status == 422
    assert "Somebody has changed or removed this line" in text


def test_a_stale_save_keeps_what_was_typed(desk: Desk) -> None:
    (old,) = line_ids(desk)
    status, text = send(desk, (old, "Physics 2", "1"), ("", "Blue paper", "4"), version="99")
    assert status == 412
    assert 'value="Blue paper"' in text
    assert len(stands(desk)) == 1


def test_what_is_bought_is_not_offered_for_change_and_stays(desk: Desk) -> None:
    (old,) = line_ids(desk)
    news = ProcurementNews(state=Sourcing.BOUGHT, supplier="city-books", ready_at=None, by=None, note=None)
    with desk.db.transaction() as session:
        promise.procure(session, desk.ref, int(old), news, desk.clock.now(), actor="desk")
    assert f'name="line" value="{old}"' not in desk.get(f"/orders/{desk.ref}").text
    send(desk, ("", "atlas", "1"))
    assert [row[3] for row in stands(desk)] == ["bought", "in_stock"]


def test_another_wish_alone_leaves_the_line_and_its_copy(desk: Desk) -> None:
    (old,) = line_ids(desk)
    send(desk, (old, "Physics 2", "1"), ("", "atlas", "2"))
    first, second = line_ids(desk)
    _, text = send(desk, (first, "Physics 2", "1"), (second, "Atlas", "2"), substitution="never")
    assert "instead of Physics 2: nothing else" in text
    assert line_ids(desk) == [first, second]
    assert stands(desk) == [("physics-2", "Physics 2", 1, "to_procure"), ("atlas", "Atlas", 2, "in_stock")]


def test_one_more_line_without_scripts(desk: Desk) -> None:
    (old,) = line_ids(desk)
    status, text = send(desk, (old, "Physics 2", "1"), ("", "Blue paper", "1"), more="1")
    assert status == 200
    assert text.count('name="line"') == 3
    assert 'value="Blue paper"' in text
    assert len(stands(desk)) == 1


def test_another_address_forgets_where_the_old_one_was(desk: Desk) -> None:
    page = f"/orders/{desk.ref}"
    with desk.db.transaction() as session:
        promise.change(session, desk.ref, {"lat": 18.5, "lon": 73.8}, desk.clock.now(), actor="desk")
    typed = {"address": "9 Hill Street", "reason": "", "travel": "30", "promised_by": ""}
    assert desk.post(page, typed, page=page).status_code == 303
    with desk.db.snapshot() as session:
        order = find_order(session, desk.ref)
        assert (order.address, order.lat, order.lon) == ("9 Hill Street", None, None)
