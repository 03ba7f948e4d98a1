"""HL7 v2 in its pipe encoding: bare messages, batches and files of batches."""

from parsers.hl7.canonical import open_map
from parsers.hl7.envelope import read, starts

__all__ = ["open_map", "read", "starts"]
