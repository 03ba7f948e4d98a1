"""Cutting the text of a message into its fields, of which each reaches to where the next begins.

Spec: SWIFT Standards MT, General Information: a field begins with its tag between colons at the start of a line; no
other line begins with a colon or a hyphen.
"""

import re
from dataclasses import dataclass
from itertools import pairwise

from parsers.segments import Run
from parsers.source import Source
from parsers.swift_mt.blocks import ANY_TAG, STATEMENT_TAGS

_TAIL_CHARACTERS = 4096
"""Where the last field of a window mostly begins."""

_BLOCK_BEGINS = r"\{1:[A-Z]\d\d|\{[5S]:\{|\$[ \t]{0,2}[\r\n]|\$\{"
"""What shows that a text is over although nothing has ended it."""

ENDS_IN_BLOCKS = rf"(?P<end>-\}}|-[ \t]{{0,2}}[\r\n])|(?P<next>{_BLOCK_BEGINS})"
ENDS_BARE = r"(?P<end>-\}|-(?:XXX|[\x03\x80-\xff]{0,2})[ \t]{0,2}[\r\n])|(?P<next>\{1:[A-Z]\d\d|:(?:20|94[0-2]):)"
"""A bare statement ends by a hyphen, behind which some banks write more: ETX, "XXX", the brace in another alphabet."""

NOT_SWIFT = re.compile(r"[^A-Za-z0-9/\-?:().,'+ \r\n=!\"%&*<>;{@#_]")
"""Outside of the character sets x and z together."""

ENDING_CHARACTERS = 10
"""An ending is told by so many characters; fewer only where the file ends."""


@dataclass(slots=True)
class Fields:
    """How the segments of a text end (`parsers.runs.Cutter`), for texts of one kind.

    Attributes:
        bare: they stand in no block.
        begin: a line break before a field; its end is where the field begins.
        ending: what stands where a text ends, at the start of a line.
        line_ending: the same, behind a line break.
        alike: `begin` where all lines end alike; it also matches the last line break.
    """

    bare: bool
    begin: re.Pattern[str]
    ending: re.Pattern[str]
    line_ending: re.Pattern[str]
    alike: dict[str, re.Pattern[str]]
    blanks: re.Pattern[str]

    def end(self, text: str, start: int) -> int:
        found = (self.begin.search(text, start), self.line_ending.search(text, start))
        return min((one.start() + 1 for one in found if one), default=0)

    def last_end(self, text: str, start: int) -> int:
        """As far as the text goes at most: a run never holds fields of two messages."""
        found = self.line_ending.search(text, start)
        if found:
            return found.start() + 1
        last = 0
        for begin in dict.fromkeys((max(start, len(text) - _TAIL_CHARACTERS), start)):
            for begun in self.begin.finditer(text, begin):
                last = begun.end()
            if last:
                break
        return last

    def cut(self, source: Source, text: str) -> Run:
        line_break = "\r\n" if "\r\n" in text else "\n"
        count = text.count(line_break)
        regular = text.count("\n") == count and text.count("\r") == count * (len(line_break) - 1)
        if regular and text.endswith(line_break) and line_break * 2 not in text:
            texts = self.alike[line_break].split(text)
            texts.pop()
            return Run(source, text, texts, width=len(line_break))
        starts = [0, *(found.end() for found in self.begin.finditer(text)), len(text)]
        texts = [text[start:stop].rstrip("\r\n") for start, stop in pairwise(starts)]
        return Run(source, text, texts, width=0, starts=starts)


def _fields(*, bare: bool, statement: bool) -> Fields:
    tags, ending = STATEMENT_TAGS if statement else ANY_TAG, ENDS_BARE if bare else ENDS_IN_BLOCKS
    field = rf"(?=:(?:{tags}):)"
    return Fields(
        bare=bare,
        blanks=re.compile(r"[\r\n]*"),
        begin=re.compile(rf"[\r\n]{field}"),
        ending=re.compile(ending),
        line_ending=re.compile(rf"[\r\n](?:{ending})"),
        alike={each: re.compile(rf"{each}(?:{field}|\Z)") for each in ("\r\n", "\n")},
    )


FIELDS = {
    (bare, statement): _fields(bare=bare, statement=statement) for bare in (False, True) for statement in (False, True)
}
"""By whether a message is bare, and whether it is a statement."""
