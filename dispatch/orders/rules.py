"""States and moves of an order and of its lines, as tables; pure."""

from __future__ import annotations

import enum
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta


class Status(enum.StrEnum):
    """Where an order stands. Lateness is never a status."""

    PROCURING = "procuring"
    PACKING = "packing"
    READY = "ready"
    OUT_FOR_DELIVERY = "out_for_delivery"
    DELIVERED = "delivered"
    CANCELLED = "cancelled"


class Move(enum.StrEnum):
    """What moves an order along."""

    PACK = "pack"
    HAND_OVER = "hand_over"
    DELIVER = "deliver"
    FAIL = "fail"
    CANCEL = "cancel"


class Sourcing(enum.StrEnum):
    """Where the goods of a line are."""

    IN_STOCK = "in_stock"
    TO_PROCURE = "to_procure"
    SEARCHING = "searching"
    RESERVED = "reserved"
    BOUGHT = "bought"
    UNAVAILABLE = "unavailable"
    SUBSTITUTED = "substituted"


class Substitution(enum.StrEnum):
    """What the customer agreed to at intake, should a line be unobtainable."""

    NEVER = "never"
    ASK = "ask"
    LISTED = "listed"


class Proof(enum.StrEnum):
    """What proves a delivery."""

    NONE = "none"
    PIN = "pin"
    NAME = "name"
    PHOTO = "photo"


CLOSED = frozenset({Status.DELIVERED, Status.CANCELLED})
OPEN = tuple(status for status in Status if status not in CLOSED)
IN_HAND = frozenset({Sourcing.IN_STOCK, Sourcing.BOUGHT, Sourcing.SUBSTITUTED})

# Every state and move that is allowed, and where it leads. `deliver` is a fact and never refused while the order is
# open: what must have happened before it is filled in by the service, each with its own event.
MOVES: dict[tuple[Status, Move], Status] = {
    (Status.PROCURING, Move.DELIVER): Status.DELIVERED,
    (Status.PROCURING, Move.CANCEL): Status.CANCELLED,
    (Status.PACKING, Move.PACK): Status.READY,
    (Status.PACKING, Move.DELIVER): Status.DELIVERED,
    (Status.PACKING, Move.CANCEL): Status.CANCELLED,
    (Status.READY, Move.HAND_OVER): Status.OUT_FOR_DELIVERY,
    (Status.READY, Move.DELIVER): Status.DELIVERED,
    (Status.READY, Move.CANCEL): Status.CANCELLED,
    (Status.OUT_FOR_DELIVERY, Move.DELIVER): Status.DELIVERED,
    (Status.OUT_FOR_DELIVERY, Move.FAIL): Status.READY,
    (Status.OUT_FOR_DELIVERY, Move.CANCEL): Status.CANCELLED,
}
# The one move that an operator will most likely want next; procuring waits for news about its lines instead.
NEXT_MOVE = {
    Status.PACKING: Move.PACK,
    Status.READY: Move.HAND_OVER,
    Status.OUT_FOR_DELIVERY: Move.DELIVER,
}

# News about a line that is being bought: from the state it is in to those that may follow. Repeating a state is news
# too (another shop, another time). Goods in hand stay in hand until they are returned through stock.
PROCUREMENT: dict[Sourcing, frozenset[Sourcing]] = {
    state: frozenset({Sourcing.SEARCHING, Sourcing.RESERVED, Sourcing.BOUGHT, Sourcing.UNAVAILABLE})
    for state in (Sourcing.TO_PROCURE, Sourcing.SEARCHING, Sourcing.RESERVED, Sourcing.UNAVAILABLE)
} | {
    Sourcing.BOUGHT: frozenset({Sourcing.BOUGHT}),
    Sourcing.IN_STOCK: frozenset(),
    Sourcing.SUBSTITUTED: frozenset(),
}

# For a moment what somebody did by a slip of the hand can be taken back: these moves, and news about a line, by the
# kinds of their events. A failed attempt is not among them: the goods are somewhere, and somebody has to look.
UNDO_FOR = timedelta(seconds=10)
TAKEN_BACK = "taken_back"
MOVE_OF_EVENT = {
    "packed": Move.PACK,
    "handed_over": Move.HAND_OVER,
    "delivered": Move.DELIVER,
    "cancelled": Move.CANCEL,
}
NEWS_EVENTS = frozenset({"line_searching", "line_reserved", "line_bought", "line_unavailable"})
# What the house adds by itself in the same breath, for people at the desk: it goes with what is taken back.
GOES_WITH_IT = frozenset({"phone_customer"})
# What the clock alone says of the danger after each move, and says anew when one is taken back. Whoever was texted with
# it makes taking back impossible all the same.
SAID_BY_CLOCK = frozenset({"at_risk", "cause_changed", "safe_again"})

NOTE, PHONED = "note", "phoned"
# A customer's own words, and that somebody at the desk has read them.
WROTE, READ = "customer_wrote", "customer_read"
# Events that ask a person to phone somebody: the customer, or people who were passed over.
ASKS_TO_PHONE = {"phone_customer": True, "substitution_expired": True, "spared": False}


@dataclass(frozen=True, kw_only=True)
class ToPhone:
    """Why somebody must be phoned, and whether that is the customer."""

    text: str
    is_customer: bool


def still_to_phone(events: Iterable[tuple[int, str, str, int | None]]) -> tuple[ToPhone, ...]:
    """What is left of the calls an order's history asks for. `events`: (id, kind, text, the event it takes back), in
    order; a call that went with something is over when that is taken back."""
    left: dict[int, ToPhone] = {}
    for number, kind, text, undone in events:
        if kind in ASKS_TO_PHONE:
            left[number] = ToPhone(text=text, is_customer=ASKS_TO_PHONE[kind])
        elif kind == PHONED:
            left.clear()
        elif undone is not None:
            left = {asked: each for asked, each in left.items() if asked < undone}
    return tuple(left.values())


def may_be_taken_back(kind: str, *, is_from: bool, age: timedelta) -> bool:
    """Whether an event of this kind, so long ago, can be taken back. `is_from`: it says what was before."""
    return (kind in MOVE_OF_EVENT or kind in NEWS_EVENTS) and is_from and age <= UNDO_FOR


def allowed_moves(status: Status) -> list[Move]:
    """The moves that this status allows, in the order in which a shop makes them."""
    return [move for move in Move if (status, move) in MOVES]


def status_of_lines(sourcings: Iterable[Sourcing]) -> Status:
    """Procuring while any line is not in hand, else packing: for orders that have not been packed."""
    return Status.PACKING if all(sourcing in IN_HAND for sourcing in sourcings) else Status.PROCURING


# Letters and digits that are not mistaken for one another when read aloud or off a small screen.
REF_ALPHABET = "23456789ABCDEFGHJKMNPQRTUVWXYZ"
