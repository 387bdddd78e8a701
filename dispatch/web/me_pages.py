"""My day: staff see their shift and what they carry, pause and come back."""

from __future__ import annotations

from collections.abc import Callable

from flask import Flask, flash, make_response, redirect, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy import select
from sqlalchemy.orm import Session

from ..escalation.mine import open_pages, taken_pages
from ..escalation.tables import Page
from ..foundation import tokens
from ..foundation.errors import Conflict, Invalid, NotFound, PromisesAtStake
from ..orders.proofs import keep_proof
from ..orders.rules import Move, Proof, Status
from ..orders.service import lock_order
from ..orders.tables import Order
from ..orders.wording import first_name, things
from ..promise import absence
from ..promise import service as promise
from ..promise.guard import Say
from ..staff import service as staff
from ..staff.rules import Role
from ..staff.tables import Staff
from . import words
from .auth import current_runtime as runtime
from .auth import public
from .day_view import days
from .errand_view import directions
from .forms import sentence
from .people_pages import SPANS, typed_until
from .people_view import state_words
from .proof_form import may_send_photos, read_proof
from .sessions import now
from .staff_sessions import (
    PATH,
    current_member,
    myself,
    staff_only,
)


def register(app: Flask) -> None:
    """Hang the staff's own pages."""
    app.add_url_rule("/me", view_func=my_day)
    app.add_url_rule("/me/pause", view_func=pause_me, methods=["POST"])
    app.add_url_rule("/me/home", view_func=send_me_home, methods=["POST"])
    app.add_url_rule("/me/back", view_func=i_am_back, methods=["POST"])
    app.add_url_rule("/me/call", view_func=change_on_call, methods=["POST"])
    app.add_url_rule("/me/orders/<ref>", view_func=i_delivered, methods=["POST"])
    may_send_photos(app, "i_delivered")


@public
def my_day() -> ResponseReturnValue:
    """Somebody's own day; whoever is not known here is asked for their number."""
    if current_member() is None:
        return render_template("me_ask.html", said="")
    return _day()


# --- the day ---------------------------------------------------------------------------------------------------------


def _day(wrong: str = "", *, status: int = 200) -> ResponseReturnValue:
    mine = myself().staff_id
    with runtime().db.snapshot() as session:
        person = session.get_one(Staff, mine)
        shape, timezone = staff.staff_shape(session, person, now()), person.branch.timezone
        taken, asked = taken_pages(session, mine), open_pages(session, mine)
        page = render_template(
            "me.html",
            person=shape,
            first=first_name(person.name),
            state=state_words(shape, timezone, now()),
            day=days(session, now())[mine],
            taken=[_linked(session, each) for each in taken],
            asked=[_linked(session, each) for each in asked],
            carried=[_carried(order) for order in _without_page(session, mine, taken)],
            spans=SPANS.items(),
            may_be_on_call=person.role is not Role.FOUNDER,
            wrong=wrong,
        )
    answer = make_response(page, status)
    answer.headers["Cache-Control"] = "no-store"
    return answer


def _linked(session: Session, page: Page) -> dict[str, str]:
    order = session.get_one(Order, page.escalation.order_id)
    token = tokens.sign(runtime().settings.secret_key, "page", page.id)
    return {
        "ref": order.ref,
        "what": things(order.lines),
        "who": first_name(order.customer_name),
        "by": words.when_words(order.promised_by, order.branch.timezone, now=now()),
        "link": f"/a?t={token}",
    }


def _without_page(session: Session, staff_id: int, taken: list[Page]) -> list[Order]:
    """What the desk handed over without asking by text first."""
    known = {page.escalation.order_id for page in taken}
    query = select(Order).where(Order.carrier_id == staff_id, Order.status == Status.OUT_FOR_DELIVERY)
    return [order for order in session.scalars(query.order_by(Order.promised_by)) if order.id not in known]


def _carried(order: Order) -> dict[str, str]:
    return {
        "ref": order.ref,
        "what": things(order.lines),
        "who": first_name(order.customer_name),
        "phone": order.customer_phone,
        "address": order.address,
        "way": directions(order.address, order.lat, order.lon),
        "by": words.when_words(order.promised_by, order.branch.timezone, now=now()),
        "proof": order.proof.value,
    }


def _do(work: Callable[[Session, int, Say], str]) -> ResponseReturnValue:
    """Something of their own; what takes the last way to keep a promise is not theirs to force."""
    member = myself()
    try:
        with runtime().db.transaction() as session:
            said = work(session, member.staff_id, Say(actor=member.name))
    except PromisesAtStake as refusal:
        return _day(_talk_to_somebody(refusal, member.staff_id), status=409)
    except (Invalid, Conflict, NotFound) as error:
        message = error.errors[0].message if isinstance(error, Invalid) else str(error)
        return _day(sentence(message), status=409)
    flash(said)
    return redirect(PATH, 303)


def _talk_to_somebody(refusal: PromisesAtStake, staff_id: int) -> str:
    refs = ", ".join(str(dict(promise)["ref"]) for promise in refusal.promises[:3])
    with runtime().db.snapshot() as session:
        bosses = (Staff.role.in_((Role.MANAGER, Role.FOUNDER)), Staff.is_active, Staff.id != staff_id)
        query = select(Staff.name, Staff.phone, Staff.role).where(*bosses).order_by(Staff.id)
        boss = max(session.execute(query), key=lambda row: row.role is Role.MANAGER, default=None)
    whom = f"Call {boss.name}, {boss.phone}" if boss else "Talk to the shop"
    return f"Not yet: {refs} counts on you, and nobody else could do it in time. {whom}: they can let you go."


@staff_only
def pause_me() -> ResponseReturnValue:
    """Not to be asked for a while."""

    def work(session: Session, staff_id: int, say: Say) -> str:
        timezone = session.get_one(Staff, staff_id).branch.timezone
        until = typed_until(timezone)
        absence.pause(session, staff_id, now(), until=until, say=say)
        return f"You are not asked until {words.clock_words(until, timezone, now=now())}."

    return _do(work)


@staff_only
def send_me_home() -> ResponseReturnValue:
    """The shift is over for today."""

    def work(session: Session, staff_id: int, say: Say) -> str:
        absence.go_home(session, staff_id, now(), say=say)
        return "Have a good rest."

    return _do(work)


@staff_only
def i_am_back() -> ResponseReturnValue:
    """The pause is over."""

    def work(session: Session, staff_id: int, _say: Say) -> str:
        staff.end_pause(session, staff_id, now())
        return "Welcome back."

    return _do(work)


@staff_only
def change_on_call() -> ResponseReturnValue:
    """May be asked outside shifts, or not any more."""

    def work(session: Session, staff_id: int, say: Say) -> str:
        is_on = request.form.get("on_call") == "yes"
        region = runtime().settings.default_region
        absence.change(session, staff_id, {"on_call": is_on}, now(), region=region, say=say)
        return "You are on call." if is_on else "You are not on call any more."

    return _do(work)


@staff_only
def i_delivered(ref: str) -> ResponseReturnValue:
    """What the desk gave them to carry has arrived; what was asked for by text is answered on its own page."""

    def work(session: Session, staff_id: int, say: Say) -> str:
        # Locked: whom the desk gives it to at this moment is who has it.
        order = lock_order(session, ref)
        if order.carrier_id == staff_id and order.status is Status.DELIVERED:
            # The same tap once more, as from a bad connection.
            return f"{order.ref} is delivered. Well done!"
        if order.carrier_id != staff_id or order.status is not Status.OUT_FOR_DELIVERY:
            raise Conflict(f"{order.ref} is not with you any more.")
        note = request.form.get("note", "").replace("\x00", "").strip()[:300] or None
        shown = read_proof(request, order.proof.value, note)
        pin = request.form.get("pin", "").strip()[:8] if order.proof is Proof.PIN else None
        said = note if pin is not None else shown.note
        promise.move(session, ref, Move.DELIVER, now(), actor=say.actor, note=said, pin=pin)
        if shown.taken_by or shown.photo:
            keep_proof(session, order.id, now(), taken_by=shown.taken_by, photo=shown.photo, is_first=True)
        return f"{order.ref} is delivered. Well done!"

    return _do(work)
