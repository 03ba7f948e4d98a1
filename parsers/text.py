"""Characters out of segments that were split as bytes (latin-1 text, a character for each byte)."""


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


def within(text: str, limit: int) -> str | None:
    """The text without trailing blanks; None when nothing is left or it is longer than the standard allows."""
    text = text.rstrip()
    return text if 0 < len(text) <= limit else None
