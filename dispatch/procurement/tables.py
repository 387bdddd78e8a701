"""Items, stock per branch, reservations per line, suppliers and what they answered, and what was offered instead."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import JSON, CheckConstraint, ForeignKey, Index, String, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column, relationship

from ..foundation.db import Base, one_of, partial_index
from ..foundation.types import ByValue, UtcDateTime
from .calls import Outcome
from .substitution_rules import Agreed, OfferState


class Supplier(Base):
    """Another shop in town. Its hours are read in the time zone of the branch that buys there."""

    __tablename__ = "suppliers"

    id: Mapped[int] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(String(40), unique=True)
    name: Mapped[str] = mapped_column(String(200))
    phone: Mapped[str | None] = mapped_column(String(20))
    opening_hours: Mapped[str] = mapped_column(String(500))
    travel_minutes: Mapped[int | None]
    procure_minutes: Mapped[int | None]
    lat: Mapped[float | None]
    lon: Mapped[float | None]
    version: Mapped[int] = mapped_column(default=1)

    __mapper_args__ = {"version_id_col": version}


class Item(Base):
    """Something we sell, wherever it is."""

    __tablename__ = "items"

    id: Mapped[int] = mapped_column(primary_key=True)
    sku: Mapped[str] = mapped_column(String(100), unique=True)
    title: Mapped[str] = mapped_column(String(300))
    version: Mapped[int] = mapped_column(default=1)

    suppliers: Mapped[list[ItemSupplier]] = relationship(
        order_by="ItemSupplier.position", cascade="all, delete-orphan", lazy="selectin"
    )
    substitutes: Mapped[list[ItemSubstitute]] = relationship(
        order_by="ItemSubstitute.position",
        cascade="all, delete-orphan",
        foreign_keys="ItemSubstitute.item_id",
        lazy="selectin",
    )

    __mapper_args__ = {"version_id_col": version}


class ItemSupplier(Base):
    """A supplier who usually has an item; the first one asked first."""

    __tablename__ = "item_suppliers"

    item_id: Mapped[int] = mapped_column(ForeignKey("items.id"), primary_key=True)
    supplier_id: Mapped[int] = mapped_column(ForeignKey("suppliers.id"), primary_key=True)
    position: Mapped[int]

    supplier: Mapped[Supplier] = relationship(lazy="joined")


class ItemSubstitute(Base):
    """Another item that may do instead."""

    __tablename__ = "item_substitutes"

    item_id: Mapped[int] = mapped_column(ForeignKey("items.id"), primary_key=True)
    substitute_id: Mapped[int] = mapped_column(ForeignKey("items.id"), primary_key=True)
    position: Mapped[int]

    substitute: Mapped[Item] = relationship(foreign_keys=[substitute_id], lazy="joined")


class Stock(Base):
    """How many of an item are on the shelf of a branch, reserved ones included."""

    __tablename__ = "stock"
    __table_args__ = (
        UniqueConstraint("item_id", "branch_id"),
        CheckConstraint("on_hand >= 0", name="on_hand_sane"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    item_id: Mapped[int] = mapped_column(ForeignKey("items.id"))
    branch_id: Mapped[int] = mapped_column(ForeignKey("branches.id"))
    on_hand: Mapped[int] = mapped_column(default=0)


class Hold(Base):
    """Copies kept for a quote until it becomes an order or expires (`released_at`)."""

    __tablename__ = "holds"
    __table_args__ = (
        CheckConstraint("quantity > 0", name="quantity_sane"),
        partial_index("ix_holds_stock", "stock_id", where="released_at IS NULL"),
        Index("ix_holds_quote_id", "quote_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    stock_id: Mapped[int] = mapped_column(ForeignKey("stock.id"))
    quote_id: Mapped[int] = mapped_column(ForeignKey("quotes.id"))
    quantity: Mapped[int]
    released_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class Reservation(Base):
    """Copies kept for one line: on the shelf until `taken_at` (left the shop) or `released_at` (free again)."""

    __tablename__ = "reservations"
    __table_args__ = (
        CheckConstraint("quantity > 0", name="quantity_sane"),
        partial_index("uq_reservations_line", "line_id", unique=True, where="released_at IS NULL"),
        partial_index("ix_reservations_stock", "stock_id", where="released_at IS NULL AND taken_at IS NULL"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    stock_id: Mapped[int] = mapped_column(ForeignKey("stock.id"))
    line_id: Mapped[int] = mapped_column(ForeignKey("lines.id"))
    quantity: Mapped[int]
    reserved_at: Mapped[datetime] = mapped_column(UtcDateTime)
    taken_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
    released_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class SupplierAnswer(Base):
    """What one supplier said of one line. Append-only: chances are learned from it, so it outlives its line.

    `superseded_at`: a later answer about the same line took its place, and only the later one teaches.
    `is_open_by_hours`: what their hours said at that instant; a closed door while it is true is a doubt about them.
    """

    __tablename__ = "supplier_answers"
    __table_args__ = (
        one_of("outcome", Outcome),
        Index("ix_supplier_answers_line_id", "line_id"),
        Index("ix_supplier_answers_order_id", "order_id"),
        partial_index("ix_supplier_answers_standing", "supplier_id", "at", where="superseded_at IS NULL"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    line_id: Mapped[int | None] = mapped_column(ForeignKey("lines.id", ondelete="SET NULL"))
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"))
    item_id: Mapped[int | None] = mapped_column(ForeignKey("items.id"))
    title: Mapped[str] = mapped_column(String(300))
    # See `calls.kind_of`; written down, because the item's number may change.
    kind: Mapped[str | None] = mapped_column(String(100))
    supplier_id: Mapped[int] = mapped_column(ForeignKey("suppliers.id"))
    outcome: Mapped[Outcome] = mapped_column(ByValue(Outcome))
    at: Mapped[datetime] = mapped_column(UtcDateTime)
    actor: Mapped[str] = mapped_column(String(100))
    by_id: Mapped[int | None] = mapped_column(ForeignKey("staff.id"))
    kept_until: Mapped[datetime | None] = mapped_column(UtcDateTime)
    note: Mapped[str | None] = mapped_column(String(500))
    is_open_by_hours: Mapped[bool]
    superseded_at: Mapped[datetime | None] = mapped_column(UtcDateTime)


class Offer(Base):
    """Something else for a line that can't be had: what was offered, by when to answer, and what came of it.

    `title`, `sku` and `item_id` are what it would replace; `choices` are {"sku", "title"} in the order in which they
    were numbered. Taken at once by the customer's standing wish, a row is `chosen` from the start and has no
    `reply_by`. It outlives its line, so that a late answer is still understood.
    """

    __tablename__ = "offers"
    __table_args__ = (
        one_of("state", OfferState),
        one_of("agreed", Agreed),
        CheckConstraint("(state = 'open') = (closed_at IS NULL)", name="closed_at_known"),
        CheckConstraint("(state = 'chosen') = (chosen_sku IS NOT NULL)", name="chosen_known"),
        partial_index("uq_offers_open", "line_id", unique=True, where="state = 'open'"),
        Index("ix_offers_order_id", "order_id"),
        Index("ix_offers_line_id", "line_id"),
    )

    id: Mapped[int] = mapped_column(primary_key=True)
    order_id: Mapped[int] = mapped_column(ForeignKey("orders.id"))
    line_id: Mapped[int | None] = mapped_column(ForeignKey("lines.id", ondelete="SET NULL"))
    item_id: Mapped[int | None] = mapped_column(ForeignKey("items.id"))
    sku: Mapped[str | None] = mapped_column(String(100))
    title: Mapped[str] = mapped_column(String(300))
    choices: Mapped[list[dict[str, Any]]] = mapped_column(JSON)
    state: Mapped[OfferState] = mapped_column(ByValue(OfferState))
    agreed: Mapped[Agreed | None] = mapped_column(ByValue(Agreed))
    chosen_sku: Mapped[str | None] = mapped_column(String(100))
    reply_by: Mapped[datetime | None] = mapped_column(UtcDateTime)
    opened_at: Mapped[datetime] = mapped_column(UtcDateTime)
    closed_at: Mapped[datetime | None] = mapped_column(UtcDateTime)
