"""EDIFACT: interchanges of batch (UNB) and interactive (UIB) EDI, with functional groups, messages and packages."""

from parsers.edifact.delimiters import read_header
from parsers.edifact.envelope import read
from parsers.findings import NotThisStandard

__all__ = ["read", "starts"]


def starts(text: str) -> bool:
    """An interchange begins with this text, be it cut off."""
    try:
        read_header(text)
    except NotThisStandard:
        return False
    return True
