"""The lines of an order that is taken already, as a form: what may still change, what is added, what is taken out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict

from ..foundation.errors import FieldError, Invalid
from ..orders.rules import IN_HAND, Sourcing, Status
from ..orders.service import NewLine
from ..orders.tables import Line, Order
from .order_forms import MOST_LINES, TypedLine, read_line

CHANGEABLE = (Status.PROCURING, Status.PACKING)
LARGEST = 10_000
Wanted = list[tuple[int | None, NewLine | None]]


@dataclass(frozen=True, kw_only=True)
class TypedChange(TypedLine):
    """One row of the form; `line` is the id of the line it stands for, empty for a new one."""

    line: str = ""


def may_change(sourcing: Sourcing) -> bool:
    """What was bought for this customer is theirs; what stands on the shelf can still go back."""
    return sourcing not in IN_HAND or sourcing is Sourcing.IN_STOCK


def shown_rows(lines: Sequence[Mapping[str, Any]]) -> list[TypedChange]:
    """The form as it stands before anybody typed: every line that may change, and an empty one."""
    rows = [
        TypedChange(
            line=line["id"], item=line["title"], quantity=str(line["quantity"]), substitution=line["substitution"]
        )
        for line in lines
        if may_change(Sourcing(line["sourcing"]))
    ]
    return [*rows, TypedChange()]


def typed_rows(form: MultiDict[str, str]) -> list[TypedChange]:
    """The form as it was typed."""
    columns = (form.getlist(name) for name in ("line", "item", "quantity", "substitution"))
    rows = list(zip(*columns, strict=False))[:MOST_LINES]
    return [TypedChange(line=line, item=item, quantity=n, substitution=wish) for line, item, n, wish in rows]


def field_names(rows: Sequence[TypedChange]) -> list[str]:
    """The names of its fields, in their order."""
    return [f"{name}-{index}" for index in range(len(rows)) for name in ("item", "quantity")]


def wanted_lines(session: Session, order: Order, rows: Sequence[TypedChange]) -> Wanted:
    """(id, None) for each line to keep, (None, what it shall be) for each that is new or different, (id, what it shall
    be) where only the wish for another edition is.

    Lines that the form does not show are kept. Raises Invalid naming every field at fault.
    """
    before = {str(line.id): line for line in order.lines}
    shown = {row.line for row in rows}
    wanted: Wanted = [(line.id, None) for number, line in before.items() if number not in shown]
    complaints: list[FieldError] = []
    for index, row in enumerate(rows):
        if not row.item.strip():
            continue
        try:
            wanted.append(_wanted(session, row, before, index))
        except Invalid as error:
            complaints += error.errors
    if complaints:
        raise Invalid.of(complaints)
    if not wanted:
        raise Invalid("item-0", "nothing is left: cancel the order instead, under More")
    return wanted


def _wanted(
    session: Session, row: TypedChange, before: Mapping[str, Line], index: int
) -> tuple[int | None, NewLine | None]:
    if row.line and row.line not in before:
        raise Invalid(f"item-{index}", "somebody has changed or removed this line: empty it here")
    new = read_line(session, row, field=f"quantity-{index}")
    if not 1 <= new.quantity <= LARGEST:
        raise Invalid(f"quantity-{index}", f"give a whole number from 1 to {LARGEST}")
    old = before.get(row.line)
    if old is None:
        return None, new
    if row.item.strip() in (old.title, old.sku):
        new = replace(new, title=old.title, sku=old.sku)
    was = NewLine(title=old.title, sku=old.sku, quantity=old.quantity, substitution=new.substitution)
    if new != was:
        return None, new
    return old.id, None if new.substitution is old.substitution else new


def is_changed(order: Order, wanted: Wanted) -> bool:
    """Whether there is anything to save."""
    is_kept = {number for number, _ in wanted} == {line.id for line in order.lines}
    return not is_kept or any(new is not None for _, new in wanted)
