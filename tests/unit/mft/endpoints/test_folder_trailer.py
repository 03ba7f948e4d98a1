"""Whether EDI ends as it must, by its first and last bytes."""

import pytest

from mft.endpoints.folder.trailer import SEEN_BYTES, has_trailer
from tests.harness import sample

X12 = sample("orders-850.edi")
UNA = b"UNA:+.? 'UNB+UNOC:3+A+B+260301:0930+1'UNH+1+ORDERS:D:96A:UN'UNT+2+1'UNZ+1+1'"
NACHA = b"101 " + b"0" * 90 + b"5" + b"0" * 93 + b"9" + b"0" * 93 + b"9" * 188


@pytest.mark.parametrize(
    ("content", "has"),
    [
        pytest.param(X12, True, id="x12"),
        pytest.param(X12.rstrip() + b"\r\n\x1a", True, id="x12, blanks behind it"),
        pytest.param(X12[: X12.rindex(b"IEA")], False, id="x12 without IEA"),
        pytest.param(X12.rstrip()[:-1], False, id="x12, its last terminator is missing"),
        pytest.param(X12[:50], False, id="x12, less than its header"),
        pytest.param(UNA, True, id="edifact"),
        pytest.param(UNA[9:], True, id="edifact without UNA"),
        pytest.param(UNA.replace(b"UNZ+1+1'", b""), False, id="edifact without UNZ"),
        pytest.param(UNA[:-1] + b"?'", False, id="edifact, an escaped end"),
        pytest.param(b"STX=ANA:1+A+B'MHD=1+X:1'MTR=2'END=1'", True, id="tradacoms"),
        pytest.param(b"STX=ANA:1+A+B'MHD=1+X:1'MTR=2'", False, id="tradacoms without END"),
        pytest.param(b"FHS|^~\\&|a\rMSH|^~\\&|a\rFTS|1\r", True, id="hl7 batch"),
        pytest.param(b"FHS|^~\\&|a\rMSH|^~\\&|a\r", False, id="hl7 batch without FTS"),
        pytest.param(b"BHS|^~\\&|a\rMSH|^~\\&|a\rBTS|1", True, id="hl7 BHS"),
        pytest.param(b"MSH|^~\\&|a\rPID|1\r", None, id="an hl7 message has none"),
        pytest.param(b'<?xml version="1.0"?><!-- <a> --><Document xmlns="x"><b/></Document >\n', True, id="xml"),
        pytest.param(b'\xef\xbb\xbf<?xml version="1.0"?><Document><b/></Docu', False, id="xml, cut off"),
        pytest.param(NACHA, True, id="nacha in one line"),
        pytest.param(NACHA[:188], False, id="nacha in one line, cut off"),
        pytest.param(b"101 " + b"0" * 90 + b"\n9" + b"0" * 93 + b"\n" + b"9" * 94 + b"\n", True, id="nacha"),
        pytest.param(b"101 " + b"0" * 90 + b"\n5" + b"0" * 93 + b"\n", False, id="nacha, cut off"),
        pytest.param(b"01,a,b,260301,0930,1,,,2/\n99,0,1,2/\n", True, id="bai2"),
        pytest.param(b"01,a,b,260301,0930,1,,,2/\n02,a/\n", False, id="bai2, cut off"),
        pytest.param(b"", None, id="nothing"),
        pytest.param(b"%PDF-1.7", None, id="a pdf"),
        pytest.param(b"ISABELLA,1\n", None, id="a name"),
    ],
)
def test_it(content: bytes, *, has: bool | None) -> None:
    assert has_trailer(content[:SEEN_BYTES], content[-SEEN_BYTES:]) is has
