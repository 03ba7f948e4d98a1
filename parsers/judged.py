"""The events of a file gathered into trees of interchange, group and set, each with what was found in it.

For whoever answers a whole interchange: an acknowledgment begins with what can be said last.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from parsers.events import (
    Event,
    GroupClosed,
    GroupOpened,
    InterchangeClosed,
    InterchangeOpened,
    Quoted,
    SetClosed,
    SetOpened,
)
from parsers.findings import Finding

SET_FINDINGS_MAX = 100
FINDINGS_MAX = 1_000
"""Kept of one set, and of one interchange; the rest are counted."""

Noted = tuple[Finding, str | None]
"""A finding, and what was quoted behind it."""


@dataclass(slots=True, kw_only=True)
class _Judged:
    """Attributes:
    findings: errors and warnings in their order; what is merely worth knowing is in no acknowledgment.
    more: how many others there were.
    error_levels: of all errors, also of those that were not kept.
    """

    findings: list[Noted] = field(default_factory=list)
    more: int = 0
    error_levels: set[int] = field(default_factory=set)

    def errors(self) -> Iterator[Finding]:
        return (finding for finding, _ in self.findings if finding.severity == "error")


@dataclass(slots=True, kw_only=True)
class JudgedSet(_Judged):
    opened: SetOpened
    closed: SetClosed | None = None

    @property
    def whole(self) -> bool:
        """It was not cut off."""
        return self.closed is not None and self.closed.verdict != "incomplete"

    @property
    def guide(self) -> str | None:
        return self.closed.guide if self.closed else None

    @property
    def failed(self) -> bool:
        """An error lies in it, or it was cut off. That there is no map for it is nobody's error."""
        return self.closed is None or self.closed.verdict in {"rejected", "incomplete"} or bool(self.error_levels)


@dataclass(slots=True, kw_only=True)
class JudgedGroup(_Judged):
    opened: GroupOpened
    closed: GroupClosed | None = None
    sets: list[JudgedSet] = field(default_factory=list)

    @property
    def failed(self) -> bool:
        """An error lies in its own envelope."""
        return self.closed is None or self.closed.verdict != "accepted" or bool(self.error_levels)


@dataclass(slots=True, kw_only=True)
class JudgedInterchange(_Judged):
    """Attributes:
    sets: those outside of any group.
    """

    opened: InterchangeOpened
    closed: InterchangeClosed | None = None
    groups: list[JudgedGroup] = field(default_factory=list)
    sets: list[JudgedSet] = field(default_factory=list)

    @property
    def failed(self) -> bool:
        """An error lies in its own envelope."""
        return self.closed is None or self.closed.verdict != "accepted" or bool(self.error_levels)

    def all_sets(self) -> Iterator[JudgedSet]:
        yield from self.sets
        for group in self.groups:
            yield from group.sets


def interchanges(events: Iterable[Event]) -> Iterator[JudgedInterchange]:
    """Each interchange when it has ended; one that never does comes last, with `closed` None."""
    collector = Collector()
    for event in events:
        whole = collector.take(event)
        if whole is not None:
            yield whole
    if collector.open is not None:
        yield collector.open


class Collector:
    """Takes the events of a file one by one, as they pass.

    Attributes:
        open: the interchange that has not ended yet.
    """

    def __init__(self) -> None:
        self.open: JudgedInterchange | None = None
        self._group: JudgedGroup | None = None
        self._set: JudgedSet | None = None
        self._kept = 0
        self._quotable: list[Noted] | None = None  # Its last finding was the last event.

    def take(self, event: Event) -> JudgedInterchange | None:
        """Returns: the interchange that ends with this event."""
        quotable, self._quotable = self._quotable, None
        match event:
            case InterchangeOpened():
                self.open = JudgedInterchange(opened=event)
                self._group = self._set = None
                self._kept = 0
            case GroupOpened() if self.open:
                self._group = JudgedGroup(opened=event)
                self.open.groups.append(self._group)
            case SetOpened() if self.open:
                self._set = JudgedSet(opened=event)
                (self._group or self.open).sets.append(self._set)
            case Finding() if self.open:
                self._quotable = self._note(self._owner(self.open, event), event)
            case Quoted() if quotable:
                quotable[-1] = (quotable[-1][0], event.text)
            case SetClosed() if self._set and self._set.opened.index == event.index:
                self._set.closed = event
            case GroupClosed() if self._group:
                self._group.closed = event
                self._group = None
            case InterchangeClosed() if self.open:
                ended, self.open = self.open, None
                ended.closed = event
                self._group = self._set = None
                return ended
            case _:
                pass
        return None

    def _owner(self, interchange: JudgedInterchange, finding: Finding) -> _Judged:
        """A finding that names a set belongs to it, be it closed already; others to what is open."""
        if finding.set is not None and self._set is not None and self._set.opened.index == finding.set:
            return self._set
        return self._group or interchange

    def _note(self, owner: _Judged, finding: Finding) -> list[Noted] | None:
        """Returns: where it was noted; None when it was only counted."""
        if finding.severity == "info":
            return None
        if finding.severity == "error":
            owner.error_levels.add(finding.level)
        full = len(owner.findings) >= SET_FINDINGS_MAX if isinstance(owner, JudgedSet) else False
        if not full and self._kept < FINDINGS_MAX:
            self._kept += 1
        else:
            owner.more += 1
            if finding.severity != "error":
                return None
            warnings = [nth for nth, (one, _) in enumerate(owner.findings) if one.severity != "error"]
            if not warnings:
                return None
            del owner.findings[warnings[-1]]  # An error tells more.
        owner.findings.append((finding, None))
        return owner.findings
