"""The page of simulated phones: as plain forms, as a live page in a browser, and with the simulator gone."""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from functools import wraps
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from flask import Flask, Response, abort
from flask.testing import FlaskClient
from flask_wtf import CSRFProtect
from jinja2 import ChoiceLoader, DictLoader
from playwright.sync_api import Page, expect
from werkzeug.serving import make_server

from dispatch.simulator.faults import Kind
from dispatch.simulator.phones import PhoneOwner, create_phones_blueprint
from tests.contracts.test_simulator_kit import ACCOUNT, MEENA, PUBLIC, RAVI, SHOP, TOKEN, World, world

BASE = """<!doctype html><html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<link rel="stylesheet" href="/base.css"><title>{% block title %}{% endblock %}</title>{% block head %}{% endblock %}
</head>
<body><main>{% block main %}{% endblock %}</main></body></html>"""
NAMES = {RAVI: PhoneOwner("Ravi Kumar", "rider"), MEENA: PhoneOwner("Meena", "founder")}
POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; form-action 'self'"


def build(w: World, doors: dict[str, bool]) -> Flask:
    app = Flask("main-app")
    app.secret_key = "for this test only"
    app.jinja_loader = ChoiceLoader([DictLoader({"base.html": BASE})])
    CSRFProtect(app)

    def guard(view: Any) -> Any:
        @wraps(view)
        def guarded(*args: Any, **more: Any) -> Any:
            return view(*args, **more) if doors["open"] else abort(403)

        return guarded

    app.register_blueprint(
        create_phones_blueprint(
            simulator_url=w.sim.url, account_sid=ACCOUNT, auth_token=TOKEN, names=lambda: NAMES, guard=guard
        )
    )

    @app.get("/base.css")
    def sheet() -> Response:
        css = "body { background: #faf6ef } @media (prefers-color-scheme: dark) { body { background: #1b1815 } }"
        return Response(css, mimetype="text/css")

    @app.after_request
    def strict(response: Response) -> Response:
        response.headers["Content-Security-Policy"] = POLICY
        return response

    return app


@pytest.fixture
def doors() -> dict[str, bool]:
    return {"open": True}


@pytest.fixture
def w() -> Iterator[World]:
    with world() as running:
        yield running


@pytest.fixture
def app(w: World, doors: dict[str, bool]) -> Flask:
    return build(w, doors)


@pytest.fixture
def visitor(app: Flask) -> FlaskClient:
    return app.test_client()


def token_of(html: str) -> str:
    found = re.search(r'name="csrf_token" value="([^"]+)"', html)
    assert found is not None
    return found.group(1)


def test_shows_everybody_and_says_that_nothing_is_sent(w: World, visitor: FlaskClient) -> None:
    w.send(body="K7Q2 <b>now</b>. Reply 17A to take it, 17X if you can't https://shop.example/a?t=1-99A-x")
    w.send(to="+447700900123", body="Your book is on its way")
    assert w.sim.settle()
    html = visitor.get("/phones").text
    assert "Nothing here is really sent." in html
    assert all(name in html for name in ("Ravi Kumar", "Meena", "+447700900123", "not a number we know"))
    assert "&lt;b&gt;now&lt;/b&gt;" in html
    assert 'href="https://shop.example/a?t=1-99A-x" rel="noopener noreferrer" target="_blank"' in html
    assert re.findall(r'name="body" value="(\w+)"', html) == ["17A", "17X"]
    assert html.index("+447700900123") < html.index("Ravi Kumar") < html.index("1</span> without a text")
    assert "style=" not in html
    assert "onclick" not in html


def test_a_reply_without_script(w: World, visitor: FlaskClient) -> None:
    form = {"csrf_token": token_of(visitor.get("/phones").text), "phone": RAVI, "body": " 17A "}
    answer = visitor.post("/phones/reply", data=form)
    assert (answer.status_code, answer.location) == (303, f"/phones#p-{RAVI[1:]}")
    assert w.sim.settle()
    assert [form["Body"] for form in w.shop.forms("/inbound")] == ["17A"]
    assert "heard by the shop" in visitor.get("/phones").text


def test_a_reply_without_a_token_goes_nowhere(w: World, visitor: FlaskClient) -> None:
    assert visitor.post("/phones/reply", data={"phone": RAVI, "body": "17A"}).status_code == 400
    assert w.sim.state.messages() == []


@pytest.mark.parametrize("bad", [{"body": ""}, {"body": "x" * 1601}, {"phone": "Ravi"}])
def test_a_senseless_reply_comes_back_with_a_reason(w: World, visitor: FlaskClient, bad: dict[str, str]) -> None:
    form = {"csrf_token": token_of(visitor.get("/phones").text), "phone": RAVI, "body": "x"} | bad
    answer = visitor.post("/phones/reply", data=form, follow_redirects=True)
    assert "Type a text of 1 to 1600 characters." in answer.text
    assert visitor.post("/phones/reply", data=form, headers={"X-Requested-With": "fetch"}).status_code == 409
    assert w.sim.state.messages() == []


def test_every_view_is_guarded(visitor: FlaskClient, doors: dict[str, bool]) -> None:
    token = token_of(visitor.get("/phones").text)
    doors["open"] = False
    assert visitor.get("/phones").status_code == visitor.get("/phones/threads").status_code == 403
    for path in ("/phones/reply", "/phones/call"):
        assert visitor.post(path, data={"csrf_token": token}).status_code == 403
    with visitor.get("/phones/static/phones.css") as sheet:
        assert sheet.status_code == 200


def test_polling_is_cheap_and_a_change_brings_the_live_part(w: World, visitor: FlaskClient) -> None:
    first = visitor.get("/phones/threads")
    version = first.headers["X-Phones-Version"]
    assert visitor.get(f"/phones/threads?v={version}").status_code == 204
    w.send(body="news")
    changed = visitor.get(f"/phones/threads?v={version}")
    assert changed.status_code == 200
    assert "news" in changed.text
    assert "<html" not in changed.text


def test_a_call_is_answered_and_keys_are_pressed(w: World, visitor: FlaskClient) -> None:
    words = f"<Response><Gather numDigits='1' action='{PUBLIC}/voice'><Say>Press 1</Say></Gather></Response>"
    call = w.client.calls.create(to=RAVI, from_=SHOP, twiml=words)
    assert w.sim.settle()
    html = visitor.get("/phones").text
    assert 'value="answer"' in html
    form = {"csrf_token": token_of(html), "phone": RAVI, "sid": call.sid}
    visitor.post("/phones/call", data=form | {"deed": "answer"})
    assert w.sim.settle()
    assert 'aria-label="Keys"' in visitor.get("/phones").text
    visitor.post("/phones/call", data=form | {"deed": "press", "digits": "1"})
    assert w.sim.settle()
    assert w.shop.forms("/voice")[0]["Digits"] == "1"
    late = visitor.post("/phones/call", data=form | {"deed": "press", "digits": "1"}, follow_redirects=True)
    assert "That was too late" in late.text


def test_failures_are_named(w: World, visitor: FlaskClient) -> None:
    w.order(Kind.UNDELIVERED, count=1)
    w.order(Kind.RATE_LIMITED, count=3, to=MEENA)
    w.send()
    w.shop.answer = lambda _: Response("no", status=403)
    w.sim.simulator.inbox.receive(MEENA, "STOP")
    assert w.sim.settle()
    html = visitor.get("/phones").text
    assert "undelivered: Unreachable destination handset (30003)" in html
    assert "the shop&#39;s webhook answered 403" in html
    assert "texted STOP" in html
    assert f"rate limited for {MEENA} × 3" in html


def test_a_dead_simulator_is_a_sentence_and_no_error(w: World, visitor: FlaskClient) -> None:
    token = token_of(visitor.get("/phones").text)
    w.sim.stop()
    page = visitor.get("/phones")
    assert page.status_code == 200
    assert re.search(r'id="phones-gone" role="alert" >', page.text)
    assert "Ravi Kumar" in page.text
    assert visitor.get("/phones/threads").status_code == 503
    form = {"csrf_token": token, "phone": RAVI, "body": "17A"}
    answer = visitor.post("/phones/reply", data=form, follow_redirects=True)
    assert "The simulator does not answer: nothing was sent." in answer.text


def test_a_proxy_in_the_environment_is_not_asked(
    w: World, visitor: FlaskClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("NO_PROXY", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    assert visitor.get("/phones/threads").status_code == 200


# In a browser


@pytest.fixture
def address(app: Flask) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield f"http://127.0.0.1:{server.port}/phones"
    server.shutdown()
    thread.join()


@pytest.fixture
def complaints(page: Page) -> list[str]:
    found: list[str] = []
    page.on("console", lambda message: found.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: found.append(str(error)))
    page.route("**/favicon.ico", lambda route: route.fulfill(status=204))
    return found


@pytest.mark.browser
def test_the_page_lives_and_keeps_what_is_being_typed(
    w: World, page: Page, address: str, complaints: list[str]
) -> None:
    w.send(body="first")
    page.goto(address)
    ravi, meena = page.locator(f"#p-{RAVI[1:]}"), page.locator(f"#p-{MEENA[1:]}")
    expect(ravi.locator(".bubble")).to_have_text(re.compile("first"))
    field = ravi.get_by_placeholder("Text as Ravi Kumar")
    field.focus()
    field.press_sequentially("half a sen")
    w.send(body="K7Q2 Reply 17A to take it, 17X if you can't")
    w.send(to=MEENA, body="for Meena")
    expect(ravi.locator(".bubble")).to_have_count(2)
    expect(meena.locator(".bubble")).to_have_text(re.compile("for Meena"))
    expect(field).to_have_value("half a sen")
    expect(field).to_be_focused()
    assert page.locator(".phone").first.get_attribute("id") == f"p-{RAVI[1:]}", "no jumping while somebody types"
    field.press_sequentially("tence")
    field.press("Enter")
    expect(ravi.locator(".bubble.mine")).to_contain_text("half a sentence")
    expect(field).to_have_value("")
    ravi.get_by_role("button", name="17A take it").click()
    expect(ravi.locator(".bubble.mine").last).to_contain_text("17A")
    assert w.sim.settle()
    assert [form["Body"] for form in w.shop.forms("/inbound")] == ["half a sentence", "17A"]
    assert complaints == []


@pytest.mark.browser
def test_the_latest_phone_comes_first_once_hands_are_off(w: World, page: Page, address: str) -> None:
    w.send(to=MEENA, body="older")
    w.send(body="newer")
    page.goto(address)
    expect(page.locator(".phones-live .phone").first).to_have_id(f"p-{RAVI[1:]}")
    w.send(to=MEENA, body="newest")
    expect(page.locator(".phones-live .phone").first).to_have_id(f"p-{MEENA[1:]}")


@pytest.mark.browser
def test_the_page_says_that_the_simulator_died(w: World, page: Page, address: str) -> None:
    page.goto(address)
    expect(page.locator("#phones-gone")).to_be_hidden()
    w.sim.stop()
    expect(page.locator("#phones-gone")).to_be_visible()


@pytest.mark.browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_everybody_can_use_it(w: World, page: Page, address: str, scheme: Any, width: int) -> None:
    w.send(body="K7Q2 Reply 17A to take it, 17X if you can't https://shop.example/a?t=" + "x" * 60)
    w.shop.answer = lambda _: Response("no", status=500)
    w.sim.simulator.inbox.receive(RAVI, "STOP")
    w.client.calls.create(to=RAVI, from_=SHOP, twiml="<Response><Say>hello</Say></Response>")
    assert w.sim.settle()
    page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
    page.set_viewport_size({"width": width, "height": 844})
    page.goto(address)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), "scrolls sideways"
    violations = Axe().run(page).response["violations"]
    assert [(found["id"], [node["target"] for node in found["nodes"]]) for found in violations] == []
