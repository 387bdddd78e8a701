"""`dispatch explain`: why one order stands where it stands, and what happens to it next."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import click
from sqlalchemy.orm import Session

from ..escalation.facts import ladder_facts
from ..escalation.ladder import decide
from ..escalation.queries import escalation_shapes, order_shapes
from ..escalation.ringing import read_reach
from ..escalation.rules import Decision, EscalationState, LadderFacts, Reach, need_of, with_voice
from ..escalation.service import latest_escalation
from ..escalation.tables import Escalation
from ..foundation.tokens import Links
from ..foundation.types import mask_phone
from ..messaging.queries import OUT, Message, list_messages
from ..orders.rules import CLOSED
from ..orders.service import find_order
from ..orders.tables import Order
from ..promise.assess import assess, is_anybody_here
from ..promise.facts import gather
from ..promise.known import Facts
from ..promise.rules import Assessment, Bound, Step, Words, in_words, last_starts
from ..promise.steps import plan_of
from ..promise.view import View
from ..staff.rules import Person, Skill
from ..staff.tables import Staff
from ..web.plan_view import ledger, shapes_of
from . import explain_words as words
from .common import open_shop

LINK = re.compile(r"https?://\S+")
LAST_TEXTS = 10
# Beyond that many instants the future has other news.
FORESEEN = 6


@dataclass(frozen=True, kw_only=True)
class Look:
    """One look at an open order: what the clock and the ladder see."""

    facts: Facts
    assessment: Assessment
    ladder: LadderFacts
    taker: str | None


def explanation(session: Session, ref: str, now: datetime, links: Links, *, has_voice: bool = False) -> dict[str, Any]:
    """Everything there is to say about an order; phone numbers masked, links left out. Raises NotFound.

    `has_voice`: phones can be rung.
    """
    order = find_order(session, ref)
    escalation = latest_escalation(session, order.id)
    shape = order_shapes(session, [order], now, links)[0]
    shape["customer"]["phone"] = mask_phone(order.customer_phone)
    shape.pop("tracking_url")
    told: dict[str, Any] = {
        "as_of": now.isoformat(),
        "timezone": order.branch.timezone,
        "shop": order.branch.name,
        "order": shape,
        "steps": [],
        "plan": [],
        "promises": ledger(session, order),
        "people": [],
        "escalation": escalation_shapes(session, [escalation])[0] if escalation else None,
        "decision": words.CLOSED[order.status] if order.status in CLOSED else "",
        "next": [],
        "texts": [_text(session, each) for each in list_messages(session, order_id=order.id, limit=LAST_TEXTS).items],
    }
    if order.status not in CLOSED:
        look = _look(session, order, escalation, now, has_voice=has_voice)
        told |= _of_open(look, order, now)
        shape["risk"] |= _risk(look.assessment, now)
    return told


def _look(session: Session, order: Order, escalation: Escalation | None, now: datetime, *, has_voice: bool) -> Look:
    facts = gather(session, order, now)
    assessment = assess(facts, now)
    ladder = ladder_facts(order, escalation, assessment, facts, now)
    if has_voice:
        reaches = read_reach(session, escalation, silence=ladder.silence)
        ladder = with_voice(ladder, {who: _if_it_leaves(reach, now + ladder.silence) for who, reach in reaches.items()})
    taker = session.get(Staff, order.taker_id) if order.taker_id else None
    return Look(facts=facts, assessment=assessment, ladder=ladder, taker=taker.name if taker else None)


def _if_it_leaves(reach: Reach, rings_at: datetime) -> Reach:
    """A text that is still here is taken to leave now, and no receipt to come."""
    return replace(reach, rings_at=rings_at) if reach.is_unsent and not reach.was_rung else reach


def _of_open(look: Look, order: Order, now: datetime) -> dict[str, Any]:
    decision = decide(look.ladder, now)
    asked = {page.staff_id for page in look.ladder.pages}
    view = View(facts=look.facts, is_hopeful=False)
    return {
        "steps": [_step(step, bound, view, now) for step, bound in last_starts(plan_of(view), order.promised_by)],
        "plan": shapes_of(look.facts, now),
        "people": [_person(person, now, is_asked=person.id in asked) for person in look.facts.people],
        "decision": words.decision(decision, look.ladder, taker=look.taker),
        "next": [{"at": at.isoformat(), "what": what} for at, what in foresee(look, decision, now)],
    }


def _risk(assessment: Assessment, now: datetime) -> dict[str, Any]:
    """What the clock says this very moment, which may be newer than what it last wrote down."""
    return {
        "level": assessment.level.value,
        "slack_minutes": assessment.slack_minutes(now),
        "act_by": assessment.act_by.isoformat() if assessment.act_by else None,
        "late_at": assessment.late_at.isoformat() if assessment.late_at else None,
        "projected_at": assessment.projected_at.isoformat() if assessment.projected_at else None,
        "binding": {"clock": assessment.clock.value, "message": assessment.message},
    }


def _step(step: Step, bound: Bound | None, view: View, now: datetime) -> dict[str, Any]:
    local, taken = view.local(now), bound.option if bound else None
    # As long as the way that allows the last start, which is what the words tell; the shortest where there is none.
    lengths = [option.duration.total_seconds() / 60 for option in ((taken,) if taken else step.options)]
    back = _back(bound)
    not_before = max(filter(None, (step.not_before, back)), default=None)
    return {
        "step": step.clock.value,
        "words": in_words((taken.words if taken else "") or step.words or step.closed, local),
        "minutes": 0.0 if back else min(lengths, default=None),
        "last_start": bound.at.isoformat() if bound else None,
        "not_before": not_before.isoformat() if not_before else None,
        "why_not": None if bound else in_words(_why_not(step, view.facts.promised_by, now), local),
    }


def _back(bound: Bound | None) -> datetime | None:
    """When somebody who is out already should be here with it."""
    if bound is None or bound.option is None or bound.taken is None or not bound.taken.is_under_way:
        return None
    return bound.taken.start + bound.option.duration


def _why_not(step: Step, promise: datetime, now: datetime) -> Words:
    """People first, then shops, as the clock has it: a shop may be open, and nobody there to go."""
    if not is_anybody_here(step, now, promise):
        return step.nobody
    if any(option.windows for option in step.options) or not step.closed:
        return words.TOO_LATE
    return step.closed


def _person(person: Person, now: datetime, *, is_asked: bool) -> dict[str, Any]:
    return {
        "id": str(person.id),
        "name": person.name,
        "role": person.role.value,
        "phone": mask_phone(person.phone),
        "may": [skill.value for skill in Skill if person.can(skill)],
        "standing": words.standing(person, now),
        "is_asked": is_asked,
    }


def foresee(look: Look, decision: Decision, now: datetime) -> Iterator[tuple[datetime, str]]:
    """What happens when, as long as there is no other news; up to the first act of the ladder."""
    if words.is_an_act(decision):
        yield now, words.AT_THE_NEXT_LOOK
        return
    at, level = now, look.assessment.level
    coming = [look.assessment.next_check_at, decision.next_check_at]
    for _ in range(FORESEEN):
        at = min((each for each in coming if each and each > at), default=now)
        if at == now:
            return
        then = assess(look.facts, at)
        ladder = replace(look.ladder, level=then.level, late_at=then.late_at)
        if ladder.state in (None, EscalationState.RESOLVED):
            ladder = replace(ladder, need=need_of(then, ladder.people, at))
        act = decide(ladder, at)
        if words.is_an_act(act) or then.level is not level:
            yield at, words.event(act, ladder, taker=look.taker, has_changed=then.level is not level)
        if words.is_an_act(act):
            return
        level, coming = then.level, [then.next_check_at, act.next_check_at]


def _text(session: Session, message: Message) -> dict[str, Any]:
    is_out = message.direction == OUT
    person = session.get(Staff, message.staff_id) if message.staff_id else None
    phone = message.to_phone if is_out else message.from_phone
    return {
        "at": (message.sent_at or message.created_at).isoformat(),
        "direction": message.direction,
        "kind": message.kind,
        "who": person.name if person else "the customer" if message.kind == "notice" else None,
        "phone": mask_phone(phone or ""),
        "state": message.state,
        "error": message.error,
        "body": LINK.sub("(link)", message.body),
    }


@click.command()
@click.argument("ref")
@click.option("--json", "as_json", is_flag=True, help="The same for programs.")
def explain(ref: str, *, as_json: bool) -> None:
    """Say of one order what is known, which clock binds, what is decided and what happens next."""
    with open_shop() as shop, shop.db.snapshot() as session:
        links, twilio = Links(shop.settings.public_url, shop.settings.secret_key), shop.settings.twilio
        told = explanation(session, ref.strip(), shop.now, links, has_voice=twilio is not None and twilio.can_ring)
    if as_json:
        click.echo(json.dumps(told, ensure_ascii=False, indent=2))
    else:
        click.echo("\n".join(words.lines(told)))
