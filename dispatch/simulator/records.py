"""Messages and calls as frozen records, and the JSON that Twilio's API shows of them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from email.utils import format_datetime

from .rules import DELIVERY_ERRORS, ERRORS
from .twiml import Verb

API_VERSION = "2010-04-01"
Json = dict[str, object]


@dataclass(frozen=True, kw_only=True)
class Message:
    """One text. `kind`: "text", or "notice" for Twilio's own confirmations, which its API does not list.

    `callbacks` are the receipts posted so far, `webhook` what our side answered to an inbound text.
    """

    sid: str
    sequence: int
    direction: str
    from_number: str | None
    to: str
    body: str
    status: str
    created_at: datetime
    updated_at: datetime
    kind: str = "text"
    sender: str = ""
    sent_at: datetime | None = None
    segments: int = 0
    media: tuple[str, ...] = ()
    service_sid: str | None = None
    error_code: int | None = None
    status_callback: str | None = None
    validity_seconds: int = 36000
    callbacks: tuple[Json, ...] = ()
    webhook: Json | None = None

    @property
    def is_inbound(self) -> bool:
        return self.direction == "inbound"

    @property
    def phone(self) -> str:
        """The simulated phone that shows this text."""
        return (self.from_number or "") if self.is_inbound else self.to


@dataclass(frozen=True)
class Gather:
    """A call waiting for keys. `number` tells one wait from the next, so that an old timer can't end a new one."""

    number: int
    action: str | None
    num_digits: int | None
    finish_on_key: str
    timeout_seconds: float


@dataclass(frozen=True, kw_only=True)
class Call:
    """One call. `script` is the TwiML still to be played, `transcript` what was said and pressed so far."""

    sid: str
    sequence: int
    direction: str
    from_number: str
    to: str
    status: str
    created_at: datetime
    updated_at: datetime
    started_at: datetime | None = None
    ended_at: datetime | None = None
    answered_by: str | None = None
    twiml: str | None = None
    url: str | None = None
    status_callback: str | None = None
    events: tuple[str, ...] = ()
    event_number: int = 0
    ring_seconds: float = 60
    wants_machine_detection: bool = False
    script: tuple[Verb, ...] = ()
    fetches: int = 0
    gather: Gather | None = None
    transcript: tuple[str, ...] = ()

    @property
    def is_inbound(self) -> bool:
        return self.direction == "inbound"

    @property
    def phone(self) -> str:
        """The simulated phone that rings."""
        return self.from_number if self.is_inbound else self.to

    @property
    def duration_seconds(self) -> int:
        """Whole seconds between answer and end; 0 for a call nobody answered."""
        if self.started_at is None or self.ended_at is None:
            return 0
        return int((self.ended_at - self.started_at).total_seconds())


def rfc2822(instant: datetime | None) -> str | None:
    """An instant as the 2010 API writes it, like "Sat, 21 Nov 2026 10:00:00 +0000"."""
    return None if instant is None else format_datetime(instant)


def error_message(code: int | None) -> str | None:
    """Twilio's words for a delivery error; unknown codes get a plain sentence."""
    if code is None:
        return None
    return DELIVERY_ERRORS.get(code) or ERRORS.get(code, (400, f"Delivery failed with error {code}"))[1]


def account_path(account_sid: str) -> str:
    """The path under which everything of an account lives."""
    return f"/{API_VERSION}/Accounts/{account_sid}"


def message_json(message: Message, account_sid: str) -> Json:
    """A message resource, in the shape of Twilio's OpenAPI document."""
    uri = f"{account_path(account_sid)}/Messages/{message.sid}"
    return {
        "account_sid": account_sid,
        "api_version": API_VERSION,
        "body": message.body,
        "date_created": rfc2822(message.created_at),
        "date_sent": rfc2822(message.sent_at),
        "date_updated": rfc2822(message.updated_at),
        "direction": message.direction,
        "error_code": message.error_code,
        "error_message": error_message(message.error_code),
        "from": message.from_number,
        "messaging_service_sid": message.service_sid,
        "num_media": str(len(message.media)),
        "num_segments": str(message.segments),
        "price": None,
        "price_unit": None,
        "sid": message.sid,
        "status": message.status,
        "subresource_uris": {"media": f"{uri}/Media.json", "feedback": f"{uri}/Feedback.json"},
        "to": message.to,
        "uri": f"{uri}.json",
    }


def call_json(call: Call, account_sid: str) -> Json:
    """A call resource, in the shape of Twilio's OpenAPI document."""
    uri = f"{account_path(account_sid)}/Calls/{call.sid}"
    is_over = call.ended_at is not None
    return {
        "account_sid": account_sid,
        "answered_by": call.answered_by if call.wants_machine_detection else None,
        "api_version": API_VERSION,
        "caller_name": None,
        "date_created": rfc2822(call.created_at),
        "date_updated": rfc2822(call.updated_at),
        "direction": call.direction,
        "duration": str(call.duration_seconds) if is_over else None,
        "end_time": rfc2822(call.ended_at),
        "forwarded_from": None,
        "from": call.from_number,
        "from_formatted": call.from_number,
        "group_sid": None,
        "parent_call_sid": None,
        "phone_number_sid": None,
        "price": None,
        "price_unit": "USD",
        "queue_time": "0",
        "sid": call.sid,
        "start_time": rfc2822(call.started_at),
        "status": call.status,
        "subresource_uris": {"notifications": f"{uri}/Notifications.json"},
        "to": call.to,
        "to_formatted": call.to,
        "trunk_sid": None,
        "uri": f"{uri}.json",
    }
