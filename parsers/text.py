"""Characters out of segments that were split as bytes (latin-1, a character a byte), or as halves (UTF-16)."""

import re

_HALF = re.compile("[\ud800-\udfff]")


def decoded(segment: str, charset: str | None = None) -> str:
    """The characters of a segment: in `charset` if one was declared, else UTF-8 if the bytes are, else Windows-1252."""
    if segment.isascii():
        return segment
    raw = segment.encode("latin-1")
    if charset is not None:
        return raw.decode(charset, "replace")
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError:
        return raw.decode("cp1252", "replace")


def fits(segment: str, charset: str | None) -> bool:
    """Whether a segment's bytes are text in the character set that was declared."""
    if charset is None or segment.isascii():
        return True
    try:
        segment.encode("latin-1").decode(charset)
    except UnicodeDecodeError:
        return False
    return True


def whole(text: str) -> str:
    """The text with characters beyond the first plane put together: UTF-16 is split in halves. One alone is U+FFFD."""
    if text.isascii() or not _HALF.search(text):
        return text
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def within(text: str, limit: int) -> str | None:
    """The text without trailing blanks; None when nothing is left or it is longer than the standard allows."""
    text = whole(text.rstrip())
    return text if 0 < len(text) <= limit else None
