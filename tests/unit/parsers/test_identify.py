import gzip

import pytest

from parsers import identify

ISA = b"ISA*00*          *00*          *ZZ*S              *ZZ*R              *260302*0915*^*00501*000000905*0*T*:~"
MSH = b"MSH|^~\\&|A|B|C|D|20260302||ADT^A01|1|P|2.5.1\r"

CASES = [
    (b"", "empty", None, None, None),
    (b" \r\n\x00\x1a", "empty", None, None, None),
    (ISA, "x12", "00501", "ascii", None),
    (b"\r\n\xef\xbb\xbf"[2:] + ISA, "x12", "00501", "utf-8", None),
    (b"\r\n \x00" + ISA, "x12", "00501", "ascii", None),
    (ISA.replace(b"*", b"|").replace(b"~", b"\n"), "x12", "00501", "ascii", None),
    (ISA.replace(b"*", b"\x1d"), "x12", "00501", "ascii", None),
    (ISA[:60], "x12", None, "ascii", None),
    (ISA.decode().encode("utf-16"), "x12", "00501", "utf-16-le", None),
    (ISA.decode().encode("utf-16-be"), "x12", "00501", "utf-16-be", None),
    (ISA.decode().encode("cp037"), "x12", "00501", "ebcdic", None),
    (b"// note\n" + ISA, "x12", "00501", "ascii", None),
    (b"GS*HC*A*B*20260302*0915*1*X*005010X222A1~", "x12", None, "ascii", None),
    (b"UNA:+.? 'UNB+UNOA:3+A+B+260302:0915+1'UNH+1+ORDERS:D:96A:UN'", "edifact", "D96A", "ascii", None),
    (b"UNB+UNOC:3+A+B+260302:0915+1'", "edifact", None, "ascii", None),
    (b"STX=ANA:1+5000000000000:A+5010000000000:B+260302:130233+7'", "tradacoms", None, "ascii", None),
    (MSH, "hl7", "2.5.1", "ascii", None),
    (b"\x0b" + MSH + b"\x1c\r", "hl7", "2.5.1", "ascii", None),
    (b"FHS|^~\\&\rBHS|^~\\&\r" + MSH, "hl7", "2.5.1", "ascii", None),
    (b'<?xml version="1.0"?><ADT_A01 xmlns="urn:hl7-org:v2xml"><MSH/></ADT_A01>', "hl7-xml", None, "ascii", None),
    (b"{1:F01SAMPUS33AXXX0000000000}{2:I103SAMPDEFFXXXXN}{4:\r\n:20:1\r\n-}", "swift-mt", "103", "ascii", None),
    (b"\r\n:20:START\r\n:25:1/2\r\n:60F:C260302EUR1,\r\n", "swift-mt", "940", "ascii", None),
    (b'<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pacs.008.001.08"/>', "iso20022", "pacs.008.001.08", "ascii", None),
    (b"101 031300012 2313801042603021055A094101SAMPLE BANK", "nacha", None, "ascii", None),
    (b"01,0004,12345,260302,0829,001,80,1,2/\n", "bai2", None, "ascii", None),
    (b"{1500}30User ReqT \n{1510}1631\n", "fedwire", None, "ascii", None),
    (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "pdf", None, None, None),
    (b'{"a": [1, 2]}', "json", None, "ascii", None),
    (b"[]", "json", None, "ascii", None),
    (b"<!DOCTYPE html><html><body>502 Bad Gateway</body></html>", "html", None, "ascii", None),
    (b"<orders><order/></orders>", "xml", None, "ascii", None),
    (b"id,name\n1,Alba\n2,Bruno\n", "csv", None, "ascii", None),
    (b'id;name\n1;"a;b"\n', "csv", None, "ascii", None),
    (b"0001 ALBA".ljust(60) + b"\n" + b"0002 BRUNO".ljust(60) + b"\n", "fixed-width", None, "ascii", None),
    (b"Dear Sam,\nplease find the file, as agreed.\n", "text", None, "ascii", None),
    ("Grüße\n".encode(), "text", None, "utf-8", None),
    ("Grüße\n".encode("latin-1"), "text", None, "latin-1", None),
    (bytes(range(256)), "binary", None, None, None),
    (gzip.compress(ISA, mtime=0), "binary", None, None, "gzip"),
    (b"PK\x03\x04\x14\x00", "binary", None, None, "zip"),
    (b"-----BEGIN PGP MESSAGE-----\n\nhQEM", "binary", None, None, "pgp"),
    (b"\x85\x01\x0c\x03" + bytes(range(64)), "binary", None, None, "pgp"),
    (b"Content-Type: application/pkcs7-mime; smime-type=enveloped-data\n\nMII", "text", None, "ascii", "smime"),
    (b"\x30\x82\x01\x00\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02", "binary", None, None, "smime"),
]  # fmt: skip


@pytest.mark.parametrize(("head", "standard", "version", "encoding", "wrapped"), CASES)
def test_the_first_bytes_tell_the_standard(head, standard, version, encoding, wrapped):
    identified = identify(head)
    assert (identified.standard, identified.version, identified.encoding, identified.wrapped) == (
        standard,
        version,
        encoding,
        wrapped,
    )


LOOK_ALIKES = [
    (b"ISABELLA came in, and went out again.", "text"),
    (b"MSHH0\r", "text"),
    (b"UNBELIEVABLE+but+true", "text"),
    (b"101 dalmatians, and not one of them a batch header.", "text"),
    ("Ãhnlich wie PGP".encode("latin-1"), "text"),
]


@pytest.mark.parametrize(("head", "standard"), LOOK_ALIKES)
def test_a_name_that_only_looks_alike_is_not_taken_for_a_standard(head, standard):
    assert identify(head).standard == standard
    assert identify(head).wrapped is None


def test_only_the_first_bytes_count():
    assert identify(b"x" * 70_000 + b"\n" + ISA).standard == "text"


@pytest.mark.parametrize(
    ("data", "encoding"),
    [
        (b"x" + "ü".encode() * 40_000, "utf-8"),  # The head ends inside of a character.
        (b"abc\xc3", "latin-1"),  # A lone byte is no evidence of UTF-8.
        (b"\xc3\xbc\xff", "latin-1"),
    ],
)
def test_the_encoding_is_judged_by_what_is_there(data, encoding):
    assert identify(data).encoding == encoding
