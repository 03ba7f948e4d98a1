import base64
import gzip
import io
import random
import tarfile
import zipfile

import pytest

import parsers
from parsers import identify
from parsers.events import InterchangeOpened
from parsers.reader import READERS
from parsers.segments import Raw, Segments

ISA = b"ISA*00*          *00*          *ZZ*S              *ZZ*R              *260302*0915*^*00501*000000905*0*T*:~"
MSH = b"MSH|^~\\&|A|B|C|D|20260302||ADT^A01|1|P|2.5.1\r"
UNA = b"UNA:+.? 'UNB+UNOA:3+A+B+260302:0915+1'UNH+1+ORDERS:D:96A:UN'"
UIB = b"UIB+UNOA:4++++SENDER+RECEIVER'UIH+SCRIPT:010:006:NEWRX+1'"
STX = b"STX=ANA:1+5000000000000:A+5010000000000:B+260302:130233+7'"
MT103 = b"{1:F01SAMPUS33AXXX0000000000}{2:I103SAMPDEFFXXXXN}{4:\r\n:20:1\r\n-}"
MT940 = b":20:START\r\n:25:1/2\r\n:28C:1/1\r\n:60F:C260302EUR1,\r\n"
NACHA = b"101 031300012 2313801042603021055A094101SAMPLE BANK           SAMPLE COMPANY                 \n"
BATCH = b"5220SAMPLE COMPANY                      1231380104PPDPAYROLL   2603022603030621031300010000001\n"
BAI2 = b"01,0004,12345,260302,0829,001,80,1,2/\n02,12345,0004,1,260302,,,2/\n"
FEDWIRE = b"{1500}30User ReqT \n{1510}1631\n"
PACS = b'<Document xmlns="urn:iso:std:iso:20022:tech:xsd:pacs.008.001.08"/>'
HEAD = b"urn:iso:std:iso:20022:tech:xsd:head.001.001.02"


def noise(seed: int, size_bytes: int) -> bytes:
    return random.Random(seed).randbytes(size_bytes)  # noqa: S311  Seeded, so that a failure repeats.


CASES = [
    (b"", "empty", None, None, None),
    (b" \r\n\x00\x1a", "empty", None, None, None),
    (b"\xef\xbb\xbf\r\n", "empty", None, None, None),
    (b"\xff\xfe \x00\n\x00", "empty", None, None, None),
    (b"\x01\x02\x03", "binary", None, None, None),
    # X12
    (ISA, "x12", "00501", "ascii", None),
    (b"\xef\xbb\xbf" + ISA, "x12", "00501", "utf-8", None),
    (b"\r\n\xef\xbb\xbf" + ISA, "x12", "00501", "utf-8", None),
    (b"\r\n \x00" + ISA, "x12", "00501", "ascii", None),
    (b"\x02" + ISA, "x12", "00501", "ascii", None),
    (ISA.replace(b"*", b"|").replace(b"~", b"\n"), "x12", "00501", "ascii", None),
    (ISA.replace(b"*", b"\x1d"), "x12", "00501", "ascii", None),
    (ISA.replace(b"*", b","), "x12", "00501", "ascii", None),
    (ISA.replace(b"00501", b"     "), "x12", None, "ascii", None),
    (b"ISA*  00*  *00  *" + ISA[35:], "x12", None, "ascii", None),
    (ISA[:60], "x12", None, "ascii", None),
    (ISA[:12], "x12", None, "ascii", None),
    (b"ISA*", "x12", None, "ascii", None),
    (b"GS*HC*A*B*20260302*0915*1*X*005010X222A1~", "x12", None, "ascii", None),
    (b"ST*837*987654~BHT*0019*00~", "x12", None, "ascii", None),
    (ISA.decode().encode("utf-16"), "x12", "00501", "utf-16-le", None),
    (ISA.decode().encode("utf-16-le"), "x12", "00501", "utf-16-le", None),
    (ISA.decode().encode("utf-16-be"), "x12", "00501", "utf-16-be", None),
    (b"\xfe\xff" + ISA.decode().encode("utf-16-be"), "x12", "00501", "utf-16-be", None),
    # EDIFACT and TRADACOMS
    (UNA, "edifact", "D96A", "ascii", None),
    (UNA.replace(b"'", b"'\r\n"), "edifact", "D96A", "ascii", None),
    (UNA[9:], "edifact", "D96A", "ascii", None),
    (UNA[:9], "edifact", None, "ascii", None),
    (b"UNA*@.? #UNB@UNOA*3@A@B@260302*0915@1#UNH@1@ORDERS*D*96A*UN#", "edifact", "D96A", "ascii", None),
    (b"UNB\x1dUNOB\x1f1\x1dA\x1dB\x1d260302\x1f0915\x1d1\x1cUNH\x1d1\x1dINVOIC\x1fD\x1f01B\x1fUN\x1c", "edifact", "D01B", "ascii", None),
    (b"UNB+UNOC:3+A+B+260302:0915+1'", "edifact", None, "ascii", None),
    (b"UNB", "text", None, "ascii", None),
    (b"UNB+", "edifact", None, "ascii", None),
    (b"UNH+1+INVOIC:D:01B:UN:EAN010'", "edifact", "D01B", "ascii", None),
    (b"UNG+INVOIC+A+B+260302:0915+1+UN+D:01B'", "edifact", None, "ascii", None),
    (b"BGM+380+1+9'\nDTM+137:20260302:102'", "edifact", None, "ascii", None),
    (UIB, "edifact", "010006", "ascii", None),
    (b"UNA\x1c\x1d.\x1f \x1e" + UIB.translate(bytes.maketrans(b":+'", b"\x1c\x1d\x1e")), "edifact", "010006", "ascii", None),
    (STX, "tradacoms", None, "ascii", None),
    # HL7
    (MSH, "hl7", "2.5.1", "ascii", None),
    (MSH.replace(b"2.5.1", b"2.3.1 ").replace(b"\r", b"\n"), "hl7", "2.3.1", "ascii", None),
    (MSH.replace(b"2.5.1", b"2.7^USA"), "hl7", "2.7", "ascii", None),
    (b"MSH#@~\\&#A#B#C#D#20260302##ADT@A01#1#P#2.4\r", "hl7", "2.4", "ascii", None),
    (b"MSH|^~\\&", "hl7", None, "ascii", None),
    (b"MSH|", "hl7", None, "ascii", None),
    (b"MSH||A|B\r", "hl7", None, "ascii", None),
    (b"MSH|0000|||||||00|||2.7.1\rOBX||PPN\r", "hl7", "2.7.1", "ascii", None),
    (b"\x0b" + MSH + b"\x1c\r", "hl7", "2.5.1", "ascii", None),
    (b"\x1c\r\x0b" + MSH + b"\x1c\r", "hl7", "2.5.1", "ascii", None),
    (b"[SOM]" + MSH, "hl7", "2.5.1", "ascii", None),
    (b"<SB>" + MSH, "hl7", "2.5.1", "ascii", None),
    (b"FHS|^~\\&\rBHS|^~\\&\r" + MSH, "hl7", "2.5.1", "ascii", None),
    (b"BHS|^~\\&|A\r", "hl7", None, "ascii", None),
    (b'<?xml version="1.0"?><ADT_A01 xmlns="urn:hl7-org:v2xml"><MSH/></ADT_A01>', "hl7-xml", None, "ascii", None),
    (b'<a:ADT_A01 xmlns:a="x"><a:MSH><a:MSH.1>|</a:MSH.1><a:VID.1>2.5</a:VID.1></a:MSH></a:ADT_A01>', "hl7-xml", "2.5", "ascii", None),
    (b"<M><MSH><MSH.1>|</MSH.1><MSH.12><MSH.12.1>2.3</MSH.12.1></MSH.12></MSH></M>", "hl7-xml", "2.3", "ascii", None),
    # SWIFT
    (MT103, "swift-mt", "103", "ascii", None),
    (b"$\r\n" + MT103, "swift-mt", "103", "ascii", None),
    (b"\x01" + MT103 + b"\x03", "swift-mt", "103", "ascii", None),
    (b"{1:F21SAMPUS33AXXX0000000000}{4:{177:2603021021}{451:0}}" + MT103, "swift-mt", "103", "ascii", None),
    (b"{2:O9401200260302SAMPUS33AXXX00000000002603021200N}{4:\n", "swift-mt", "940", "ascii", None),
    (b"{4:\r\n:20:1\r\n:25:2\r\n:60F:C260302EUR1,\r\n-}", "swift-mt", "940", "ascii", None),
    (b"\r\n" + MT940, "swift-mt", "940", "ascii", None),
    (b"SAMPDEFF\r\n940\r\nSAMPDEFF\r\n:20:1\r\n:25:2\r\n", "swift-mt", "940", "ascii", None),
    (b":20:1\r\n:25:2\r\n:28C:1\r\n:34F:EURD1,\r\n", "swift-mt", "942", "ascii", None),
    (b":942:\r\n:20:1\r\n:25:2\r\n", "swift-mt", "942", "ascii", None),
    (b"Subject: statement\r\n\r\n" + MT940, "swift-mt", "940", "ascii", None),
    (b":86:171?00SAMPLE\r\n", "swift-mt", None, "ascii", None),
    # ISO 20022
    (PACS, "iso20022", "pacs.008.001.08", "ascii", None),
    (b'<?xml version="1.0"?>\n<!-- a -->' + PACS, "iso20022", "pacs.008.001.08", "ascii", None),
    (PACS.replace(b"xmlns", b"xmlns:p").replace(b"<D", b"<p:D").replace(b'"', b"'"), "iso20022", "pacs.008.001.08", "ascii", None),
    (b'<M><AppHdr xmlns="' + HEAD + b'"><a/></AppHdr>' + PACS + b"</M>", "iso20022", "pacs.008.001.08", "ascii", None),
    (b'<AppHdr xmlns="' + HEAD + b'"><a/></AppHdr>', "iso20022", "head.001.001.02", "ascii", None),
    (b'<Document xmlns="urn:swift:xsd:$pain.001.001.03"><a/></Document>', "iso20022", "pain.001.001.03", "ascii", None),
    (b'<?xml version="1.0" encoding="UTF-16"?>'.decode().encode("utf-16") + PACS.decode().encode("utf-16-le"), "iso20022", "pacs.008.001.08", "utf-16-le", None),
    (b"<Document>\n<CstmrPmtStsRpt>\n<GrpHdr>\n<MsgId>1</MsgId>", "iso20022", None, "ascii", None),
    # NACHA, BAI2, Fedwire
    (NACHA, "nacha", None, "ascii", None),
    (b" \r\n" + NACHA.lower(), "nacha", None, "ascii", None),
    (b"\xef\xbb\xbf" + NACHA, "nacha", None, "utf-8", None),
    (NACHA.strip(b"\n") + BATCH.strip(b"\n"), "nacha", None, "ascii", None),
    (BATCH, "nacha", None, "ascii", None),
    (b"1" + NACHA, "nacha", None, "ascii", None),
    (BAI2, "bai2", None, "ascii", None),
    (b"01,A,B,260302,,1,,,2\n02,B,A,1,260302,,,/\n", "bai2", None, "ascii", None),
    (b"01,0004,12345,260302,0829,0", "bai2", None, "ascii", None),
    (FEDWIRE, "fedwire", None, "ascii", None),
    (b"{1510}1000\n{1520}20260302SAMPLE12000001\n", "fedwire", None, "ascii", None),
    (b"[SAMPLE 0302 0001] " + FEDWIRE, "fedwire", None, "ascii", None),
    # What is no EDI
    (b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n", "pdf", None, None, None),
    (b"\x1b%-12345X@PJL JOB\n@PJL ENTER LANGUAGE=PDF\n%PDF-1.4\n%", "pdf", None, None, None),
    (b'{"a": [1, 2]}', "json", None, "ascii", None),
    (b'{\n "a": ', "json", None, "ascii", None),
    (b"[]", "json", None, "ascii", None),
    (b"[\n]\n", "json", None, "ascii", None),
    (b"[1]", "json", None, "ascii", None),
    (b"[[1, 2], [3]]", "json", None, "ascii", None),
    (b'[{"a": []}]', "json", None, "ascii", None),
    (b'{"a":1}\n{"a":2}\n', "json", None, "ascii", None),
    (b'["a"]\n["b"]\n', "json", None, "ascii", None),
    (b"<!DOCTYPE html><html><body>502 Bad Gateway</body></html>", "html", None, "ascii", None),
    (b"<!-- a --><!DOCTYPE HTML>\n<html>", "html", None, "ascii", None),
    (b'<?xml version="1.0"?><!DOCTYPE html PUBLIC "a"><html/>', "html", None, "ascii", None),
    (b"\r\n<center><h1>502 Bad Gateway</h1></center>", "html", None, "ascii", None),
    (b"<!DOCTYPE html>\n<main>", "html", None, "ascii", None),
    (b"<HEAD><TITLE>Error</TITLE></HEAD>", "html", None, "ascii", None),
    (b"<orders><order/></orders>", "xml", None, "ascii", None),
    (b"<order number='1'/><order number='2'/>", "xml", None, "ascii", None),
    (b"<?xml version", "xml", None, "ascii", None),
    (b'<ClinicalDocument xmlns="urn:hl7-org:v3"><id/></ClinicalDocument>', "xml", None, "ascii", None),
    (b'<xs:schema xmlns:xs="a" xmlns="urn:iso:std:iso:20022:tech:xsd:pain.001.001.03"/>', "xml", None, "ascii", None),
    (b"id,name\n1,Alba\n2,Bruno\n", "csv", None, "ascii", None),
    (b'id;name\n1;"a;b"\n', "csv", None, "ascii", None),
    (b"id\tname\r\n1\ta\r\n", "csv", None, "ascii", None),
    (b"id|name\n1|a\n", "csv", None, "ascii", None),
    (b'"a","b"\n"1","2"\n', "csv", None, "ascii", None),
    (b'id,note\n1,"a\nb, c"\n2,"d ""e"", f"\n', "csv", None, "ascii", None),
    (b"\xef\xbb\xbfid;name\n1;a\n2;b\n", "csv", None, "utf-8", None),
    (b'id,size\n1,5"\n2,6"\n', "csv", None, "ascii", None),
    (b'id,doc\n1,{"a": 1, "b": 2}\n2,{"b": 2}\n', "csv", None, "ascii", None),
    (b"a,b,c\n1,2,3\n4,5,6\n7,8\n9,1,2\n3,4,5\n", "csv", None, "ascii", None),
    (b"a, b, c\n1, 2, 3\n4, 5, 6\n", "csv", None, "ascii", None),
    (b"0001 ALBA".ljust(60) + b"\n" + b"0002 BRUNO".ljust(60) + b"\n", "fixed-width", None, "ascii", None),
    (b"".join(b"%04d%-40s%012d%38s\r\n" % (n, b"Alba Bianchi", n * 37, b"") for n in range(9)), "fixed-width", None, "ascii", None),
    (b"".join(b"%d %-38s%-38s\n" % (n, b"Alba Bianchi and Sons of Verona", b"Piazza delle Erbe") for n in range(9)), "fixed-width", None, "ascii", None),
    (b"".join(b"%09000d\n" % n for n in range(9)), "fixed-width", None, "ascii", None),  # The sample ends in a record.
    (b"".join(b"%d%s\n" % (n, b",x" * 4000) for n in range(9)), "csv", None, "ascii", None),
    (b"a,b\n1,2", "csv", None, "ascii", None),
    (b"1234567890" * 6 + b"\n" + b"0987654321" * 6 + b"\n", "fixed-width", None, "ascii", None),
    (b"Dear Sam,\nplease find the file, as agreed.\n", "text", None, "ascii", None),
    ("Grüße\n".encode(), "text", None, "utf-8", None),
    ("Grüße\n".encode("latin-1"), "text", None, "latin-1", None),
    (bytes(range(256)), "binary", None, None, None),
    (b"\xff\xfe" + noise(5, 4000), "binary", None, None, None),
]  # fmt: skip


def told(head: bytes) -> tuple:
    identified = identify(head)
    return identified.standard, identified.version, identified.encoding, identified.wrapped


@pytest.mark.parametrize(("head", "standard", "version", "encoding", "wrapped"), CASES)
def test_the_first_bytes_tell_the_standard(head, standard, version, encoding, wrapped):
    assert told(head) == (standard, version, encoding, wrapped)


EBCDIC = [
    (ISA, "x12", "00501"), (UNA, "edifact", "D96A"), (UNA[9:], "edifact", "D96A"), (UIB, "edifact", "010006"), (MSH, "hl7", "2.5.1"),
    (b"FHS|^~\\&|A\r", "hl7", None), (b"BHS|^~\\&|A\r", "hl7", None), (STX, "tradacoms", None), (MT103, "swift-mt", "103"),
    (MT940, "swift-mt", "940"), (NACHA, "nacha", None), (BAI2, "bai2", None), (FEDWIRE, "fedwire", None),
    (b'<?xml version="1.0"?>' + PACS, "iso20022", "pacs.008.001.08"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "standard", "version"), EBCDIC)
@pytest.mark.parametrize("before", ["", " \x85\r\n"], ids=["", "blanks"])
def test_every_standard_is_told_in_ebcdic(text, standard, version, before):
    data = (before + text.decode().replace("\r\n", "\x85")).encode("cp037")
    assert told(data) == (standard, version, "ebcdic", None)


def zipped(**files: bytes) -> bytes:
    whole = io.BytesIO()
    with zipfile.ZipFile(whole, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return whole.getvalue()


def tarred(name: str, data: bytes) -> bytes:
    whole = io.BytesIO()
    with tarfile.open(fileobj=whole, mode="w") as archive:
        info = tarfile.TarInfo(name)
        info.size = len(data)
        archive.addfile(info, io.BytesIO(data))
    return whole.getvalue()


SIGNED_DATA = b"\x30\x82\x01\x8f\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x02\xa0\x82"
STREAMED = b"\x30\x80\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07\x03\xa0\x80"
COMPRESSED = b"\x30\x80\x06\x0b\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01\x09\xa0\x80"
SESSION_KEY = b"\x03" + bytes(8) + b"\x01" + bytes(60)

WRAPPED = [
    ("gzip", gzip.compress(ISA, mtime=0), "gzip"),
    ("zip", zipped(a=ISA), "zip"),
    ("empty zip", zipped(), "zip"),
    ("tar", tarred("claims.edi", b"\n" + ISA), "tar"),
    ("pgp, for RSA", b"\x85\x01\x0c" + SESSION_KEY, "pgp"),
    ("pgp, new format", b"\xc1\xc0\x4c" + SESSION_KEY, "pgp"),
    ("pgp, for X25519", b"\x84\x5e\x03" + bytes(8) + b"\x12" + bytes(60), "pgp"),
    ("pgp, version 6", b"\xc1\x45\x06\x21\x06" + bytes(60), "pgp"),
    ("pgp, passphrase", b"\x8c\x0d\x04\x09\x03\x08" + bytes(30), "pgp"),
    ("pgp, signed", b"\x90\x0d\x03\x00\x0a\x01" + bytes(30), "pgp"),
    ("pgp, compressed", b"\xa3\x01\x9b\xc0\xcb", "pgp"),
    ("pgp, bzip2", b"\xa3\x03BZh61AY", "pgp"),
    ("pgp, armored", b"-----BEGIN PGP MESSAGE-----\n\nhQEM", "pgp"),
    ("pgp, armored, with a mark", b"\xef\xbb\xbf\r\n-----BEGIN PGP MESSAGE-----\n\nhQEM", "pgp"),
    ("pgp, clear text", b"-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\n" + ISA, "pgp"),
    ("S/MIME, DER", SIGNED_DATA, "smime"),
    ("S/MIME, streamed", STREAMED, "smime"),
    ("S/MIME, compressed", COMPRESSED, "smime"),
    ("S/MIME, PEM", b"-----BEGIN PKCS7-----\nMII", "smime"),
    ("CMS, PEM", b"\n-----BEGIN CMS-----\nMII", "smime"),
    ("S/MIME, base64", base64.encodebytes(SIGNED_DATA), "smime"),
    ("S/MIME, streamed, base64", base64.encodebytes(STREAMED), "smime"),
]  # fmt: skip


@pytest.mark.parametrize(("data", "wrapping"), [case[1:] for case in WRAPPED], ids=[case[0] for case in WRAPPED])
def test_a_wrapping_is_told_and_not_looked_into(data, wrapping):
    assert told(data) == ("binary", None, None, wrapping)


IN_MAIL = [
    ("enveloped", "Content-Type: application/pkcs7-mime; smime-type=enveloped-data\n\nMII", "smime"),
    ("signed", 'Mime-Version: 1.0\r\nContent-Type: multipart/signed;\r\n boundary="b"\r\n\r\n--b\r\n', "smime"),
    ("type on the next line", "A: b\nContent-Type:\n application/x-pkcs7-mime\n\nMII", "smime"),
    ("signed parts alone", "--b\nContent-Type: text/plain\n\na\n--b\nContent-Type: application/pkcs7-signature\n\nMII", "smime"),
    ("encrypted", "Content-Type: multipart/encrypted; boundary=b\n\n--b\n", "pgp"),
    ("armor in a mail", "Subject: a\n\nHere it is.\n-----BEGIN PGP MESSAGE-----\n\nhQEM\n", "pgp"),
    ("base64", "Content-Type: application/edi-x12\nContent-Transfer-Encoding: base64\n\nSVNBKjAw\n", "mime"),
    ("quoted-printable", "content-transfer-encoding: Quoted-Printable\n\nISA*00*=20=20\n", "mime"),
    ("parts", "Content-Type: multipart/mixed; boundary=b\n\n--b\n\na\n--b--\n", "mime"),
    ("parts alone", "--b\r\nContent-Type: text/plain\r\n\r\na\r\n--b--\r\n", "mime"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "wrapping"), [case[1:] for case in IN_MAIL], ids=[case[0] for case in IN_MAIL])
def test_mail_headers_say_what_is_wrapped_below_them(text, wrapping):
    assert told(text.encode()) == ("text", None, "ascii", wrapping)


LINES = ["INFO started", "WARNING a long time (12 ms, as before) passed", "INFO stopped"]
WEB_LOG = """192.0.2.1 - - [02/Mar/2026:12:00:00] "GET / HTTP/1.1" 200 1 "A/5 (X; L; r)"
192.0.2.12 - - [02/Mar/2026:12:00:01] "GET / HTTP/1.1" 404 12 "A/5 (X; L; r)"
"""
WORDS = "the quick brown fox jumps over the lazy dog and runs away from all the other animals of it " * 30
LOOK_ALIKES = [
    ("prose, ISABELLA", "ISABELLA came in, and went out again.", "text"),
    ("prose, ISA and a comma", "ISA, or the savings account, is a product.\nIt is popular.\n", "text"),
    ("prose, ISA and a dash", "ISA - a standard\n", "text"),
    ("a norm", "ISA-95", "text"),
    ("a note on X12", "ISA*00* is how it starts\nand so on\n", "text"),
    ("pay grades", "GS-12 is paid less\nGS-13 is paid more\n", "text"),
    ("codes", "ST-100-22 and ST-200-33\n", "text"),
    ("table of states", "ST,123,foo\nST,124,bar\n", "csv"),
    ("prose, UNB", "UNBELIEVABLE+but+true", "text"),
    ("prose, UNA", "UNANIMOUS VOTE IN THE HOUSE\n", "text"),
    ("prose, STX", "STX=ANALYSIS of it\n", "text"),
    ("MSH without a separator", "MSHH0\r", "text"),
    ("prose, MSH", "MSH: the medical school\n", "text"),
    ("CSV of MSH", "MSH,FHS,BHS\n1,2,3\n4,5,6\n", "csv"),
    ("semicolons of MSH", "MSH;FHS\n1;2\n", "csv"),
    ("tabs of MSH", "MSH\tFHS\n1\t2\n", "csv"),
    ("pipes of MSH", "MSH|FHS|BHS\n1|2|3\n4|5|6\n", "csv"),
    ("prose, 101", "101 dalmatians, and not one of them a batch header.", "text"),
    ("an address", "5200 Main Street, Springfield\n", "text"),
    ("CSV of numbers", "01,12,34,260302,0829,1\n01,13,35,260302,0830,2\n", "csv"),
    ("prose, a tag", "{1: is a block\n", "text"),
    ("prose, a field", ":20: is a field\n", "text"),
    ("a smile", ":65:\n", "text"),
    ("prose, PGP in latin-1", "Ãhnlich wie PGP", "text"),
    ("prose, PDF", "The header of a PDF is\n%PDF-1.4\nas a rule.\n", "text"),
    ("log, commas in times", "".join(f"2026-03-02 12:00:0{n},123 {line}\n" for n, line in enumerate(LINES)), "text"),
    ("log, brackets", "".join(f"[2026-03-02 12:00:0{n}] {line}\n" for n, line in enumerate(LINES)), "text"),
    ("log of a web server", WEB_LOG, "text"),
    ("C", '#include <stdio.h>\n\nint main(void) {\n    printf("%d", 1);\n    return 0;\n}\n', "text"),
    ("declarations", "int a;\nint b;\nint c;\n", "text"),
    ("calls", "x = foo(a,b)\ny = bar(c,d)\n", "text"),
    ("PHP", "<?php\necho 1;\n", "text"),
    ("shell", "#!/bin/sh\nset -e\n", "text"),
    ("CSS", "a { b: c; }\nd { e: f; }\n", "text"),
    ("template", "{{ order.number }}\n", "text"),
    ("SQL", "CREATE TABLE a (\n  id integer,\n  b text,\n  c text\n);\nINSERT INTO a VALUES (1,'x','y');\n", "text"),
    ("SQL with X12", "INSERT INTO a VALUES (1,'ISA*00*          *00*          *ZZ*');\nCOMMIT;\n", "text"),
    ("dump", "--\n-- PostgreSQL database dump\n--\nCOPY a (id, b) FROM stdin;\n1\tx\n2\ty\n\\.\n", "text"),
    ("YAML", "---\nkey: value\nlist:\n  - a, b\n  - c, d\n", "text"),
    ("INI", "[section]\na=1\nb=2\n", "text"),
    ("diff", "--- a/x\n+++ b/x\n@@ -1 +1 @@\n", "text"),
    ("mail", "From: a@example.com\nTo: b@example.com\nSubject: hello\n\nDear B,\nnothing here.\n", "text"),
    ("mail in plain text", "From: a@example.com\nContent-Type: text/plain\n\nISA is not here\n", "text"),
    ("headers without content", 'A: b\nContent-Type: multipart/signed; boundary="b"\n', "text"),
    ("quoted mail", "<john@example.com> wrote:\n> hi\n", "text"),
    ("a tag in prose", "<CR> means carriage return\n", "text"),
    ("a sign", "< 5 and > 3\n", "text"),
    ("markdown", "<!-- a comment -->\n# Title\n", "text"),
    ("markdown table", "| a | b |\n|---|---|\n| 1 | 2 |\n| 3 | 4 |\n", "text"),
    ("query result", " a | b\n---+---\n 1 | 2\n", "text"),
    ("footnotes", "[1] First footnote\n[2] Second\n", "text"),
    ("link", "[1]: http://example.com\n", "text"),
    ("tasks", "[ ] buy milk\n[x] call\n", "text"),
    ("quoted, not closed", '["quoted', "text"),
    ("array of a database", '{"Hello"}', "text"),
    ("names", "Smith, John\nDoe, Jane\n", "text"),
    ("one row", "a,b,c\n", "text"),
    ("prose of 94 columns", "\n".join(WORDS[at : at + 94] for at in range(0, 1880, 94)), "text"),
    ("base64", base64.encodebytes(noise(1, 912)).decode(), "text"),
    ("hexadecimal", "DEADBEEF" * 8 + "\n" + "0123ABCD" * 8 + "\n", "text"),
    ("certificate", "-----BEGIN CERTIFICATE-----\nMIIBjwYJ\n-----END CERTIFICATE-----\n", "text"),
    ("public key", "-----BEGIN PGP PUBLIC KEY BLOCK-----\n\nmQEN\n", "text"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("text", "standard"), [case[1:] for case in LOOK_ALIKES], ids=[case[0] for case in LOOK_ALIKES]
)
def test_what_only_looks_alike_is_not_taken_for_a_standard(text, standard):
    identified = identify(text.encode("latin-1"))
    assert (identified.standard, identified.wrapped) == (standard, None)


@pytest.mark.parametrize(
    "start",
    [b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", b"\xff\xd8\xff\xe0\x00\x10JFIF\x00", b"PK\x01\x02", b"MZ\x90\x00", b"\x7fELF\x02\x01\x01\x00", b""],
    ids=["png", "jpeg", "half a zip", "exe", "elf", "nothing"],
)  # fmt: skip
def test_other_binaries_are_only_binary(start):
    """With an interchange in the middle, too: an image or a database that holds one is none."""
    for seed in range(50):
        assert told(start + noise(seed, 4096) + b"\n" + ISA) == ("binary", None, None, None)


# --- below something else ---

HEADED = {
    "x12": (ISA, b"GS*PO*S*R*20260302*0915*1*X*004010~ST*850*0001~SE*2*0001~GE*1*1~IEA*1*000000905~"),
    "edifact": (UNA, b"BGM+220+1+9'UNT+3+1'UNZ+1+1'"),
    "hl7": (MSH, b"PID|1\r"),
    "swift-mt": (MT103, b""),
    "nacha": (NACHA, BATCH),
    "bai2": (BAI2, b"99,0,1,3/\n"),
    "tradacoms": (STX, b""),
    "fedwire": (FEDWIRE, b""),
    "iso20022": (b'<?xml version="1.0"?>' + PACS, b""),
}
ABOVE = {
    "mail headers": b"From: a@example.com\r\nSubject: file\r\nContent-Type: application/octet-stream\r\n\r\n",
    "a request": b"HTTP 1.1 POST /any\r\nAS2-To: B\r\n\r\n",
    "a comment": b"// exported on Monday, as every week\n",
    "junk": b"\x02\xa7\xa7 junk {}<>[]!\n\t",
}


@pytest.mark.parametrize("above", ABOVE)
@pytest.mark.parametrize("standard", HEADED)
def test_an_interchange_is_found_below_something_else(standard, above):
    header, rest = HEADED[standard]
    alone, below = identify(header + rest), identify(ABOVE[above] + header + rest)
    assert (below.standard, below.version) == (standard, alone.version)


@pytest.mark.parametrize("above", ABOVE)
@pytest.mark.parametrize("standard", [standard for standard in HEADED if standard in READERS])
def test_an_interchange_below_something_else_is_read(standard, above):
    """And what stands above it comes out as bytes that are no part of it."""
    data = ABOVE[above] + b"".join(HEADED[standard])
    items = list(parsers.segments([data]))
    assert b"".join(item.data for item in items if isinstance(item, Segments | Raw)) == data
    opened = next(item for item in items if isinstance(item, InterchangeOpened))
    assert (opened.standard, opened.offset) == (standard, len(ABOVE[above]))
    before = items[: items.index(opened)]
    assert not any(isinstance(item, Segments) for item in before)
    assert any(isinstance(item, Raw) and item.kind == "gap" for item in before)


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


REPEATED = [
    "<", "(", "[", "{", '"', "a:", '{"', "[1,", "[1", "[[1,", '["\\', ',"', '"a,', "<a ", "<!--", "<!---->", "<?x?>", '<a b="" ', "UNB+", "ISA*",
    "\nISA", "\nISA*00*", "\nUNA", "\nMSH", "\nMSH|", "\n101", "\n01,", "\n01,a,b,", "\n{1", "\n:20:\n", "\n<?xml", "\n<Document", 'xmlns="',
    "<Document <A", "<MSH.1><VID.1>", "<MSH.12 ", "{1:", "{2:", "{1500}", "GS*HC*", "ST*837*a~", "MSH|a|", "BGM+", "5200", "101 ", "94101",
    "Content-Type:\n ", "a:\r\n b", "--a\nContent-x:", "a,b\n", "\n ", " a", "(\n", "[a", "\x1c", "%PDF-", "\n%PDF-1.4\n", "] ", "12:00:00,", "\xff",
]  # fmt: skip
"""Each makes some pattern begin again and again: the answer comes in linear time, or this hangs."""


@pytest.mark.parametrize("text", REPEATED)
def test_no_text_makes_it_slow(text):
    unit = text.encode("latin-1")
    for before in (b"", b"<!DOCTYPE a [", b"ISA*" + b" " * 32_768, b'{"'):
        identify(before + unit * (65_536 // len(unit)))
