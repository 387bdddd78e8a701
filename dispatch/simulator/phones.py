"""The page of simulated phones, for the app to hang up: reads the simulator over loopback, lets one type replies."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import requests
from flask import Blueprint, Response, make_response, redirect, render_template, request, url_for
from flask.typing import ResponseReturnValue

from .phones_view import PhoneOwner, PhoneView, views_of
from .rules import E164

__all__ = ["PhoneOwner", "create_phones_blueprint"]

View = Callable[..., Any]
CONNECT_SECONDS, READ_SECONDS = 1.0, 5.0
SHOWN_PER_PHONE = 60
DEEDS = frozenset({"answer", "voicemail", "decline", "press", "hang-up"})


class SimulatorGone(Exception):
    """The simulator does not answer."""


class SimulatorRefused(Exception):
    """The simulator says no; the message says why."""


class PhonesClient:
    """Talks to the control API of a running simulator."""

    def __init__(self, simulator_url: str, account_sid: str, auth_token: str) -> None:
        self._url = simulator_url.rstrip("/")
        self._auth = (account_sid, auth_token)

    def threads(self, version: str | None) -> Mapping[str, Any] | None:
        """Every phone, or None when nothing changed since `version`. Raises SimulatorGone."""
        params = {"limit": str(SHOWN_PER_PHONE)} | ({"version": version} if version else {})
        answer = self._ask("GET", "/sim/threads", params=params)
        return None if answer.status_code == 204 else answer.json()

    def reply(self, phone: str, body: str) -> None:
        """Send a text from a simulated phone. Raises SimulatorGone, SimulatorRefused."""
        # Not waited for: the webhook is answered by the very app that is serving this request.
        self._ask("POST", "/sim/inbound", json={"from": phone, "body": body, "wait": False})

    def take_part(self, sid: str, deed: str, digits: str) -> None:
        """Answer, decline, press keys or hang up. Raises SimulatorGone, SimulatorRefused."""
        order: dict[str, str] = {"digits": digits} if deed == "press" else {}
        if deed == "voicemail":
            deed, order = "answer", {"by": "machine_start"}
        self._ask("POST", f"/sim/calls/{sid}/{deed}", json={**order, "wait": False})

    def _ask(self, method: str, path: str, **more: Any) -> requests.Response:
        try:
            with requests.Session() as session:
                # A proxy named in the environment must not swallow loopback traffic.
                session.trust_env = False
                timeout = (CONNECT_SECONDS, READ_SECONDS)
                answer = session.request(method, self._url + path, auth=self._auth, timeout=timeout, **more)
        except requests.RequestException as error:
            raise SimulatorGone from error
        if answer.status_code in {400, 404, 409}:
            raise SimulatorRefused(str(_json(answer).get("error", "the simulator refused it")))
        if not answer.ok:
            raise SimulatorGone
        return answer


def _json(answer: requests.Response) -> Mapping[str, Any]:
    try:
        body = answer.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def create_phones_blueprint(
    *,
    simulator_url: str,
    account_sid: str,
    auth_token: str,
    names: Callable[[], Mapping[str, PhoneOwner]],
    guard: Callable[[View], View],
) -> Blueprint:
    """The page at /phones, its live part, its forms and its own files under /phones/static.

    `names` is asked per request and maps E.164 to the owner, for phones without any text too.
    `guard` is put around every view. The template extends the app's base.html (blocks title, head, main)
    and asks Flask-WTF's csrf_token() for the forms.
    """
    client = PhonesClient(simulator_url, account_sid, auth_token)
    own = Path(__file__).parent
    blueprint = Blueprint(
        "phones", __name__, url_prefix="/phones", template_folder=own / "templates", static_folder=own / "static"
    )

    @blueprint.get("", strict_slashes=False)
    @guard
    def page() -> ResponseReturnValue:
        error = request.args.get("error", "")[:200]
        return render_template("simulator/phones.html", error=error, **_shown(client, names))

    @blueprint.get("/threads")
    @guard
    def threads() -> ResponseReturnValue:
        try:
            found = client.threads(request.args.get("v"))
        except SimulatorGone:
            return Response("The simulator does not answer.", status=503, mimetype="text/plain")
        if found is None:
            return Response(status=204)
        return _fragment(found, names())

    _add_forms(blueprint, client, guard)
    return blueprint


def _add_forms(blueprint: Blueprint, client: PhonesClient, guard: Callable[[View], View]) -> None:
    @blueprint.post("/reply")
    @guard
    def reply() -> ResponseReturnValue:
        phone, body = request.form.get("phone", ""), request.form.get("body", "").strip()
        if not E164.fullmatch(phone) or not 1 <= len(body) <= 1600:
            return _done(phone, "Type a text of 1 to 1600 characters.")
        return _try(lambda: client.reply(phone, body), phone)

    @blueprint.post("/call")
    @guard
    def call() -> ResponseReturnValue:
        form = request.form
        phone, sid, deed = form.get("phone", ""), form.get("sid", ""), form.get("deed", "")
        if deed not in DEEDS or not sid.isalnum():
            return _done(phone, "Nothing a person can do on the phone.")
        return _try(lambda: client.take_part(sid, deed, form.get("digits", "")), phone)


def _shown(client: PhonesClient, names: Callable[[], Mapping[str, PhoneOwner]]) -> dict[str, Any]:
    """What the page needs; when the simulator is gone, the known phones without their texts."""
    owners = names()
    try:
        found = client.threads(None)
    except SimulatorGone:
        found = None
    is_gone = found is None
    found = found or {"version": "", "phones": [], "faults": []}
    return {"is_gone": is_gone, **_parts(found, owners)}


def _parts(found: Mapping[str, Any], owners: Mapping[str, PhoneOwner]) -> dict[str, Any]:
    views: list[PhoneView] = views_of(found, owners)
    return {
        "version": found["version"],
        "faults": found["faults"],
        "live": [view for view in views if view.entries],
        "quiet": [view for view in views if not view.entries],
    }


def _fragment(found: Mapping[str, Any], owners: Mapping[str, PhoneOwner]) -> Response:
    response = make_response(render_template("simulator/_threads.html", **_parts(found, owners)))
    # Tells the page's script that this is the live part and not, say, a login page it was redirected to.
    response.headers["X-Phones-Version"] = str(found["version"])
    response.headers["Cache-Control"] = "no-store"
    return response


def _try(deed: Callable[[], None], phone: str) -> ResponseReturnValue:
    try:
        deed()
    except SimulatorGone:
        return _done(phone, "The simulator does not answer: nothing was sent.")
    except SimulatorRefused as error:
        return _done(phone, f"That was too late: {error}.")
    return _done(phone)


def _done(phone: str, error: str = "") -> ResponseReturnValue:
    """Back to the phone, or for the page's script: 204, or 409 with the reason."""
    if request.headers.get("X-Requested-With") == "fetch":
        return Response(error, status=409 if error else 204, mimetype="text/plain")
    anchor = f"p-{phone.removeprefix('+')}" if E164.fullmatch(phone) else None
    where = url_for("phones.page", _anchor=anchor, error=error or None)
    return redirect(where, code=303)
