"""A shop's own words: what is filled, what is cut, and what is refused before it can reach a customer."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch.customers import phrases as customers
from dispatch.messaging.phrase_rules import (
    Gap,
    Language,
    Phrase,
    Tone,
    complaints,
    compose,
    fill,
    language_of,
    preview,
)
from dispatch.messaging.wording import segments
from dispatch.recovery import phrases as recovery

PHRASES = {**customers.PHRASES, **recovery.PHRASES}
LINK = "https://dispatch.example.com/t?k=12345-AbCdEfGhIjKlMnOp"
GAPS = {
    "name": Gap(meaning="their first name", sample="Alexandra", can_shrink=True),
    "what": Gap(meaning="what they ordered", sample="Physics, volume 2, and 2 more", can_shrink=True),
    "reason": Gap(meaning="why it matters", sample="exam tomorrow", can_shrink=True),
    "fix": Gap(meaning="what we do about it", sample="Ravi brings it by 21:30", can_shrink=True),
    "titles": Gap(meaning="what they could have", sample=("Physics 2, 2nd ed.", "Exam Pack"), can_shrink=True),
    "effect": Gap(
        meaning="what it means to them", sample="You needed it for your exam.", can_shrink=True, matters=True
    ),
    "link": Gap(meaning="their page", sample=LINK),
}
NEWS = Phrase(
    key="news",
    title="News",
    gaps={name: GAPS[name] for name in ("link", "name", "what", "titles")},
    needs=frozenset({"link"}),
    words={Language.EN: "Hello {name}, news[ of {what}]: {link}"},
)
APOLOGY = Phrase(
    key="apology",
    title="Apology",
    gaps={name: GAPS[name] for name in ("reason", "fix", "link")},
    needs=frozenset({"reason"}),
    words={Language.EN: "We are sorry: {reason}."},
    tone=Tone.APOLOGY,
)


@pytest.mark.parametrize(
    ("text", "parts", "said"),
    [
        ("Hello {name}!", {"name": "Asha"}, "Hello Asha!"),
        ("Yours[: {what}]. Bye", {"what": ""}, "Yours. Bye"),
        ("Yours[: {what}]. Bye", {"what": "2nd ed."}, "Yours: 2nd ed. Bye"),
        ("[{name} and {what}] go", {"name": "Asha", "what": ""}, "go"),
        ("So...{name}", {"name": "."}, "So..."),
        # What a customer wrote is never read as a gap.
        ("Hello {name}: {link}", {"name": "{link}[x]", "link": "L"}, "Hello {link}[x]: L"),
    ],
)
def test_gaps_are_filled_and_empty_parts_left_out(text: str, parts: dict[str, str], said: str) -> None:
    assert fill(text, parts) == said


@pytest.mark.parametrize(
    ("code", "language"),
    [("en", "en"), ("EN-gb", "en"), ("hi", "hi"), ("hi-IN", "hi"), ("hi_IN", "hi"), ("de", "en"), ("", "en")],
)
def test_the_nearest_language_is_found(code: str, language: str) -> None:
    assert language_of(code) is Language(language)


@pytest.mark.parametrize(
    ("phrase", "language", "text", "word"),
    [
        (NEWS, "en", "Hello {name}", "{link} must be in it"),
        (NEWS, "en", "Hello [{link}]", "{link} must be in it"),
        (NEWS, "en", "Hello {nmae}: {link}", "no {nmae}"),
        (NEWS, "en", "Hello {link", "stands alone"),
        (NEWS, "en", "Hello {link} ]", "stands alone"),
        (NEWS, "en", "Sorry, news: {link}", "No apology here"),
        (NEWS, "hi", "माफ़ कीजिए, खबर: {link}", "No apology here"),
        (NEWS, "en", "x" * 501, "under 500"),
        (NEWS, "en", "a" * 300 + "{link}", "Take out about"),
        (NEWS, "hi", "ह" * 100 + "{link}", "Take out about"),
        (NEWS, "en", "  ", "Write something"),
        (APOLOGY, "en", "It was late: {reason}.", "Say sorry"),
        (APOLOGY, "en", "{fix}. We are sorry: {reason}.", "first"),
        (APOLOGY, "en", "We are sorry: {reason}. It won't ever happen again.", "won't happen again"),
        (APOLOGY, "en", "We are sorry: {reason}. This will never happen.", "won't happen again"),
        (APOLOGY, "hi", "{reason}: हमें खेद है। ऐसा फिर कभी नहीं होगा।", "won't happen again"),
    ],
)
def test_a_wording_that_would_do_harm_is_refused_with_the_remedy(
    phrase: Phrase, language: str, text: str, word: str
) -> None:
    assert any(word in complaint for complaint in complaints(phrase, Language(language), text))


@pytest.mark.parametrize(
    ("phrase", "language", "text"),
    [
        (NEWS, "en", "Hi[ {name}], look: {link}"),
        (NEWS, "hi", "{name}, देखिए: {link}"),
        (APOLOGY, "en", "We are sorry. You needed it: {reason}.[ {fix}.]"),
        (APOLOGY, "hi", "हमें खेद है। {reason}। {fix}"),
    ],
)
def test_a_good_wording_is_kept(phrase: Phrase, language: str, text: str) -> None:
    assert complaints(phrase, Language(language), text) == []


WORDS = st.text(max_size=400)


@given(name=WORDS, what=WORDS)
def test_two_segments_at_most_and_the_link_whole(name: str, what: str) -> None:
    said = compose(NEWS, [(Language.EN, NEWS.words[Language.EN])], {"name": name, "what": what, "link": LINK})
    assert segments(said).count <= 2
    assert said.endswith(LINK)


ALL_OF_IT = {"name": "Arjun", "shop": "Kala Books", "what": "Physics 2", "promised": "15:30", "link": LINK}
SORRY = {**ALL_OF_IT, "signed": "Maya, Kala Books"}


@pytest.mark.parametrize(
    ("reason", "effect"),
    [
        ("exam tomorrow 🙏", "You had told us what it is for: exam tomorrow."),
        ("exam ❤️ tomorrow 🙏!", "You had told us what it is for: exam tomorrow!"),
        ("कल परीक्षा है", "You were counting on it."),
        ("🙏", "You were counting on it."),
        ("", "You were counting on it."),
    ],
)
def test_one_emoji_or_another_script_costs_nothing_else(reason: str, effect: str) -> None:
    said = compose(recovery.BROKEN, recovery.BROKEN.ours(Language.EN), {**SORRY, "effect": reason})
    assert said == (
        f"Hello Arjun, we promised you Physics 2 by 15:30, and it is not with you. {effect} "
        "We are sorry that we let you down. Maya, Kala Books"
    )


def test_a_long_reason_loses_its_end_and_never_the_sentence_around_it() -> None:
    own = [(Language.EN, "Sorry, {name}. {effect}")]
    said = compose(recovery.BROKEN, own, {**SORRY, "effect": "कल परीक्षा है " * 20})
    assert said.startswith("Sorry, Arjun. You had told us what it is for: कल परीक्षा है")
    assert said.endswith("...")
    hindi = recovery.BROKEN.ours(Language.HI)[:1]
    assert compose(recovery.BROKEN, hindi, {**SORRY, "effect": "कल परीक्षा है।"}).count("।") == 3


@pytest.mark.parametrize("what", ["Physics 2 📚", "Physics 2"])
def test_a_confirmation_keeps_what_was_ordered_for_an_emoji(what: str) -> None:
    said = compose(customers.CONFIRMED, customers.CONFIRMED.ours(Language.EN), {**ALL_OF_IT, "what": what})
    assert "Hello Arjun, Kala Books has your order: Physics 2. You will" in said


def test_where_it_fits_an_emoji_stays() -> None:
    said = compose(NEWS, [(Language.EN, "News of {what}: {link}")], {"what": "Physics 2 📚", "link": "L"})
    assert said == "News of Physics 2 📚: L"


def test_no_greeting_leaves_without_a_name_in_it() -> None:
    own = (Language.EN, "Dear {name}, your {what} comes by {promised}: {link}")
    ours = customers.CONFIRMED.ours(Language.EN)
    said = compose(customers.CONFIRMED, [own, *ours], {**ALL_OF_IT, "name": "अर्जुन", "what": "Physics " * 30})
    assert said.startswith("Hello, Kala Books has your order: Physics")
    assert compose(customers.CONFIRMED, [own, *ours], ALL_OF_IT).startswith("Dear Arjun, your Physics 2 comes by")


@pytest.mark.parametrize(
    ("what", "ends"),
    [
        ("Who Moved My Cheese?", "Cheese? You"),
        ("Oh!", "Oh! You"),
        ("Maths, 2nd ed.", "ed. You"),
        ("So?...", "So?... You"),
    ],
)
def test_a_title_that_ends_a_sentence_ends_it(what: str, ends: str) -> None:
    said = compose(customers.CONFIRMED, customers.CONFIRMED.ours(Language.EN), {**ALL_OF_IT, "what": what})
    assert ends in said
    hindi = compose(customers.CONFIRMED, customers.CONFIRMED.ours(Language.HI), {**ALL_OF_IT, "what": what})
    assert ends.split()[0] in hindi
    assert "?।" not in hindi


def test_a_wording_that_can_not_be_made_to_fit_gives_way_to_ours() -> None:
    long = "b" * 320 + "{link}"
    assert compose(NEWS, [(Language.EN, long), (Language.EN, "Look: {link}")], {"link": LINK}) == f"Look: {LINK}"
    assert compose(NEWS, [(Language.EN, long), (Language.EN, long + "c")], {"link": LINK}).startswith("bbb"), (
        "the shortest, where none fits"
    )


def test_one_choice_has_its_number_too() -> None:
    said = compose(NEWS, [(Language.EN, "Instead: {titles} {link}")], {"titles": ("Exam Pack",), "link": "L"})
    assert said == "Instead: 1 Exam Pack. L"


def test_the_preview_shows_the_samples_and_what_is_not_known() -> None:
    assert preview(NEWS, Language.EN, "Hello {name}, {nmae}: {link}") == f"Hello Alexandra, : {LINK}"


@given(titles=st.lists(WORDS, min_size=2, max_size=6))
def test_choices_keep_their_numbers_however_long_they_are(titles: list[str]) -> None:
    said = compose(NEWS, [(Language.EN, "{titles} {link}")], {"titles": tuple(titles), "link": LINK})
    assert segments(said).count <= 2
    assert [number for number in range(1, len(titles) + 1) if f"{number} " not in said] == []


@pytest.mark.parametrize("language", Language)
@pytest.mark.parametrize("phrase", PHRASES.values(), ids=PHRASES.keys())
def test_our_own_words_keep_our_own_rules_in_every_language(phrase: Phrase, language: Language) -> None:
    assert complaints(phrase, language, phrase.words[language]) == []
    shown = preview(phrase, language, phrase.words[language])
    assert segments(shown).count <= 2
    assert not any(char in shown for char in "{}[]")


def test_what_matters_is_cut_last() -> None:
    plan = Phrase(key="x", title="x", gaps=GAPS, needs=frozenset(), words={Language.EN: "{effect} {what} {link}"})
    said = compose(plan, plan.ours(Language.EN), {"effect": "e" * 200, "what": "w" * 90, "link": LINK})
    assert "e" * 200 in said
    assert "w" * 90 not in said
