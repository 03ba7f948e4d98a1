import pytest

from parsers.edifact.delimiters import Delimiters
from parsers.edifact.values import Values
from parsers.maps.values import Unreadable

V3 = Delimiters()
V4 = Delimiters(repetition="*", version="4")
UNRELEASED = Delimiters(release=None)


def taken(syntax: Delimiters, segment: str, reference: str) -> str:
    values = Values(syntax)
    names = {**values.functions, "e": values.split(segment)}
    spot = values.spot(reference)
    for name, text in spot.needs.items():
        names[name] = eval(text, names)  # noqa: S307  As the compiler does.
    return eval(spot.text, names)  # noqa: S307


TAKEN = [
    (V3, "BGM+220+PO1+9", "BGM-2", "PO1"),
    (V3, "BGM+220+PO1:1:2+9", "BGM-2", "PO1"),
    (V3, "QTY+21:24:PCE", "QTY-1.2", "24"),
    (V3, "QTY+21", "QTY-1.3", ""),
    (V3, "QTY", "QTY-1.1", ""),
    (V3, "UCM+1+ORDERS:D:96A:UN", "UCM-2.2-3", "D96A"),
    (V3, "FTX+AAI+++9 O?'CLOCK?+?:??:B", "FTX-4.1", "9 O'CLOCK+:?"),
    (V3, "FTX+AAI+++9 O?'CLOCK?+?:??:B", "FTX-4.2", "B"),
    (V3, "FTX+A?+B+++C", "FTX-1", "A+B"),
    (V3, "FTX+A???+B+C", "FTX-1", "A?+B"),
    (V3, "FTX+A??+B", "FTX-2", "B"),
    (V3, "FTX+A+B?", "FTX-2", "B"),
    (V3, "FTX+ÄÖ?:Ü+B", "FTX-1", "ÄÖ:Ü"),
    (V3, "FTX+\ufdd0?:Ü+B", "FTX-1", "\ufdd0:Ü"),
    (V3, "FTX:1:2+AAI", "FTX-1", "AAI"),
    (V3, "COM+1:TE*2:FX", "COM-1.2", "TE*2"),
    (V4, "COM+1:TE*2:FX", "COM-1.2", "TE"),
    (V4, "COM+1:TE*2:FX", "COM-2.1", "2"),
    (V4, "COM+1?*9:TE", "COM-1.1", "1*9"),
    (V4, "UCM+A*B+1", "UCM-1", "A"),
    (V4, "UCM+A*B+1", "UCM-2", "1"),
    (UNRELEASED, "FTX+A?:B", "FTX-1.1", "A?"),
]  # fmt: skip


@pytest.mark.parametrize(("syntax", "segment", "reference", "expected"), TAKEN)
def test_what_stands_in_an_element(syntax, segment, reference, expected):
    assert taken(syntax, segment, reference) == expected


@pytest.mark.parametrize("segment", ["FTX+A?+B:C?:D+??+?'", "COM+1:TE", "FTX+A?", "QTY+21:1?.5:PCE", "RFF+??:?+?:"])
def test_the_quick_way_and_the_careful_one_say_the_same(segment):
    quick, careful = Values(V3).split(segment), Values(V4).split(segment)
    assert [one.split(":") for one in quick] == [one.split(":") for one in careful]


def test_each_repetition_of_an_element_that_is_not_the_last():
    values = Values(V4)
    segments = values.functions["each"](values.split("UCM+1:X*2:Y+Z"), 1)
    assert [(one[1].split(":"), one[2]) for one in segments] == [(["1", "X"], "Z"), (["2", "Y"], "Z")]
    assert values.functions["each"](values.split("UCM++Z"), 1) == []


MOMENTS = [
    ("020326", "2", "2026-03-02"),
    ("030226", "3", "2026-03-02"),
    ("02032026", "4", "2026-03-02"),
    ("020320260915", "5", "2026-03-02T09:15"),
    ("260302", "101", "2026-03-02"),
    ("700302", "101", "1970-03-02"),
    ("20260302", "102", "2026-03-02"),
    ("202603020915", "102", "2026-03-02T09:15"),
    ("2603020915", "201", "2026-03-02T09:15"),
    ("260302091530", "202", "2026-03-02T09:15:30"),
    ("202603020915", "203", "2026-03-02T09:15"),
    ("20260302091530", "204", "2026-03-02T09:15:30"),
    ("202603020915+0130", "205", "2026-03-02T09:15+01:30"),
    ("2603020915GMT", "301", "2026-03-02T09:15+00:00"),
    ("202603020915+01", "303", "2026-03-02T09:15+01:00"),
    ("202603020915CET", "303", "2026-03-02T09:15"),
    ("20260302091530UTC", "304", "2026-03-02T09:15:30+00:00"),
    ("2026", "602", "2026"),
    ("2603", "609", "2026-03"),
    ("202603", "610", "2026-03"),
    ("2612", "615", "2026-W12"),
    ("202612", "616", "2026-W12"),
    ("260302", "", "2026-03-02"),
    ("20260302", "", "2026-03-02"),
    ("202603020915", "", "2026-03-02T09:15"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "form", "expected"), MOMENTS)
def test_moments_by_their_formats(text, form, expected):
    assert Values(V3).moment(text, "", form) == expected


@pytest.mark.parametrize(
    ("text", "form", "code"),
    [
        ("20261302", "102", "not-a-date"),
        ("202603022500", "203", "not-a-date"),
        ("2026-03-02", "102", "not-a-date"),
        ("2603", "101", "not-a-date"),
        ("26030x", "101", "not-a-date"),
        ("٢٦٠٣٠٢", "101", "not-a-date"),
        ("202654", "616", "not-a-date"),
        ("202603020915+9", "205", "not-a-date"),
        ("SOON", "", "not-a-date"),
        ("0915", "401", "date-format"),
        ("30", "804", "date-format"),
    ],
)
def test_what_is_no_moment(text, form, code):
    with pytest.raises(Unreadable) as raised:
        Values(V3).moment(text, "", form)
    assert raised.value.code == code


def test_days():
    values = Values(V3)
    assert values.day("202603020915", "203") == "2026-03-02"
    for text, form in (("202603", "610"), ("202612", "616"), ("2026", "602")):
        with pytest.raises(Unreadable):
            values.day(text, form)


@pytest.mark.parametrize(
    ("text", "form", "expected"),
    [
        ("2026030120260331", "718", ("2026-03-01", "2026-03-31")),
        ("20260301-20260331", "718", ("2026-03-01", "2026-03-31")),
        ("260301260331", "717", ("2026-03-01", "2026-03-31")),
        ("20262027", "702", ("2026", "2027")),
        ("202603-202604", "710", ("2026-03", "2026-04")),
        ("202612202614", "716", ("2026-W12", "2026-W14")),
        ("202603010800202603011600", "719", ("2026-03-01T08:00", "2026-03-01T16:00")),
        ("20260302", "102", ("2026-03-02", None)),
    ],
)
def test_periods(text, form, expected):
    assert Values(V3).period(text, "", form) == expected


def test_a_range_without_an_end_makes_no_sense():
    with pytest.raises(Unreadable):
        Values(V3).period("20260301", "", "718")


@pytest.mark.parametrize(
    ("text", "expected"), [("12,50", "12.50"), ("12.50", "12.50"), ("-0,5", "-0.5"), (",5", "0.5")]
)
def test_numbers_have_either_mark(text, expected):
    assert Values(V3).decimal(text) == expected


@pytest.mark.parametrize("text", ["1.234,50", "1,234.50", "1,234,5", "12,50-", "12 50", "X"])
def test_what_is_no_number(text):
    with pytest.raises(Unreadable):
        Values(V3).decimal(text)
