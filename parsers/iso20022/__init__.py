"""ISO 20022: payments and statements as XML documents, bare or behind a business application header."""

from parsers.iso20022.envelope import read, starts

__all__ = ["read", "starts"]
