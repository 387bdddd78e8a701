"""The texts of a call for help: people are asked, asked again, and reminded; all through the outbox."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from sqlalchemy import func, select, update
from sqlalchemy.orm import Session

from ..foundation.tokens import Links
from ..foundation.types import country_prefix
from ..messaging.rules import Channel, Kind, takes_replies
from ..messaging.service import Draft, enqueue
from ..messaging.tables import OutgoingText
from ..orders.service import record
from ..orders.tables import Order
from ..orders.timetable import rearm
from ..staff.rules import Person
from ..staff.tables import Staff
from . import wording
from .job import job_of
from .ringing import call_of
from .rules import Answer, Rung
from .tables import Escalation, Page
from .wording import Job

# However late it is, a page that could not leave for this long is news about a world that has moved on.
LEAST_USE = timedelta(minutes=10)
CLOCK = "clock"


def ask(
    session: Session,
    order: Order,
    escalation: Escalation,
    asked: Sequence[tuple[Person, Rung]],
    now: datetime,
    *,
    links: Links,
) -> None:
    """Page each of them once; whoever has had as many texts in this hour as the policy allows is passed over."""
    if not asked:
        return
    job = job_of(session, order, escalation.need, now)
    # In the order of ids: two orders that ask the same people must not lock them crosswise.
    rungs = {person.id: rung for person, rung in asked}
    pages = {number: add_page(session, escalation, number, now, rung=rungs[number]) for number in sorted(rungs)}
    spared = _had_enough(session, order, list(pages), now)
    for person, _ in asked:
        if person.id not in spared:
            enqueue(session, _page_text(order, pages[person.id], person.phone, job, links=links), now)
    names = ", ".join(person.name for person, _ in asked if person.id not in spared)
    if names:
        record(session, order, "asked", f"Asked {names}.", at=now, actor=CLOCK, data={"rung": escalation.rung})
    _spare(session, order, [(pages[person.id], person.name) for person, _ in asked if person.id in spared], now)


def _spare(session: Session, order: Order, pages: Sequence[tuple[Page, str]], now: datetime) -> None:
    """The cap moves the ladder on, in the same tick, and the board says whom to phone."""
    if not pages:
        return
    for page, _ in pages:
        page.answer, page.answered_at, page.note = Answer.UNREACHABLE, now, "too many texts this hour"
    most = order.branch.policy.page_cap_per_hour
    text = f"Not asked, after {most} texts within the hour: {', '.join(name for _, name in pages)}. Phone them."
    record(session, order, "spared", text, at=now, actor=CLOCK)
    rearm(session, [order.id], now)


def add_page(
    session: Session, escalation: Escalation, staff_id: int, now: datetime, *, rung: int, channel: Channel = Channel.SMS
) -> Page:
    """A page with the next number for this person; nothing is sent."""
    page = Page(
        escalation=escalation,
        staff_id=staff_id,
        rung=int(rung),
        round=escalation.round,
        code=_next_code(session, staff_id),
        channel=channel,
        asked_at=now,
        repeats=0,
    )
    session.add(page)
    session.flush()
    return page


def ask_again(
    session: Session,
    order: Order,
    escalation: Escalation,
    staff_ids: Sequence[int],
    now: datetime,
    *,
    links: Links,
    by_phone: Collection[int] = (),
) -> None:
    """The same page once more to people who have not said a word, with the same code; the cap holds here too.

    Those in `by_phone` are rung instead of texted.
    """
    spared = _had_enough(session, order, staff_ids, now)
    job = job_of(session, order, escalation.need, now)
    asked = []
    for page in _silent_pages(escalation, staff_ids):
        # Counted also for whoever is spared, so that the pauses grow all the same.
        page.repeats += 1
        if page.staff_id in spared:
            continue
        is_call = page.staff_id in by_phone
        page.channel = Channel.CALL if is_call else Channel.SMS
        text = (
            call_of(order, page, job, now) if is_call else _page_text(order, page, page.staff.phone, job, links=links)
        )
        enqueue(session, text, now)
        asked.append(f"{page.staff.name} by phone" if is_call else page.staff.name)
    if asked:
        record(session, order, "asked_again", f"Asked {', '.join(asked)} again.", at=now, actor=CLOCK)


def ring(session: Session, order: Order, escalation: Escalation, staff_ids: Collection[int], now: datetime) -> None:
    """Ring people whose text has not arrived, once for each page; calls count among the texts of the hour.

    The key is the guard: a second look at the same silence makes no second call.
    """
    pages = _silent_pages(escalation, staff_ids)
    if not pages:
        return
    spared = _had_enough(session, order, [page.staff_id for page in pages], now)
    job = job_of(session, order, escalation.need, now)
    rung = []
    for page in pages:
        if page.staff_id not in spared and enqueue(session, call_of(order, page, job, now), now) is not None:
            page.channel = Channel.CALL
            rung.append(page.staff.name)
    if rung:
        text = f"Rang {', '.join(rung)}: the text has not arrived."
        record(session, order, "rang", text, at=now, actor=CLOCK)


def _silent_pages(escalation: Escalation, staff_ids: Collection[int]) -> list[Page]:
    return [
        page
        for page in escalation.pages
        if page.staff_id in staff_ids and page.round == escalation.round and page.answer is None
    ]


def _page_text(order: Order, page: Page, phone: str, job: Job, *, links: Links) -> Draft:
    replies = takes_replies(country_prefix(phone))
    again = f":{page.repeats}" if page.repeats else ""
    body = wording.page(job, code=page.code, link=links.answer(page.id), takes_replies=replies, is_again=bool(again))
    return Draft(
        key=f"page:{page.id}{again}",
        kind=Kind.PAGE,
        to_phone=phone,
        body=body,
        useful_until=max(order.promised_by, page.asked_at + LEAST_USE),
        order_id=order.id,
        staff_id=page.staff_id,
        page_id=page.id,
    )


def _next_code(session: Session, staff_id: int) -> int:
    """The next number for this person. One statement: two orders may ask the same person at the same moment."""
    statement = update(Staff).where(Staff.id == staff_id).values(next_code=Staff.next_code + 1)
    return session.scalars(statement.returning(Staff.next_code)).one() - 1


def _had_enough(session: Session, order: Order, staff_ids: Sequence[int], now: datetime) -> set[int]:
    """Who of them has had as many pages in the last hour as the branch's policy allows.

    Their rows are locked by the codes they have just been given, so that two orders can't both send the last one.
    """
    query = (
        select(OutgoingText.staff_id)
        .where(OutgoingText.staff_id.in_(staff_ids), OutgoingText.kind == Kind.PAGE)
        .where(OutgoingText.created_at > now - timedelta(hours=1))
        .group_by(OutgoingText.staff_id)
        .having(func.count() >= order.branch.policy.page_cap_per_hour)
    )
    return {staff_id for staff_id in session.scalars(query) if staff_id is not None}


def remind(session: Session, order: Order, escalation: Escalation, now: datetime) -> None:
    """Ask whoever took it how it goes; once for each check-in."""
    page = next((page for page in escalation.pages if is_takers(escalation, page)), None)
    escalation.reminded_at = now
    if page is None:
        return
    job = job_of(session, order, escalation.need, now)
    draft = Draft(
        key=f"reminder:{page.id}:{escalation.check_in_at:%d%H%M%S}",
        kind=Kind.REMINDER,
        to_phone=page.staff.phone,
        body=wording.reminder(order.ref, code=page.code, promised=job.promised),
        order_id=order.id,
        staff_id=page.staff_id,
        page_id=page.id,
    )
    enqueue(session, draft, now)
    record(session, order, "reminded", f"Reminded {page.staff.name}.", at=now, actor=CLOCK)


def is_takers(escalation: Escalation, page: Page) -> bool:
    """Whether this is the page of whoever has it now."""
    return page.answer is Answer.ACCEPTED and page.staff_id == escalation.accepted_by_id
