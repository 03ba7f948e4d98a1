"""What passes out of a file, counted for what is said at its end."""

from collections.abc import Iterator

from parsers.events import Finished, InterchangeClosed, InterchangeOpened, Outcome, Quoted, SetClosed, Standard
from parsers.findings import Finding, Location
from parsers.segments import Item


class Tally:
    """Attributes:
    counted: the kinds of items that have to pass by `leaves_out`.
    cut: the first interchange that has no end.
    """

    counted = frozenset({Finding, Quoted, InterchangeOpened, InterchangeClosed, SetClosed})

    def __init__(self, findings_max: int) -> None:
        self.interchanges = 0
        self.cut: InterchangeClosed | None = None
        self._findings_max = findings_max
        self._findings = 0
        self._sets = 0
        self._records = 0
        self._unsupported = 0

    def leaves_out(self, item: Item) -> bool:
        """Count an item; whether it is one finding too many."""
        match item:
            case SetClosed():
                self._sets += 1
                self._records += item.records
                self._unsupported += item.verdict == "unsupported"
            case Finding():
                self._findings += 1
                return self._findings > self._findings_max
            case Quoted():
                return self._findings > self._findings_max  # It speaks of the finding before it.
            case InterchangeOpened():
                self.interchanges += 1
            case InterchangeClosed(verdict="incomplete"):
                self.cut = self.cut or item
        return False

    def left_out(self, standard: Standard) -> Iterator[Finding]:
        left = self._findings - self._findings_max
        if left > 0:
            yield Finding.at(
                Location(standard=standard),
                "findings.more-left-out",
                f"{left} more findings were left out.",
                "Mend the first ones and check again: later ones often follow from them.",
                severity="info",
            )

    def finished(self, outcome: Outcome, reason: str | None, size_bytes: int) -> Finished:
        """Args:
        reason: why the file is not complete, None when it is.
        """
        if outcome == "complete" and not self._sets:
            reason = "There are no transaction sets or messages."
        elif outcome == "complete" and self._unsupported == self._sets:
            reason = f"There are no records: no map exists for any of the {self._sets} sets."
        return Finished(
            outcome=outcome,
            interchanges=self.interchanges,
            sets=self._sets,
            records=self._records,
            size_bytes=size_bytes,
            reason=reason,
        )
