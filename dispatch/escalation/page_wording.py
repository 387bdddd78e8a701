"""What a page asks, alone and beside others: two segments at most, the code and the link always whole."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from ..messaging.bundle_wording import Part
from .rules import Need
from .wording import MORE, Job, fit

# What of a job is shortened, in this order.
ELASTIC = ("reason", "rest", "what", "further", "to_where", "from_where", "home", "for_whom")


def page(job: Job, *, code: int, link: str, takes_replies: bool, is_again: bool = False) -> str:
    """The text that asks one person, or asks again. Shortened where it must be: the reason first, names last."""
    how = f"Reply {code}A to take it, {code}X if you can't: {link}" if takes_replies else f"Take it or pass: {link}"
    start = "Still nobody for " if is_again else ""

    def build(*words: str) -> str:
        said: dict[str, Any] = dict(zip(ELASTIC, words, strict=True))
        return start + _page(replace(job, **said), how)

    return fit(build, *(getattr(job, name) for name in ELASTIC))


def _page(job: Job, how: str) -> str:
    doing = f"{job.ref}: {_doing(job)}. Promised by {job.promised}"
    return f"{doing}, now as early as you can. {how}" if job.is_late else f"{doing}, {job.start}. {how}"


def _doing(job: Job) -> str:
    """What somebody is asked to do, with a plain word for what no text could hold: it stands behind the link."""
    what = _said(job.what) or "an order"
    whom = f"{_said(job.for_whom) or 'the customer'}{_said(job.reason, ' (', ')')}"
    if job.need is Need.DELIVER and job.is_to_be_collected:
        return f"Please pack {what} for {whom}, who collects it at {_said(job.from_where) or 'the shop'}"
    if job.need is Need.DELIVER:
        return f"Please take {what} to {whom}, from {_said(job.from_where) or 'the shop'}{_said(job.to_where, ' to ')}"
    goods = f"{what}{_said(job.from_where, ' at ')}"
    if job.further:
        goods += _said(job.further, ", ") or " and more"
    if job.need is Need.PROCURE:
        return f"Please buy {goods} for {whom} and bring it to the shop"
    home = _said(job.home) or "the shop"
    fetch = f", fetch the rest{_said(job.rest, ' (', ')')} at {home}" if job.rest else ""
    return f"Please buy {goods}{fetch} and take it to {whom}{_said(job.to_where, ', ')}"


def _said(words: str, before: str = "", after: str = "") -> str:
    """A part of the text, or nothing where nothing is left of it."""
    return f"{before}{words}{after}" if words not in ("", MORE) else ""


def part(job: Job, *, code: int, link: str, takes_replies: bool) -> Part:
    """What the same page says beside others in one text, with its own code."""
    is_brought = job.need is not Need.PROCURE
    what, shop = job.what, "" if job.need is Need.DELIVER else f"at {job.from_where}"
    if job.further:
        what, shop = f"{what} {shop}, {job.further}", ""
    return Part(
        ref=job.ref,
        doing="take" if job.need is Need.DELIVER else "buy",
        what=what,
        shop=f"{shop}, the rest at {job.home}" if job.rest else shop,
        then="take" if job.need is Need.PROCURE_AND_DELIVER else "",
        whom=f"{'to' if is_brought else 'for'} {job.for_whom}",
        reason=job.reason,
        place=job.to_where if is_brought else "",
        by=f"late, was for {job.promised}" if job.is_late else f"by {job.promised}",
        code=code if takes_replies else None,
        link=link,
    )
