"""A report of findings that can be mailed to whoever sent the file: grouped, first cause first, the place marked."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from parsers.events import Finished, Identified, InterchangeOpened, SetClosed, SetOpened
from parsers.findings import Finding
from parsers.segments import Element, Item, Segments

_GROUPS_SHOWN = 50
_PLACES_SHOWN = 8
_WIDTH = 100
_ORDINAL = re.compile(r"\[\d+\]")
_PART = re.compile(r"[-.]\d+$")
_HIDDEN = "·"
_SEPARATORS = frozenset("*:^~|+'\\&>")


@dataclass(slots=True)
class _Group:
    """Findings of one kind at one place of the guide."""

    first: Finding
    marked: tuple[str, str] | None
    count: int = 1
    positions: list[int] = field(default_factory=list)


@dataclass(slots=True)
class _Set:
    opened: SetOpened | None
    closed: SetClosed | None = None
    groups: dict[tuple[object, ...], _Group] = field(default_factory=dict)
    last_unexpected: tuple[int, _Group] | None = None

    def add(self, finding: Finding, marked: tuple[str, str] | None) -> None:
        follows = finding.code.endswith(".segment-unexpected") and self.last_unexpected
        if follows and finding.position == follows[0] + 1:
            group = follows[1]  # What stands behind a segment that is out of place is out of place with it.
            group.count += 1
            group.positions.append(finding.position)
        else:
            key = (finding.code, finding.severity, _ORDINAL.sub("", finding.path or ""), finding.element)
            known = self.groups.get(key)
            if known is None:
                group = self.groups[key] = _Group(finding, marked)
            else:
                group = known
                group.count += 1
                if finding.position is not None:
                    group.positions.append(finding.position)
        if finding.code.endswith(".segment-unexpected") and finding.position is not None:
            self.last_unexpected = (finding.position, group)


class ValidationReport:
    """Takes the items of a file as they pass, and keeps no more than what it will say."""

    def __init__(self, name: str, *, show_values: bool) -> None:
        self._name = name
        self._show_values = show_values
        self._identified: Identified | None = None
        self._finished: Finished | None = None
        self._interchanges: list[InterchangeOpened] = []
        self._outside = _Set(None)
        self._sets: list[_Set] = []  # Those that something is to be said of.
        self._open: _Set | None = None
        self._verdicts: dict[str, int] = {}
        self._guides: dict[str, int] = {}
        self._unjudged = 0
        self._segments: Segments | None = None

    def take(self, item: Item) -> None:
        match item:
            case Segments():
                self._segments = item
            case Finding():
                self._find(item)
            case SetOpened():
                self._open = _Set(item)
            case SetClosed():
                self._close(item)
            case InterchangeOpened():
                self._interchanges.append(item)
            case Identified():
                self._identified = item
            case Finished():
                self._finished = item

    def _find(self, finding: Finding) -> None:
        if finding.severity == "info":
            return
        inside = self._open if finding.set is not None else None
        (inside or self._outside).add(finding, self._marked(finding))

    def _close(self, closed: SetClosed) -> None:
        self._verdicts[closed.verdict] = self._verdicts.get(closed.verdict, 0) + 1
        if closed.guide is None:
            self._unjudged += 1
        else:
            self._guides[closed.guide] = self._guides.get(closed.guide, 0) + 1
        if self._open is not None and self._open.groups:
            self._open.closed = closed
            self._sets.append(self._open)
        self._open = None

    def _marked(self, finding: Finding) -> tuple[str, str] | None:
        """The segment with its values hidden, and below it a mark; None where it is not at hand."""
        segments = self._segments
        if segments is None or finding.position is None or finding.set != segments.set:
            return None
        at = finding.position - segments.position
        if not 0 <= at < len(segments) or (finding.offset is not None and segments.byte(at) != finding.offset):
            return None
        if finding.code.endswith(("-missing", "loop-repeats")) and finding.element is None:
            return None
        text = segments.characters[at]
        tag = segments.syntax.tag(segments.texts[at])
        shown = text if self._show_values else _hidden(text, tag)
        begin, end = self._span(segments, at, finding.element, (text.find(tag), len(tag)), len(text))
        if begin > _WIDTH:
            cut = begin - _WIDTH // 2
            shown, begin, end = "…" + shown[cut:], begin - cut + 1, end - cut + 1
        shown = shown[:_WIDTH]
        return shown, " " * begin + "^" * max(min(end, len(shown)) - begin, 1)

    @staticmethod
    def _span(segments: Segments, at: int, name: str | None, tag: tuple[int, int], length: int) -> tuple[int, int]:
        """Where in a segment's text an element stands; the tag where it is the whole that is meant."""
        if name is None:
            return tag[0], sum(tag)
        elements = segments.elements(at)
        unit_at = segments.byte(at)
        flat = list(_flat(elements))
        names = {one.name for one in flat}
        while name not in names and _PART.search(name):
            name = _PART.sub("", name)  # A lone component is its element.
        for index, one in enumerate(flat):
            if one.name == name:
                begin = one.offset - unit_at
                behind = (other.offset - unit_at - 1 for other in flat[index + 1 :] if other.offset > one.offset)
                return begin, max(min(next(behind, length), length), begin)
        return length, length + 1

    # --- what it says ---

    def lines(self) -> Iterator[str]:
        yield from self._head()
        if self._outside.groups:
            yield ""
            yield "In the envelope"
            yield from self._groups(self._outside)
        for one in self._sets:
            yield ""
            yield _title(one)
            yield from self._groups(one)

    def _head(self) -> Iterator[str]:
        identified, finished = self._identified, self._finished
        if identified is None or finished is None:
            return
        kind = identified.standard + (f" {identified.version}" if identified.version else "")
        yield f"{self._name}: {kind}, {finished.size_bytes:,} bytes"
        if finished.reason:
            yield finished.reason
        elif finished.outcome != "complete":
            yield f"Nothing to judge: the content is {finished.outcome}."
        if finished.sets:
            verdicts = {
                "accepted": self._verdicts.get("accepted", 0) + self._verdicts.get("unsupported", 0),
                "rejected": self._verdicts.get("rejected", 0),
                "incomplete": self._verdicts.get("incomplete", 0),
            }
            told = ", ".join(f"{count:,} {verdict}" for verdict, count in verdicts.items() if count)
            yield f"{finished.sets:,} {'set' if finished.sets == 1 else 'sets'}: {told}"
        for guide, count in sorted(self._guides.items()):
            yield f"  {count:,} judged by {guide}"
        if self._unjudged:
            yield f"  {self._unjudged:,} without a guide on the shelf: only the envelope was checked"
        if finished.sets and not self._sets and not self._outside.groups and not self._unjudged:
            yield "Nothing is wrong."

    def _groups(self, one: _Set) -> Iterator[str]:
        for number, group in enumerate(list(one.groups.values())[:_GROUPS_SHOWN], start=1):
            finding = group.first
            yield f"{number:4}. {finding.severity}: {finding.message}"
            yield f"      where  {_place(finding)}"
            if group.marked is not None:
                yield f"             {group.marked[0]}"
                yield f"             {group.marked[1]}"
            if group.count > 1:
                yield f"      again  {_again(group)}"
            yield f"      mend   {finding.hint}"
            yield f"      code   {finding.code}, level {finding.level}"
        left = len(one.groups) - _GROUPS_SHOWN
        if left > 0:
            yield f"      … and {left:,} more kinds of findings"


def _title(one: _Set) -> str:
    opened, closed = one.opened, one.closed
    assert opened is not None
    name = opened.set or "a set"
    parts = [f"Set {opened.index:,}: {name}"]
    if opened.control_number:
        parts.append(f"control number {opened.control_number}")
    if closed is not None:
        parts.append("accepted" if closed.verdict == "unsupported" else closed.verdict)
    return ", ".join(parts)


def _place(finding: Finding) -> str:
    parts = []
    if finding.position is not None:
        parts.append(f"segment {finding.position:,}")
    if finding.element or finding.segment:
        parts.append(finding.element or finding.segment or "")
    if finding.offset is not None:
        parts.append(f"byte {finding.offset:,}")
    if finding.path:
        parts.append(finding.path)
    return ", ".join(parts) or "the file"


def _again(group: _Group) -> str:
    shown = ", ".join(f"{position:,}" for position in group.positions[:_PLACES_SHOWN])
    more = group.count - 1 - len(group.positions[:_PLACES_SHOWN])
    if not shown:
        return f"{group.count - 1:,} times"
    return f"segments {shown}" + (f" and {more:,} more" if more > 0 else "")


def _hidden(text: str, tag: str) -> str:
    """The segment's shape: its tag and separators, and a dot for everything else."""
    behind = text.find(tag) + len(tag)
    return text[:behind] + "".join(mark if mark in _SEPARATORS else _HIDDEN for mark in text[behind:])


def _flat(elements: list[Element]) -> Iterator[Element]:
    for element in elements:
        yield element
        yield from _flat(element.repetitions or [])
        yield from _flat(element.components or [])
