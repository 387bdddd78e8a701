"""Whether a customer can be texted at all, and if not, why: somebody must phone them then."""

from __future__ import annotations

from sqlalchemy.orm import Session

from ..foundation.types import can_be_texted
from .consent import opted_out


def why_unreachable(session: Session, phone: str) -> str | None:
    """Why a number can't be texted at all, if so."""
    if phone in opted_out(session, [phone]):
        return "the customer asked not to be texted: phone them"
    if not can_be_texted(phone):
        return "this is a landline: phone them"
    return None
