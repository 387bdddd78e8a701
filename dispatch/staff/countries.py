"""Where texts may go: the countries that the shop names, or else its own and those of the people who work for it."""

from __future__ import annotations

from sqlalchemy import select
from sqlalchemy.orm import Session

from ..foundation.settings import Settings
from ..foundation.types import country_prefix, region_prefix
from .tables import Staff


def allowed_prefixes(session: Session, settings: Settings) -> frozenset[str]:
    """Country calling codes like "+44"; empty, which means all, when no country is named and nobody works here yet.

    A code is finer than no list and coarser than a country: "+1" is shared by the United States and others.
    """
    if settings.countries:
        return frozenset(region_prefix(region) for region in settings.countries)
    found = {country_prefix(phone) for phone in session.scalars(select(Staff.phone).where(Staff.is_active))}
    if found and settings.default_region:
        found.add(region_prefix(settings.default_region))
    return frozenset(found)
