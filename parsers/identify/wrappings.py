"""What the content is wrapped in, when it is: nothing inside has been looked at then."""

import re

from parsers.events import Wrapping

_BLANK = rb"(?:\xef\xbb\xbf)?\s*+"
_PGP_LENGTH = rb"(?:[\x00-\xbf]|[\xc0-\xdf].|\xff....)"
_PGP_PARTIAL = rb"(?:[\x00-\xbf]|[\xc0-\xdf].|[\xe0-\xfe]|\xff....)"
_MAGIC: tuple[tuple[re.Pattern[bytes], Wrapping], ...] = (
    (re.compile(rb"\x1f\x8b\x08"), "gzip"),
    (re.compile(rb"PK(?:\x03\x04|\x05\x06|\x07\x08)"), "zip"),
    # RFC 9580: a session key for a public key (packet tag 1, versions 3 and 6), with its algorithm or key version.
    (
        re.compile(
            rb"(?:\x84.|\x85..|\xc1" + _PGP_LENGTH + rb")(?:\x03.{8}[\x01-\x03\x10\x12\x19\x1a]|\x06[\x00\x15\x21])",
            re.DOTALL,
        ),
        "pgp",
    ),
    # For a passphrase (tag 3): version, cipher or count, and the way from passphrase to key.
    (re.compile(rb"(?:\x8c|\xc3)[\x04-\x40][\x04-\x06][\x01-\x1f][\x00-\x0d]", re.DOTALL), "pgp"),
    # Compressed data (tag 8), by what its algorithm begins with; a one-pass signature (tag 4) before signed data.
    (re.compile(rb"(?:\xa3|\xc8" + _PGP_PARTIAL + rb")(?:\x01|\x02\x78|\x03BZh)", re.DOTALL), "pgp"),
    (re.compile(rb"[\x90\xc4]\x0d\x03[\x00\x01]"), "pgp"),
    # DER or BER ContentInfo: SEQUENCE, then the OID of one of the content types of PKCS #7 or of S/MIME.
    (
        re.compile(
            rb"\x30(?:[\x00-\x80]|\x81.|\x82..|\x83...|\x84....)\x06"
            rb"(?:\x09\x2a\x86\x48\x86\xf7\x0d\x01\x07|\x0b\x2a\x86\x48\x86\xf7\x0d\x01\x09\x10\x01)",
            re.DOTALL,
        ),
        "smime",
    ),
    (re.compile(rb".{257}ustar", re.DOTALL), "tar"),
    (re.compile(_BLANK + rb"-----BEGIN PGP (?:SIGNED )?MESSAGE\b"), "pgp"),
    (re.compile(_BLANK + rb"-----BEGIN (?:PKCS7|CMS)-----"), "smime"),
    # A ContentInfo in base64, with nothing around it.
    (re.compile(_BLANK + rb"(?:MIAGCSqGSIb3DQEH|MII[\w+/]{2}[AQgw]YJKoZIhvcNAQc)", re.ASCII), "smime"),
)
_ARMOR_BELOW = re.compile(r"\n-----BEGIN PGP MESSAGE-----\r?\n")

_HEADERS_MAX_CHARS = 8192
_HEADER = re.compile(r"[A-Za-z][A-Za-z0-9-]*:[ \t\r\n]")
_PART = re.compile(r"--[^\r\n]{1,70}\r?\n[Cc]ontent-[A-Za-z-]{1,40}:")
_FOLD = re.compile(r"\r?\n[ \t]+")
_CONTENT_TYPE = r"(?im)^content-type:[ \t]*\"?"
_IN_HEADERS: tuple[tuple[re.Pattern[str], Wrapping], ...] = (
    (re.compile(_CONTENT_TYPE + r"(?:application/(?:x-)?pkcs7-|multipart/signed)"), "smime"),
    (re.compile(_CONTENT_TYPE + r"(?:application/pgp-encrypted|multipart/encrypted)"), "pgp"),
    (re.compile(_CONTENT_TYPE + r"multipart/"), "mime"),
    (re.compile(r"(?im)^content-transfer-encoding:[ \t]*\"?(?:base64|quoted-printable)"), "mime"),
)


def wrapping_of_bytes(head: bytes) -> Wrapping | None:
    return next((wrapping for pattern, wrapping in _MAGIC if pattern.match(head)), None)


def wrapping_of_text(body: str) -> Wrapping | None:
    """Mail headers that say that encoded, encrypted or signed content follows, or content in parts.

    Mail headers before plain content wrap nothing: what stands below them can be read as it is.
    """
    if _PART.match(body):  # A multipart body whose own headers were left behind.
        return _told(_FOLD.sub(" ", body)) or "mime"
    if _HEADER.match(body):
        headers, _, content = body.replace("\r\n", "\n").partition("\n\n")
        if content:
            return _told(_FOLD.sub(" ", headers[:_HEADERS_MAX_CHARS])) or _armored(body)
    return None


def _told(headers: str) -> Wrapping | None:
    return next((wrapping for pattern, wrapping in _IN_HEADERS if pattern.search(headers)), None)


def _armored(body: str) -> Wrapping | None:
    return "pgp" if _ARMOR_BELOW.search(body, 0, _HEADERS_MAX_CHARS) else None
