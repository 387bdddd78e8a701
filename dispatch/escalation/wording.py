"""What staff are told: pages, answers, stand-downs. Two segments at most, the code and the link always whole."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ..messaging.wording import Encoding, plain, segments
from ..orders.wording import is_collected
from .rules import Need

MOST_SEGMENTS = 2
A_FEW_WORDS = 40
MORE = "..."
# A full stop after a word that ends in a dot, or in three.
DOTS = re.compile(r"(?<!\.)(?:\.\.|\.{4,})(?=\s|$)")


@dataclass(frozen=True, kw_only=True)
class Job:
    """What a page is about, in words. Times are local, like "18:40"; `start_by` is empty when it is past.

    `what` is what must be bought, or taken to the customer, and `further` what else must be bought, and where, when no
    one shop has it all; `rest` goes along with it and lies in the shop, whose name is `home`. `must_wait`: no shop that
    has it is open yet.
    """

    ref: str
    what: str
    for_whom: str
    reason: str
    need: Need
    from_where: str
    to_where: str
    start_by: str
    promised: str
    is_late: bool
    further: str = ""
    rest: str = ""
    home: str = ""
    must_wait: bool = False
    is_to_be_collected: bool = False

    @property
    def sources(self) -> str:
        """Where everything comes from."""
        shops = f"{self.what} at {self.from_where}, {self.further}" if self.further else self.from_where
        return f"{shops}, the rest ({self.rest}) at {self.home}" if self.rest else shops

    @property
    def start(self) -> str:
        """By when to begin."""
        if self.start_by:
            return f"start by {self.start_by}"
        return "be there when it opens" if self.must_wait else "start now"


def fit(build: Callable[..., str], *parts: str) -> str:
    """The text that `build` makes of the parts, the first ones shortened first until it is two segments at most.

    Nothing is cut below a few words while cutting something else would do. Then goes what no GSM-7 text can hold and
    what follows it, for one Hindi letter halves the room; it stands behind the link. What is left may be "...", after
    which, as after an address that ends in a dot, the sentence needs no dot of its own.
    """
    words = [plain(part) for part in parts]
    for least, is_costly in ((A_FEW_WORDS, False), (0, True), (0, False)):
        for index in range(len(words)):
            while _may_lose(words[index], least, is_costly) and segments(build(*words)).count > MOST_SEGMENTS:
                words[index] = _shorter(words[index])
    return DOTS.sub(lambda dots: MORE if len(dots[0]) > len(MORE) else ".", build(*words))


def _may_lose(part: str, least: int, is_costly: bool) -> bool:
    # However short: one such letter halves the room for all others.
    return segments(part).encoding is not Encoding.GSM7 if is_costly else len(part) > max(least, len(MORE))


def _shorter(text: str) -> str:
    body = text.removesuffix(MORE).rstrip()
    cut = body.rsplit(" ", 1)[0] if " " in body else body[:-5]
    return f"{cut}{MORE}"


def joined(sentences: Sequence[str]) -> list[str]:
    """What came of several answers, in as few texts of two segments as hold it; none is cut."""
    texts: list[str] = []
    for said in sentences:
        if texts and segments(f"{texts[-1]} {said}").count <= MOST_SEGMENTS:
            texts[-1] = f"{texts[-1]} {said}"
        else:
            texts.append(said)
    return texts


def too_much(others: Sequence[str]) -> str:
    """To somebody who takes what the clock says they can't do beside what they have."""
    return f"You have {' and '.join(others[:2])} as well: in time is not possible for all."


def yours(job: Job, *, code: int, warning: str = "") -> str:
    """To the one who took it."""
    have = "bought it" if job.need is not Need.DELIVER else "packed it" if job.is_to_be_collected else "picked it up"
    done = "" if job.is_to_be_collected else _done(code, job.need, " when it is")
    how = f"{code}P when you have {have},{done} {code}R to hand it back."
    where = "" if job.need is Need.PROCURE or job.is_to_be_collected else job.to_where
    careful = f" {warning}" if warning else ""
    return fit(lambda to: f"Thank you, {job.ref} is yours{f', to {to}' if to else ''}. {how}{careful}", where)


def _done(code: int, need: Need, when: str = "") -> str:
    """Whoever only buys brings it to the shop: "delivered" would be said of that, and the customer would read it."""
    return "" if need is Need.PROCURE else f" {code}D{when} delivered,"


def still_yours(ref: str, *, code: int, need: Need) -> str:
    """To the one who took it already."""
    return f"{ref} is yours already. {code}P when you have it,{_done(code, need)} {code}R to hand it back."


def stand_down(ref: str, what: str, *, who: str) -> str:
    """To everybody else who was asked."""
    return fit(lambda what, who: f"{who} has taken {ref} ({what}). Nothing more to do, thank you.", what, who)


def saved(ref: str, what: str) -> str:
    """To everybody who was asked, when news saved the order."""
    return fit(lambda what: f"{ref} ({what}) is safe again. Nothing more to do, thank you.", what)


def waits(ref: str, what: str) -> str:
    """To everybody who was asked, when it is packed for a customer who comes for it."""
    return fit(lambda what: f"{ref} ({what}) is packed, the customer collects it. Nothing more to do, thank you.", what)


def with_you(ref: str, what: str, *, code: int) -> str:
    """To somebody who was asked and has not answered, when they were given it at the desk."""
    return fit(lambda what: f"{ref} ({what}) is with you. {code}D when it is delivered, thank you.", what)


def nothing_to_buy(ref: str, what: str) -> str:
    """To whoever went to buy, when it came in without them or is not wanted any more."""
    return fit(lambda what: f"{ref} ({what}): there is nothing left to buy. Nothing more to do, thank you.", what)


def called_off(ref: str, what: str, *, is_delivered: bool) -> str:
    """To everybody who was asked, when the order ended."""
    how = "has been delivered" if is_delivered else "was cancelled"
    return fit(lambda what: f"{ref} ({what}) {how}. Nothing more to do, thank you.", what)


def taken_by(ref: str, *, who: str, others: Sequence[str]) -> str:
    """To somebody who says yes after another did: who has it, and what else is open."""
    if not others:
        return fit(lambda who: f"{who} has {ref} already, thank you. Nothing else is open.", who)
    return fit(lambda open_, who: f"{who} has {ref} already, thank you. Still open: {open_}.", ", ".join(others), who)


def passed(ref: str) -> str:
    """To somebody who can't."""
    return f"All right, {ref} goes to somebody else."


def nobody_left(ref: str) -> str:
    """To the last one who could be asked, when they can't."""
    return f"All right. Nobody else is left to ask for {ref}: it stays red on the board until somebody takes it."


def handed_back(ref: str) -> str:
    """To somebody who hands it back."""
    return f"{ref} is handed back, others are being asked. Thank you for saying so."


def bought(ref: str, *, code: int, goes_on: bool) -> str:
    """Bought, and what comes next."""
    if goes_on:
        return f"{ref}: noted as bought. {code}P when you leave with it, {code}D when it is delivered."
    return f"{ref}: noted as bought. Please bring it to the shop."


def brought(ref: str) -> str:
    """To whoever bought it and says that it is there: in the shop, not yet with the customer."""
    return f"{ref}: noted, it is in the shop. Well done, thank you!"


def on_the_way(ref: str, *, code: int, where: str, needs_pin: bool) -> str:
    """Picked up, and how to say that it is delivered."""
    done = f"{code}D and the customer's 4 digits" if needs_pin else f"{code}D"
    return fit(lambda where: f"{ref}: noted, you are on the way to {where}. {done} when it is delivered.", where)


def packed(ref: str) -> str:
    """Nobody has to bring it."""
    return f"{ref}: noted as packed, the customer collects it. Well done, thank you!"


def delivered(ref: str) -> str:
    """It is done."""
    return f"{ref} is delivered. Well done, thank you!"


def missing(ref: str, titles: Sequence[str]) -> str:
    """It can't leave yet."""
    return fit(lambda what: f"{ref} can't leave yet, this is missing: {what}.", ", ".join(titles))


def wrong_pin(code: int) -> str:
    """The proof is missing."""
    return f"Please ask the customer for the 4 digits in their text and send {code}D with them, like {code}D 1234."


def over(ref: str, *, how: str) -> str:
    """To an answer that comes after the end."""
    return f"{ref} is {how} already. Nothing more to do, thank you."


def not_yours(ref: str, *, code: int) -> str:
    """To news about an order that they have not taken."""
    return f"You have not taken {ref}. Reply {code}A to take it."


def which(choices: Sequence[str]) -> str:
    """Several could be meant."""
    return fit(lambda open_: f"Which one? Reply with its code: {open_}.", "; ".join(choices))


def nothing_open() -> str:
    """No page could be meant."""
    return "There is nothing open for you just now, thank you."


def unknown_code(code: int) -> str:
    """A code that was never sent to this phone."""
    return f"There is no {code} for you. Please check the number in the text."


def not_understood(choices: Sequence[str], *, code: int | None = None) -> str:
    """A text that we could not read. `code`: of the first choice, when it can be taken."""
    which = "For the first reply" if len(choices) > 1 else "Reply"
    how = f" {which} {code}A to take it, {code}X if you can't." if code is not None else ""
    if choices:
        return fit(lambda open_: f"Sorry, I did not understand. Open for you: {open_}.{how}", "; ".join(choices))
    return "Sorry, I did not understand. Please phone the shop."


def stranger(shop: str) -> str:
    """To a number we don't know, once a day."""
    return fit(lambda shop: f"This is {shop}'s service line. We don't know this number: please phone the shop.", shop)


def taken_over(ref: str, *, who: str, code: int) -> str:
    """To a taker who was not heard of, when somebody else has taken it."""
    why = f"has taken over {ref}, as we had not heard from you. If you have it all the same: {code}P."
    return fit(lambda who: f"{who} {why}", who)


def heard(ref: str) -> str:
    """To a taker who writes in their own words."""
    return f"Noted for {ref}, thank you."


def heard_no(ref: str, *, code: int) -> str:
    """To a taker who writes that they can't: their words alone hand nothing back."""
    return f"Noted for {ref}. To hand it back: {code}R."


def heard_words(ref: str, *, code: int, need: Need) -> str:
    """To a taker whose answer was taken back by the words beside it."""
    how = f"{code}P when you have it,{_done(code, need)} {code}R to hand it back."
    return f"Noted for {ref}, and nothing else. {how}"


def reminder(ref: str, *, code: int, promised: str, need: Need) -> str:
    """To a taker who went quiet."""
    how = f"{code}P when you have it,{_done(code, need)} {code}R if you can't any more."
    return f"How is {ref} going? Promised by {promised}. {how}"


def changed(ref: str, *, where: str = "", by: str = "") -> str:
    """To whoever has it: where it goes now, or that nobody has to bring it, and by when it is promised now."""
    then = f"{', and' if where else ' it'} is now promised by {by}" if by else ""

    def build(where: str) -> str:
        goes = f" {where}" if is_collected(where) else f" it goes to {where}" if where else ""
        return f"{ref} has changed:{goes}{then}."

    return fit(build, where)


def other_goods(ref: str, *, new: str, old: str, is_here: bool, code: int, is_over: bool = False) -> str:
    """To whoever has taken it: the customer takes something else than they were asked to get; maybe that is all."""
    where = "It is in the shop already." if is_here else "Please get that one."
    then = f"{code}P when you have it, {code}R if you can't any more."
    rest = "Nothing more to buy, thank you." if is_over else then
    return fit(
        lambda old, new: f"{ref} has changed: {new} instead of {old}, the customer agreed. {where} {rest}", old, new
    )
