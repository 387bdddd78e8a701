"""A shop's own words for its customers' texts: per branch, kind of text and language; checked before they are kept."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from ..foundation.errors import Conflict, Invalid
from .phrase_rules import Language, Phrase, Said, complaints, compose
from .tables import OwnWords

CHANGED = "Somebody changed these words meanwhile. They now read: “{text}”"


def say(session: Session, said: Said, *, branch_id: int, language: Language) -> str:
    """One text to a customer of a branch: in the shop's own words, or in ours where it has none or they don't fit."""
    own = session.get(OwnWords, (branch_id, said.phrase.key, language))
    ours = said.phrase.ours(language)
    return compose(said.phrase, [(language, own.text), *ours] if own else ours, said.parts)


def own_words(session: Session, branch_id: int) -> dict[tuple[str, Language], OwnWords]:
    """What a branch says in its own words, by kind of text and language."""
    found = session.scalars(select(OwnWords).where(OwnWords.branch_id == branch_id))
    return {(row.key, row.language): row for row in found}


def keep_words(
    session: Session, phrase: Phrase, language: Language, text: str, now: datetime, *, branch_id: int, was: str
) -> None:
    """Keep a shop's own words. `was`: what the writer saw before. Raises Invalid (`text`) or Conflict.

    The row's lock and its key are the guard: of two people who change the same words the second is told.
    """
    found = complaints(phrase, language, text)
    if found:
        raise Invalid("text", " ".join(found))
    row = _locked(session, phrase, language, branch_id, was)
    clean = " ".join(text.split())
    if row is None:
        made = OwnWords(branch_id=branch_id, key=phrase.key, language=language, text=clean, changed_at=now)
        session.add(made)
    else:
        row.text, row.changed_at = clean, now
    session.flush()


def forget_words(session: Session, phrase: Phrase, language: Language, *, branch_id: int, was: str) -> None:
    """Back to our words. Raises Conflict."""
    if _locked(session, phrase, language, branch_id, was):
        mine = (OwnWords.branch_id == branch_id, OwnWords.key == phrase.key, OwnWords.language == language)
        session.execute(delete(OwnWords).where(*mine))


def _locked(session: Session, phrase: Phrase, language: Language, branch_id: int, was: str) -> OwnWords | None:
    row = session.get(OwnWords, (branch_id, phrase.key, language), with_for_update=True)
    text = row.text if row else phrase.words[language]
    if text != was:
        raise Conflict(CHANGED.format(text=text))
    return row
