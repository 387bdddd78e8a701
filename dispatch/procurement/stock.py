"""The shelf: how many are there, how many are kept for whom, and who gets a copy that comes free."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete, func, select
from sqlalchemy.dialects.postgresql import insert as postgresql_insert
from sqlalchemy.dialects.sqlite import insert as sqlite_insert
from sqlalchemy.orm import Session

from ..orders.rules import Sourcing, Status
from ..orders.service import record
from ..orders.tables import Line, Order
from ..orders.timetable import rearm
from .tables import Hold, Reservation, Stock

ON_THE_SHELF = (Reservation.released_at.is_(None), Reservation.taken_at.is_(None))
HELD = Hold.released_at.is_(None)
# Before it is packed a copy may still change hands.
UNPACKED = (Status.PROCURING, Status.PACKING)
WAITING = (Sourcing.TO_PROCURE, Sourcing.UNAVAILABLE)
# Lines whose copies stand on the shelf: what was wanted, or what the customer takes instead.
KEPT_HERE = (Sourcing.IN_STOCK, Sourcing.SUBSTITUTED)


def find_stock(session: Session, item_id: int, branch_id: int) -> Stock | None:
    """The stock of an item at a branch as it stands, not locked."""
    query = select(Stock).where(Stock.item_id == item_id, Stock.branch_id == branch_id)
    return session.scalars(query).first()


def make_stock(session: Session, item_id: int, branch_id: int) -> Stock:
    """The stock of an item at a branch, made when missing, and locked: two orders must not count the same last copy."""
    query = select(Stock).where(Stock.item_id == item_id, Stock.branch_id == branch_id)
    insert = sqlite_insert if session.get_bind().dialect.name == "sqlite" else postgresql_insert
    session.execute(insert(Stock).values(item_id=item_id, branch_id=branch_id, on_hand=0).on_conflict_do_nothing())
    return session.scalars(query.with_for_update().execution_options(populate_existing=True)).one()


def reserved(session: Session, stock: Stock) -> int:
    """How many copies on the shelf are kept for somebody: for lines, and for quotes that are being held."""
    query = select(func.coalesce(func.sum(Hold.quantity), 0)).where(Hold.stock_id == stock.id)
    return _for_lines(session, stock) + session.scalars(query.where(HELD)).one()


def _for_lines(session: Session, stock: Stock) -> int:
    query = select(func.coalesce(func.sum(Reservation.quantity), 0)).where(Reservation.stock_id == stock.id)
    return session.scalars(query.where(*ON_THE_SHELF)).one()


def available(session: Session, stock: Stock) -> int:
    """How many copies on the shelf are free."""
    return stock.on_hand - reserved(session, stock)


def missing(session: Session, stock: Stock) -> int:
    """How many copies lines keep that are not there; a quote is no promise, and takes nothing from them."""
    return max(0, _for_lines(session, stock) - stock.on_hand)


def keep(session: Session, stock: Stock, line: Line, now: datetime) -> None:
    """Keep a line's copies for it; the caller holds the stock row's lock and has looked that there are enough."""
    session.add(Reservation(stock_id=stock.id, line_id=line.id, quantity=line.quantity, reserved_at=now))
    line.sourcing = Sourcing.SUBSTITUTED if line.instead_of else Sourcing.IN_STOCK
    line.sourcing_at = now
    session.flush()


def kept_for(session: Session, line_ids: list[int]) -> list[Reservation]:
    """The reservations of these lines that have not been released, by item: the order in which shelves are locked."""
    query = select(Reservation).join(Stock, Stock.id == Reservation.stock_id)
    query = query.where(Reservation.line_id.in_(line_ids), Reservation.released_at.is_(None))
    return list(session.scalars(query.order_by(Stock.item_id)))


def lock_stock(session: Session, stock_id: int) -> Stock:
    """A stock row, locked."""
    query = select(Stock).where(Stock.id == stock_id).with_for_update()
    return session.scalars(query.execution_options(populate_existing=True)).one()


def take(session: Session, order: Order, now: datetime) -> None:
    """The goods of an order leave the shop."""
    for kept in kept_for(session, [line.id for line in order.lines]):
        if kept.taken_at is None:
            stock = lock_stock(session, kept.stock_id)
            kept.taken_at = now
            stock.on_hand = max(0, stock.on_hand - kept.quantity)


def put_back(session: Session, order: Order) -> None:
    """The goods of an order come back into the shop and stay kept for it."""
    for kept in kept_for(session, [line.id for line in order.lines]):
        if kept.taken_at is not None:
            stock = lock_stock(session, kept.stock_id)
            kept.taken_at = None
            stock.on_hand += kept.quantity


def release(session: Session, line_ids: list[int], now: datetime) -> None:
    """Nobody needs these copies any more: they go to whoever waits for one."""
    for kept in kept_for(session, line_ids):
        stock = lock_stock(session, kept.stock_id)
        kept.released_at = now
        session.flush()
        reallocate(session, stock, now)


def forget(session: Session, line: Line, now: datetime) -> None:
    """A line is taken off its order: its copies go to whoever waits, and no reservation names it any more."""
    release(session, [line.id], now)
    session.execute(delete(Reservation).where(Reservation.line_id == line.id))


def reallocate(session: Session, stock: Stock, now: datetime) -> None:
    """Have everybody looked at whom a change of the shelf touches; each order settles its own lines in its turn.

    Too few copies: those that keep one. Free copies: those that wait, most urgent first.
    """
    free = available(session, stock)
    if missing(session, stock):
        orders = select(Line.order_id).join(Order, Order.id == Line.order_id)
        touched = orders.join(Reservation, Reservation.line_id == Line.id).where(
            Reservation.stock_id == stock.id, *ON_THE_SHELF, Order.status.in_(UNPACKED)
        )
        rearm(session, session.scalars(touched).all(), now)
    elif free > 0:
        rearm(session, list(_next_in_line(session, stock, free).values()), now)


def _next_in_line(session: Session, stock: Stock, free: int) -> dict[int, int]:
    """Who gets the free copies: order ids by line id, most urgent first; a line for which they don't suffice waits."""
    waiting = (
        select(Line.id, Line.order_id, Line.quantity)
        .join(Order, Order.id == Line.order_id)
        .where(Line.item_id == stock.item_id, Order.branch_id == stock.branch_id)
        .where(Line.sourcing.in_(WAITING), Order.status == Status.PROCURING)
        .order_by(Order.promised_by, Order.id, Line.id)
    )
    winners: dict[int, int] = {}
    for line_id, order_id, quantity in session.execute(waiting):
        if quantity <= free:
            winners[line_id] = order_id
            free -= quantity
    return winners


def settle_shelf(session: Session, order: Order, now: datetime) -> bool:
    """Give an order what has come free for it, and take back what is not there after all; True when a line changed.

    The caller holds the order's lock; stock rows are locked after it, one after another, never two orders at once.
    Lines that somebody is buying, or that another shop keeps, are left alone.
    """
    if order.status not in UNPACKED:
        return False
    changed = False
    for line in sorted(order.lines, key=lambda line: line.item_id or 0):
        if line.item_id is None:
            continue
        glance = find_stock(session, line.item_id, order.branch_id)
        if glance is None:
            continue
        free = available(session, glance)
        if line.sourcing in KEPT_HERE and missing(session, glance):
            changed |= _give_up(session, order, line, lock_stock(session, glance.id), now)
        elif line.sourcing in WAITING and free >= line.quantity:
            changed |= _gain(session, order, line, lock_stock(session, glance.id), now)
    return changed


def _gain(session: Session, order: Order, line: Line, stock: Stock, now: datetime) -> bool:
    """Orders are looked at in any order; a copy waits for the one that needs it most."""
    if line.id not in _next_in_line(session, stock, available(session, stock)):
        return False
    keep(session, stock, line, now)
    record(session, order, "line_in_stock", f"{line.title} has come in: kept for this order.", at=now, actor="stock")
    return True


def _give_up(session: Session, order: Order, line: Line, stock: Stock, now: datetime) -> bool:
    """When copies are short, those promised last lose theirs, unless they are packed."""
    short = missing(session, stock)
    losers = (
        select(Reservation)
        .join(Line, Line.id == Reservation.line_id)
        .join(Order, Order.id == Line.order_id)
        .where(Reservation.stock_id == stock.id, *ON_THE_SHELF, Order.status.in_(UNPACKED))
        .order_by(Order.promised_by.desc(), Order.id.desc())
    )
    for kept in session.scalars(losers):
        if short <= 0:
            return False
        short -= kept.quantity
        if kept.line_id == line.id:
            kept.released_at = now
            line.sourcing, line.sourcing_at = Sourcing.TO_PROCURE, now
            text = f"{line.title} is not on the shelf after all."
            record(session, order, "line_lost", text, at=now, actor="stock")
            return True
    return False
