"""From the first bytes to the standard: by content, never by the file's name.

Recognisers stand in the order in which they may speak: wrappings and other formats with an unmistakable start
first, then the EDI standards by their header segment, then loose shapes (CSV, fixed width), then text or binary.
"""

import re
from collections.abc import Callable
from itertools import pairwise
from typing import NamedTuple

from parsers.events import Identified, Standard, Wrapping

HEAD_BYTES = 65_536
"""More than this never changes the answer."""

_BLANKS = " \t\r\n\f\v\x00\x1a\ufeff"
_MLLP_START = "\x0b"
_MAGIC: tuple[tuple[re.Pattern[bytes], Wrapping], ...] = (
    (re.compile(rb"\x1f\x8b\x08"), "gzip"),
    (re.compile(rb"PK(?:\x03\x04|\x05\x06|\x07\x08)"), "zip"),
    (re.compile(rb"\s*-----BEGIN PGP (?:MESSAGE|SIGNED MESSAGE)-----"), "pgp"),
    # RFC 9580: a session key packet (tags 1, 3), compressed data (8) or one-pass signature (4), with its version.
    (re.compile(rb"(?:\x84.|\x85..|\xc1[\x00-\xbf]|\xc1[\xc0-\xdf].)\x03", re.DOTALL), "pgp"),
    (re.compile(rb"(?:\x8c|\xc3)[\x04-\x40][\x04-\x06][\x01-\x0d][\x00-\x04]", re.DOTALL), "pgp"),
    (re.compile(rb"\xa3[\x01-\x03]|\x90\x0d\x03[\x00\x01]"), "pgp"),
    (re.compile(rb"\s*-----BEGIN (?:PKCS7|CMS)-----"), "smime"),
    # DER or BER ContentInfo: SEQUENCE, then the OID of one of the PKCS #7 content types.
    (
        re.compile(
            rb"\x30(?:[\x00-\x80]|\x81.|\x82..|\x83...|\x84....)\x06\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07",
            re.DOTALL,
        ),
        "smime",
    ),
)
_MIME_HEADER = re.compile(r"[A-Za-z][A-Za-z0-9-]*:\s?")
_SMIME_TYPE = re.compile(r"content-type:\s*(?:application/(?:x-)?pkcs7-|multipart/signed)", re.IGNORECASE)
_BYTE_ORDER_MARKS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))
_EBCDIC_STARTS = tuple(tag.encode("cp037") for tag in ("ISA", "UNA", "UNB", "MSH", "FHS", "BHS"))


def identify(head: bytes) -> Identified:
    """Say what a file is from its first bytes (`HEAD_BYTES` of them are enough, fewer are fine)."""
    head = head[:HEAD_BYTES]
    for pattern, wrapping in _MAGIC:
        if pattern.match(head):
            return Identified(standard="binary", wrapped=wrapping)
    text, encoding = _decode(head)
    body = text.lstrip(_BLANKS + _MLLP_START)
    if not body:
        return Identified(standard="empty")
    if _is_smime(body):
        return Identified(standard="text", encoding=encoding, wrapped="smime")
    for signature in _SIGNATURES:
        if signature.pattern.match(body):
            binary = signature.standard == "pdf"
            return Identified(
                standard=signature.standard,
                version=signature.version(body),
                encoding=None if binary else encoding,
            )
    if _LEADING_MARKUP.match(body):
        standard, version = _markup(body)
        return Identified(standard=standard, version=version, encoding=encoding)
    if _LATE_ISA.search(body):
        return Identified(standard="x12", version=_isa_version(body), encoding=encoding)
    if _is_binary(text):
        return Identified(standard="binary")
    return Identified(standard=_shape(body, whole=len(head) < HEAD_BYTES), encoding=encoding)


def _decode(head: bytes) -> tuple[str, str]:
    """The text for recognition, and the name of its encoding. Single bytes stand for themselves unless UTF-16."""
    for mark, encoding in _BYTE_ORDER_MARKS:
        if head.startswith(mark):
            codec = "latin-1" if encoding == "utf-8" else encoding
            return head[len(mark) :].decode(codec, "replace"), encoding
    if re.match(rb"(?:[\x09-\x7e]\x00){4}", head):
        return head.decode("utf-16-le", "replace"), "utf-16-le"
    if re.match(rb"(?:\x00[\x09-\x7e]){4}", head):
        return head.decode("utf-16-be", "replace"), "utf-16-be"
    if head.startswith(_EBCDIC_STARTS):
        return head.decode("cp037"), "ebcdic"
    return head.decode("latin-1"), _single_byte_encoding(head)


def _single_byte_encoding(head: bytes) -> str:
    if head.isascii():
        return "ascii"
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as error:
        cut_in_a_character = error.reason == "unexpected end of data" and error.start >= len(head) - 3
        return "utf-8" if cut_in_a_character and not head[: error.start].isascii() else "latin-1"
    return "utf-8"


def _is_smime(body: str) -> bool:
    """Mail headers at the start, one of which says that signed or enveloped content follows."""
    if not _MIME_HEADER.match(body):
        return False
    headers = re.split(r"\r?\n\r?\n", body[:8192], maxsplit=1)[0]
    return any(_SMIME_TYPE.match(line) for line in headers.splitlines())


def _is_binary(text: str) -> bool:
    sample = text[:4096]
    odd = sum(char < " " and char not in "\t\r\n\f\v\x1a\x1b" for char in sample)
    return "\x00" in sample or odd > len(sample) // 20


# --- the standards, by their first segment --------------------------------------------------------------------------


def _no_version(_: str) -> None:
    return None


def _isa_version(body: str) -> str | None:
    start = body.find("ISA")
    elements = body[start : start + 512].split(body[start + 3 : start + 4] or "*")
    version = elements[12].strip() if len(elements) > 12 else ""
    return version if re.fullmatch(r"\d{5}", version) else None


_UNH = re.compile(
    r"UNH(?P<e>\W)[^\r\n]{0,40}?(?P=e)[A-Z]{6}(?P<c>\W)(?P<version>[A-Z0-9]{1,3})(?P=c)(?P<release>[A-Z0-9]{1,3})\W"
)


def _edifact_version(body: str) -> str | None:
    """Version and release of the first message: "D96A"."""
    found = _UNH.search(body, 0, 4096)
    return found["version"] + found["release"] if found else None


_MSH = re.compile(r"(?:\A|[\r\n\x0b])MSH(?P<sep>[^\w\s])(?P<rest>[^\r\n]*)", re.ASCII)


def _hl7_version(body: str) -> str | None:
    header = _MSH.search(body)
    fields = header["rest"].split(header["sep"]) if header else []
    version = re.match(r"\d\.\d(?:\.\d)?(?!\d)", fields[10]) if len(fields) > 10 else None
    return version[0] if version else None


def _swift_version(body: str) -> str | None:
    """The message type: "940". Bare statements (no blocks) are told by their balances."""
    header = re.search(r"\{2:[IO]E?(\d{3})", body)
    if header:
        return header[1]
    if ":60F:" in body or ":60M:" in body:
        return "940"
    return "942" if ":34F:" in body else None


class _Signature(NamedTuple):
    standard: Standard
    pattern: re.Pattern[str]
    version: Callable[[str], str | None] = _no_version


_SIGNATURES = (
    # Also a cut-off header, and groups or sets whose interchange header is missing, so that the reader can say so.
    _Signature(
        "x12",
        re.compile(
            r"ISA(?P<isa>[^\w \r\n])(?:[^\r\n]{0,8}?(?P=isa)|[^\r\n]{0,8}\Z)"
            r"|GS(?P<gs>[^\w\s])[A-Z]{2}(?P=gs)|ST(?P<st>[^\w\s])\d{3}(?P=st)",
            re.ASCII,
        ),
        _isa_version,
    ),
    _Signature("edifact", re.compile(r"UNA.{6}\s*[A-Z]{3}|UN[BGH][^\w\s]", re.ASCII | re.DOTALL), _edifact_version),
    _Signature("tradacoms", re.compile(r"STX[=+]AN")),
    _Signature("hl7", re.compile(r"(?:MSH|FHS|BHS)[^\w\s]", re.ASCII), _hl7_version),
    _Signature("swift-mt", re.compile(r"\{1:[A-Z]\d\d"), _swift_version),
    _Signature("fedwire", re.compile(r"\{1[15]\d\d\}")),
    _Signature("nacha", re.compile(r"101.{30,32}094101|5(?:200|220|225|280).{46}[A-Z]{3}")),
    _Signature("bai2", re.compile(r"01,[^,\r\n]{0,20},[^,\r\n]{0,20},\d{6},\d{4},")),
    _Signature("pdf", re.compile(r"[^%]{0,1024}%PDF-\d", re.DOTALL)),
    _Signature("json", re.compile(r"\{\s*(?:\"|\}\s*\Z)|\[\s*(?:[\"\[{\]]|-?\d|true\b|false\b|null\b)")),
    # A statement without its blocks: a few header lines of the bank's at most, then a known field.
    _Signature(
        "swift-mt",
        re.compile(
            r"(?:[^\r\n:][^\r\n]{0,40}\r?\n){0,3}"
            r":(?:20|25|28C?|60[FM]|61|62[FM]|64|65|86|13D|34F|90[CD]|940|942|NS):"
        ),
        _swift_version,
    ),
)
_LATE_ISA = re.compile(r"[\r\n]ISA([^\w\s])[^\r\n]{2}\1", re.ASCII)
"""An interchange below something else, as a comment or mail headers: the reader reports what stands before it."""

_LEADING_MARKUP = re.compile(r"<(?:[?!]|[A-Za-z_])")
_ISO20022 = re.compile(r"xmlns(?::\w+)?=[\"'][^\"']{0,80}?\b(?P<message>[a-z]{4}\.\d{3}\.\d{3}\.\d{2})")
_HTML = re.compile(r"<!doctype\s+html|(?:<[?!][^>]*>\s*)*<html[\s>]", re.IGNORECASE)


def _markup(body: str) -> tuple[Standard, str | None]:
    if _HTML.match(body):
        return "html", None
    if "urn:hl7-org:v2xml" in body or "<MSH.1>" in body:
        version = re.search(r"<VID\.1>\s*(\d\.\d(?:\.\d)?)\s*<", body)
        return "hl7-xml", version[1] if version else None
    messages = [found["message"] for found in _ISO20022.finditer(body)]
    if messages:  # The business header head.001 travels before its document, which is what the file is about.
        return "iso20022", next((name for name in messages if not name.startswith("head.")), messages[0])
    return "xml", None


# --- looser shapes --------------------------------------------------------------------------------------------------

_QUOTED = re.compile(r'"(?:[^"]|"")*"')


def _shape(body: str, *, whole: bool) -> Standard:
    lines = body.split("\n", 21)[:20]
    if not whole or body.count("\n") >= 20:
        lines = lines[:-1]
    lines = [line.rstrip("\r") for line in lines if line.strip()]
    if len(lines) < 2:
        return "text"
    bare = [_QUOTED.sub("", line) for line in lines]
    for delimiter in ",;\t|":
        counts = {line.count(delimiter) for line in bare}
        prose = delimiter == "," and all(f"{line} ".count(", ") == line.count(",") for line in bare)
        if len(counts) == 1 and counts != {0} and not prose:
            return "csv"
    same_length = all(len(one) == len(other) for one, other in pairwise(lines))
    return "fixed-width" if same_length and len(lines[0]) >= 40 else "text"
