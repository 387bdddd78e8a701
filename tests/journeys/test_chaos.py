"""Everything breaks at once, again and again: afterwards nothing is lost, nothing came twice, nobody is forgotten.

CHAOS_SECONDS is how long workers are killed (20; `CHAOS_SECONDS=120` is the long run), CHAOS_SEED repeats the dice.
"""

from __future__ import annotations

import os
import random
from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from sqlalchemy import func, select

from dispatch import rounds
from dispatch.escalation.queries import order_shapes
from dispatch.escalation.rules import EscalationState
from dispatch.escalation.tables import Escalation, Page
from dispatch.foundation.db import Database
from dispatch.foundation.migrate import upgrade
from dispatch.foundation.tokens import Links
from dispatch.messaging.rules import Channel, Hold, Kind, TextState
from dispatch.messaging.tables import Consent, InboundText, OutgoingText
from dispatch.orders.rules import OPEN, Status
from dispatch.orders.tables import Order, OrderEvent, Timetable
from dispatch.web.board_view import groups
from tests.journeys import chaos
from tests.journeys.chaos import Bubble, Town
from tests.journeys.shop import until
from tests.postgres import PostgresServer

pytestmark = pytest.mark.postgresql
SECONDS = float(os.environ.get("CHAOS_SECONDS", "20"))
SEED = int(os.environ.get("CHAOS_SEED", "0")) or random.SystemRandom().randrange(1, 10**6)
SETTLED_WITHIN_SECONDS = 240.0
AT_ONCE = timedelta(seconds=5)
STOOD_DOWN = select(OutgoingText.id).where(OutgoingText.kind == Kind.STAND_DOWN, OutgoingText.sent_at.is_not(None))


@pytest.fixture
def town(postgres_server: PostgresServer, worker: str, tmp_path: Path) -> Iterator[Town]:
    """Ten shops with thirty people and 200 orders, nobody at work yet."""
    dice = random.Random(SEED)
    url = postgres_server.create(f"chaos_{worker}")
    db = Database(url)
    upgrade(db)
    made = Town(tmp_path, url, dice)
    with db.transaction() as session:
        made.people = chaos.fill(session, chaos.now_here(), dice)
    db.dispose()
    yield made
    made.close()


@pytest.fixture
def db(town: Town) -> Iterator[Database]:
    """The town's database, for looking into."""
    db = Database(town.url)
    yield db
    db.dispose()


def look(db: Database, query: Any) -> list[Any]:
    with db.snapshot() as session:
        rows = list(session.execute(query).all())
        session.expunge_all()
        return rows


def waiting(db: Database) -> tuple[int, int, int, int]:
    """How many texts are in doubt or late, looks are late, answers and news have had no effect yet.

    Calls for help go on meanwhile: what became due in the last seconds is no neglect.
    """
    with db.snapshot() as session:
        lately = chaos.now_here() - AT_ONCE
        is_late = (OutgoingText.state == TextState.QUEUED) & (OutgoingText.due_at < lately)
        texts = select(OutgoingText.id).where(is_late | (OutgoingText.state == TextState.SENDING))
        looks = select(Timetable.order_id).where(Timetable.next_check_at < lately)
        unheard = select(InboundText.id).where(InboundText.handled_at.is_(None))
        untold = select(OrderEvent.id).where(OrderEvent.relayed_at.is_(None), OrderEvent.at < lately)
        found = [len(session.scalars(query).all()) for query in (texts, looks, unheard, untold)]
    print("texts, looks, answers and news that wait:", *found)
    return found[0], found[1], found[2], found[3]


def test_everything_breaks(town: Town, db: Database, postgres_server: PostgresServer) -> None:
    begun = monotonic()
    print(f"CHAOS_SEED={SEED} CHAOS_SECONDS={SECONDS:g}")
    town.open()
    print(f"open after {monotonic() - begun:.0f} s")
    unlucky = random.Random(SEED + 1)
    with chaos.every(2.0, town.answer):
        with chaos.every(0.7, partial(chaos.misfortune, town, unlucky)):
            done = chaos.Storm(town, postgres_server, seconds=SECONDS).rage()
        town.ask("DELETE", "/sim/faults")
        print(f"calm after {monotonic() - begun:.0f} s")
        # People fall silent only when somebody was stood down: there would be nothing to see otherwise.
        calmed = partial(until, seconds=SETTLED_WITHIN_SECONDS, every=1.0)
        calmed(lambda: not waiting(db)[0] and bool(look(db, STOOD_DOWN)), what="an empty outbox")
    calmed(lambda: not any(waiting(db)), what="peace")
    ended_at = chaos.now_here()
    assert town.rest() == {0}
    print(f"settled after {monotonic() - begun:.0f} s")
    texts = town.texts()
    print(dict(done), counts(db, texts), town.ask("GET", "/sim/counts"))
    nothing_is_lost(db, texts, ended_at)
    nothing_came_twice(db, texts)
    silence_after_a_stand_down(db, texts)
    nobody_who_stopped_is_texted(db)
    nobody_is_forgotten(db, ended_at)


def counts(db: Database, texts: Sequence[Bubble]) -> dict[str, int]:
    """What became of it all, for the record."""
    kind_and_state = (OutgoingText.kind, OutgoingText.state)
    states = look(db, select(*kind_and_state, func.count()).group_by(*kind_and_state))
    calls = look(db, select(Escalation.state, func.count()).group_by(Escalation.state))
    found = {f"{kind.value} {state.value}": count for kind, state, count in states}
    found |= {f"calls for help {state.value}": count for state, count in calls}
    found["pages at the provider"] = sum(len(text.codes) for text in texts)
    return {"texts at the provider": len(texts), **dict(sorted(found.items()))}


def rows_of(db: Database) -> list[Any]:
    """Every text (no calls) in the outbox."""
    query = select(OutgoingText).where(OutgoingText.channel == Channel.SMS)
    return [row[0] for row in look(db, query)]


def nothing_is_lost(db: Database, texts: Sequence[Bubble], ended_at: datetime) -> None:
    """What we call sent is at the provider; what is not sent is of no use any more, or waits for a person."""
    there = {text.sid for text in texts}
    rows = rows_of(db)
    sids = {row.id: row.provider_sid for row in rows}
    for row in rows:
        assert row.state is not TextState.SENDING
        # Written in the last moments before the workers ended, or after a text that waits itself.
        assert row.state is not TextState.QUEUED or row.due_at > ended_at - AT_ONCE, f"text {row.id} never left"
        if row.state in (TextState.SENT, TextState.DELIVERED):
            # What leaves as a part of another text has its fate.
            assert sids[row.lead_id or row.id] in there, f"text {row.id} is said to be sent: the provider lacks it"
        if row.state is TextState.HELD:
            assert (row.kind, row.hold) == (Kind.NOTICE, Hold.UNSURE) or row.hold is Hold.OPTED_OUT, row.error
        if row.state is TextState.EXPIRED:
            assert row.error, f"text {row.id} was dropped without a reason"


def nothing_came_twice(db: Database, texts: Sequence[Bubble]) -> None:
    """Counted at the provider. A page may come twice after an answer that nobody can know, a notice never."""
    rows = [row for row in rows_of(db) if row.attempts]
    kinds = {row.provider_sid: row.kind for row in rows if row.provider_sid}
    codes = dict(look(db, select(Page.id, Page.code)))
    # Pages by their codes: several may come in one text.
    pages = [text for text in texts if text.codes and kinds.get(text.sid, Kind.PAGE) is Kind.PAGE]
    came = Counter((text.to, code) for text in pages for code in text.codes)
    tried = [(row.to_phone, str(codes[row.page_id]), row.attempts > 1) for row in rows if row.kind is Kind.PAGE]
    asked = Counter((to, code) for to, code, _ in tried)
    unsure = Counter((to, code) for to, code, was_again in tried if was_again)
    for (to, code), count in came.items():
        bodies = [text.body for text in pages if text.to == to and code in text.codes]
        assert count <= asked[to, code] + unsure[to, code], f"page {code} of {to} came {count} times: {bodies}"
    said = Counter((text.to, text.body) for text in texts if text not in set(pages))
    meant = Counter((row.to_phone, row.body) for row in rows)
    again = Counter((row.to_phone, row.body) for row in rows if row.attempts > 1 and row.kind is not Kind.NOTICE)
    for (to, body), count in said.items():
        assert count <= meant[to, body] + again[to, body], f"{count} times to {to}: {body}"
    doubled = sum((came - asked).values()) + sum((said - meant).values())
    print(f"{doubled} came twice, of {sum(unsure.values()) + sum(again.values())} that were tried again")


def silence_after_a_stand_down(db: Database, texts: Sequence[Bubble]) -> None:
    """Once somebody has read that there is nothing more to do, that page never comes again."""
    query = select(OutgoingText.provider_sid, OutgoingText.to_phone, Page.code).join(Page)
    has_left = OutgoingText.provider_sid.is_not(None)
    told = look(db, query.where(OutgoingText.kind == Kind.STAND_DOWN, has_left))
    lying = {phone: [text for text in texts if text.to == phone] for _, phone, _ in told}
    assert told
    for sid, phone, code in told:
        sids = [text.sid for text in lying[phone]]
        after = lying[phone][sids.index(sid) + 1 :]
        assert not [text for text in after if str(code) in text.codes], f"{phone} was stood down from {code}"


def nobody_who_stopped_is_texted(db: Database) -> None:
    """What was written for a phone after its STOP was never tried."""
    for phone, at in look(db, select(Consent.phone, Consent.opted_out_at).where(Consent.opted_out_at.is_not(None))):
        later = [row for row in rows_of(db) if row.to_phone == phone and row.created_at > at]
        assert not [row.id for row in later if row.attempts]


def nobody_is_forgotten(db: Database, ended_at: datetime) -> None:
    """Every order at risk is called for, and on the board it is red, or somebody has it."""
    with db.snapshot() as session:
        now = chaos.now_here()
        links = Links("http://127.0.0.1", chaos.SECRET)
        open_ = list(session.scalars(select(Order).where(Order.status.in_(OPEN))))
        shapes = order_shapes(session, open_, now, links)
        shown = {row.ref: group.key for group in groups(session, now, links) for row in group.rows}
        looks = dict(session.execute(select(Timetable.order_id, Timetable.next_check_at)).all())
        session.expunge_all()
    assert len(shown) == len(open_)
    states = [state.value for state in (EscalationState.OPEN, EscalationState.ACCEPTED, EscalationState.UNANSWERED)]
    for order, shape in zip(open_, shapes, strict=True):
        next_look = looks[order.id]
        assert order.promised_by <= now or next_look is not None, f"nobody will look at {order.ref} again"
        assert next_look is None or next_look > ended_at - AT_ONCE, f"{order.ref} should have been looked at"
        # What has become due since the workers were told to end waits for the next of them, as does what was busy then.
        is_due = next_look is not None and next_look <= now + rounds.AFTER_BUSY
        if is_due or shape["risk"]["level"] not in ("at_risk", "late") or order.status is Status.OUT_FOR_DELIVERY:
            continue
        assert shape["escalation"] is not None, f"nobody was called for {order.ref}: {shape['risk']}, at {now}"
        assert shape["escalation"]["state"] in states
        is_taken = shape["escalation"]["state"] == "accepted" and shape["risk"]["level"] == "at_risk"
        assert shown[order.ref] == ("taken" if is_taken else "danger")
