"""What is said of calls to other shops: their answers, and why one is rung before another; pure."""

from __future__ import annotations

from datetime import datetime

from ..foundation.hours import local_text
from .calls import Answer, Outcome, Ranked, Scope, Why

LIKE_WHAT = {Scope.ITEM: "times", Scope.KIND: "things of this kind", Scope.SHOP: "things we asked for"}

PLAIN = {
    Why.TOO_FAR: "Nobody could be back in time.",
    Why.CLOSES_FIRST: "Closes before anybody could buy it there.",
    Why.TIED: "Usually has it.",
    Why.UNTRIED: "Not asked for anything like it yet.",
}


def ago(at: datetime, now: datetime) -> str:
    """How long ago that was: "just now", "20 min ago", "3 h ago", "2 days ago"."""
    minutes = int((now - at).total_seconds() // 60)
    if minutes < 1:
        return "just now"
    if minutes < 60:
        return f"{minutes} min ago"
    if minutes < 24 * 60:
        return f"{minutes // 60} h ago"
    days = minutes // (24 * 60)
    return "a day ago" if days == 1 else f"{days} days ago"


def heard(answer: Answer, now: datetime) -> str:
    """An answer and its age: "said no 20 min ago"."""
    words = {
        Outcome.HAS_IT: "had it",
        Outcome.NO: "said no",
        Outcome.CLOSED: "was closed",
        Outcome.NO_ANSWER: "didn't answer",
        Outcome.BOUGHT: "sold it",
    }
    elsewhere = "" if answer.is_mine else ", asked for another order"
    return f"{words[answer.outcome]} {ago(answer.at, now)}{elsewhere}"


def rank_reason(row: Ranked, now: datetime, timezone: str) -> str:
    """One line on why a shop stands where it stands."""
    if row.why is Why.KEEPS:
        until = row.shop.kept_until
        return f"Keeps it until {local_text(until, timezone, now=now)}." if until else "Keeps it for us."
    if row.last is not None and row.why in (Why.SAID_NO, Why.NO_ANSWER, Why.HAD_IT, Why.FOUND_CLOSED):
        doubt = ", though their hours say open" if row.why is Why.FOUND_CLOSED and row.last.is_open_by_hours else ""
        again = ": try again" if row.why is Why.NO_ANSWER else ""
        return f"{_capital(heard(row.last, now))}{doubt}{again}."
    if row.why is Why.SHUT:
        return f"Opens {local_text(row.opens_at, timezone, now=now)}." if row.opens_at else "Doesn't open in time."
    return learned(row) if row.why is Why.LEARNED else PLAIN[row.why]


def learned(row: Ranked) -> str:
    """What they had so far, of the nearest scope that anything was heard of."""
    scope = next(s for s in sorted(Scope, reverse=True) if (t := row.shop.tallies.get(s)) and t.n)
    tally = row.shop.tallies[scope]
    return f"Had {'it ' if scope is Scope.ITEM else ''}{tally.n_yes} of {tally.n} {LIKE_WHAT[scope]}."


def answer_event(outcome: Outcome, *, shop: str, title: str, is_open_by_hours: bool, note: str | None) -> str:
    """How the history tells of an answer that leaves the line where it was."""
    doubt = ", though their hours say open" if is_open_by_hours else ""
    text = {
        Outcome.NO: f"{shop} doesn't have {title}.",
        Outcome.CLOSED: f"{shop} is closed{doubt}.",
        Outcome.NO_ANSWER: f"Nobody answers at {shop}.",
        Outcome.HAS_IT: f"{shop} has {title}.",
        Outcome.BOUGHT: f"{title} is bought at {shop}.",
    }[outcome]
    return f"{text} {note}" if note else text


def gone(title: str, shop: str) -> str:
    """What they had put aside is not there after all."""
    return f"{shop} doesn't have {title} any more: it is to be bought again."


def kept_no_longer(title: str, shop: str, until: str) -> str:
    """The time has passed until which they kept it."""
    return f"{shop} kept {title} until {until}, and nobody bought it: it is to be bought again."


def asked_in_vain(answers: list[tuple[str, Outcome]]) -> str:
    """Who was asked before a line was given up: " Asked: City Books (no), Crossword (closed)."."""
    words = {Outcome.NO: "no", Outcome.CLOSED: "closed", Outcome.NO_ANSWER: "no answer"}
    said = [f"{shop} ({words[outcome]})" for shop, outcome in answers if outcome in words]
    return f" Asked: {', '.join(said)}." if said else ""


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
