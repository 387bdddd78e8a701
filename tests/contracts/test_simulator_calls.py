"""The real SDK places calls; simulated people answer, press keys, let it ring or leave it to voicemail."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Response
from twilio.base.exceptions import TwilioRestException
from twilio.twiml.voice_response import Gather, VoiceResponse

from dispatch.simulator.faults import Kind, Target
from tests.contracts.test_simulator_kit import ACCOUNT, PUBLIC, RAVI, SHOP, World, world

EVENTS = ["initiated", "ringing", "answered", "completed"]


@pytest.fixture
def w() -> Iterator[World]:
    with world() as running:
        yield running
        assert running.shop.bad_signatures == []


def question() -> str:
    response = VoiceResponse()
    gather = Gather(num_digits=1, action=f"{PUBLIC}/voice?t=1&u=2", timeout=8)
    gather.say("Order 42 is late. Press 1 to accept.")
    response.append(gather)
    response.say("Goodbye")
    return str(response)


def say(words: str) -> Response:
    return Response(f"<Response><Say>{words}</Say></Response>", mimetype="text/xml")


def place(w: World, **more: Any) -> Any:
    order = {"to": RAVI, "from_": SHOP, "twiml": question(), **more}
    call = w.client.calls.create(**order)
    assert w.sim.settle()
    return call


def status(w: World, sid: str) -> str:
    return str(w.client.calls(sid).fetch().status)


def take_part(w: World, sid: str, deed: str, **order: Any) -> Any:
    return w.control("POST", f"/sim/calls/{sid}/{deed}", json=order)


def test_a_person_answers_and_presses_a_key(w: World) -> None:
    w.shop.answer = lambda form: say("It is yours.") if form.get("Digits") == "1" else say("what?")
    call = place(w, status_callback=f"{PUBLIC}/events", status_callback_event=EVENTS)
    assert (call.status, call.direction, call._from) == ("queued", "outbound-api", SHOP)
    assert status(w, call.sid) == "ringing"
    answered = take_part(w, call.sid, "answer").json()
    assert answered["transcript"] == ["Order 42 is late. Press 1 to accept."]
    assert answered["is_listening"] is True
    assert status(w, call.sid) == "in-progress"
    pressed = take_part(w, call.sid, "press", digits="1").json()
    assert pressed["transcript"][1:] == ["Pressed 1", "It is yours."]
    (form,) = w.shop.forms("/voice")
    assert (form["Digits"], form["CallSid"], form["CallStatus"]) == ("1", call.sid, "in-progress")
    assert w.sim.settle()
    assert status(w, call.sid) == "completed"
    events = sorted(w.shop.forms("/events"), key=lambda event: int(event["SequenceNumber"]))
    assert [event["CallStatus"] for event in events] == ["initiated", "ringing", "in-progress", "completed"]
    assert "CallDuration" in events[-1]


def test_answer_and_press_in_one_go_from_a_url(w: World) -> None:
    w.shop.answer = lambda form: say("Thank you") if "Digits" in form else Response(question(), mimetype="text/xml")
    call = place(w, twiml=None, url=f"{PUBLIC}/words")
    assert take_part(w, call.sid, "answer", digits="2#").json()["status"] == "completed"
    assert w.shop.forms("/words")[0]["CallStatus"] == "in-progress"
    assert w.shop.forms("/voice")[0]["Digits"] == "2"


def test_without_waiting_the_words_come_a_moment_later(w: World) -> None:
    w.shop.answer = lambda _: say("Hello")
    call = place(w, twiml=None, url=f"{PUBLIC}/words")
    assert take_part(w, call.sid, "answer", wait=False).status_code == 200
    assert w.sim.settle()
    assert w.sim.state.call(call.sid).transcript == ("Hello",)


def test_silence_reads_on_after_the_timeout(w: World) -> None:
    twiml = "<Response><Gather timeout='0'><Say>Press 1</Say></Gather><Say>Goodbye</Say></Response>"
    call = place(w, twiml=twiml)
    take_part(w, call.sid, "answer")
    deadline = time.monotonic() + 3
    while status(w, call.sid) != "completed" and time.monotonic() < deadline:
        time.sleep(0.02)
    assert w.sim.state.call(call.sid).transcript == ("Press 1", "Goodbye")
    assert take_part(w, call.sid, "press", digits="1").status_code == 409


def test_the_timer_of_an_answered_question_does_not_end_the_next(w: World) -> None:
    second = "<Response><Gather timeout='30'><Say>Sure?</Say></Gather></Response>"
    w.shop.answer = lambda _: Response(second, mimetype="text/xml")
    call = place(w, twiml=question().replace('timeout="8"', 'timeout="1"'))
    assert take_part(w, call.sid, "answer", digits="1").json()["is_listening"] is True
    time.sleep(1.2)
    assert take_part(w, call.sid, "press", digits="1").status_code == 200


def test_only_completed_is_reported_unless_asked(w: World) -> None:
    call = place(w, status_callback=f"{PUBLIC}/events")
    take_part(w, call.sid, "answer", digits="1")
    assert w.sim.settle()
    assert [event["CallStatus"] for event in w.shop.forms("/events")] == ["completed"]


@pytest.mark.parametrize(("kind", "end"), [(Kind.BUSY, "busy"), (Kind.NO_ANSWER, "no-answer"), (Kind.FAILED, "failed")])
def test_calls_that_nobody_takes(w: World, kind: Kind, end: str) -> None:
    w.order(kind, on=Target.CALLS, count=1)
    call = place(w, status_callback=f"{PUBLIC}/events")
    assert status(w, call.sid) == end
    assert [event["CallStatus"] for event in w.shop.forms("/events")] == [end]


def test_voicemail_hears_everything_and_presses_nothing(w: World) -> None:
    w.order(Kind.VOICEMAIL, on=Target.CALLS, count=1)
    call = place(w, machine_detection="Enable")
    fetched = w.client.calls(call.sid).fetch()
    assert (fetched.status, fetched.answered_by) == ("completed", "machine_start")
    assert w.sim.state.call(call.sid).transcript[-1] == "Goodbye"
    assert w.shop.forms("/voice") == []


def test_an_endless_redirect_ends(w: World) -> None:
    twiml = f"<Response><Redirect>{PUBLIC}/again</Redirect></Response>"
    w.shop.answer = lambda _: Response(twiml, mimetype="text/xml")
    w.order(Kind.VOICEMAIL, on=Target.CALLS)
    assert status(w, place(w, twiml=twiml).sid) == "completed"
    assert 1 < len(w.shop.forms("/again")) <= 30


def test_ringing_ends_with_the_timeout(w: World) -> None:
    call = place(w, timeout=1)
    assert status(w, call.sid) == "ringing"
    deadline = time.monotonic() + 4
    while status(w, call.sid) == "ringing" and time.monotonic() < deadline:
        time.sleep(0.05)
    assert status(w, call.sid) == "no-answer"
    assert take_part(w, call.sid, "answer").status_code == 409


def test_the_account_hangs_up_and_cancels(w: World) -> None:
    ringing = place(w)
    assert w.client.calls(ringing.sid).update(status="canceled").status == "canceled"
    with pytest.raises(TwilioRestException) as caught:
        w.client.calls(ringing.sid).update(status="completed")
    assert caught.value.code == 21220
    talking = place(w)
    take_part(w, talking.sid, "answer")
    assert w.client.calls(talking.sid).update(status="completed").status == "completed"
    assert [call.sid for call in w.client.calls.list(to=RAVI)] == [talking.sid, ringing.sid]
    assert [call.sid for call in w.client.calls.list(status="canceled")] == [ringing.sid]


def test_people_decline_and_hang_up(w: World) -> None:
    first, second = place(w), place(w)
    assert take_part(w, first.sid, "decline").json()["status"] == "busy"
    assert take_part(w, second.sid, "hang-up").status_code == 409
    take_part(w, second.sid, "answer")
    assert take_part(w, second.sid, "hang-up").json()["status"] == "completed"
    assert take_part(w, second.sid, "sing").status_code == 404
    assert take_part(w, "CA0", "answer").status_code == 404


def test_a_person_calls_the_shop(w: World) -> None:
    w.shop.answer = lambda form: say("The shop is open") if form["Direction"] == "inbound" else say("?")
    call = w.control("POST", "/sim/calls", json={"from": RAVI}).json()
    assert (call["direction"], call["transcript"], call["status"]) == ("in", ["The shop is open"], "completed")
    assert w.shop.forms("/voice")[0]["From"] == RAVI


def test_a_broken_document_apologises_and_ends(w: World) -> None:
    call = place(w, twiml="<Response><Say>half")
    assert "application error" in take_part(w, call.sid, "answer").json()["transcript"][0]
    assert status(w, call.sid) == "completed"


@pytest.mark.parametrize(
    ("more", "code"),
    [
        ({"to": "+15005550001"}, 21217),
        ({"to": "+15005550002"}, 21214),
        ({"to": "+15005550003"}, 21215),
        ({"to": "+15005550004"}, 21216),
        ({"from_": "+15005550001"}, 21212),
        ({"from_": "+15559998888"}, 21210),
        ({"to": "nobody"}, 21211),
        ({"twiml": ""}, 21205),
        ({"url": "ftp://x"}, 21205),
        ({"twiml": "x" * 4001}, 21218),
    ],
)
def test_calls_refused_in_twilios_words(w: World, more: dict[str, Any], code: int) -> None:
    with pytest.raises(TwilioRestException) as caught:
        place(w, **more)
    assert (caught.value.status, caught.value.code) == (400, code)
    assert w.sim.state.calls() == []


def test_faults_for_calls_leave_texts_alone(w: World) -> None:
    w.order(Kind.RATE_LIMITED, on=Target.CALLS, count=1)
    assert w.send().status == "queued"
    with pytest.raises(TwilioRestException) as caught:
        place(w)
    assert caught.value.status == 429
    assert w.http.exchanges[-1].url.endswith(f"/2010-04-01/Accounts/{ACCOUNT}/Calls.json")
