"""One order as its page shows it: where it stands, who was asked, what was sent and what happened."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from ..escalation.queries import list_escalations, order_shapes
from ..escalation.rules import Answer, EscalationState, Need
from ..foundation.tokens import Links
from ..messaging.queries import OUT, Message, list_messages, without_keys
from ..messaging.rules import Hold, Kind, TextState
from ..orders.desk import to_phone, to_read
from ..orders.proofs import who_took_it
from ..orders.rules import CLOSED, IN_HAND, PROCUREMENT, Move, Proof, Sourcing, Status, Substitution
from ..orders.service import find_order, timeline
from ..orders.tables import Order
from ..procurement.tables import Item, Supplier
from ..promise.rules import Level
from . import words
from .acts import Act, next_act
from .board_view import is_taken, people_here, slack_words, status_words, what_words
from .call_view import call_lists
from .line_forms import CHANGEABLE
from .people_view import everybody
from .plan_view import ledger, plan_part

KINDS = {
    Kind.PAGE: "asked for help",
    Kind.REPLY: "an answer",
    Kind.STAND_DOWN: "no longer needed",
    Kind.REMINDER: "a reminder",
    Kind.ALARM: "an alarm",
    Kind.NOTICE: "to the customer",
    Kind.TEST: "a test",
}
# Whoever holds a signed token may answer: a list that readers see must not hand it out.
MOST_ITEMS = 500
# So many events at once; earlier ones are folded away.
RECENT = 15
BAD = {TextState.UNDELIVERED, TextState.FAILED, TextState.HELD, TextState.EXPIRED}


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where and when the words are read."""

    timezone: str
    now: datetime

    def short(self, value: str | datetime | None) -> str:
        """An instant for lists."""
        at = words.instant(value)
        return words.clock_words(at, self.timezone, now=self.now) if at else ""

    def long(self, value: str | datetime | None) -> str:
        """An instant for sentences."""
        at = words.instant(value)
        return words.when_words(at, self.timezone, now=self.now) if at else ""


def order_page(session: Session, ref: str, now: datetime, links: Links) -> dict[str, Any]:
    """Everything the page of an order shows. Raises NotFound."""
    order = find_order(session, ref)
    shape = order_shapes(session, [order], now, links)[0]
    place = Place(timezone=order.branch.timezone, now=now)
    people = people_here(session, place.timezone, now)
    history = timeline(session, ref)
    suppliers = session.execute(select(Supplier.code, Supplier.name).order_by(Supplier.name))
    shops = {row.code: row.name for row in suppliers}
    act = next_act(shape, people, is_board=False)
    calls, _ = list_escalations(session, order=ref, limit=20)
    whom_to_ring = call_lists(session, order, now)
    staff = everybody(session, now)
    return {
        "order": shape,
        "place": place,
        "zone": place.timezone,
        "head": _head(shape, place),
        "act": act,
        "moves": _other_moves(shape, act),
        "carriers": people,
        "lines": [_line(line, shops, place, is_open=order.status not in CLOSED) for line in shape["lines"]],
        "whom_to_ring": whom_to_ring,
        "reasons": [(why.value, words.WHY_NOT[why]) for why in words.WhyNot],
        "suppliers": list(shops.items()),
        "people": [(person["id"], person["name"]) for person in staff],
        **plan_part(session, order, shape, staff, now),
        "promises": [_promise(promise, place) for promise in ledger(session, order)],
        "calls": [_call(call, place) for call in calls],
        "texts": [text_view(text, place) for text in list_messages(session, order_id=order.id).items],
        **_history(session, order, history, place),
        "pin": order.pin,
        "proof": who_took_it(session, order.id),
        "may_change_lines": order.status in CHANGEABLE,
        "wishes": [(wish.value, words.SUBSTITUTIONS[wish]) for wish in Substitution],
        "items": session.execute(select(Item.title, Item.sku).order_by(Item.title).limit(MOST_ITEMS)).all(),
    }


def _history(session: Session, order: Order, history: Sequence[Mapping[str, Any]], place: Place) -> dict[str, Any]:
    """What happened, newest first; whom that leaves to be phoned, and what to be read."""
    open_refs = [] if order.status in CLOSED else [order.ref]
    return {
        "events": [
            {"at": place.short(event["at"]), "iso": event["at"], "actor": event["actor"], "text": event["text"]}
            for event in reversed(history)
        ],
        "recent": RECENT,
        "seen": len(history),
        "to_phone": to_phone(session, open_refs).get(order.ref, ()),
        "to_read": to_read(session, open_refs).get(order.ref, {}),
    }


def _promise(promise: Mapping[str, Any], place: Place) -> dict[str, Any]:
    """A promise as it was given."""
    agreed = words.AGREED[promise["agreed"]] if promise["number"] > 1 else ""
    return {**promise, "by": place.long(promise["promised_by"]), "at": place.short(promise["made_at"]), "said": agreed}


def _head(shape: Mapping[str, Any], place: Place) -> dict[str, Any]:
    risk, status = shape["risk"], Status(shape["status"])
    promised_by = words.instant(shape["promised_by"]) or place.now
    is_open = status not in CLOSED
    slack = slack_words(shape, place.now) if is_open else ""
    moved = shape["first_promised_by"] != shape["promised_by"]
    level = Level(risk["level"])
    is_calmer = level is Level.AT_RISK and is_taken(shape)
    return {
        "what": what_words(shape),
        "is_open": is_open,
        "level": Level.WATCH.value if is_calmer else level.value,
        "title": _danger_words(level, slack, is_past=place.now > promised_by, is_calmer=is_calmer),
        "status": status_words(shape),
        "slack": slack,
        "bar": words.bar_width(risk["slack_minutes"]),
        "message": risk["binding"]["message"],
        "promise": place.long(shape["promised_by"]),
        "first_promise": place.long(shape["first_promised_by"]) if moved else "",
        "projected": place.long(risk["projected_at"]) if is_open else "",
        "delivered": place.long(shape["delivered_at"]),
        "taken": place.long(shape["created_at"]),
        "proof": words.PROOFS[Proof(shape["proof"])],
    }


def _danger_words(level: Level, slack: str, *, is_past: bool, is_calmer: bool) -> str:
    if is_past:
        return slack[:1].upper() + slack[1:]
    if level is Level.LATE:
        return f"Can't be kept any more: {slack}"
    return f"{'Tight, but somebody has it' if is_calmer else words.LEVELS[level]}: {slack}"


def _other_moves(shape: Mapping[str, Any], act: Act | None) -> list[tuple[str, str, bool]]:
    """Moves beside the main one: (move, label, whether it needs a reason)."""
    main = act.fields.get("move") if act else None
    return [
        (move, words.MOVES[Move(move)], Move(move) in {Move.FAIL, Move.CANCEL})
        for move in shape["allowed_moves"]
        if move != main
    ]


def _line(line: Mapping[str, Any], shops: Mapping[str, str], place: Place, *, is_open: bool) -> dict[str, Any]:
    sourcing = Sourcing(line["sourcing"])
    is_missing = sourcing not in IN_HAND
    following = [state for state in words.NEWS if state in PROCUREMENT[sourcing]] if is_open and is_missing else []
    return {
        **line,
        "state": words.SOURCINGS[sourcing],
        "is_missing": is_missing,
        "shop": shops.get(line["supplier"], ""),
        "ready": place.long(line["ready_at"]),
        "wish": words.SUBSTITUTIONS[Substitution(line["substitution"])],
        "kept": place.long(line["kept_until"]),
        "news": [(state.value, words.NEWS[state]) for state in following if state is not Sourcing.UNAVAILABLE],
        "may_give_up": Sourcing.UNAVAILABLE in following and sourcing is not Sourcing.UNAVAILABLE,
    }


def _call(call: Mapping[str, Any], place: Place) -> dict[str, Any]:
    state = EscalationState(call["state"])
    return {
        "id": call["id"],
        "state": words.ESCALATIONS[state],
        "is_live": state in {EscalationState.OPEN, EscalationState.ACCEPTED},
        "is_unanswered": state is EscalationState.UNANSWERED,
        "need": words.NEEDS[Need(call["need"])],
        "why": call["why"],
        "opened": place.short(call["opened_at"]),
        "taker": call["accepted_by"]["name"] if call["accepted_by"] else "",
        "taken": place.short(call["accepted_at"]),
        "check_in": place.short(call["check_in_at"]),
        "next_step": place.short(call["next_step_at"]) if state is EscalationState.OPEN else "",
        "pages": [_page(page, place) for page in call["pages"]],
    }


def _page(page: Mapping[str, Any], place: Place) -> dict[str, Any]:
    answer = Answer(page["answer"]) if page["answer"] else None
    asked = place.short(page["sent_at"] or page["asked_at"])
    return {
        "id": page["id"],
        "name": page["name"],
        "code": page["code"],
        "is_call": page["channel"] == "call",
        "asked": asked,
        "receipt": page["receipt"] or "not sent yet",
        "answer": words.ANSWERS[answer] if answer else "no answer yet",
        "is_open": answer is None,
        "is_taker": answer is Answer.ACCEPTED,
        "answered": place.short(page["answered_at"]),
        "note": page["note"],
    }


def text_view(message: Message, place: Place) -> dict[str, Any]:
    """One text, out or in, for lists."""
    state = TextState(message.state) if message.direction == OUT else None
    kind = KINDS[Kind(message.kind)] if message.kind in set(Kind) else ""
    return {
        "at": place.short(message.sent_at or message.created_at),
        "who": message.to_phone if message.direction == OUT else message.from_phone,
        "is_out": message.direction == OUT,
        "kind": kind,
        "body": without_keys(message.body),
        "state": words.TEXT_STATES[state] if state else "received",
        "is_bad": state in BAD,
        "error": _why_not(message),
        "receipts": [
            {"at": place.short(receipt.at), "status": receipt.status, "code": receipt.error_code}
            for receipt in message.receipts
        ],
    }


def _why_not(message: Message) -> str:
    """What went wrong with a text, and what to do about one that is held back."""
    if message.hold is None:
        return message.error or ""
    remedy = words.REMEDIES[Hold(message.hold)]
    return f"{message.error.rstrip('.')}: {remedy}" if message.error else remedy
