"""CSV files: all of it or nothing, every bad row with its line, and the same file twice is once."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import func, select

from dispatch.escalation.queries import order_shapes
from dispatch.foundation.tokens import Links
from dispatch.orders.tables import Heartbeat, Order, OrderEvent, Timetable
from dispatch.procurement.service import get_item
from dispatch.procurement.tables import Supplier
from dispatch.staff.rules import Role
from dispatch.staff.tables import Staff
from tests.conftest import START
from tests.service.test_cli_kit import RAVI, Console, open_console, stand_still  # noqa: F401 - fixtures

STAFF = "name,phone,role,branch,shifts,on_call\n"
SUPPLIERS = "code,name,phone,opening_hours,travel_minutes,procure_minutes,lat,lon\n"
STOCK = "sku,title,on_hand,branch,suppliers,substitutes\n"
ORDERS = (
    "external_id,customer_name,customer_phone,address,lat,lon,promised_by,reason,sku,title,quantity,substitution,"
    "travel_minutes,branch\n"
)
PEOPLE = f"{STAFF}Ravi,98123 00001,rider,main,Mo-Sa 10:00-18:00,no\nVikram,+919812300004,founder,,,yes\n"
SHOPS = f'{SUPPLIERS}city,City Books,,"Mo-Sa 10:00-19:00; PH off",15,20,22.57,88.36\nold,Old Shop,,24/7,,,,\n'
SHELF = f"{STOCK}P2,Physics 2,0,main,city|old,P1\nP1,Physics 1,3,,,\n"
TONIGHT = "2026-11-24T20:00:00+05:30"


def order(external_id: str = "", *, title: str = "Physics 2", sku: str = "", when: str = TONIGHT) -> str:
    return f"{external_id},Asha,9812300003,12 Lake Road,,,{when},exam tomorrow,{sku},{title},1,ask,30,main\n"


def take(console: Console, kind: str, text: str | bytes, *more: str) -> str:
    result = console.run("import", kind, "-", *more, text=text)
    assert result.exit_code == 0, result.stderr
    return result.stdout.strip()


def refused(console: Console, kind: str, text: str | bytes) -> list[str]:
    result = console.run("import", kind, "-", text=text)
    assert result.exit_code == 1, result.output
    assert result.stdout == ""
    return result.stderr.strip().splitlines()


def count(console: Console, table: type) -> int:
    with console.db.snapshot() as session:
        return session.scalars(select(func.count()).select_from(table)).one()


# --- each kind -------------------------------------------------------------------------------------------------------


def test_staff_by_phone(console: Console) -> None:
    assert take(console, "staff", PEOPLE) == "2 added, 0 updated, 0 already there"
    assert take(console, "staff", PEOPLE) == "0 added, 0 updated, 2 already there"
    changed = PEOPLE.replace("rider", "manager").replace(",no", ",1")
    assert take(console, "staff", changed) == "0 added, 1 updated, 1 already there"
    with console.db.snapshot() as session:
        ravi = session.scalars(select(Staff).where(Staff.phone == RAVI)).one()
        assert (ravi.name, ravi.role, ravi.shifts, ravi.on_call) == ("Ravi", Role.MANAGER, "Mo-Sa 10:00-18:00", True)


def test_a_heading_that_is_left_out_changes_nothing_and_somebody_listed_works_here(console: Console) -> None:
    take(console, "staff", PEOPLE)
    with console.db.transaction() as session:
        session.scalars(select(Staff).where(Staff.phone == RAVI)).one().is_active = False
    assert take(console, "staff", f"phone,role,name\n{RAVI},rider,Ravi\n") == "0 added, 1 updated, 0 already there"
    with console.db.snapshot() as session:
        ravi = session.scalars(select(Staff).where(Staff.phone == RAVI)).one()
        assert (ravi.shifts, ravi.is_active) == ("Mo-Sa 10:00-18:00", True)


def test_suppliers_by_code(console: Console) -> None:
    assert take(console, "suppliers", SHOPS) == "2 added, 0 updated, 0 already there"
    assert take(console, "suppliers", SHOPS) == "0 added, 0 updated, 2 already there"
    assert take(console, "suppliers", "code,name,opening_hours\nold,Older Shop,24/7\ncity,City Books,24/7\n") == (
        "0 added, 2 updated, 0 already there"
    )
    with console.db.snapshot() as session:
        city = session.scalars(select(Supplier).where(Supplier.code == "city")).one()
        assert (city.travel_minutes, city.procure_minutes, city.lat, city.opening_hours) == (15, 20, 22.57, "24/7")


def test_stock_by_sku_with_substitutes_further_down(console: Console) -> None:
    take(console, "suppliers", SHOPS)
    assert take(console, "stock", SHELF) == "2 added, 0 updated, 0 already there"
    assert take(console, "stock", SHELF) == "0 added, 0 updated, 2 already there"
    with console.db.snapshot() as session:
        item = get_item(session, "P2")
    assert (item["on_hand"], item["suppliers"], item["substitutes"]) == (0, ["city", "old"], ["P1"])
    assert take(console, "stock", "sku,title,on_hand\nP2,Physics 2,4\n") == "0 added, 1 updated, 0 already there"
    with console.db.snapshot() as session:
        item = get_item(session, "P2")
    assert (item["on_hand"], item["suppliers"], item["substitutes"]) == (4, ["city", "old"], ["P1"])


def test_orders_by_external_id(console: Console) -> None:
    take(console, "stock", f"{STOCK}P1,Physics 1,3,,,\n")
    rows = order("A1", title="Physics 1", sku="P1") + order() + order("A1", title="Pencil")
    assert take(console, "orders", ORDERS + rows) == "2 added, 0 updated, 0 already there"
    with console.db.snapshot() as session:
        placed = session.scalars(select(Order).where(Order.external_id == "A1")).one()
        shape = order_shapes(session, [placed], START, Links("http://x", "s"))[0]
        assert [line["sourcing"] for line in shape["lines"]] == ["in_stock", "to_procure"]
        assert shape["customer"]["phone"] == "+919812300003"
        assert shape["promised_by"] == "2026-11-24T14:30:00+00:00"
        assert (shape["status"], shape["travel_minutes"], shape["reason"]) == ("procuring", 30, "exam tomorrow")
        assert session.get_one(Timetable, placed.id).next_check_at == START
        assert session.scalars(select(OrderEvent.actor).where(OrderEvent.order_id == placed.id)).all() == ["import"]


def test_an_order_that_is_there_stays_as_it_is_even_past_its_promise(console: Console) -> None:
    take(console, "orders", ORDERS + order("A1"))
    late = order("A1", title="Something else", when="2026-11-24T10:00:00+05:30")
    assert take(console, "orders", ORDERS + late) == "0 added, 0 updated, 1 already there"
    with console.db.snapshot() as session:
        assert [line.title for line in session.scalars(select(Order)).one().lines] == ["Physics 2"]


# --- all or nothing --------------------------------------------------------------------------------------------------


def test_every_bad_row_is_named_and_nothing_is_written(console: Console) -> None:
    text = (
        f"{STAFF}"
        "Ravi,9812300001,rider,main,,no\n"
        "\n"
        '"two\nlines",12,king,,whenever,maybe\n'
        f"Meena,{RAVI},buyer,elsewhere,,no\n"
        "short,row\n"
    )
    said = refused(console, "staff", text)
    assert [line.split(":")[0] for line in said] == [
        "line 4, on_call",
        "line 4, phone",
        "line 4, role",
        "line 4, shifts",
        "line 6, branch",
        "line 7, row",
        "Nothing was imported",
    ]
    assert said[-1] == "Nothing was imported: 3 lines are bad."
    assert count(console, Staff) == 0


def test_the_same_key_twice_in_a_file(console: Console) -> None:
    assert refused(console, "staff", f"{STAFF}A,{RAVI},rider,,,\nB,98123 00001,rider,,,\n") == [
        "line 3, phone: is in line 2 already: keep one of them",
        "Nothing was imported: 1 line is bad.",
    ]
    assert refused(console, "suppliers", f"{SUPPLIERS}a,A,,24/7,,,,\na,B,,24/7,,,,\n")[0].startswith(
        "line 3, code: is in"
    )
    assert refused(console, "stock", f"{STOCK}a,A,1,,,\na,A,1,main,,\n")[0].startswith("line 3, sku: is in")


def test_bad_stock(console: Console) -> None:
    text = f"{STOCK}A,Atlas,-1,,,\nB,Bible,1.5,,nobody|city,\nC,Code,many,,,C\nD,Diary,1,,,X|A\n"
    said = refused(console, "stock", text)
    assert said[:-1] == [
        "line 2, on_hand: give 0 or more",
        "line 3, on_hand: give a whole number",
        "line 3, suppliers: there is no supplier 'nobody', 'city': add it first",
        "line 4, on_hand: give a whole number",
        "line 4, substitutes: an item can't replace itself: leave it out",
        "line 5, substitutes: there is no item 'X': add it first",
    ]


def test_bad_suppliers(console: Console) -> None:
    said = refused(console, "suppliers", f"{SUPPLIERS}a,A,12,always,-1,x,91,\nb b,,,24/7,,,1,\n")
    assert [line.split(":")[0] for line in said[:-1]] == [
        "line 2, lat",
        "line 2, opening_hours",
        "line 2, phone",
        "line 2, procure_minutes",
        "line 2, travel_minutes",
        "line 3, code",
        "line 3, name",
    ]
    assert refused(console, "suppliers", f"{SUPPLIERS}a,A,,24/7,,,1,\n")[0] == (
        "line 2, lat: give both lat and lon, or neither"
    )


def test_bad_orders(console: Console) -> None:
    rows = (
        order("A1", sku="NO")
        + order("A1", title="").replace("Asha", "Usha")
        + order(when="2026-11-24T20:00:00")
        + order(when="2026-11-24T13:00:00+05:30")
        + order().replace(",1,ask,30,main", ",0,maybe,30,east")
    )
    said = refused(console, "orders", ORDERS + rows)
    assert [line.split(": ")[0] for line in said[:-1]] == [
        "line 2, sku",
        "line 3, customer_name",
        "line 3, title",
        "line 4, promised_by",
        "line 5, promised_by",
        "line 6, branch",
        "line 6, quantity",
        "line 6, substitution",
    ]
    assert "line 3, customer_name: is not what line 2 says of the same order" in said
    assert "line 4, promised_by: give a time with an offset like 2026-11-24T20:00:00+05:30" in said
    assert count(console, Order) == 0


def test_a_dry_run_says_the_same_and_writes_nothing(console: Console) -> None:
    said = take(console, "orders", ORDERS + order("A1"), "--dry-run")
    assert said == "1 added, 0 updated, 0 already there (dry run: nothing was written)"
    assert count(console, Order) == count(console, Timetable) == count(console, OrderEvent) == 0


# --- the file itself -------------------------------------------------------------------------------------------------


def test_a_file_as_spreadsheets_save_it(console: Console, tmp_path: Path) -> None:
    path = tmp_path / "staff.csv"
    path.write_bytes(b"\xef\xbb\xbf" + PEOPLE.replace("\n", "\r\n").encode())
    result = console.run("import", "staff", str(path))
    assert (result.exit_code, result.stdout.strip()) == (0, "2 added, 0 updated, 0 already there")


def test_no_such_file(console: Console) -> None:
    result = console.run("import", "staff", "nowhere.csv")
    assert result.exit_code == 2
    assert "nowhere.csv" in result.stderr


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        (b"", "line 1, file: is empty: start it with the heading name,phone,role,branch,shifts,on_call"),
        (b"name;phone;role\n", "line 1, heading: is separated by semicolons"),
        (b"name,phone\n", "line 1, heading: the heading 'role' is missing"),
        (b"name,phone,role,age\n", "line 1, heading: there is no heading 'age' here"),
        (b"name,phone,role,name\n", "line 1, heading: the heading 'name' is there twice"),
        (b"name,phone,role\nJos\xe9,1,rider\n", "line 2, file: is not UTF-8"),
        (b'name,phone,role\nA,1,rider\n"B,1,rider\n', "line 3, row: can't be read"),
    ],
)
def test_a_file_that_is_none(console: Console, text: bytes, complaint: str) -> None:
    assert any(line.startswith(complaint) for line in refused(console, "staff", text))


def test_only_a_heading(console: Console) -> None:
    assert take(console, "staff", STAFF) == "0 added, 0 updated, 0 already there"


def test_a_long_file_without_a_terminal_has_no_bar(console: Console) -> None:
    rows = "".join(f"s{number},Shop {number},,24/7,,,,\n" for number in range(250))
    result = console.run("import", "suppliers", "-", text=SUPPLIERS + rows)
    assert result.stdout.strip() == "250 added, 0 updated, 0 already there"
    assert result.stderr == ""


def test_a_long_file_has_a_bar_on_a_terminal(console: Console, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TTY_COMPATIBLE", "1")
    rows = "".join(f"s{number},Shop {number},,24/7,,,,\n" for number in range(250))
    long = console.run("import", "suppliers", "-", text=SUPPLIERS + rows)
    short = console.run("import", "suppliers", "-", text=SHOPS)
    assert "100%" in long.stderr
    assert "100%" not in short.stderr


def test_nothing_else_is_touched(console: Console) -> None:
    take(console, "staff", PEOPLE)
    assert count(console, Heartbeat) == 0


def test_a_file_that_takes_the_last_way_to_keep_a_promise_is_refused_and_can_be_forced(console: Console) -> None:
    take(console, "staff", f"{STAFF}Ravi,{RAVI},rider,,Mo-Su 10:00-20:00,\n")
    take(console, "stock", f"{STOCK}P1,Physics 1,3,,,\n")
    take(console, "orders", ORDERS + order("A1", title="Physics 1", sku="P1"))
    gone = f"{STAFF}Ravi,{RAVI},rider,,We 10:00-20:00,\n"
    tried = console.run("import", "staff", "-", "--dry-run", text=gone)
    assert (tried.exit_code, "refused without --force" in tried.stderr) == (1, True)
    said = refused(console, "staff", gone)
    assert said[-1] == "Nothing was imported: do it all the same with --force."
    assert take(console, "staff", gone, "--force") == "0 added, 1 updated, 0 already there"
    with console.db.snapshot() as session:
        events = session.scalars(select(OrderEvent).where(OrderEvent.kind == "forced")).all()
        assert [(each.actor, "new roster" in each.text) for each in events] == [("import", True)]
