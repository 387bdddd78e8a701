"""What a page is about: an order's facts put into the words of a job."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import select
from sqlalchemy.orm import Session

from ..foundation.hours import local_text, midnight
from ..orders.rules import IN_HAND, Sourcing
from ..orders.tables import Line, Order
from ..orders.wording import first_name, things
from ..procurement.call_log import refusals_of
from ..procurement.tables import ItemSupplier, Supplier
from ..promise.rules import Level
from ..promise.tables import Watch
from .rules import Need
from .wording import Job

NEAR = timedelta(minutes=1)


def what_of(order: Order, *, only_missing: bool = False) -> str:
    """What an order is, in a few words: "Physics 2, 3x Pencil"."""
    return things((missing_of(order) if only_missing else []) or order.lines)


def missing_of(order: Order) -> list[Line]:
    """What of an order is not in hand yet."""
    return [line for line in order.lines if line.sourcing not in IN_HAND]


def shops_for(session: Session, order: Order, now: datetime) -> list[str]:
    """Names of the shops where what is missing may be had, the one asked first first; not who said no today.

    What can't be had where it is usually had is to be found elsewhere.
    """
    missing = [line for line in order.lines if line.sourcing not in (*IN_HAND, Sourcing.UNAVAILABLE)]
    items = [line.item_id for line in missing if line.item_id]
    chosen = [line.supplier_id for line in missing if line.supplier_id]
    if not items and not chosen:
        return []
    query = (
        select(Supplier.id, Supplier.name, ItemSupplier.item_id)
        .outerjoin(ItemSupplier, ItemSupplier.supplier_id == Supplier.id)
        .where(ItemSupplier.item_id.in_(items) | Supplier.id.in_(chosen))
        .order_by(Supplier.id.in_(chosen).desc(), ItemSupplier.position, Supplier.id)
    )
    rows = session.execute(query).all()
    today = midnight(now, order.branch.timezone)
    refused = refusals_of(session, missing, today, supplier_ids={row.id for row in rows})
    return list(dict.fromkeys(row.name for row in rows if (row.item_id, row.id) not in refused))


def job_of(session: Session, order: Order, need: Need, now: datetime) -> Job:
    """The job that somebody is asked to do."""
    branch, watch, missing = order.branch, session.get(Watch, order.id), missing_of(order)
    if need is Need.PROCURE_AND_DELIVER and not missing:
        # Bought since then: whoever is asked now would buy it a second time.
        need = Need.DELIVER
    start = watch.act_by if watch and watch.act_by and watch.act_by > now + NEAR else None
    shops = shops_for(session, order, now) if need is not Need.DELIVER else []
    return Job(
        ref=order.ref,
        what=what_of(order, only_missing=need is not Need.DELIVER),
        rest=things(line for line in order.lines if line not in missing) if need is Need.PROCURE_AND_DELIVER else "",
        home=branch.name,
        for_whom=first_name(order.customer_name),
        reason=order.reason or "",
        need=need,
        from_where=" or ".join(shops[:2]) or ("any shop in town" if need is not Need.DELIVER else branch.name),
        to_where=order.address,
        start_by=local_text(start, branch.timezone, now=now) if start else "",
        promised=local_text(order.promised_by, branch.timezone, now=now),
        is_late=bool(watch and watch.level is Level.LATE),
    )
