"""What a branch has learned of how long things take: reading it, and learning anew each night."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from types import MappingProxyType
from zoneinfo import ZoneInfo

from sqlalchemy import bindparam, delete, insert, or_, select
from sqlalchemy.orm import Session

from ..foundation.db import insert_or_update
from ..foundation.log import get_logger
from ..orders.tables import Branch
from ..orders.timetable import rearm_branch
from .estimates import LEAST_DEFAULT, Group, Kind, Lengths, Ratio, Spread
from .lessons import Seen, is_absurd, learn
from .tables import Estimate, Learning, Observation, Source
from .trails import BATCH, read_trails

log = get_logger("learning")

# When nobody is at work, by the branch's own clocks, so that a day's lessons are there before it opens.
NIGHTLY_AT = time(3)
# Of each kind; what a lesson remembers of it is less.
MOST_READ = 5000
# How many events of all orders the next night looks at again: one that got its number early may be committed late.
LOOK_BACK = 1000
LEARNED = select(
    Estimate.kind,
    Estimate.supplier_id,
    Estimate.distance_band,
    Estimate.hour_band,
    Estimate.is_given,
    Estimate.likely_log,
    Estimate.cautious_log,
    Estimate.n,
).where(Estimate.branch_id == bindparam("branch"))
LEARNED_OF = LEARNED.where(
    or_(Estimate.supplier_id.is_(None), Estimate.supplier_id.in_(bindparam("shops", expanding=True)))
)


@dataclass(frozen=True, kw_only=True)
class NewObservation:
    """A step that has ended, and where we know it from. `key`: the same for the same step, whenever it is read."""

    key: str
    seen: Seen
    said: Spread
    source: Source
    order_id: int | None = None
    line_id: int | None = None


def load_lengths(session: Session, branch_id: int, *, supplier_ids: Collection[int]) -> Lengths:
    """What a branch has learned, of other shops only these; one query, of columns."""
    return _read_lengths(session, branch_id, supplier_ids)


def _read_lengths(session: Session, branch_id: int, supplier_ids: Collection[int] | None) -> Lengths:
    query = LEARNED if supplier_ids is None else LEARNED_OF
    asked = {"branch": branch_id, "shops": list(supplier_ids or ())}
    ratios = {
        Group(Kind(kind), shop, distance, hour, given): Ratio(likely, cautious, n)
        for kind, shop, distance, hour, given, likely, cautious, n in session.execute(query, asked)
    }
    return Lengths(ratios=MappingProxyType(ratios))


def last_night(branch: Branch, now: datetime) -> datetime:
    """The last 03:00 at the branch that has come; where clocks skip it, the instant that stands for it."""
    zone = ZoneInfo(branch.timezone)
    today = now.astimezone(zone).date()
    tonight = datetime.combine(today, NIGHTLY_AT, tzinfo=zone)
    # Two times of one zone are compared by their faces, which is wrong in the hour that comes twice: compare instants.
    if tonight.timestamp() <= now.timestamp():
        return tonight
    return datetime.combine(today - timedelta(days=1), NIGHTLY_AT, tzinfo=zone)


def is_due(session: Session, branch: Branch, now: datetime) -> bool:
    """Whether the branch has not learned since the last night began."""
    learned_at = session.scalars(select(Learning.learned_at).where(Learning.branch_id == branch.id)).first()
    return learned_at is None or learned_at < last_night(branch, now)


def _lock(session: Session, branch_id: int) -> Learning:
    """The row that one of those who learn at the same time holds; made when it is not there."""
    mine = {"branch_id": branch_id}
    insert_or_update(session, Learning, mine, mine)
    query = select(Learning).where(Learning.branch_id == branch_id).with_for_update()
    return session.scalars(query.execution_options(populate_existing=True)).one()


def collect(session: Session, branch: Branch, now: datetime, *, limit: int = BATCH) -> int:
    """Take in steps of the next delivered orders, at most `limit`; how many orders were read, 0 when all are known.

    Each step is kept with what was said before this night: it was learned from what had ended by the night before.
    """
    learning = _lock(session, branch.id)
    trails, learning.seen_event_id = read_trails(session, branch, after=learning.seen_event_id, limit=limit)
    lengths = _read_lengths(session, branch.id, None)
    found = [
        NewObservation(
            key=f"event:{step.event_id}",
            seen=step.seen,
            said=step.seen.spread_of(lengths),
            source=Source.EVENTS,
            order_id=step.order_id,
            line_id=step.line_id,
        )
        for trail in trails
        for step in trail
        if step.seen.ended_at <= now
    ]
    absurd = sum(is_absurd(one.seen.minutes) for one in found)
    if absurd:
        log.warning("lengths that nobody should learn from", count=absurd, branch=branch.code)
    remember(session, branch.id, [one for one in found if not is_absurd(one.seen.minutes)])
    session.flush()
    return len(trails)


def known_keys(session: Session, branch_id: int, keys: Sequence[str]) -> set[str]:
    """Those of the keys that were counted before."""
    known: set[str] = set()
    for start in range(0, len(keys), 500):
        some = keys[start : start + 500]
        query = select(Observation.key).where(Observation.branch_id == branch_id, Observation.key.in_(some))
        known.update(session.scalars(query))
    return known


def remember(session: Session, branch_id: int, found: Sequence[NewObservation]) -> int:
    """Write down what was not counted before; how many. The caller holds the branch's row of learnings."""
    known = known_keys(session, branch_id, [one.key for one in found])
    rows = [_row(branch_id, one) for one in found if one.key not in known]
    if rows:
        session.execute(insert(Observation), rows)
    return len(rows)


def remember_and_learn(session: Session, branch: Branch, found: Sequence[NewObservation], now: datetime) -> int:
    """Take in what somebody else has kept of the past, and learn from it at once; how much of it was new."""
    _lock(session, branch.id)
    added = remember(session, branch.id, found)
    if added:
        relearn(session, branch, now)
    return added


def _row(branch_id: int, one: NewObservation) -> dict[str, object]:
    seen = one.seen
    return {
        "branch_id": branch_id,
        "key": one.key,
        "kind": seen.kind,
        "source": one.source,
        "order_id": one.order_id,
        "line_id": one.line_id,
        "supplier_id": seen.supplier_id,
        "distance_km": seen.distance_km,
        "is_given": seen.is_given,
        "started_at": seen.started_at,
        "ended_at": seen.ended_at,
        "minutes": seen.minutes,
        "default_minutes": max(seen.default, LEAST_DEFAULT),
        "likely_minutes": one.said.likely,
        "cautious_minutes": one.said.cautious,
    }


def relearn(session: Session, branch: Branch, now: datetime) -> None:
    """Write the branch's estimates anew, from the last steps of each kind, and have its open orders looked at.

    Some hundred milliseconds at most, however long the shop's past is: that much is read and no more.
    """
    zone = ZoneInfo(branch.timezone)
    lengths = learn(seen for kind in Kind for seen in _last_seen(session, branch.id, kind, zone))
    session.execute(delete(Estimate).where(Estimate.branch_id == branch.id))
    rows = [
        {
            "branch_id": branch.id,
            "key": group.key,
            "kind": group.kind,
            "supplier_id": group.supplier_id,
            "distance_band": group.distance_band,
            "hour_band": group.hour_band,
            "is_given": group.is_given,
            "n": ratio.n,
            "likely_log": ratio.likely,
            "cautious_log": ratio.cautious,
            "computed_at": now,
        }
        for group, ratio in sorted(lengths.ratios.items(), key=lambda pair: pair[0].key)
    ]
    if rows:
        session.execute(insert(Estimate), rows)
    rearm_branch(session, branch.id, now)


def _last_seen(session: Session, branch_id: int, kind: Kind, zone: ZoneInfo) -> Iterable[Seen]:
    said = (Observation.likely_minutes, Observation.cautious_minutes)
    columns = (Observation.minutes, Observation.default_minutes, Observation.started_at, Observation.ended_at)
    place = (Observation.supplier_id, Observation.distance_km, Observation.is_given)
    query = (
        select(*columns, *place, *said)
        .where(Observation.branch_id == branch_id, Observation.kind == kind)
        .order_by(Observation.ended_at.desc(), Observation.id.desc())
        .limit(MOST_READ)
    )
    for minutes, default, started_at, ended_at, shop, distance, is_given, likely, cautious in session.execute(query):
        yield Seen(
            kind=kind,
            minutes=minutes,
            default=default,
            started_at=started_at,
            ended_at=ended_at,
            hour=started_at.astimezone(zone).hour,
            supplier_id=shop,
            distance_km=distance,
            is_given=is_given,
            said=Spread(likely, cautious),
        )


def recalibrate(session: Session, branch: Branch, now: datetime) -> bool:
    """Learn from the day, once a night (03:00 at the branch); False when that was done.

    The lock on the branch's row is for the race of several machines: the second finds that it has been done.
    """
    learning = _lock(session, branch.id)
    if learning.learned_at is not None and learning.learned_at >= last_night(branch, now):
        return False
    while collect(session, branch, now):
        continue
    relearn(session, branch, now)
    learning.learned_at = now
    learning.seen_event_id = max(0, learning.seen_event_id - LOOK_BACK)
    session.flush()
    return True
