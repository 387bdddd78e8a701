"""Whether we can be relied on, for machines: alive, ready, and figures for Prometheus."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from functools import lru_cache

from alembic.runtime.migration import MigrationContext
from flask import Blueprint, Flask, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Metric, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from sqlalchemy import func, select
from sqlalchemy.orm import Session

from ..escalation.audit import Neglect, neglected
from ..escalation.rules import EscalationState
from ..escalation.tables import Escalation
from ..foundation import migrate
from ..foundation.errors import Unavailable
from ..messaging.rules import Kind, TextState
from ..messaging.service import oldest_unsent_seconds, queue, read_circuit
from ..messaging.tables import OutgoingText
from ..orders.rules import OPEN, Status
from ..orders.tables import Branch, Heartbeat, Order, Timetable
from ..promise.queries import level_sql
from ..promise.rules import Level
from ..promise.tables import Watch
from ..recovery.audit import Forgotten, forgotten
from .auth import current_runtime, public
from .errors import problem
from .schemas import write_json

# The round whose silence means that nobody watches the promises.
WATCH = "watch"
SILENCE_SECONDS = 60
WAITING_SECONDS = 60
# A check that is due this very moment is not overdue: the rounds come every few seconds.
OVERDUE = timedelta(seconds=10)


@lru_cache(maxsize=1)
def _head() -> str:
    return migrate.head()


def _last_round(session: Session, name: str = WATCH) -> datetime | None:
    return session.scalars(select(Heartbeat.at).where(Heartbeat.name == name)).first()


def _overdue_checks(session: Session, now: datetime) -> int:
    return session.scalars(select(func.count()).where(Timetable.next_check_at < now - OVERDUE)).one()


@public
def live() -> Response:
    """200 while the process runs; touches nothing."""
    return Response(write_json({"status": "alive"}), mimetype="application/json")


@public
def ready() -> Response:
    """200 with the state of things, 503 with the reason when promises are not being watched or texts don't leave."""
    runtime = current_runtime()
    now = runtime.clock.now()
    try:
        with runtime.db.snapshot() as session:
            schema = MigrationContext.configure(session.connection()).get_current_revision()
            if schema != _head():
                return _not_ready(
                    "schema", f"The schema is at {schema}, not at {_head()}: run `dispatch migrate`.", schema=schema
                )
            last_round_at, waiting = _last_round(session), oldest_unsent_seconds(session, now)
            state = {
                "schema": schema,
                "last_round_at": last_round_at,
                "oldest_unsent_seconds": waiting,
                "overdue_checks": _overdue_checks(session, now),
            }
    except Unavailable as error:
        return _not_ready("database", str(error))
    if last_round_at is None or (now - last_round_at).total_seconds() >= SILENCE_SECONDS:
        return _not_ready("rounds", "The rounds have stopped: start `dispatch worker`.", **state)
    if waiting >= WAITING_SECONDS:
        return _not_ready("texts", "A due text has waited for a minute or more: look at /messages.", **state)
    return Response(write_json(state), mimetype="application/json")


def _not_ready(reason: str, detail: str, **state: object) -> Response:
    return problem(503, detail, reason=reason, headers={"Retry-After": "5"}, **state)


class _Figures(Collector):
    """Counted from the database at the moment of asking, so that every process and machine gives the same answer."""

    def __init__(self, session: Session, now: datetime) -> None:
        self.session, self.now = session, now

    def collect(self) -> Iterator[Metric]:
        session, now = self.session, self.now
        orders = dict(session.execute(select(Order.status, func.count()).group_by(Order.status)).all())
        yield _counts("dispatch_orders", "Orders by status", "status", {s.value: orders.get(s, 0) for s in Status})
        levels = self._levels()
        yield _counts(
            "dispatch_open_orders", "Open orders by level", "level", {v.value: levels.get(v.value, 0) for v in Level}
        )
        texts = dict(session.execute(select(OutgoingText.state, func.count()).group_by(OutgoingText.state)).all())
        yield _counts(
            "dispatch_texts", "Outgoing texts by state", "state", {s.value: texts.get(s, 0) for s in TextState}
        )
        waiting = queue(session, now, per_second=None)
        kinds = {kind.value: waiting.waiting.get(kind, 0) for kind in Kind}
        yield _counts("dispatch_texts_waiting", "Texts that should be gone, by kind", "kind", kinds)
        paused = float(read_circuit(session).is_open)
        yield GaugeMetricFamily("dispatch_sender_paused", "1 while the provider fails and all texts wait", value=paused)
        calls = dict(session.execute(select(Escalation.state, func.count()).group_by(Escalation.state)).all())
        yield _counts(
            "dispatch_escalations", "Escalations by state", "state", {s.value: calls.get(s, 0) for s in EscalationState}
        )
        unsent, overdue = oldest_unsent_seconds(session, now), _overdue_checks(session, now)
        yield GaugeMetricFamily("dispatch_oldest_unsent_seconds", "How long a due text has waited", value=unsent)
        yield GaugeMetricFamily("dispatch_overdue_checks", "Orders nobody looked at in time", value=overdue)
        late, unheard = neglected(session, now), forgotten(session, now)
        counts = {what.value: len(late.get(what, ())) for what in Neglect}
        counts |= {who.value: len(unheard.get(who, ())) for who in Forgotten}
        yield _counts("dispatch_neglected", "What should have happened a minute ago and has not", "what", counts)
        ages = {name: (now - at).total_seconds() for name, at in session.execute(select(Heartbeat.name, Heartbeat.at))}
        yield _counts("dispatch_last_round_age_seconds", "Since each round last ran to its end", "round", ages)

    def _levels(self) -> dict[str, int]:
        level = level_sql(self.session.scalars(select(Branch)).all(), self.now).label("level")
        watched = select(level).select_from(Order).outerjoin(Watch, Watch.order_id == Order.id)
        each = watched.where(Order.status.in_(OPEN)).subquery()
        return dict(self.session.execute(select(each.c.level, func.count()).group_by(each.c.level)).all())


def _counts(name: str, words: str, label: str, values: dict[str, float] | dict[str, int]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, words, labels=[label])
    for key, value in values.items():
        family.add_metric([key], value)
    return family


@public
def metrics() -> Response:
    """Figures without names or numbers, in the text format of Prometheus."""
    runtime = current_runtime()
    registry = CollectorRegistry()
    with runtime.db.snapshot() as session:
        # Registering collects once, for the names.
        registry.register(_Figures(session, runtime.clock.now()))
        return Response(generate_latest(registry), content_type=CONTENT_TYPE_LATEST)


def register(app: Flask) -> Blueprint:
    """Hang the health pages on the app."""
    blueprint = Blueprint("health", __name__)
    blueprint.add_url_rule("/health/live", view_func=live)
    blueprint.add_url_rule("/health/ready", view_func=ready)
    blueprint.add_url_rule("/metrics", view_func=metrics)
    app.register_blueprint(blueprint)
    return blueprint
