"""Signed requests to the shop's webhooks, as Twilio makes them, but over loopback only."""

from __future__ import annotations

import base64
import hashlib
import hmac
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import urlencode, urlsplit, urlunsplit

import urllib3

from .config import SimulatorConfig, is_loopback

OK_TYPES = ("text/xml", "application/xml", "text/html")


@dataclass(frozen=True)
class WebhookResult:
    """What came of one request: the HTTP status, or None when there was no answer; Twilio's code if it failed."""

    status: int | None
    error_code: int | None = None
    content_type: str = ""
    body: str = ""
    attempts: int = 1

    @property
    def is_ok(self) -> bool:
        return self.error_code is None

    def as_json(self) -> dict[str, object]:
        """Status, error code and attempts; the body stays with whoever asked."""
        return {"status": self.status, "error_code": self.error_code, "attempts": self.attempts}


def sign(auth_token: str, url: str, params: Mapping[str, str]) -> str:
    """X-Twilio-Signature: base64 of HMAC-SHA1 over the URL and the sorted names and values."""
    text = url + "".join(name + params[name] for name in sorted(params))
    digest = hmac.new(auth_token.encode(), text.encode(), hashlib.sha1).digest()
    return base64.b64encode(digest).decode()


def is_valid_url(url: str) -> bool:
    """Whether Twilio takes a callback address: http(s), a host without underscore, at most 4000 characters."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    return parts.scheme in {"http", "https"} and bool(host) and "_" not in host and len(url) <= 4000


class Webhooks:
    """Posts forms. The signature covers the public URL, the request goes over loopback.

    One more try when the connection can't be made, none for bad answers: Twilio's default.
    """

    def __init__(self, config: SimulatorConfig) -> None:
        self._config = config
        # A plain pool reads no proxy variables and, unlike requests, leaves %-escapes as they were signed.
        self._pool = urllib3.PoolManager(retries=False, maxsize=16)

    def post(self, url: str, params: Mapping[str, str]) -> WebhookResult:
        """POST `params` to a public URL, signed. Never raises for what the network does."""
        public = url.partition("#")[0]
        target = self._target(public)
        if target is None:
            return WebhookResult(None, 11205)
        headers = {
            "Content-Type": "application/x-www-form-urlencoded; charset=UTF-8",
            "X-Twilio-Signature": sign(self._config.auth_token, public, params),
            "I-Twilio-Idempotency-Token": str(uuid.uuid4()),
            "User-Agent": "TwilioProxy/1.1 (simulated)",
            # A kept connection that the other side closes just now would look like a lost receipt.
            "Connection": "close",
        }
        body = urlencode(params)
        result = WebhookResult(None, 11205)
        for attempt in (1, 2):
            try:
                return self._answer(target, headers, body, attempt)
            except (urllib3.exceptions.NewConnectionError, urllib3.exceptions.ConnectTimeoutError):
                result = WebhookResult(None, 11205, attempts=attempt)
            except urllib3.exceptions.HTTPError:
                return WebhookResult(None, 11200, attempts=attempt)
        return result

    def close(self) -> None:
        """Let go of the sockets."""
        self._pool.clear()

    def _target(self, public: str) -> str | None:
        parts = urlsplit(public)
        if self._config.post_via is not None:
            base = urlsplit(self._config.post_via)
            return urlunsplit((base.scheme, base.netloc, parts.path or "/", parts.query, ""))
        return public if is_loopback(parts.hostname) else None

    def _answer(self, target: str, headers: dict[str, str], body: str, attempt: int) -> WebhookResult:
        timeout = urllib3.Timeout(connect=5.0, read=self._config.webhook_timeout_seconds)
        response = self._pool.request("POST", target, body=body, headers=headers, timeout=timeout, redirect=False)
        kind = response.headers.get("Content-Type", "").partition(";")[0].strip().lower()
        text = response.data.decode("utf-8", "replace")
        error = None
        if response.status >= 300:
            error = 11200
        elif text.strip() and kind not in OK_TYPES:
            error = 12300
        return WebhookResult(response.status, error, kind, text, attempt)
