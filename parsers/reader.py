"""One file from its first byte to its last: identified, handed to its standard's reader, and summed up."""

from collections.abc import Iterable, Iterator
from importlib import import_module

from parsers.events import (
    Event,
    Finished,
    Identified,
    InterchangeClosed,
    InterchangeOpened,
    Outcome,
    SetClosed,
)
from parsers.findings import INTEGRITY, LIMIT_PER_FILE, Finding
from parsers.identify import identify
from parsers.pieces import Pieces

READERS = {"x12": "parsers.x12", "hl7": "parsers.hl7"}
"""Standards with a reader, imported when the first file of theirs comes."""

RECOGNISED = frozenset(
    {"edifact", "tradacoms", "hl7-xml", "swift-mt", "iso20022", "nacha", "bai2", "fedwire"} | READERS.keys()
)
"""Standards whose content is business data: without a reader they are unsupported, not opaque."""


def read(chunks: Iterable[bytes]) -> Iterator[Event]:
    """Read one file.

    Args:
        chunks: the file's bytes in order, in pieces of any size.

    Returns:
        Its events as `parsers.events` describes them: Identified first, Finished last, whatever the bytes are.

    Error handling: raises only what `chunks` raises.
    """
    pieces = Pieces(chunks)
    identified = identify(pieces.first)
    yield identified
    summary = _Summary()
    reader = _reader_for(identified)
    if reader is not None:
        yield from summary.limited(import_module(reader).read(pieces))
    for _ in pieces:  # Opaque and unsupported content is consumed and counted too.
        pass
    yield from summary.left_out(identified)
    yield summary.finished(identified, pieces, has_reader=reader is not None)


def _reader_for(identified: Identified) -> str | None:
    if identified.encoding in {"ebcdic", "utf-16-le", "utf-16-be"}:
        return None
    return READERS.get(identified.standard)


class _Summary:
    """What Finished says, counted from the events that pass."""

    def __init__(self) -> None:
        self._interchanges = 0
        self._sets = 0
        self._records = 0
        self._findings = 0
        self._unsupported = 0
        self._cut: InterchangeClosed | None = None

    def limited(self, events: Iterable[Event]) -> Iterator[Event]:
        """Pass the events on, but no more than the first `LIMIT_PER_FILE` findings."""
        for event in events:
            if isinstance(event, Finding):
                self._findings += 1
                if self._findings > LIMIT_PER_FILE:
                    continue
            elif isinstance(event, InterchangeOpened):
                self._interchanges += 1
            elif isinstance(event, SetClosed):
                self._sets += 1
                self._records += event.records
                self._unsupported += event.verdict == "unsupported"
            elif isinstance(event, InterchangeClosed) and event.verdict == "incomplete":
                self._cut = self._cut or event
            yield event

    def left_out(self, identified: Identified) -> Iterator[Finding]:
        if self._findings > LIMIT_PER_FILE:
            yield Finding(
                code="findings.more-left-out",
                level=INTEGRITY,
                severity="info",
                standard=identified.standard,
                set=None,
                path=None,
                segment=None,
                position=None,
                element=None,
                offset=None,
                message=f"{self._findings - LIMIT_PER_FILE} more findings were left out.",
                hint="Mend the first ones and check again: later ones often follow from them.",
            )

    def finished(self, identified: Identified, pieces: Pieces, *, has_reader: bool) -> Finished:
        outcome, reason = self._outcome(identified, pieces, has_reader=has_reader)
        return Finished(
            outcome=outcome,
            interchanges=self._interchanges,
            sets=self._sets,
            records=self._records,
            size_bytes=pieces.size_bytes,
            reason=reason,
        )

    def _outcome(self, identified: Identified, pieces: Pieces, *, has_reader: bool) -> tuple[Outcome, str | None]:
        if pieces.blank:
            return (
                "empty",
                "The file holds nothing but blanks." if pieces.size_bytes else "The file has no bytes.",
            )
        if identified.wrapped:
            return "unsupported", f"The content is wrapped ({identified.wrapped}); it has not been unwrapped."
        if not has_reader:
            if identified.standard not in RECOGNISED:
                return "opaque", None
            if identified.standard in READERS:
                return "unsupported", f"{identified.standard} in {identified.encoding} cannot be read yet."
            return "unsupported", f"{identified.standard} cannot be read yet."
        if self._cut is not None:
            return "incomplete", (
                f"Interchange {self._cut.index} ends at byte {self._cut.end_offset} without its trailer."
            )
        if not self._interchanges:
            return "incomplete", f"There is no whole interchange header in {pieces.size_bytes} bytes."
        if not self._sets:
            return "complete", "There are no transaction sets or messages."
        if self._unsupported == self._sets:
            return "complete", f"There are no records: no map exists for any of the {self._sets} sets."
        return "complete", None
