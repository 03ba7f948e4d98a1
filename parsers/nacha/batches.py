"""Entries as batches: what each says of its batch header is said once, and what only the whole can tell is added."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import Final

from parsers.layout import Record
from parsers.maps.values import with_places
from parsers.nacha.records import layout_of
from parsers.nacha.values import values
from parsers.segments import Value

Names = Mapping[str, str]
"""The fields of a record."""

_MIXED, _CREDITS, _DEBITS = "200", "220", "225"
_RETURNED: Final = frozenset({"98", "99"})
_LIVE: Final = {("credit", False): "2", ("debit", False): "7", ("credit", True): "1", ("debit", True): "6"}
"""The second digit of a transaction code, by where the money goes and whether it comes back."""


class Entry:
    """Attributes:
    header: the fields of its batch header. entry, addenda: those of its own records.
    """

    def __init__(self, sec: str, records: Sequence[tuple[str, Names]]) -> None:
        self.header: dict[str, str] = {"sec": sec, "originator-status-code": "1"}
        self.entry: dict[str, str] = {}
        self.addenda: list[dict[str, str]] = []
        own = {field.name for field in _record_of(sec, "6").fields}
        for tag, names in records:
            match tag:
                case "5":
                    self.header |= names
                case "6":
                    for name, text in names.items():
                        (self.entry if name in own | _MADE else self.header)[name] = text
                case "7":
                    self.addenda.append(dict(names))
        self.sec = self.header["sec"]

    def records(self, nth: int) -> Iterator[tuple[str, list[Value]]]:
        """Args:
        nth: of the entry in its batch.

        Raises:
            ValueError: there is no bank, or no amount, that can be written.
        """
        made = self.entry
        if "amount" not in made or not {"rdfi-routing", "rdfi"} & set(made):
            raise ValueError("an entry has a bank and an amount in dollars and cents, which is not negative")
        kind = made.pop("entry-kind", "") or _LIVE[made.get("direction") or "credit", self._is_returned]
        made.setdefault("transaction-code", made.pop("account-kind", "2") + kind)
        routing = made.pop("rdfi-routing", "")
        made.setdefault("rdfi", routing[:8])
        made.setdefault("check-digit", routing[8:])
        made.setdefault("trace-number", self.header.get("odfi", "") + f"{nth:07}")
        made["amount"] = with_places(made["amount"], 2)
        made["addenda-indicator"] = str(int(bool(self.addenda)))
        yield "6", _in_order(_record_of(self.sec, "6"), made)
        trace = made["trace-number"]
        for number, names in enumerate(self.addenda, 1):
            record, addenda = values(layout_of(self.sec)).addenda_of(names)
            addenda |= {"addenda-sequence": str(number), "entry-sequence": trace[-7:], "trace-number": trace}
            yield "7", _in_order(record, addenda)

    @property
    def is_debit(self) -> bool:
        return self.entry.get("direction") == "debit"

    @property
    def _is_returned(self) -> bool:
        return any(one.get("addenda-type") in _RETURNED for one in self.addenda)


_MADE: Final = frozenset({"direction", "currency", "account-kind", "entry-kind", "rdfi-routing"})
"""What the fields of an entry make together."""


def batches(entries: Sequence[Entry]) -> Iterator[tuple[str, list[Value]]]:
    """Batch headers (5), each with the entries (6) and addenda (7) of those that say the same of their batch."""
    numbered = enumerate(groupby(entries, key=lambda one: one.header), 1)
    for number, (header, group) in numbered:
        held = list(group)
        debits = {one.is_debit for one in held}
        service_class = _MIXED if len(debits) > 1 else _DEBITS if True in debits else _CREDITS
        said = {"batch-number": str(number), **header, "service-class": service_class}
        yield "5", _in_order(_record_of(header["sec"], "5"), said)
        for nth, entry in enumerate(held, 1):
            yield from entry.records(nth)


def _record_of(sec: str, tag: str) -> Record:
    return next(record for record in layout_of(sec).records if record.tag == tag)


def _in_order(record: Record, names: Names) -> list[Value]:
    """In the order of the record's fields, without its type."""
    return [names.get(field.name, "") for field in record.fields[1:]]
