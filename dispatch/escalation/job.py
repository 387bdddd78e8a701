"""What a page is about: an order's facts put into the words of a job."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from ..foundation.hours import local_text
from ..orders.tables import Order
from ..orders.wording import first_name, things
from ..promise.rules import Level
from ..promise.tables import Watch
from .rules import Need
from .shopping import missing_of, places_for, where
from .wording import Job

NEAR = timedelta(minutes=1)


def what_of(order: Order, *, only_missing: bool = False) -> str:
    """What an order is, in a few words: "Physics 2, 3x Pencil"."""
    return things((missing_of(order) if only_missing else []) or order.lines)


def job_of(session: Session, order: Order, need: Need, now: datetime) -> Job:
    """The job that somebody is asked to do."""
    branch, watch, missing = order.branch, session.get(Watch, order.id), missing_of(order)
    if need is Need.PROCURE_AND_DELIVER and not missing:
        # Bought since then: whoever is asked now would buy it a second time.
        need = Need.DELIVER
    elif need is Need.PROCURE_AND_DELIVER and order.is_to_be_collected:
        need = Need.PROCURE
    start = watch.act_by if watch and watch.act_by and watch.act_by > now + NEAR else None
    places = places_for(session, order, now) if need is not Need.DELIVER else []
    shops = [(things(place.lines), where(place, order, now)) for place in places] or [(what_of(order), branch.name)]
    (what, from_where), *further = shops
    return Job(
        ref=order.ref,
        what=what,
        further=", ".join(f"{what} at {shop}" for what, shop in further),
        rest=things(line for line in order.lines if line not in missing) if need is Need.PROCURE_AND_DELIVER else "",
        home=branch.name,
        for_whom=first_name(order.customer_name),
        reason=order.reason or "",
        need=need,
        from_where=from_where,
        to_where=order.address,
        start_by=local_text(start, branch.timezone, now=now) if start else "",
        must_wait=bool(places) and all(place.is_waited_for for place in places),
        promised=local_text(order.promised_by, branch.timezone, now=now),
        is_late=bool(watch and watch.level is Level.LATE),
        is_to_be_collected=order.is_to_be_collected,
    )
