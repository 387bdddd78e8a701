"""News about one line as it is written down: in the history, and among the answers of the supplier that it names."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from ..foundation.errors import Invalid
from ..foundation.hours import local_text
from ..orders.rules import Sourcing
from ..orders.service import ProcurementNews, record
from ..orders.tables import Line
from .call_log import Told, told_of, write
from .calls import Outcome
from .tables import Supplier
from .wording import asked_in_vain

SAID = {
    Sourcing.SEARCHING: "Looking for {title}{where}.",
    Sourcing.RESERVED: "{title} is put aside{where}.",
    Sourcing.BOUGHT: "{title} is bought{where}.",
    Sourcing.UNAVAILABLE: "{title} can't be had{where}.",
}
# News that names a supplier is an answer of that supplier, and teaches like one.
ANSWERS = {
    Sourcing.RESERVED: Outcome.HAS_IT,
    Sourcing.BOUGHT: Outcome.BOUGHT,
    Sourcing.UNAVAILABLE: Outcome.NO,
}


def kept_until(line: Line, news: ProcurementNews, supplier_id: int | None) -> datetime | None:
    """Until when it is put aside; hearing again that it is, and no more, leaves the time that was said."""
    if news.state is not Sourcing.RESERVED:
        return None
    is_same = line.sourcing is Sourcing.RESERVED and line.supplier_id == supplier_id
    return news.kept_until or (line.kept_until if is_same else None)


def why_given_up(session: Session, line: Line, news: ProcurementNews) -> str:
    """Who was asked in vain, when nothing else says why a line can't be had. Raises Invalid when nothing does."""
    is_known = bool(news.note or news.supplier) or line.sourcing is Sourcing.UNAVAILABLE
    if news.state is not Sourcing.UNAVAILABLE or is_known:
        return ""
    asked = asked_in_vain(told_of(session, line))
    if not asked:
        raise Invalid("note", "is missing: say why it can't be had, or name the supplier that doesn't have it")
    return asked


def _sentence(note: str) -> str:
    """What somebody typed, as it reads after a full stop."""
    return f"{note[:1].upper()}{note[1:]}"


def record_news(
    session: Session,
    line: Line,
    news: ProcurementNews,
    supplier: Supplier | None,
    now: datetime,
    *,
    actor: str,
    before: Mapping[str, Any],
    asked: str = "",
) -> None:
    """What has become of a line, once it is written there, and `before`; the caller holds the order's lock."""
    where = f" at {supplier.name}" if supplier else ""
    if line.kept_until:
        where += f" until {local_text(line.kept_until, line.order.branch.timezone, now=now)}"
    text = SAID[news.state].format(title=line.title, where=where) + (f" {_sentence(news.note)}" if news.note else asked)
    data = {"line_id": line.id, "supplier": news.supplier, "state": news.state.value, "before": dict(before)}
    record(session, line.order, f"line_{news.state.value}", text, at=now, actor=actor, data=data)
    if supplier and news.state in ANSWERS:
        told = Told(
            supplier=supplier.code,
            outcome=ANSWERS[news.state],
            kept_until=line.kept_until,
            by=news.by,
            note=news.note,
        )
        write(session, line, supplier, told, now, actor=actor)
