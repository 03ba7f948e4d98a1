"""X12: interchanges, functional groups and transaction sets, in any separators."""

from parsers.findings import NotThisStandard
from parsers.x12.delimiters import read_isa
from parsers.x12.envelope import read

__all__ = ["HEADER", "read", "starts"]

HEADER = r"ISA[^\w\s]"
"""Where an interchange may begin below something else; `starts` decides."""


def starts(text: str) -> bool:
    """An interchange begins with this text, be it cut off."""
    if not text.startswith("ISA"):
        return False
    try:
        read_isa(text)
    except NotThisStandard:
        return False
    return True
