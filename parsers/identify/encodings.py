"""The text of the first bytes, and the name of its encoding."""

import re

_BYTE_ORDER_MARKS = ((b"\xef\xbb\xbf", "utf-8"), (b"\xff\xfe", "utf-16-le"), (b"\xfe\xff", "utf-16-be"))
_UTF_16_LE = re.compile(rb"(?:[\x09-\x7e]\x00){4}")
_UTF_16_BE = re.compile(rb"(?:\x00[\x09-\x7e]){4}")


def _ebcdic(text: str) -> bytes:
    return re.escape(text.encode("cp037"))


_EBCDIC_STARTS = b"|".join(
    map(_ebcdic, ("ISA", "UNA", "UNB", "UIB", "MSH", "FHS", "BHS", "STX=", "{1:", ":20:", "{1500}", "01,", "<?xml"))
)
_EBCDIC = re.compile(rb"[\x40\x15\x25\r\n\x05\x00]*+(?:" + _EBCDIC_STARTS + rb"|\xf1\xf0\xf1[\x40\xf0-\xf9]{20})")
"""The starts of the standards in code page 037, which 1140 and 500 share; the last is NACHA's file header."""


def decode(head: bytes) -> tuple[str, str]:
    """The text for recognition, and the name of its encoding. Single bytes stand for themselves but for EBCDIC."""
    for mark, encoding in _BYTE_ORDER_MARKS:
        if head.startswith(mark):
            codec = "latin-1" if encoding == "utf-8" else encoding
            return head[len(mark) :].decode(codec, "replace"), encoding
    if _UTF_16_LE.match(head):
        return head.decode("utf-16-le", "replace"), "utf-16-le"
    if _UTF_16_BE.match(head):
        return head.decode("utf-16-be", "replace"), "utf-16-be"
    if _EBCDIC.match(head):
        return head.decode("cp037"), "ebcdic"
    return head.decode("latin-1"), _single_byte_encoding(head)


def _single_byte_encoding(head: bytes) -> str:
    if head.isascii():
        return "ascii"
    try:
        head.decode("utf-8")
    except UnicodeDecodeError as error:
        cut_in_a_character = error.reason == "unexpected end of data"
        return "utf-8" if cut_in_a_character and not head[: error.start].isascii() else "latin-1"
    return "utf-8"
