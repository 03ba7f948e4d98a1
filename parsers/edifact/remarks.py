"""What is odd about single segments, beside the envelopes: told where the segment stands, and not too often."""

import re
from bisect import bisect_right
from collections.abc import Iterator

from parsers.edifact.delimiters import ASCII_LEVELS, Cutter, Delimiters
from parsers.elements import split
from parsers.findings import Finding, Severity
from parsers.limits import Limits
from parsers.nesting import Nesting
from parsers.segments import Run

_LOWER = re.compile("[a-z]")
_KINDS = {"break": "line-break-in-segment", "lower": "lower-case", "released": "terminator-released"}
NOTES: dict[str, tuple[str, str, Severity]] = {
    "line-break-in-segment": (
        "A line break stands inside of a segment; line breaks inside of segments were left out.",
        "Do not wrap the file at a fixed width.",
        "warning",
    ),
    "lower-case": (
        "Lower case letters stand in an interchange of level UNOA, which has none.",
        "Declare UNOB or UNOC in UNB-1.1.",
        "info",
    ),
    "terminator-released": (
        "A segment seems to go on in the next one, because a release character stands before its terminator.",
        "Double a release character that is meant as data.",
        "warning",
    ),
    "charset-mismatch": (
        "Text beyond ASCII is not in the character set that UNB declares.",
        "Declare in UNB-1.1 what the text is encoded in: UNOC for ISO 8859-1, UNOW for UTF-8.",
        "warning",
    ),
    "too-many-elements": (
        "A segment has more than {limits.elements} elements.",
        "Check that the segment terminator is the one that UNA announces.",
        "error",
    ),
    "too-many-repeats": (
        "An element is repeated more than {limits.repeats} times.",
        "Check the repetition separator, the fifth character of UNA.",
        "error",
    ),
}


class Remarks:
    """Attributes:
    said: what has been told between two envelopes; whoever enters or leaves one clears it.
    """

    def __init__(self, nesting: Nesting, limits: Limits, delimiters: Delimiters, cutter: Cutter) -> None:
        self.said: set[str] = set()
        self._said_for_all: set[str] = set()  # Once an interchange.
        self._nesting = nesting
        self._limits = limits
        self._delimiters = delimiters
        self._cutter = cutter
        self._tag = re.compile(rf"(?:\r?\n)?[A-Z]{{3}}{re.escape(delimiters.element)}")

    def of(self, run: Run) -> list[tuple[int, str]]:
        """What is odd about some segments of a run: index and kind, last first. Each is told when its turn comes."""
        text, delimiters, limits = run.text, self._delimiters, self._limits
        notes = []
        if run.broken is not None and "break" not in self._said_for_all:
            notes.append((run.broken, "break"))
        if "charset" not in self._said_for_all and not text.isascii() and not run.means_characters:
            notes += [(nth, "charset") for nth, one in enumerate(run.texts) if not one.isascii()][:1]
        if delimiters.syntax == "UNOA" and "lower" not in self._said_for_all and text != text.upper():
            notes += [(nth, "lower") for nth, one in enumerate(run.texts) if _LOWER.search(one)][:1]
        least = min(limits.elements, limits.repeats)
        if self._cutter.sparse(text, least):
            notes += [(nth, "crowd") for nth, one in enumerate(run.texts) if len(one) > least]
        if delimiters.release is not None:
            released = delimiters.release + delimiters.segment
            found = text.find(released)
            while found >= 0:
                if self._tag.match(text, found + 2) and self._cutter.releases(text, found + 1):
                    notes.append((bisect_right(run.starts, found) - 1, "released"))
                found = text.find(released, found + 2)
        notes.sort(reverse=True)
        return notes

    def tell(self, run: Run, nth: int, kind: str) -> Iterator[Finding]:
        """Tell what is odd about the segment that comes next, once between two envelopes or once an interchange."""
        if kind in self.said | self._said_for_all:
            return
        text = run.texts[nth]
        if kind == "crowd":
            code = self._crowded(text)
        elif kind == "charset":
            self._said_for_all.add(kind)
            code = "charset-mismatch" if self._differs(text) else None
        else:
            (self.said if kind == "released" else self._said_for_all).add(kind)
            code = _KINDS[kind]
        if code is None or code in self.said:
            return
        self.said.add(code)
        message, hint, severity = NOTES[code]
        position = self._nesting.stack[-1].position + 1
        place = self._nesting.place(run.byte(nth), position=position)
        yield self._nesting.report(code, message.format(limits=self._limits), hint, place, severity=severity)

    def _crowded(self, text: str) -> str | None:
        """A segment of so many elements, or an element of so many repetitions, that nobody meant them."""
        limits, delimiters = self._limits, self._delimiters
        elements = split(text, delimiters.element, delimiters.release)
        if len(elements) > limits.elements + 1:
            return "too-many-elements"
        if delimiters.repetition and max(one.count(delimiters.repetition) for one in elements) >= limits.repeats:
            return "too-many-repeats"
        return None

    def _differs(self, text: str) -> bool:
        """The bytes beyond ASCII are not of the character set that UNB declares."""
        raw, charset = text.encode("latin-1"), self._delimiters.charset
        if charset is None:
            return self._delimiters.syntax in ASCII_LEVELS
        try:
            raw.decode("utf-8")
        except UnicodeDecodeError:
            return charset == "utf-8"
        return charset != "utf-8"
