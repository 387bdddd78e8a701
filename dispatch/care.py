"""What a customer is owed, put together from rooms that don't know each other: heads-up, recovery, and their answers.

The rounds and the web both need it, and neither may ask the other.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.orm import Session

from .customers import heads_up, heads_up_answers
from .customers.offer_notices import heard_of_notice
from .escalation.customer_answers import Listener
from .escalation.receipts import heard_from_provider
from .foundation.tokens import Links
from .messaging.inbound import Reaction
from .messaging.service import Settled
from .messaging.tables import InboundText
from .orders.tables import Order
from .promise.looks import Care, Look
from .recovery import answers as recovery_answers
from .recovery import watching
from .recovery.case import has_failed


def at_each_look(links: Links) -> Care:
    """What a look at an order means for its customer: first whether they must hear of danger, then whether it broke."""

    def care(session: Session, order: Order, look: Look | None, now: datetime, /) -> datetime | None:
        looks = (
            heads_up.consider(session, order, look, now, links=links, has_failed=lambda: has_failed(session, order.id)),
            watching.consider(session, order, look, now, links=links),
        )
        return min((at for at in looks if at), default=None)

    return care


def listeners(links: Links) -> tuple[Listener, ...]:
    """Who may have asked the customer something besides an offer of something else."""

    def chose(session: Session, text: InboundText, now: datetime, /) -> Reaction | None:
        return heads_up_answers.answer_by_text(session, text, now, links=links)

    def said(session: Session, text: InboundText, now: datetime, /) -> Reaction | None:
        return recovery_answers.answer_by_text(session, text, now, links=links)

    return (chose, said)


def heard(session: Session, settled: Settled, now: datetime) -> None:
    """The provider's news of one text, told to everybody who may have sent it."""
    heard_from_provider(session, settled, now)
    heard_of_notice(session, settled, now)
    heads_up.heard_of_heads_up(session, settled, now)
    watching.heard_of_text(session, settled, now)
