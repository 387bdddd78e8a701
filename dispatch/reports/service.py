"""The founder's text of the morning: whether a branch wants it, when it is due, and writing it, once a day."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from ..foundation.db import insert_or_update
from ..foundation.hours import open_spans
from ..foundation.tokens import Links
from ..foundation.types import can_be_texted
from ..messaging.rules import Kind
from ..messaging.service import Draft, enqueue, opted_out
from ..messaging.tables import OutgoingText
from ..orders.tables import Branch
from ..staff.rules import Role
from ..staff.tables import Staff
from .queries import Row, instants, open_today, promise_rows, today
from .rules import A_DAY, Days, Outcome, Why
from .tables import MorningText
from .wording import WHY, Morning, morning

# A shop that opens at five, or never closes, lets its founder sleep.
DAY_BEGINS, DAY_ENDS = time(8), time(20)
# After this a morning's report is old news: who wants it looks at the page.
USEFUL = timedelta(hours=4)
LONGEST_CLOSED = 7 * A_DAY


@dataclass(frozen=True)
class Due:
    """When the text of a morning is due, and which days it tells of."""

    at: datetime
    days: Days


def wants_text(session: Session, branch: Branch) -> bool:
    """Whether the founder is texted each morning about this branch."""
    return session.get(MorningText, branch.id, populate_existing=True) is not None


def wanting(session: Session) -> Sequence[Branch]:
    """Branches that want it."""
    return session.scalars(select(Branch).join(MorningText, MorningText.branch_id == Branch.id)).all()


def want_text(session: Session, branch: Branch, now: datetime, *, is_wanted: bool, actor: str) -> None:
    """Switch it on or off; twice is once, also when two do it at the same time."""
    if is_wanted:
        values = {"wanted_by": actor[:100], "wanted_at": now}
        insert_or_update(session, MorningText, {"branch_id": branch.id}, values)
    else:
        session.execute(delete(MorningText).where(MorningText.branch_id == branch.id))


def due_on(branch: Branch, now: datetime) -> Due | None:
    """This day's text: at opening, within the founder's day; None on a day on which the shop stays closed.

    It tells of the days since the shop was last open, so that nothing slips between a Saturday and a Monday.
    """
    zone, day = ZoneInfo(branch.timezone), today(branch, now)
    start, end = instants(Days(day - LONGEST_CLOSED, day), branch.timezone)
    spans = open_spans(branch.opening_hours, timezone=branch.timezone, start=start, end=end, country=branch.country)

    def opening(on: date) -> datetime | None:
        begin, finish = instants(Days(on, on), branch.timezone)
        return next((max(span.start, begin) for span in spans if span.start < finish and span.end > begin), None)

    opens = opening(day)
    if opens is None:
        return None
    earliest, latest = (datetime.combine(day, at, tzinfo=zone) for at in (DAY_BEGINS, DAY_ENDS))
    before = Days(day - LONGEST_CLOSED, day - A_DAY).each()
    last_open = max((one for one in before if opening(one)), default=day - A_DAY)
    return Due(min(max(opens, earliest), latest), Days(last_open, day - A_DAY))


def is_due(session: Session, branch: Branch, now: datetime) -> bool:
    """Whether this day's text is still to be written."""
    due = due_on(branch, now)
    if due is None or not due.at <= now < due.at + USEFUL:
        return False
    keys = [_key(branch, founder, now) for founder in founders(session)]
    written = session.scalars(select(OutgoingText.key).where(OutgoingText.key.in_(keys))).all()
    return len(written) < len(keys)


def founders(session: Session) -> Sequence[Staff]:
    """Founders who can be texted: they serve every branch."""
    query = select(Staff).where(Staff.role == Role.FOUNDER, Staff.is_active).order_by(Staff.id)
    found = session.scalars(query).all()
    silent = opted_out(session, [founder.phone for founder in found])
    return [founder for founder in found if founder.phone not in silent and can_be_texted(founder.phone)]


def _key(branch: Branch, founder: Staff, now: datetime) -> str:
    return f"morning:{branch.id}:{today(branch, now)}:{founder.id}"


def tell_founders(session: Session, branch: Branch, now: datetime, *, links: Links) -> int:
    """Write this day's text to every founder; how many were written. Nothing was promised: nothing is said.

    Two workers that do it at the same time write one text: the unique key of the outbox stops the second.
    """
    due = due_on(branch, now)
    if due is None or not wants_text(session, branch):
        return 0
    rows = promise_rows(session, branch, due.days, now)
    if not rows:
        return 0
    body = morning(_told(session, branch, due.days, rows, now, link=f"{links.base}/reports"))
    written = 0
    for founder in founders(session):
        draft = Draft(
            key=_key(branch, founder, now),
            # Not a page: nobody is asked for anything, and whatever is urgent goes first.
            kind=Kind.REMINDER,
            to_phone=founder.phone,
            body=body,
            staff_id=founder.id,
            useful_until=due.at + USEFUL,
        )
        written += enqueue(session, draft, now) is not None
    return written


def _told(session: Session, branch: Branch, days: Days, rows: Sequence[Row], now: datetime, *, link: str) -> Morning:
    counts = Counter(row.outcome for row in rows)
    first = days.first
    return Morning(
        shop=branch.name,
        since="Yesterday" if first == days.last else f"Since {first:%a} {first.day} {first:%b}",
        total=len(rows),
        kept=counts[Outcome.KEPT],
        broken=[(row.ref, WHY[row.why or Why.NOT_KNOWN]) for row in rows if row.is_broken],
        repromised=counts[Outcome.REPROMISED],
        open_today=open_today(session, branch, now).total,
        link=link,
    )
