"""BAI2 cash management balance reports: files of groups of accounts."""

from parsers.bai2.envelope import read, starts

__all__ = ["HEADER", "read", "starts"]

HEADER = r"(?<!\S)01,"
"""Where an interchange may begin below something else; `starts` decides."""
