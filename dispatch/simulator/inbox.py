"""Texts that simulated people send: opt-out words, the signed webhook, and the replies it answers with."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

from dispatch.foundation.log import get_logger
from dispatch.foundation.types import mask_phone

from .carrier import Carrier
from .config import SimulatorConfig
from .records import API_VERSION, Json, Message
from .rules import E164, NOTICES, Keyword, keyword
from .state import SimulatorState
from .timetable import Timetable
from .twiml import BadTwiml, messages, parse
from .webhooks import WebhookResult, Webhooks

log = get_logger("simulator.inbox")

BAD_TWIML = 12100


@dataclass(frozen=True)
class Received:
    """An inbound text and what our webhook said to it, delivery by delivery; empty when nobody waited."""

    message: Message
    webhooks: tuple[Json, ...] = ()
    replies: tuple[str, ...] = ()


class Inbox:
    """The receiving side of the account's number."""

    def __init__(
        self,
        config: SimulatorConfig,
        state: SimulatorState,
        timetable: Timetable,
        webhooks: Webhooks,
        carrier: Carrier,
    ) -> None:
        self._config = config
        self._state = state
        self._timetable = timetable
        self._webhooks = webhooks
        self._carrier = carrier

    def receive(
        self,
        from_number: str,
        body: str,
        *,
        to: str | None = None,
        deliveries: int = 1,
        wait: bool = True,
    ) -> Received:
        """A simulated person texts us.

        `deliveries`: how often the webhook gets it, with the same sid. With `wait` the answer of the webhook is
        part of the result; without, it is fetched in the background. Raises ValueError for a number that is not E.164.
        """
        if not E164.fullmatch(from_number):
            raise ValueError("from: a phone number in E.164, like +919812345678")
        number = to or self._config.sender
        message = self._state.add_message(
            direction="inbound",
            from_number=from_number,
            to=number,
            body=body,
            status="received",
            service_sid=self._config.messaging_service_sid,
        )
        word = keyword(body)
        if word is not None:
            self._obey(message, word)
        if not wait:
            self._timetable.after(0, partial(self._deliver, message, word, deliveries))
            return Received(message)
        return self._deliver(message, word, deliveries)

    def _obey(self, message: Message, word: Keyword) -> None:
        phone, number = message.phone, message.to
        if self._state.hear_keyword(phone, number, word):
            self._state.add_message(
                direction="outbound-reply",
                from_number=number,
                to=phone,
                body=NOTICES[word],
                status="delivered",
                kind="notice",
            )

    def _deliver(self, message: Message, word: Keyword | None, deliveries: int) -> Received:
        notes: list[Json] = []
        replies: list[str] = []
        for _ in range(deliveries):
            result = self._post(message, word)
            error_code = result.error_code
            try:
                bodies = messages(parse(result.body)) if result.is_ok else []
            except BadTwiml:
                bodies, error_code = [], BAD_TWIML
            notes.append({**result.as_json(), "error_code": error_code})
            replies += [body for body, to in bodies if self._reply(message, body, to)]
        if notes:
            self._state.change_message(message.sid, webhook=notes[-1])
        return Received(self._state.message(message.sid) or message, tuple(notes), tuple(replies))

    def _post(self, message: Message, word: Keyword | None) -> WebhookResult:
        if self._config.inbound_url is None:
            return WebhookResult(None)
        params = inbound_params(self._config, message, word)
        result = self._webhooks.post(self._config.inbound_url, params)
        self._state.count("inbound_webhooks")
        if not result.is_ok and self._config.inbound_fallback_url is not None:
            failed = {"ErrorCode": str(result.error_code), "ErrorUrl": self._config.inbound_url}
            result = self._webhooks.post(self._config.inbound_fallback_url, params | failed)
            self._state.count("inbound_fallbacks")
        if not result.is_ok:
            log.warning("inbound webhook failed", phone=mask_phone(message.phone), code=result.error_code)
        return result

    def _reply(self, message: Message, body: str, to: str | None) -> bool:
        phone = to or message.phone
        if self._state.is_blocked(message.to, phone):
            self._state.count("replies_refused_21610")
            return False
        reply = self._state.add_message(
            direction="outbound-reply", from_number=message.to, to=phone, body=body, status="queued"
        )
        self._carrier.send(reply)
        return True


def inbound_params(config: SimulatorConfig, message: Message, word: Keyword | None) -> dict[str, str]:
    """The form of an inbound text: every field seen in real ones; places are blank, as they often are."""
    params = {
        "AccountSid": config.account_sid,
        "ApiVersion": API_VERSION,
        "Body": message.body,
        "From": message.phone,
        "To": message.to,
        "MessageSid": message.sid,
        "SmsSid": message.sid,
        "SmsMessageSid": message.sid,
        "SmsStatus": "received",
        "NumMedia": "0",
        "NumSegments": str(message.segments),
    }
    for side in ("From", "To"):
        params |= {side + place: "" for place in ("City", "State", "Zip", "Country")}
    if config.messaging_service_sid is not None:
        params["MessagingServiceSid"] = config.messaging_service_sid
    if word is not None and config.advanced_opt_out:
        params["OptOutType"] = word.value
    return params
