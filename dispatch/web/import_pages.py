"""A roster comes in as a file: first what it would change is shown, then it is imported, all of it or nothing."""

from __future__ import annotations

from flask import Flask, flash, make_response, redirect, render_template, request
from flask.typing import ResponseReturnValue

from ..foundation.errors import Conflict, Invalid, PromisesAtStake
from ..promise.guard import Say
from .auth import current_runtime as runtime
from .forms import complaints_of
from .import_calendar import WEEKS, load_calendar
from .import_files import STAFF, Loaded, Terms, load_file
from .import_run import Effect
from .sessions import me, now, signed_in
from .stake_page import ask_again, typed_say
from .tables import Access

# It travels twice, the second time as a field of a form; the whole request may be 256 kB.
MOST_BYTES = 150_000
CALENDAR = b"BEGIN:VCALENDAR"
EXAMPLE = "name,phone,role,shifts,on_call\nRavi Nair,+44 7700 900101,rider,Mo-Fr 10:00-18:00,no\n"


def register(app: Flask) -> None:
    """Hang the page and what it posts to."""
    app.add_url_rule("/people/import", view_func=import_page)
    app.add_url_rule("/people/import", view_func=import_roster, methods=["POST"])


@signed_in(Access.ADMIN)
def import_page() -> ResponseReturnValue:
    """Which files can be taken."""
    return _page()


def _page(
    refusal: Invalid | Conflict | None = None, *, loaded: Loaded | None = None, content: str = "", status: int = 200
) -> ResponseReturnValue:
    errors, refused = complaints_of(refusal, ["file"])
    page = render_template(
        "people_import.html",
        errors=errors,
        loaded=loaded,
        content=content,
        counts=[(effect.value, loaded.counts[effect]) for effect in Effect if loaded.counts[effect]] if loaded else [],
        news=[change for change in loaded.changes if change.effect is not Effect.ALREADY] if loaded else [],
        columns=",".join(STAFF.columns),
        example=EXAMPLE,
        weeks=WEEKS,
    )
    return make_response(page, refused if refusal else status)


@signed_in(Access.ADMIN)
def import_roster() -> ResponseReturnValue:
    """Try a file that was chosen, or import one that was looked at."""
    is_chosen = "go" in request.form
    try:
        raw = _content() if is_chosen else _file()
        loaded = _load(raw, dry_run=not is_chosen)
    except Invalid as error:
        return _page(error)
    except PromisesAtStake as refusal:
        return ask_again(refusal, title="Import this roster?", deed="Import it", back="/people/import")
    if loaded.bad or not is_chosen:
        text = raw.decode("utf-8-sig", errors="replace")
        return _page(loaded=loaded, content=text, status=422 if loaded.bad else 200)
    flash(f"The roster is imported: {', '.join(f'{n} {effect.value}' for effect, n in loaded.counts.items())}.")
    return redirect("/people", 303)


def _file() -> bytes:
    file = request.files.get("file")
    raw = file.stream.read(MOST_BYTES + 1) if file else b""
    if not raw.strip():
        raise Invalid("file", "Choose a file first.")
    if len(raw) > MOST_BYTES:
        raise Invalid("file", f"is larger than {MOST_BYTES // 1000} kB: import it in parts, or with dispatch import")
    return raw


def _content() -> bytes:
    return request.form.get("content", "").encode("utf-8", errors="replace")[: MOST_BYTES * 2]


def _load(raw: bytes, *, dry_run: bool) -> Loaded:
    say = Say(actor=me().actor) if dry_run else typed_say()
    terms = Terms(now=now(), region=runtime().settings.default_region, say=say, dry_run=dry_run)
    if raw.lstrip(b"\xef\xbb\xbf \r\n").upper().startswith(CALENDAR):
        return load_calendar(runtime().db, raw, terms)
    return load_file(runtime().db, STAFF, raw, terms)
