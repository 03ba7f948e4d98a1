"""Fixed width by a definition of the caller's: `parsers.segments(chunks, layout=layout_from({...}))`."""

from parsers.fixed_width.envelope import read
from parsers.layout import Layout, layout_from

__all__ = ["Layout", "layout_from", "read"]
