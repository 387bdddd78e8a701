"""The texts of a call for help: people are asked, asked again, and reminded; all through the outbox."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import and_, bindparam, case, func, or_, select, update
from sqlalchemy.orm import Session

from ..foundation.tokens import Links
from ..foundation.types import country_prefix
from ..messaging.rules import Channel, Kind, TextState, takes_replies
from ..messaging.service import BREATH, Draft, enqueue, hold_open_texts, withdraw
from ..messaging.tables import OutgoingText
from ..orders.service import record
from ..orders.tables import Order
from ..orders.timetable import rearm
from ..staff.rules import Person
from ..staff.tables import Staff
from . import page_wording, wording
from .job import job_of
from .ringing import call_of
from .rules import Answer, Rung
from .tables import Escalation, Page
from .wording import Job

# However late it is, a page that could not leave for this long is news about a world that has moved on.
LEAST_USE = timedelta(minutes=10)
CLOCK = "clock"
AGAIN = "asked again since"
NEXT_CODE = (
    update(Staff)
    .where(Staff.id == bindparam("person"))
    .values(next_code=Staff.next_code + 1)
    .returning(Staff.next_code)
    .execution_options(synchronize_session=False)
)
# News about the same order does not wait for others.
IS_OTHER = and_(OutgoingText.channel == Channel.SMS, OutgoingText.order_id != bindparam("order"))
# What was taken back and never left has disturbed nobody.
HAS_LEFT_OR_MAY = or_(OutgoingText.state != TextState.EXPIRED, OutgoingText.sent_at.is_not(None))
# How many texts and calls each has had, several pages in one text being one, and when the last was due of other orders.
TEXTED = (
    select(OutgoingText.staff_id)
    .add_columns(func.sum(case((OutgoingText.lead_id.is_(None), 1), else_=0)).label("texts"))
    .add_columns(func.max(case((IS_OTHER, OutgoingText.due_at))).label("due_at"))
    .where(OutgoingText.staff_id.in_(bindparam("people", expanding=True)), OutgoingText.kind == Kind.PAGE)
    .where(OutgoingText.created_at > bindparam("since"), HAS_LEFT_OR_MAY)
    .group_by(OutgoingText.staff_id)
)
UNSENT = (TextState.QUEUED, TextState.HELD, TextState.SENDING)
COPIES = (
    select(OutgoingText.id, OutgoingText.page_id, OutgoingText.failing_since)
    .where(OutgoingText.page_id.in_(bindparam("pages", expanding=True)), OutgoingText.kind == Kind.PAGE)
    .where(OutgoingText.channel == Channel.SMS, OutgoingText.state.in_(UNSENT))
)
STAND_DOWNS = (
    select(OutgoingText.id)
    .where(OutgoingText.order_id == bindparam("order"), OutgoingText.kind == Kind.STAND_DOWN)
    .where(OutgoingText.staff_id.in_(bindparam("people", expanding=True)), OutgoingText.state.in_(UNSENT))
)


@dataclass(frozen=True, kw_only=True)
class Texted:
    """What somebody has had within the hour: how many texts and calls; when the last text of another order was due."""

    count: int = 0
    due_at: datetime | None = None

    def next_at(self, now: datetime) -> datetime:
        """When one more page leaves: at once, or with what comes in the same breath as the last one."""
        if self.due_at is None or self.due_at + BREATH <= now:
            return now
        return self.due_at + BREATH if self.due_at <= now else min(self.due_at, now + BREATH)


NOTHING = Texted()


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
    _unsay_stand_downs(session, order, [person.id for person, _ in asked], now)
    job = job_of(session, order, escalation.need, now)
    # In the order of ids: two orders that ask the same people must not lock them crosswise.
    rungs = {person.id: rung for person, rung in asked}
    pages = {number: add_page(session, escalation, number, now, rung=rungs[number]) for number in sorted(rungs)}
    had = _texted(session, order, list(pages), now)
    spared = _had_enough(order, had)
    for person, _ in asked:
        if person.id not in spared:
            draft = _page_text(order, pages[person.id], person.phone, job, links=links)
            enqueue(session, replace(draft, due_at=had.get(person.id, NOTHING).next_at(now)), now)
    names = ", ".join(person.name for person, _ in asked if person.id not in spared)
    if names:
        record(session, order, "asked", f"Asked {names}.", at=now, actor=CLOCK, data={"rung": escalation.rung})
    _spare(session, order, [(pages[person.id], person.name) for person, _ in asked if person.id in spared], now)


def _unsay_stand_downs(session: Session, order: Order, staff_ids: Sequence[int], now: datetime) -> None:
    """Calls for help leave first: what ends an earlier one, and has not left, would be read after this one."""
    stale = session.scalars(STAND_DOWNS, {"order": order.id, "people": staff_ids}).all()
    if stale:
        withdraw(session, now=now, text_ids=stale, why=AGAIN)


def _spare(session: Session, order: Order, pages: Sequence[tuple[Page, str]], now: datetime) -> None:
    """The cap moves the ladder on, in the same tick, and the board says whom to phone.

    Nobody comes after the founder: that page stays open, and is sent with the next repetition that the cap allows.
    """
    if not pages:
        return
    for page, _ in pages:
        if page.rung < Rung.FOUNDER:
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

    Those in `by_phone` are rung instead of texted. A text takes the place of copies that could not leave before: after
    an outage one comes, with the newest words.
    """
    if not staff_ids:
        return
    # Before any page is written, see there. It also waits for a claim of an earlier copy that is under way.
    hold_open_texts(session, order.id)
    had = _texted(session, order, staff_ids, now)
    spared = _had_enough(order, had)
    job = job_of(session, order, escalation.need, now)
    pages = _silent_pages(escalation, staff_ids)
    failing = _withdraw_copies(session, [page.id for page in pages if page.staff_id not in {*spared, *by_phone}], now)
    asked = []
    for page in pages:
        # Counted also for whoever is spared, so that the pauses grow all the same.
        page.repeats += 1
        if page.staff_id in spared:
            continue
        is_call = page.staff_id in by_phone
        page.channel = Channel.CALL if is_call else Channel.SMS
        draft = call_of(order, page, job, now)
        if not is_call:
            text, last = _page_text(order, page, page.staff.phone, job, links=links), had.get(page.staff_id, NOTHING)
            draft = replace(text, due_at=last.next_at(now), failing_since=failing.get(page.id))
        enqueue(session, draft, now)
        asked.append(f"{page.staff.name} by phone" if is_call else page.staff.name)
    if asked:
        record(session, order, "asked_again", f"Asked {', '.join(asked)} again.", at=now, actor=CLOCK)


def _withdraw_copies(session: Session, page_ids: Sequence[int], now: datetime) -> dict[int, datetime]:
    """Take back what of these pages has not left; since when it has failed to, by page, so that an outage stays one."""
    copies = session.execute(COPIES, {"pages": page_ids}).all()
    if copies:
        withdraw(session, now=now, text_ids=[row.id for row in copies], why=AGAIN)
    failed = sorted((row for row in copies if row.failing_since), key=lambda row: row.failing_since, reverse=True)
    return {row.page_id: row.failing_since for row in failed}


def ring(session: Session, order: Order, escalation: Escalation, staff_ids: Collection[int], now: datetime) -> None:
    """Ring people whose text has not arrived, once for each page; calls count among the texts of the hour.

    The key is the guard: a second look at the same silence makes no second call.
    """
    pages = _silent_pages(escalation, staff_ids)
    if not pages:
        return
    spared = _had_enough(order, _texted(session, order, [page.staff_id for page in pages], now))
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
    replies, link = takes_replies(country_prefix(phone)), links.answer(page.id)
    again = f":{page.repeats}" if page.repeats else ""
    body = page_wording.page(job, code=page.code, link=link, takes_replies=replies, is_again=bool(again))
    return Draft(
        key=f"page:{page.id}{again}",
        kind=Kind.PAGE,
        to_phone=phone,
        body=body,
        part=page_wording.part(job, code=page.code, link=link, takes_replies=replies),
        useful_until=max(order.promised_by, page.asked_at + LEAST_USE),
        order_id=order.id,
        staff_id=page.staff_id,
        page_id=page.id,
    )


def _next_code(session: Session, staff_id: int) -> int:
    """The next number for this person. One statement: two orders may ask the same person at the same moment."""
    return session.scalars(NEXT_CODE, {"person": staff_id}).one() - 1


def _texted(session: Session, order: Order, staff_ids: Sequence[int], now: datetime) -> dict[int, Texted]:
    """What each of them has had. Those who are asked for the first time are locked by the codes they have just been
    given, so that two orders can't both send the last one, nor both the first of a breath."""
    asked = {"people": list(staff_ids), "since": now - timedelta(hours=1), "order": order.id}
    found = session.execute(TEXTED, asked)
    return {row.staff_id: Texted(count=row.texts, due_at=row.due_at) for row in found if row.staff_id is not None}


def _had_enough(order: Order, had: Mapping[int, Texted]) -> set[int]:
    """Who of them has had as many texts in the last hour as the branch's policy allows."""
    most = order.branch.policy.page_cap_per_hour
    return {staff_id for staff_id, texted in had.items() if texted.count >= most}


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
        body=wording.reminder(order.ref, code=page.code, promised=job.promised, need=job.need),
        order_id=order.id,
        staff_id=page.staff_id,
        page_id=page.id,
    )
    enqueue(session, draft, now)
    record(session, order, "reminded", f"Reminded {page.staff.name}.", at=now, actor=CLOCK)


def is_takers(escalation: Escalation, page: Page) -> bool:
    """Whether this is the page of whoever has it now."""
    return page.answer is Answer.ACCEPTED and page.staff_id == escalation.accepted_by_id
