"""EDIFACT: interchanges of batch (UNB) and interactive (UIB) EDI, with functional groups, messages and packages."""

from parsers.edifact.delimiters import read_header
from parsers.edifact.envelope import read
from parsers.findings import NotThisStandard

__all__ = ["HEADER", "read", "starts"]

HEADER = r"UNA\W{6}|U[NI]B(?:\+[A-Z]{4}:|\x1d[A-Z]{4}\x1f)"
"""Where an interchange may begin below something else; `starts` decides."""


def starts(text: str) -> bool:
    """An interchange begins with this text, be it cut off."""
    try:
        read_header(text)
    except NotThisStandard:
        return False
    return True
