"""Ten things that pyx12 4.0.0 does wrong with a file, and that must not be wrong here; each was measured there."""

from datetime import UTC, datetime
from importlib.resources import files

import pytest

import parsers
from parsers.acknowledgment import Numbers, Wish, answer, write
from parsers.events import SetClosed
from parsers.findings import Finding
from parsers.guides.terms import Judging
from parsers.judged import interchanges

CLAIMS = files("mft.samples").joinpath("claims-837p.edi").read_bytes().replace(b"\n", b"")
PAYMENT = (
    b"ISA*00*          *00*          *ZZ*SAMPLEPAYER    *ZZ*SAMPLECLINIC   *260302*0915*^*00501*000002001*0*T*:~"
    b"GS*HP*SAMPLEPAYER*SAMPLECLINIC*20260302*0915*2001*X*005010X221A1~ST*835*0001~BPR*I*80*C*CHK************20260302~"
    b"TRN*1*1001*1999999999~DTM*405*20260302~N1*PR*SAMPLE HEALTH PLAN~N3*1 EXAMPLE STREET~N4*SPRINGFIELD*IL*62701~"
    b"PER*BL*SAM SAMPLE*TE*5550100100~N1*PE*SAMPLE CLINIC*XX*1999999976~LX*1~CLP*A1*1*100*80**12*PAYER1~"
    b"CAS*CO*45*20~NM1*QC*1*TESTPERSON*ALBA~SE*14*0001~GE*1*2001~IEA*1*000002001~"
)


def found(data: bytes) -> tuple[list[str], list[SetClosed]]:
    """Codes of all that is at least a warning, and the sets."""
    events = list(parsers.read([data], judge=Judging()))
    codes = [one.code for one in events if isinstance(one, Finding) and one.severity != "info"]
    return codes, [one for one in events if isinstance(one, SetClosed)]


def acknowledged(data: bytes, first: int = 1) -> list[list[str]]:
    """The segments of each acknowledgment that goes back."""
    made = []
    for number, one in enumerate(interchanges(parsers.read([data], judge=Judging())), first):
        reply = answer(one, Wish())
        assert reply is not None
        sent = write(reply, Numbers(interchange=number, groups=tuple(range(number, number + reply.groups))), AT)
        assert found(sent)[0] == []
        made.append(sent.decode().removesuffix("~").split("~"))
    return made


AT = datetime(2026, 3, 2, 10, 0, tzinfo=UTC)


def verdicts(segments: list[str]) -> list[str]:
    return [one for one in segments if one[:3] in {"AK2", "IK5", "AK5", "AK9", "TA1"}]


def test_what_they_are_planted_in_is_right() -> None:
    assert [found(data)[0] for data in (CLAIMS, PAYMENT)] == [[], []]


def test_1_an_empty_segment_ends_nothing() -> None:
    codes, (closed,) = found(CLAIMS.replace(b"~PRV*", b"~~PRV*", 1))
    assert (closed.records, closed.guide) == (found(CLAIMS)[1][0].records, "x12/005010X222A1")
    assert codes == ["x12.empty-segment"]


def test_1_a_last_segment_without_its_terminator_is_not_lost() -> None:
    codes, (closed,) = found(CLAIMS.removesuffix(b"~"))
    assert closed.verdict == "accepted"
    assert codes == ["x12.terminator-missing"]


def test_2_each_interchange_has_its_own_separators_and_no_acknowledgment_holds_its_data() -> None:
    other = PAYMENT.translate(bytes.maketrans(b"*:~", b"|>!"))
    first, second = acknowledged(CLAIMS + other)
    assert verdicts(first) == ["AK2*837*0001*005010X222A1", "IK5*A", "AK9*A*1*1*1"]
    assert verdicts(second) == ["AK2*835*0001", "IK5*A", "AK9*A*1*1*1"]
    broken = other.replace(b"NM1|QC|1|", b"NM1|QC|9|")
    assert "TESTPERSON" not in "~".join(acknowledged(CLAIMS + broken)[1])


def test_3_a_set_without_st03_is_acknowledged_whole() -> None:
    (sent,) = acknowledged(PAYMENT)
    assert sent[3:8] == ["AK1*HP*2001*005010X221A1", "AK2*835*0001", "IK5*A", "AK9*A*1*1*1", "SE*6*0001"]


def test_3_an_error_in_st03_is_told_and_the_acknowledgment_is_whole() -> None:
    (sent,) = acknowledged(CLAIMS.replace(b"ST*837*0001*005010X222A1", b"ST*837*0001*" + b"9" * 36))
    assert verdicts(sent) == ["AK2*837*0001", "IK5*R*I6", "AK9*R*1*1*0"]
    assert [one.split("*")[0] for one in sent[-3:]] == ["SE", "GE", "IEA"]


def test_4_a_guide_that_nobody_has_stops_no_other_group() -> None:
    head, _, rest = CLAIMS.partition(b"GS*")
    group, _, _ = rest.partition(b"IEA*")
    unknown = group.replace(b"005010X222A1", b"005010X279A1").replace(b"*1001*X", b"*1002*X").replace(
        b"GE*1*1001", b"GE*1*1002"
    )  # fmt: skip
    _, sets = found(head + b"GS*" + unknown + b"GS*" + group + b"IEA*2*000001001~")
    assert [(one.guide, one.verdict) for one in sets] == [(None, "unsupported"), ("x12/005010X222A1", "accepted")]


@pytest.mark.parametrize(
    ("data", "right", "wrong", "code"),
    [
        (CLAIMS, b"CLM*SC-1001*150*", b"CLM*SC-1001*151*", "x12.balance"),
        (CLAIMS, b"*XX*1999999976", b"*XX*1999999967", "x12.check-digit"),
        (PAYMENT, b"BPR*I*80*", b"BPR*I*81*", "x12.balance"),
    ],
)
def test_5_totals_and_check_digits_are_looked_at(data: bytes, right: bytes, wrong: bytes, code: str) -> None:
    assert right in data
    assert found(data.replace(right, wrong, 1))[0] == [code]


def test_6_an_interchange_that_does_not_add_up_gets_a_ta1_that_says_so() -> None:
    codes, _ = found(CLAIMS.replace(b"IEA*1*", b"IEA*2*"))
    assert codes == ["x12.iea01-count-mismatch"]
    (sent,) = acknowledged(CLAIMS.replace(b"IEA*1*", b"IEA*2*"))
    assert verdicts(sent)[0] == "TA1*000001001*260302*0915*R*021"


@pytest.mark.parametrize(
    ("before", "name"), [(b"", "Ñandú".encode()), (b"", "Ñandú".encode("latin-1")), (b"\xef\xbb\xbf", b"A"), (b"\r\n", b"A")]
)  # fmt: skip
def test_7_bytes_beyond_ascii_and_in_front_are_read(before: bytes, name: bytes) -> None:
    _, (closed,) = found(before + CLAIMS.replace(b"TESTPERSON*ALBA", b"TESTPERSON*" + name, 1))
    assert closed.verdict == "accepted"


def test_7_a_header_of_the_wrong_length_is_told() -> None:
    codes, _ = found(CLAIMS.replace(b"*SAMPLESENDER   *", b"*SAMPLESENDER*", 1))
    assert "x12.isa-width" in codes


def test_8_acknowledgments_have_numbers_of_their_own_and_the_version_that_hipaa_adopted() -> None:
    sent = acknowledged(CLAIMS + CLAIMS.replace(b"000001001", b"000001002"), first=41)
    assert [(one[0].split("*")[13], one[1].split("*")[6]) for one in sent] == [("000000041", "41"), ("000000042", "42")]
    assert {one[1].split("*")[8] for one in sent} == {"005010X231A1"}


def test_9_binary_data_is_taken_by_its_length() -> None:
    text = (
        b"ISA*00*          *00*          *ZZ*SAMPLESENDER   *ZZ*SAMPLEPAYER    *260302*0915*^*00501*000003001*0*T*:~"
        b"GS*PI*SAMPLESENDER*SAMPLEPAYER*20260302*0915*3001*X*005010X210~ST*275*0001*005010X210~"
        b"BIN*9*a~b*IEA*1~SE*3*0001~GE*1*3001~IEA*1*000003001~"
    )
    codes, (closed,) = found(text)
    assert (codes, closed.verdict, closed.end_offset) == ([], "unsupported", text.index(b"GE*"))


@pytest.mark.parametrize(
    ("right", "wrong", "code"),
    [
        (b"HL*2*1*22*0", b"HL*3*1*22*0", "x12.hl-number"),
        (b"HL*2*1*22*0", b"HL*2*9*22*0", "x12.hl-parent"),
        (b"HL*2*1*22*0", b"HL*2*1*22*1", "x12.hl-child-code"),
    ],
)
def test_10_levels_are_compared_with_those_that_are_there(right: bytes, wrong: bytes, code: str) -> None:
    assert code in found(CLAIMS.replace(right, wrong, 1))[0]


def test_10_interchanges_are_read_in_any_version() -> None:
    codes, (closed,) = found(CLAIMS.replace(b"*00501*", b"*00602*"))
    assert (codes, closed.verdict) == ([], "accepted")
