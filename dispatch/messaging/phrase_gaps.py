"""What every text to a customer can say: the gaps that phrases share, and how one is put together; pure."""

from __future__ import annotations

from collections.abc import Mapping

from .phrase_rules import Gap, Language, Phrase, Tone

EN, HI = Language.EN, Language.HI
NAME = Gap(meaning="the customer's first name", sample="Alexandra", can_shrink=True)
SHOP = Gap(
    meaning="what the shop is called",
    sample="The Corner Bookshop",
    can_shrink=True,
    otherwise={EN: "the shop", HI: "दुकान"},
)
WHAT = Gap(
    meaning="what they ordered",
    sample="Physics, volume 2 and 2 more things",
    can_shrink=True,
    otherwise={EN: "what you ordered", HI: "ऑर्डर"},
)
PROMISED = Gap(meaning="the promise, like 20:00", sample="24 Nov 20:00")
LINK = Gap(meaning="the address of their page", sample="https://dispatch.example.com/t?k=12345-AbCdEfGhIjKlMnOp")
ALL = {"name": NAME, "shop": SHOP, "link": LINK}


def phrase(
    key: str,
    title: str,
    gaps: Mapping[str, Gap],
    *,
    needs: tuple[str, ...],
    en: str,
    hi: str,
    tone: Tone = Tone.FACTS,
) -> Phrase:
    """A phrase that may use the shared gaps besides its own."""
    words = {EN: en, HI: hi}
    return Phrase(key=key, title=title, gaps={**ALL, **gaps}, needs=frozenset(needs), words=words, tone=tone)
