"""How values stand in NACHA records: by column, `6/amount`; amounts have no point, which a map tells.

An entry has besides its own fields those of its batch header, and an addenda record those of its entry and both, where
it has none of the same name itself: `6/company-name`, `7/transaction-code`. An entry has, too, what its own fields make
together: `6/direction`, "credit" or "debit" of the receiver's account; `6/rdfi-routing`, the bank's nine digits; and of
its transaction code the two digits, `6/account-kind` and `6/entry-kind`. Of addenda, places are told in their parts,
`7/receiver-city` and `7/receiver-state`; reasons of two digits with their R.

Spec: Nacha Operating Rules, appendix three, "ACH record format specifications" and "Glossary of data elements".
"""

from collections.abc import Mapping
from typing import Any, Final

from parsers.canonical.values import iso_date, iso_moment
from parsers.layout import Field, Layout, Record
from parsers.maps.values import Cell, Spot, Unreadable, plain_decimal, without_point
from parsers.nacha.records import COLUMNS

_CREDITS: Final = frozenset(f"{account}{code}" for account in "2345" for code in "01234") | {"81", "83", "85", "87"}
_DEBITS: Final = frozenset(f"{account}{code}" for account in "234" for code in "56789") | {
    "55", "56", "82", "84", "86", "88",
}  # fmt: skip
"""Transaction codes. Those that begin with 8 are accounting entries (ADV)."""

_BY_CODE: Final = frozenset({"98", "99"})
"""Addenda that a code behind their type may tell apart."""

_HALVES: Final = {
    f"{party}-{half}": (f"{party}-{whole}", nth)
    for party in ("originator", "receiver")
    for whole in ("city-and-state", "country-and-postal-code")
    for nth, half in enumerate(whole.split("-and-"))
}
_CREDIT_KINDS: Final = "01234"
_NO_FIELD: Final = 1000
_DIGITS: Final = {"account-kind": 1, "entry-kind": 2}
_SHORT_REASONS: Final = frozenset({"dishonored-reason", "original-reason"})
_CENTURY_TURNS = 70
_NOT_A_DATE = ("not-a-date", "is not a date.", "Send year, month and day: YYMMDD.")
_NOT_A_MOMENT = ("not-a-date", "and its time are not a moment.", "Send YYMMDD, and HHMM where the time is known.")


class _Columns(str):
    """A record whose characters take as many columns as they have bytes: NULs stand behind them."""

    __slots__ = ()

    def __getitem__(self, key: Any) -> str:
        return super().__getitem__(key).replace("\x00", "")


class Values:
    """For the records of one standard entry class."""

    deleted = ""
    fill = 0
    separator = None
    goes_on = None
    unpadded = None

    def __init__(self, layout: Layout) -> None:
        self._layout = layout
        self._columns = {record.tag: _columns(record) for record in layout.records if record.tag in {"1", "5", "6"}}
        addenda = [_columns(record) for record in layout.records if record.tag == "7"]
        self._others: list[str] = []
        self._of_addenda = {name for columns in addenda for name in columns}
        self._addenda: dict[str, dict[str, tuple[int, int]]] = {}
        self._batch = self._entry = ""
        self.functions: dict[str, Any] = {
            "batch": lambda: self._batch,
            "entry": lambda: self._entry,
            "addenda": self._in_addenda,
            "direction": _direction,
            "cents": _cents,
            "half": _half,
            "reason": lambda text: f"R{text}" if text else "",
        }

    def split(self, segment: str) -> str:
        """The record itself: its type is its first character."""
        if not segment.isascii() and len(segment.encode()) == COLUMNS:
            segment = _Columns("".join(one + "\x00" * (len(one.encode()) - 1) for one in segment))
        kind = segment[:1]
        if kind == "6":
            self._entry = segment
        elif kind == "5":
            self._batch, self._entry = segment, ""
        return segment or " "

    def spot(self, reference: str, group: str | None = None) -> Spot:  # noqa: ARG002  Nothing repeats in a record.
        tag, _, name = reference.partition("/")
        if name == "currency":
            return Spot("'USD'")  # ACH settles in nothing else.
        record = {"6": "e", "7": "entry()"}.get(tag, "e")
        if name == "direction":
            return Spot(f"direction({record})")
        if name in _DIGITS:
            return Spot(f"{record}[{_DIGITS[name]}:{_DIGITS[name] + 1}]")
        if name == "rdfi-routing":
            return Spot(f"{record}[3:12].strip()")
        if name in _HALVES:
            whole, nth = _HALVES[name]
            return Spot(f"half(addenda(e, {whole!r}), {nth})")
        if name in _SHORT_REASONS:
            return Spot(f"reason(addenda(e, {name!r}))")
        if tag == "7" and name in self._of_addenda:
            text = f"addenda(e, {name!r})"
        elif tag == "7" and name in self._columns["6"]:
            text = _slice("entry()", self._columns["6"][name])
        elif tag in {"6", "7"} and name not in self._columns["6"]:
            text = _slice("batch()", self._columns["5"].get(name, (0, 0)))
        else:
            text = _slice("e", self._columns[tag].get(name, (0, 0)))
        return Spot(f"cents({text})" if name.endswith("amount") else text)

    def _in_addenda(self, record: str, name: str) -> str:
        key = record[:6] if record[1:3] in _BY_CODE else record[:3]
        columns = self._addenda.get(key)
        if columns is None:
            found = self._layout.record(record)
            columns = self._addenda[key] = _columns(found) if found else {}
        start, stop = columns.get(name, (0, 0))
        return record[start:stop].strip()

    def whole(self, reference: str) -> str:
        return self.spot(reference).text

    def groups(self, reference: str, step: int) -> str:
        raise NotImplementedError(f"{reference}/{step}: nothing repeats in a record")

    def repetitions(self, reference: str) -> str:
        raise NotImplementedError(f"{reference}: nothing repeats in a record")

    def decimal(self, text: str) -> str:
        return plain_decimal(text)

    def day(self, text: str, form: str) -> str:  # noqa: ARG002  They have one way to be written.
        value = iso_date(_with_century(text))
        if value is None:
            raise Unreadable(*_NOT_A_DATE)
        return value

    def moment(self, text: str, more: str, form: str) -> str:  # noqa: ARG002
        value = iso_moment(_with_century(text) + more)
        if value is None:
            raise Unreadable(*_NOT_A_MOMENT)
        return value

    def period(self, text: str, more: str, form: str) -> tuple[str, str | None]:
        return self.moment(text, more, form), None

    # --- written back ---

    def cell(self, reference: str) -> Cell:
        """Of an entry's own fields their number; of all others one that no record has."""
        tag, _, name = reference.partition("/")
        own = list(self._columns["6"]) if tag == "6" else []
        if name in own:
            return (own.index(name) + 1,)
        if tag == "7" and name == "addenda-type":
            return (2,)
        if name not in self._others:
            self._others.append(name)
        return (_NO_FIELD + self._others.index(name),)

    def named(self, tag: str, cells: Mapping[Cell, str]) -> dict[str, str]:
        own = list(self._columns["6"]) if tag == "6" else ["record-type", "addenda-type"]
        return {
            self._others[cell[0] - _NO_FIELD] if cell[0] >= _NO_FIELD else own[cell[0] - 1]: text
            for cell, text in cells.items()
        }

    def agrees(self, tag: str, cells: Mapping[Cell, str]) -> bool:
        names = self.named(tag, cells)
        if tag == "7":
            return any(_fits(record, names) for record in self._layout.records if record.tag == "7")
        direction, entry_kind = names.pop("direction", ""), names.pop("entry-kind", "")
        if direction and entry_kind and (entry_kind in _CREDIT_KINDS) is not (direction == "credit"):
            return False
        if names.pop("currency", "USD") != "USD" or len(names.pop("account-kind", "2")) != 1:
            return False
        routing = names.pop("rdfi-routing", "0" * 9)
        fields = {
            field.name: field
            for record in self._layout.records
            if record.tag in {"1", "5", "6"}
            for field in record.fields
        }
        return len(routing) == 9 and routing.isdigit() and _can_hold(fields, names)

    def addenda_of(self, names: Mapping[str, str]) -> tuple[Record, dict[str, str]]:
        """The first kind that can say all of it, and what it says then."""
        record = next(record for record in self._layout.records if record.tag == "7" and _fits(record, names))
        return record, {**_told(record), **names}

    def decimal_text(self, value: str, places: int) -> str | None:
        return without_point(value, places)

    def moment_text(self, value: str) -> tuple[str, str]:
        day, _, time = value.partition("T")
        digits = day.replace("-", "")
        return digits[2:] if _with_century(digits[2:]) == digits else digits, time.replace(":", "")

    def period_text(self, start: str, end: str | None) -> tuple[str, str] | None:
        return None if end else self.moment_text(start)


def _columns(record: Record) -> dict[str, tuple[int, int]]:
    return {field.name: (field.start - 1, field.end) for field in record.fields}


def _slice(record: str, columns: tuple[int, int]) -> str:
    return f"{record}[{columns[0]}:{columns[1]}].strip()"


def _fits(record: Record, names: Mapping[str, str]) -> bool:
    """Whether addenda of this kind can say all of it."""
    fields = {field.name: field for field in record.fields}
    return all(names.get(name, text) == text for name, text in _told(record).items()) and _can_hold(fields, names)


def _told(record: Record) -> dict[str, str]:
    """The fields that tell it from others, and what stands in them."""
    marks = {mark.start: mark.text for mark in record.marks}
    return {field.name: marks[field.start] for field in record.fields if field.start in marks}


def _can_hold(fields: Mapping[str, Field], names: Mapping[str, str]) -> bool:
    for name, text in names.items():
        field = fields.get(name)
        if field is None or len(text) > field.length or not text.isascii():
            return False
        if field.type != "an" and not text.isdigit():
            return False
    return True


def _direction(entry: str) -> str:
    code = entry[1:3]
    return "credit" if code in _CREDITS else "debit" if code in _DEBITS else ""


def _half(text: str, nth: int) -> str:
    """Of two data elements, parted by an asterisk and ended by a backslash."""
    halves = text.rstrip("\\").split("*", 1)
    return halves[nth].strip() if nth < len(halves) else ""


def _cents(text: str) -> str:
    return text.lstrip("0") or text[:1]


def _with_century(text: str) -> str:
    if len(text) != 6 or not text.isdigit():
        return text
    return ("20" if int(text[:2]) < _CENTURY_TURNS else "19") + text


def values(layout: Layout) -> Values:
    return Values(layout)
