"""One case of a broken promise under way: its row, its steps and its texts; the caller holds the order's lock."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import and_, or_, select
from sqlalchemy.orm import Session

from ..foundation.db import wake
from ..foundation.hours import local_text
from ..foundation.tokens import Links
from ..foundation.types import country_prefix
from ..messaging.phrase_rules import Language, Said
from ..messaging.rules import Channel, Kind, takes_replies
from ..messaging.service import Draft, enqueue, withdraw
from ..orders.service import record
from ..orders.tables import Order, Promise
from ..orders.telling import broken_promise, counted_promise, language, worded
from ..orders.wording import first_name, things
from ..staff.rules import Role
from ..staff.tables import Staff
from .rules import LIVE, UNHEARD, Cause, Fact, Stage, Step, next_stage, next_step_at
from .tables import Recovery, RecoveryStep
from .wording import Told

CLOCK = "clock"
ENDS_A_FIX = (Step.REOPEN, Fact.LOST)


@dataclass(frozen=True, kw_only=True)
class Case:
    """A case and what is needed to go on with it."""

    session: Session
    order: Order
    recovery: Recovery
    now: datetime
    links: Links | None = None

    def go(self, what: Step | Fact, *, fix_by: datetime | None = None) -> None:
        """Enter the stage that a step or a fact leads to, and note when something happens by itself next."""
        recovery = self.recovery
        stage = next_stage(recovery.stage, what)
        if stage is None:
            return
        recovery.fix_by = fix_by if what is Step.OFFER_FIX else None if what in ENDS_A_FIX else recovery.fix_by
        grace = timedelta(minutes=self.order.branch.policy.apology_grace_minutes)
        # Goods that come before the apology don't give people more time for it.
        is_same_clock = recovery.stage is Stage.OPENED and stage is Stage.FIXED_FIRST
        recovery.stage = stage
        if not is_same_clock:
            recovery.next_step_at = next_step_at(stage, self.now, grace=grace, fix_by=recovery.fix_by)
        recovery.closed_at = None if stage in LIVE else self.now
        self.session.flush()
        wake(self.session)

    def write(
        self,
        step: Step,
        *,
        actor: str,
        at: datetime | None = None,
        text: str | None = None,
        channel: Channel | None = None,
        staff_id: int | None = None,
        by_at: datetime | None = None,
    ) -> RecoveryStep:
        """Append a step to the case."""
        row = RecoveryStep(
            recovery=self.recovery,
            step=step,
            at=at or self.now,
            actor=actor[:100],
            text=text,
            channel=channel,
            staff_id=staff_id,
            by_at=by_at,
        )
        self.session.add(row)
        self.session.flush()
        return row

    def record(self, kind: str, text: str, *, actor: str = CLOCK) -> None:
        """An event of the order."""
        data = {"recovery_id": self.recovery.id}
        record(self.session, self.order, kind, text, at=self.now, actor=actor, data=data)

    def somebody_must_phone(self, why: str) -> None:
        """An alarm in the history: only a person can help now."""
        self.record("phone_customer", f"{why} Somebody must phone {first_name(self.order.customer_name)}.")

    def send(
        self, key: str, body: str, *, due_at: datetime | None = None, useful_until: datetime | None = None
    ) -> int | None:
        """A text to the customer, never before the apology has left; its id."""
        draft = Draft(
            key=f"recovery:{self.recovery.id}:{key}",
            kind=Kind.NOTICE,
            to_phone=self.order.customer_phone,
            body=body,
            order_id=self.order.id,
            due_at=due_at,
            useful_until=useful_until,
            after_id=self.apology_text,
        )
        return enqueue(self.session, draft, self.now)

    @property
    def apology_text(self) -> int | None:
        """The id of the text that said sorry, when it was one."""
        said = (step for step in self.recovery.steps if step.step is Step.EMPATHISE and not step.is_lost_apology)
        return next((step.outbox_id for step in said), None)

    @property
    def was_lost(self) -> bool:
        """Whether an apology was sent that never arrived: the next one is said by phone."""
        return any(step.is_lost_apology for step in self.recovery.steps)

    def unsay(self, what: Step, why: str) -> int:
        """Take back what these steps were to say, where it has not left; how many texts were stopped."""
        ids = [step.outbox_id for step in self.recovery.steps if step.step is what and step.outbox_id]
        return withdraw(self.session, now=self.now, text_ids=ids, why=why) if ids else 0

    def take_back_questions(self) -> None:
        """What was to be asked of a fix that is none, where it has not left."""
        self.unsay(Step.FIXED, "it is not fixed after all")

    def told(self, *, by: datetime | None = None) -> Told:
        """What texts may say of it."""
        order, recovery, branch = self.order, self.recovery, self.order.branch
        came = order.delivered_at if recovery.cause is not Cause.COMPLAINT else None
        phone = order.customer_phone
        return Told(
            shop=branch.name,
            name=first_name(order.customer_name).strip(),
            what=things(order.lines),
            promised=self.local(self._promise.promised_by),
            link=self.links.tracking(order.id) if self.links else "",
            cause=recovery.cause,
            reason=order.reason or "",
            wrong=recovery.what or "",
            came=self.local(came) if came else "",
            by=self.local(by) if by else "",
            signed=signer(self.session, branch.id),
            goodwill=recovery.goodwill or "",
            takes_replies=takes_replies(country_prefix(phone)),
        )

    @property
    def _promise(self) -> Promise:
        """The promise that the customer counted on: the one that is broken, while there is time left the one that will
        be."""
        if self.recovery.cause is Cause.LATE:
            return counted_promise(self.session, self.order)
        return broken_promise(self.session, self.order, self.order.delivered_at or self.now)

    @property
    def language(self) -> Language:
        """What the customer is spoken to in."""
        return language(self.order)

    def worded(self, said: Said) -> str:
        """A text to the customer, in the shop's own words."""
        return worded(self.session, self.order, said)

    def local(self, at: datetime) -> str:
        """A time as the branch says it."""
        return local_text(at, self.order.branch.timezone, now=self.now)


def signer(session: Session, branch_id: int) -> str:
    """The first name of who says sorry for the shop: the branch's manager, else a founder; empty when there is none."""
    is_manager = and_(Staff.role == Role.MANAGER, Staff.branch_id == branch_id)
    query = select(Staff.role, Staff.name).where(Staff.is_active, or_(is_manager, Staff.role == Role.FOUNDER))
    rows = session.execute(query.order_by(Staff.id)).all()
    best = min(rows, key=lambda row: row.role is not Role.MANAGER, default=None)
    return first_name(best.name).strip() if best else ""


def has_failed(session: Session, order_id: int) -> bool:
    """Whether a promise of this order is broken, or somebody has said sorry for it: danger is no news any more."""
    recovery = live_case(session, order_id)
    if recovery is None or recovery.cause is Cause.COMPLAINT:
        return False
    return recovery.cause is Cause.BROKEN or recovery.stage not in UNHEARD


def live_case(session: Session, order_id: int) -> Recovery | None:
    """The case of an order that somebody still has to go on with."""
    query = select(Recovery).where(Recovery.order_id == order_id, Recovery.closed_at.is_(None))
    return session.scalars(query.execution_options(populate_existing=True)).first()
