"""What to try next in the demo's afternoon, from where its story stands; nothing elsewhere."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from ..escalation.rules import EscalationState
from ..escalation.service import latest_escalation
from ..escalation.tables import Escalation
from ..orders.rules import CLOSED, Sourcing, Status
from ..orders.tables import Order
from ..orders.wording import first_name
from ..promise.rules import IN_DANGER
from ..promise.tables import Watch
from ..staff.tables import Staff

STORY, GIFT = "demo-book", "demo-gift"
NEXT = {
    Status.PACKING: "The book is here. On the board, press Mark packed in its row.",
    Status.READY: "It is packed. On the board, choose in its row who brings it, and press Hand over.",
    Status.OUT_FOR_DELIVERY: "It is on its way; Dev's phone says so. On the board, press Mark delivered in its row.",
}
SOON = "Dev's book is not in stock, and City Books closes soon. Wait: within two minutes his promise turns at risk."
RISKY = "Dev's promise is at risk. Wait: in a moment the first people are asked."
ASKED = (
    "People are asked whether they can buy Dev's book. On the phones, best in a second window, answer for one of them: "
    "the first button under the text takes it."
)
TAKEN = (
    "{taker} has it, and the others who were asked were told so by name. On {taker}'s phone the button “I have it” "
    "says that the book is bought."
)
NOBODY = "Nobody took it, so it stays red. Open the order: if you ring somebody and they say yes, write it down there."
SOUGHT = "Somebody is looking for Dev's book. When it is found, press Mark bought in its row on the board."
GONE = "City Books does not have it. Press Look elsewhere in its row, or open the order and ring Dev."
KEPT, LATE, CANCELLED = (
    "Promise kept: Dev has his book.",
    "Dev has his book, but later than we promised.",
    "Dev's order is cancelled.",
)
GIFT_WAITS = "Now leave Lila's atlas alone: if nobody packs it in time, it turns at risk too."
MORE = (
    "Now take an order for something we don't have, pause somebody under People, or text STOP from one of the phones."
)


def next_step(session: Session) -> str | None:
    """A sentence or two for a newcomer; None when this is not the demo's shop."""
    order = _order(session, STORY)
    if order is None:
        return None
    if order.status in CLOSED:
        gift = _order(session, GIFT)
        return f"{_ending(order)} {GIFT_WAITS if gift and gift.status is Status.PACKING else MORE}"
    return NEXT.get(order.status) or _while_buying(session, order)


def _order(session: Session, external_id: str) -> Order | None:
    return session.scalars(select(Order).where(Order.external_id == external_id)).first()


def _ending(order: Order) -> str:
    if order.delivered_at is None:
        return CANCELLED
    return KEPT if order.delivered_at <= order.first_promised_by else LATE


def _while_buying(session: Session, order: Order) -> str:
    sourcing = {line.sourcing for line in order.lines}
    if Sourcing.UNAVAILABLE in sourcing:
        return GONE
    call = latest_escalation(session, order.id)
    said = _of_call(session, call) if call else None
    if said:
        return said
    if Sourcing.TO_PROCURE not in sourcing:
        return SOUGHT
    watch = session.get(Watch, order.id)
    return RISKY if watch is not None and watch.level in IN_DANGER else SOON


def _of_call(session: Session, call: Escalation) -> str | None:
    if call.state is EscalationState.ACCEPTED:
        taker = session.get(Staff, call.accepted_by_id)
        return TAKEN.format(taker=first_name(taker.name) if taker else "Somebody")
    return {EscalationState.OPEN: ASKED, EscalationState.UNANSWERED: NOBODY}.get(call.state)
