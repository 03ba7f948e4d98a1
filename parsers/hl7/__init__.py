"""HL7 v2 in its pipe encoding: bare messages, batches and files of batches."""

from parsers.hl7.canonical import open_map
from parsers.hl7.envelope import read, starts

__all__ = ["HEADER", "open_map", "read", "starts"]

HEADER = r"(?<![^\s\])}>])(?:MSH|FHS|BHS)[^\w\s]"
"""Where an interchange may begin below something else; `starts` decides."""
