"""Calls: ringing, a simulated person who answers and presses keys, and the TwiML that is read to them."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from urllib.parse import urljoin

from .config import SimulatorConfig
from .faults import Kind, Stage, Target
from .records import Call, Gather, rfc2822
from .state import SimulatorState
from .timetable import Timetable
from .twiml import BadTwiml, Verb, parse
from .voice import CallOrder, NotNow, call_params, event_params, gather_of, heard
from .webhooks import Webhooks

RINGING = frozenset({"queued", "ringing"})
UNANSWERED = {Kind.BUSY: "busy", Kind.NO_ANSWER: "no-answer", Kind.FAILED: "failed"}
MAX_FETCHES = 30
EVENT_OF_STATUS = {"initiated": "initiated", "ringing": "ringing", "in-progress": "answered"}


class Switchboard:
    """Places calls and lets simulated people take them."""

    def __init__(
        self, config: SimulatorConfig, state: SimulatorState, timetable: Timetable, webhooks: Webhooks
    ) -> None:
        self._config = config
        self._state = state
        self._timetable = timetable
        self._webhooks = webhooks
        self._gathers = itertools.count(1)

    # The account's side

    def place(self, order: CallOrder) -> Call:
        """Start a call; it rings a moment later, until somebody answers or the time is up."""
        call = self._state.add_call(
            lambda sid, sequence, now: Call(
                sid=sid,
                sequence=sequence,
                direction="outbound-api",
                status="queued",
                created_at=now,
                updated_at=now,
                **vars(order),
            )
        )
        self._timetable.after(self._config.delivery_delay_seconds, partial(self._ring, call.sid))
        return call

    def end(self, sid: str, status: str) -> Call:
        """End a call from our side: "completed" hangs up, "canceled" stops one that still rings."""
        call = self._finish(sid, status, only_from=RINGING if status == "canceled" else None)
        if call is None:
            raise NotNow("the call is not in a state that allows this")
        return call

    # The person's side

    def dial_in(self, from_number: str) -> Call:
        """A simulated person calls us: the voice URL's TwiML is read to them."""
        call = self._state.add_call(
            lambda sid, sequence, now: Call(
                sid=sid,
                sequence=sequence,
                direction="inbound",
                from_number=from_number,
                to=self._config.sender,
                status="in-progress",
                created_at=now,
                updated_at=now,
                started_at=now,
                url=self._config.voice_url,
            )
        )
        self._load(call)
        return self._state.call(call.sid) or call

    def answer(self, sid: str, *, digits: str = "", by: str = "human", wait: bool = True) -> Call:
        """Pick up, listen up to the first question, and press `digits` there if any are given.

        `by` is "human" or "machine_start" (voicemail). Without `wait` the words are fetched in the background.
        Raises NotNow when the phone does not ring, and when nothing listens for the digits.
        """

        def pick_up(call: Call) -> Call | None:
            if call.status not in RINGING:
                return None
            return replace(call, status="in-progress", started_at=self._state.now(), answered_by=by)

        call = self._state.change_call(sid, pick_up)
        if call is None:
            raise NotNow("this phone does not ring")
        self._report(call)
        self._now_or_later(partial(self._listen_and_press, call, digits), wait=wait)
        return self._state.call(sid) or call

    def press(self, sid: str, digits: str, *, wait: bool = True) -> Call:
        """Press keys. Without `wait` they are posted in the background. Raises NotNow when nobody listens."""
        taken: list[Gather] = []

        def take(call: Call) -> Call | None:
            if call.gather is None:
                return None
            taken.append(call.gather)
            return replace(call, gather=None, transcript=(*call.transcript, f"Pressed {digits}"))

        call = self._state.change_call(sid, take)
        if call is None:
            raise NotNow("the call does not listen for keys")
        gather = taken[0]
        wanted = digits.split(gather.finish_on_key, maxsplit=1)[0] if gather.finish_on_key else digits
        action = gather.action or call.url
        if action is None:
            self._finish(sid, "completed")
        else:
            url, form = urljoin(call.url or "", action), {"Digits": wanted[: gather.num_digits]}
            self._now_or_later(partial(self._fetch, call, url, form), wait=wait)
        return self._state.call(sid) or call

    def decline(self, sid: str, status: str = "busy") -> Call:
        """Do not take the call: "busy" or "no-answer". Raises NotNow when the phone does not ring."""
        call = self._finish(sid, status, only_from=RINGING)
        if call is None:
            raise NotNow("this phone does not ring")
        return call

    def hang_up(self, sid: str) -> Call:
        """End a call that is under way. Raises NotNow when none is."""
        call = self._finish(sid, "completed", only_from=frozenset({"in-progress"}))
        if call is None:
            raise NotNow("nobody is on this call")
        return call

    # Ringing, reading, ending

    def _now_or_later(self, job: Callable[[], object], *, wait: bool) -> None:
        if wait:
            job()
        else:
            self._timetable.after(0, job)

    def _listen_and_press(self, call: Call, digits: str) -> None:
        self._load(call)
        if digits:
            self.press(call.sid, digits)

    def _ring(self, sid: str) -> None:
        call = self._state.call(sid)
        if call is None or call.status != "queued":
            return
        self._report(replace(call, status="initiated"))
        call = self._state.change_call(sid, _moved("queued", "ringing"))
        if call is None:
            return
        self._report(call)
        fault = self._state.take_fault(Stage.OUTCOME, Target.CALLS, call.to)
        if fault is None:
            give_up = partial(self._finish, sid, "no-answer", only_from=RINGING)
            self._timetable.after(call.ring_seconds, give_up, is_patient=True)
        elif fault.kind is Kind.VOICEMAIL:
            self.answer(sid, by="machine_start")
        else:
            self._finish(sid, UNANSWERED.get(fault.kind, "failed"), only_from=RINGING)

    def _load(self, call: Call) -> None:
        # Twilio ignores Twiml when there is a Url as well.
        if call.url is not None:
            self._fetch(call, call.url, {})
        else:
            self._play(call.sid, call.twiml or "")

    def _fetch(self, call: Call, url: str, extra: dict[str, str]) -> None:
        fetched = self._state.change_call(call.sid, lambda latest: replace(latest, fetches=latest.fetches + 1))
        if fetched is None or fetched.fetches > MAX_FETCHES:
            # A document that redirects to itself would be read for ever to a machine that never hangs up.
            self._finish(call.sid, "completed")
            return
        result = self._webhooks.post(url, call_params(self._config, fetched) | extra)
        self._state.count("voice_webhooks")
        if result.is_ok:
            self._play(call.sid, result.body)
        else:
            self._break_off(call.sid, result.error_code)

    def _break_off(self, sid: str, error_code: int | None) -> None:
        self._say(sid, "We are sorry, an application error has occurred. Goodbye.", f"(error {error_code})")
        self._finish(sid, "completed")

    def _play(self, sid: str, document: str) -> None:
        try:
            script = parse(document)
        except BadTwiml:
            self._break_off(sid, 12100)
            return
        self._state.change_call(sid, lambda call: replace(call, script=script))
        self._read(sid)

    def _read(self, sid: str) -> None:
        """Read on until the script ends, the call ends, or keys are awaited."""
        while True:
            call = self._state.call(sid)
            if call is None or call.status != "in-progress":
                return
            if not call.script:
                self._finish(sid, "completed")
                return
            self._state.change_call(sid, _read_one)
            if not self._perform(call, call.script[0]):
                return

    def _perform(self, call: Call, verb: Verb) -> bool:
        """Do one verb. False when reading stops here."""
        match verb.name:
            case "Gather":
                self._listen(call, verb)
                return False
            case "Hangup" | "Reject":
                self._finish(call.sid, "completed")
                return False
            case "Redirect":
                self._fetch(call, urljoin(call.url or "", verb.text), {})
                return False
            case _:
                self._say(call.sid, *heard((verb,)))
                return True

    def _listen(self, call: Call, verb: Verb) -> None:
        words = heard(verb.children)
        gather = gather_of(verb, next(self._gathers))
        self._say(call.sid, *words)
        if self._state.change_call(call.sid, partial(_listening, gather)) is None:
            return
        if call.answered_by == "machine_start":
            self._hear_nothing(call.sid, gather.number)
            return
        # Twilio's time runs from the last spoken word; reading takes a moment per word.
        spoken = sum(len(line.split()) for line in (*call.transcript, *words)) * self._config.seconds_per_word
        self._timetable.after(
            gather.timeout_seconds + spoken,
            partial(self._hear_nothing, call.sid, gather.number),
            is_patient=True,
        )

    def _hear_nothing(self, sid: str, number: int) -> None:
        def give_up(call: Call) -> Call | None:
            if call.gather is None or call.gather.number != number:
                return None
            return replace(call, gather=None)

        if self._state.change_call(sid, give_up) is not None:
            self._read(sid)

    def _say(self, sid: str, *lines: str) -> None:
        self._state.change_call(sid, lambda call: replace(call, transcript=(*call.transcript, *lines)))

    def _finish(self, sid: str, status: str, *, only_from: frozenset[str] | None = None) -> Call | None:
        def finish(call: Call) -> Call | None:
            if call.ended_at is not None or (only_from is not None and call.status not in only_from):
                return None
            return replace(call, status=status, ended_at=self._state.now(), gather=None, script=())

        call = self._state.change_call(sid, finish)
        if call is not None:
            self._report(call)
        return call

    def _report(self, call: Call) -> None:
        event = EVENT_OF_STATUS.get(call.status, "completed")
        if call.status_callback is None or event not in call.events:
            return
        numbered = self._state.change_call(
            call.sid, lambda latest: replace(latest, event_number=latest.event_number + 1)
        )
        number = (numbered or call).event_number - 1
        timestamp = rfc2822(self._state.now()) or ""
        params = event_params(self._config, call, number, timestamp)
        self._timetable.after(0, partial(self._webhooks.post, call.status_callback, params))


def _moved(before: str, after: str) -> Callable[[Call], Call | None]:
    return lambda call: replace(call, status=after) if call.status == before else None


def _read_one(call: Call) -> Call:
    return replace(call, script=call.script[1:])


def _listening(gather: Gather, call: Call) -> Call | None:
    return replace(call, gather=gather) if call.status == "in-progress" else None
