"""The shop's afternoon for `dispatch up --demo`: laid out relative to now, small enough to grasp.

Within two minutes the student's book turns at risk, because the other shop is about to close.
"""

from __future__ import annotations

import secrets
from dataclasses import replace
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session

from ..orders.branches import BranchValues, put_branch
from ..orders.rules import Move, Proof, Substitution
from ..orders.service import NewLine, NewOrder
from ..orders.tables import Order
from ..procurement.service import ItemValues, SupplierValues, put_item, put_supplier
from ..promise.service import move, place
from ..staff.rules import Role
from ..staff.service import NewStaff, add_shift, add_staff
from ..staff.tables import Staff
from ..web.sessions import create_user, has_users, make_one_time_link
from ..web.tables import Access, User

TIMEZONE = "Europe/London"
OPERATOR = "demo@example.com"
# Numbers that Ofcom keeps for fiction.
PEOPLE = (
    ("Ravi Nair", "+447700900101", Role.RIDER, timedelta(hours=3), False),
    ("Meena Iyer", "+447700900102", Role.STAFF, timedelta(hours=4), False),
    ("Bilal Khan", "+447700900103", Role.BUYER, timedelta(hours=2), False),
    ("Tara Bose", "+447700900104", Role.MANAGER, None, True),
    ("Asha Rao", "+447700900105", Role.FOUNDER, None, False),
)
POLICY = {"step_min_seconds": 20, "step_max_seconds": 60, "watch_minutes": 20, "travel_minutes": 25}
BUY_MINUTES, WAY_MINUTES = 25, 10


def lay_out(session: Session, now: datetime) -> str | None:
    """Fill an empty database; the secret of a link that signs the demo's operator in.

    On a database that is in use already nothing is added: the link signs the demo's operator in again, and None says
    that this is no demo.
    """
    operator = session.scalars(select(User).where(User.email == OPERATOR)).first()
    if operator is None:
        in_use = has_users(session) or session.scalars(select(Order.id).limit(1)).first()
        if in_use:
            return None
        operator = create_user(session, OPERATOR, Access.ADMIN, secrets.token_urlsafe(24), now)
        _shop(session, now)
        _people(session, now)
        _goods(session, now)
        _orders(session, now)
    return make_one_time_link(session, now, user_id=operator.id, minutes=24 * 60)


def _shop(session: Session, now: datetime) -> None:
    values = BranchValues(
        name="Corner Books",
        timezone=TIMEZONE,
        opening_hours="24/7",
        country="GB",
        address="1 High Street",
        policy=POLICY,
    )
    put_branch(session, "main", values, now)


def _people(session: Session, now: datetime) -> None:
    for name, phone, role, left, on_call in PEOPLE:
        staff = add_staff(session, NewStaff(name=name, phone=phone, role=role, on_call=on_call), now, region=None)
        if left is not None:
            add_shift(session, staff.id, now, starts_at=now - timedelta(hours=5), ends_at=now + left)


def _closing(now: datetime) -> datetime:
    """When the other shop closes: so that whoever buys there must leave within half a minute to a minute and a half."""
    leave = (now + timedelta(seconds=90)).replace(second=0, microsecond=0)
    return leave + timedelta(minutes=WAY_MINUTES + BUY_MINUTES)


def _goods(session: Session, now: datetime) -> None:
    closing = _closing(now).astimezone(ZoneInfo(TIMEZONE))
    opening = closing - timedelta(hours=9)
    hours = f"{opening:%H:%M}-{closing:%H:%M}"
    city = SupplierValues(
        name="City Books",
        opening_hours=hours,
        phone="+447700900201",
        travel_minutes=WAY_MINUTES,
        procure_minutes=BUY_MINUTES,
    )
    put_supplier(session, "city", city, now, region=None)
    stock = (
        ("PHYS-2", "Physics, volume 2", 0, ("city",)),
        ("DICT", "Pocket dictionary", 4, ("city",)),
        ("ATLAS", "School atlas", 2, ()),
        ("POEMS", "Collected poems", 1, ()),
    )
    for sku, title, on_hand, suppliers in stock:
        put_item(session, sku, ItemValues(title=title, on_hand=on_hand, suppliers=suppliers), now)


def _book(now: datetime) -> NewOrder:
    """The student's book: not in stock, and the other shop is about to close."""
    return NewOrder(
        external_id="demo-book",
        customer_name="Dev Menon",
        customer_phone="+447700900301",
        address="12 Park Road",
        promised_by=_closing(now) + timedelta(minutes=75),
        reason="exam tomorrow morning",
        lines=(NewLine(title="Physics, volume 2", sku="PHYS-2", substitution=Substitution.NEVER),),
        travel_minutes=20,
    )


def _other_orders(now: datetime) -> tuple[NewOrder, ...]:
    """A gift that must leave soon, a calm one, and one that is on its way."""
    gift = NewOrder(
        external_id="demo-gift",
        customer_name="Lila Shah",
        customer_phone="+447700900302",
        address="4 Mill Lane",
        promised_by=now + timedelta(minutes=58),
        reason="birthday party tonight",
        lines=(NewLine(title="School atlas", sku="ATLAS"), NewLine(title="Collected poems", sku="POEMS")),
        proof=Proof.PIN,
    )
    calm = replace(
        gift,
        external_id="demo-calm",
        customer_name="Sam Hill",
        customer_phone="+447700900303",
        address="77 Station Road",
        promised_by=now + timedelta(hours=2, minutes=40),
        reason=None,
        lines=(NewLine(title="Pocket dictionary", sku="DICT", quantity=2),),
        proof=Proof.NONE,
    )
    road = replace(
        calm,
        external_id="demo-road",
        customer_name="Nora Quinn",
        customer_phone="+447700900304",
        address="9 Castle Street",
        promised_by=now + timedelta(hours=1, minutes=10),
        reason="reading it to her class in the morning",
        lines=(NewLine(title="Pocket dictionary", sku="DICT"),),
        # Near, so that the rider is back for the gift whoever goes to buy the book.
        travel_minutes=8,
    )
    return gift, calm, road


def _orders(session: Session, now: datetime) -> None:
    for new in (_book(now), *_other_orders(now)):
        order, _ = place(session, new, now, actor="demo", region=None)
    ravi = session.scalars(select(Staff).where(Staff.role == Role.RIDER)).one()
    move(session, order.ref, Move.PACK, now, actor="demo")
    move(session, order.ref, Move.HAND_OVER, now, actor="demo", staff_id=ravi.id)
