"""Segments against an independent implementation, and customers' words that can do no harm."""

from __future__ import annotations

import re
import unicodedata

import pytest
import smsutil
from hypothesis import assume, example, given
from hypothesis import strategies as st

from dispatch.messaging.wording import GSM7, GSM7_DOUBLE, Encoding, plain, segments

GSM_TEXT = st.text(alphabet=sorted(GSM7 | GSM7_DOUBLE), max_size=700)
# Where a text is cut, two-unit characters must not be: texts of a length near the edges, with some of them.
EDGES = st.builds(
    lambda fill, wide, length: ("a" * length)[: max(0, length - len(wide))] + wide + fill,
    st.text(alphabet="ab€[😀ह", max_size=5),
    st.text(alphabet="€{😀", max_size=4),
    st.sampled_from([66, 67, 70, 133, 134, 152, 153, 154, 159, 160, 161, 305, 306, 307]),
)


@given(GSM_TEXT | st.text(max_size=300) | EDGES)
@example("€" * 80)
@example("€" * 81)
@example("😀" * 35)
@example("😀" * 36)
def test_segments_agree_with_smsutil(text: str) -> None:
    # The oracle takes a bare escape for a character of the alphabet.
    text = "".join(char for char in text if unicodedata.category(char) != "Cs" and char != "\x1b")
    assume(text)
    oracle = smsutil.split(text)
    ours = segments(text)
    assert ours.encoding is (Encoding.GSM7 if smsutil.is_valid_gsm(text) else Encoding.UCS2)
    assert ours.count == len(oracle.parts)
    width = 1 if ours.encoding is Encoding.GSM7 else 2
    assert ours.units == oracle.total_bytes / width


@pytest.mark.parametrize(
    ("text", "encoding", "units", "count"),
    [
        ("a" * 160, Encoding.GSM7, 160, 1),
        ("a" * 161, Encoding.GSM7, 161, 2),
        ("a" * 306, Encoding.GSM7, 306, 2),
        ("a" * 307, Encoding.GSM7, 307, 3),
        ("", Encoding.GSM7, 0, 1),
        ("€", Encoding.GSM7, 2, 1),
        ("₹", Encoding.UCS2, 1, 1),
        ("ह" * 70, Encoding.UCS2, 70, 1),
        ("ह" * 71, Encoding.UCS2, 71, 2),
        ("😀", Encoding.UCS2, 2, 1),
    ],
)
def test_segments(text: str, encoding: Encoding, units: int, count: int) -> None:
    found = segments(text)
    assert (found.encoding, found.units, found.count) == (encoding, units, count)


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("Ravi’s “exam” – tomorrow…", 'Ravi\'s "exam" - tomorrow...'),
        ("₹450", "Rs 450"),
        ("Zoë Šimek", "Zoe Simek"),
        ("naïve café", "naive café"),
        ("परीक्षा कल है", "परीक्षा कल है"),
        ("one\ntwo\r\n\tthree\x00four", "one two three four"),
        ("a\u2028b\u2029c\u00a0d", "a b c d"),
        ("http://x.y/z", "http x. y/z"),
        ("HTTPS://Evil.example?a=1", "HTTPS Evil. example?a=1"),
        ("hthttp://tp://x.yz", "hthttp tp x. yz"),
        ("http:/\u200b/x.yz", "http x. yz"),
        ("bit.ly/abc", "bit. ly/abc"),
        ("ｂｉｔ．ｌｙ", "bit. ly"),
        ("例え。jp", "例え. jp"),
        ("10.0.0.1/pay", "10. 0.0.1/pay"),
        ("a@shop.example", "a@shop. example"),
        ("St.Xavier, Rs 450.50 at 4.30", "St. Xavier, Rs 450.50 at 4.30"),
        ("Flat 3. Ring twice...", "Flat 3. Ring twice..."),
        ("x\u202egnp.exe", "xgnp. exe"),
        ("", ""),
        ("  \n ", ""),
    ],
)
def test_plain(text: str, line: str) -> None:
    assert plain(text) == line
    assert plain(line) == line


LINKS = st.from_regex(r"[a-z\n]{0,5}(https?://|www\.|)([a-z0-9-]{1,6}[.．。]){1,3}[a-z]{2,5}(/[a-z]*)?")


@given(st.text(max_size=200) | LINKS | GSM_TEXT)
def test_nothing_of_a_customer_can_be_tapped_or_break_the_line(text: str) -> None:
    line = plain(text)
    assert not re.search(r"[^\s.]\.[^\W\d_]", line)
    assert "://" not in line
    assert not re.search(r"\b\d{1,3}(\.\d{1,3}){3}\b", line)
    assert not any(unicodedata.category(char) in {"Cc", "Cf", "Zl", "Zp"} for char in line)
    assert plain(line) == line


@given(GSM_TEXT)
def test_what_is_gsm_stays_gsm(text: str) -> None:
    assert segments(plain(text)).encoding is Encoding.GSM7
