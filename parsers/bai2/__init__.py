"""BAI2 cash management balance reports: files of groups of accounts."""

from parsers.bai2.envelope import read, starts

__all__ = ["read", "starts"]
