"""Branches, orders, lines, the promise ledger and the append-only history."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import (
    JSON,
    CheckConstraint,
    ColumnElement,
    ForeignKey,
    Index,
    LargeBinary,
    String,
    Text,
    UniqueConstraint,
    and_,
    text,
)
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import Mapped, mapped_column, relationship

from ..foundation.db import Base, one_of, partial_index
from ..foundation.types import ByValue, UtcDateTime
from .policy import Policy, policy_of
from .rules import Proof, Sourcing, Status, Substitution
from .wording import COLLECTS, is_collected

# In the very words of `ix_orders_open`, and never with bound values: those keep either database from using the index.
OPEN_WORDS = "status NOT IN ('delivered', 'cancelled')"
IS_OPEN = text(f"orders.{OPEN_WORDS}")


class Branch(Base):
    """One shop location: its time zone, hours, people and stock."""

    __tablename__ = "branches"

    id: Mapped[int] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(String(40), unique=True)
    name: Mapped[str] = mapped_column(String(200))
    timezone: Mapped[str] = mapped_column(String(64))
    opening_hours: Mapped[str] = mapped_column(String(500))
    country: Mapped[str | None] = mapped_column(String(2))
    address: Mapped[str | None] = mapped_column(String(500))
    lat: Mapped[float | None]
    lon: Mapped[float | None]
    policy_values: Mapped[dict[str, Any]] = mapped_column("policy", JSON, default=dict)
    version: Mapped[int] = mapped_column(default=1)

    __mapper_args__ = {"version_id_col": version}

    @property
    def policy(self) -> Policy:
        """The policy in force, defaults filled in."""
        return policy_of(frozenset(self.policy_values.items()))


class Order(Base):
    """What people decided about one order. What the clock says of it lives in `watches`.

    `version` counts people's changes: a service that changes an order adds one, so that a stale save is refused.
    """

    __tablename__ = "orders"
    __table_args__ = (
        one_of("status", Status),
        one_of("proof", Proof),
        CheckConstraint("travel_minutes IS NULL OR travel_minutes >= 0", name="travel_minutes_sane"),
        CheckConstraint("(status = 'delivered') = (delivered_at IS NOT NULL)", name="delivered_at_known"),
        CheckConstraint("(status IN ('delivered', 'cancelled')) = (closed_at IS NOT NULL)", name="closed_at_known"),
        partial_index("ix_orders_open", "branch_id", "promised_by", where=OPEN_WORDS),
        partial_index("ix_orders_delivered", "branch_id", "delivered_at", where="delivered_at IS NOT NULL"),
        Index("ix_orders_first_promised_by", "branch_id", "first_promised_by"),
        Index("ix_orders_customer_phone", "customer_phone"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    ref: Mapped[str] = mapped_column(String(6), unique=True)
    external_id: Mapped[str | None] = mapped_column(String(100), unique=True)
    branch_id: Mapped[int] = mapped_column(ForeignKey("branches.id"))
    status: Mapped[Status] = mapped_column(ByValue(Status))
    version: Mapped[int] = mapped_column(default=1)
    customer_name: Mapped[str] = mapped_column(String(200))
    customer_phone: Mapped[str] = mapped_column(String(20))
    customer_language: Mapped[str] = mapped_column(String(10), default="en")
    address: Mapped[str] = mapped_column(String(500))
    lat: Mapped[float | None]
    lon: Mapped[float | None]
    travel_minutes: Mapped[int | None]
    reason: Mapped[str | None] = mapped_column(String(500))
    first_promised_by: Mapped[datetime] = mapped_column(UtcDateTime)
    promised_by: Mapped[datetime] = mapped_column(UtcDateTime)
    proof: Mapped[Proof] = mapped_column(ByValue(Proof), default=Proof.NONE)
    pin: Mapped[str | None] = mapped_column(String(8))
    carrier_id: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))
    taker_id: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))
    taken_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    created_at: Mapped[datetime] = mapped_column(UtcDateTime)
    packed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    handed_over_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    delivered_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    closed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)

    branch: Mapped[Branch] = relationship()
    lines: Mapped[list[Line]] = relationship(order_by="Line.id", back_populates="order", cascade="all, delete-orphan")

    # By hand, so that the clock's own bookkeeping never makes a person's copy stale; checked on every UPDATE.
    __mapper_args__ = {"version_id_col": version, "version_id_generator": False}

    @hybrid_property
    def is_to_be_collected(self) -> bool:
        """The customer comes for it, as its address says: nobody is on the way to them."""
        return is_collected(self.address or "")

    @is_to_be_collected.inplace.expression
    @classmethod
    def _to_be_collected(cls) -> ColumnElement[bool]:
        return cls.address.contains(COLLECTS)

    @hybrid_property
    def waits_in_time(self) -> bool:
        """It was packed by the promise and waits for the customer to collect it: our part is done."""
        is_packed = self.status is Status.READY and self.packed_at is not None and self.packed_at <= self.promised_by
        return is_packed and self.is_to_be_collected

    @waits_in_time.inplace.expression
    @classmethod
    def _waits_in_time(cls) -> ColumnElement[bool]:
        return and_(cls.status == Status.READY, cls.packed_at <= cls.promised_by, cls.address.contains(COLLECTS))


class Line(Base):
    """One thing the customer wants, and where its goods are."""

    __tablename__ = "lines"
    __table_args__ = (
        one_of("sourcing", Sourcing),
        one_of("substitution", Substitution),
        CheckConstraint("quantity BETWEEN 1 AND 10000", name="quantity_sane"),
        Index("ix_lines_order_id", "order_id"),
        partial_index(
            "ix_lines_missing", "item_id", where="sourcing IN ('to_procure', 'searching', 'reserved', 'unavailable')"
        ),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"))
    item_id: Mapped[int | None] = mapped_column(ForeignKey("items.id"))
    sku: Mapped[str | None] = mapped_column(String(100))
    title: Mapped[str] = mapped_column(String(300))
    quantity: Mapped[int] = mapped_column(default=1)
    substitution: Mapped[Substitution] = mapped_column(ByValue(Substitution), default=Substitution.ASK)
    sourcing: Mapped[Sourcing] = mapped_column(ByValue(Sourcing))
    sourcing_at: Mapped[datetime] = mapped_column(UtcDateTime)
    supplier_id: Mapped[int | None] = mapped_column(ForeignKey("suppliers.id"))
    buyer_id: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))
    ready_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    # Until when the supplier keeps it; only while it is reserved.
    kept_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    # What the customer asked for first, once something else has taken its place.
    instead_of: Mapped[str | None] = mapped_column(String(300))
    note: Mapped[str | None] = mapped_column(String(500))

    order: Mapped[Order] = relationship(back_populates="lines")


class Promise(Base):
    """The ledger: every deadline ever given for an order, the first one first. Rows are never changed.

    `called`: how sure the clock was when it was given; 0.9 and 0.5 are kept so often, 0 less than that.
    """

    __tablename__ = "promises"
    __table_args__ = (UniqueConstraint("order_id", "number"),)

    id: Mapped[int] = mapped_column(primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"))
    number: Mapped[int]
    promised_by: Mapped[datetime] = mapped_column(UtcDateTime)
    made_at: Mapped[datetime] = mapped_column(UtcDateTime)
    made_by: Mapped[str] = mapped_column(String(100))
    why: Mapped[str | None] = mapped_column(String(500))
    is_agreed: Mapped[bool | None]
    called: Mapped[float | None]


class OrderEvent(Base):
    """Something that happened to an order. Append-only; `relayed_at` is when the rooms above had heard of it."""

    __tablename__ = "order_events"
    __table_args__ = (
        Index("ix_order_events_order_id", "order_id", "id"),
        partial_index("ix_order_events_unrelayed", "id", where="relayed_at IS NULL"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"))
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    actor: Mapped[str] = mapped_column(String(100))
    kind: Mapped[str] = mapped_column(String(40))
    text: Mapped[str] = mapped_column(Text)
    data: Mapped[dict[str, Any]] = mapped_column(JSON, default=dict)
    relayed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class DeliveryProof(Base):
    """Who took it at the door, or a photo of it there; both empty where neither could be had."""

    __tablename__ = "proofs"

    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"), primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    taken_by: Mapped[str | None] = mapped_column(String(100))
    media_type: Mapped[str | None] = mapped_column(String(20))
    photo: Mapped[bytes | None] = mapped_column(LargeBinary)


class Timetable(Base):
    """When an order must next be looked at; empty when time alone can change nothing. `generation` counts the news.

    A table of its own, and its rows are only ever locked last (`timetable.rearm`): somebody who holds one order and
    wakes another can't deadlock with somebody who does the reverse. The partial index keeps the watch round flat.
    """

    __tablename__ = "timetable"
    __table_args__ = (partial_index("ix_timetable_due", "next_check_at", where="next_check_at IS NOT NULL"),)

    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"), primary_key=True)
    next_check_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    generation: Mapped[int] = mapped_column(default=1)


class Heartbeat(Base):
    """When a round last ran to its end, on any machine."""

    __tablename__ = "heartbeats"

    name: Mapped[str] = mapped_column(String(40), primary_key=True)
    at: Mapped[datetime] = mapped_column(UtcDateTime)
