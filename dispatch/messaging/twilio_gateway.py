"""The only file that knows Twilio: the SDK behind `gateway.TextGateway`."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import requests
from requests.adapters import HTTPAdapter
from twilio.base.exceptions import TwilioException, TwilioRestException, TwilioServiceException
from twilio.http.http_client import TwilioHttpClient
from twilio.http.response import Response
from twilio.request_validator import RequestValidator
from twilio.rest import Client
from urllib3.exceptions import ConnectTimeoutError, NewConnectionError

from ..foundation.settings import LOOPBACK, TwilioSettings
from .gateway import Attempt, Outcome, SentText, TextGateway
from .rules import outcome_of

TIMEOUT_SECONDS = 10.0
# Seconds that a phone rings: a voicemail usually picks up later.
RING_SECONDS = 25
FIND_LIMIT = 200
# Twilio's clock and ours may differ, and its instants have no fractions.
CLOCK_TOLERANCE = timedelta(minutes=2)
# Telephone numbers, and the names of accounts and texts: they have no place in logs and on boards.
PRIVATE = re.compile(r"\+?\d{7,}|\b[A-Z]{2}[0-9a-fA-F]{32}\b")
# The SDK reads an answer of another shape, from a proxy say, with whatever errors that gives.
UNREADABLE = (TwilioException, ValueError, AttributeError, TypeError, KeyError)
WORLD = (requests.RequestException, *UNREADABLE)


class _HttpClient(TwilioHttpClient):  # type: ignore[misc]
    """The SDK's own client with a pool of our size, another base address if wanted, and the Retry-After it hides.

    It never tries twice: a second POST could be a second text.
    """

    def __init__(self, *, api_url: str | None, pool_size: int) -> None:
        super().__init__(timeout=TIMEOUT_SECONDS)
        self._base = urlsplit(api_url) if api_url else None
        self._local = threading.local()
        for scheme in ("http://", "https://"):
            self.session.mount(scheme, HTTPAdapter(pool_connections=2, pool_maxsize=pool_size, max_retries=0))
        if self._base is not None:
            if self._base.scheme != "https" and self._base.hostname not in LOOPBACK:
                raise ValueError("api_url: plain http only to this machine")
            # A proxy named in the environment would be asked for loopback addresses too.
            self.session.trust_env = self._base.hostname not in LOOPBACK

    @property
    def retry_after_seconds(self) -> float | None:
        """What the last answer in this thread asked for."""
        value: float | None = getattr(self._local, "retry_after_seconds", None)
        return value

    def log_request(self, kwargs: Any) -> None:
        """Says nothing: the SDK would log the numbers that lists are asked for."""

    def log_response(self, status_code: int, response: Any) -> None:
        """Says nothing."""

    def request(self, method: str, url: str, *args: Any, **kwargs: Any) -> Response:
        self._local.retry_after_seconds = None
        if self._base is not None:
            asked = urlsplit(url)
            path = self._base.path.rstrip("/") + asked.path
            url = urlunsplit((self._base.scheme, self._base.netloc, path, asked.query, ""))
        response = super().request(method, url, *args, **kwargs)
        wait = (response.headers or {}).get("Retry-After", "")
        self._local.retry_after_seconds = float(wait) if re.fullmatch(r"\d{1,6}", wait) else None
        return response


class _Form(dict[str, list[str]]):
    """A form as the validator reads it: a name can have several values."""

    def getlist(self, name: str) -> list[str]:
        return self[name]


class TwilioGateway:
    """Twilio as a `TextGateway`. Made after any fork; one serves all threads of a process."""

    def __init__(self, settings: TwilioSettings, *, concurrency: int) -> None:
        self._http = _HttpClient(api_url=settings.api_url, pool_size=concurrency)
        self._client = Client(
            settings.api_key or settings.account_sid,
            settings.api_secret if settings.api_key else settings.auth_token,
            settings.account_sid,
            http_client=self._http,
        )
        # Webhooks are signed with the account's token, whatever key is used for calls.
        self._validator = RequestValidator(settings.auth_token)
        self._caller = settings.from_number
        sender = {"messaging_service_sid": settings.messaging_service_sid, "from_": settings.from_number}
        self._sender = {name: value for name, value in sender.items() if value}

    def send(self, *, to: str, body: str, status_callback: str | None, validity_seconds: int | None) -> Attempt:
        options = {"status_callback": status_callback, "validity_period": validity_seconds, **self._sender}
        given = {name: value for name, value in options.items() if value is not None}
        return self._attempt(lambda: self._client.messages.create(to=to, body=body, **given))

    def call(self, *, to: str, answer_url: str, status_callback: str | None) -> Attempt:
        if self._caller is None:
            return Attempt(outcome=Outcome.CONFIGURATION, error="calls need a number of ours: set TWILIO_FROM_NUMBER")
        news = {"status_callback": status_callback} if status_callback else {}
        return self._attempt(
            lambda: self._client.calls.create(to=to, from_=self._caller, url=answer_url, timeout=RING_SECONDS, **news)
        )

    def find(self, *, to: str, since: datetime) -> Sequence[SentText] | None:
        # No filter by date: a text that is still in the provider's queue has no date of sending and would be missed.
        try:
            found = self._client.messages.list(to=to, limit=FIND_LIMIT, page_size=FIND_LIMIT)
        except WORLD:
            return None
        earliest = since - CLOCK_TOLERANCE
        texts = [_sent(message) for message in found]
        return [text for text in texts if text.created_at is None or text.created_at >= earliest]

    def fetch(self, sid: str) -> SentText | None:
        try:
            if sid.startswith("CA"):
                return _sent(self._client.calls(sid).fetch())
            return _sent(self._client.messages(sid).fetch())
        except WORLD:
            return None

    def is_signed(self, *, url: str, form: Sequence[tuple[str, str]], signature: str) -> bool:
        values = _Form()
        for name, value in form:
            values.setdefault(name, []).append(value)
        return bool(self._validator.validate(url, values, signature))

    def _attempt(self, create: Callable[[], Any]) -> Attempt:
        try:
            made = create()
        except (TwilioRestException, TwilioServiceException) as error:
            return self._refused(error)
        except requests.RequestException as error:
            return _broken(error)
        except UNREADABLE:
            return Attempt(outcome=Outcome.UNKNOWN, error="Twilio's answer could not be read")
        if not made.sid:
            return Attempt(outcome=Outcome.UNKNOWN, error="Twilio's answer does not name the text")
        return Attempt(
            outcome=Outcome.ACCEPTED, sid=made.sid, status=made.status, error_code=getattr(made, "error_code", None)
        )

    def _refused(self, error: TwilioRestException | TwilioServiceException) -> Attempt:
        code = error.code if isinstance(error.code, int) else None
        said = error.title if isinstance(error, TwilioServiceException) else error.msg
        words = PRIVATE.sub("…", str(said))
        return Attempt(
            outcome=outcome_of(code, http_status=error.status if isinstance(error.status, int) else 500),
            error_code=code,
            error=f"Twilio answered {error.status}, code {code}: {words}"[:300],
            retry_after_seconds=self._http.retry_after_seconds,
        )


def _broken(error: requests.RequestException) -> Attempt:
    """No answer: certainly not sent only when the connection was never made."""
    cause = error.args[0] if error.args else None
    reason = getattr(cause, "reason", cause)
    if isinstance(error, requests.ConnectTimeout) or isinstance(reason, NewConnectionError | ConnectTimeoutError):
        return Attempt(outcome=Outcome.RETRY, error="no connection to Twilio")
    what = "no answer from Twilio in time" if isinstance(error, requests.Timeout) else "the connection to Twilio broke"
    return Attempt(outcome=Outcome.UNKNOWN, error=what)


def _sent(record: Any) -> SentText:
    created = record.date_created
    code = getattr(record, "error_code", None)
    return SentText(
        sid=record.sid,
        to=record.to,
        body=getattr(record, "body", None) or "",
        status=record.status,
        error_code=int(code) if code else None,
        created_at=created if isinstance(created, datetime) else None,
    )


def build_gateway(settings: TwilioSettings, *, concurrency: int) -> TextGateway:
    """The gateway for these settings, with as many connections as `concurrency`. Call it after any fork.

    Raises ValueError for a plain http address beyond loopback.
    """
    return TwilioGateway(settings, concurrency=concurrency)
