"""The environment: what makes good Settings, and one complaint for each thing that is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

import config
from dispatch.foundation.errors import ConfigurationError

KEY = {"DISPATCH_SECRET_KEY": "k" * 32}
TWILIO = {"TWILIO_ACCOUNT_SID": "AC" + "0" * 32, "TWILIO_AUTH_TOKEN": "t" * 32, "TWILIO_FROM_NUMBER": "+15005550006"}


def complaints(environ: dict[str, str]) -> tuple[str, ...]:
    with pytest.raises(ConfigurationError) as caught:
        config.load(environ)
    return caught.value.complaints


def test_a_key_is_enough() -> None:
    settings = config.load(KEY)
    assert settings.database_url == f"sqlite:///{Path.cwd() / 'instance' / 'dispatch.db'}"
    assert settings.public_url == "http://127.0.0.1:8000"
    assert (settings.public_host, settings.is_https) == ("127.0.0.1", False)
    assert (settings.worker_concurrency, settings.texts_per_second) == (8, None)
    assert (settings.default_region, settings.twilio) == (None, None)


def test_everything_set() -> None:
    settings = config.load(
        {
            **KEY,
            "DISPATCH_DATABASE_URL": "postgres://user@db/dispatch",
            "DISPATCH_PUBLIC_URL": "https://dispatch.example.com/",
            "DISPATCH_DEFAULT_REGION": "in",
            "DISPATCH_WORKER_CONCURRENCY": "3",
            "DISPATCH_TEXTS_PER_SECOND": "0.5",
            "DISPATCH_TWILIO_URL": "http://127.0.0.1:9/",
            "TWILIO_ACCOUNT_SID": " AC1 ",
            "TWILIO_AUTH_TOKEN": "token",
            "TWILIO_MESSAGING_SERVICE_SID": "MG1",
            "TWILIO_API_KEY": "SK1",
            "TWILIO_API_SECRET": "secret",
        }
    )
    assert settings.database_url == "postgresql://user@db/dispatch"
    assert (settings.public_url, settings.is_https) == ("https://dispatch.example.com", True)
    assert (settings.default_region, settings.worker_concurrency, settings.texts_per_second) == ("IN", 3, 0.5)
    twilio = settings.twilio
    assert twilio is not None
    assert (twilio.account_sid, twilio.auth_token, twilio.messaging_service_sid) == ("AC1", "token", "MG1")
    assert (twilio.from_number, twilio.api_key, twilio.api_secret) == (None, "SK1", "secret")
    assert (twilio.api_url, twilio.is_simulated) == ("http://127.0.0.1:9", False)


@pytest.mark.parametrize(
    ("environ", "complaint"),
    [
        ({"DISPATCH_SECRET_KEY": ""}, "DISPATCH_SECRET_KEY: not set"),
        ({"DISPATCH_SECRET_KEY": "short"}, "DISPATCH_SECRET_KEY: too short"),
        ({"DISPATCH_DATABASE_URL": "mysql://x"}, "DISPATCH_DATABASE_URL: start it with"),
        ({"DISPATCH_DATABASE_URL": "dispatch.db"}, "DISPATCH_DATABASE_URL: start it with"),
        ({"DISPATCH_PUBLIC_URL": "dispatch.example.com"}, "DISPATCH_PUBLIC_URL: give an address"),
        ({"DISPATCH_PUBLIC_URL": "ftp://dispatch.example.com"}, "DISPATCH_PUBLIC_URL: give an address"),
        ({"DISPATCH_PUBLIC_URL": "https://example.com/?a=1"}, "DISPATCH_PUBLIC_URL: give an address"),
        ({"DISPATCH_PUBLIC_URL": "https://my_shop.example.com"}, "underscore"),
        ({"DISPATCH_DEFAULT_REGION": "India"}, "DISPATCH_DEFAULT_REGION: 'India' is no country"),
        ({"DISPATCH_DEFAULT_REGION": "ZZ"}, "DISPATCH_DEFAULT_REGION: 'ZZ' is no country"),
        ({"DISPATCH_WORKER_CONCURRENCY": "many"}, "DISPATCH_WORKER_CONCURRENCY: 'many' is not a number from 1 to 64"),
        ({"DISPATCH_WORKER_CONCURRENCY": "0"}, "DISPATCH_WORKER_CONCURRENCY: '0'"),
        ({"DISPATCH_WORKER_CONCURRENCY": "65"}, "DISPATCH_WORKER_CONCURRENCY: '65'"),
        ({"DISPATCH_WORKER_CONCURRENCY": "nan"}, "DISPATCH_WORKER_CONCURRENCY: 'nan'"),
        ({"DISPATCH_TEXTS_PER_SECOND": "0"}, "DISPATCH_TEXTS_PER_SECOND: '0'"),
        ({"DISPATCH_TEXTS_PER_MONTH": "0"}, "DISPATCH_TEXTS_PER_MONTH: '0'"),
        ({"DISPATCH_COUNTRIES": "GB,Wales"}, "DISPATCH_COUNTRIES: 'WALES' is no country"),
        ({"DISPATCH_HEARTBEAT_URL": "example.com/beat"}, "DISPATCH_HEARTBEAT_URL: start it with https://"),
        ({"DISPATCH_TWILIO_URL": "api.twilio.com"}, "DISPATCH_TWILIO_URL: give an address"),
        ({"DISPATCH_TWILIO_URL": "http://api.example.com"}, "DISPATCH_TWILIO_URL: plain http"),
        ({"DISPATCH_TWILIO_URL": "http://127.0.0.1.example.com"}, "DISPATCH_TWILIO_URL: plain http"),
        ({**TWILIO, "TWILIO_ACCOUNT_SID": ""}, "TWILIO_ACCOUNT_SID: starts with AC"),
        ({**TWILIO, "TWILIO_ACCOUNT_SID": "SK1"}, "TWILIO_ACCOUNT_SID: starts with AC"),
        ({**TWILIO, "TWILIO_AUTH_TOKEN": ""}, "TWILIO_AUTH_TOKEN: not set"),
        ({**TWILIO, "TWILIO_FROM_NUMBER": ""}, "texts need one as sender"),
        ({**TWILIO, "TWILIO_FROM_NUMBER": "12"}, "TWILIO_FROM_NUMBER: give the whole number"),
        ({**TWILIO, "TWILIO_FROM_NUMBER": "+1 415 555 0100"}, "TWILIO_FROM_NUMBER: give the whole number"),
        ({**TWILIO, "TWILIO_API_KEY": "SK1"}, "TWILIO_API_KEY and TWILIO_API_SECRET: set both or neither"),
        ({**TWILIO, "TWILIO_API_SECRET": "s"}, "TWILIO_API_KEY and TWILIO_API_SECRET: set both or neither"),
        ({"TWILIO_FROM_NUMBER": "+15005550006"}, "TWILIO_ACCOUNT_SID and TWILIO_AUTH_TOKEN: not set, but other"),
        ({"DISPATCH_DATABASE": "x"}, "DISPATCH_DATABASE: no such setting; is it misspelt?"),
        ({"DISPATCH_SECRET_KEYS_FILE": "x"}, "DISPATCH_SECRET_KEYS_FILE: no such setting"),
        ({"DISPATCH_PUBLIC_URL_FILE": "/nowhere/at/all"}, "DISPATCH_PUBLIC_URL_FILE: can't be read"),
    ],
)
def test_each_complaint_comes_alone_and_names_the_setting(environ: dict[str, str], complaint: str) -> None:
    [found] = complaints({**KEY, **environ})
    assert complaint in found


def test_all_complaints_at_once() -> None:
    found = complaints({"DISPATCH_SECRET_KEY": "short", "DISPATCH_DEFAULT_REGION": "x", "DISPATCH_SPEED": "1"})
    assert sorted(text.partition(":")[0] for text in found) == [
        "DISPATCH_DEFAULT_REGION",
        "DISPATCH_SECRET_KEY",
        "DISPATCH_SPEED",
    ]


@pytest.mark.parametrize("host", ["127.0.0.1:9", "localhost", "[::1]:9"])
def test_plain_http_is_fine_on_loopback(host: str) -> None:
    settings = config.load({**KEY, **TWILIO, "DISPATCH_TWILIO_URL": f"http://{host}"})
    assert settings.twilio is not None
    assert settings.twilio.api_url == f"http://{host}"


def test_the_tests_own_settings_are_no_complaint() -> None:
    assert config.load({**KEY, "DISPATCH_PG_BIN": "/somewhere"})


class TestFiles:
    def test_a_value_from_a_file(self, tmp_path: Path) -> None:
        (tmp_path / "key").write_text("f" * 32 + "\n")
        assert config.load({"DISPATCH_SECRET_KEY_FILE": str(tmp_path / "key")}).secret_key == "f" * 32

    @pytest.mark.parametrize("name", sorted(config.KNOWN))
    def test_every_setting_can_come_from_a_file(self, name: str, tmp_path: Path) -> None:
        (tmp_path / "value").write_text("value-from-the-file")
        env = config.Environment({f"{name}_FILE": str(tmp_path / "value")})
        assert (env.get(name), env.unknown(), env.complaints) == ("value-from-the-file", [], [])

    def test_both_ways_at_once_is_a_complaint(self, tmp_path: Path) -> None:
        (tmp_path / "key").write_text("f" * 32)
        [found] = complaints({**KEY, "DISPATCH_SECRET_KEY_FILE": str(tmp_path / "key")})
        assert "DISPATCH_SECRET_KEY and DISPATCH_SECRET_KEY_FILE are both set" in found

    def test_an_empty_file_sets_nothing(self, tmp_path: Path) -> None:
        (tmp_path / "key").write_text("\n")
        [found] = complaints({"DISPATCH_SECRET_KEY_FILE": str(tmp_path / "key")})
        assert "DISPATCH_SECRET_KEY: not set" in found


class TestSecretKey:
    def test_the_environment_beats_the_kept_one(self) -> None:
        assert config.load(KEY, secret_key="another key, kept aside").secret_key == "k" * 32

    def test_the_kept_one_is_used(self) -> None:
        assert config.load({}, secret_key="another key, kept aside").secret_key == "another key, kept aside"

    def test_the_one_in_instance_is_found(self, tmp_path: Path) -> None:
        (tmp_path / "instance").mkdir()
        (tmp_path / "instance" / "secret_key").write_text("i" * 32 + "\n")
        assert config.load({}).secret_key == "i" * 32


def test_secrets_are_not_shown() -> None:
    settings = config.load({**KEY, **TWILIO, "TWILIO_API_KEY": "SK1", "TWILIO_API_SECRET": "hush-hush"})
    shown = repr(settings)
    assert "AC0000" in shown
    for secret in (KEY["DISPATCH_SECRET_KEY"], TWILIO["TWILIO_AUTH_TOKEN"], "hush-hush", "sqlite:"):
        assert secret not in shown


@pytest.mark.parametrize(("given", "countries"), [("gb, IN,GB,", ("GB", "IN")), ("FR", ("FR",)), (" ", ())])
def test_countries_are_a_list(given: str, countries: tuple[str, ...]) -> None:
    settings = config.load({"DISPATCH_COUNTRIES": given, "DISPATCH_TEXTS_PER_MONTH": "5000"}, secret_key="x" * 32)
    assert (settings.countries, settings.texts_per_month) == (countries, 5000)
