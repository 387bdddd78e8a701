"""What `dispatch explain` says, in plain words and in the branch's time; pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from ..escalation.rules import Answer, Decision, EscalationState, LadderFacts, Need, Rung
from ..orders.rules import Sourcing, Status
from ..promise.rules import ClockName, Level
from ..staff.rules import Person
from ..web import words as screen

CLOSED = {
    Status.DELIVERED: "Nothing: it is delivered, and nobody is asked any more.",
    Status.CANCELLED: "Nothing: it is cancelled, and nobody is asked any more.",
}
CLOCKS = {
    ClockName.SUPPLIER_CLOSING: "the other shop's closing time",
    ClockName.PROCUREMENT: "the time the buying takes",
    ClockName.PACKING: "packing",
    ClockName.TRAVEL: "the way there",
    ClockName.SHIFT_END: "the end of a shift",
    ClockName.NOBODY_AVAILABLE: "nobody is there to do it",
    ClockName.DEADLINE: "the promise itself",
}
TOO_LATE = "too late for the promise"
AT_THE_NEXT_LOOK = "The worker does this with its next look, which is due."
GROUPS = {
    Rung.AVAILABLE: "here now",
    Rung.ON_CALL: "on call",
    Rung.MANAGER: "managers on call",
    Rung.FOUNDER: "the founder",
}

Told = Mapping[str, Any]


# --- the ladder ------------------------------------------------------------------------------------------------------


def is_an_act(decision: Decision) -> bool:
    """Whether anything is done at all."""
    return bool(decision.opens or decision.ends or decision.ask or decision.reminds or decision.repeat or decision.ring)


def decision(made: Decision, ladder: LadderFacts, *, taker: str | None) -> str:
    """What the ladder does at an instant, and why."""
    if made.ends is EscalationState.UNANSWERED:
        return "Give up asking: the promise has passed and nobody has taken it. It stays red until a person acts."
    if made.ends is not None:
        return "Stand everybody down: the promise is safe again, or what was asked for is done."
    if made.reminds:
        return f"Remind {taker or 'whoever took it'}: they have been quiet for too long."
    if made.ask or made.repeat or made.ring:
        start = "Call for help and ask" if made.opens else "Ask"
        asks = [f"{start} {_asked(made, ladder)} to {screen.NEEDS[ladder.need]}."] if made.ask else []
        return " ".join([*asks, *_again(made, ladder)])
    if made.opens:
        return f"Call for help to {screen.NEEDS[ladder.need]}; there is nobody who may be asked just now."
    return _waits(ladder, taker)


def _asked(made: Decision, ladder: LadderFacts) -> str:
    names = {person.id: person.name for person in ladder.people}
    return ", ".join(f"{names[staff_id]} ({GROUPS[rung]})" for staff_id, rung in made.ask)


def _again(made: Decision, ladder: LadderFacts) -> list[str]:
    """Who is texted once more, and whose phone rings."""
    again = [number for number in made.repeat if number not in made.ring]
    in_turn = [number for number in made.repeat if number in made.ring]
    silent = [number for number in made.ring if number not in made.repeat]
    said = [f"Ask {_named(again, ladder)} again by text."] if again else []
    said += [f"Ring {_named(in_turn, ladder)}: they have not answered."] if in_turn else []
    return said + ([f"Ring {_named(silent, ladder)}: the text has not arrived."] if silent else [])


def _named(numbers: Sequence[int], ladder: LadderFacts) -> str:
    names = {person.id: person.name for person in ladder.people}
    return ", ".join(names.get(number, "somebody") for number in numbers)


def _waits(ladder: LadderFacts, taker: str | None) -> str:
    if ladder.state is EscalationState.ACCEPTED:
        return f"Wait: {taker or 'somebody'} has taken it."
    if ladder.state is EscalationState.UNANSWERED:
        return "Nobody took it and the promise has passed: a person must act."
    if ladder.state is EscalationState.OPEN:
        names = {person.id: person.name for person in ladder.people}
        waiting = [names.get(page.staff_id, "somebody") for page in ladder.pages if page.is_open]
        return f"Wait for an answer from {', '.join(waiting)}." if waiting else "Nobody is left who may be asked."
    return "Ask nobody: there is time left."


def event(made: Decision, ladder: LadderFacts, *, taker: str | None, has_changed: bool) -> str:
    """What happens at an instant to come."""
    said = [f"It becomes: {screen.LEVELS[ladder.level].lower()}."] if has_changed else []
    if is_an_act(made):
        said.append(decision(made, ladder, taker=taker))
    return " ".join(said)


def standing(person: Person, now: datetime) -> str:
    """Whether somebody can be counted on, or asked, just now."""
    if not person.reachable:
        return "can't be texted"
    if person.is_paused(now):
        return "paused"
    if person.is_available(now):
        return "here now"
    if person.can_always_be_asked:
        return "may always be asked"
    return "on call" if person.on_call else "off shift"


# --- the whole of it -------------------------------------------------------------------------------------------------


class _Page:
    """Times as the branch says them."""

    def __init__(self, told: Told) -> None:
        self.timezone: str = told["timezone"]
        self.now = datetime.fromisoformat(told["as_of"])

    def at(self, value: str | None, otherwise: str = "") -> str:
        """An instant out of the explanation."""
        return screen.when_words(datetime.fromisoformat(value), self.timezone, now=self.now) if value else otherwise


def lines(told: Told) -> Iterator[str]:
    """The explanation as people read it."""
    page, order = _Page(told), told["order"]
    yield from _head(told, page)
    yield from _part("Promises given", [_promise(promise, page) for promise in told["promises"]])
    yield from _part("Lines", [_line(line, page) for line in order["lines"]])
    yield from _part("Clock", _clock(order, page))
    yield from _part("Steps, each at its cautious length", [_step(step, page) for step in told["steps"]])
    yield from _part("The plan, which is advice", [_planned(step) for step in told["plan"]])
    yield from _part("People", [_person(person) for person in told["people"]])
    yield from _part("Call for help", _call(told["escalation"], page))
    yield from _part("Decision", [told["decision"]])
    following = [f"{page.at(each['at'])}: {each['what']}" for each in told["next"]]
    yield from _part("What happens next, if there is no other news", [*following, *_next_look(order, page)])
    yield from _part("Last texts", [_text(text, page) for text in told["texts"]])


def _part(title: str, said: list[str]) -> Iterator[str]:
    if said:
        yield from ("", title, *(f"  {each}" for each in said))


def _head(told: Told, page: _Page) -> Iterator[str]:
    order = told["order"]
    customer = order["customer"]
    yield f"Order {order['ref']} of {told['shop']}, {page.at(told['as_of'])} ({page.timezone})"
    yield f"  For {customer['name']} ({customer['phone']}), {order['address']['text']}"
    if order["reason"]:
        yield f"  Why it matters: {order['reason']}"
    promise = f"  Promised by {page.at(order['promised_by'])}"
    if order["first_promised_by"] != order["promised_by"]:
        promise += f", first by {page.at(order['first_promised_by'])}"
    carrier = f", with {order['carrier']['name']}" if order["carrier"] else ""
    yield f"{promise}. It is {screen.STATUSES[Status(order['status'])]}{carrier}."


def _promise(promise: Told, page: _Page) -> str:
    why = f", because {promise['why']}" if promise["why"] else ""
    agreed = screen.AGREED[promise["agreed"]] if promise["number"] > 1 else ""
    said = f"{page.at(promise['promised_by'])}: given {page.at(promise['made_at'])} by {promise['made_by']}{why}"
    return f"{said}; {agreed}" if agreed else said


def _planned(step: Told) -> str:
    return f"{step['text']} (pinned)" if step["is_pinned"] else str(step["text"])


def _line(line: Told, page: _Page) -> str:
    shop = f" at {line['supplier']}" if line["supplier"] else ""
    ready = f", here {page.at(line['ready_at'])}" if line["ready_at"] else ""
    return f"{line['quantity']}x {line['title']}: {screen.SOURCINGS[Sourcing(line['sourcing'])]}{shop}{ready}"


def _clock(order: Told, page: _Page) -> list[str]:
    risk = order["risk"]
    if Status(order["status"]) in CLOSED:
        return [risk["binding"]["message"]]
    promised_by = datetime.fromisoformat(order["promised_by"])
    slack = screen.slack_words(risk["slack_minutes"], promised_by=promised_by, now=page.now)
    return [
        f"{screen.LEVELS[Level(risk['level'])]}: {slack}.",
        f"What binds: {CLOCKS[ClockName(risk['binding']['clock'])]}. {risk['binding']['message']}",
        f"Act by: {page.at(risk['act_by'], 'no start would do')}.",
        f"Can still be kept with everybody's help until: {page.at(risk['late_at'], 'never')}.",
        f"Would be there, if it starts now: {page.at(risk['projected_at'], 'never, as things stand')}.",
    ]


def _step(step: Told, page: _Page) -> str:
    before = f", not done before {page.at(step['not_before'])}" if step["not_before"] else ""
    if step["why_not"]:
        return f"{step['words']}{before}: {step['why_not']}"
    # A step without a length is under way already, or waits for something to arrive.
    until = "last start" if step["minutes"] else "must be done by"
    return f"{step['words']}{before}: {until} {page.at(step['last_start'])}"


def _person(person: Told) -> str:
    asked = ", asked" if person["is_asked"] else ""
    return f"{person['name']} ({person['role']}, {person['phone']}): {person['standing']}{asked}"


def _call(call: Told | None, page: _Page) -> list[str]:
    if call is None:
        return []
    said = [
        f"{screen.ESCALATIONS[EscalationState(call['state'])]}: to {screen.NEEDS[Need(call['need'])]}, "
        f"since {page.at(call['opened_at'])}, rung {call['rung']}. {call['why']}"
    ]
    if call["accepted_by"]:
        check_in = f", to be heard of by {page.at(call['check_in_at'])}" if call["check_in_at"] else ""
        said.append(f"{call['accepted_by']['name']} took it {page.at(call['accepted_at'])}{check_in}.")
    return [*said, *(_asked_person(each, page) for each in call["pages"])]


def _asked_person(each: Told, page: _Page) -> str:
    answer = screen.ANSWERS[Answer(each["answer"])] if each["answer"] else "no answer yet"
    when = f" {page.at(each['answered_at'])}" if each["answered_at"] else ""
    receipt = each["receipt"] or ("sent" if each["sent_at"] else "not sent yet")
    return (
        f"rung {each['rung']}, {each['name']} ({each['code']}): {page.at(each['asked_at'])}, {receipt}, {answer}{when}"
    )


def _next_look(order: Told, page: _Page) -> list[str]:
    at = order["risk"]["next_check_at"]
    if not at:
        return []
    is_due = datetime.fromisoformat(at) < page.now
    return [f"The worker {'was to look at it' if is_due else 'looks at it next'} {page.at(at)}."]


def _text(text: Told, page: _Page) -> str:
    who = f"{text['who']} ({text['phone']})" if text["who"] else text["phone"]
    way = "to" if text["direction"] == "out" else "from"
    error = f", {text['error']}" if text["error"] else ""
    return f"{page.at(text['at'])} {way} {who}, {text['state']}{error}: {text['body']}"
