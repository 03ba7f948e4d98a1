"""What goes back at all."""

from datetime import UTC, datetime

import pytest

from parsers.acknowledgment import Numbers, Wish, answer, write
from tests.unit.parsers.judging import judged

AT = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
ISA = "ISA*00*          *00*          *ZZ*SENDER         *ZZ*RECEIVER       *260302*0915*U*00401*000000905*{}*T*:~"
X12 = ISA + "GS*PO*SENDER*RECEIVER*20260302*0915*17*X*004010~ST*850*0001~BEG*00~SE*3*0001~GE*1*17~IEA*1*000000905~"
EDIFACT = "UNB+UNOC:3+A:14+B:14+260302:0915+R1++++{}'UNH+1+ORDERS:D:96A:UN'BGM+220'UNT+3+1'UNZ+1+R1'"
HL7 = "MSH|^~\\&|LAB|H|MFT|US|20260302||ADT^A01|M1|P|2.5.1|||{}|\rPID|1\r"
SWIFT = "{{1:F01ABCDEFGHAXXX0000000000}}{{2:I103ABCDEFGHXXXXN}}{{4:\r\n:20:A\r\n-}}{}"
CSV = "a;b;{}\r\n1;2;3\r\n"

WISHES = [
    (X12, "0", Wish(), ("997",)),
    (X12, "1", Wish(), ("ta1", "997")),
    (X12, "1", Wish(receipt=False), ("997",)),
    (X12, "0", Wish(kind="ta1"), ("ta1",)),
    (X12, "0", Wish(kind="999"), ("999",)),
    (X12, "1", Wish(kind="none"), None),
    (X12, "1", Wish(kind="contrl"), None),
    (EDIFACT, "1", Wish(), ("contrl",)),
    (EDIFACT, "", Wish(), None),
    (EDIFACT, "", Wish(kind="contrl"), ("contrl",)),
    (EDIFACT, "2", Wish(), ("contrl",)),
    (EDIFACT, "2", Wish(receipt=False), None),
    (EDIFACT, "1", Wish(kind="997"), None),
    (HL7, "", Wish(), None),
    (HL7, "AL", Wish(), ("hl7",)),
    (HL7, "", Wish(kind="hl7"), ("hl7",)),
    (HL7, "NE", Wish(kind="hl7"), None),
    (SWIFT, "", Wish(), None),
]


@pytest.mark.parametrize(("text", "asked", "wish", "kinds"), WISHES)
def test_an_answer_goes_back_where_it_is_asked_for_or_agreed(text, asked, wish, kinds):
    made = answer(judged(text.format(asked)), wish)
    assert (made and made.kinds) == kinds


@pytest.mark.parametrize(
    ("wish", "guide", "verdict"),
    [
        (Wish(), "x12/004010/850", "accepted"),  # There may be no map for it: that is nobody's error.
        (Wish(), None, "rejected"),
        (Wish(without_guide="accept"), None, "accepted"),
    ],
)
def test_a_set_that_no_guide_judged_is_what_was_agreed(wish, guide, verdict):
    made = answer(judged(X12.format("0"), guide=guide), wish)
    assert made is not None
    assert (made.verdict, made.sets) == (verdict, {1: verdict})


def test_every_group_needs_a_number():
    made = answer(judged(X12.format("0")), Wish())
    assert made is not None
    with pytest.raises(ValueError, match="1 groups, and 0 numbers"):
        write(made, Numbers(interchange=1), AT)


@pytest.mark.parametrize(("text", "asked"), [(X12, "1"), (EDIFACT, "1"), (HL7, "AL")])
@pytest.mark.parametrize("length", range(20, 200, 7))
def test_a_file_that_is_cut_off_anywhere_has_an_answer_or_none_and_no_error(text, asked, length):
    from parsers.judged import interchanges
    from tests.unit.parsers.judging import events

    for one in interchanges(events(text.format(asked)[:length])):
        made = answer(one, Wish())
        if made is not None:
            assert write(made, Numbers(interchange=1, groups=(1,)), AT)
