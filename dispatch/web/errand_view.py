"""What whoever took it needs on the way: how far, directions, whom to call, and what is asked for at the door."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from sqlalchemy.orm import Session

from ..escalation.rules import Need
from ..escalation.shopping import stops_for
from ..escalation.tables import Page
from ..orders.rules import CLOSED, Proof
from ..orders.tables import Order
from ..orders.wording import first_name

MAPS = "https://www.google.com/maps/dir/?"


@dataclass(frozen=True, kw_only=True)
class Stop:
    """Somewhere to go: `way` opens the phone's map, `phone` is empty where it is nobody's business."""

    name: str
    minutes: int | None
    way: str
    phone: str = ""


@dataclass(frozen=True, kw_only=True)
class Errand:
    """The stops in their order, and what proves the delivery. `is_theirs`: they have it just now."""

    is_theirs: bool
    stops: tuple[Stop, ...]
    customer: str
    customer_phone: str
    proof: str

    @property
    def far(self) -> str:
        """How far it is, as one line."""
        if len(self.stops) == 1 and self.stops[0].minutes is not None:
            return f"about {self.stops[0].minutes} min"
        return ", then ".join(f"{stop.minutes} min to {stop.name}" for stop in self.stops if stop.minutes is not None)


def errand_of(session: Session, page_id: int, now: datetime) -> Errand:
    """For one person's page. The customer's number only while it is theirs to bring or to buy."""
    page = session.get_one(Page, page_id)
    order = session.get_one(Order, page.escalation.order_id)
    holds = page.staff_id in {order.taker_id, order.carrier_id}
    is_theirs = holds and page.staff.is_active and order.status not in CLOSED
    need = page.escalation.need
    stops = [] if need is Need.DELIVER else _shops(session, order, now)
    if need is not Need.PROCURE:
        minutes = order.branch.policy.travel_minutes if order.travel_minutes is None else order.travel_minutes
        way = directions(order.address, order.lat, order.lon)
        stops.append(Stop(name=order.address, minutes=minutes, way=way))
    return Errand(
        is_theirs=is_theirs,
        stops=tuple(stops),
        customer=first_name(order.customer_name),
        customer_phone=order.customer_phone if is_theirs else "",
        proof=(order.proof if is_theirs and need is not Need.PROCURE else Proof.NONE).value,
    )


def _shops(session: Session, order: Order, now: datetime) -> list[Stop]:
    return [
        Stop(
            name=shop.name,
            minutes=shop.travel_minutes,
            way=directions(shop.name, shop.lat, shop.lon),
            phone=shop.phone or "",
        )
        for shop in stops_for(session, order, now)
    ]


def directions(text: str, lat: float | None, lon: float | None) -> str:
    """A plain link that every phone's map understands: to the place where it is known, else to what is written."""
    where = text if lat is None or lon is None else f"{lat:.6f},{lon:.6f}"
    return MAPS + urlencode({"api": "1", "destination": where})
