"""The API on the shop itself: branches, staff, pauses and shifts, suppliers, items."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from ..foundation.errors import Invalid, NotFound
from ..orders.branches import BranchValues, branch_shape, get_branch, put_branch
from ..orders.tables import Branch
from ..procurement.service import (
    ItemValues,
    SupplierValues,
    get_item,
    list_suppliers,
    put_item,
    put_supplier,
    supplier_shape,
)
from ..promise import absence
from ..promise.guard import Say
from ..staff import service as staff
from ..staff.tables import Staff
from . import schemas_shop as shapes
from .api_operations import CODE, NUMBER, SKU, Answer, Call, NoQuery, Nothing, Registry
from .schemas import Pages
from .tables import Access

branches = Registry("branches")
people = Registry("staff")
goods = Registry("goods")

CREATED_OR_NOT = {True: 201, False: 200}


def page(items: list[dict[str, Any]], after: object | None) -> Answer:
    """One page of a list."""
    return Answer(body={"items": items, "next": None if after is None else str(after)})


def check_branch(call: Call[Any, Any], code: str) -> None:
    """A branch named in a body must exist. Raises Invalid."""
    try:
        get_branch(call.session, code)
    except NotFound as error:
        raise Invalid("branch", f"there is no branch {code!r}") from error


# --- branches --------------------------------------------------------------------------------------------------------


@branches.operation("GET", "/branches", Access.READER, answers={200: shapes.Branches})
def list_branches(call: Call[Nothing, NoQuery]) -> Answer:
    """Every branch."""
    return page([branch_shape(row) for row in call.session.scalars(select(Branch).order_by(Branch.id))], None)


@branches.operation("GET", "/branches/{code}", Access.READER, answers={200: shapes.Branch}, parts={"code": CODE})
def read_branch(call: Call[Nothing, NoQuery], code: str) -> Answer:
    """One branch."""
    return Answer(body=branch_shape(get_branch(call.session, code)))


@branches.operation(
    "PUT",
    "/branches/{code}",
    Access.ADMIN,
    body=shapes.BranchIn,
    answers={200: shapes.Branch, 201: shapes.Branch},
    parts={"code": CODE},
)
def write_branch(call: Call[shapes.BranchIn, NoQuery], code: str) -> Answer:
    """Make or replace a branch."""
    given = call.body
    values = BranchValues(
        name=given.name,
        timezone=given.timezone,
        opening_hours=given.opening_hours,
        country=given.country.upper() if given.country else None,
        address=given.address,
        lat=given.lat,
        lon=given.lon,
        policy=given.policy.given() if given.policy else None,
    )
    branch, is_new = put_branch(call.session, code, values, call.now)
    return Answer(body=lambda: branch_shape(branch), status=CREATED_OR_NOT[is_new], location=f"/branches/{code}")


# --- staff -----------------------------------------------------------------------------------------------------------


def _person(call: Call[Any, Any], row: Staff, *, status: int = 200) -> Answer:
    return Answer(
        body=lambda: staff.staff_shape(call.session, row, call.now), status=status, location=f"/staff/{row.id}"
    )


@people.operation("GET", "/staff", Access.READER, query=Pages, answers={200: shapes.StaffPage})
def list_people(call: Call[Nothing, Pages]) -> Answer:
    """Everybody."""
    return page(*staff.list_staff(call.session, call.now, limit=call.query.limit, cursor=call.query.cursor))


@people.operation("GET", "/staff/{staff_id}", Access.READER, answers={200: shapes.Staff}, parts={"staff_id": NUMBER})
def read_person(call: Call[Nothing, NoQuery], staff_id: int) -> Answer:
    """One member of staff."""
    row = call.session.get(Staff, staff_id)
    if row is None:
        raise NotFound(f"There is nobody with id {staff_id}.")
    return Answer(body=staff.staff_shape(call.session, row, call.now))


@people.operation("POST", "/staff", Access.ADMIN, body=shapes.StaffIn, answers={201: shapes.Staff}, refusals=(409,))
def add_person(call: Call[shapes.StaffIn, NoQuery]) -> Answer:
    """Add somebody."""
    check_branch(call, call.body.branch)
    new = staff.NewStaff(
        name=call.body.name,
        phone=call.body.phone,
        role=call.body.role,
        branch=call.body.branch,
        shifts=call.body.shifts,
        on_call=call.body.on_call,
    )
    return _person(call, staff.add_staff(call.session, new, call.now, region=call.region), status=201)


@people.operation(
    "PATCH",
    "/staff/{staff_id}",
    Access.ADMIN,
    body=shapes.StaffChanges,
    answers={200: shapes.Staff},
    parts={"staff_id": NUMBER},
    refusals=(409,),
)
def change_person(call: Call[shapes.StaffChanges, NoQuery], staff_id: int) -> Answer:
    """Change somebody."""
    changes = call.body.given()
    say = Say(actor=call.caller.actor, force=changes.pop("force", False), reason=changes.pop("reason", None))
    if "branch" in changes:
        check_branch(call, changes["branch"])
    row = absence.change(call.session, staff_id, changes, call.now, region=call.region, say=say)
    return _person(call, row)


@people.operation(
    "PUT",
    "/staff/{staff_id}/pause",
    Access.OPS,
    body=shapes.PauseIn,
    answers={200: shapes.Staff},
    parts={"staff_id": NUMBER},
    refusals=(409,),
)
def pause_person(call: Call[shapes.PauseIn, NoQuery], staff_id: int) -> Answer:
    """Not to be asked until then."""
    given = call.body
    say = Say(actor=call.caller.actor, force=given.force, reason=given.reason)
    row = absence.pause(call.session, staff_id, call.now, until=given.until, say=say)
    return _person(call, row)


@people.operation(
    "DELETE", "/staff/{staff_id}/pause", Access.OPS, answers={200: shapes.Staff}, parts={"staff_id": NUMBER}
)
def end_pause(call: Call[Nothing, NoQuery], staff_id: int) -> Answer:
    """Back again."""
    return _person(call, staff.end_pause(call.session, staff_id, call.now))


@people.operation("POST", "/shifts", Access.OPS, body=shapes.ShiftIn, answers={201: shapes.Shift})
def add_shift(call: Call[shapes.ShiftIn, NoQuery]) -> Answer:
    """One extra shift."""
    given = call.body
    if call.session.get(Staff, given.staff_id) is None:
        raise Invalid("staff_id", "there is nobody with this id")
    shift = staff.add_shift(call.session, given.staff_id, call.now, starts_at=given.starts_at, ends_at=given.ends_at)
    body = {
        "id": str(shift.id),
        "staff_id": str(shift.staff_id),
        "starts_at": shift.starts_at,
        "ends_at": shift.ends_at,
    }
    return Answer(body=body, status=201)


# --- goods -----------------------------------------------------------------------------------------------------------


@goods.operation("GET", "/suppliers", Access.READER, query=Pages, answers={200: shapes.SupplierPage})
def list_shops(call: Call[Nothing, Pages]) -> Answer:
    """The other shops."""
    return page(*list_suppliers(call.session, limit=call.query.limit, cursor=call.query.cursor))


@goods.operation(
    "PUT",
    "/suppliers/{code}",
    Access.OPS,
    body=shapes.SupplierIn,
    answers={200: shapes.Supplier, 201: shapes.Supplier},
    parts={"code": CODE},
)
def write_supplier(call: Call[shapes.SupplierIn, NoQuery], code: str) -> Answer:
    """Make or replace another shop."""
    given = call.body
    values = SupplierValues(
        name=given.name,
        opening_hours=given.opening_hours,
        phone=given.phone,
        travel_minutes=given.travel_minutes,
        procure_minutes=given.procure_minutes,
        lat=given.lat,
        lon=given.lon,
    )
    supplier, is_new = put_supplier(call.session, code, values, call.now, region=call.region)
    return Answer(body=lambda: supplier_shape(supplier), status=CREATED_OR_NOT[is_new])


@goods.operation(
    "GET",
    "/items/{sku}",
    Access.READER,
    query=shapes.AtBranch,
    answers={200: shapes.Item},
    parts={"sku": SKU},
)
def read_item(call: Call[Nothing, shapes.AtBranch], sku: str) -> Answer:
    """An item and its stock."""
    return Answer(body=get_item(call.session, sku, branch=call.query.branch))


@goods.operation(
    "PUT",
    "/items/{sku}",
    Access.OPS,
    body=shapes.ItemIn,
    query=shapes.AtBranch,
    answers={200: shapes.Item, 201: shapes.Item},
    parts={"sku": SKU},
)
def write_item(call: Call[shapes.ItemIn, shapes.AtBranch], sku: str) -> Answer:
    """Make or change an item and say how many are on the shelf."""
    given = call.body
    values = ItemValues(
        title=given.title,
        on_hand=given.on_hand,
        suppliers=None if given.suppliers is None else tuple(given.suppliers),
        substitutes=None if given.substitutes is None else tuple(given.substitutes),
    )
    item, is_new = put_item(call.session, sku, values, call.now, branch=call.query.branch)
    return Answer(body=item, status=CREATED_OR_NOT[is_new])
