"""ISO 20022: payments and statements as XML documents, bare or behind a business application header."""

from parsers.iso20022.envelope import read, starts

__all__ = ["HEADER", "read", "starts"]

HEADER = r"<(?:\?xml\s|(?:\w{1,20}:)?Document\b)"
"""Where an interchange may begin below something else; `starts` decides."""
