"""Managed file transfer and EDI: partner files in, sealed, audited, parsed, announced."""

__version__ = "0.1.0"
