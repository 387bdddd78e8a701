"""The only reader of the environment: builds frozen Settings, or explains everything that is wrong with it."""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from phonenumbers import SUPPORTED_REGIONS

from dispatch.foundation.errors import ConfigurationError
from dispatch.foundation.settings import LOOPBACK, Settings, TwilioSettings

KNOWN = {
    "DISPATCH_DATABASE_URL": "where the data live; default: the SQLite file instance/dispatch.db",
    "DISPATCH_SECRET_KEY": "signs links and sessions; `dispatch up` makes one in instance/",
    "DISPATCH_PUBLIC_URL": "as the outside sees us; links and webhook signatures are built from it",
    "DISPATCH_DEFAULT_REGION": "two letters, for phone numbers without a country code",
    "DISPATCH_TWILIO_URL": "another base address for Twilio's API",
    "DISPATCH_WORKER_CONCURRENCY": "texts sent at the same time; default 8",
    "DISPATCH_LOCAL_URL": "as this machine sees us, for simulated phones; `dispatch up` sets it",
    "DISPATCH_SIMULATOR_URL": "where the simulated phones are; `dispatch up` sets it",
    "DISPATCH_TEXTS_PER_SECOND": "the sender's pace; default: unpaced",
    "DISPATCH_TEXTS_PER_MONTH": "segments that may be sent in a month; default: as many as need be",
    "DISPATCH_COUNTRIES": "countries that texts may go to, like GB,IN; default: everywhere",
    "DISPATCH_HEARTBEAT_URL": "asked for once a minute while all is well",
    "TWILIO_ACCOUNT_SID": "the Twilio account",
    "TWILIO_AUTH_TOKEN": "its auth token; also signs Twilio's webhooks",
    "TWILIO_MESSAGING_SERVICE_SID": "send through this messaging service",
    "TWILIO_FROM_NUMBER": "or send from this number",
    "TWILIO_API_KEY": "optional API key, used instead of the auth token for calls to Twilio",
    "TWILIO_API_SECRET": "the API key's secret",
}
INSTANCE = Path("instance")
# For commands that sign nothing.
NO_KEY = "not a key: nothing is signed"
# A number with its country code, a short code, or letters of one's own.
SENDER = re.compile(r"\+[1-9]\d{6,14}|\d{3,8}|(?=.*[A-Za-z])[A-Za-z0-9 ]{2,11}")


class Environment:
    """Reads names, `NAME_FILE` for secrets, and collects complaints."""

    def __init__(self, source: Mapping[str, str]) -> None:
        self.source = source
        self.complaints: list[str] = []

    def get(self, name: str) -> str | None:
        """The value, from NAME or from the file that NAME_FILE points to; None when neither is set."""
        value, path = self.source.get(name) or None, self.source.get(f"{name}_FILE") or None
        if value and path:
            self.complaints.append(f"{name} and {name}_FILE are both set: keep one of them")
        if path and not value:
            try:
                return Path(path).read_text(encoding="utf-8").strip() or None
            except OSError as error:
                self.complaints.append(f"{name}_FILE: can't be read ({error.strerror}): check the path")
        return value.strip() if value else None

    def number(self, name: str, default: float | None, *, least: float, most: float) -> float | None:
        """A number within bounds, or the default."""
        text = self.get(name)
        if text is None:
            return default
        try:
            value = float(text)
        except ValueError:
            value = least - 1
        if not least <= value <= most:
            self.complaints.append(f"{name}: {text!r} is not a number from {least:g} to {most:g}")
            return default
        return value

    def unknown(self) -> list[str]:
        """Names that start like ours and are not."""
        ours = {*KNOWN, *(f"{name}_FILE" for name in KNOWN)}
        return sorted(name for name in self.source if name.startswith("DISPATCH_") and name not in ours)


def environment() -> Mapping[str, str]:
    """The process's environment as it is, for a parent that starts children."""
    return os.environ


def load(environ: Mapping[str, str] | None = None, *, secret_key: str | None = None) -> Settings:
    """Settings from the environment.

    `secret_key` is used where DISPATCH_SECRET_KEY is not set (`dispatch up` keeps one in instance/).
    Raises ConfigurationError with every complaint at once.
    """
    env = Environment(os.environ if environ is None else environ)
    for name in env.unknown():
        # DISPATCH_PG_BIN and the like belong to the tests, which name them themselves.
        if not name.startswith("DISPATCH_PG_"):
            env.complaints.append(f"{name}: no such setting; is it misspelt? README.md lists them all")
    key = env.get("DISPATCH_SECRET_KEY") or secret_key or _kept_secret()
    if not key:
        env.complaints.append("DISPATCH_SECRET_KEY: not set; give 32 random characters, the same for every process")
    elif len(key) < 16:
        env.complaints.append("DISPATCH_SECRET_KEY: too short; give at least 16 random characters")
    per_month = env.number("DISPATCH_TEXTS_PER_MONTH", None, least=1, most=10_000_000)
    concurrency = env.number("DISPATCH_WORKER_CONCURRENCY", 8, least=1, most=64)
    settings = Settings(
        database_url=_database_url(env),
        secret_key=key or "",
        public_url=_public_url(env),
        local_url=env.get("DISPATCH_LOCAL_URL"),
        default_region=_region(env),
        twilio=_twilio(env, key or ""),
        worker_concurrency=int(concurrency or 8),
        texts_per_second=env.number("DISPATCH_TEXTS_PER_SECOND", None, least=0.01, most=1000),
        texts_per_month=int(per_month) if per_month is not None else None,
        countries=_countries(env),
        heartbeat_url=_heartbeat_url(env),
    )
    if env.complaints:
        raise ConfigurationError(env.complaints)
    return settings


def _kept_secret() -> str | None:
    try:
        return (INSTANCE / "secret_key").read_text(encoding="utf-8").strip() or None
    except OSError:
        return None


def _heartbeat_url(env: Environment) -> str | None:
    url = env.get("DISPATCH_HEARTBEAT_URL")
    if url and not re.match(r"https?://[^\s/]+", url):
        env.complaints.append("DISPATCH_HEARTBEAT_URL: start it with https://")
        return None
    return url


def _database_url(env: Environment) -> str:
    url = env.get("DISPATCH_DATABASE_URL") or f"sqlite:///{INSTANCE.absolute() / 'dispatch.db'}"
    if not re.match(r"(sqlite|postgres(ql)?(\+psycopg)?)://", url):
        env.complaints.append("DISPATCH_DATABASE_URL: start it with postgresql:// or sqlite:///")
    return re.sub(r"^postgres://", "postgresql://", url)


def _public_url(env: Environment) -> str:
    url = (env.get("DISPATCH_PUBLIC_URL") or "http://127.0.0.1:8000").rstrip("/")
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname or parts.query or parts.fragment:
        env.complaints.append("DISPATCH_PUBLIC_URL: give an address like https://dispatch.example.com")
    elif parts.hostname and "_" in parts.hostname:
        env.complaints.append("DISPATCH_PUBLIC_URL: Twilio refuses host names with an underscore")
    return url


def _region(env: Environment) -> str | None:
    region = env.get("DISPATCH_DEFAULT_REGION")
    if region and region.upper() not in SUPPORTED_REGIONS:
        env.complaints.append(f"DISPATCH_DEFAULT_REGION: {region!r} is no country; give two letters like IN or DE")
        return None
    return region.upper() if region else None


def _countries(env: Environment) -> tuple[str, ...]:
    names = [name.strip().upper() for name in (env.get("DISPATCH_COUNTRIES") or "").split(",") if name.strip()]
    wrong = [name for name in names if name not in SUPPORTED_REGIONS]
    if wrong:
        env.complaints.append(f"DISPATCH_COUNTRIES: {wrong[0]!r} is no country; give two letters each, like GB,IN")
    return tuple(dict.fromkeys(names))


def _twilio(env: Environment, secret_key: str) -> TwilioSettings | None:
    sid, token = env.get("TWILIO_ACCOUNT_SID"), env.get("TWILIO_AUTH_TOKEN")
    service, number = env.get("TWILIO_MESSAGING_SERVICE_SID"), env.get("TWILIO_FROM_NUMBER")
    key, secret = env.get("TWILIO_API_KEY"), env.get("TWILIO_API_SECRET")
    url = _twilio_url(env)
    if not (sid or token):
        if service or number or key or secret:
            env.complaints.append("TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN: not set, but other TWILIO_ settings are")
        return _simulated(env, secret_key)
    if env.get("DISPATCH_SIMULATOR_URL"):
        env.complaints.append("DISPATCH_SIMULATOR_URL: take it out; with Twilio settings there are no simulated phones")
    if not sid or not sid.startswith("AC"):
        env.complaints.append("TWILIO_ACCOUNT_SID: starts with AC; the console's first page shows it")
    if not token:
        env.complaints.append("TWILIO_AUTH_TOKEN: not set; webhook signatures need it even beside an API key")
    _check_sender(env, service, number)
    if bool(key) != bool(secret):
        env.complaints.append("TWILIO_API_KEY and TWILIO_API_SECRET: set both or neither")
    return TwilioSettings(
        account_sid=sid or "",
        auth_token=token or "",
        messaging_service_sid=service,
        from_number=number,
        api_key=key,
        api_secret=secret,
        api_url=url,
    )


def _check_sender(env: Environment, service: str | None, number: str | None) -> None:
    if not (service or number):
        env.complaints.append("TWILIO_MESSAGING_SERVICE_SID or TWILIO_FROM_NUMBER: texts need one as sender")
    if number and not SENDER.fullmatch(number):
        env.complaints.append("TWILIO_FROM_NUMBER: give the whole number, like +14155550100, or a short code")


def _simulated(env: Environment, secret_key: str) -> TwilioSettings | None:
    """The stand-in on this machine; its token follows from our secret, so that every process knows it."""
    url = env.get("DISPATCH_SIMULATOR_URL")
    if not url:
        return None
    if urlsplit(url).hostname not in LOOPBACK:
        env.complaints.append("DISPATCH_SIMULATOR_URL: simulated phones live on this machine only, on 127.0.0.1")
    token = hashlib.sha256(f"simulated phones:{secret_key}".encode()).hexdigest()[:32]
    return TwilioSettings(
        account_sid="AC" + "51" * 16,
        auth_token=token,
        from_number="+15005550006",
        api_url=url.rstrip("/"),
        is_simulated=True,
    )


def _twilio_url(env: Environment) -> str | None:
    url = env.get("DISPATCH_TWILIO_URL")
    if not url:
        return None
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        env.complaints.append("DISPATCH_TWILIO_URL: give an address like https://api.twilio.com")
    elif parts.scheme == "http" and parts.hostname not in LOOPBACK:
        env.complaints.append("DISPATCH_TWILIO_URL: plain http would send secrets in the clear; use https")
    return url.rstrip("/")
