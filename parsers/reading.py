"""What the reader of every standard is given, and what each must do.

A standard is a package with two functions:

    starts(text: str) -> bool           an interchange of it begins with this text (`START_CHARACTERS` of it)
    read(reading: Reading) -> Items     read one interchange, which begins where the source stands

`read` takes at least one character, leaves the source behind the last one that it took, and hands out every character
that it took in Segments and Raw. What it opens it closes. It returns at the end of its interchange; where another
begins, be it of another standard; or at the end of the file. It never raises for what the bytes are.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from parsers.limits import Limits
from parsers.nesting import Counts
from parsers.source import Source

START_CHARACTERS = 4096


@dataclass(slots=True)
class Reading:
    """Attributes:
    counts: ordinals over the whole file.
    foreign: an interchange of another standard than this one begins with this text.
    """

    source: Source
    limits: Limits
    foreign: Callable[[str], bool]
    counts: Counts = field(default_factory=dict)
