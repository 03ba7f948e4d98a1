"""NACHA ACH: files of batches of 94-character records."""

from parsers.nacha.envelope import read, starts

__all__ = ["HEADER", "read", "starts"]

HEADER = r"101[ \d]{2}.{28,30}094101"
"""Where an interchange may begin below something else; `starts` decides."""
