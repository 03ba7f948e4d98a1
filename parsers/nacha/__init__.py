"""NACHA ACH: files of batches of 94-character records."""

from parsers.nacha.envelope import read, starts

__all__ = ["read", "starts"]
