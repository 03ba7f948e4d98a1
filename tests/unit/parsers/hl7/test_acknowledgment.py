"""ACK in the original and the enhanced mode, one by one and in batches, read back by our reader and by python-hl7."""

from datetime import UTC, datetime

import pytest

from parsers.acknowledgment import Numbers, Wish, answer, write
from tests.unit.parsers.judging import codes_of, finding, judged

AT = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)
MSH = "MSH|^~\\&|LAB^1.2.3^ISO|HOSP|MFT|US|20260302||ADT^A01^ADT_A01|M1|P|2.5.1|||{}|{}||8859/1\r"
ONE = MSH + "PID|1\r"
AGREED = Wish(kind="hl7")
ERROR = finding("hl7.element-missing", segment="PID", position=2, element="PID-3.1", path="PID/03-1")


def said(text, of=None, wish=None, guide="a/guide", *, duplicate=False) -> list[str] | None:
    """The segments that go back; the file is one that our own reader finds nothing wrong with."""
    made = answer(judged(text, of, guide), wish or Wish(), duplicate=duplicate)
    if made is None:
        return None
    data = write(made, Numbers(interchange="A7"), AT)
    assert codes_of(data) == []
    return data.decode("latin-1").removesuffix("\r").split("\r")


def code(segments: list[str] | None) -> str | None:
    return segments and segments[1].split("|")[1]


def test_an_acknowledgment_goes_the_way_back():
    assert said(ONE.format("AL", "NE")) == [
        "MSH|^~\\&|MFT|US|LAB^1.2.3^ISO|HOSP|20260302100000+0000||ACK^A01^ACK|A7|P|2.5.1||||||8859/1",
        "MSA|CA|M1",
    ]


ASKED = [
    # MSH-15, MSH-16, agreed: what is said of a good message, and of a bad one
    ("", "", Wish(), None, None),
    ("", "", AGREED, "AA", "AE"),
    ("AL", "", Wish(), "CA", "CE"),
    ("AL", "NE", Wish(), "CA", "CE"),
    ("AL", "AL", Wish(), "CA", "CE"),
    ("ER", "NE", Wish(), None, "CE"),
    ("SU", "NE", Wish(), "CA", None),
    ("NE", "NE", Wish(), None, None),
    ("NE", "NE", AGREED, None, None),
    ("NE", "AL", Wish(), "AA", "AE"),
    ("", "ER", Wish(), None, "AE"),
    ("ER", "SU", Wish(), "AA", "CE"),
    ("XX", "", Wish(), None, None),
]


@pytest.mark.parametrize(("accept", "application", "wish", "good", "bad"), ASKED)
def test_who_asks_is_answered_as_he_asks(accept, application, wish, good, bad):
    text = ONE.format(accept, application)
    assert code(said(text, wish=wish)) == good
    assert code(said(text, {1: [ERROR]}, wish)) == bad


TYPES = [
    ("2.5.1", "ACK^A01^ACK"), ("2.4", "ACK^A01^ACK"), ("2.3.1", "ACK^A01"), ("2.2", "ACK^A01"), ("2.8.2", "ACK^A01^ACK"),
]  # fmt: skip


@pytest.mark.parametrize(("version", "kind"), TYPES)
def test_the_acknowledgment_has_the_version_and_event_of_the_message(version, kind):
    segments = said(ONE.format("AL", "").replace("2.5.1", version))
    assert segments is not None
    assert segments[0].split("|")[8] == kind
    assert segments[0].split("|")[11] == version


FINDINGS = [
    # code, place, ERR of 2.5.1 from ERR-2 on, ERR of 2.3
    ("segment-missing", {"segment": "PV1", "position": 3, "path": "PV1"}, "PV1^1|100^Segment sequence error^HL70357|E|||segment 3 of the message|Words without a value.", "PV1^1^^100&Segment sequence error&HL70357"),
    ("element-missing", {"segment": "PID", "position": 2, "element": "PID-3.1", "path": "PID/03-1"}, "PID^1^3^^1|101^Required field missing^HL70357|E|||segment 2 of the message|Words without a value.", "PID^1^3^101&Required field missing&HL70357"),
    ("code-unknown", {"segment": "NK1", "position": 5, "element": "NK1-3", "path": "NK1[2]/03"}, "NK1^2^3|103^Table value not found^HL70357|E|||segment 5 of the message|Words without a value.", "NK1^2^3^103&Table value not found&HL70357"),
    ("element-characters", {"segment": "OBX", "position": 9, "element": "OBX-5", "path": "PATIENT_RESULT/ORDER_OBSERVATION/OBX[3]/05"}, "OBX^3^5|102^Data type error^HL70357|E|||segment 9 of the message|Words without a value.", "OBX^3^5^102&Data type error&HL70357"),
    ("code-unknown", {"segment": "OBX", "position": 9, "element": "OBX-5", "path": "OBR/OBX[3]/05"}, "OBX^3^5|103^Table value not found^HL70357|E|||segment 9 of the message|Words without a value.", "OBX^3^5^103&Table value not found&HL70357"),
    ("record-too-long", {}, "|102^Data type error^HL70357|E||||Words without a value.", "^^^102&Data type error&HL70357"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "place", "since", "before"), FINDINGS, ids=[case[0] for case in FINDINGS])
def test_what_was_found_is_told_by_its_place(name, place, since, before):
    of = {1: [finding(f"hl7.{name}", **place)]}
    assert (said(ONE.format("AL", ""), of) or [])[1:] == ["MSA|CE|M1", f"ERR||{since}"]
    assert (said(ONE.format("AL", "").replace("2.5.1", "2.3"), of) or [])[1:] == ["MSA|CE|M1", f"ERR|{before}"]


def test_several_errors_are_segments_since_2_5_and_repetitions_before():
    of = {1: [ERROR, finding("hl7.segment-missing", segment="PV1", position=3)]}
    assert [one[:3] for one in said(ONE.format("AL", ""), of) or []] == ["MSH", "MSA", "ERR", "ERR"]
    old = said(ONE.format("AL", "").replace("2.5.1", "2.4"), of) or []
    assert [one[:3] for one in old] == ["MSH", "MSA", "ERR"]
    assert old[2].count("~") == 1


def test_a_warning_is_not_told():
    text = ONE.format("AL", "")
    assert said(text, {1: [finding("hl7.code-unknown", segment="PID", position=2, severity="warning")]}) == said(text)


def test_a_type_that_no_guide_judged_and_a_duplicate_are_refused():
    text = ONE.format("AL", "")
    assert (said(text, guide=None) or [])[1:] == ["MSA|CR|M1", "ERR|||200^Unsupported message type^HL70357|E"]
    assert (said(text, duplicate=True) or [])[1:] == ["MSA|CR|M1", "ERR|||205^Duplicate key identifier^HL70357|E"]
    assert code(said(ONE.format("", ""), wish=AGREED, guide=None)) == "AR"


def test_acknowledgments_are_not_acknowledged():
    assert said(ONE.format("AL", "AL").replace("ADT^A01^ADT_A01", "ACK^A01^ACK")) is None
    assert said(ONE.format("", "").replace("ADT^A01^ADT_A01", "ACK"), wish=AGREED) is None


BATCH = "BHS|^~\\&|LAB|HOSP|MFT|US|20260302||||B1\r"


def test_a_batch_is_answered_by_a_batch():
    text = (
        BATCH
        + ONE.format("AL", "")
        + ONE.format("ER", "").replace("|M1|", "|M2|")
        + ONE.format("AL", "").replace("|M1|", "|M3|")
        + "BTS|3\r"
    )
    segments = said(text, {3: [ERROR]})
    assert segments is not None
    assert segments[0] == "BHS|^~\\&|MFT|US|LAB|HOSP|20260302100000+0000||||A7|B1"
    assert [one.split("|")[9] for one in segments if one.startswith("MSH")] == ["A7.1", "A7.2"]
    assert [one for one in segments if one.startswith("MSA")] == ["MSA|CA|M1", "MSA|CE|M3"]
    assert segments[-1] == "BTS|2"


def test_a_file_of_batches_is_answered_by_one_batch():
    text = "FHS|^~\\&|LAB|HOSP|MFT|US|20260302||||F1\r" + 2 * (BATCH + ONE.format("AL", "") + "BTS|1\r") + "FTS|2\r"
    segments = said(text)
    assert segments is not None
    assert [one[:3] for one in segments] == ["BHS", "MSH", "MSA", "MSH", "MSA", "BTS"]
    assert segments[0].endswith("|A7|F1")


def test_bare_messages_are_answered_bare_and_in_order():
    segments = said(ONE.format("AL", "") + ONE.format("AL", "").replace("|M1|", "|M2|"))
    assert [one for one in segments or [] if one[:3] in {"MSA", "BHS"}] == ["MSA|CA|M1", "MSA|CA|M2"]


def test_all_or_nothing_rejects_the_whole_batch():
    text = BATCH + ONE.format("AL", "") + ONE.format("AL", "").replace("|M1|", "|M2|") + "BTS|2\r"
    segments = said(text, {2: [ERROR]}, Wish(all_or_nothing=True))
    assert [one for one in segments or [] if one.startswith("MSA")] == ["MSA|CE|M1", "MSA|CE|M2"]
    made = answer(judged(text, {2: [ERROR]}), Wish(all_or_nothing=True))
    assert made is not None
    assert (made.verdict, made.sets, made.messages) == ("rejected", {1: "rejected", 2: "rejected"}, 2)


def test_other_encoding_characters_become_ours():
    text = "MSH#$*@!#LAB$1.2|3#HO@F@SP~#MFT#US#20260302##ADT$A01#M^1#P#2.5.1###AL\rPID#1\r"
    assert said(text) == [
        "MSH|^~\\&|MFT|US|LAB^1.2\\F\\3|HO#SP\\R\\|20260302100000+0000||ACK^A01^ACK|A7|P|2.5.1",
        "MSA|CA|M\\S\\1",
    ]


def test_a_value_cannot_begin_a_segment_of_ours():
    text = ONE.format("AL", "").replace("|M1|", "|M1\\X0D\\MSA\\F\\AA\\F\\X|")
    segments = said(text)
    assert segments is not None
    assert len(segments) == 2
    assert segments[1] == "MSA|CA|M1?MSA\\F\\AA\\F\\X"


def test_the_acknowledgment_is_in_the_character_set_that_it_declares():
    segments = said(ONE.format("AL", "").replace("HOSP", "H\xd4PITAL"))
    assert segments is not None
    assert segments[0].split("|")[5] == "H\xd4PITAL"  # One byte: it is read as Latin-1 here.
    assert segments[0].split("|")[17] == "8859/1"


@pytest.mark.parametrize("of", [{}, {1: [ERROR]}])
def test_python_hl7_reads_it(of):
    hl7 = pytest.importorskip("hl7", reason="python-hl7 is not installed")
    made = answer(judged(ONE.format("AL", ""), of), Wish())
    assert made is not None
    message = hl7.parse(write(made, Numbers(interchange="A7"), AT).decode())
    assert str(message["MSA.F1.R1.C1"]) == ("CE" if of else "CA")
    assert str(message["MSA.F2.R1.C1"]) == "M1"
    if of:
        assert [str(message[f"ERR.F2.R1.C{nth}"]) for nth in (1, 2, 3, 5)] == ["PID", "1", "3", "1"]
