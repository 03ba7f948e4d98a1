"""From the first bytes to the standard: by content, never by the file's name.

What is asked, in this order: is it wrapped; in which encoding is it; does it begin with the header of a standard, or
with a standard's text whose header is missing; is it a PDF, JSON or markup; does a header stand further down, below
mail headers, a comment or junk; and last, what shape it has.
"""

from parsers.events import Identified
from parsers.identify.encodings import decode
from parsers.identify.markup import Standing, markup
from parsers.identify.shapes import is_binary, is_json, is_pdf, shape
from parsers.identify.standards import at_start, further_down
from parsers.identify.wrappings import wrapping_of_bytes, wrapping_of_text

__all__ = ["HEAD_BYTES", "identify"]

HEAD_BYTES = 65_536
"""More than this never changes the answer."""

_BLANKS = " \t\r\n\f\v\x00\x1a\x85\ufeff"
_CONTROLS = "".join(map(chr, range(32)))
_MARK_AS_BYTES = "\xef\xbb\xbf"


def identify(head: bytes) -> Identified:
    """Say what a file is from its first bytes (`HEAD_BYTES` of them are enough, fewer are fine)."""
    head = head[:HEAD_BYTES]
    if wrapping := wrapping_of_bytes(head):
        return Identified(standard="binary", wrapped=wrapping)
    text, encoding = decode(head)
    if not text.strip(_BLANKS):
        return Identified(standard="empty")
    body = text.lstrip(_BLANKS + _CONTROLS)
    if body.startswith(_MARK_AS_BYTES):
        body = body[len(_MARK_AS_BYTES) :].lstrip(_BLANKS + _CONTROLS)
    if wrapping := wrapping_of_text(body):
        return Identified(standard="text", encoding=encoding, wrapped=wrapping)
    if is_pdf(body):
        return Identified(standard="pdf")
    whole = len(head) < HEAD_BYTES
    standing = at_start(body) or _other_start(body, whole=whole)
    if standing is None and "\x00" not in text[:4096]:
        standing = further_down(body)
    if standing is None:
        if is_binary(text):
            return Identified(standard="binary")
        standing = Standing(shape(body, whole=whole))
    return Identified(standard=standing.standard, version=standing.version, encoding=encoding)


def _other_start(body: str, *, whole: bool) -> Standing | None:
    return Standing("json") if is_json(body) else markup(body, whole=whole)
