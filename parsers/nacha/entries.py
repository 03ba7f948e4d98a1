"""The entries of a batch and their addenda, checked as they pass."""

from dataclasses import dataclass, field

from parsers.findings import Location
from parsers.nacha.records import ADDENDA_COUNTED, SEQUENCED_ADDENDA
from parsers.nacha.totals import Totals, is_numeric
from parsers.nesting import Nesting, number
from parsers.segments import Items, Run

_REMEMBERED = 100_000
_WEIGHTS = (3, 7, 1, 3, 7, 1, 3, 7, 1)


def is_routing_number(text: str) -> bool:
    """Nine digits whose check digit is right. Spec: ABA routing numbers, modulus 10 by weights 3, 7, 1."""
    if len(text) != 9 or not (text.isascii() and text.isdigit()):
        return False
    return sum(weight * int(digit) for weight, digit in zip(_WEIGHTS, text, strict=True)) % 10 == 0


@dataclass(slots=True)
class _Entry:
    """The entry whose addenda may follow.

    Attributes:
        run, index, position: where it stands.
        tail: the last seven digits of its trace number, which its addenda repeat.
        promised: how many addenda it says that it has, None where its class does not say.
    """

    run: Run
    index: int
    position: int
    tail: str
    has_addenda: bool
    promised: int | None
    addenda: int = 0
    sequences: dict[str, int] = field(default_factory=dict)


class Entries:
    """What is known of the entries so far; a batch may come in many runs."""

    def __init__(self, nesting: Nesting) -> None:
        self.adv = False
        self._nesting = nesting
        self._sec = ""
        self._entry: _Entry | None = None
        self._trace = ""
        self._sound: set[str] = set()  # Routing numbers whose check digit is right, of the whole file.
        self._reported: set[str] = set()

    def begin(self, sec: str, *, adv: bool) -> None:
        """A batch opens."""
        self._sec, self.adv = sec, adv
        self._entry, self._trace = None, ""
        self._reported.clear()

    def take(self, run: Run, records: list[str], first: int, totals: Totals) -> Items:
        """Check and add up some records, the next ones of the batch that is open.

        Args:
            records: a character for each column.
            first: the index of the first of them in `run`.
        """
        entries = [text for text in records if text[0] == "6"]
        totals.entries_addenda += len(records)
        if not totals.add_entries(entries, adv=self.adv):
            yield from self._not_numeric(run, records, first)
        if not self.adv:
            yield from self._traces(run, records, first, entries)
        yield from self._routing_numbers(run, records, first, entries)
        addenda = len(entries) < len(records) or bool({text[78:79] for text in entries} - {"0"})
        awaited = self._entry is not None and self._entry.has_addenda
        told = addenda or awaited or self._sec in ADDENDA_COUNTED
        # Of entries without any the last one alone matters: the next run may begin with addenda all the same.
        yield from self._addenda(run, records, first, 0 if told else len(records) - 1)

    def finish(self) -> Items:
        """The last entry has all its addenda."""
        entry, self._entry = self._entry, None
        if entry is None:
            return
        if entry.has_addenda and not entry.addenda:
            yield from self._say(
                "addenda-indicator",
                "6/addenda-indicator announces addenda, and none follow.",
                "Set 6/addenda-indicator to 1 where addenda follow, else to 0.",
                self._place_of(entry, "6/addenda-indicator"),
            )
        elif entry.promised is not None and entry.promised != entry.addenda:
            severe = self._sec != "IAT"  # Where many senders count the mandatory ones only.
            yield self._nesting.report(
                "addenda-count-mismatch",
                f"6/addenda-count is not the number of addenda that follow: we counted {entry.addenda}.",
                "Set 6/addenda-count to the number of addenda records of the entry.",
                self._place_of(entry, "6/addenda-count"),
                severity="error" if severe else "warning",
            )

    def check_digit(self, routing: str, at: Location) -> Items:
        """Nine digits ought to be a routing number."""
        if routing.isascii() and routing.isdigit() and len(routing) == 9 and not is_routing_number(routing):
            yield self._nesting.report(
                "routing-number-check-digit",
                f"{at.element} is no routing number: its check digit does not fit.",
                "Check the routing number with its bank.",
                at,
                severity="warning",
            )

    def _not_numeric(self, run: Run, records: list[str], first: int) -> Items:
        for at, text in enumerate(records, first):
            if text[0] == "6" and not is_numeric(text, adv=self.adv):
                yield from self._say(
                    "not-numeric",
                    "An entry has no number as its routing number or its amount; it was left out of the totals.",
                    "Fill 6/rdfi and 6/amount with digits.",
                    self._place(run, first, at, "6"),
                )
                return

    def _traces(self, run: Run, records: list[str], first: int, entries: list[str]) -> Items:
        traces = [self._trace, *(entry[79:94] for entry in entries)]
        self._trace = traces[-1]
        if traces == sorted(traces) and len({*traces}) == len(traces):
            return
        numbers = [at for at, text in enumerate(records, first) if text[0] == "6"]
        wrong = next(n for n in range(len(entries)) if traces[n + 1] <= traces[n])
        yield from self._say(
            "trace-number-order",
            "6/trace-number is not higher than that of the entry before.",
            "Number the entries of a batch upwards.",
            self._place(run, first, numbers[wrong], "6", "6/trace-number"),
            warning=True,
        )

    def _routing_numbers(self, run: Run, records: list[str], first: int, entries: list[str]) -> Items:
        routing = {entry[3:12] for entry in entries} - self._sound
        wrong = {one for one in routing if one.isascii() and one.isdigit() and not is_routing_number(one)}
        if len(self._sound) > _REMEMBERED:
            self._sound.clear()
        self._sound |= routing
        if not wrong:
            return
        for at, text in enumerate(records, first):
            if text[0] == "6" and text[3:12] in wrong:
                wrong.remove(text[3:12])
                yield from self.check_digit(text[3:12], self._place(run, first, at, "6", "6/rdfi"))
            if not wrong:
                break

    def _addenda(self, run: Run, records: list[str], first: int, skipped: int) -> Items:
        """Each entry with what follows it, behind so many records of which nothing can be said."""
        counted = self._sec in ADDENDA_COUNTED
        before = self._nesting.stack[-1].position + 1
        columns = slice(12, 16) if self._sec == "IAT" else slice(54, 58)
        for at, text in enumerate(records[skipped:], first + skipped):
            if text[0] == "6":
                yield from self.finish()
                self._entry = _Entry(
                    run,
                    at,
                    before + at - first,
                    text[87:94],
                    text[78:79] == "1",
                    number(text[columns]) if counted else None,
                )
                continue
            entry = self._entry
            if entry is None:
                yield from self._say(
                    "addenda-out-of-place",
                    "An addenda record stands behind no entry.",
                    "Put addenda (7) behind the entry (6) that they belong to.",
                    self._place(run, first, at, "7"),
                )
                continue
            entry.addenda += 1
            if entry.addenda == 1 and not entry.has_addenda:
                yield from self._say(
                    "addenda-indicator",
                    "6/addenda-indicator announces no addenda, and some follow.",
                    "Set 6/addenda-indicator to 1 where addenda follow, else to 0.",
                    self._place_of(entry, "6/addenda-indicator"),
                )
            kind = text[1:3]
            if text[87:94] != entry.tail:
                yield from self._say(
                    "addenda-entry-mismatch",
                    "An addenda record does not repeat the last seven digits of its entry's trace number.",
                    "End every addenda record with the last seven digits of 6/trace-number.",
                    self._place(run, first, at, "7"),
                    warning=kind in {"98", "99"},  # Many write the trace number of what is returned.
                )
            if kind in SEQUENCED_ADDENDA:
                sequence = entry.sequences[kind] = entry.sequences.get(kind, 0) + 1
                if number(text[83:87]) != sequence:
                    yield from self._say(
                        "addenda-sequence",
                        "7/addenda-sequence does not count upwards from 1 within the entry.",
                        "Number the addenda of an entry from 0001.",
                        self._place(run, first, at, "7", "7/addenda-sequence"),
                    )

    def _say(self, code: str, message: str, hint: str, at: Location, *, warning: bool = False) -> Items:
        """Once a batch: what a program does wrong it does wrong everywhere."""
        if code not in self._reported:
            self._reported.add(code)
            yield self._nesting.report(code, message, hint, at, severity="warning" if warning else "error")

    def _place_of(self, entry: _Entry, element: str) -> Location:
        offset = entry.run.byte(entry.index)
        return self._nesting.place(offset, segment="6", position=entry.position, element=element)

    def _place(self, run: Run, first: int, at: int, segment: str, element: str | None = None) -> Location:
        position = self._nesting.stack[-1].position + at - first + 1
        return self._nesting.place(run.byte(at), segment=segment, position=position, element=element)
