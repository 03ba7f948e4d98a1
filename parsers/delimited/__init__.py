"""CSV and its relatives: rows of cells with a delimiter and quotes, sniffed or as the caller says."""

from parsers.delimited.dialect import Dialect
from parsers.delimited.rows import read

__all__ = ["Dialect", "read"]
