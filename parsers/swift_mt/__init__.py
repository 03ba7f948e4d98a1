"""SWIFT MT: FIN messages in their blocks, and statements as banks send them without."""

from parsers.swift_mt.blocks import starts
from parsers.swift_mt.envelope import read

__all__ = ["read", "starts"]
