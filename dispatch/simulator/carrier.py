"""Moves texts along as carriers do, status by status, and posts the receipts: in order unless told otherwise."""

from __future__ import annotations

from datetime import timedelta
from functools import partial

from .config import SimulatorConfig
from .faults import Fault, Kind, Stage, Target
from .records import API_VERSION, Message, error_message
from .state import SimulatorState
from .timetable import Timetable
from .webhooks import Webhooks

Step = tuple[str, int | None]
EXPIRED: Step = ("failed", 30036)


class Receipts:
    """The receipts of one text, and the fault they suffer."""

    def __init__(self, carrier: Carrier, fault: Fault | None) -> None:
        self._carrier = carrier
        self._kind = fault.kind if fault else None
        self._seconds = fault.seconds if fault else 0.0
        self._held: list[Message] = []

    def report(self, message: Message, *, is_last: bool) -> None:
        """Post one status, or do to it what was ordered."""
        match self._kind:
            case Kind.LOST_RECEIPTS:
                return
            case Kind.LATE_RECEIPTS:
                self._carrier.timetable.after(self._seconds, partial(self._carrier.post, message))
            case Kind.DOUBLED_RECEIPTS:
                self._carrier.post(message)
                self._carrier.post(message)
            case Kind.REORDERED_RECEIPTS:
                self._held.insert(0, message)
                for held in self._held if is_last else ():
                    self._carrier.post(held)
            case _:
                self._carrier.post(message)


class Carrier:
    """Takes accepted texts to their end."""

    def __init__(
        self, config: SimulatorConfig, state: SimulatorState, timetable: Timetable, webhooks: Webhooks
    ) -> None:
        self._config = config
        self._state = state
        self._webhooks = webhooks
        self.timetable = timetable

    def send(self, message: Message, *, wait_seconds: float = 0.0) -> None:
        """Set a text on its way, `wait_seconds` from now for a scheduled one. Faults are drawn here, once."""
        fault = self._state.take_fault(Stage.OUTCOME, Target.MESSAGES, message.to)
        receipts = Receipts(self, self._state.take_fault(Stage.RECEIPTS, Target.MESSAGES, message.to))
        steps = steps_for(message, fault)
        delay = wait_seconds + self._config.delivery_delay_seconds
        if fault is not None and fault.kind is Kind.HELD:
            delay += min(fault.seconds, message.validity_seconds)
            if fault.seconds > message.validity_seconds:
                steps = [EXPIRED]
        self.timetable.after(delay, partial(self._step, message.sid, steps, receipts))

    def post(self, message: Message) -> None:
        """Post the receipt for the status that `message` has in this record."""
        if message.status_callback is None:
            return
        result = self._webhooks.post(message.status_callback, receipt_params(self._config, message))
        self._state.count("callbacks")
        self._state.note_callback(message.sid, {"message_status": message.status, **result.as_json()})

    def _step(self, sid: str, steps: list[Step], receipts: Receipts) -> None:
        message = self._state.message(sid)
        if message is None:
            return
        if steps[0][0] == "sending" and self._is_expired(message):
            steps = [EXPIRED]
        (status, error_code), rest = steps[0], steps[1:]
        moved = self._state.advance_message(sid, status, error_code)
        if moved is None:
            return
        # The receipt is answered before the next step is planned: so receipts come in order, unless
        # disorder was ordered, at the price that a slow webhook holds its own text up.
        receipts.report(moved, is_last=not rest)
        if rest:
            self.timetable.after(self._config.delivery_delay_seconds, partial(self._step, sid, rest, receipts))

    def _is_expired(self, message: Message) -> bool:
        # Counted from when it was queued: a scheduled text may have waited for days before.
        return self._state.now() - message.updated_at > timedelta(seconds=message.validity_seconds)


def steps_for(message: Message, fault: Fault | None) -> list[Step]:
    """The statuses still to come. A text of a Messaging Service is queued first."""
    first: list[Step] = [("queued", None)] if message.status in {"accepted", "scheduled"} else []
    kind = fault.kind if fault else None
    code = fault.code if fault else None
    if kind is Kind.FAILED:
        return [*first, ("failed", code or 30001)]
    steps: list[Step] = [*first, ("sending", None), ("sent", None)]
    if kind is Kind.UNDELIVERED:
        return [*steps, ("undelivered", code or 30003)]
    return steps if kind is Kind.NO_RECEIPT else [*steps, ("delivered", None)]


def receipt_params(config: SimulatorConfig, message: Message) -> dict[str, str]:
    """The form of a status callback."""
    params = {
        "AccountSid": config.account_sid,
        "ApiVersion": API_VERSION,
        "From": message.sender,
        "To": message.to,
        "MessageSid": message.sid,
        "SmsSid": message.sid,
        "MessageStatus": message.status,
        "SmsStatus": message.status,
    }
    if message.service_sid is not None:
        params["MessagingServiceSid"] = message.service_sid
    if message.status in {"delivered", "undelivered"}:
        params["RawDlrDoneDate"] = message.updated_at.strftime("%y%m%d%H%M")
    if message.error_code is not None:
        params["ErrorCode"] = str(message.error_code)
        params["ErrorMessage"] = error_message(message.error_code) or ""
    return params
