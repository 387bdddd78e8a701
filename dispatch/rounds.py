"""The rounds: each does one duty in transactions of its own, and is safe to run twice and on many machines."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import islice

from sqlalchemy import select
from sqlalchemy.orm import Session

from . import care
from .customers.service import relay_events
from .escalation.audit import SAID, Neglect, neglected
from .escalation.inbound import handle_inbound
from .escalation.service import tend
from .foundation.db import insert_or_update, once_more
from .foundation.errors import Busy, Unavailable
from .foundation.log import get_logger
from .foundation.outside import ping
from .messaging.delivery import Delivery
from .messaging.limit_rules import Limits, prefixes_of
from .messaging.service import record_failure, unhandled
from .orders.tables import Branch, Heartbeat, OrderEvent, Timetable
from .orders.timetable import due_orders, next_due_at, rearm
from .promise import quotes
from .promise.learning import collect, is_due, recalibrate
from .recovery import audit as recovery_audit
from .recovery import queries as recoveries
from .recovery.service import put_case_off, tend_case
from .recovery.surveys import put_survey_off, tend_survey
from .reports import service as reports
from .runtime import Runtime

log = get_logger("rounds")

BATCH = 100
# So few looks in a turn: answers and customers' news come before the next ones, and wait no longer than these take.
LOOKS = 10
# A text that can't be handled stays on the board for a person to read.
MOST_ATTEMPTS = 5
# An order whose look failed is looked at again after this, so that it can't keep the others from theirs.
AFTER_FAILURE = timedelta(seconds=30)
AFTER_BUSY = timedelta(seconds=2)
# Rounds that were silent for so long have stopped.
SILENCE = timedelta(seconds=60)


def watch(runtime: Runtime) -> int:
    """Let expired quotes go, then look at orders that are due, a few in a turn; how many of both there were."""
    with runtime.db.snapshot() as session:
        now = runtime.clock.now()
        expired, due = quotes.due_quotes(session, now, limit=BATCH), due_orders(session, now, limit=BATCH)
    looked = sum(_let_go(runtime, quote_id) for quote_id in expired)
    # Whoever waited for what a quote held has just become due; they are seen by the next round, which comes at once.
    # Orders that somebody else holds, as who moves many together does, don't keep the others from their look.
    looks = (found for order_id in due if (found := _look(runtime, order_id)) is not None)
    return looked + sum(islice(looks, LOOKS)) + make_good(runtime)


def make_good(runtime: Runtime) -> int:
    """Do what is due of broken promises, and ask those who were well served how it was; how many of both."""
    with runtime.db.snapshot() as session:
        now = runtime.clock.now()
        next_at = recoveries.next_due_at(session)
        if next_at is None or next_at > now:
            return 0
        cases = recoveries.due_cases(session, now, limit=BATCH)
        surveys = recoveries.due_surveys(session, now, limit=BATCH)
    done = sum(_care(runtime, tend_case, put_case_off, number) for number in cases)
    return done + sum(_care(runtime, tend_survey, put_survey_off, number) for number in surveys)


def _care(runtime: Runtime, tend_one: Callable[..., bool], put_off: Callable[..., None], number: int) -> int:
    """One case, or one question; what fails is tried again later, and keeps nobody else waiting."""
    try:
        return int(
            once_more(runtime.db, lambda session: tend_one(session, number, runtime.clock.now(), links=runtime.links))
        )
    except Busy:
        log.warning("a customer waits for an order that somebody else holds", number=number)
        after = AFTER_BUSY
    except Unavailable:
        raise
    except Exception:
        log.exception("a customer could not be cared for", number=number)
        after = AFTER_FAILURE
    with runtime.db.transaction() as session:
        put_off(session, number, runtime.clock.now() + after)
    return 0


def _look(runtime: Runtime, order_id: int) -> int | None:
    """1 for a look, 0 for one that failed and is put off, None when somebody else holds the order."""

    def look(session: Session) -> bool:
        links, now = runtime.links, runtime.clock.now()
        return tend(session, order_id, now, links=links, has_voice=runtime.has_voice, care=care.at_each_look(links))

    try:
        return 1 if once_more(runtime.db, look) else None
    except Busy:
        log.warning("an order waits for something that somebody else holds", order_id=order_id)
        after = AFTER_BUSY
    except Unavailable:
        raise
    except Exception:
        log.exception("an order could not be looked at", order_id=order_id)
        after = AFTER_FAILURE
    later = runtime.clock.now() + after
    with runtime.db.transaction() as session:
        session.get_one(Timetable, order_id).next_check_at = later
    return 0


def _let_go(runtime: Runtime, quote_id: int) -> int:
    try:
        now = runtime.clock.now()
        return int(once_more(runtime.db, lambda session: quotes.let_expired_go(session, quote_id, now)))
    except Unavailable:
        raise
    except Exception:
        # It counts on nobody any more; only its copies wait for the next try, and no order for this one.
        log.exception("a quote could not be let go", quote_id=quote_id)
        return 0


def relay(runtime: Runtime) -> int:
    """Give texts their effect that have none yet, and tell customers what happened; how many were handled."""
    with runtime.db.snapshot() as session:
        texts = [text.id for text in unhandled(session, BATCH) if text.attempts < MOST_ATTEMPTS]
        has_news = session.scalars(select(OrderEvent.id).where(OrderEvent.relayed_at.is_(None)).limit(1)).first()
    # Failures don't count as work, or the next try would come at once and not with a later round.
    handled = sum(handle_stored(runtime, inbound_id) for inbound_id in texts)
    if has_news is None:
        return handled
    return handled + once_more(
        runtime.db, lambda session: relay_events(session, runtime.clock.now(), links=runtime.links)
    )


def handle_stored(runtime: Runtime, inbound_id: int) -> bool:
    """Give one stored text its effect; a failure is counted and the text is tried again by a later round."""
    try:
        listeners = care.listeners(runtime.links)
        once_more(
            runtime.db, lambda session: handle_inbound(session, inbound_id, runtime.clock.now(), listeners=listeners)
        )
        return True
    except Busy:
        # Not the text's fault: what it is about is held by somebody else, and it waits without being given up.
        log.warning("a text waits for something that somebody else holds", inbound_id=inbound_id)
    except Unavailable:
        raise
    except Exception:
        log.exception("a text could not be handled", inbound_id=inbound_id)
        with runtime.db.transaction() as session:
            record_failure(session, inbound_id)
    return False


def make_delivery(runtime: Runtime) -> Delivery:
    """The outbox's sender, told what to do with the provider's news."""
    prefixes = prefixes_of(runtime.settings.countries)
    limits = Limits(per_month=runtime.settings.texts_per_month, prefixes=prefixes)
    return Delivery(
        runtime.db,
        runtime.texts,
        clock=runtime.clock,
        links=runtime.links,
        concurrency=runtime.settings.worker_concurrency,
        texts_per_second=runtime.settings.texts_per_second,
        on_settled=care.heard,
        limits=lambda _: limits,
    )


def audit(runtime: Runtime) -> int:
    """Look for what should have happened and has not, say so loudly, and have it looked at; how much was found."""
    now = runtime.clock.now()
    with runtime.db.transaction() as session:
        found = neglected(session, now)
        for what, ids in found.items():
            log.error(SAID[what], count=len(ids), neglect=what)
        forgotten = recovery_audit.forgotten(session, now)
        for who, ids in forgotten.items():
            log.error(recovery_audit.SAID[who], count=len(ids), neglect=who)
        orders = {order_id for what, ids in found.items() if what is not Neglect.WAITING for order_id in ids}
        orders |= {order_id for ids in forgotten.values() for order_id in ids}
        rearm(session, orders, now)
        insert_or_update(session, Heartbeat, {"name": "audit"}, {"at": now})
    return sum(len(ids) for ids in (*found.values(), *forgotten.values()))


def report_outside(runtime: Runtime) -> bool:
    """Tell whoever watches us from outside that promises are being watched; silent when they are not, or not asked to.

    The address comes from the settings; true when it was told.
    """
    url, now = runtime.settings.heartbeat_url, runtime.clock.now()
    if url is None:
        return False
    with runtime.db.snapshot() as session:
        at = session.scalars(select(Heartbeat.at).where(Heartbeat.name == "watch")).first()
        if at is None or now - at > SILENCE or neglected(session, now):
            log.error("not well: the outside is not told that we are")
            return False
    return ping(url)


def learn(runtime: Runtime) -> int:
    """Have every branch learn from its day, once a night; how many did."""
    now = runtime.clock.now()
    with runtime.db.snapshot() as session:
        due = [branch.id for branch in session.scalars(select(Branch)) if is_due(session, branch, now)]
    return sum(_learn(runtime, branch_id, now) for branch_id in due)


def _learn(runtime: Runtime, branch_id: int, now: datetime) -> int:
    try:
        # Some orders at a time, so that SQLite's other writers don't wait long; the end of it is safe to be done twice.
        while once_more(runtime.db, lambda session: collect(session, session.get_one(Branch, branch_id), now)):
            continue
        return int(once_more(runtime.db, lambda session: recalibrate(session, session.get_one(Branch, branch_id), now)))
    except Unavailable:
        raise
    except Exception:
        # One branch that can't learn keeps none of the others from it; what was learned before stays in force.
        log.exception("a branch could not learn", branch_id=branch_id)
        return 0


def tell_founders(runtime: Runtime) -> int:
    """Write the morning's report to the founders of branches that want it, once a day; how many texts were written."""
    now = runtime.clock.now()
    with runtime.db.snapshot() as session:
        due = [branch.id for branch in reports.wanting(session) if reports.is_due(session, branch, now)]
    return sum(_tell_founders(runtime, branch_id, now) for branch_id in due)


def _tell_founders(runtime: Runtime, branch_id: int, now: datetime) -> int:
    def tell(session: Session) -> int:
        return reports.tell_founders(session, session.get_one(Branch, branch_id), now, links=runtime.links)

    try:
        return once_more(runtime.db, tell)
    except Unavailable:
        raise
    except Exception:
        log.exception("a founder could not be told of the day before", branch_id=branch_id)
        return 0


def beat(runtime: Runtime, name: str) -> None:
    """Write down that a round has run to its end."""
    with runtime.db.transaction() as session:
        insert_or_update(session, Heartbeat, {"name": name}, {"at": runtime.clock.now()})


def next_look_at(runtime: Runtime) -> datetime | None:
    """When the watch round has something to do."""
    with runtime.db.snapshot() as session:
        instants = (
            next_due_at(session),
            quotes.next_expiry(session, runtime.clock.now()),
            recoveries.next_due_at(session),
        )
    return min((at for at in instants if at), default=None)
