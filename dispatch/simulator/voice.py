"""What a call is made of: the order for it, what a listener hears, and the forms that are posted about it."""

from __future__ import annotations

from dataclasses import dataclass

from .config import SimulatorConfig
from .records import API_VERSION, Call, Gather
from .twiml import Verb


@dataclass(frozen=True, kw_only=True)
class CallOrder:
    """What somebody asked for when placing a call."""

    to: str
    from_number: str
    twiml: str | None = None
    url: str | None = None
    status_callback: str | None = None
    events: tuple[str, ...] = ("completed",)
    ring_seconds: float = 60
    wants_machine_detection: bool = False


class NotNow(Exception):
    """The call is not in a state in which a person could do that."""


def heard(verbs: tuple[Verb, ...]) -> list[str]:
    """What somebody on the phone hears of these verbs, line by line."""
    lines = []
    for verb in verbs:
        if verb.name == "Say":
            lines.append(" ".join(verb.text.split()))
        elif verb.name == "Play":
            lines.append(f"♪ {verb.text}")
        elif verb.name != "Pause":
            lines.append(f"[{verb.name}]")
    return lines


def call_params(config: SimulatorConfig, call: Call) -> dict[str, str]:
    """The form that Twilio posts about a call."""
    params = {
        "AccountSid": config.account_sid,
        "ApiVersion": API_VERSION,
        "CallSid": call.sid,
        "CallStatus": call.status,
        "Direction": call.direction,
        "From": call.from_number,
        "To": call.to,
        "Caller": call.from_number,
        "Called": call.to,
    }
    if call.wants_machine_detection and call.answered_by:
        params["AnsweredBy"] = call.answered_by
    return params


def event_params(config: SimulatorConfig, call: Call, number: int, timestamp: str) -> dict[str, str]:
    """The form of one status event; `number` counts a call's events from 0."""
    params = call_params(config, call) | {
        "CallbackSource": "call-progress-events",
        "SequenceNumber": str(number),
        "Timestamp": timestamp,
    }
    if call.ended_at is not None:
        seconds = call.duration_seconds
        params |= {"CallDuration": str(seconds), "Duration": str(-(-seconds // 60))}
    return params


def gather_of(verb: Verb, number: int) -> Gather:
    """What a <Gather> waits for, with Twilio's defaults: five seconds, # ends the input."""
    limit, timeout = verb.attributes.get("numDigits", ""), verb.attributes.get("timeout", "")
    return Gather(
        number=number,
        action=verb.attributes.get("action"),
        num_digits=int(limit) if limit.isdigit() else None,
        finish_on_key=verb.attributes.get("finishOnKey", "#"),
        timeout_seconds=float(timeout) if timeout.isdigit() else 5.0,
    )
