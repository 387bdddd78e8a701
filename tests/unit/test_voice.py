"""What a call says: short plain sentences, two readings of the question, and a document that no data can break."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch.escalation import voice
from dispatch.escalation.rules import Need
from dispatch.escalation.voice import Speech
from dispatch.escalation.wording import Job

ASK = "https://shop.example/webhooks/twilio/voice?o=7&again=1"
WORDS = st.text(max_size=200) | st.sampled_from(["</Say><Hangup/>", "&amp;", "]]>", "\x00\ud800", "📚", "कल परीक्षा"])


def job(**changes: Any) -> Job:
    given: dict[str, Any] = {
        "ref": "K7Q2",
        "what": "Physics 2",
        "for_whom": "Arjun",
        "reason": "exam tomorrow",
        "need": Need.DELIVER,
        "from_where": "Kala Books",
        "to_where": "12 Lake Road",
        "start_by": "18:40",
        "promised": "19:30",
        "is_late": False,
    }
    return Job(**{**given, **changes})


def parsed(speech: Speech) -> ElementTree.Element:
    return ElementTree.fromstring(voice.document(speech, ask_url=ASK))


def heard(speech: Speech) -> str:
    return " ".join(parsed(speech).itertext())


@pytest.mark.parametrize("need", Need)
@pytest.mark.parametrize("is_late", [False, True])
def test_the_question_has_all_that_matters_and_not_the_address(need: Need, is_late: bool) -> None:
    said = " ".join(voice.question(job(need=need, is_late=is_late), shop="Nalanda Books"))
    for words in ("Nalanda Books", "K 7 Q 2", "Physics 2", "Arjun", "exam tomorrow", "Kala Books", "19:30"):
        assert words in said
    assert "Press 1 to take it. Press 2 if you can't." in said
    assert (("18:40" in said), ("early as you can" in said)) == (not is_late, is_late)
    assert "Lake Road" not in said
    assert ("bring it to the shop" in said) is (need is Need.PROCURE)


def test_what_lies_in_the_shop_is_fetched_and_not_bought() -> None:
    given = job(need=Need.PROCURE_AND_DELIVER, from_where="City Books", rest="3x Pencil", home="Kala Books")
    said = " ".join(voice.question(given, shop="Kala Books"))
    assert "Please buy Physics 2 at City Books, fetch the rest at Kala Books, and take it to Arjun." in said


def test_each_shop_is_said_with_its_goods() -> None:
    given = job(need=Need.PROCURE, from_where="City Books", further="Atlas at Crossword", start_by="", must_wait=True)
    said = " ".join(voice.question(given, shop="Kala Books"))
    assert "Please buy Physics 2 at City Books, Atlas at Crossword, for Arjun, and bring it to the shop." in said
    assert "Be there when it opens." in said


def test_a_question_without_a_reason_or_a_start_has_no_hole() -> None:
    said = " ".join(voice.question(job(reason="", start_by="", what="📚", for_whom="", from_where=""), shop="🏪"))
    assert said == (
        "This is the shop, about order K 7 Q 2. Please take an order from a shop in town to a customer. "
        "Promised by 19:30. Start now. Press 1 to take it. Press 2 if you can't."
    )


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("Physics\n2", "Physics 2"),
        ('Tom & Jerry <3 "quoted"', 'Tom & Jerry <3 "quoted"'),
        ("call me 📞 +44 7700 900123 now", "call me now"),
        ("exam on 24-11-2026", "exam on 24-11-2026"),
        ("физика", ""),
        ("कल परीक्षा है", "कल परीक्षा है"),
        ("Gödel, Escher", "Gödel, Escher"),
        ("word " * 40, ("word " * 18).strip()),
    ],
)
def test_what_no_voice_can_say_is_left_out(written: str, spoken: str) -> None:
    assert voice.speakable(written) == spoken


@pytest.mark.parametrize(("prefix", "english"), [("+91", "en-IN"), ("+44", "en-GB"), ("+1", "en-US"), ("+49", "en-GB")])
def test_english_is_that_of_the_country_and_hindi_has_a_hindi_voice(prefix: str, english: str) -> None:
    sentences = voice.question(job(reason="कल परीक्षा है"), shop="Nalanda Books")
    root = parsed(Speech(sentences=sentences, english=voice.english_of(prefix), asks=True))
    said = {say.get("language"): say.text or "" for say in root.iter("Say")}
    assert set(said) == {english, "hi-IN"}
    assert "परीक्षा" in said["hi-IN"]


def test_only_a_question_listens_for_keys() -> None:
    root = parsed(Speech(sentences=voice.passed("K7Q2")))
    assert [child.tag for child in root] == ["Say"]
    assert heard(Speech(sentences=voice.taken("K7Q2", who=""))).startswith("Somebody has order K 7 Q 2 already.")
    assert "yours already" in " ".join(voice.yours("K7Q2", is_news=False))
    assert "comes now" in " ".join(voice.yours("K7Q2", is_news=True))


@given(data=st.fixed_dictionaries(dict.fromkeys(("what", "for_whom", "reason", "from_where"), WORDS)), shop=WORDS)
@pytest.mark.parametrize("asks", [True, False])
def test_any_data_make_a_document_that_asks_twice(data: dict[str, str], shop: str, asks: bool) -> None:
    sentences = voice.question(job(**data), shop=shop)
    root = parsed(Speech(sentences=sentences, asks=asks))
    gathers = root.findall("Gather")
    assert len(gathers) == (2 if asks else 0)
    assert {child.tag for child in root} == ({"Gather", "Say"} if asks else {"Say"})
    assert {element.tag for element in root.iter()} <= {"Response", "Gather", "Say"}
    for gather in gathers:
        assert (gather.get("action"), gather.get("method"), gather.get("numDigits")) == (ASK, "POST", "1")
        assert "Press 1 to take it. Press 2 if you can't." in " ".join(gather.itertext())
    assert all((say.text or "").strip() for say in root.iter("Say"))
    assert len(" ".join(sentences)) < 800
