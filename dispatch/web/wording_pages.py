"""The shop's own words for its customers' texts: written with a live preview, checked before they are kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flask import Flask, flash, make_response, redirect, render_template, request
from flask.typing import ResponseReturnValue
from sqlalchemy import select
from sqlalchemy.orm import Session

from ..customers import phrases as customers
from ..foundation.errors import Conflict, Invalid, NotFound
from ..messaging.phrase_rules import LANGUAGE_NAMES, Language, Phrase, complaints, preview
from ..messaging.phrasebook import forget_words, keep_words, own_words
from ..messaging.wording import segments
from ..orders.branches import get_branch
from ..orders.tables import Branch
from ..recovery import phrases as recovery
from .auth import current_runtime as runtime
from .sessions import me, now, signed_in
from .tables import Access

MAIN = "main"
PHRASES = {**customers.PHRASES, **recovery.PHRASES}


@dataclass(frozen=True, kw_only=True)
class Place:
    """Whose words, in which language."""

    branch: str
    language: Language


def register(app: Flask) -> None:
    """Hang the page and what it posts to."""
    app.add_url_rule("/settings/wording", view_func=wording_page)
    app.add_url_rule("/settings/wording/preview", view_func=show_preview, methods=["POST"])
    app.add_url_rule("/settings/wording/<key>", view_func=save_words, methods=["POST"])


@signed_in(Access.READER)
def wording_page() -> ResponseReturnValue:
    """Every text that customers get, as the shop says it."""
    return _page()


@signed_in(Access.READER)
def show_preview() -> ResponseReturnValue:
    """How the words read with something in their gaps, and what is wrong with them."""
    phrase = _phrase(request.form.get("key", ""))
    return render_template("_wording.html", shown=_shown(phrase, _place().language, _typed()))


@signed_in(Access.ADMIN)
def save_words(key: str) -> ResponseReturnValue:
    """Keep the shop's words, or go back to ours. A save from an old page is refused with what stands there now."""
    phrase, place = _phrase(key), _place()
    if "check" in request.form:
        return _page(at=key)
    try:
        with runtime().db.transaction() as session:
            said = _save(session, phrase, place)
    except (Invalid, Conflict) as error:
        return _page(error, at=key)
    flash(said)
    return redirect(f"/settings/wording?branch={place.branch}&language={place.language}#{key}", 303)


def _save(session: Session, phrase: Phrase, place: Place) -> str:
    branch_id, was = get_branch(session, place.branch).id, request.form.get("was", "")
    if "ours" in request.form:
        forget_words(session, phrase, place.language, branch_id=branch_id, was=was)
        return f"“{phrase.title}” has our words again."
    keep_words(session, phrase, place.language, _typed(), now(), branch_id=branch_id, was=was)
    return f"“{phrase.title}” has your words now."


def _typed() -> str:
    return request.form.get("text", "").replace("\x00", "")


def _phrase(key: str) -> Phrase:
    if key not in PHRASES:
        raise NotFound(f"There is no text called {key[:40]!r}.")
    return PHRASES[key]


def _place() -> Place:
    language = request.values.get("language", Language.EN)
    if language not in LANGUAGE_NAMES:
        raise NotFound(f"There are no words in {language[:20]!r}.")
    return Place(branch=request.values.get("branch") or MAIN, language=Language(language))


def _page(refusal: Invalid | Conflict | None = None, *, at: str = "") -> ResponseReturnValue:
    """The page; `at`: the text somebody is writing, which keeps what they typed."""
    place = _place()
    with runtime().db.snapshot() as session:
        branch = get_branch(session, place.branch)
        own = {
            key: row.text
            for (key, language), row in own_words(session, branch.id).items()
            if language is place.language
        }
        branches = [(row.code, row.name) for row in session.scalars(select(Branch).order_by(Branch.id))]
    cards = [_card(phrase, place.language, own.get(phrase.key), typed=at == phrase.key) for phrase in PHRASES.values()]
    page = render_template(
        "wording.html",
        cards=cards,
        at=at,
        refused=str(refusal) if isinstance(refusal, Conflict) else "",
        place=place,
        branches=branches,
        languages=LANGUAGE_NAMES.items(),
        can_change=me().may(Access.ADMIN),
    )
    return make_response(page, 200 if refusal is None else 409 if isinstance(refusal, Conflict) else 422)


def _card(phrase: Phrase, language: Language, own: str | None, *, typed: bool) -> dict[str, Any]:
    kept = own or phrase.words[language]
    text = _typed() if typed else kept
    gaps = [(f"{{{name}}}", gap.meaning, name in phrase.needs) for name, gap in phrase.gaps.items()]
    return {
        "key": phrase.key,
        "title": phrase.title,
        "was": kept,
        "text": text,
        "is_own": own is not None,
        "gaps": gaps,
        "shown": _shown(phrase, language, text),
    }


def _shown(phrase: Phrase, language: Language, text: str) -> dict[str, Any]:
    said = preview(phrase, language, text)
    size = segments(said)
    return {
        "key": phrase.key,
        "language": language,
        "text": said,
        "complaints": complaints(phrase, language, text),
        "count": size.count,
        "units": size.units,
    }
