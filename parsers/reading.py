"""What the reader of every standard is given, and what each must do.

A standard is a package with two functions, and a pattern:

    HEADER: str                         where an interchange may begin, for the search below something else
    starts(text: str) -> bool           an interchange of it begins with this text (`START_CHARACTERS` of it)
    read(reading: Reading) -> Items     read one interchange, which begins where the source stands

`read` takes at least one character, leaves the source behind the last one that it took, and hands out every character
that it took in Segments and Raw. What it opens it closes. It returns at the end of its interchange; where another
begins, be it of another standard; or at the end of the file. It never raises for what the bytes are.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

from parsers.events import Standard
from parsers.limits import Limits
from parsers.nesting import Counts
from parsers.segments import Syntax
from parsers.source import Source

START_CHARACTERS = 4096


class Shape(Syntax, Protocol):
    """How a whole file is made, as its receiver knows and no byte of it tells."""

    @property
    def standard(self) -> Standard: ...


@dataclass(slots=True)
class Reading:
    """Attributes:
    counts: ordinals over the whole file.
    foreign: an interchange of another standard than this one begins with this text.
    layout: how the file is made, where the caller says so: of fixed width, or delimited.
    header_cut_at: where the header of an interchange begins inside of which the file ends.
    """

    source: Source
    limits: Limits
    foreign: Callable[[str], bool]
    counts: Counts = field(default_factory=dict)
    layout: Shape | None = None
    header_cut_at: int | None = None
