"""Stock and suppliers: what is on the shelf, what of it is promised, and where the rest can be bought."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from datetime import datetime
from zoneinfo import ZoneInfo

from flask import Flask, flash, make_response, redirect, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy import select
from sqlalchemy.orm import Session

from ..foundation.errors import Conflict, FieldError, Invalid, NotFound
from ..foundation.hours import open_spans
from ..orders.branches import get_branch
from ..orders.tables import Branch
from ..procurement.call_log import HitRate, hit_rates
from ..procurement.service import ItemValues, SupplierValues, find_item, put_item, put_supplier
from ..procurement.stock import make_stock
from ..procurement.tables import Supplier
from . import words
from .auth import current_runtime as runtime
from .forms import complaints_of, number
from .sessions import me, now, signed_in
from .stock_view import shelf
from .tables import Access

MAIN = "main"
FIELDS = (
    "sku", "title", "on_hand", "suppliers", "name", "phone", "opening_hours", "travel_minutes", "procure_minutes",
)  # fmt: skip
LONGEST_SKU, LONGEST_TITLE, LONGEST_NAME, LONGEST_CODE = 100, 300, 200, 40
LONGEST_WAY = 24 * 60
SKU = re.compile(r"[^\s/\x00-\x1f\x7f]+( [^\s/\x00-\x1f\x7f]+)*")
Refusal = Invalid | Conflict


def register(app: Flask) -> None:
    """Hang the stock page and what it posts to."""
    app.add_url_rule("/stock", view_func=stock_page)
    app.add_url_rule("/stock/items", view_func=add_item, methods=["POST"])
    app.add_url_rule("/stock/items/<path:sku>", view_func=change_item, methods=["POST"])
    app.add_url_rule("/stock/suppliers", view_func=add_supplier, methods=["POST"])
    app.add_url_rule("/stock/suppliers/<code>", view_func=change_supplier, methods=["POST"])


@signed_in(Access.READER)
def stock_page() -> ResponseReturnValue:
    """What is there, and where more can be had."""
    return _page()


def _page(refusal: Refusal | None = None, *, at_fault: str = "") -> ResponseReturnValue:
    errors, status = complaints_of(refusal, FIELDS)
    search = request.values.get("q", "").strip()[:LONGEST_TITLE]
    with runtime().db.snapshot() as session:
        branch = get_branch(session, request.values.get("branch", MAIN))
        suppliers = session.scalars(select(Supplier).order_by(Supplier.name, Supplier.id)).all()
        page = render_template(
            "stock.html",
            shelf=shelf(session, branch.id, search=search),
            search=search,
            branch=branch.code,
            branches=[(row.code, row.name) for row in session.scalars(select(Branch).order_by(Branch.id))],
            suppliers=[(row, hours_now(row.opening_hours, branch.timezone, now())) for row in suppliers],
            rates={
                number: rate_words(rate)
                for number, rate in hit_rates(session, [row.id for row in suppliers], now()).items()
            },
            zone=branch.timezone,
            errors=errors,
            at_fault=at_fault if refusal else "",
            typed=request.form,
            can_act=me().may(Access.OPS),
        )
    return make_response(page, status)


def hours_now(hours: str, timezone: str, at: datetime) -> str:
    """Whether another shop is open just now, and until when."""
    midnight = at.astimezone(ZoneInfo(timezone)).replace(hour=23, minute=59, second=59)
    spans = open_spans(hours, timezone=timezone, start=at, end=midnight)
    if not spans:
        return "closed for today"
    first = spans[0]
    if first.start > at:
        return f"opens at {words.clock_words(first.start, timezone, now=at)}"
    if first.end >= midnight:
        return "open all day"
    return f"open until {words.clock_words(first.end, timezone, now=at)}"


def rate_words(rate: HitRate) -> str:
    """What a shop was good for in the last year: "had it 7 of 12 times we asked (58 %)"."""
    share = round(100 * rate.n_had / rate.n) if rate.n else 0
    said = f"had it {rate.n_had} of {rate.n} time{'s' if rate.n > 1 else ''} we asked ({share} %)" if rate.n else ""
    closed = f"found closed {rate.n_closed}× when its hours said open" if rate.n_closed else ""
    return ", ".join(part for part in (said, closed) if part)


def _save(work: Callable[[Session], str], *, at_fault: str) -> ResponseReturnValue:
    try:
        with runtime().db.transaction() as session:
            said = work(session)
    except (Invalid, Conflict) as error:
        return _page(error, at_fault=at_fault)
    flash(said)
    branch = _typed("branch")
    return redirect("/stock" if branch in ("", MAIN) else f"/stock?branch={branch}", 303)


def _typed(name: str) -> str:
    return request.form.get(name, "").strip()


def _text(name: str, longest: int, ask: str) -> str:
    text = _typed(name)
    if not text:
        raise Invalid(name, ask)
    if len(text) > longest:
        raise Invalid(name, f"is longer than {longest} characters: shorten it")
    return text


def _item(session: Session, sku: str) -> str:
    """Write down an item as it was typed; answers its title."""
    on_hand = number(_typed("on_hand"), field="on_hand")
    if on_hand is None:
        raise Invalid("on_hand", "how many are on the shelf? 0 is an answer too")
    values = ItemValues(
        title=_text("title", LONGEST_TITLE, "what is it called?"),
        on_hand=on_hand,
        suppliers=tuple(request.form.getlist("suppliers")),
    )
    put_item(session, sku, values, now(), branch=_typed("branch") or MAIN)
    return values.title


@signed_in(Access.OPS)
def add_item() -> ResponseReturnValue:
    """Something new to sell."""

    def work(session: Session) -> str:
        sku = _text("sku", LONGEST_SKU, "give it a number: the ISBN, or one of your own")
        if not SKU.fullmatch(sku):
            raise Invalid("sku", "use no slashes and no double spaces")
        if find_item(session, sku):
            raise Invalid("sku", "is in the list already: change it there")
        return f"{_item(session, sku)} is in the list."

    return _save(work, at_fault="new-item")


@signed_in(Access.OPS)
def change_item(sku: str) -> ResponseReturnValue:
    """Another count, title or other shops. A count from an old page is refused: copies may have left since."""

    def work(session: Session) -> str:
        item = find_item(session, sku)
        if item is None:
            raise NotFound(f"There is no item {sku[:40]!r}.")
        stock = make_stock(session, item.id, get_branch(session, _typed("branch") or MAIN).id)
        if number(_typed("was"), field="was") != stock.on_hand:
            raise Conflict(f"{item.title}: there are {stock.on_hand} on the shelf by now. Count again, then save.")
        return f"{_item(session, sku)} is saved."

    return _save(work, at_fault=f"item-{sku}")


def _minutes(name: str) -> int | None:
    found = number(_typed(name), field=name)
    if found is not None and found > LONGEST_WAY:
        raise Invalid(name, f"give minutes, at most {LONGEST_WAY}")
    return found


def _supplier(session: Session, code: str, old: Supplier | None) -> str:
    """Write down another shop as it was typed; answers its name. Raises Invalid with every complaint at once."""
    complaints: list[FieldError] = []
    name, travel, buying = "", None, None
    try:
        name = _text("name", LONGEST_NAME, "what is the shop called?")
    except Invalid as error:
        complaints += error.errors
    try:
        travel, buying = _minutes("travel_minutes"), _minutes("procure_minutes")
    except Invalid as error:
        complaints += error.errors
    values = SupplierValues(
        name=name,
        opening_hours=_typed("opening_hours"),
        phone=_typed("phone") or None,
        travel_minutes=travel,
        procure_minutes=buying,
        lat=old.lat if old else None,
        lon=old.lon if old else None,
    )
    try:
        put_supplier(session, code, values, now(), region=runtime().settings.default_region)
    except Invalid as error:
        complaints += error.errors
    if complaints:
        raise Invalid.of(complaints)
    return name


def _find_supplier(session: Session, code: str) -> Supplier | None:
    return session.scalars(select(Supplier).where(Supplier.code == code)).first()


def free_code(session: Session, name: str) -> str:
    """A short name for programs and files, out of what the shop is called: "Köhler & Söhne" → "kohler-sohne"."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    stem = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[: LONGEST_CODE - 5] or "shop"
    tries = (stem if n == 1 else f"{stem}-{n}" for n in range(1, 1000))
    return next(code for code in tries if _find_supplier(session, code) is None)


@signed_in(Access.OPS)
def add_supplier() -> ResponseReturnValue:
    """Another shop where we may buy."""

    def work(session: Session) -> str:
        same = session.scalars(select(Supplier.id).where(Supplier.name == _typed("name"))).first()
        if same is not None:
            raise Invalid("name", "is in the list already: change it there")
        return f"{_supplier(session, free_code(session, _typed('name')), None)} is in the list."

    return _save(work, at_fault="new-supplier")


@signed_in(Access.OPS)
def change_supplier(code: str) -> ResponseReturnValue:
    """Other hours, another number, another way there."""

    def work(session: Session) -> str:
        old = _find_supplier(session, code)
        if old is None:
            raise NotFound(f"There is no supplier {code[:40]!r}.")
        return f"{_supplier(session, code, old)} is saved."

    return _save(work, at_fault=f"supplier-{code}")
