"""What to try next in the demo's afternoon, from where its story stands; nothing elsewhere."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from ..escalation.rules import EscalationState
from ..escalation.service import latest_escalation
from ..orders.rules import CLOSED, Status
from ..orders.tables import Order
from ..promise.rules import Level
from ..promise.tables import Watch

STORY = "demo-book"
NEXT = {
    Status.PACKING: "The book is here. Press Mark packed in its row.",
    Status.READY: "It is packed. Open the order and hand it over to Ravi.",
    Status.OUT_FOR_DELIVERY: "It is on its way, and the customer's phone says so. Press Mark delivered.",
}
ASKED = "People are being asked. Open the phones in a second window and answer one of the texts with its first chip."
TAKEN = "Somebody has it, and the others were told by name. On the phones, the taker's next chip says: I have it."
SOON = "Dev's book is not in stock, and City Books closes soon. Wait: in a minute his promise turns at risk by itself."
AFTER = (
    "Promise kept. Now let the atlas wait until nobody is left, take a new order for a book we don't have, pause "
    "somebody under People, or answer STOP on a phone."
)


def next_step(session: Session) -> str | None:
    """One sentence for a newcomer; None when this is not the demo's shop."""
    order = session.scalars(select(Order).where(Order.external_id == STORY)).first()
    if order is None:
        return None
    if order.status in CLOSED:
        return AFTER
    if order.status is not Status.PROCURING:
        return NEXT[order.status]
    escalation = latest_escalation(session, order.id)
    if escalation is not None and escalation.state is EscalationState.ACCEPTED:
        return TAKEN
    watch = session.get(Watch, order.id)
    return ASKED if watch is not None and watch.level in (Level.AT_RISK, Level.LATE) else SOON
