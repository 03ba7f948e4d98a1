"""SWIFT MT: FIN messages in their blocks, and statements as banks send them without."""

from parsers.swift_mt.blocks import starts
from parsers.swift_mt.envelope import read

__all__ = ["HEADER", "read", "starts"]

HEADER = r"\{1:[A-Z]\d\d|(?<![^\r\n]):20:"
"""Where an interchange may begin below something else; `starts` decides."""
