"""HL7 v2 in its pipe encoding: bare messages, batches and files of batches."""

from parsers.hl7.envelope import read, starts

__all__ = ["HEADER", "read", "starts"]

HEADER = r"(?<![^\s\])}>])(?:MSH|FHS|BHS)[^\w\s]"
"""Where an interchange may begin below something else; `starts` decides."""
