"""The one next move of an order as a button, for the board and for the order's own page; pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from ..orders.rules import IN_HAND, NEXT_MOVE, Move, Proof, Sourcing, Status
from ..orders.wording import is_collected
from . import words

# What usually follows for a line that is not in hand.
NEXT_NEWS = {
    Sourcing.TO_PROCURE: Sourcing.SEARCHING,
    Sourcing.UNAVAILABLE: Sourcing.SEARCHING,
    Sourcing.SEARCHING: Sourcing.BOUGHT,
    Sourcing.RESERVED: Sourcing.BOUGHT,
}
ACCEPTED = "accepted"
# Moves that can be made for several orders together: the others need a reason of each customer's own.
TOGETHER = (Move.PACK, Move.HAND_OVER, Move.DELIVER)
LOOK, BOUGHT = "look", "bought"


@dataclass(frozen=True, kw_only=True)
class Carrier:
    """Somebody who can bring it. `short`: the first name, where it tells them apart."""

    id: str
    name: str
    short: str
    state: str
    is_here: bool


@dataclass(frozen=True, kw_only=True)
class Act:
    """A button: where it posts, with which hidden fields, and whom to choose from; a link when it can't be one tap.

    `does`: what the key is for that makes it, see `_keys.html`.
    """

    label: str
    url: str
    does: str
    fields: Mapping[str, str] = field(default_factory=dict)
    people: tuple[Carrier, ...] = ()
    needs_pin: bool = False
    is_link: bool = False


def waits_for_customer(order: Mapping[str, Any]) -> bool:
    """Whether it lies packed at the counter for somebody who comes for it."""
    return Status(order["status"]) is Status.READY and is_collected(order["address"]["text"])


def next_act(order: Mapping[str, Any], carriers: Sequence[Carrier], *, is_board: bool) -> Act | None:
    """What an operator most likely wants next; None when the order is closed."""
    url = f"/orders/{order['ref']}"
    status = Status(order["status"])
    if status is Status.PROCURING:
        return _next_news(order, url, is_board=is_board)
    is_collected = waits_for_customer(order)
    move = Move.DELIVER if is_collected else NEXT_MOVE.get(status)
    if move is None:
        return None
    needs_pin = move is Move.DELIVER and Proof(order["proof"]) is Proof.PIN
    here = tuple(c for c in carriers if c.is_here)
    people = (here if is_board else tuple(carriers)) if move is Move.HAND_OVER else ()
    if is_board and (needs_pin or (move is Move.HAND_OVER and not people)):
        return Act(label=f"{words.MOVES[move]}…", url=f"{url}#next", does=move.value, is_link=True)
    return Act(
        label="Mark collected" if is_collected else words.MOVES[move],
        url=f"{url}/moves",
        does=move.value,
        fields={"move": move.value},
        people=people,
        needs_pin=needs_pin,
    )


def _next_news(order: Mapping[str, Any], url: str, *, is_board: bool) -> Act | None:
    missing = [line for line in order["lines"] if Sourcing(line["sourcing"]) not in IN_HAND]
    if not missing:
        return None
    if is_board and len(missing) > 1:
        return Act(label=f"{len(missing)} things to buy", url=f"{url}#lines", does=LOOK, is_link=True)
    line = missing[0]
    before = Sourcing(line["sourcing"])
    # Whoever has taken the order is looking already.
    is_sought = before is Sourcing.TO_PROCURE and (order.get("escalation") or {}).get("state") == ACCEPTED
    state = Sourcing.BOUGHT if is_sought else NEXT_NEWS[before]
    label = _news_button(before, state)
    if not is_board and len(missing) > 1:
        label = f"{label}: {line['title']}"
    does = BOUGHT if state is Sourcing.BOUGHT else LOOK
    return Act(label=label, url=f"{url}/lines/{line['id']}/procurement", does=does, fields={"state": state.value})


def _news_button(before: Sourcing, state: Sourcing) -> str:
    if state is Sourcing.BOUGHT:
        return "Mark bought"
    return "Look elsewhere" if before is Sourcing.UNAVAILABLE else "Start looking"
