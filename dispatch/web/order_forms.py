"""The form of a new order: what was typed, the times on offer, and both as an order to be taken."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

from sqlalchemy import select
from sqlalchemy.orm import Session
from werkzeug.datastructures import MultiDict

from ..foundation.errors import FieldError, Invalid
from ..foundation.hours import open_spans
from ..orders.rules import Proof, Substitution
from ..orders.service import NewLine, NewOrder, check_new_order
from ..orders.tables import Branch
from ..procurement.tables import Item
from ..promise.quotes import Question
from . import words
from .forms import local_instant, number

PLAIN = ("phone", "name", "address", "language", "reason", "promise", "when", "proof", "travel")
# From the names of the API to those of the form.
NAMES = {
    "customer.phone": "phone",
    "customer.name": "name",
    "address.text": "address",
    "promised_by": "promise",
    "travel_minutes": "travel",
    "lines": "item-0",
}
OTHER = "other"
MOST_LINES = 30
FEW = 3


@dataclass(frozen=True, kw_only=True)
class TypedLine:
    """One line as it was typed."""

    item: str = ""
    quantity: str = "1"
    substitution: str = Substitution.ASK.value


@dataclass(frozen=True, kw_only=True)
class TypedOrder:
    """The whole form as it was typed, so that it can be shown again."""

    plain: Mapping[str, str]
    lines: tuple[TypedLine, ...]

    def fields(self) -> list[str]:
        """The names of all fields, in the order in which they stand."""
        numbered = [f"{name}-{index}" for index in range(len(self.lines)) for name in ("item", "quantity")]
        return ["phone", "name", "address", *numbered, "promise", "reason", "proof", "travel"]

    def names(self) -> dict[str, str]:
        """From the service's field names to the form's; empty lines are not counted by the service."""
        names = dict(NAMES)
        filled = [index for index, line in enumerate(self.lines) if line.item.strip()]
        for position, index in enumerate(filled):
            names |= {f"lines.{position}.{name}": f"item-{index}" for name in ("title", "sku")}
            names[f"lines.{position}.quantity"] = f"quantity-{index}"
        return names


@dataclass(frozen=True, kw_only=True)
class Preset:
    """A time that customers often want."""

    value: str
    text: str


def empty_order() -> TypedOrder:
    """Nothing typed yet."""
    return TypedOrder(plain=dict.fromkeys(PLAIN, ""), lines=(TypedLine(),))


def typed_order(form: MultiDict[str, str]) -> TypedOrder:
    """What the form holds."""
    items, quantities = form.getlist("item")[:MOST_LINES], form.getlist("quantity")
    wishes = form.getlist("substitution")
    lines = tuple(
        TypedLine(
            item=item,
            quantity=quantities[index] if index < len(quantities) else "1",
            substitution=wishes[index] if index < len(wishes) else Substitution.ASK.value,
        )
        for index, item in enumerate(items)
    )
    return TypedOrder(plain={name: form.get(name, "") for name in PLAIN}, lines=lines or (TypedLine(),))


def presets(branch: Branch, now: datetime, chosen: str = "") -> list[Preset]:
    """Times on offer, soonest first: in two hours, six and eight in the evening, closing time; else tomorrow's."""
    zone = ZoneInfo(branch.timezone)
    today = now.astimezone(zone).date()
    soon = _rounded_up(now + timedelta(hours=2))
    midnight = datetime.combine(today + timedelta(days=1), datetime.min.time(), zone)
    found = {soon: f"in 2 hours ({soon.astimezone(zone):%H:%M})"}
    for day, hour in ((0, 18), (0, 20), (1, 12), (1, 18)):
        at = datetime.combine(today + timedelta(days=day), datetime.min.time(), zone).replace(hour=hour)
        # Tomorrow's times are for the evening, when today has few left.
        if at > now + timedelta(minutes=15) and (day == 0 or len(found) < FEW):
            found.setdefault(at.astimezone(UTC), words.when_words(at, branch.timezone, now=now))
    for span in open_spans(branch.opening_hours, timezone=branch.timezone, start=now, end=midnight)[-1:]:
        if span.end < midnight.astimezone(UTC):
            found[span.end] = f"closing time ({span.end.astimezone(zone):%H:%M})"
    if chosen and chosen != OTHER:
        # Shown again after a complaint, two minutes later: what was chosen then is still on offer.
        with suppress(Invalid):
            kept = _chosen(chosen)
            found.setdefault(kept, words.when_words(kept, branch.timezone, now=now))
    return [Preset(value=at.isoformat(), text=text) for at, text in sorted(found.items())]


def _rounded_up(at: datetime) -> datetime:
    quarter = timedelta(minutes=15)
    start = at.replace(minute=0, second=0, microsecond=0)
    return start + quarter * -(-(at - start) // quarter)


def _chosen(value: str) -> datetime:
    try:
        at = datetime.fromisoformat(value)
    except ValueError as error:
        raise Invalid("promised_by", "choose a time") from error
    if at.tzinfo is None or not 1 < at.year < 9999:
        raise Invalid("promised_by", "choose a time")
    return at.astimezone(UTC)


def _promised_by(plain: Mapping[str, str], timezone: str) -> datetime:
    promise, when = plain["promise"], plain["when"]
    chosen = _chosen(promise) if promise and promise != OTHER else None
    typed = local_instant(when, timezone, field="promised_by") if when.strip() else None
    if chosen and typed and chosen != typed:
        raise Invalid("promised_by", "two different times are given: choose one, or empty the other")
    at = chosen or typed
    if at is None:
        raise Invalid("promised_by", "by when? Choose a time or write one")
    return at


def read_line(session: Session, line: TypedLine, *, field: str) -> NewLine:
    """One line; what is on our list is known by title or number. Raises Invalid naming `field`, the quantity's."""
    text = line.item.strip()
    quantity = number(line.quantity, field=field, default=1)
    wish = Substitution(line.substitution) if line.substitution in set(Substitution) else Substitution.ASK
    # The list on offer shows titles, a scanner types the number: either names an item we know.
    items = session.scalars(select(Item).where((Item.sku == text) | (Item.title == text)).limit(2)).all()
    known = items[0] if len(items) == 1 else None
    return NewLine(
        title=known.title if known else text,
        sku=known.sku if known else None,
        quantity=quantity if quantity is not None else 1,
        substitution=wish,
    )


def read_order(session: Session, typed: TypedOrder, branch: Branch, now: datetime, *, region: str | None) -> NewOrder:
    """The order to be taken. Raises Invalid with every complaint at once, in the names of the API."""
    complaints: list[FieldError] = []
    plain = typed.plain
    promised_by = now + timedelta(minutes=1)
    try:
        promised_by = _promised_by(plain, branch.timezone)
    except Invalid as error:
        complaints += error.errors
    lines, travel, more = _read_wishes(session, typed)
    new = NewOrder(
        customer_name=plain["name"],
        customer_phone=plain["phone"],
        address=plain["address"],
        promised_by=promised_by,
        lines=lines,
        reason=plain["reason"].strip() or None,
        travel_minutes=travel,
        proof=Proof(plain["proof"]) if plain["proof"] in set(Proof) else Proof.NONE,
        branch=branch.code,
    )
    complaints += more
    if complaints:
        raise Invalid.of([*complaints, *_more(new, now, region)])
    return new


def _read_wishes(session: Session, typed: TypedOrder) -> tuple[tuple[NewLine, ...], int | None, list[FieldError]]:
    """The lines, the minutes of the way, and what is wrong with them."""
    complaints: list[FieldError] = []
    lines: list[NewLine] = []
    travel: int | None = None
    for position, line in enumerate(line for line in typed.lines if line.item.strip()):
        try:
            lines.append(read_line(session, line, field=f"lines.{position}.quantity"))
        except Invalid as error:
            complaints += error.errors
            lines.append(NewLine(title=line.item))
    try:
        travel = number(typed.plain["travel"], field="travel_minutes")
    except Invalid as error:
        complaints += error.errors
    return tuple(lines), travel, complaints


def _more(new: NewOrder, now: datetime, region: str | None) -> tuple[FieldError, ...]:
    """What else is wrong, so that nobody corrects one field after the other."""
    try:
        check_new_order(new, now, region=region)
    except Invalid as error:
        return error.errors
    return ()


def read_question(session: Session, typed: TypedOrder, branch: Branch) -> Question:
    """The same for asking the clock, before it is known who calls and by when. Raises Invalid about what was said."""
    plain = typed.plain
    is_said = plain["when"].strip() or plain["promise"] not in ("", OTHER)
    lines, travel, complaints = _read_wishes(session, typed)
    if complaints:
        raise Invalid.of(complaints)
    return Question(
        lines=lines,
        promised_by=_promised_by(plain, branch.timezone) if is_said else None,
        travel_minutes=travel,
        address=plain["address"],
        branch=branch.code,
    )


def with_promise(typed: TypedOrder, instant: str | None) -> TypedOrder:
    """The same form with another time chosen."""
    return replace(typed, plain={**typed.plain, "promise": instant, "when": ""}) if instant else typed


def with_caller(typed: TypedOrder, caller: Mapping[str, str]) -> TypedOrder:
    """The same form with what is known of whoever calls, where nothing else is typed."""
    known = {name: caller.get(name, "") for name in ("name", "address") if not typed.plain[name].strip()}
    return replace(typed, plain={**typed.plain, **known})
